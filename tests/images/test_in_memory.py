"""Pictures that Pillow holds: read by the rules for files.

python -m pytest tests/images/test_in_memory.py
"""

import io

import numpy as np
import pytest
from PIL import Image

from cxr_fastai.core import ImageRejected
from cxr_fastai.images import decode, read


def film(seed=0, shape=(60, 50), most=255):
    return np.random.default_rng(seed).integers(0, most, shape)


def saved(im, form="PNG", **options):
    out = io.BytesIO()
    im.save(out, form, **options)
    return out.getvalue()


PICTURES = {
    "L": Image.fromarray(film().astype(np.uint8)),
    "RGB": Image.fromarray(film(1, (60, 50, 3)).astype(np.uint8)),
    "RGBA": Image.fromarray(film(2, (60, 50, 4)).astype(np.uint8)),
    "1": Image.fromarray(film(3).astype(np.uint8)).convert("1"),
    "P": Image.fromarray(film(4, (60, 50, 3)).astype(np.uint8)).quantize(16),
    "I;16": Image.fromarray(film(5, most=4095).astype(np.uint16)),
}


@pytest.mark.parametrize("mode", PICTURES)
def test_a_picture_in_memory_has_the_pixels_of_its_file(mode):
    im = PICTURES[mode]
    assert im.mode == mode
    in_memory, of_file = read(im), read(saved(im))
    assert np.array_equal(in_memory.pixels, of_file.pixels)
    assert set(of_file.notes) - {"metadata_dropped"} == set(in_memory.notes)


def test_one_that_was_opened_is_turned_as_its_exif_says():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(PICTURES["L"], "JPEG", exif=exif)
    opened = Image.open(io.BytesIO(data))
    assert np.array_equal(decode(opened), decode(data))
    assert "exif_rotated" in read(opened).notes


def test_one_that_was_changed_after_opening_is_read_as_it_is_now(tmp_path):
    PICTURES["L"].save(tmp_path / "a.png")
    opened = Image.open(tmp_path / "a.png")
    opened.thumbnail((30, 30))
    assert decode(opened).shape == (30, 25)


def test_the_pixels_are_a_copy_that_the_owner_cannot_change():
    im = PICTURES["L"].copy()
    pixels = decode(im)
    before = pixels.copy()
    im.paste(0, (0, 0, 50, 60))
    assert np.array_equal(pixels, before) and not pixels.flags.writeable


@pytest.mark.parametrize(
    "im, reason",
    [(Image.new("L", (50, 60), 7), "constant"), (Image.new("L", (2, 60)), "too_small")],
)
def test_what_is_no_radiograph_is_rejected_with_its_reason(im, reason):
    with pytest.raises(ImageRejected) as e:
        read(im)
    assert e.value.reason == reason


def test_a_file_cut_short_is_rejected_by_name(tmp_path):
    (tmp_path / "cut.png").write_bytes(saved(PICTURES["L"])[:900])
    with pytest.raises(ImageRejected, match="cut.png"):
        read(Image.open(tmp_path / "cut.png"))
