"""A DICOM file's bytes -> the few header values that a caller asks for, and its pixel data, unread.

pydicom reads the values, imported here and nowhere else, and only of elements that were asked for:
nothing else of a header reaches memory. A file without its preamble is never read by force. No
message holds a text of the file, no warning or log line of pydicom leaves, and no setting of its is
changed. It judges neither modality nor pixels (`dicom`).
"""

from __future__ import annotations

import io
import logging
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cxr_fastai.images.dicom_elements import Element, Walk
from cxr_fastai.images.picture import BAD_DATA, strict
from cxr_fastai.images.radiograph import rejected
from cxr_fastai.images.size import MAX_PIXELS

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["DICOMDIR", "INSTALL", "MAX_INFLATED", "MAX_VALUE", "DicomFile", "open_dicom"]

MAX_VALUE = 1 << 20  # bytes of a header value: a look-up table of 16 bits has 131,072
# bytes that a deflated file may inflate to: the most pixels of 16 bits, and 16 MB of header
MAX_INFLATED = 2 * MAX_PIXELS + (1 << 24)

DICOMDIR = "1.2.840.10008.1.3.10"  # SOP class of an index of files
IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"

INSTALL = "pip install 'cxr_fastai[dicom]'"
PREAMBLE = 128  # bytes
PREFIX = b"DICM"
META_GROUP = 2
META_SOP_CLASS = 0x00020002
META_SYNTAX = 0x00020010
CHARACTER_SET = 0x00080005
PIXEL_DATA = 0x7FE00010
FLOAT_PIXELS = (0x7FE00008, 0x7FE00009)
UID = re.compile(r"[0-9.]{1,64}")


@dataclass(frozen=True)
class DicomFile:
    """What was asked of a DICOM file."""

    header: Dataset = field(repr=False)  # the elements asked for, where it has them
    broken: frozenset[str]  # keywords of those whose value is not of their kind
    syntax: str  # UID of its transfer syntax
    sop_class: str  # UID, of the file's meta information; "" where it states none
    order: str  # of bytes, as struct has it: < or >
    pixels: memoryview | None = field(repr=False)  # native pixel data; None: none, or fragments
    pixel_form: bytes  # value representation of native pixel data; b"" where it states none
    # encapsulated pixel data, without its table of offsets
    fragments: tuple[memoryview, ...] = field(repr=False)
    has_float_pixels: bool  # pixel data of 32 or 64 bit floats

    def text(
        self,
        keyword: str,  # as DICOM names it: "ViewPosition"
    ) -> str:  # the first value; "" where it is absent, empty or broken
        """Return a value as text, without blanks around it. It may hold anything: do not print."""
        values = self.texts(keyword)
        return values[0] if values else ""

    def texts(self, keyword: str) -> list[str]:
        """Return all values as `text` does."""
        values = self._values(keyword)
        return ["" if value is None else str(value).strip(" \0") for value in values]

    def numbers(
        self,
        keyword: str,
    ) -> tuple[float, ...]:  # () where it is absent or empty, or not of numbers
        """Return values as numbers."""
        try:
            return tuple(float(value) for value in self._values(keyword))
        except (TypeError, ValueError):
            return ()

    def items(
        self,
        keyword: str,
    ) -> list[Dataset]:  # [] where it is absent, empty or broken
        """Return the items of a sequence."""
        return self._values(keyword)

    def _values(self, keyword: str) -> list[Any]:
        """Return all values of an element, which `open_dicom` has read."""
        if keyword in self.broken or keyword not in self.header:
            return []
        value = self.header[keyword].value
        if value is None:
            return []
        if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
            return [value]
        return list(value)


def open_dicom(
    data: bytes,  # with DICM at byte 128, as `sniff` tells
    name: str,  # for messages
    keywords: Iterable[str],  # of the outermost elements wanted, as DICOM names them
    head_only: bool = False,  # leave the pixel data; data may be the beginning of a file
) -> DicomFile:
    """Read some of a DICOM file's header. Raises `ImageRejected`.

    `missing_extra` where pydicom is not installed; else `truncated`, `damaged` or `too_large`.
    """
    wanted = _tags(keywords, name)
    meta = _meta(data, name)
    start = meta.end
    if meta.syntax == DEFLATED:
        data = _inflated(data[start:], name, head_only)
        start = 0
    walk = Walk(
        data=data,
        order=">" if meta.syntax == EXPLICIT_BIG else "<",
        is_implicit=meta.syntax == IMPLICIT_LITTLE,
        name=name,
    )
    found, pixels = _outermost(walk, start, set(wanted.values()), head_only)
    header, broken = _header(walk, found, wanted)
    native: memoryview | None = None
    fragments: list[memoryview] = []
    if pixels is not None and not head_only:
        native, fragments = _pixel_data(walk, pixels)
    return DicomFile(
        header=header,
        broken=broken,
        syntax=meta.syntax,
        sop_class=meta.sop_class,
        order=walk.order,
        pixels=native,
        pixel_form=pixels.form if pixels is not None else b"",
        fragments=tuple(fragments),
        has_float_pixels=pixels is not None and pixels.tag in FLOAT_PIXELS,
    )


def _tags(
    keywords: Iterable[str],
    name: str,  # for messages
) -> dict[str, int]:  # keyword -> tag
    """Look keywords up in pydicom's dictionary. Raises `ImageRejected` where there is none."""
    try:
        from pydicom.datadict import tag_for_keyword
    except ImportError as e:
        text = f"reading DICOM needs pydicom: {INSTALL}"
        raise rejected("missing_extra", name, text) from e
    found = {}
    for keyword in keywords:
        tag = tag_for_keyword(keyword)
        if tag is None:
            raise ValueError(f"DICOM has no element {keyword!r}")
        found[keyword] = tag
    return found


