"""pytest tests/test_images.py

The decoder, on pictures drawn here. One test walks a sample of real radiographs, where they are at hand."""

import io
import os
import struct
import time
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from pictures import GIF_BOMB, GRAY, PILLOW, SMOOTH, SOUND, H, L, W, bmp_of, png_of, saved, tiff
from PIL import Image, ImageFile, PngImagePlugin

from cxr_fastai import images
from cxr_fastai.core import ImageRejected, UsageError
from cxr_fastai.images import NOTES, REASONS, decode, is_image_name, read, resize, write_png
from cxr_fastai.images.gray import flatten


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


# ---- what comes out


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


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_from_0_to_1_are_scaled_and_rounded(dtype):
    assert np.array_equal(decode((GRAY / 255).astype(dtype)), GRAY)


def test_a_16_bit_ramp_keeps_256_levels_and_its_order():
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    im = Image.fromarray(ramp)
    for source in (saved(im, "PNG"), saved(im, "TIFF"), tiff(ramp, order=">"), ramp):
        r = read(source)
        flat = r.pixels.ravel().astype(int)
        assert r.bits == 16 and len(set(flat)) == 256 and (np.diff(flat) >= 0).all()
        assert np.bincount(flat).max() <= 257  # no level swallows its neighbours, as clipping would


@pytest.mark.parametrize(
    "top,bits",
    [
        (200, 8),
        (255, 8),
        (256, 10),
        (1023, 10),
        (1024, 12),
        (4095, 12),
        (4096, 14),
        (16383, 14),
        (16384, 16),
        (65534, 16),
    ],
)
def test_a_16_bit_container_is_scaled_by_the_depth_it_uses(top, bits):
    levels = np.linspace(0, top, H * W).astype(np.uint16).reshape(H, W)
    expected = [
        (v * 255 * 2 + (1 << bits) - 1) // (2 * ((1 << bits) - 1)) for v in levels.ravel().tolist()
    ]  # rounded
    for source in (
        saved(Image.fromarray(levels), "PNG"),
        tiff(levels, order=">"),
        levels.astype(np.int32),
    ):
        r = read(source)
        assert r.bits == bits and r.pixels.ravel().tolist() == expected


@pytest.mark.parametrize(
    "values,bits,notes,expected",
    [
        ([-1000, 0, 3000], 32, ("range_stretched",), [0, 64, 255]),
        ([0, 4095, 4095], 12, (), [0, 255, 255]),
        ([0, 35000, 70000], 32, ("range_stretched",), [0, 128, 255]),
        ([-7, -7, -6], 32, ("range_stretched",), [0, 0, 255]),
    ],
)
@pytest.mark.filterwarnings("error")
def test_32_bit_integers_are_16_bit_ones_where_they_fit_and_stretched_where_not(
    values, bits, notes, expected
):
    levels = np.tile(np.array(values, np.int32), (64, 24))
    for source in (saved(Image.fromarray(levels), "TIFF"), levels):
        r = read(source)
        assert (r.bits, r.notes, r.pixels[0, :3].tolist()) == (bits, notes, expected)


@pytest.mark.parametrize(
    "values,notes,expected",
    [
        ([0, 0.25, 1], (), [0, 64, 255]),
        ([0, 100.4, 255], (), [0, 100, 255]),
        ([-1, 0, 1], ("range_stretched",), [0, 128, 255]),
        ([0, 500, 1000], ("range_stretched",), [0, 128, 255]),
    ],
)
def test_floats_are_scaled_by_their_range_and_noted_where_that_is_a_guess(values, notes, expected):
    levels = np.tile(np.array(values, np.float32), (64, 24))
    for source in (saved(Image.fromarray(levels), "TIFF"), levels):
        r = read(source)
        assert (r.bits, r.notes, r.pixels[0, :3].tolist()) == (32, notes, expected)


def test_the_whole_range_of_doubles_is_stretched_without_overflow():
    levels = np.tile([-1.7e308, 0, 1.7e308], (8, 3))
    assert decode(levels)[0, :3].tolist() == [0, 128, 255]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_rejected(bad):
    levels = np.zeros((9, 9), np.float32)
    levels[4, 4] = bad
    for source in (levels, saved(Image.fromarray(levels), "TIFF")):
        assert rejection(source).reason == "not_finite"


