"""Decoded pixels to a square, and to a file."""

import struct

import numpy as np
import pytest
from pictures import (
    GRAY,
    H,
    L,
    W,
    exif_of,
    saved,
)
from PIL import Image, PngImagePlugin

from cxr_fastai import images
from cxr_fastai.core import UsageError
from cxr_fastai.images import decode, resize, write_png


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
