"""What a download consists of, what stands in its way, and how a source is refused in plain words.

Records only, and the two rules that all transports share. No token nor signed link ever stands in
one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cxr_fastai.advice import flag
from cxr_fastai.catalog import Source
from cxr_fastai.core import SourceUnavailable

__all__ = ["Check", "Part", "Plan", "Refused", "TRY_LATER", "Where", "catalogue_pin", "refusal"]

TRY_LATER = (
    "Check the network and its proxy, and try again later; "
    f"or give {flag('mirror')} a folder that holds the source."
)

# A URL; or a function that gives (URL, headers) anew for each attempt, because a signed link runs
# out; or one that gives (an answer of requests that is open already, {}).
Where = str | Callable[[], tuple[Any, dict[str, str]]]


@dataclass(frozen=True)
class Part:
    """One file to download."""

    name: str  # of the file, for people and, where it is no archive, in the tree
    archive: bool  # to unpack; else it stands in the tree under its name
    strip: int  # leading path parts to take off an archive's members
    pin: str  # SHA-256 that the catalogue demands, or blank
    where: Where = field(repr=False)
    key: str  # identity across runs


@dataclass(frozen=True)
class Plan:
    """All files to download to have a source."""

    version: str  # kaggle: a number | github: a commit | http: blank
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Check:
    """What stands between a source and its download."""

    # here | in_parts | ready, or what is in the way:
    # unreadable | sign_in | forbidden | moved | unreachable | no_download
    state: str
    message: str  # what was found
    remedy: str = ""  # one sentence: what to do; blank when ready
    size: int | None = None  # bytes to download, where the server tells


class Refused(SourceUnavailable):
    """A source that cannot be had as things stand. `check` says why, and what to do."""

    def __init__(
        self,
        id: str,  # noqa: A002  # of the source: a public attribute
        check: Check,
    ):
        super().__init__(f"{id}: {check.message}. {check.remedy}")
        self.id = id
        self.check = check

    def __reduce__(self) -> tuple[type[Refused], tuple[str, Check]]:
        """Cross process borders whole."""
        arguments = (self.id, self.check)
        return type(self), arguments


def refusal(source: Source, state: str, message: str, remedy: str) -> Refused:
    """Make the error that says why a source cannot be had."""
    check = Check(state, message, remedy)
    return Refused(source.id, check)


def catalogue_pin(
    source: Source,
    pinned_version: str,  # the version that the catalogue's handle names, or blank
    version: str,  # the one to download
) -> str:
    """Return the catalogue's SHA-256 of the one archive; blank where it is of another version."""
    if pinned_version and version != pinned_version:
        return ""
    return source.pin