# ---- what stands before the data set


@dataclass(frozen=True)
class _Meta:
    """The file's meta information."""

    syntax: str  # UID of the transfer syntax
    sop_class: str  # UID; "" where it states none
    end: int  # byte at which the data set begins


def _meta(
    data: bytes,
    name: str,  # for messages
) -> _Meta:
    """Read the meta information, which is explicit and little endian in every file."""
    if data[PREAMBLE : PREAMBLE + 4] != PREFIX:
        text = "no DICOM file: it lacks DICM at byte 128, and is never read by force"
        raise rejected("damaged", name, text)
    uids = {META_SYNTAX: "", META_SOP_CLASS: ""}
    end = PREAMBLE + len(PREFIX)
    walk = Walk(data=data, order="<", is_implicit=False, name=name)
    for element in walk.elements(end, is_head=True):
        if element.tag >> 16 != META_GROUP:
            break
        end = element.end
        if element.tag in uids:
            uids[element.tag] = _uid(data[element.value_at : element.end])
    if not uids[META_SYNTAX] and end >= len(data):
        text = "truncated DICOM: it ends before it states its transfer syntax"
        raise rejected("truncated", name, text)
    if not uids[META_SYNTAX]:
        text = "damaged DICOM: it does not state its transfer syntax"
        raise rejected("damaged", name, text)
    return _Meta(
        syntax=uids[META_SYNTAX],
        sop_class=uids[META_SOP_CLASS],
        end=end,
    )


def _uid(value: bytes) -> str:
    """Return a UID, "" where the bytes are none."""
    text = value.rstrip(b"\0 ").decode("latin-1")
    return text if UID.fullmatch(text) else ""


def _inflated(
    data: bytes,  # of the deflated data set
    name: str,  # for messages
    head_only: bool,
) -> bytes:
    """Inflate a data set, as far as a radiograph can reach."""
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        found = inflate.decompress(data, MAX_INFLATED + 1)
    except zlib.error as e:
        raise rejected("damaged", name, "damaged DICOM: its data do not inflate") from e
    if len(found) > MAX_INFLATED:
        text = f"a deflated DICOM of more than {MAX_INFLATED:,} bytes"
        raise rejected("too_large", name, text)
    if not inflate.eof and not head_only:
        text = f"truncated DICOM: its deflated data end after {len(found):,} bytes"
        raise rejected("truncated", name, text)
    return found


# ---- the data set


def _outermost(
    walk: Walk,
    start: int,  # byte at which the data set begins
    wanted: set[int],  # tags
    head_only: bool,
) -> tuple[list[Element], Element | None]:  # those wanted, and the pixel data
    """Walk the data set up to its pixel data."""
    wanted = wanted | {CHARACTER_SET}
    found: dict[int, Element] = {}
    for element in walk.elements(start, head_only):
        if element.tag == PIXEL_DATA or element.tag in FLOAT_PIXELS:
            return list(found.values()), element
        if element.tag not in wanted or element.end > len(walk.data):
            continue
        size = element.end - element.value_at
        if size > MAX_VALUE:
            text = f"a DICOM file whose element {_words(element.tag)} has {size:,} bytes"
            raise rejected("too_large", walk.name, f"{text}: at most {MAX_VALUE:,}")
        if element.tag in found:
            text = f"damaged DICOM: its element {_words(element.tag)} stands there twice"
            raise rejected("damaged", walk.name, text)
        found[element.tag] = element
    return list(found.values()), None


def _words(tag: int) -> str:
    """Return a tag as DICOM prints it."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _pixel_data(
    walk: Walk,
    pixels: Element,
) -> tuple[memoryview | None, list[memoryview]]:  # native; or fragments
    """Return the bytes of the pixel data."""
    if pixels.is_undefined:
        _, *fragments = walk.fragments(pixels) or [memoryview(b"")]
        return None, fragments
    return memoryview(walk.data)[pixels.value_at : pixels.end], []


def _header(
    walk: Walk,
    found: list[Element],
    wanted: dict[str, int],  # keyword -> tag
) -> tuple[Dataset, frozenset[str]]:  # and the keywords of what is broken
    """Have pydicom read the values of elements, and of no other byte of the file."""
    from pydicom import Dataset
    from pydicom.filereader import read_dataset

    parts = [walk.data[element.start : element.end] for element in found]
    source = io.BytesIO(b"".join(parts))
    broken = set()
    with _quiet():
        try:
            header = read_dataset(source, walk.is_implicit, walk.order == "<")
        except BAD_DATA:
            return Dataset(), frozenset(wanted)
        for keyword, tag in wanted.items():
            if tag in header and not _is_sound(header, tag):
                broken.add(keyword)
    return header, frozenset(broken)


def _is_sound(
    header: Dataset,
    tag: int,  # of one of its elements
) -> bool:
    """Read a value, to the bottom of a sequence, so that it is never read again."""
    try:
        value = header[tag].value
        if header[tag].VR == "SQ":
            for item in value:
                for _ in item.iterall():
                    pass
    except BAD_DATA:
        return False
    return True


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what pydicom would warn of or log to itself: it may quote a patient's name.

    Under the lock of `strict`, as warning filters and loggers belong to the whole process.
    """
    logger = logging.getLogger("pydicom")
    with strict():
        was_disabled = logger.disabled
        logger.disabled = True
        try:
            yield
        finally:
            logger.disabled = was_disabled
