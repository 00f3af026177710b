"""How large a picture may be."""

import warnings

import numpy as np
import pytest
from pictures import (
    GIF_BOMB,
    GRAY,
    SOUND,
    H,
    W,
    bmp_of,
    png_of,
    rejection,
    saved,
)
from PIL import Image

from cxr_fastai import images
from cxr_fastai.core import ImageRejected
from cxr_fastai.images import read
from cxr_fastai.images.size import MAX_ASPECT, MAX_BYTES, check_byte_count, check_size


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
    "width,height,reason,text",
    [
        (
            8,
            65,
            "extreme_aspect",
            "a.png: PNG of 8 x 65 pixels, more than 8 times longer than wide",
        ),
        (7, 7, "too_small", "a.png: PNG of 7 x 7 pixels, less than 8 on a side"),
        (0, 5, "too_small", "a.png: PNG of 0 x 5 pixels, less than 8 on a side"),
        (
            64_001,
            1_000,
            "too_large",
            "a.png: PNG of 64001 x 1000 pixels, more than the limit of 64,000,000",
        ),
    ],
)
def test_a_size_that_is_not_read_is_told(width, height, reason, text):
    with pytest.raises(ImageRejected) as e:
        check_size(width, height, "PNG", "a.png")
    assert (e.value.reason, str(e.value)) == (reason, text)


def test_sizes_and_bytes_up_to_the_limit_pass():
    for width, height in ((8, 8), (8, 8 * MAX_ASPECT), (8_000, 8_000)):
        assert check_size(width, height, "PNG", "a.png") is None
    assert check_byte_count(MAX_BYTES, "a.png") is None
