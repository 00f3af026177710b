"""The nouns that every room shares, the error tree, and files that are written whole or not at all.

Standard library only. Every other room may import this one; it imports `findings` and
`prediction` alone.

CxrError                 exit code
├── UsageError           2   what was asked for cannot be done as asked
│   ├── UnknownName      2   a name that is none of the allowed ones
│   ├── CatalogError     2   a wrong row of data_manifest.csv
│   ├── RecipeError      2   a wrong key or value in a recipe file
│   └── NotCurated       2   a folder that `cxr curate` did not write, or whose manifest is wrong
├── SourceUnavailable    3   a source, or weights, that cannot be had from here
├── IntegrityError       4   bytes or counts that are not what they claim to be
│   ├── ImageRejected    4   a file that is no readable radiograph; carries a reason code
│   └── NotTrained       4   a bundle whose network never learned
└── StorageError         5   disk or permission
"""

from __future__ import annotations

import difflib
import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from cxr_fastai.findings import (
    FINDINGS,
    LEAVES_OPEN,
    NIH_FINDINGS,
    in_order,
    is_finding,
    own_finding,
)
from cxr_fastai.prediction import Prediction

__all__ = [
    "CxrError",
    "UsageError",
    "UnknownName",
    "CatalogError",
    "RecipeError",
    "NotCurated",
    "SourceUnavailable",
    "IntegrityError",
    "ImageRejected",
    "NotTrained",
    "StorageError",
    "FINDINGS",
    "NIH_FINDINGS",
    "LEAVES_OPEN",
    "in_order",
    "is_finding",
    "own_finding",
    "SPLITS",
    "StrPath",
    "Task",
    "FolderWarning",
    "Prediction",
    "atomic_path",
    "write_text",
    "write_json",
    "make_folder",
    "check_name",
    "check_writable",
    "usable_path",
    "sha256_file",
    "sha256_text",
    "unknown_name",
    "cache_dir",
    "package_file",
    "one_line",
    "printable",
    "size_text",
]


class CxrError(Exception):
    """One line for people: what, where, what was found, what to do."""

    exit_code = 1

    def __str__(self) -> str:
        return one_line(super().__str__())  # whatever is quoted in it


class UsageError(CxrError):
    """What was asked for cannot be done as asked."""

    exit_code = 2


class UnknownName(UsageError):
    """A name that is none of the allowed ones."""


class CatalogError(UsageError):
    """A wrong row of data_manifest.csv."""


class RecipeError(UsageError):
    """A wrong key or value in a recipe file."""


class NotCurated(UsageError):
    """A folder that `cxr curate` did not write, or whose manifest is wrong."""


class SourceUnavailable(CxrError):
    """A source, or weights, that cannot be had from here."""

    exit_code = 3


class IntegrityError(CxrError):
    """Bytes or counts that are not what they claim to be."""

    exit_code = 4


class NotTrained(IntegrityError):
    """A bundle whose network never learned."""


class StorageError(CxrError):
    """Disk or permission."""

    exit_code = 5


class ImageRejected(IntegrityError):
    """A file that is no readable radiograph. `reason` is a code of `images.REASONS`."""

    def __init__(self, reason: str, message: str):
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type[ImageRejected], tuple[str, str]]:
        """Cross process borders whole: reason and message."""
        return type(self), (self.reason, str(self))


# ---- vocabulary

SPLITS = ("train", "valid", "test")
StrPath = str | os.PathLike[str]


class Task(StrEnum):
    """What a recipe asks of an image. Written to files as its value, a plain string."""

    SINGLE_LABEL = "single_label"  # one class an image
    MULTI_LABEL = "multi_label"  # any number of classes, each present, absent or unknown


@dataclass(frozen=True)
class FolderWarning:
    """What a reader must know of a folder before a score on it is believed.

    Rooms ask for `kind`; nothing searches the sentences.
    """

    kind: str  # of one vocabulary, as class_of_one_source; each room lists the kinds that it gives
    says: str  # one sentence, whose numbers are of this folder
    do: str = ""  # what a person can do about it
    title: str = ""  # a few words, for a heading
    numbers: dict[str, Any] | list[Any] | None = None  # what `says` was made from, as strict JSON

    def __str__(self) -> str:
        return self.says

    def to_dict(self) -> dict[str, Any]:
        """Return all fields, as strict JSON."""
        return asdict(self)


# ---- words


def unknown_name(
    kind: str,  # what the name names: "class", "source id"
    name: str,  # what was given
    allowed: Iterable[str],  # the names that exist
    where: str = "",  # file and row, if it stands in one
) -> str:
    """Return the sentence for a name that does not exist: received, allowed, nearest."""
    allowed = list(allowed)
    place = f" in {where}" if where else ""
    sentence = f"unknown {kind} {name!r}{place}: expected one of {', '.join(allowed)}."
    near = difflib.get_close_matches(str(name), allowed, n=1, cutoff=0.4)
    if near:
        sentence += f" Did you mean {near[0]!r}?"
    return sentence


def one_line(text: object) -> str:
    """Fold line breaks and runs of blanks, for an error or a csv cell."""
    return " ".join(str(text).split())


