"""A TIFF's first directory: what it says of pixel data, orientation of black, and side notes.

Bytes -> tags and what follows from them. It decodes no pixels, and looks at no further page.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from cxr_fastai.images.radiograph import rejected

__all__ = [
    "MAX_SAMPLES",
    "MAX_VALUES",
    "Directory",
    "Tag",
    "read_directory",
    "check_tiff",
    "black_is_zero",
    "has_words",
    "is_cut_tiff",
    "is_short_tiff",
]

MAX_SAMPLES = 6  # of a pixel: as many as Pillow reads
# of one number tag: 64 megapixels in the smallest tiles have 250,000 tiles
MAX_VALUES = 1_000_000
MAX_TAGS = 0xFFFF

# tags
IMAGE_WIDTH = 256
IMAGE_LENGTH = 257
PHOTOMETRIC = 262  # 0 is WhiteIsZero, 1 is BlackIsZero
STRIP_OFFSETS = 273
SAMPLES_PER_PIXEL = 277
ROWS_PER_STRIP = 278
STRIP_BYTE_COUNTS = 279
TILE_WIDTH = 322
TILE_LENGTH = 323
TILE_OFFSETS = 324
TILE_BYTE_COUNTS = 325
WORDS = {269, 270, 271, 272, 285, 305, 306, 315, 316, 337, 700}  # text, dates, names, XMP
FIRST_PRIVATE = 32768
ICC = 34675  # of the private tags, the one that tells colours alone

# types of values
LONG = 4
NUMBERS = {3: "H", 4: "I", 16: "Q"}  # SHORT, LONG, LONG8, as struct has them
BLOBS = (1, 2, 6, 7)  # bytes and text, which a decoder takes whole


@dataclass(frozen=True)
class _Form:
    """The sizes of the fields of a TIFF, as struct has them, or in bytes."""

    start_at: int  # byte at which the offset of the first directory stands
    offset: str
    tag_count: str
    tag_size: int
    value_at: int  # bytes from the start of a tag to its value


USUAL_TIFF = _Form(start_at=4, offset="I", tag_count="H", tag_size=12, value_at=8)
BIG_TIFF = _Form(start_at=8, offset="Q", tag_count="Q", tag_size=20, value_at=12)


@dataclass(frozen=True)
class Tag:
    """Where a directory says that the values of a tag stand."""

    type: int
    count: int  # of values
    value_at: int  # byte at which its value stands, or the offset of its values


@dataclass(frozen=True)
class Directory:
    """The first directory of a TIFF."""

    data: bytes  # the whole file
    order: str  # of bytes, as struct has it: < or >
    offset: str  # type of an offset, as struct has it: I, or Q of a BigTIFF
    tags: dict[int, Tag]

    def numbers(self, tag: int) -> tuple[int, ...]:
        """Return the values of a tag of whole numbers; () where it is absent or of another type."""
        found = self.tags.get(tag)
        if found is None or found.type not in NUMBERS:
            return ()
        if found.count > MAX_VALUES:
            return ()
        code = NUMBERS[found.type]
        start = found.value_at
        size = found.count * struct.calcsize(code)
        if size > struct.calcsize(self.offset):  # they do not fit into the tag: it says where
            (start,) = struct.unpack_from(self.order + self.offset, self.data, start)
        numbers = f"{self.order}{found.count}{code}"
        return struct.unpack_from(numbers, self.data, start)

    def first_number(
        self,
        tag: int,
        default: int,  # where `numbers` has none
    ) -> int:
        """Return the first value of a tag of whole numbers."""
        numbers = self.numbers(tag)
        if numbers:
            return numbers[0]
        return default


def read_directory(data: bytes) -> Directory:
    """Read the first directory. Raises `struct.error` where it is cut."""
    order = "<" if data[:2] == b"II" else ">"
    form = BIG_TIFF if b"+" in data[2:4] else USUAL_TIFF
    start_code = order + form.offset
    (start,) = struct.unpack_from(start_code, data, form.start_at)
    if start > len(data):
        raise struct.error("directory beyond the end")
    count_code = order + form.tag_count
    (count,) = struct.unpack_from(count_code, data, start)
    first = start + struct.calcsize(count_code)
    end = first + count * form.tag_size
    if count > MAX_TAGS or end > len(data):
        raise struct.error("directory beyond the end")
    tag_code = f"{order}HH{form.offset}"
    tags = {}
    for place in range(first, end, form.tag_size):
        number, value_type, n = struct.unpack_from(tag_code, data, place)
        tags[number] = Tag(
            type=value_type,
            count=n,
            value_at=place + form.value_at,
        )
    return Directory(data=data, order=order, offset=form.offset, tags=tags)


# ---- what follows from it


def check_tiff(
    data: bytes,
    name: str,  # for messages
) -> None:
    """Raise `ImageRejected` where the directory is cut, or built to keep a decoder busy."""
    try:
        directory = read_directory(data)
        samples = max(directory.numbers(SAMPLES_PER_PIXEL), default=1)
    except struct.error as e:
        text = "truncated TIFF: its directory lies beyond the end of the file"
        raise rejected("truncated", name, text) from e
    if samples > MAX_SAMPLES:  # Pillow would log it as an error, on stderr
        text = f"a TIFF of {samples:,} samples a pixel, more than {MAX_SAMPLES}"
        raise rejected("format_not_allowed", name, text)
    for number, tag in directory.tags.items():
        if tag.count > MAX_VALUES and tag.type not in BLOBS:
            text = f"a TIFF whose tag {number} has {tag.count:,} values: at most {MAX_VALUES:,}"
            raise rejected("too_large", name, text)


def is_short_tiff(data: bytes) -> bool:
    """Tell whether it lists fewer strips or tiles than its size needs."""
    directory = read_directory(data)
    width = directory.first_number(IMAGE_WIDTH, 0)
    height = directory.first_number(IMAGE_LENGTH, 0)
    part_width = directory.first_number(TILE_WIDTH, width)
    strip_height = directory.first_number(ROWS_PER_STRIP, height)
    part_height = directory.first_number(TILE_LENGTH, strip_height)
    if not part_width or not part_height:
        return False
    columns = -(-width // part_width)  # rounded up
    rows = -(-height // part_height)
    needed = columns * rows
    listed = directory.tags.get(STRIP_OFFSETS) or directory.tags.get(TILE_OFFSETS)
    if listed is None:
        return needed > 0
    return listed.count < needed


def is_cut_tiff(data: bytes) -> bool:
    """Tell whether a strip or tile, or the directory itself, lies beyond the end."""
    try:
        directory = read_directory(data)
        starts = directory.numbers(STRIP_OFFSETS) or directory.numbers(TILE_OFFSETS)
        sizes = directory.numbers(STRIP_BYTE_COUNTS) or directory.numbers(TILE_BYTE_COUNTS)
    except (struct.error, OverflowError):
        return True
    for start, size in zip(starts, sizes):
        if start + size > len(data):
            return True
    return False


def black_is_zero(data: bytes) -> bytes | None:
    """Return a TIFF whose PhotometricInterpretation is WhiteIsZero, marked BlackIsZero.

    None for any other. As it is, Pillow inverts 1 to 8 bits, leaves 16 and refuses big-endian 16;
    marked so it inverts none, and the caller all.
    """
    directory = read_directory(data)
    tag = directory.tags.get(PHOTOMETRIC)
    if tag is None:
        return None
    code = directory.order + ("I" if tag.type == LONG else "H")
    (photometric,) = struct.unpack_from(code, data, tag.value_at)
    if photometric != 0:
        return None
    after = tag.value_at + struct.calcsize(code)
    return data[: tag.value_at] + struct.pack(code, 1) + data[after:]


def has_words(data: bytes) -> bool:
    """Tell whether it carries descriptions, names, dates, or private tags that may hold such."""
    for tag in read_directory(data).tags:
        if tag in WORDS or (tag >= FIRST_PRIVATE and tag != ICC):
            return True
    return False
