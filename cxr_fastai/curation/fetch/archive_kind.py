"""What a file is by its first bytes: an archive, or what came in the place of one.

Bytes -> a name for messages and for the choice of a reader. It reads no names of files and writes
nothing.
"""

from __future__ import annotations

import html
import json
import re
import tarfile

from cxr_fastai.core import one_line
from cxr_fastai.curation.fetch.containers import BY_HAND, Archive
from cxr_fastai.curation.fetch.tars import METHODS

__all__ = ["archive_kind", "check_kind", "is_document"]

MAGIC = {
    "zip": (b"PK\3\4", b"PK\5\6", b"PK\7\10"),
    **{kind: (method.magic,) for kind, method in METHODS.items()},
    "7-Zip": (b"7z\xbc\xaf\x27\x1c",),
    "RAR": (b"Rar!\x1a\7",),
    "Zstandard": (b"\x28\xb5\x2f\xfd",),
    "lzip": (b"LZIP",),
    "compress": (b"\x1f\x9d", b"\x1f\xa0"),
}
KINDS_READ = ("zip", "tar", *METHODS)
# Zips that are one file to those who read them.
DOCUMENT_SUFFIXES = (".npz", ".docx", ".xlsx", ".pptx", ".odt", ".ods")
HEAD_BYTES = 1 << 16  # looked at from the start, and from the end
MAX_QUOTE = 80  # characters of what came instead, in a message


def archive_kind(head: bytes) -> str:
    """Return what an archive's first bytes tell: a key of `MAGIC`, tar, or '' for no archive."""
    for kind, magics in MAGIC.items():
        if head.startswith(magics):
            return kind
    try:
        header = tarfile.TarInfo.frombuf(head[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError):
        return ""
    return "tar" if header else ""


def is_document(path: str) -> bool:
    """Tell whether a file of that name is one file to its readers, though its bytes are a zip's."""
    return path.lower().endswith(DOCUMENT_SUFFIXES)


def check_kind(archive: Archive) -> str:
    """Return one of `KINDS_READ`. Raises `IntegrityError` that says what the file is instead."""
    head = archive.take(HEAD_BYTES, start=0)
    archive.take(0, start=0)
    kind = archive_kind(head)
    if kind in KINDS_READ:
        return kind
    if kind:
        raise archive.refuse(
            f"a {kind} archive, but only {', '.join(KINDS_READ)} are read", remedy=BY_HAND
        )
    tail = archive.take(HEAD_BYTES, start=max(0, archive.size - HEAD_BYTES))
    if b"PK\5\6" in tail:
        raise archive.refuse(
            "the last part of a zip in several parts, or a zip behind something else",
            remedy=BY_HAND,
        )
    raise archive.refuse(f"no archive but {_what_else(head)}")


def _what_else(head: bytes) -> str:
    """Say what came in place of an archive: mostly a page that asks to sign in."""
    if not head:
        return "an empty file"
    if not head.strip(b"\0"):
        return "zeros only"
    text = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if text.startswith("version https://git-lfs"):
        return "a Git LFS pointer"
    if text.startswith(("{", "[")):
        return f"JSON{_quote(_json_message(text))}"
    if text.startswith("<"):
        return _markup(text)
    if "\0" not in text and "\ufffd" not in text:
        return "text"
    return f"bytes of no known kind (they start with {head[:8].hex(' ')})"


def _markup(text: str) -> str:
    """Say what a page of HTML or XML is, and its title."""
    what = "an HTML page" if "<html" in text.lower() else "an XML file"
    title = re.search(r"<(title|code|message)\b[^>]{0,200}>([^<]{0,400})", text, re.I)
    if not title:
        return what
    return what + _quote(html.unescape(title[2]))


def _json_message(text: str) -> str:
    """Return what a server's JSON says, or ''."""
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(answer, dict):
        return ""
    for key in ("message", "error", "detail"):
        message = answer.get(key)
        if isinstance(message, str):
            return message
    return ""


def _quote(text: str) -> str:
    """Quote a server's words; a signed link, or a token, is a password and is left out."""
    text = re.sub(r"https?://\S+|\S{32,}", "...", one_line(text))
    return f" that says {text[:MAX_QUOTE]!r}" if text else ""
