"""What a file's bytes say it is, before any decoder sees them. Bytes in; a format's name, or the rejection, out.

`sniff` names the format by content alone; `check` walks the container, so that damage which Pillow passes over, and
files that would keep it busy for minutes, end here. Opens no file, makes no pixels, and puts no text of a file into a
message.
"""

from __future__ import annotations

import re
import struct
import zlib

from cxr_fastai.core import ImageRejected, one_line, printable

__all__ = [
    "FORMATS",
    "SUFFIXES",
    "MAX_CHUNKS",
    "MAX_PASSES",
    "MAX_VALUES",
    "sniff",
    "unwelcome",
    "check",
    "is_cut",
    "is_short",
    "webp_size",
    "tiff_tags",
    "black_is_zero",
    "has_words",
    "rejected",
]

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF", "MPO")
MAX_CHUNKS = 100_000  # of a PNG: at the usual 8 kB a chunk, more than the largest file that is read
MAX_PASSES = 100  # of a JPEG: each goes over all pixels again; progressive ones have about 10, a bomb thousands
MAX_SAMPLES = 6  # of a TIFF's pixel: as many as Pillow reads
MAX_VALUES = (
    1_000_000  # of one number tag of a TIFF: 64 megapixels in the smallest tiles have 250,000 tiles
)
SUFFIXES = {
    ".png": "PNG",
    ".apng": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".mpo": "JPEG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
    ".dib": "BMP",
    ".webp": "WEBP",
    ".gif": "GIF",
    ".dcm": "DICOM",
    ".dicom": "DICOM",
}
_MAGIC = {
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "JPEG": (b"\xff\xd8\xff",),
    "GIF": (b"GIF87a", b"GIF89a"),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"II\0*", b"MM*\0"),
}
_OTHER_PICTURES = {
    "PSD": (b"8BPS",),
    "EPS": (b"%!PS", b"\xc5\xd0\xd3\xc6"),
    "PDF": (b"%PDF",),
    "ICO": (b"\0\0\1\0",),
    "TGA": tuple(b"\0\0%c" % n + bytes(5) for n in (2, 3, 10, 11)),
    "CUR": (b"\0\0\2\0",),
    "JPEG 2000": (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),
    "JPEG XL": (b"\xff\x0a", b"\0\0\0\x0cJXL "),
    "DDS": (b"DDS ",),
    "ICNS": (b"icns",),
    "SGI": (b"\x01\xda",),
    "PPM": tuple(b"P%d%c" % (n, c) for n in range(1, 7) for c in b" \t\r\n"),
    "PFM": (b"PF\n", b"Pf\n"),
    "SUN": (b"\x59\xa6\x6a\x95",),
    "PCX": (b"\n\5\1",),
    "QOI": (b"qoif",),
    "FITS": (b"SIMPLE  =",),
    "BLP": (b"BLP1", b"BLP2"),
    "FTEX": (b"FTEX",),
    "WMF": (b"\xd7\xcd\xc6\x9a",),
    "GRIB": (b"GRIB",),
    "BUFR": (b"BUFR",),
    "MSP": (b"DanM", b"LinS"),
    "XPM": (b"/* XPM */",),
    "XBM": (b"#define ",),
    "NRRD": (b"NRRD000",),
    "MNG": (b"\x8aMNG\r\n\x1a\n",),
    "JNG": (b"\x8bJNG\r\n\x1a\n",),
    "PAM": (b"P7\n",),
    "FLIF": (b"FLIF",),
    "XCF": (b"gimp xcf",),
    "DJVU": (b"AT&TFORM",),
    "Radiance HDR": (b"#?RADIANCE",),
    "OpenEXR": (b"v/1\1",),
}
_OTHER_FILES = {
    "a Git LFS pointer, not the picture itself": (b"version https://git-lfs",),
    "a gzip archive": (b"\x1f\x8b",),
    "a ZIP archive": (b"PK\3\4", b"PK\5\6"),
    "a RAR archive": (b"Rar!",),
    "a 7-Zip archive": (b"7z\xbc\xaf",),
    "a side file of macOS (AppleDouble)": (b"\0\5\x16\7",),
    "a NumPy array file": (b"\x93NUMPY",),
    "an HDF5 file": (b"\x89HDF",),
}
_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)  # bytes; "BM" alone also begins words
_CHUNK = re.compile(rb"[A-Za-z]{4}")
_ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
_TIFF_NUMBERS = {3: "H", 4: "I", 16: "Q"}  # SHORT, LONG, LONG8
_TIFF_BLOBS = (1, 2, 6, 7)  # bytes and text, which a decoder takes whole
_TIFF_WORDS = {
    269,
    270,
    271,
    272,
    285,
    305,
    306,
    315,
    316,
    337,
    700,
}  # tags of text, dates, names, XMP
_ICC = 34675  # of the private tags, the one that tells colours alone
_PHOTOMETRIC = 262  # the tag: 0 is WhiteIsZero, 1 is BlackIsZero