def size_text(
    n: float,  # bytes
) -> str:
    """Return a size as people read it: 812 bytes, 3.4 kB, 2.1 GB."""
    if n < 1000:
        return f"{n:.0f} bytes"
    for unit in ("kB", "MB", "GB"):
        n /= 1000
        if n < 1000:
            return f"{n:.1f} {unit}"
    return f"{n / 1000:,.1f} TB"


def printable(text: object) -> str:
    """Return one line that no terminal takes for commands.

    Line breaks, escapes, bidi marks and broken Unicode are spelled out.
    """
    return "".join(map(_printable_character, str(text)))


def _printable_character(character: str) -> str:
    """Return a character, spelled out where it does not print."""
    if character.isprintable():
        return character
    return ascii(character)[1:-1]


# ---- files


def _storage_error(path: StrPath, e: OSError) -> StorageError:
    """Return the error for a path that cannot be written."""
    why = e.strerror or e
    return StorageError(
        f"cannot write {path}: {why}. Choose another place, or free space or permission there."
    )


# Why no file can have a name: too long, a circle of links, bytes that this system does not take.
NO_NAME = (errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL, errno.EILSEQ)


def usable_path(
    path: StrPath,
    name: str = "path",  # what it was given as: "recipe", "folder"
) -> Path:
    """Return a path. Raises `UsageError` for a name that no file can have, `StorageError`."""
    check_name(path, name)
    try:
        os.stat(path)
    except PermissionError as e:
        raise StorageError(f"cannot read {name} {printable(path)}: {e.strerror}.") from e
    except OSError as e:
        if e.errno in NO_NAME:
            raise UsageError(f"{name} {printable(path)[:80]}: {e.strerror}: give another.") from e
    return Path(path)


def check_name(path: StrPath, name: str) -> None:
    """Raise `UsageError` for a path with a NUL, or half a character, in it."""
    try:
        possible = b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        possible = False
    if not possible:
        raise UsageError(
            f"{name} {printable(path)[:80]}: it holds a character that no file name can have."
        )


def check_writable(
    path: StrPath,
    name: str = "place",  # what a person is to choose anew: the flag that named the path
) -> None:
    """Raise `StorageError` where a folder could not be made or written to; change nothing.

    `UsageError` for a name that no folder can have.
    """
    check_name(path, name)
    nearest = Path(path)  # the part of `path` that exists already
    try:
        while not nearest.exists() and nearest != nearest.parent:
            nearest = nearest.parent
        if not nearest.is_dir():
            raise StorageError(f"cannot write {path}: {nearest} is a file. Choose another {name}.")
        with tempfile.TemporaryFile(dir=nearest):  # asking for permission tells less: /proc
            pass
    except OSError as e:
        why = "permission denied" if isinstance(e, PermissionError) else e.strerror or e
        raise StorageError(
            f"cannot write {path}: {why} in {nearest}. "
            f"Choose another {name}, or change its permission."
        ) from e


def make_folder(path: StrPath) -> Path:
    """Create a folder and its parents.

    Raises `StorageError` where that cannot be done, or the folder not be written to; `UsageError`
    for a name that no folder can have.
    """
    check_name(path, "folder")
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise _storage_error(path, e) from e
    check_writable(path)
    return path


@contextmanager
def atomic_path(
    path: StrPath,
    sync: bool = True,  # also against power loss; False where files can be written again
) -> Iterator[Path]:
    """Yield a temporary path in the same folder; it becomes `path` on success only.

    On failure nothing is left. Raises `StorageError`.
    """
    path = Path(path)
    if path.is_dir():
        raise StorageError(f"cannot write {path}: it is a folder. Name a file.")
    part = path.with_name(f".{path.name[:80]}.{os.getpid()}.part")
    try:
        yield part
        if sync:
            with open(part, "rb") as f:
                os.fsync(f.fileno())
        os.replace(part, path)
    except OSError as e:
        raise _storage_error(path, e) from e
    finally:
        if part.exists():
            part.unlink()


def write_text(path: StrPath, text: str) -> bool:
    """Write text as UTF-8, whole or not at all.

    Returns False, writing nothing, where the file already holds it.
    """
    path = Path(path)
    data = text.encode()
    if path.is_file() and path.read_bytes() == data:
        return False
    with atomic_path(path) as part:
        part.write_bytes(data)
    return True


def write_json(path: StrPath, obj: object) -> bool:
    """Write an object as indented JSON with a final newline, whole or not at all."""
    text = json.dumps(obj, indent=2, ensure_ascii=False, allow_nan=False)
    return write_text(path, text + "\n")


def sha256_text(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8, as 64 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_file(path: StrPath) -> str:
    """Return the SHA-256 of a file's bytes, as 64 hex digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        while chunk := f.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def cache_dir() -> Path:
    """Return where what can be computed again is kept.

    That is $CXR_CACHE, or cxr_fastai in the user's cache folder.
    """
    own = os.environ.get("CXR_CACHE")
    if own:
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "cxr_fastai"


def package_file(*parts: str) -> Path:
    """Return the path of a data file that travels in the package, as data_manifest.csv."""
    return Path(__file__).parent.joinpath(*parts)
