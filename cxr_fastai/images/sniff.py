"""What a file's first bytes say it is, before any decoder sees them.

Bytes -> a format's name, or the rejection of what is no format that is read. By content alone,
never by a name. It opens no file, makes no pixels, and puts no text of a file into a message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import product

from cxr_fastai.core import ImageRejected
from cxr_fastai.images.radiograph import rejected

__all__ = ["FORMATS", "SUFFIXES", "sniff", "unwelcome"]

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF", "MPO", "DICOM")
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
    "PPM": tuple(b"P%d%c" % pair for pair in product(range(1, 7), b" \t\r\n")),
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
# an element of group 2 or 8: of a value representation, or of less than 256 bytes without one
_BARE_DICOM = re.compile(
    rb"[\x02\x08]\0.\0(?:[A-Z]{2}|.\0\0\0)|\0[\x02\x08]\0.[A-Z]{2}",
    re.DOTALL,
)
_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)  # bytes; "BM" alone also begins words


def sniff(data: bytes) -> str | None:
    """Return the format by content: one of `FORMATS` (MPO counts as JPEG).

    None for anything else.
    """
    if data[128:132] == b"DICM":
        return "DICOM"
    by_magic = _first_match(data, _MAGIC)
    if by_magic:
        return by_magic
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[:2] == b"BM" and int.from_bytes(data[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    return None


def _first_match(
    data: bytes,
    magics: Mapping[str, tuple[bytes, ...]],  # name -> how data of it can begin
) -> str | None:
    """Return the first name one of whose beginnings the data has."""
    for name, beginnings in magics.items():
        if data.startswith(beginnings):
            return name
    return None


def unwelcome(
    data: bytes,  # that `sniff` does not know
    name: str,  # for messages
) -> ImageRejected:
    """Return the rejection of content that is on no list, named as far as its first bytes tell."""
    picture = _first_match(data, _OTHER_PICTURES)
    if data[4:8] == b"ftyp":
        picture = "AVIF, HEIC or video"
    if picture:
        text = f"{picture} is not read, only {', '.join(FORMATS)}"
        return rejected("format_not_allowed", name, text)
    if _BARE_DICOM.match(data):
        text = (
            "DICOM elements without the preamble of a DICOM file (DICM at byte 128); they are not "
            "read by force: save it as a DICOM file"
        )
        return rejected("not_an_image", name, text)
    other = _first_match(data, _OTHER_FILES) or _text_kind(data)
    return rejected("not_an_image", name, f"{other}, not an image")


def _text_kind(data: bytes) -> str:
    """Return what kind of text, or of nothing known, the data is."""
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith(b"<!doctype html") or b"<html" in head:
        return "an HTML page"
    if head.startswith(b"<"):
        return "an XML or SVG file"
    if not re.search(rb"[^\t\n\f\r\x20-\x7e\x80-\xff]", data[:1024]):
        return "text"
    return f"content of no known format (it starts with {data[:8].hex(' ')})"
