"""16-bit colour and gray with alpha: every level counts, or the file is refused.

Each file is drawn with its gray twin of 16 bits, whose pixels it must have.
"""

import io
import struct
import zlib

import numpy as np
import pytest
from pictures import (
    ADAM7,
    GRAY,
    TURNED,
    H,
    L,
    W,
    bent,
    bmp_of,
    exif_of,
    hang_guard,
    png_chunk,
    png_of,
    rejection,
    saved,
    tiff,
)
from PIL import Image

from cxr_fastai import images
from cxr_fastai.images import decode, read
from cxr_fastai.images.deep import deep_form, joined, set_raw_mode

COLOUR_TYPE = {1: 0, 2: 4, 3: 2, 4: 6}  # of a PNG, by its channels
OPAQUE = np.full((H, W), 65535, np.uint16)
STEPS = np.random.default_rng(0).permutation(np.arange(H * W)).reshape(H, W)


def of_depth(bits: int) -> np.ndarray:
    "A drawn picture whose levels use all of a depth, in 16 bits."
    return (STEPS * ((1 << bits) - 1) // (H * W - 1)).astype(np.uint16)


GRAY12 = of_depth(12)


def deep_png(*channels, laced=0, extra=b"", filtered=False) -> bytes:
    "A PNG of 16-bit channels."
    levels = np.dstack(channels)
    passes = ADAM7 if laced else ((0, 0, 1, 1),)
    parts = [levels[y::dy, x::dx].astype(">u2") for x, y, dx, dy in passes]
    row_of = filtered_row if filtered else plain_row
    rows = b"".join(row_of(part, n) for part in parts for n in range(len(part)))
    return png_of(W, H, 16, COLOUR_TYPE[len(channels)], rows, laced=laced, extra=extra)


def plain_row(part, n) -> bytes:
    return b"\0" + part[n].tobytes()


def filtered_row(part, n) -> bytes:
    "A row of the Up filter: each byte less the byte above."
    row = np.frombuffer(part[n].tobytes(), np.uint8)
    above = np.frombuffer(part[n - 1].tobytes(), np.uint8) if n else row * 0
    return b"\2" + (row - above).tobytes()


def gray_twin(levels) -> np.ndarray:
    return decode(saved(Image.fromarray(levels), "PNG"))


@pytest.mark.parametrize("laced", [0, 1])
@pytest.mark.parametrize("filtered", [False, True])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_a_16_bit_png_has_the_pixels_of_its_gray_twin(bits, filtered, laced):
    gray = of_depth(bits)
    expected = read(saved(Image.fromarray(gray), "PNG"))
    assert expected.bits == bits
    for channels in ([gray] * 3, [gray] * 3 + [OPAQUE], [gray, OPAQUE]):
        r = read(deep_png(*channels, laced=laced, filtered=filtered))
        assert np.array_equal(r.pixels, expected.pixels) and r.pixels.flags.c_contiguous
        assert (r.format, r.bits, r.notes) == ("PNG", bits, ())


TIFFS = {
    "RGB": (3, {"photometric": 2}),
    "RGBA": (4, {"photometric": 2, "extra": 2}),
    "RGBA, not said of which kind": (4, {"photometric": 2}),
    "RGB and something": (4, {"photometric": 2, "extra": 0}),
    "RGBA on black already": (4, {"photometric": 2, "extra": 1}),
}


@pytest.mark.parametrize("which", TIFFS)
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("bits", [12, 16])
def test_a_16_bit_tiff_has_the_pixels_of_its_gray_twin(bits, deflate, order, which):
    channels, options = TIFFS[which]
    gray = of_depth(bits)
    levels = np.dstack([gray] * 3 + [OPAQUE] * (channels - 3))
    r = read(tiff(levels, order=order, deflate=deflate, **options))
    assert np.array_equal(r.pixels, gray_twin(gray))
    assert (r.format, r.bits, r.notes) == ("TIFF", bits, ())


@pytest.mark.parametrize("compression", [1, 5, 8, 32773])
def test_a_tiff_as_opencv_writes_it_has_the_pixels_of_its_gray_twin(compression):
    cv2 = pytest.importorskip("cv2")
    options = [cv2.IMWRITE_TIFF_COMPRESSION, compression]
    _, data = cv2.imencode(".tif", np.dstack([GRAY12] * 3), options)
    assert np.array_equal(decode(data.tobytes()), gray_twin(GRAY12))


@pytest.mark.parametrize("channels", [3, 4])
def test_colours_are_weighed_as_in_an_array_of_the_same_levels(channels):
    colours = [GRAY12, GRAY12 // 2, np.roll(GRAY12, 5)] + [OPAQUE] * (channels - 3)
    levels = np.dstack(colours)
    expected = read(levels)
    for data in (deep_png(*colours), tiff(levels, photometric=2)):
        r = read(data)
        assert np.array_equal(r.pixels, expected.pixels)
        assert (r.bits, r.notes) == (12, ("tinted", "colour_marks"))


# ---- transparency


@pytest.mark.parametrize("bits", [12, 16])
def test_transparency_is_laid_on_black_at_full_depth(bits):
    gray = of_depth(bits)
    alpha = np.roll(of_depth(16), 7)
    expected = gray / ((1 << bits) - 1) * (alpha / 65535) * 255
    rgba = np.dstack([gray] * 3 + [alpha])
    for source in (
        deep_png(gray, alpha),
        deep_png(gray, gray, gray, alpha, laced=1),
        tiff(rgba, photometric=2, extra=2),
        np.dstack([gray, alpha]),
        rgba,
    ):
        r = read(source)
        assert np.abs(r.pixels - expected).max() <= 1.5  # gray, alpha and product are rounded
        assert (r.bits, r.notes) == (bits, ("alpha_composited",))


def test_premultiplied_alpha_is_not_multiplied_again():
    alpha = np.full((H, W), 32768, np.uint16)
    r = read(tiff(np.dstack([GRAY12] * 3 + [alpha]), photometric=2, extra=1))
    assert np.array_equal(r.pixels, gray_twin(GRAY12)) and r.notes == ("alpha_composited",)


@pytest.mark.parametrize("white", [4095, 65535])
def test_an_alpha_of_12_bits_is_opaque_at_its_own_white(white):
    alpha = np.full((H, W), white, np.uint16)
    r = read(deep_png(GRAY12, GRAY12, GRAY12, alpha))
    assert np.array_equal(r.pixels, gray_twin(GRAY12)) and r.notes == ()


@pytest.mark.parametrize("level", [10_000, 40_000])
def test_an_alpha_that_is_nowhere_opaque_is_a_share_of_16_bits(level):
    alpha = np.full((H, W), level, np.uint16)
    r = read(deep_png(GRAY12, alpha))
    expected = gray_twin(GRAY12) * (level / 65535)
    assert np.abs(r.pixels - expected).max() <= 1 and r.notes == ("alpha_composited",)


@pytest.mark.parametrize("kind", ["RGBA", "LA", "RGB", "gray"])
def test_levels_that_are_transparent_do_not_count_for_the_range(kind):
    gray, alpha = GRAY12.copy(), OPAQUE.copy()
    gray[:9], alpha[:9] = 65535, 0
    clear = struct.pack(">H", 65535)
    data = {
        "RGBA": lambda: deep_png(gray, gray, gray, alpha),
        "LA": lambda: deep_png(gray, alpha),
        "RGB": lambda: deep_png(gray, gray, gray, extra=png_chunk(b"tRNS", clear * 3)),
        "gray": lambda: deep_png(gray, extra=png_chunk(b"tRNS", clear)),
    }[kind]()
    expected = GRAY12.copy()
    expected[:9] = 0
    r = read(data)
    assert (r.bits, r.notes) == (12, ("alpha_composited",))
    assert np.array_equal(r.pixels, gray_twin(expected))


def test_a_clear_colour_is_compared_in_all_of_its_bits():
    "Its neighbours of the same upper byte stay."
    level = int(GRAY12[GRAY12 > 2000][0])
    chunk = png_chunk(b"tRNS", struct.pack(">HHH", level, level, level))
    r = read(deep_png(GRAY12, GRAY12, GRAY12, extra=chunk))
    expected = np.where(GRAY12 == level, 0, GRAY12).astype(np.uint16)
    assert np.array_equal(r.pixels, gray_twin(expected)) and r.notes == ("alpha_composited",)


def test_the_significant_bits_that_a_png_states_change_nothing():
    for channels, bits in (([GRAY12], 1), ([GRAY12] * 3, 3), ([GRAY12, OPAQUE], 2)):
        chunk = png_chunk(b"sBIT", b"\x0c" * bits)
        assert np.array_equal(decode(deep_png(*channels, extra=chunk)), gray_twin(GRAY12))


# ---- turned, with text


@pytest.mark.parametrize("orientation", TURNED)
def test_16_bit_colour_comes_out_upright(orientation):
    exif = png_chunk(b"eXIf", exif_of(orientation).tobytes()[6:])
    expected = TURNED[orientation](gray_twin(GRAY12))
    r = read(deep_png(GRAY12, GRAY12, GRAY12, extra=exif))
    assert np.array_equal(r.pixels, expected) and r.pixels.flags.c_contiguous
    assert r.pixels.shape == (r.height, r.width)
    assert r.notes == (() if orientation == 1 else ("exif_rotated",))
    colour = tiff(np.dstack([GRAY12] * 3), photometric=2)
    turned = read(with_orientation(colour, orientation))
    assert np.array_equal(turned.pixels, expected)
    assert turned.notes == (() if orientation == 1 else ("exif_rotated",))


def with_orientation(data: bytes, orientation: int) -> bytes:
    "Its tag of rows a strip, which one strip can do without, made one of orientation."
    (start,) = struct.unpack_from("<I", data, 4)
    place = data.index(struct.pack("<HHI", 278, 3, 1), start)
    return data[:place] + struct.pack("<HHII", 274, 3, 1, orientation) + data[place + 12 :]


# ---- refused


def planar_tiff(order="<", deflate=False) -> bytes:
    "A TIFF of 16-bit RGB, each channel in a strip of its own."
    planes = [GRAY12.astype(order + "u2").tobytes()] * 3
    if deflate:
        planes = [zlib.compress(plane) for plane in planes]
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    count = 9
    after = 8 + 2 + 12 * count + 4
    starts = [after + 6 + 24 + sum(map(len, planes[:n])) for n in range(3)]
    entries = [
        (256, 4, 1, W),
        (257, 4, 1, H),
        (258, 3, 3, after),
        (259, 4, 1, 8 if deflate else 1),
        (262, 4, 1, 2),
        (273, 4, 3, after + 6),
        (277, 4, 1, 3),
        (279, 4, 3, after + 18),
        (284, 4, 1, 2),
    ]
    directory = b"".join(struct.pack(order + "HHII", *entry) for entry in entries)
    values = struct.pack(order + "3H", 16, 16, 16) + struct.pack(
        order + "6I", *starts, *map(len, planes)
    )
    count_field = struct.pack(order + "H", count)
    return head + count_field + directory + bytes(4) + values + b"".join(planes)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("deflate", [False, True])
def test_16_bit_channels_in_planes_apart_are_refused(deflate, order):
    e = rejection(planar_tiff(order, deflate))
    assert e.reason == "format_not_allowed" and "planes apart" in str(e)


@pytest.mark.parametrize("deflate", [False, True])
def test_16_bit_inks_are_refused(deflate):
    e = rejection(tiff(np.dstack([GRAY12] * 4), photometric=5, deflate=deflate))
    assert e.reason == "format_not_allowed" and "16-bit CMYK" in str(e)


def test_16_bit_gray_with_alpha_in_a_tiff_is_refused():
    e = rejection(tiff(np.dstack([GRAY12, OPAQUE]), extra=2))
    assert e.reason == "format_not_allowed"


def test_a_bmp_of_16_bits_a_pixel_is_no_deep_colour():
    levels = (GRAY >> 3).astype("<u2")
    rows = (levels << 10 | levels << 5 | levels)[::-1]
    body = np.pad(rows, ((0, 0), (0, W % 2))).tobytes()
    head = bytearray(bmp_of(W, H)[:54])
    head[28:30] = struct.pack("<H", 16)
    head[34:38] = struct.pack("<I", len(body))
    head[2:6] = struct.pack("<I", 54 + len(body))
    head[10:14] = struct.pack("<I", 54)
    r = read(bytes(head) + body)
    assert r.notes == () and np.abs(r.pixels.astype(int) - GRAY).max() <= 8


# ---- as strict as the other files

DEEP = {
    "RGB": deep_png(GRAY12, GRAY12, GRAY12),
    "RGBA, interlaced": deep_png(GRAY12, GRAY12, GRAY12, OPAQUE, laced=1),
    "LA": deep_png(GRAY12, OPAQUE),
    "TIFF": tiff(np.dstack([GRAY12] * 3), photometric=2),
    "TIFF, deflate": tiff(np.dstack([GRAY12] * 3), photometric=2, deflate=True),
}


@pytest.mark.parametrize("which", DEEP)
def test_16_bit_colour_cut_anywhere_is_rejected(which, capfd):
    for part in range(1, 16):
        rejection(DEEP[which][: len(DEEP[which]) * part // 16])
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("which", ["RGB", "RGBA, interlaced", "LA"])
def test_16_bit_colour_bent_anywhere_is_rejected(which):
    data = DEEP[which]
    for at in np.random.default_rng(3).integers(0, len(data), 40):
        assert rejection(bent(data, int(at), 0x11)).reason


@pytest.mark.parametrize("laced", [0, 1])
@pytest.mark.parametrize("colour,samples", [(2, 3), (4, 2), (6, 4)])
def test_16_bit_colour_that_lacks_rows_is_truncated(colour, samples, laced):
    row = b"\0" + bytes(2 * samples * W)
    data = png_of(W, H, 16, colour, row * (H // 2), laced=laced)
    assert rejection(data).reason == "truncated"


@pytest.mark.parametrize("colour", [2, 4, 6])
def test_16_bit_colour_too_large_by_its_header_is_never_decoded(monkeypatch, colour):
    def decoded(*_):
        raise AssertionError("decoded")

    monkeypatch.setattr(images.picture, "_load", decoded)
    with hang_guard():
        assert rejection(png_of(10_000, 9_000, 16, colour)).reason == "too_large"


# ---- its parts


def test_only_channels_of_16_bits_have_a_deep_form():
    for data in (
        saved(L, "PNG"),
        saved(L.convert("RGB"), "PNG"),
        saved(Image.fromarray(GRAY12), "PNG"),
    ):
        assert deep_form(opened(data), "x") is None
    assert deep_form(opened(DEEP["RGB"]), "x").high_bands == (0, 1, 2)
    assert deep_form(opened(DEEP["LA"]), "x").low_bands == (1, 3)


@pytest.mark.parametrize("which", ["RGB", "RGBA, interlaced", "LA"])
def test_both_bytes_of_each_channel_are_joined(which):
    high, low = opened(DEEP[which]), opened(DEEP[which])
    form = deep_form(high, "x")
    set_raw_mode(high, form.high)
    set_raw_mode(low, form.low)
    levels = joined(high, low, form)
    assert levels.dtype == np.uint16 and np.array_equal(levels[..., 0], GRAY12)
    assert np.array_equal(levels[..., -1], GRAY12 if which == "RGB" else OPAQUE)


def opened(data: bytes):
    return Image.open(io.BytesIO(data))