# ---- which way is white


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits,scale", [(1, None), (8, 1), (16, 257), (16, 16)])
@pytest.mark.parametrize("photometric_type", [3, 4], ids=["short", "long"])
def test_a_white_is_zero_tiff_is_inverted_exactly_once(bits, scale, order, photometric_type):
    levels = GRAY > 127 if bits == 1 else GRAY.astype(np.uint16) * scale
    black, white = (
        read(tiff(levels, p, order, bits, photometric_type=photometric_type)) for p in (1, 0)
    )
    assert np.array_equal(white.pixels, 255 - black.pixels) and np.ptp(black.pixels) > 200
    assert (black.notes, white.notes) == ((), ("white_is_zero",)) and white.bits == black.bits
    if scale != 16:
        assert np.array_equal(black.pixels, (levels * 255).astype(np.uint8) if bits == 1 else GRAY)


@pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}, {"big_tiff": True}])
def test_a_white_is_zero_tiff_of_pillow_comes_back_as_it_went(options):
    r = read(saved(L, "TIFF", tiffinfo={262: 0}, **options))
    assert np.array_equal(r.pixels, GRAY) and r.notes == ("white_is_zero",)


def test_a_white_is_zero_fax_comes_back_as_it_went():
    bilevel = L.point(lambda v: 255 * (v > 127)).convert("1")
    data = saved(bilevel, "TIFF", compression="group4", tiffinfo={262: 0})
    assert np.array_equal(decode(data), np.where(GRAY > 127, 255, 0)) and read(data).bits == 1


# ---- upright

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


def exif_of(orientation) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


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


# ---- colour, transparency, frames


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


def test_16_bit_colour_is_read_by_its_high_byte_and_noted():
    rows = np.dstack([GRAY.astype(">u2") * 257] * 3).astype(">u2")
    idat = b"".join(b"\0" + row.tobytes() for row in rows)
    r = read(png_of(W, H, 16, 2, idat))
    assert np.array_equal(r.pixels, GRAY) and r.notes == ("high_byte_only",)


@pytest.mark.parametrize("form,options", [("TIFF", {}), ("MPO", {"quality": 95})])
def test_of_several_pages_the_first_is_read_and_that_is_noted(form, options):
    first = SMOOTH.convert("RGB") if form == "MPO" else SMOOTH
    r = read(
        saved(first, form, save_all=True, append_images=[first.point(lambda v: 255 - v)], **options)
    )
    assert np.abs(r.pixels.astype(int) - np.asarray(SMOOTH)).max() <= (4 if form == "MPO" else 0)
    assert (r.format, r.notes) == (form, ("first_frame",))


# ---- what is turned away

DICOM = bytes(128) + b"DICM" + b"\x02\0\0\0UL\x04\0" + bytes(64)
OFF_THE_LIST = {
    "PPM": "RGB",
    "ICO": "RGB",
    "JPEG2000": "RGB",
    "DDS": "RGB",
    "EPS": "RGB",
    "SGI": "RGB",
    "PCX": "RGB",
    "QOI": "RGB",
    "PDF": "RGB",
    "AVIF": "RGB",
    "ICNS": "RGB",
    "XBM": "1",
    "MSP": "1",
    "BLP": "P",
}


@pytest.mark.parametrize("form", OFF_THE_LIST)
def test_a_format_off_the_list_is_named_and_not_opened(form, tmp_path):
    try:
        data = saved(L.resize((32, 32)).convert(OFF_THE_LIST[form]), form)
    except (OSError, KeyError) as e:
        pytest.skip(f"this Pillow does not write {form}: {e}")
    (tmp_path / "chest.png").write_bytes(data)
    e = rejection(tmp_path / "chest.png")
    assert e.reason == "format_not_allowed" and form[:4] in str(e).replace(" ", "")


@pytest.mark.parametrize(
    "head,what",
    [
        (b"8BPS\0\1", "PSD"),
        (b"\0\0\0\x20ftypheic", "HEIC"),
        (b"SIMPLE  =     T", "FITS"),
        (b"\x59\xa6\x6a\x95", "SUN"),
        (b"\0\0\2\0\1\0", "CUR"),
        (b"\xff\x0a", "JPEG XL"),
    ],
)
def test_the_heads_of_other_picture_formats_are_known(head, what):
    e = rejection(head + bytes(300))
    assert e.reason == "format_not_allowed" and what in str(e)


