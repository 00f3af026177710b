"""Unpack a zip or tar into a content store. Takes an archive, returns its Members (path, SHA-256, size) and what was
Dropped of it; the bytes of each member then stand in store/<sha256[:2]>/<sha256>.

A name in an archive is never a name on disk. No link, device or folder of an archive is ever made, no archive within
it unpacked, and nothing kept of one that is refused.
"""

from __future__ import annotations

import hashlib
import html
import itertools
import json
import os
import platform
import re
import shutil
import tarfile
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cxr_fastai.core import IntegrityError, StorageError, make_folder, one_line, printable
from cxr_fastai.curation.fetch.containers import BY_HAND, Archive, Dropped, Entry, Limits
from cxr_fastai.curation.fetch.tars import METHODS, TarReader
from cxr_fastai.curation.fetch.zips import ZipReader

__all__ = ["Member", "Dropped", "Limits", "LIMITS", "unpack"]


@dataclass(frozen=True)
class Member:
    """A file of an archive."""

    path: str  # as in the archive, with /
    sha256: str  # of its bytes, and their name in the store
    size: int  # bytes


LIMITS = Limits()
HELD = 16 << 20  # bytes of a member that are held before they go to disk: a radiograph
MARGIN = 1.1  # free disk wanted, times the bytes that are to come


def unpack(
    archive: Path,
    store: Path,  # folder of the store; made if missing
    name: str,  # what messages call the archive, e.g. "kermany_kaggle: chest-xray-pneumonia.zip"
    strip: int = 0,  # leading folders taken off each path
    limits: Limits = LIMITS,
    progress=None,  # progress(total_bytes, 0, what) -> object with .update(n) and .close(); bytes of the archive
) -> tuple[list[Member], list[Dropped]]:  # each sorted by path
    """Put every regular file of a zip or tar into the store. Its kind shows in its bytes, not in its name.
    Raises `IntegrityError` for an archive that is damaged, hostile or of another kind: nothing of it stays.
    Raises `StorageError` for want of room or permission: what is done stays, for the next attempt to find.
    """
    blobs = _Blobs(make_folder(store))
    try:
        f = open(archive, "rb")
    except OSError as e:
        raise StorageError(f"{name}: cannot read {archive}: {e.strerror or e}.") from e
    with f:
        a = Archive(f, Path(archive), name, limits)
        try:
            members, dropped = _read(a, blobs, progress)
        except IntegrityError:
            blobs.forget()
            raise
    members, more = _settle(members, strip)
    return sorted(members, key=lambda m: m.path), sorted(
        dropped + more, key=lambda d: (d.path, d.reason, d.message)
    )


def _read(a: Archive, blobs: _Blobs, progress) -> tuple[list[Member], list[Dropped]]:
    kind = _check_kind(a)
    reader = ZipReader(a) if kind == "zip" else TarReader(a, kind)
    blobs.check_room(reader.size, a.name)
    members, dropped = [], []
    with _bar(a, progress):
        for entry in reader.entries():
            found = entry if isinstance(entry, Dropped) else _keep(entry, blobs)
            (dropped if isinstance(found, Dropped) else members).append(found)
    if not members and not dropped:
        raise a.refuse("holds no file")
    return members, dropped


@contextmanager
def _bar(a: Archive, progress):
    if not progress:
        yield
        return
    bar = progress(a.size, 0, f"unpacking {a.name}")
    a.update = bar.update
    try:
        yield
    finally:
        bar.close()


def _keep(entry: Entry, blobs: _Blobs) -> Member | Dropped:
    head = next(entry.pieces, b"")
    if (kind := _kind(head)) and not entry.path.lower().endswith(DOCUMENTS):
        return Dropped(
            entry.path, "nested_archive", f"a {kind} archive within the archive: not unpacked"
        )
    return Member(entry.path, *blobs.put(itertools.chain([head], entry.pieces)))


def _strip(path: str, n: int) -> str:
    return "/".join(path.split("/")[n:])


def _settle(found: list[Member], strip: int) -> tuple[list[Member], list[Dropped]]:
    """Each path once, as it is to be: no second copy in a doubled folder, no name twice. The first one stays."""
    first: dict[str, str] = {}
    for m in found:
        first.setdefault(m.path, m.sha256)
    taken, members, dropped = {}, [], []
    for m in found:
        path = _strip(m.path, strip)
        outer = next((p for p in _undoubled(m.path) if first.get(p) == m.sha256), None)
        if not path:
            dropped.append(
                Dropped(m.path, "outside", f"it lies above the {strip} folders that are taken off")
            )
        elif outer:
            dropped.append(Dropped(m.path, "nested_copy", f"the same bytes as {printable(outer)}"))
        elif path in taken:
            same = "the same bytes" if taken[path] == m.sha256 else "its bytes differ"
            dropped.append(
                Dropped(m.path, "duplicate_name", f"another file of that name came first: {same}")
            )
        else:
            taken[path] = m.sha256
            members.append(Member(path, m.sha256, m.size))
    return members, dropped


def _undoubled(path: str) -> list[str]:
    """a/a/x -> [a/x]: the path without one of two equal neighbouring folders."""
    parts = path.split("/")
    return [
        "/".join(parts[:i] + parts[i + 1 :])
        for i in range(len(parts) - 2)
        if parts[i] == parts[i + 1]
    ]


# ---- the store


