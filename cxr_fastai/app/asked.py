"""One request, as the handlers see it: read whole, checked, in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cxr_fastai.app.uploads import Upload

__all__ = ["Asked"]


@dataclass(frozen=True)
class Asked:
    """A request that passed all checks."""

    method: str
    path: str
    headers: Mapping[str, str]  # names in lower case, each once
    query: Mapping[str, str] = field(default_factory=dict)  # names that the route lists, each once
    uploads: tuple[Upload, ...] = ()  # the films, of a route that takes some
    body: bytes = field(default=b"", repr=False)  # of a route that takes no films
    client: str = ""  # address
    https: bool = False  # as a reverse proxy says

    @property
    def wants_page(self) -> bool:
        """Whether a browser asks for a page, and no program for JSON."""
        return wants_page(self.headers)


def wants_page(
    headers: Mapping[str, str],  # names in lower case
) -> bool:
    """Tell whether a browser asks for a page, and no program for JSON."""
    return "text/html" in headers.get("accept", "")
