"""Pictures for tests, drawn and encoded here, byte by byte where Pillow would not write them."""

from __future__ import annotations

import io
import signal
import struct
import zlib
from contextlib import contextmanager

import numpy as np
import PIL
import pytest
from PIL import Image

from cxr_fastai.core import ImageRejected
from cxr_fastai.images import REASONS, read

H, W = 64, 71
GRAY = (
    np.random.default_rng(0).permutation(np.arange(H * W) % 256).reshape(H, W).astype(np.uint8)
)  # all levels
L = Image.fromarray(GRAY)
PILLOW = int(PIL.__version__.split(".")[0])
SMOOTH = Image.fromarray(
    np.add.outer(np.arange(64) * 2, np.arange(80)).astype(np.uint8)
)  # survives JPEG


def saved(im, form, **options) -> bytes:
    out = io.BytesIO()
    im.save(out, form, **options)
    return out.getvalue()


def tiff(
    levels, photometric=1, order="<", bits=16, extra=None, photometric_type=3, deflate=False
) -> bytes:
    "A one-strip TIFF, its directory before its pixels, spelled out: Pillow cannot write most of these."
    levels = np.asarray(levels)
    h, w, channels = (*levels.shape, 1)[:3]
    body = {
        1: lambda: np.packbits(levels.astype(bool), axis=1),
        8: lambda: levels.astype(np.uint8),
        16: lambda: levels.astype(order + "u2"),
    }[bits]().tobytes()
    if deflate:
        body = zlib.compress(body)

    def number(kind, n):
        return struct.pack(order + "HH", n, 0) if kind == 3 else struct.pack(order + "I", n)

    depths = struct.pack(order + f"{channels}H", *[bits] * channels)
    extras = [] if extra is None else [(338, 3, 1, number(3, extra))]
    count = 9 + len(extras)
    start = 8 + len(depths) + 2 + 12 * count + 4
    entries = [
        (256, 3, 1, number(3, w)),
        (257, 3, 1, number(3, h)),
        (258, 3, channels, depths.ljust(4, b"\0") if channels <= 2 else number(4, 8)),
        (259, 3, 1, number(3, 8 if deflate else 1)),
        (262, photometric_type, 1, number(photometric_type, photometric)),
        (273, 4, 1, number(4, start)),
        (277, 3, 1, number(3, channels)),
        (278, 3, 1, number(3, h)),
        (279, 4, 1, number(4, len(body))),
    ] + extras
    head = (
        (b"II*\0" if order == "<" else b"MM\0*")
        + struct.pack(order + "I", 8 + len(depths))
        + depths
    )
    directory = b"".join(struct.pack(order + "HHI", *e[:3]) + e[3] for e in entries)
    return head + struct.pack(order + "H", count) + directory + bytes(4) + body


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of(w, h, depth=8, colour=0, idat=b"", laced=0, extra=b"", deflate=zlib.compress) -> bytes:
    "A PNG of any claimed size; `extra` is chunks before the pixel data."
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, laced))
        + extra
        + png_chunk(b"IDAT", deflate(idat))
        + png_chunk(b"IEND", b"")
    )


def png_rows(levels) -> bytes:
    "The unfiltered rows that a PNG of these 8-bit levels deflates."
    return b"".join(b"\0" + np.ascontiguousarray(row).tobytes() for row in levels)


ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)


def laced_rows(levels) -> bytes:
    "The rows of an interlaced PNG."
    return b"".join(png_rows(levels[y::dy, x::dx]) for x, y, dx, dy in ADAM7)


def bmp_of(w, h) -> bytes:
    return (
        b"BM"
        + struct.pack("<IHHI", 60, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, w, h, 1, 24, 0, 0, 0, 0, 0, 0)
    )


GIF_BOMB = (
    b"GIF89a"
    + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0)
    + b"\x2c"
    + bytes(4)
    + b"\xff" * 4
    + b"\0\2\0;"
)

SOUND = {
    "PNG": saved(L, "PNG"),
    "PNG 16": saved(Image.fromarray(GRAY.astype(np.uint16) * 257), "PNG"),
    "JPEG": saved(SMOOTH, "JPEG"),
    "progressive": saved(SMOOTH.convert("RGB"), "JPEG", progressive=True),
    "TIFF": saved(L, "TIFF"),
    "LZW": saved(L, "TIFF", compression="tiff_lzw"),
    "deflate": tiff(GRAY, bits=8, deflate=True),
    "BMP": saved(L, "BMP"),
    "WEBP": saved(L.convert("RGB"), "WEBP", lossless=True),
    "GIF": saved(L, "GIF"),
}


def bent(data: bytes, at: int, by=1) -> bytes:
    "One byte of it changed."
    at %= len(data)
    return data[:at] + bytes([data[at] ^ by]) + data[at + 1 :]


def retagged(data: bytes, tag: int, kind=None, count=None, value=None) -> bytes:
    "A little-endian TIFF, an entry of its directory changed."
    (start,) = struct.unpack_from("<I", data, 4)
    for at in range(start + 2, start + 2 + 12 * struct.unpack_from("<H", data, start)[0], 12):
        found, k, n, v = struct.unpack_from("<HHII", data, at)
        if found != tag:
            continue
        new = [a if b is None else b for a, b in ((k, kind), (n, count), (v, value))]
        return data[:at] + struct.pack("<HHII", tag, *new) + data[at + 12 :]
    raise KeyError(tag)


def plain(levels, form="PNG", **options):
    return saved(Image.fromarray(levels), form, **options)


def rle_bmp() -> bytes:
    "An 8-bit BMP of runs of one pixel."
    rows = (
        b"".join(bytes(v for p in row for v in (1, p)) + b"\0\0" for row in GRAY[::-1].tolist())
        + b"\0\1"
    )
    palette = bytes(v for i in range(256) for v in (i, i, i, 0))
    head = struct.pack("<IiiHHIIiiII", 40, W, H, 1, 8, 1, len(rows), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 1078 + len(rows), 0, 0, 1078) + head + palette + rows


# ---- what tests of several files ask

TURNED = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.T,
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a.T, 2),
    8: np.rot90,
}


def rejection(source, **options) -> ImageRejected:
    "The rejection of `source`: one line, its reason among `REASONS`."
    with pytest.raises(ImageRejected) as e:
        read(source, **options)
    assert e.value.reason in REASONS and "\n" not in str(e.value)
    return e.value


def with_alpha(im, alpha) -> Image.Image:
    im = im.copy()
    im.putalpha(Image.fromarray(alpha))
    return im


def exif_of(orientation) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


SECONDS_OF_A_HANG = 60  # hostile files would take minutes; each ends here in milliseconds


@contextmanager
def hang_guard():
    """End what does not end by itself; it measures nothing."""

    def give_up(*_):
        pytest.fail(f"still busy after {SECONDS_OF_A_HANG} s")  # no Exception: nothing catches it

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(SECONDS_OF_A_HANG)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