@pytest.mark.parametrize(
    "data,what",
    [
        (b"<!DOCTYPE html><html><title>Sign in</title>" + b" " * 300, "HTML"),
        (b"\xef\xbb\xbf\n <html>", "HTML"),
        (b'{"error": 404}', "text"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (b"PK\3\4" + bytes(40), "ZIP"),
        (b"<svg/>", "SVG"),
        (b"\0\5\x16\7" + bytes(80), "AppleDouble"),
        (b"BMW and other makes, in plain text", "text"),
        (b"\x93NUMPY\1\0", "NumPy"),
        (bytes(1000), "no known format"),
        (np.random.default_rng(0).bytes(4000), "no known format"),
        (b"x", "text"),
    ],
)
def test_what_is_no_picture_is_said_to_be_what_it_is(data, what):
    e = rejection(data)
    assert e.reason == "not_an_image" and what in str(e)


def test_dicom_is_told_by_its_content_and_refused_by_name(tmp_path):
    (tmp_path / "chest.png").write_bytes(DICOM)
    e = rejection(tmp_path / "chest.png")
    assert e.reason == "dicom" and "DICOM is not read yet" in str(e)


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


@pytest.mark.parametrize("which", SOUND)
@pytest.mark.parametrize("part", [0.5, 0.8, 0.95])
def test_a_truncated_picture_is_rejected_as_truncated(which, part):
    data = SOUND[which][: int(len(SOUND[which]) * part)]
    e = rejection(data, name="chest.png")
    assert e.reason == "truncated" and str(e).startswith("chest.png: truncated ")


def test_a_wrong_checksum_of_the_pixel_data_is_damage():
    data = SOUND["PNG"]
    end = data.index(b"IEND") - 4
    bent = data[: end - 1] + bytes([data[end - 1] ^ 1]) + data[end:]
    Image.open(io.BytesIO(bent)).load()  # Pillow's load() alone takes it
    e = rejection(bent)
    assert e.reason == "damaged" and "damaged PNG" in str(e)


def test_a_jpeg_of_noise_is_damaged_and_a_tiff_of_an_odd_kind_is_not_allowed():
    assert rejection(b"\xff\xd8\xff\xe0" + bytes(400) + b"\xff\xd9").reason == "damaged"
    entry = struct.pack("<HHI", 258, 3, 1)
    odd = tiff(GRAY).replace(entry + b"\x10", entry + b"\x0b")  # 11 bits
    assert rejection(odd).reason == "format_not_allowed"


@pytest.mark.parametrize(
    "data",
    [
        png_of(8001, 8000),
        png_of(30_000, 30_000),
        png_of(10_000, 9_000),
        bmp_of(9_000, 9_500),
        GIF_BOMB,
    ],
    ids=["ours", "error", "warning", "bmp", "gif"],
)
def test_a_decompression_bomb_is_refused_by_its_header_without_a_warning(data, capfd):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        assert rejection(data).reason == "too_large"
    assert not seen and capfd.readouterr() == ("", "")


def test_pillows_bomb_warning_is_an_error(monkeypatch):
    monkeypatch.setattr(
        Image, "MAX_IMAGE_PIXELS", 1000
    )  # from there to twice that, Pillow only warns
    data = bytearray(saved(L.resize((40, 40)), "GIF"))
    data[6:10] = struct.pack("<HH", 24, 24)  # a frame larger than its screen
    e = rejection(bytes(data))
    assert e.reason == "too_large" and "1600" in str(e)


def test_the_pixel_limit_is_ours_and_exact(monkeypatch):
    monkeypatch.setattr(images.size, "MAX_PIXELS", H * W)
    assert read(SOUND["PNG"]).pixels.size == H * W and read(GRAY).pixels.size == H * W
    monkeypatch.setattr(images.size, "MAX_PIXELS", H * W - 1)
    assert rejection(SOUND["PNG"]).reason == rejection(GRAY).reason == "too_large"


def test_a_file_of_too_many_bytes_is_not_read_into_memory(monkeypatch, tmp_path):
    monkeypatch.setattr(images.size, "MAX_BYTES", 100)
    (tmp_path / "a.png").write_bytes(bytes(101))
    monkeypatch.setattr("builtins.open", None)
    assert rejection(tmp_path / "a.png").reason == rejection(bytes(101)).reason == "too_large"


def test_too_few_pixels_are_rejected_and_the_least_is_read():
    for w, h, fine in ((8, 8, True), (7, 100, False), (100, 7, False)):
        a = np.add.outer(np.arange(h), np.arange(w)).astype(np.uint8)
        for source in (a, saved(Image.fromarray(a), "PNG")):
            if fine:
                assert read(source).width == 8
            else:
                assert rejection(source).reason == "too_small"


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2, 3, 4, 5)),
        np.zeros(9),
        np.zeros((3, 28, 28)),
        np.zeros((9, 9, 5)),
        np.zeros((9, 9), complex),
        np.full((9, 9), "x"),
        np.full((9, 9), None),
    ],
)
def test_an_array_of_another_shape_or_type_is_no_picture(array):
    assert rejection(array).reason == "not_an_image"


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


