"""Whether the images of a folder are still those of its manifest."""

import numpy as np
import pytest
import toy
from PIL import Image

from cxr_fastai.core import IntegrityError
from cxr_fastai.images import decode
from cxr_fastai.manifest import read_manifest
from cxr_fastai.manifest_pixels import pixel_faults, pixels_of


@pytest.fixture
def folder(tmp_path):
    return toy.curated(tmp_path / "data")


def spoil(path):
    """One pixel, by one gray value."""
    pixels = np.array(Image.open(path))
    pixels[20, 20] ^= 1
    Image.fromarray(pixels).save(path)


def test_the_pixels_of_a_row_are_those_of_its_file(folder):
    manifest = read_manifest(folder)
    row = manifest.rows[0]
    assert (pixels_of(folder, row) == decode(folder / row.path)).all()


def test_one_gray_value_in_one_pixel_is_another_image(folder):
    row = read_manifest(folder).rows[0]
    spoil(folder / row.path)
    with pytest.raises(IntegrityError, match="its pixels are not those that manifest.csv names"):
        pixels_of(folder, row)


def test_every_image_that_is_gone_damaged_or_another_has_its_line(folder):
    assert pixel_faults(folder) == []
    paths = [folder / row.path for row in read_manifest(folder).rows]
    paths[1].unlink()
    paths[4].write_bytes(b"no picture")
    spoil(paths[9])
    lines = pixel_faults(folder)
    assert [line.split(": ")[0] for line in lines] == [str(paths[i]) for i in (1, 4, 9)]