def rejected(
    reason: str,  # a key of images.REASONS
    name: str,  # of the file, for people
    text,
) -> ImageRejected:
    return ImageRejected(reason, f"{printable(one_line(name))}: {one_line(text)}")


def sniff(data: bytes) -> str | None:
    """The format by content: one of `FORMATS` (MPO counts as JPEG) or DICOM; None for anything else."""
    if data[128:132] == b"DICM":
        return "DICOM"
    for kind, magics in _MAGIC.items():
        if data.startswith(magics):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[:2] == b"BM" and int.from_bytes(data[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    return None


def unwelcome(data: bytes, name: str) -> ImageRejected:
    """The rejection of content that is on no list, named by its first bytes as far as these tell."""
    picture = next(
        (what for what, magics in _OTHER_PICTURES.items() if data.startswith(magics)), None
    )
    if data[4:8] == b"ftyp":
        picture = "AVIF, HEIC or video"
    if picture:
        return rejected(
            "format_not_allowed", name, f"{picture} is not read, only {', '.join(FORMATS)}"
        )
    other = next(
        (what for what, magics in _OTHER_FILES.items() if data.startswith(magics)), None
    ) or _text_kind(data)
    return rejected("not_an_image", name, f"{other}, not an image")


def _text_kind(data: bytes) -> str:
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype html", b"<html")) or b"<html" in head:
        return "an HTML page"
    if head.startswith(b"<"):
        return "an XML or SVG file"
    if not re.search(rb"[^\t\n\f\r\x20-\x7e\x80-\xff]", data[:1024]):
        return "text"
    return f"content of no known format (it starts with {data[:8].hex(' ')})"


# ---- containers


def check(
    data: bytes,
    kind: str,  # as `sniff` names it
    name: str,
):
    """Raise `ImageRejected` where the container is cut, damaged, or built to keep a decoder busy."""
    if kind == "PNG":
        _check_png(data, name)
    if kind == "JPEG":
        _check_jpeg(data, name)
    if kind == "TIFF":
        _check_tiff(data, name)


def _check_png(data: bytes, name: str):
    """Lengths and checksums of all chunks. Pillow's load() passes over a wrong checksum of the pixel data."""
    view, at = memoryview(data), 8
    for _ in range(MAX_CHUNKS):
        size, kind = struct.unpack_from(">I4s", data, at) if at + 12 <= len(data) else (0, b"")
        end = at + 8 + size
        if not kind or end + 4 > len(data):
            reason = "truncated" if is_cut(data, "PNG") else "damaged"
            raise rejected(
                reason, name, f"{reason} PNG: it ends within a chunk, after {len(data):,} bytes"
            )
        if not _CHUNK.fullmatch(kind):
            raise rejected("damaged", name, f"damaged PNG: no chunk at byte {at:,}")
        if zlib.crc32(view[at + 4 : end]) != struct.unpack_from(">I", data, end)[0]:
            raise rejected(
                "damaged",
                name,
                f"damaged PNG: wrong checksum of its {kind.decode()} chunk at byte {at:,}",
            )
        if kind == b"IEND":
            return
        at = end + 4
    raise rejected("too_large", name, f"a PNG of more than {MAX_CHUNKS:,} chunks")


def _check_jpeg(data: bytes, name: str):
    """Its end, and the number of its scans. libjpeg takes zeros, as a stopped download leaves them, for gray."""
    at, components, scan = 2, 0, 0
    while at + 10 < len(data) and data[at] == 0xFF and not scan:
        marker = data[at + 1]
        if marker in (0xC0, 0xC1):
            components = data[at + 9]  # not progressive
        if marker == 0xDA:
            scan = at
        at += 2 + (data[at + 2] << 8 | data[at + 3])
    if data.rfind(b"\xff\xd9", scan) < 0:
        raise rejected("truncated", name, "truncated JPEG: it lacks the marker of its end")
    if scan and data[scan + 4] == components:
        return  # one scan of all components: a decoder looks at no other
    if (n := data.count(b"\xff\xda", scan)) > MAX_PASSES:
        raise rejected(
            "too_large", name, f"a JPEG in {n:,} passes, more than the limit of {MAX_PASSES}"
        )


def _check_tiff(data: bytes, name: str):
    try:
        order, tags = tiff_tags(data)
        samples = max(_tiff_numbers(data, order, tags, 277), default=1)
    except struct.error as e:
        raise rejected(
            "truncated", name, "truncated TIFF: its directory lies beyond the end of the file"
        ) from e
    if samples > MAX_SAMPLES:  # Pillow would log it as an error, on stderr
        raise rejected(
            "format_not_allowed",
            name,
            f"a TIFF of {samples:,} samples a pixel, more than {MAX_SAMPLES}",
        )
    for tag, (kind, count, _) in tags.items():
        if count > MAX_VALUES and kind not in _TIFF_BLOBS:
            raise rejected(
                "too_large",
                name,
                f"a TIFF whose tag {tag} has {count:,} values: at most {MAX_VALUES:,}",
            )


def is_short(data: bytes, kind: str) -> bool:
    """Whether a sound PNG or TIFF holds fewer rows than its header promises; Pillow leaves the rest black."""
    return _png_is_short(data) if kind == "PNG" else kind == "TIFF" and _tiff_is_short(data)


def _png_is_short(data: bytes) -> bool:
    """By inflating its pixel data."""
    w, h, depth, colour, _, _, laced = struct.unpack_from(">IIBBBBB", data, 16)
    bits = depth * {2: 3, 4: 2, 6: 4}.get(colour, 1)
    need, have, at, inflate = 0, 0, 8, zlib.decompressobj()
    for x, y, dx, dy in _ADAM7 if laced else ((0, 0, 1, 1),):
        columns, rows = -((x - w) // dx), -((y - h) // dy)
        if columns > 0 and rows > 0:
            need += rows * (1 + (columns * bits + 7) // 8)
    while have < need and at + 12 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IDAT":
            have += len(inflate.decompress(memoryview(data)[at + 8 : at + 8 + size], need - have))
        at += 12 + size
    return have < need


def _tiff_is_short(data: bytes) -> bool:
    """By the strips or tiles that it lists."""
    order, tags = tiff_tags(data)

    def first(tag, other):
        return (_tiff_numbers(data, order, tags, tag) or (other,))[0]

    w, h = first(256, 0), first(257, 0)
    wide, high = first(322, w), first(323, first(278, h))
    need = -(-w // wide) * -(-h // high) if wide and high else 0
    return tags.get(273, tags.get(324, (0, 0, 0)))[1] < need


def tiff_tags(data: bytes) -> tuple[str, dict[int, tuple[int, int, int]]]:
    """A TIFF's byte order, as struct has it, and its first directory: tag -> (type, count, byte its value stands at).
    Raises `struct.error` where the directory is cut.
    """
    order, big = "<" if data[:2] == b"II" else ">", b"+" in data[2:4]
    number, long, step, value = (
        ("Q", "Q", 20, 12) if big else ("H", "I", 12, 8)
    )  # BigTIFF, or the usual
    (start,) = struct.unpack_from(order + long, data, 8 if big else 4)
    if start > len(data):
        raise struct.error("directory beyond the end")
    (entries,) = struct.unpack_from(order + number, data, start)
    first, tags = start + struct.calcsize(order + number), {}
    if entries > 0xFFFF or first + entries * step > len(data):
        raise struct.error("directory beyond the end")
    for at in range(first, first + entries * step, step):
        tag, kind, count = struct.unpack_from(order + "HH" + long, data, at)
        tags[tag] = kind, count, at + value
    return order, tags


def _tiff_numbers(data: bytes, order: str, tags: dict, tag: int) -> tuple[int, ...]:
    """Values of a tag of whole numbers; () where it is absent or of another type."""
    kind, count, at = tags.get(tag, (0, 0, 0))
    if kind not in _TIFF_NUMBERS or count > MAX_VALUES:
        return ()
    code, long = _TIFF_NUMBERS[kind], "Q" if b"+" in data[2:4] else "I"
    if count * struct.calcsize(code) > struct.calcsize(long):
        (at,) = struct.unpack_from(order + long, data, at)
    return struct.unpack_from(f"{order}{count}{code}", data, at)


def webp_size(data: bytes) -> tuple[int, int]:
    """(width, height) that a WEBP's header states; (0, 0) where it has none. Pillow's decoder allocates as it opens."""
    kind, body = data[12:16], data[20:30]
    if len(body) < 10:
        return 0, 0
    if kind == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if kind == b"VP8 ":
        return tuple(n & 0x3FFF for n in struct.unpack_from("<HH", body, 6))
    packed = int.from_bytes(body[1:5], "little")
    return (1 + (packed & 0x3FFF), 1 + (packed >> 14 & 0x3FFF)) if kind == b"VP8L" else (0, 0)


def black_is_zero(data: bytes) -> bytes | None:
    """A TIFF whose PhotometricInterpretation is WhiteIsZero, marked BlackIsZero; None for any other. As it is, Pillow
    inverts 1 to 8 bits, leaves 16 and refuses big-endian 16; marked so it inverts none, and the caller all.
    """
    order, tags = tiff_tags(data)
    if _PHOTOMETRIC not in tags:
        return None
    kind, _, at = tags[_PHOTOMETRIC]
    code = order + ("I" if kind == 4 else "H")
    if struct.unpack_from(code, data, at)[0] != 0:
        return None
    return data[:at] + struct.pack(code, 1) + data[at + struct.calcsize(code) :]


def has_words(data: bytes) -> bool:
    """Whether a TIFF carries descriptions, names, dates, or private tags that may hold such."""
    return any(tag in _TIFF_WORDS or tag >= 32768 and tag != _ICC for tag in tiff_tags(data)[1])


def is_cut(data: bytes, kind: str) -> bool:
    """Whether a file that did not decode lacks its end."""
    if kind == "PNG":
        return b"IEND\xaeB`\x82" not in data
    if kind == "JPEG":
        return b"\xff\xd9" not in data[-64:]
    if kind == "GIF":
        return b";" not in data[-16:]
    if kind == "WEBP":
        return 8 + int.from_bytes(data[4:8], "little") > len(data)
    if kind == "BMP":
        return int.from_bytes(data[2:6], "little") > len(data)
    try:
        found = tiff_tags(data)
        starts = _tiff_numbers(data, *found, 273) or _tiff_numbers(
            data, *found, 324
        )  # StripOffsets, TileOffsets
        sizes = _tiff_numbers(data, *found, 279) or _tiff_numbers(data, *found, 325)
        return any(a + n > len(data) for a, n in zip(starts, sizes))
    except (struct.error, OverflowError):
        return True
