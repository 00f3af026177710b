"""Levels of any number type to 8 bits: depth, floats, overshoot, alpha's own range."""

import numpy as np
import pytest
from pictures import GRAY, SMOOTH, H, W, rejection, saved, tiff
from PIL import Image

from cxr_fastai.images import decode, read


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


# ---- floats that overshoot their scale


def resampled(white: float) -> np.ndarray:
    "A drawn film with a bright marker, resized by a filter that overshoots."
    film = np.asarray(SMOOTH, np.float32) / 255 * 0.8
    film[10:20, 10:14] = 1
    film[40:50, 30:60] = 0
    enlarged = Image.fromarray(film).resize((160, 150), Image.Resampling.LANCZOS)
    return np.asarray(enlarged) * np.float32(white)


@pytest.mark.parametrize("white", [1, 255])
@pytest.mark.parametrize("channels", [None, 1, 3])
def test_what_resampling_made_overshoot_is_read_as_if_clipped_before(white, channels):
    levels = resampled(white)
    assert levels.min() < -0.01 * white and levels.max() > 1.02 * white
    clipped = levels.clip(0, white)
    if channels:
        levels, clipped = (np.dstack([a] * channels) for a in (levels, clipped))
    r = read(levels)
    assert r.notes == ("overshoot",) and np.array_equal(r.pixels, decode(clipped))
    assert read(clipped).notes == () and len(np.unique(r.pixels)) > 150


@pytest.mark.parametrize("white", [1, 255])
@pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}])
def test_a_tiff_of_floats_that_overshoot_is_read_as_if_clipped_before(white, options):
    levels = resampled(white)
    r = read(saved(Image.fromarray(levels), "TIFF", **options))
    assert r.notes == ("overshoot",)
    assert np.array_equal(r.pixels, decode(levels.clip(0, white)))


@pytest.mark.parametrize("white", [1, 255])
@pytest.mark.parametrize("low,high", [(-0.1, 0.9), (0.1, 1.1)])
def test_overshoot_on_one_side_alone_is_clipped_too(low, high, white):
    levels = (GRAY / 255 * (high - low) + low) * white
    r = read(levels)
    assert r.notes == ("overshoot",)
    assert np.array_equal(r.pixels, np.rint(levels.clip(0, white) / white * 255))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("share", [1.0001, 1.076, 1.3])
def test_the_smallest_overshoot_does_not_turn_0_to_1_into_0_to_255(share, dtype):
    levels = (GRAY / 255).astype(dtype)
    levels[3, 3] = dtype(share) if dtype(share) > 1 else np.nextafter(dtype(1), dtype(2))
    if levels.max() > 1.3:
        levels[3, 3] = np.nextafter(levels[3, 3], dtype(0))
    r = read(levels)
    expected = GRAY.copy()
    expected[3, 3] = 255
    assert r.notes == ("overshoot",) and np.array_equal(r.pixels, expected)


@pytest.mark.parametrize("top", [1.5, 3, 10, 31])
def test_floats_between_the_scales_are_refused(top):
    levels = (GRAY / 255 * top).astype(np.float32)
    for source in (levels, saved(Image.fromarray(levels), "TIFF"), np.dstack([levels] * 3)):
        e = rejection(source)
        assert e.reason == "unknown_range" and f"floats from 0 to {top:g}" in str(e)


@pytest.mark.parametrize("low,high", [(-2.1, 2.6), (-1024, 1024), (-0.5, 0.5), (0, 4095)])
def test_floats_of_no_known_scale_are_stretched_and_noted(low, high):
    levels = GRAY / 255 * (high - low) + low
    r = read(levels)
    assert r.notes == ("range_stretched",) and np.array_equal(r.pixels, GRAY)


def test_an_array_of_small_integers_that_is_black_is_constant():
    assert rejection(np.zeros((9, 9), np.int8)).reason == "constant"


# ---- alpha has its own range

GRAY12 = GRAY.astype(np.uint16) * 16 + GRAY // 16


@pytest.mark.parametrize("white", [255, 1023, 4095, 16383, 65535])
@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float64])
@pytest.mark.parametrize("channels", [1, 3])
def test_an_opaque_alpha_of_any_depth_changes_nothing(channels, dtype, white):
    alpha = np.full((H, W), white)
    levels = np.dstack([GRAY12] * channels).astype(dtype)
    r = read(np.dstack([levels, alpha]).astype(dtype))
    plain = read(levels)
    assert np.array_equal(r.pixels, plain.pixels)
    assert (r.bits, r.notes) == (plain.bits, plain.notes)


@pytest.mark.parametrize("white", [1, 255])
def test_floats_of_one_scale_may_have_an_alpha_of_the_other(white):
    share = np.roll(GRAY, 7) / 255
    levels = np.dstack([GRAY / 255 * (256 - white), share * white])
    r = read(levels)
    assert r.notes == ("alpha_composited",)
    assert np.abs(r.pixels.astype(int) - np.rint(GRAY * share)).max() <= 1


@pytest.mark.parametrize(
    "alpha", [[-1, 0, 1], [0, 3, 5], [0, 100, 70000], [0, 500, 1000.5], [-99, 9, 255]]
)
def test_an_alpha_channel_of_no_known_range_is_refused(alpha):
    channel = np.tile(np.array(alpha, np.float64), (H, W))[:, :W]
    e = rejection(np.dstack([GRAY / 255, channel]))
    assert e.reason == "unknown_range" and "its alpha channel runs from" in str(e)


@pytest.mark.parametrize("low,high", [(-1, 255), (0, 70000)])
def test_an_alpha_channel_of_integers_beyond_16_bits_is_refused(low, high):
    levels = np.dstack([GRAY12, GRAY12]).astype(np.int64)
    levels[0, 0, 1], levels[0, 1, 1] = low, high
    assert rejection(levels).reason == "unknown_range"


@pytest.mark.parametrize("hidden", [65535, 30000])
@pytest.mark.parametrize("channels", [1, 3])
def test_levels_under_full_transparency_do_not_count_for_the_range(channels, hidden):
    levels = GRAY12.copy()
    alpha = np.full((H, W), 65535, np.uint16)
    levels[:5], alpha[:5] = hidden, 0
    r = read(np.dstack([levels] * channels + [alpha]))
    expected = GRAY12.copy()
    expected[:5] = 0
    assert (r.bits, r.notes) == (12, ("alpha_composited",))
    assert np.array_equal(r.pixels, decode(expected))


def test_nan_is_refused_also_where_it_is_transparent():
    levels = np.dstack([GRAY / 255, np.ones((H, W))])
    levels[4, 4] = np.nan, 0
    assert rejection(levels).reason == "not_finite"
