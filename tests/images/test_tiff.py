"""A TIFF's directory: which way is white, and what it lists."""

import struct

import numpy as np
import pytest
from pictures import (
    GRAY,
    H,
    L,
    W,
    saved,
    tiff,
)

from cxr_fastai.core import ImageRejected
from cxr_fastai.images import decode, read
from cxr_fastai.images.tiff import (
    IMAGE_LENGTH,
    IMAGE_WIDTH,
    TILE_WIDTH,
    check_tiff,
    has_words,
    is_cut_tiff,
    is_short_tiff,
    read_directory,
)


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


# ---- the directory


@pytest.mark.parametrize(
    "data,order,offset",
    [
        (tiff(GRAY, bits=8), "<", "I"),
        (tiff(GRAY, order=">"), ">", "I"),
        (saved(L, "TIFF", big_tiff=True), "<", "Q"),
    ],
    ids=["little", "big", "BigTIFF"],
)
def test_a_directory_is_read_in_its_byte_order_and_size_of_offsets(data, order, offset):
    directory = read_directory(data)
    assert (directory.order, directory.offset) == (order, offset)
    assert directory.numbers(IMAGE_WIDTH) == (W,)
    assert directory.first_number(IMAGE_LENGTH, 0) == H
    assert directory.numbers(TILE_WIDTH) == () and directory.first_number(TILE_WIDTH, 7) == 7


def test_values_that_do_not_fit_into_the_tag_are_read_where_it_points():
    directory = read_directory(saved(L.convert("RGB"), "TIFF"))
    assert directory.numbers(258) == (8, 8, 8)  # BitsPerSample


@pytest.mark.parametrize("part", [4, 7, 9, 60])
def test_a_directory_that_is_cut_is_an_error_and_a_rejection(part):
    data = tiff(GRAY, bits=8)[:part]
    with pytest.raises(struct.error):
        read_directory(data)
    assert is_cut_tiff(data)
    with pytest.raises(ImageRejected, match="a.tif: truncated TIFF: its directory lies beyond"):
        check_tiff(data, "a.tif")


def test_a_directory_that_points_beyond_the_end_is_cut():
    data = tiff(GRAY, bits=8)
    with pytest.raises(struct.error, match="beyond the end"):
        read_directory(data[:4] + struct.pack("<I", len(data) + 1) + data[8:])


def test_pixel_data_beyond_the_end_is_cut_and_fewer_strips_than_rows_are_short():
    whole = tiff(GRAY, bits=8)
    assert not is_cut_tiff(whole) and not is_short_tiff(whole)
    assert is_cut_tiff(whole[:-1])
    one_row_a_strip = whole.replace(
        struct.pack("<HHIHH", 278, 3, 1, H, 0), struct.pack("<HHIHH", 278, 3, 1, 1, 0)
    )
    assert one_row_a_strip != whole and is_short_tiff(one_row_a_strip)


def test_words_are_told_from_numbers_and_colour_profiles():
    assert not has_words(saved(L, "TIFF"))
    assert has_words(saved(L, "TIFF", tiffinfo={270: "Doe^Jane"}))
    assert not has_words(saved(L, "TIFF", icc_profile=b"profile"))
    assert has_words(saved(L, "TIFF", tiffinfo={40000: "private"}))
