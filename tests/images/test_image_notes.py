"""pytest tests/test_image_notes.py

What is odd about a picture is read and noted, and no word that a file carries gets out of the decoder."""

import struct

import numpy as np
import pytest
from pictures import (
    GRAY,
    SMOOTH,
    SOUND,
    H,
    L,
    W,
    bent,
    laced_rows,
    plain,
    png_chunk,
    png_of,
    png_rows,
    rle_bmp,
    saved,
    tiff,
)
from PIL import Image, PngImagePlugin

from cxr_fastai.core import ImageRejected
from cxr_fastai.images import NOTES, read

RGB, NEGATIVE = L.convert("RGB"), L.point(lambda v: 255 - v)


# ---- odd, but sound: read, and noted


def looped_tiff() -> bytes:
    "A TIFF whose next directory is its first."
    data = tiff(GRAY, bits=8)
    (start,) = struct.unpack_from("<I", data, 4)
    end = start + 2 + 12 * struct.unpack_from("<H", data, start)[0]
    return data[:end] + struct.pack("<I", start) + data[end + 4 :]


def with_text(key: bytes, kind=b"tEXt") -> bytes:
    return png_of(W, H, idat=png_rows(GRAY), extra=png_chunk(kind, key + b"\0DOE^JANE"))


def exif(**tags) -> Image.Exif:
    out = Image.Exif()
    for tag, value in tags.items():
        out[int(tag[1:])] = value
    return out


GIF_XMP = b"\x21\xff\x0bXMP DataXMP\x0c<x:xmpmeta/>\0"


