"""The films of a request: a form with parts, or one raw body; from memory alone.

Starlette's own form parser writes parts above 1 MB to disk, and python-multipart's took 25 s for
64 MB of almost-boundaries. This one has the whole body, which http.py has held to its limit, and
cuts it where the boundary stands. Names that a client gives are words for the answer, never paths.
It decodes no film.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from python_multipart.multipart import parse_options_header

from cxr_fastai.app.limits import Limits
from cxr_fastai.app.refusals import Refusal, refusal
from cxr_fastai.core import printable

__all__ = ["Upload", "uploads_of", "clean_name", "check_type", "FORM", "RAW_TYPES"]

FORM = "multipart/form-data"
RAW_TYPES = ("application/dicom", "application/octet-stream")  # and image/*
FILE_PARTS = ("files", "files[]", "file")  # names of parts that hold a film
LONGEST_NAME = 120  # characters of a name that an answer repeats
MOST_HEAD_BYTES = 4_000  # of the headers of a part
MOST_EMPTY_PARTS = 8  # that a browser's empty fields send
BOUNDARY = re.compile(rb"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")  # RFC 2046, 5.1.1
HEADER_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
PLAIN = (b"binary", b"8bit", b"7bit")  # transfer encodings that leave the bytes as they are
ENDS = b"--"  # behind the last boundary


@dataclass(frozen=True)
class Upload:
    """One file of a request."""

    name: str  # for the answer: printable, of one line, opens nothing
    data: bytes = field(repr=False)


def check_type(
    content_type: str,  # header of the request
) -> str:  # in lower case, without parameters
    """Return the content type of films. Raises `Refusal` for any other."""
    kind = _options(content_type)[0]
    if kind == FORM or kind in RAW_TYPES or kind.startswith("image/"):
        return kind
    raise refusal("type_wrong", type=printable(kind[:60]) or "none is given")


def uploads_of(
    content_type: str,  # header of the request
    body: bytes,
    limits: Limits,
) -> tuple[Upload, ...]:  # one or more
    """Take the films out of a request. Raises `Refusal`."""
    if check_type(content_type) != FORM:
        uploads = [Upload("film", body)] if body else []
    else:
        uploads = _of_form(_boundary_of(content_type), body, limits.max_files)
    if not uploads:
        raise refusal("no_film")
    return tuple(uploads)


def clean_name(
    name: str,  # as the client gave it
) -> str:  # empty: it gave none
    """Return a name that can be shown: printable, of bounded length, no way out of a folder.

    The folders of a relative path stay: they tell the films of a study apart.
    """
    parts = [part.strip() for part in name.replace("\\", "/").split("/")]
    shown = printable("/".join(part for part in parts if part not in ("", ".", "..")))
    if len(shown) > LONGEST_NAME:
        half = LONGEST_NAME // 2 - 1
        return f"{shown[:half]}..{shown[-half:]}"
    return shown


# ---- a form


def _boundary_of(
    content_type: str,
) -> bytes:  # empty: it names none, or two, of which a proxy may take the other
    """Return the boundary of a form."""
    if content_type.lower().count("boundary=") > 1:
        return b""
    return _options(content_type)[1].get("boundary", "").encode("latin-1", "replace")


def _of_form(
    boundary: bytes,
    body: bytes,
    max_files: int,
) -> list[Upload]:
    """Cut a form into its files. Raises `Refusal`."""
    if not BOUNDARY.fullmatch(boundary):
        raise _broken("its content type names no boundary, or a wrong one")
    start = b"--" + boundary
    mark = b"\r\n" + start
    if not body.startswith(start):
        raise _broken("it does not begin with its boundary")
    uploads: list[Upload] = []
    at = len(start)
    parts = 0
    while not body.startswith(ENDS, at):
        parts += 1
        if parts > max_files + MOST_EMPTY_PARTS:
            raise refusal("files_many", max_files=max_files)
        headers, begin = _head(body, at)
        # where a part is empty, the line break of its head is that of the boundary
        end = body.find(mark, begin - 2)
        if end < 0:
            raise _broken("its last boundary is missing")
        upload = _file(headers, body[begin:end], len(uploads) + 1)
        if upload is not None:
            uploads.append(upload)
        if len(uploads) > max_files:
            raise refusal("files_many", max_files=max_files)
        at = end + len(mark)
    if body[at + len(ENDS) : at + len(ENDS) + 100].strip(b"\r\n \t"):
        raise _broken("something stands behind its last boundary")
    return uploads


def _head(
    body: bytes,
    at: int,  # behind a boundary
) -> tuple[dict[str, str], int]:  # headers of the part, names in lower case; where its data begin
    """Read the headers of a part. Raises `Refusal`."""
    if not body.startswith(b"\r\n", at):
        raise _broken("a boundary is followed by something else than a new line")
    end = body.find(b"\r\n\r\n", at, at + MOST_HEAD_BYTES)
    if end < 0:
        raise _broken("a part has no headers, or too many")
    headers: dict[str, str] = {}
    for line in body[at + 2 : end].split(b"\r\n"):
        name, colon, value = line.partition(b":")
        key = name.decode("latin-1").lower()
        if not colon or not HEADER_NAME.fullmatch(name) or key in headers:
            raise _broken("a part has a header that is none, or one twice")
        headers[key] = value.strip(b" \t").decode("utf-8", "replace")
    return headers, end + 4


def _file(
    headers: Mapping[str, str],  # of the part
    data: bytes,
    number: int,  # of the file, from 1
) -> Upload | None:  # None: the empty field of a browser
    """Return the file of a part. Raises `Refusal`."""
    kind, options = _options(headers.get("content-disposition", ""))
    if kind != "form-data" or options.get("name") not in FILE_PARTS:
        raise _broken("a part is not named files")
    encoding = headers.get("content-transfer-encoding", "binary").lower()
    if encoding.encode("utf-8") not in PLAIN:
        raise _broken("a part is encoded, as base64: send the bytes as they are")
    filename = options.get("filename", "").replace("%22", '"')
    if not data and not filename:
        return None
    return Upload(clean_name(filename) or f"film {number}", data)


def _broken(what: str) -> Refusal:
    """Refuse a form."""
    return refusal("form_broken", what=what)


def _options(
    value: str,  # of a header
) -> tuple[str, dict[str, str]]:  # what stands before the first ; in lower case, parameters
    """Read the parameters of a header."""
    # the parser takes a header for latin-1; what a browser sends is UTF-8
    as_bytes = value.encode("utf-8", "replace").decode("latin-1")
    kind, options = parse_options_header(as_bytes)
    text = {k.decode("utf-8", "replace"): v.decode("utf-8", "replace") for k, v in options.items()}
    return kind.decode("utf-8", "replace"), text
