"""A mirror: files under names, in folders that are made as needed.

python -m pytest tests/phantom/test_mirror.py
"""

import numpy as np
import pytest
from PIL import Image

from cxr_fastai.phantom.mirror import Mirror, csv_text, encoded, in_reversed_palette


def test_what_is_put_lies_under_its_name(tmp_path):
    mirror = Mirror(tmp_path)
    assert mirror.put("a/b/c.bin", b"x") == "a/b/c.bin"
    assert mirror.text("a/b/d.txt", "Zürich", "latin-1") == "a/b/d.txt"
    assert mirror.path("a/b/c.bin").read_bytes() == b"x"
    assert mirror.path("a/b/d.txt").read_bytes() == "Zürich".encode("latin-1")


@pytest.mark.parametrize(
    "ending, kind", [(".png", "PNG"), (".JPG", "JPEG"), (".jpeg", "JPEG"), (".tif", "TIFF")]
)
def test_a_picture_has_the_format_of_its_ending(tmp_path, ending, kind):
    mirror = Mirror(tmp_path)
    mirror.image(f"a{ending}", np.zeros((8, 8), np.uint8))
    with Image.open(tmp_path / f"a{ending}") as image:
        assert image.format == kind and image.size == (8, 8)


def test_a_table_has_the_columns_of_its_first_row(tmp_path):
    Mirror(tmp_path).table("t.csv", [{"a": 1, "b": "x,y"}, {"a": 2, "b": ""}])
    assert (tmp_path / "t.csv").read_text() == 'a,b\n1,"x,y"\n2,\n'
    assert csv_text(["a", "b"], [{"b": 1}]) == "a,b\n,1\n"


def test_a_palette_that_runs_backwards_shows_the_same_picture():
    film = np.arange(64, dtype=np.uint8).reshape(8, 8)
    image = in_reversed_palette(film)
    assert image.mode == "P" and (np.asarray(image.convert("L")) == film).all()
    assert (np.asarray(image) == 255 - film).all()
    assert encoded(image, ".png").startswith(b"\x89PNG")
