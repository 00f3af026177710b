"""One request, as the handlers see it: read whole, checked, in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Asked"]


@dataclass(frozen=True)
class Asked:
    """A request that passed all checks."""

    method: str
    path: str
    headers: Mapping[str, str]  # names in lower case
    query: Mapping[str, str] = field(default_factory=dict)  # each name once
    body: bytes = b""
    client: str = ""  # address
    https: bool = False

    @property
    def wants_page(self) -> bool:
        """Whether a browser asks for a page, and no program for JSON."""
        return "text/html" in self.headers.get("accept", "")
