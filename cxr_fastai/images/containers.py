"""Whether a picture's container is whole, found by walking it, before and after it is decoded.

Bytes -> nothing, or `ImageRejected`. So damage which Pillow passes over, and files that would keep
it busy for minutes, end here. It makes no pixels, and puts no text of a file into a message.
"""

from __future__ import annotations

import re
import struct
import zlib

from cxr_fastai.images.radiograph import rejected
from cxr_fastai.images.tiff import check_tiff, is_cut_tiff, is_short_tiff

__all__ = ["MAX_CHUNKS", "MAX_PASSES", "check", "is_cut", "is_short", "webp_size"]

# of a PNG: at the usual 8 kB a chunk, more than the largest file that is read
MAX_CHUNKS = 100_000
# of a JPEG: each goes over all pixels again; progressive ones have about 10, a bomb thousands
MAX_PASSES = 100

PNG_FIRST_CHUNK = 8  # byte
CHUNK_NAME = re.compile(rb"[A-Za-z]{4}")
PNG_END = b"IEND\xaeB`\x82"
SAMPLES_OF_COLOUR = {2: 3, 4: 2, 6: 4}  # PNG's colour type -> samples a pixel; others have one
# first column, first row, step of columns, step of rows, of each pass of an interlaced PNG
ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
ONE_PASS = ((0, 0, 1, 1),)

JPEG_END = b"\xff\xd9"
JPEG_SCAN = b"\xff\xda"
START_OF_FRAME = (0xC0, 0xC1)  # of JPEGs that are not progressive
START_OF_SCAN = 0xDA


def check(
    data: bytes,
    kind: str,  # as `sniff` names it
    name: str,
) -> None:
    """Raise `ImageRejected` for a container cut, damaged, or built to keep a decoder busy."""
    if kind == "PNG":
        _check_png(data, name)
    if kind == "JPEG":
        _check_jpeg(data, name)
    if kind == "TIFF":
        check_tiff(data, name)


def is_short(
    data: bytes,
    kind: str,  # as `sniff` names it
) -> bool:
    """Tell whether a sound PNG or TIFF holds fewer rows than its header promises.

    Pillow leaves the rest black.
    """
    if kind == "PNG":
        return _is_short_png(data)
    return kind == "TIFF" and is_short_tiff(data)


def is_cut(
    data: bytes,
    kind: str,  # as `sniff` names it
) -> bool:
    """Tell whether a file that did not decode lacks its end."""
    if kind == "PNG":
        return PNG_END not in data
    if kind == "JPEG":
        return JPEG_END not in data[-64:]
    if kind == "GIF":
        return b";" not in data[-16:]
    if kind == "WEBP":
        stated = int.from_bytes(data[4:8], "little")  # behind these 8 bytes
        return 8 + stated > len(data)
    if kind == "BMP":
        stated = int.from_bytes(data[2:6], "little")
        return stated > len(data)
    return is_cut_tiff(data)


# ---- PNG


def _check_png(
    data: bytes,
    name: str,  # for messages
) -> None:
    """Check lengths and checksums of all chunks.

    Pillow's load() passes over a wrong checksum of the pixel data.
    """
    view = memoryview(data)
    start = PNG_FIRST_CHUNK
    for _ in range(MAX_CHUNKS):
        kind, end = _chunk(data, start, name)
        if not CHUNK_NAME.fullmatch(kind):
            raise rejected("damaged", name, f"damaged PNG: no chunk at byte {start:,}")
        (checksum,) = struct.unpack_from(">I", data, end)
        if zlib.crc32(view[start + 4 : end]) != checksum:
            text = f"wrong checksum of its {kind.decode()} chunk at byte {start:,}"
            raise rejected("damaged", name, f"damaged PNG: {text}")
        if kind == b"IEND":
            return
        start = end + 4
    raise rejected("too_large", name, f"a PNG of more than {MAX_CHUNKS:,} chunks")