# ---- where it comes from


def test_paths_bytes_files_and_arrays_are_all_read(tmp_path):
    file = tmp_path / "ü \U0001f600 -a.png"
    file.write_bytes(SOUND["PNG"])
    with open(file, "rb") as f:
        f.read(5)  # a caller's look at the head does no harm
        data = SOUND["PNG"]
        for source in (
            file,
            str(file),
            data,
            bytearray(data),
            memoryview(data),
            io.BytesIO(data),
            f,
            GRAY,
        ):
            assert np.array_equal(decode(source), GRAY)


def test_a_pipe_that_cannot_be_rewound_is_read():
    class Pipe:
        def read(self):
            return SOUND["PNG"]

    assert np.array_equal(decode(Pipe()), GRAY)


@pytest.mark.parametrize("source", [None, 3, [1, 2], L, io.StringIO("x")])
def test_another_kind_of_source_is_the_callers_mistake(source):
    with pytest.raises(UsageError, match="expected a path, bytes"):
        read(source)


def test_files_that_cannot_be_read_say_why(tmp_path, monkeypatch):
    (tmp_path / "empty.png").touch()
    (tmp_path / "link.png").symlink_to(tmp_path / "nowhere.png")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "ok.png").write_bytes(SOUND["PNG"])
    for name, reason in (
        ("none.png", "missing_file"),
        ("link.png", "missing_file"),
        ("ok.png/x.png", "missing_file"),
        ("empty.png", "empty_file"),
        ("", "unreadable"),
        ("pipe.png", "unreadable"),
        ("a\0.png", "unreadable"),
        ("n" * 300, "unreadable"),
    ):
        assert rejection(f"{tmp_path}/{name}").reason == reason, name

    def denied(*a, **k):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", denied)
    assert "a folder" in str(rejection(tmp_path)) and "a pipe" in str(
        rejection(tmp_path / "pipe.png")
    )
    e = rejection(tmp_path / "ok.png")
    assert e.reason == "unreadable" and "Permission denied" in str(e)


def test_a_failing_disk_or_stream_is_unreadable():
    class Failing(io.BytesIO):
        def read(self, *a):
            raise OSError(5, "Input/output error")

    e = rejection(Failing())
    assert e.reason == "unreadable" and "Input/output error" in str(e)


def test_a_message_is_one_printable_line_that_starts_with_the_name(tmp_path):
    file = tmp_path / "chest.png"
    file.write_bytes(SOUND["PNG"][:-40])
    assert str(rejection(file)).startswith(f"{file}: truncated PNG: ")
    assert str(rejection(SOUND["PNG"][:-40], name="scan 7.png")).startswith(
        "scan 7.png: truncated PNG: "
    )
    e = str(rejection(b"x", name="a\nb\x1b[31m\u202egpj.\udcff"))
    assert e.isprintable() and e.encode() and e.startswith("a b\\x1b[31m\\u202egpj.\\udcff: ")


# ---- manners


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


def test_pixels_are_read_only_and_never_the_callers_array():
    mine = GRAY.copy()
    pixels = decode(mine)
    with pytest.raises(ValueError):
        pixels[0, 0] = 1
    mine[0, 0] ^= 255
    assert np.array_equal(pixels, GRAY) and mine.flags.writeable
    for data in SOUND.values():
        assert not decode(data).flags.writeable


def test_every_reason_is_explained_in_a_sentence():
    assert set(REASONS) == {
        "missing_file",
        "unreadable",
        "empty_file",
        "not_an_image",
        "format_not_allowed",
        "truncated",
        "damaged",
        "too_large",
        "too_small",
        "extreme_aspect",
        "animated",
        "constant",
        "not_finite",
        "dicom",
    }
    assert all(
        text[0].isupper() and text.endswith(".") for text in [*REASONS.values(), *NOTES.values()]
    )


# ---- resize, write_png, is_image_name


