"""What is to be sent: each file with its size and hash, and what stays here and why.

Records only. It reads the files that it names, to hash them; it sends nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxr_fastai.core import StorageError, sha256_file, size_text
from cxr_fastai.reporting.text import count

__all__ = ["LeftOut", "Parcel", "Shipment", "of_bytes", "of_file"]

MODEL, DATASET = "model", "dataset"  # as the Hub calls its repositories


@dataclass(frozen=True)
class Parcel:
    """A file that is to be sent."""

    path: str  # in the repository
    size: int  # bytes
    sha256: str
    content: Path | bytes  # a file of this machine, or what it holds

    def to_dict(self) -> dict[str, Any]:
        """Return what is told of it, as strict JSON."""
        return {
            "path": self.path,
            "bytes": self.size,
            "sha256": self.sha256,
        }


@dataclass(frozen=True)
class LeftOut:
    """What lies in the folder and is not sent."""

    name: str
    why: str  # without a full stop


@dataclass(frozen=True)
class Shipment:
    """A bundle or a curated folder as it is to stand on the Hub."""

    kind: str  # model | dataset
    title: str  # what it is, in a few words
    repo: str  # OWNER/NAME
    parcels: tuple[Parcel, ...]  # the card among them
    left_out: tuple[LeftOut, ...]
    licence: str  # in words
    changed: tuple[str, ...] = ()  # what is otherwise there than here, a sentence each
    beware: tuple[str, ...] = ()  # what to look at before it is sent

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(parcel.size for parcel in self.parcels)

    @property
    def card(self) -> str:
        """The card's text."""
        for parcel in self.parcels:
            if parcel.path == "README.md" and isinstance(parcel.content, bytes):
                return parcel.content.decode()
        return ""

    @property
    def called(self) -> str:
        """Say what is sent, for a commit's message."""
        return f"cxr push: {self.title}"

    @property
    def summary(self) -> str:
        """Count files and bytes."""
        files = count(len(self.parcels), "file")
        return f"{files}, {size_text(self.size)}"

    def to_dict(self) -> dict[str, Any]:
        """Return all but the contents, as strict JSON."""
        return {
            "kind": self.kind,
            "title": self.title,
            "repo": self.repo,
            "licence": self.licence,
            "files": [parcel.to_dict() for parcel in self.parcels],
            "bytes": self.size,
            "left_out": [{"name": one.name, "why": one.why} for one in self.left_out],
            "changed": list(self.changed),
            "beware": list(self.beware),
            "card": self.card,
        }


def of_bytes(
    path: str,  # in the repository
    data: bytes,
) -> Parcel:
    """Make a file of what was written for the Hub."""
    sha256 = hashlib.sha256(data).hexdigest()
    return Parcel(path, len(data), sha256, data)


def of_file(
    path: str,  # in the repository
    file: Path,  # of this machine
) -> Parcel:
    """Make a file of one of this machine. Raises `StorageError`."""
    try:
        size = file.stat().st_size
        return Parcel(path, size, sha256_file(file), file)
    except OSError as e:
        raise StorageError(f"cannot read {file}: {e.strerror or e}.") from e
