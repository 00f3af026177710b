"""The decoder as a whole: arrays, DICOM, names, and a sample of real radiographs where they are at hand."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pictures import (
    GRAY,
    SOUND,
    rejection,
)
from toy_dicoms import dicom, film

from cxr_fastai.images import decode, is_image_name, read


def test_dicom_is_told_by_its_content_whatever_its_name(tmp_path):
    for name in ("chest.dcm", "IM000001", "1.2.840.113", "chest.png"):
        (tmp_path / name).write_bytes(dicom(film()))
        found = read(tmp_path / name)
        assert found.format == "DICOM"
        assert ("extension_mismatch" in found.notes) is name.endswith(".png")


def test_dicom_that_lacks_its_library_says_what_to_install(monkeypatch):
    data = dicom(film())
    monkeypatch.setitem(sys.modules, "pydicom.datadict", None)
    e = rejection(data)
    assert e.reason == "missing_extra"
    assert str(e) == "image: reading DICOM needs pydicom: pip install 'cxr_fastai[dicom]'"


def test_neither_pydicom_nor_gdcm_is_imported_where_no_dicom_is_read():
    code = (
        "import sys, numpy as np, cxr_fastai.images as images; "
        "images.read(np.eye(99)); print({'pydicom', 'gdcm'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


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


def test_pixels_are_read_only_and_never_the_callers_array():
    mine = GRAY.copy()
    pixels = decode(mine)
    with pytest.raises(ValueError):
        pixels[0, 0] = 1
    mine[0, 0] ^= 255
    assert np.array_equal(pixels, GRAY) and mine.flags.writeable
    for data in SOUND.values():
        assert not decode(data).flags.writeable


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
