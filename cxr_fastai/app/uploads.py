"""The films of a request: a form with parts, or one raw body; from memory alone.

Starlette's own form parser writes parts above 1 MB to disk. This one takes the whole body, which
http.py has held to its limit, and cuts it. Names that a client gives are words for the answer,
never paths. It decodes no film.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from cxr_fastai.app.asked import Asked
from cxr_fastai.app.limits import Limits
from cxr_fastai.app.refusals import refusal
from cxr_fastai.core import printable

__all__ = ["Upload", "uploads_of", "clean_name", "check_type"]

FILE_PARTS = ("files", "file", "files[]")  # names of parts that hold a film
LONGEST_NAME = 120  # characters of a name that an answer repeats
MAX_PART_HEADERS = 8
MAX_PART_HEADER_BYTES = 2_000
RAW_TYPES = ("application/dicom", "application/octet-stream")

# It writes what it found wrong in a form, which is of the client.
logging.getLogger("python_multipart").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Upload:
    """One file of a request."""

    name: str  # for the answer: printable, of one line, no path
    data: bytes = field(repr=False)


def check_type(
    content_type: str,  # header of the request
) -> str:  # in lower case, without parameters
    """Return the content type of films. Raises `Refusal` for any other."""
    kind = parse_options_header(content_type)[0].decode("latin-1")
    if kind == "multipart/form-data" or kind in RAW_TYPES or kind.startswith("image/"):
        return kind
    raise refusal("type_wrong", type=printable(kind[:60]) or "none is given")


def uploads_of(
    asked: Asked,
    limits: Limits,
) -> list[Upload]:  # one or more
    """Take the films out of a request. Raises `Refusal`."""
    content_type = asked.headers.get("content-type", "")
    if check_type(content_type) != "multipart/form-data":
        if not asked.body:
            raise refusal("no_film")
        return [Upload("film", asked.body)]
    options = parse_options_header(content_type)[1]
    uploads = _Form(limits).read(options.get(b"boundary", b""), asked.body)
    if not uploads:
        raise refusal("no_film")
    return uploads


def clean_name(
    raw: bytes,  # as the client gave it
) -> str:  # empty: it gave none
    """Return a name that can be shown: printable, of bounded length, no way out of a folder.

    The folders of a relative path stay: they tell the films of a study apart.
    """
    text = raw.decode("utf-8", "replace").replace("\\", "/")
    parts = [part.strip() for part in text.split("/")]
    shown = printable("/".join(part for part in parts if part not in ("", ".", "..")))
    if len(shown) > LONGEST_NAME:
        half = LONGEST_NAME // 2 - 1
        return f"{shown[:half]}..{shown[-half:]}"
    return shown


class _Form:
    """Reads the parts of one form."""

    def __init__(self, limits: Limits):
        self.limits = limits
        self.uploads: list[Upload] = []
        self.is_whole = False  # whether the last boundary was seen
        self._start_part()

    def read(
        self,
        boundary: bytes,
        body: bytes,
    ) -> list[Upload]:
        """Read a form. Raises `Refusal`."""
        if not boundary:
            raise refusal("form_broken", what="its content type names no boundary")
        callbacks: dict[str, Callable[..., Any]] = {
            "on_part_begin": self._start_part,
            "on_part_data": self._add_data,
            "on_part_end": self._end_part,
            "on_header_field": self._add_field,
            "on_header_value": self._add_value,
            "on_header_end": self._end_header,
            "on_end": self._end,
        }
        try:
            parser = MultipartParser(
                boundary,
                callbacks,  # type: ignore[arg-type]
                max_header_count=MAX_PART_HEADERS,
                max_header_size=MAX_PART_HEADER_BYTES,
            )
            parser.write(body)
        except FormParserError:
            raise refusal(
                "form_broken", what="its parts do not stand as its boundary says"
            ) from None
        if not self.is_whole:
            raise refusal("form_broken", what="its last boundary is missing")
        return self.uploads

    # ---- called by the parser

    def _start_part(self) -> None:
        """Forget the part before."""
        self.headers: dict[str, bytes] = {}
        self.field_name = b""
        self.value = b""
        self.data: list[bytes] = []

    def _add_field(self, data: bytes, start: int, end: int) -> None:
        """Take a piece of a header's name."""
        self.field_name += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        """Take a piece of a header's value."""
        self.value += data[start:end]

    def _end_header(self) -> None:
        """Keep a header."""
        name = self.field_name.decode("latin-1").lower()
        if name in self.headers:
            raise refusal("form_broken", what="a part has a header twice")
        self.headers[name] = self.value
        self.field_name = b""
        self.value = b""

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        """Take a piece of a part."""
        self.data.append(data[start:end])

    def _end_part(self) -> None:
        """Keep a part that is a file."""
        kind, options = _options(self.headers.get("content-disposition", b""))
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if kind != b"form-data" or name not in FILE_PARTS:
            raise refusal("form_broken", what="a part is not named files")
        if self.headers.get("content-transfer-encoding", b"binary").lower() not in PLAIN:
            raise refusal("form_broken", what="a part is encoded")
        data = self.data[0] if len(self.data) == 1 else b"".join(self.data)
        filename = options.get(b"filename", b"")
        if not data and not filename:
            return  # the empty field of a browser's form
        if len(self.uploads) == self.limits.max_files:
            raise refusal("files_many", max_files=self.limits.max_files)
        number = len(self.uploads) + 1
        self.uploads.append(Upload(clean_name(filename) or f"film {number}", data))

    def _end(self) -> None:
        """Note that the form is whole."""
        self.is_whole = True


PLAIN = (b"binary", b"8bit", b"7bit")  # transfer encodings that leave the bytes as they are


def _options(value: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    """Read the parameters of a header whose bytes are UTF-8, as browsers send them."""
    return parse_options_header(value.decode("latin-1"))