class _Blobs:
    """Files named by their SHA-256. One that is there is not written again. Holds no lock: writers may share a store."""

    parts: set[Path] = set()  # temporary files of this process

    def __init__(self, folder: Path):
        self.folder, self.new = folder.resolve(), []
        host = "".join(c for c in platform.node() if c.isalnum())
        self.part = self.folder / f".{host}.{os.getpid()}.{uuid.uuid4().hex}.part"
        self.parts.add(self.part)
        for part in self.folder.glob(f".{host}.*.part"):  # left by a killed process
            if part not in self.parts and not _lives(part.name.split(".")[2]):
                part.unlink(missing_ok=True)

    def put(self, pieces) -> tuple[str, int]:
        """(SHA-256, size) of the bytes that `pieces` yields, once they stand in the store."""
        digest, size, held, spilled = hashlib.sha256(), 0, [], 0
        try:
            for piece in pieces:
                digest.update(piece)
                held.append(piece)
                size += len(piece)
                if size - spilled < HELD:
                    continue
                self._spill(held)
                held, spilled = [], size
            self._keep(digest.hexdigest(), size, held)
        finally:
            with suppress(OSError):
                self.part.unlink()
        return digest.hexdigest(), size

    def _spill(self, held: list):
        with _writing(self.folder), open(self.part, "ab") as out:
            out.writelines(held)

    def _keep(self, sha: str, size: int, held: list):
        blob = self.folder / sha[:2] / sha
        with _writing(self.folder):
            if blob.is_file() and blob.stat().st_size == size:
                return  # a loss of power may have cut it
            self._spill(held)
            blob.parent.mkdir(exist_ok=True)
            self.new.append(blob)
            os.replace(self.part, blob)

    def forget(self):
        """Remove what came since this object was made."""
        for blob in self.new:
            with suppress(OSError):
                blob.unlink()
                blob.parent.rmdir()

    def check_room(self, size: int, name: str):
        """Raise `StorageError` where `size` bytes have no room. What an earlier attempt left may be part of them."""
        need, free = int(size * MARGIN), shutil.disk_usage(self.folder).free
        if need <= free:
            return
        need -= sum(b.stat().st_size for b in self.folder.glob("??/*"))
        if need > free:
            raise StorageError(
                f"{name}: unpacking needs {need:,} bytes in {self.folder}, {free:,} are free. "
                "Free space there, or choose another folder."
            )


def _lives(pid: str) -> bool:
    """Whether another process of that number runs."""
    if pid == str(os.getpid()):
        return False  # the number was given anew, as always in a container
    if os.name == "nt":
        return True  # there, signal 0 is no question
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except OSError:
        pass  # another user's
    return True


@contextmanager
def _writing(folder: Path):
    try:
        yield
    except OSError as e:
        raise StorageError(
            f"cannot write to {folder}: {e.strerror or e}. "
            "Free space or permission there and start again: what is done stays."
        ) from e


# ---- what kind it is

MAGIC = {
    "zip": (b"PK\3\4", b"PK\5\6", b"PK\7\10"),
    **{kind: (magic,) for kind, (magic, _) in METHODS.items()},
    "7-Zip": (b"7z\xbc\xaf\x27\x1c",),
    "RAR": (b"Rar!\x1a\7",),
    "Zstandard": (b"\x28\xb5\x2f\xfd",),
    "lzip": (b"LZIP",),
    "compress": (b"\x1f\x9d", b"\x1f\xa0"),
}
READ = ("zip", "tar", *METHODS)
DOCUMENTS = (
    ".npz",
    ".docx",
    ".xlsx",
    ".pptx",
    ".odt",
    ".ods",
)  # zips that are one file to those who read them


def _kind(head: bytes) -> str:
    """What an archive's first bytes tell: a key of `MAGIC`, tar, or '' for no archive."""
    for kind, magics in MAGIC.items():
        if head.startswith(magics):
            return kind
    try:
        return (
            "tar"
            if tarfile.TarInfo.frombuf(head[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
            else ""
        )
    except (tarfile.HeaderError, ValueError):
        return ""


def _check_kind(a: Archive) -> str:
    """One of `READ`. Raises `IntegrityError` that says what the file is instead."""
    head = a.take(1 << 16, at=0)
    a.take(0, at=0)
    kind = _kind(head)
    if kind in READ:
        return kind
    if kind:
        raise a.refuse(f"a {kind} archive, but only {', '.join(READ)} are read", todo=BY_HAND)
    if b"PK\5\6" in a.take(1 << 16, at=max(0, a.size - (1 << 16))):
        raise a.refuse(
            "the last part of a zip in several parts, or a zip behind something else", todo=BY_HAND
        )
    raise a.refuse(f"no archive but {_what_else(head)}")


def _what_else(head: bytes) -> str:
    """What came in place of an archive: mostly a page that asks to sign in."""
    if not head:
        return "an empty file"
    if not head.strip(b"\0"):
        return "zeros only"
    text = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if text.startswith("version https://git-lfs"):
        return "a Git LFS pointer"
    if text.startswith(("{", "[")):
        return f"JSON{_quote(_json_says(text))}"
    if text.startswith("<"):
        title = re.search(r"<(title|code|message)\b[^>]{0,200}>([^<]{0,400})", text, re.I)
        what = "an HTML page" if "<html" in text.lower() else "an XML file"
        return what + _quote(html.unescape(title[2]) if title else "")
    if "\0" not in text and "\ufffd" not in text:
        return "text"
    return f"bytes of no known kind (they start with {head[:8].hex(' ')})"


def _json_says(text: str) -> str:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    said = said if isinstance(said, dict) else {}
    return next(
        (v for k in ("message", "error", "detail") if isinstance(v := said.get(k), str)), ""
    )


def _quote(text: str) -> str:
    text = re.sub(
        r"https?://\S+|\S{32,}", "...", one_line(text)
    )  # a signed link, or a token, is a password
    return f" that says {text[:80]!r}" if text else ""
