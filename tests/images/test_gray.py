"""A picture of any storage to 8-bit gray: colour, transparency."""

import numpy as np
import pytest
from pictures import (
    GRAY,
    PILLOW,
    SMOOTH,
    H,
    L,
    W,
    png_chunk,
    png_of,
    png_rows,
    saved,
    tiff,
    with_alpha,
)
from PIL import Image

from cxr_fastai.images import decode, read
from cxr_fastai.images.gray import flatten

DARK = (GRAY // 5).astype(np.uint8)  # at most 51: its 16-bit twin would fit into 14 bits


def twins(gray) -> dict:
    "The same picture in every storage."
    im, wide = Image.fromarray(gray), gray.astype(np.uint16) * 257
    rgb, shuffled = np.dstack([gray] * 3), np.random.default_rng(1).permutation(256)
    palette = Image.fromarray(shuffled.argsort()[gray].astype(np.uint8)).convert("P")
    palette.putpalette([int(v) for s in shuffled for v in (s, s, s)])
    opaque = np.full_like(gray, 255)
    files = {
        "L": saved(im, "PNG"),
        "RGB": saved(im.convert("RGB"), "PNG"),
        "P": saved(palette, "PNG"),
        "P gif": saved(palette, "GIF"),
        "P tiff": saved(palette, "TIFF"),
        "RGB bmp": saved(im.convert("RGB"), "BMP"),
        "RGBA": saved(with_alpha(im.convert("RGB"), opaque), "PNG"),
        "LA": saved(with_alpha(im, opaque), "PNG"),
        "webp": saved(im.convert("RGB"), "WEBP", lossless=True),
        "YCbCr": saved(im.convert("YCbCr"), "TIFF"),
        "16 png": saved(Image.fromarray(wide), "PNG"),
        "16 tiff": saved(Image.fromarray(wide), "TIFF"),
        "16 tiff lzw": saved(Image.fromarray(wide), "TIFF", compression="tiff_lzw"),
        "16 tiff big-endian": tiff(wide, order=">"),
        "32 tiff": saved(Image.fromarray(gray.astype(np.int32)), "TIFF"),
        "float tiff": saved(Image.fromarray(gray.astype(np.float32)), "TIFF"),
    }
    arrays = {
        "array": gray,
        "array 16": wide,
        "array rgb": rgb,
        "array rgb 16": rgb.astype(np.uint16) * 257,
        "array 1 channel": gray[..., None],
        "array la": np.dstack([gray, opaque]),
        "array rgba": np.dstack([rgb, opaque]),
        "array int64": gray.astype(np.int64),
        "array 0-255": gray.astype(np.float64),
        "array big-endian": wide.astype(">u2"),
        "array fortran": np.asfortranarray(gray),
        "array fortran 16": np.asfortranarray(wide),
    }
    return files | arrays


@pytest.mark.parametrize("storage", list(twins(GRAY)))
@pytest.mark.parametrize("gray", [GRAY, DARK], ids=["full", "dark"])
def test_the_same_picture_in_any_storage_gives_the_same_pixels(storage, gray):
    if storage == "YCbCr" and PILLOW < 13:
        pytest.skip("Pillow 12 cannot load an uncompressed YCbCr TIFF")
    pixels = decode(twins(gray)[storage])
    assert np.array_equal(pixels, gray) and pixels.flags.c_contiguous


def test_one_bit_becomes_black_and_white():
    r = read(saved(L.point(lambda v: 255 * (v > 127)).convert("1"), "PNG"))
    assert r.bits == 1 and r.mode == "1" and np.array_equal(r.pixels, np.where(GRAY > 127, 255, 0))
    assert np.array_equal(decode(GRAY > 127), r.pixels) and read(GRAY > 127).bits == 1


def test_transparency_is_laid_on_black():
    alpha = np.roll(GRAY, 7)
    expected = np.rint(GRAY * (alpha / 255)).astype(np.uint8)
    rgba, la = with_alpha(L.convert("RGB"), alpha), with_alpha(L, alpha)
    pa = np.dstack([GRAY, alpha])  # a palette that is a gray ramp
    for source in (
        saved(rgba, "PNG"),
        saved(la, "PNG"),
        saved(la, "TIFF"),
        saved(rgba, "WEBP", lossless=True, exact=True),
        palette_alpha_tiff(pa),
        np.dstack([GRAY, alpha]),
        np.dstack([GRAY, GRAY, GRAY, alpha]),
    ):
        r = read(source)
        assert np.array_equal(r.pixels, expected) and r.notes == ("alpha_composited",)


def palette_alpha_tiff(levels) -> bytes:
    im = Image.fromarray(levels)
    pa = Image.new("PA", im.size)
    pa.putpalette([v for i in range(256) for v in (i, i, i)])
    pa.im.putband(im.getchannel("L").im, 0)
    pa.putalpha(im.getchannel("A"))
    return saved(pa, "TIFF")


def test_premultiplied_alpha_is_not_multiplied_again():
    alpha = np.full((H, W), 128, np.uint8)
    if PILLOW >= 13:  # 12 refuses such a file, so that it is rejected
        r = read(tiff(np.dstack([GRAY // 2, alpha]), bits=8, extra=1))
        assert r.mode == "La" and np.array_equal(r.pixels, GRAY // 2)
    rgba = np.dstack([GRAY // 2] * 3 + [alpha])
    r = read(tiff(rgba, photometric=2, bits=8, extra=1))
    assert np.abs(r.pixels.astype(int) - GRAY // 2).max() <= 1


def test_modes_no_file_has_are_flattened_by_the_same_rules():
    alpha = Image.fromarray(np.full((H, W), 128, np.uint8))
    rgba = Image.merge("RGBA", [L, L, L, alpha])
    assert np.array_equal(
        flatten(rgba.convert("RGBa"), []), np.rint(GRAY * (128 / 255)).astype(np.uint8)
    )
    hsv = Image.merge("HSV", [Image.new("L", (W, H)), Image.new("L", (W, H)), L])
    assert np.array_equal(flatten(hsv, []), GRAY)
    la = Image.merge("LA", [L, alpha]).convert("La")
    assert np.array_equal(flatten(la, []), np.asarray(la.getchannel(0)))


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "I;16"])
def test_a_png_that_names_one_clear_level_has_it_black(mode):
    wide = mode == "I;16"
    im = Image.fromarray(GRAY.astype(np.uint16) * 257) if wide else L.convert(mode)
    clear = {
        "L": 200,
        "P": int(np.asarray(L.convert("P"))[GRAY == 200][0]),
        "RGB": (200,) * 3,
        "I;16": 200 * 257,
    }[mode]
    r = read(saved(im, "PNG", transparency=clear))
    assert np.array_equal(r.pixels, np.where(GRAY == 200, 0, GRAY)) and r.notes == (
        "alpha_composited",
    )


@pytest.mark.parametrize("bits", [2, 4])
@pytest.mark.parametrize("clear", [0, 1, 3])
def test_a_png_of_few_bits_that_names_a_clear_level_has_it_black(bits, clear):
    white = (1 << bits) - 1
    levels = (GRAY[:, :64] >> (8 - bits)).astype(np.uint8)
    places = np.arange(8 - bits, -1, -bits)  # of the levels in a byte, the first highest
    packed = (levels.reshape(64, -1, 8 // bits) << places).sum(axis=2).astype(np.uint8)
    chunk = png_chunk(b"tRNS", bytes([0, clear + 128]))  # bits beyond the depth say nothing
    r = read(png_of(64, 64, bits, 0, png_rows(packed), extra=chunk))
    assert np.array_equal(r.pixels, np.where(levels == clear, 0, levels * (255 // white)))
    assert r.notes == ("alpha_composited",)


def test_opaque_alpha_is_not_noted():
    assert read(saved(with_alpha(L, np.full((H, W), 255, np.uint8)), "PNG")).notes == ()


def test_an_adobe_inverted_cmyk_jpeg_is_not_a_negative():
    cmyk = SMOOTH.convert("RGB").convert("CMYK")
    data = saved(cmyk, "JPEG", quality=95)
    assert b"Adobe" in data
    r = read(data)
    assert r.mode == "CMYK" and r.notes == ("cmyk",)
    assert np.abs(r.pixels.astype(int) - np.asarray(SMOOTH)).max() <= 4
    assert np.array_equal(decode(saved(cmyk, "TIFF")), np.asarray(SMOOTH))


def test_a_lab_tiff_is_turned_to_gray():
    lab = Image.merge(
        "LAB", [L, Image.new("L", (W, H), 128), Image.new("L", (W, H), 128)]
    )  # neutral
    pixels = decode(saved(lab, "TIFF")).astype(int)
    order = np.argsort(GRAY, axis=None, kind="stable")
    assert (np.diff(pixels.ravel()[order]) >= 0).all() and np.ptp(pixels) > 200


def test_colour_is_weighed_as_luma():
    rgb = np.zeros((8, 8, 3), np.uint8)
    rgb[..., 0], rgb[:4, :, 1] = 200, 100
    assert decode(rgb)[0, 0] == round(0.299 * 200 + 0.587 * 100) and decode(rgb)[7, 0] == round(
        0.299 * 200
    )