def test_resize_squashes_the_whole_picture_with_antialiasing():
    board = (np.indices((64, 96)).sum(0) % 2 * 255).astype(np.uint8)
    small = resize(board, 16)
    assert small.shape == (16, 16) and small.dtype == np.uint8 and small.flags.writeable
    assert (
        np.abs(small.astype(int) - 128).max() < 40
    )  # a finer board than the grid turns gray, not into moire
    corner = np.zeros((200, 100), np.uint8)
    corner[:40, :20] = corner[-40:, -20:] = 255
    out = resize(corner, 50)
    assert out[0, 0] == out[-1, -1] == 255 and out[0, -1] == 0  # corners stay, no bars
    assert np.array_equal(
        out, np.asarray(Image.fromarray(corner).resize((50, 50), Image.Resampling.BILINEAR))
    )


def test_resize_to_the_same_size_copies():
    square = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    out = resize(decode(square), 28)
    assert np.array_equal(out, square) and out.flags.writeable and not np.shares_memory(out, square)


@pytest.mark.parametrize(
    "bad", [GRAY.astype(float), np.dstack([GRAY] * 3), L, np.zeros((0, 3), np.uint8)]
)
def test_resize_and_write_png_take_decoded_pixels_only(bad, tmp_path):
    with pytest.raises(UsageError, match="uint8 pixels"):
        resize(bad, 8)
    with pytest.raises(UsageError, match="uint8 pixels"):
        write_png(bad, tmp_path / "a.png")
    with pytest.raises(UsageError, match="0 pixels"):
        resize(GRAY, 0)


def test_a_written_png_holds_the_pixels_and_nothing_else(tmp_path):
    "Whatever metadata the source has, names of patients among them, ends here."
    info = PngImagePlugin.PngInfo()
    info.add_text("Patient", "Doe^Jane")
    pixels = decode(saved(L, "PNG", pnginfo=info, exif=exif_of(1), dpi=(300, 300)))
    write_png(pixels, tmp_path / "a.part")
    write_png(np.asfortranarray(pixels), str(tmp_path / "b"))
    data = (tmp_path / "a.part").read_bytes()
    chunks, at = [], 8
    while at < len(data):
        (n,) = struct.unpack_from(">I", data, at)
        chunks.append(data[at + 4 : at + 8])
        at += 12 + n
    assert chunks[0] == b"IHDR" and set(chunks[1:-1]) == {b"IDAT"} and chunks[-1] == b"IEND"
    assert struct.unpack_from(">IIBB", data, 16) == (W, H, 8, 0)
    assert data == (tmp_path / "b").read_bytes() and np.array_equal(decode(data), GRAY)


@pytest.mark.parametrize(
    "name,listed",
    [
        ("a.png", True),
        ("A.JPEG", True),
        (Path("x/b.Tif"), True),
        ("c.dcm", True),
        ("d.webp", True),
        ("e.jfif", True),
        ("a.csv", False),
        ("png", False),
        (".png", False),
        ("a.png.zip", False),
        ("a.psd", False),
        ("", False),
    ],
)
def test_names_of_pictures_are_told_by_extension(name, listed):
    assert is_image_name(name) is listed


# ---- real radiographs


def pack() -> Path | None:
    for folder in (os.environ.get("CXR_PACK"), Path(__file__).parents[3] / "shared" / "cxr"):
        if folder and (Path(folder) / "mirror").is_dir():
            return Path(folder) / "mirror"


@pytest.mark.skipif(
    pack() is None, reason="real radiographs not here: set CXR_PACK or place ../shared/cxr"
)
def test_real_radiographs_are_read():
    files = [
        f
        for f in sorted(pack().rglob("*"))
        if is_image_name(f.name) and not f.name.startswith("._")
    ]
    for file in files[:: max(1, len(files) // 400)]:
        r = read(file)
        assert r.pixels.shape == (r.height, r.width) and np.ptp(r.pixels) > 30, file


# ---- to a square


@pytest.mark.parametrize(
    "shape,crop,cut",
    [
        ((40, 60), 0.25, np.s_[10:30, 15:45]),
        ((33, 50), 0.1, np.s_[3:30, 5:45]),
        ((40, 60), 0.0, np.s_[:, :]),
        ((9, 9), 0.1, np.s_[:, :]),
    ],
)
def test_a_crop_takes_its_share_off_each_side_before_the_image_is_squashed(shape, crop, cut):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert np.array_equal(
        images.resize(pixels, 16, crop), images.resize(np.ascontiguousarray(pixels[cut]), 16)
    )
