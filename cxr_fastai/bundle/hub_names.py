"""A bundle on the Hugging Face Hub by its name, hub:OWNER/NAME@REVISION, and the folder of a copy.

A text -> the name, or an error that says what is wrong with it. Asks nobody, needs no client.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from cxr_fastai.core import StrPath, UsageError, printable

__all__ = [
    "HUB",
    "HubName",
    "check_own",
    "check_repo",
    "hub_name",
    "is_commit",
    "is_hub",
    "is_hub_copy",
    "path_for_people",
]

HUB = "hub:"
# As the Hub has it: letters, digits, . _ -, none of . and - at an end, at most 96 characters.
PART = re.compile(r"[A-Za-z0-9_](?:[\w.-]{0,94}[A-Za-z0-9_])?", re.ASCII)
REVISION = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[\w-][\w.-]*)*", re.ASCII)
MOST_CHARACTERS = 200  # of a revision: a branch, a tag or a commit
SHORT_COMMIT = 7  # digits, as git shortens it
COMMIT = re.compile(r"[0-9a-f]{40}")
MAIN = "main"  # the branch that is meant where none is named
FORM = f"expected {HUB}OWNER/NAME@REVISION, as {HUB}ann/triage@main"


@dataclass(frozen=True)
class HubName:
    """A bundle on the Hub."""

    repo: str  # OWNER/NAME
    revision: str = ""  # a commit, branch or tag; empty: the newest commit of main

    @property
    def is_pinned(self) -> bool:
        """Tell whether it is one commit for ever, and no branch or tag, which can move."""
        return is_commit(self.revision)

    @property
    def branch(self) -> str:
        """The revision that is asked for."""
        return self.revision or MAIN

    def at(self, commit: str) -> HubName:
        """Return the same bundle at one commit."""
        return HubName(self.repo, commit)

    def __str__(self) -> str:
        pinned = f"@{self.revision}" if self.revision else ""
        return f"{HUB}{self.repo}{pinned}"


def is_commit(revision: object) -> bool:
    """Tell whether a revision is a whole commit."""
    return isinstance(revision, str) and COMMIT.fullmatch(revision) is not None


def is_hub(path: StrPath) -> bool:
    """Tell whether a path is the name of a bundle on the Hub; what exists here is a path."""
    text = os.fsdecode(path)
    return text.startswith(HUB) and not os.path.lexists(text)


def hub_name(
    path: StrPath,  # of which `is_hub` is true
) -> HubName:
    """Take a name apart. Raises `UsageError`."""
    text = Path(path).as_posix().removeprefix(HUB)
    repo, at, revision = text.partition("@")
    shown = printable(f"{HUB}{text}")
    if not _is_repo(repo):
        raise UsageError(f"{shown}: {FORM}.")
    if at and not _is_revision(revision):
        raise UsageError(f"{shown}: no revision {printable(revision)!r}: a commit, branch or tag.")
    return HubName(repo, revision)


def check_repo(
    text: str,  # as it was given: OWNER/NAME
) -> str:
    """Return the name of a repository. Raises `UsageError`."""
    if not _is_repo(text):
        raise UsageError(
            f"repository {printable(text)!r}: expected OWNER/NAME, each of letters, digits and "
            "- _ . with none of - . at an end, as ann/triage."
        )
    return text


def _is_repo(text: str) -> bool:
    """Tell whether the Hub could call a repository so."""
    parts = text.split("/")
    if len(parts) != 2 or "--" in text or ".." in text or text.endswith(".git"):
        return False
    return all(PART.fullmatch(part) for part in parts)


def _is_revision(text: str) -> bool:
    """Tell whether git could call a commit, branch or tag so, and a folder of the cache too."""
    if len(text) > MOST_CHARACTERS or ".." in text:
        return False
    return REVISION.fullmatch(text) is not None


def is_hub_copy(folder: Path) -> bool:
    """Tell whether a folder is a commit in the cache of the Hub's client.

    What lies there is the commit's, byte by byte: nobody writes into it.
    """
    parts = folder.resolve().parts[-3:]
    if len(parts) < 3:
        return False
    repo, snapshots, commit = parts
    return repo.startswith("models--") and snapshots == "snapshots" and is_commit(commit)


def path_for_people(
    folder: Path,  # of a bundle
) -> Path:
    """Return where a bundle lies; of a copy of the Hub its name: hub:OWNER/NAME@COMMIT, short."""
    if not is_hub_copy(folder):
        return folder
    repo, _, commit = folder.resolve().parts[-3:]
    owner_and_name = repo.removeprefix("models--").replace("--", "/", 1)
    return Path(f"{HUB}{owner_and_name}@{commit[:SHORT_COMMIT]}")


def check_own(
    folder: Path,  # of a bundle that is to be written into
    instead: str,  # what to do
) -> None:
    """Raise `UsageError` for the copy of a commit of the Hub."""
    if is_hub_copy(folder):
        raise UsageError(
            f"{printable(folder)} is a copy of a commit of the Hub, into which nothing is written: "
            f"{instead}."
        )
