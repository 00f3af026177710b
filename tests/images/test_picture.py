"""Pillow under the rules of this library: upright, strict, silent, on many threads."""

import struct
import time
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from pictures import (
    GRAY,
    SMOOTH,
    SOUND,
    TURNED,
    L,
    exif_of,
    png_of,
    rejection,
    saved,
    with_alpha,
)
from PIL import Image, ImageFile, PngImagePlugin

from cxr_fastai import images
from cxr_fastai.core import ImageRejected
from cxr_fastai.images import decode, read


@pytest.mark.parametrize(
    "form,options",
    [
        ("PNG", {}),
        ("JPEG", {"quality": 95}),
        ("TIFF", {}),
        ("BMP", {}),
        ("WEBP", {"quality": 95}),
        ("GIF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"big_tiff": True}),
    ],
)
def test_every_format_gives_upright_uint8_gray(form, options):
    r = read(saved(SMOOTH, form, **options))
    assert (r.format, r.bits, r.width, r.height, r.notes) == (form, 8, 80, 64, ())
    assert r.pixels.dtype == np.uint8 and r.pixels.shape == (64, 80) and r.pixels.flags.c_contiguous
    assert np.abs(r.pixels.astype(int) - np.asarray(SMOOTH)).max() <= 4


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize(
    "form,options",
    [
        ("PNG", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("WEBP", {"lossless": True}),
        ("JPEG", {"quality": 95}),
    ],
)
def test_all_eight_orientations_come_out_upright(form, options, orientation):
    picture = SMOOTH if form == "JPEG" else L
    extra = {"tiffinfo": {274: orientation}} if form == "TIFF" else {"exif": exif_of(orientation)}
    r = read(saved(picture, form, **options, **extra))
    expected = TURNED[orientation](np.asarray(picture))
    assert r.pixels.shape == expected.shape == (r.height, r.width) and r.pixels.flags.c_contiguous
    assert np.abs(r.pixels.astype(int) - expected).max() <= (4 if form == "JPEG" else 0)
    assert r.notes == (() if orientation == 1 else ("exif_rotated",))


@pytest.mark.parametrize("orientation", [3, 6])
def test_16_bit_palette_and_transparent_pictures_are_turned_too(orientation):
    wide, clear = Image.fromarray(GRAY.astype(np.uint16) * 257), with_alpha(L, GRAY)
    for im, gray in ((wide, GRAY), (L.convert("P"), GRAY), (clear, decode(saved(clear, "PNG")))):
        r = read(saved(im, "PNG", exif=exif_of(orientation)))
        assert np.array_equal(r.pixels, TURNED[orientation](gray)) and "exif_rotated" in r.notes
    assert np.array_equal(
        decode(saved(wide, "TIFF", tiffinfo={274: orientation})), TURNED[orientation](GRAY)
    )


def test_an_orientation_in_xmp_counts_and_a_broken_exif_does_not_cost_the_picture():
    info = PngImagePlugin.PngInfo()
    info.add_itxt(
        "XML:com.adobe.xmp", '<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    )
    r = read(saved(L, "PNG", pnginfo=info))
    assert np.array_equal(r.pixels, TURNED[6](GRAY)) and r.notes == (
        "metadata_dropped",
        "exif_rotated",
    )
    r = read(saved(L, "PNG", exif=b"Exif\0\0II*\0\xff\xff\xff"))
    assert np.array_equal(r.pixels, GRAY) and r.notes == ("exif_unreadable", "metadata_dropped")


@pytest.mark.parametrize("form,options", [("TIFF", {}), ("MPO", {"quality": 95})])
def test_of_several_pages_the_first_is_read_and_that_is_noted(form, options):
    first = SMOOTH.convert("RGB") if form == "MPO" else SMOOTH
    r = read(
        saved(first, form, save_all=True, append_images=[first.point(lambda v: 255 - v)], **options)
    )
    assert np.abs(r.pixels.astype(int) - np.asarray(SMOOTH)).max() <= (4 if form == "MPO" else 0)
    assert (r.format, r.notes) == (form, ("first_frame",))


def test_the_extension_is_not_trusted_but_a_wrong_one_is_noted(tmp_path):
    wrong = ("extension_mismatch",)
    for name, notes in (
        ("a.jpg", wrong),
        ("a.JPG", wrong),
        ("a.dcm", wrong),
        ("a.PNG", ()),
        ("a", ()),
        ("a.v2", ()),
    ):
        (tmp_path / name).write_bytes(saved(L, "PNG"))
        r = read(tmp_path / name)
        assert r.format == "PNG" and r.notes == notes and np.array_equal(r.pixels, GRAY)


def test_pillows_bomb_warning_is_an_error(monkeypatch):
    monkeypatch.setattr(
        Image, "MAX_IMAGE_PIXELS", 1000
    )  # from there to twice that, Pillow only warns
    data = bytearray(saved(L.resize((40, 40)), "GIF"))
    data[6:10] = struct.pack("<HH", 24, 24)  # a frame larger than its screen
    e = rejection(bytes(data))
    assert e.reason == "too_large" and "1600" in str(e)


@pytest.mark.parametrize(
    "error,reason",
    [
        (MemoryError, "too_large"),
        (Image.DecompressionBombError, "too_large"),
        (Image.DecompressionBombWarning, "too_large"),
        (OSError, "damaged"),
        (SyntaxError, "damaged"),
        (ValueError, "damaged"),
        (EOFError, "damaged"),
        (KeyError, "damaged"),
        (struct.error, "damaged"),
        (zlib.error, "damaged"),
        (OverflowError, "damaged"),
        (IndexError, "damaged"),
        (TypeError, "damaged"),
        (AttributeError, "damaged"),
        (AssertionError, "damaged"),
        (RuntimeError, "damaged"),
    ],
)
def test_whatever_pillow_raises_is_a_rejection(monkeypatch, error, reason):
    def load(*a, **k):
        raise error

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", load)
    e = rejection(SOUND["PNG"])
    assert e.reason == reason and isinstance(e.__cause__, error) and not str(e).endswith(": ")


def test_a_mistake_in_this_code_is_not_taken_for_damage(monkeypatch):
    def typo(*a):
        raise NameError("typo")

    monkeypatch.setattr(images.picture, "to_gray", typo)
    with pytest.raises(NameError):
        read(SOUND["PNG"])


def test_the_importing_programs_settings_are_obeyed_nowhere_and_left_alone(monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    filters = list(warnings.filters)
    for which in ("JPEG", "BMP", "GIF", "PNG"):
        assert rejection(SOUND[which][: len(SOUND[which]) * 9 // 10]).reason == "truncated"
        read(SOUND[which])
    assert rejection(png_of(10_000, 9_000)).reason == "too_large"
    assert (
        ImageFile.LOAD_TRUNCATED_IMAGES is True
        and Image.MAX_IMAGE_PIXELS is None
        and warnings.filters == filters
    )


def test_nothing_is_printed_or_warned(capfd):
    noisy = (
        SOUND["TIFF"][:-9],
        saved(L, "TIFF", compression="tiff_lzw")[:-3],
        png_of(10_000, 9_000),
        SOUND["JPEG"][:99],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for data in noisy:
            try:
                read(data)
            except ImageRejected:
                pass
    assert capfd.readouterr().out == ""


def test_threads_read_alike_and_leave_the_warning_filters_alone():
    sources = [
        SOUND["PNG"],
        SOUND["TIFF"],
        SOUND["GIF"],
        SOUND["BMP"],
        png_of(10_000, 9_000),
        SOUND["JPEG"][:300],
    ] * 30

    def one(data):
        try:
            return decode(data).tobytes()
        except ImageRejected as e:
            return str(e)

    filters = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        many = list(pool.map(one, sources))
    assert many == [one(s) for s in sources] and warnings.filters == filters


def test_one_thread_at_a_time_holds_the_warning_filters(monkeypatch):
    inside, most = [], []

    def slow(file):
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.01)
        inside.pop()
        return PngImagePlugin.PngImageFile(file)

    monkeypatch.setitem(images.picture.OPENERS, "PNG", slow)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(decode, [SOUND["PNG"]] * 8))
    assert max(most) == 1