def colour(share: int) -> bytes:
    "A gray picture with a red square over one of `share` parts of its rows and columns."
    levels = np.dstack([GRAY] * 3)
    levels[: H // share, : W // share] = 255, 0, 0
    return plain(levels)


ONE_FRAME = png_chunk(b"acTL", struct.pack(">II", 1, 0)) + png_chunk(
    b"fcTL", struct.pack(">IIIIIHHBB", 0, W, H, 0, 0, 1, 1, 0, 0)
)

ODD = {
    "pages of a TIFF": (
        lambda: saved(L, "TIFF", save_all=True, append_images=[NEGATIVE]),
        {"first_frame"},
    ),
    "pages of a TIFF in a circle": (looped_tiff, set()),
    "APNG of one frame": (lambda: png_of(W, H, idat=png_rows(GRAY), extra=ONE_FRAME), set()),
    "interlaced PNG": (lambda: png_of(W, H, laced=1, idat=laced_rows(GRAY)), set()),
    "more pixel data than rows": (lambda: png_of(W, H, idat=png_rows(GRAY) + bytes(5000)), set()),
    "bytes behind the end": (lambda: SOUND["PNG"] + b"<html>", set()),
    "BMP of runs": (rle_bmp, set()),
    "PNG text": (lambda: with_text(b"Patient"), {"metadata_dropped"}),
    "PNG text behind the pixels": (
        lambda: SOUND["PNG"][:-12] + png_chunk(b"tEXt", b"a\0b") + SOUND["PNG"][-12:],
        {"metadata_dropped"},
    ),
    "PNG EXIF": (lambda: saved(L, "PNG", exif=exif(_315="DOE^JANE")), {"metadata_dropped"}),
    "PNG EXIF of orientation alone": (lambda: saved(L, "PNG", exif=exif(_274=1)), set()),
    "TIFF description": (
        lambda: saved(L, "TIFF", tiffinfo={270: "DOE^JANE"}),
        {"metadata_dropped"},
    ),
    "TIFF with a private tag": (
        lambda: saved(L, "TIFF", tiffinfo={40001: "DOE^JANE"}),
        {"metadata_dropped"},
    ),
    "GIF comment": (lambda: saved(L, "GIF", comment=b"DOE^JANE"), {"metadata_dropped"}),
    "GIF XMP": (
        lambda: SOUND["GIF"].replace(b"\x2c\0\0\0\0", GIF_XMP + b"\x2c\0\0\0\0", 1),
        {"metadata_dropped"},
    ),
    "WEBP XMP": (
        lambda: saved(RGB, "WEBP", lossless=True, xmp=b"<x:xmpmeta/>"),
        {"metadata_dropped"},
    ),
    "a red corner": (lambda: colour(16), {"colour_marks"}),
}


@pytest.mark.parametrize("what", ODD)
def test_what_is_odd_but_sound_is_read_and_noted(what):
    make, notes = ODD[what]
    r = read(make())
    assert set(r.notes) == notes <= set(NOTES)
    assert np.array_equal(r.pixels[8:, 8:], GRAY[8:, 8:]) and r.pixels.shape == GRAY.shape


@pytest.mark.parametrize(
    "options,noted",
    [
        ({}, False),
        ({"dpi": (9, 9)}, False),
        ({"icc_profile": b"x" * 200}, False),
        ({"exif": exif(_274=1)}, False),
        ({"comment": b"DOE^JANE"}, True),
        ({"exif": exif(_271="x")}, True),
        ({"xmp": b"<x:xmpmeta/>"}, True),
    ],
)
def test_words_in_a_jpeg_are_told_from_what_it_needs(options, noted):
    assert ("metadata_dropped" in read(saved(SMOOTH, "JPEG", **options)).notes) is noted


RAMP = np.add.outer(np.arange(100), np.arange(100)).astype(np.uint8)


@pytest.mark.parametrize(
    "pixels,notes",
    [
        (RAMP, ()),
        (RAMP // 64 + 90, ("near_constant",)),
        (RAMP[:63], ("tiny",)),
        (RAMP[:64], ()),
        (np.tile(RAMP, (1, 2)), ()),
        (np.tile(RAMP, (1, 2))[:99], ("unusual_aspect",)),
        (np.dstack([RAMP, RAMP, RAMP // 2]), ("tinted", "colour_marks")),
        (np.dstack([RAMP, RAMP, RAMP // 20 * 19]), ("tinted",)),
        (np.dstack([RAMP, RAMP, np.maximum(RAMP, 6) - 6]), ()),
    ],
)
def test_the_looks_of_a_picture_are_noted(pixels, notes):
    assert read(pixels).notes == notes


def test_stripes_that_fall_in_step_with_the_grid_are_not_flat():
    stripes = np.tile(np.arange(3) * 100, (96, 32)).astype(
        np.uint8
    )  # of 3 pixels, as many as from sample to sample
    assert read(stripes).notes == ()


def test_no_word_of_a_file_reaches_a_message():
    "Names of patients stand in EXIF, comments and texts; a damaged file is where they might slip out."
    name = b"DOE^JANE" * 4
    sound = [with_text(b"Patient", kind) for kind in (b"tEXt", b"zTXt", b"iTXt", b"eXIf")] + [
        saved(SMOOTH, "JPEG", comment=name, exif=exif(_315=name.decode())),
        saved(L, "GIF", comment=name),
        saved(L, "TIFF", tiffinfo={270: name.decode()}),
        saved(RGB, "WEBP", xmp=name),
        png_of(W, H, extra=png_chunk(b"DOEx", name)),
    ]
    rng, rejections = np.random.default_rng(0), 0
    for data in sound:
        for at in rng.integers(0, len(data), 60):
            try:
                read(bent(data, int(at), 0x55)[: max(int(at), len(data) * 9 // 10)])
            except ImageRejected as e:
                rejections += 1
                assert "JANE" not in str(e)
    assert rejections > 300


def test_a_message_of_pillow_that_quotes_the_file_is_cut(monkeypatch):
    def load(self):
        raise ValueError("invalid literal for int(): 'DOE^JANE 1970'")

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", load)
    with pytest.raises(ImageRejected) as e:
        read(SOUND["PNG"])
    assert "invalid literal" in str(e.value) and "DOE" not in str(e.value)
