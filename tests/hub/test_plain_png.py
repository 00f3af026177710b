"""pytest tests/hub/test_plain_png.py"""

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from cxr_fastai.core import StorageError
from cxr_fastai.hub.plain_png import more_than_pixels
from cxr_fastai.images import write_png

GRAY = np.arange(64, dtype=np.uint8).reshape(8, 8)


def test_what_the_house_writes_is_pixels_alone(tmp_path):
    write_png(GRAY, tmp_path / "a.png")
    assert more_than_pixels(tmp_path / "a.png") == ""


def test_text_in_a_file_is_named(tmp_path):
    info = PngInfo()
    info.add_text("PatientName", "Smith")
    Image.fromarray(GRAY).save(tmp_path / "a.png", pnginfo=info)
    assert "tEXt" in more_than_pixels(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("change", "word"), [(lambda d: d + b"more", "behind"), (lambda d: d[:-12], "no end")]
)
def test_bytes_behind_the_end_and_no_end_are_named(tmp_path, change, word):
    write_png(GRAY, tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes(change((tmp_path / "a.png").read_bytes()))
    assert word in more_than_pixels(tmp_path / "a.png")


def test_another_format_and_no_file(tmp_path):
    Image.fromarray(GRAY).save(tmp_path / "a.png", "JPEG")
    assert "PNG" in more_than_pixels(tmp_path / "a.png")
    with pytest.raises(StorageError):
        more_than_pixels(tmp_path / "none.png")