def _chunk(
    data: bytes,
    start: int,  # byte at which the chunk begins
    name: str,  # of the file, for messages
) -> tuple[bytes, int]:  # the chunk's name, and the byte at which its checksum stands
    """Read the head of a chunk. Raises `ImageRejected` where the file ends within it."""
    if start + 12 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, start)
        end = start + 8 + size
        if end + 4 <= len(data):
            return kind, end
    lacks_end = is_cut(data, "PNG")
    reason = "truncated" if lacks_end else "damaged"
    text = f"{reason} PNG: it ends within a chunk, after {len(data):,} bytes"
    raise rejected(reason, name, text)


def _is_short_png(data: bytes) -> bool:
    """Inflate the pixel data, as far as it is needed, and count."""
    needed = _png_bytes(data)
    found = 0
    start = PNG_FIRST_CHUNK
    inflate = zlib.decompressobj()
    while found < needed and start + 12 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, start)
        if kind == b"IDAT":
            content = memoryview(data)[start + 8 : start + 8 + size]
            found += len(inflate.decompress(content, needed - found))
        start += 12 + size
    return found < needed


def _png_bytes(data: bytes) -> int:
    """Return how many bytes of pixel data, uncompressed, a PNG's header promises."""
    header = struct.unpack_from(">IIBBBBB", data, 16)
    width, height, depth, colour, _, _, interlaced = header
    samples = SAMPLES_OF_COLOUR.get(colour, 1)
    bits = depth * samples  # of a pixel
    passes = ADAM7 if interlaced else ONE_PASS
    total = 0
    for first_column, first_row, column_step, row_step in passes:
        columns = -((first_column - width) // column_step)  # rounded up
        rows = -((first_row - height) // row_step)
        if columns > 0 and rows > 0:
            row_bytes = (columns * bits + 7) // 8
            total += rows * (1 + row_bytes)  # a row begins with its filter
    return total


# ---- JPEG


def _check_jpeg(data: bytes, name: str) -> None:
    """Check its end, and the number of its scans.

    libjpeg takes zeros, as a stopped download leaves them, for gray.
    """
    components, scan = _first_scan(data)
    if data.rfind(JPEG_END, scan) < 0:
        text = "truncated JPEG: it lacks the marker of its end"
        raise rejected("truncated", name, text)
    if scan and data[scan + 4] == components:
        return  # one scan of all components: a decoder looks at no other
    passes = data.count(JPEG_SCAN, scan)
    if passes > MAX_PASSES:
        text = f"a JPEG in {passes:,} passes, more than the limit of {MAX_PASSES}"
        raise rejected("too_large", name, text)


def _first_scan(
    data: bytes,
) -> tuple[int, int]:  # components, and the byte at which the first scan begins
    """Walk the segments of a JPEG up to its first scan.

    Components are 0 where it is progressive; the byte is 0 where there is no scan.
    """
    components = 0
    start = 2
    while start + 10 < len(data) and data[start] == 0xFF:
        marker = data[start + 1]
        if marker in START_OF_FRAME:
            components = data[start + 9]
        if marker == START_OF_SCAN:
            return components, start
        length = data[start + 2] << 8 | data[start + 3]
        start += 2 + length
    return components, 0


# ---- WEBP


def webp_size(
    data: bytes,
) -> tuple[int, int]:  # width and height, pixels
    """Return the size that a WEBP's header states; (0, 0) where it has none.

    Pillow's decoder allocates as it opens.
    """
    kind = data[12:16]
    body = data[20:30]
    if len(body) < 10:
        return 0, 0
    if kind == b"VP8X":
        width = 1 + int.from_bytes(body[4:7], "little")
        height = 1 + int.from_bytes(body[7:10], "little")
        return width, height
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", body, 6)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        packed = int.from_bytes(body[1:5], "little")  # 14 bits each
        width = 1 + (packed & 0x3FFF)
        height = 1 + (packed >> 14 & 0x3FFF)
        return width, height
    return 0, 0
