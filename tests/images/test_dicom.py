"""A DICOM file as a whole: film and negative give one picture, in every coding; what is noted.

python -m pytest tests/images/test_dicom.py
"""

import logging
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from toy_dicoms import CODINGS, CR, SECRET, coded, dicom, encapsulated, film, jpeg, lut, written

from cxr_fastai.images import decode, read

SHARED = os.environ.get("CXR_PACK") or Path(__file__).parents[3] / "shared" / "cxr"
REAL = Path(SHARED) / "dicom" / "gdcm-CR-MONO1-10-chest.dcm"
TOP = {8: 255, 10: 1023, 12: 4095, 14: 16383, 16: 65535}


def negative(levels: np.ndarray, bits: int) -> np.ndarray:
    """Return the levels of the same film, 0 white."""
    if levels.dtype.kind == "i":
        return -1 - levels
    return (TOP[bits] - levels).astype(levels.dtype)


def window(bits: int, levels: np.ndarray) -> tuple[float, float, float]:
    """Return centre, width, and the centre of the same window of the negative, LINEAR."""
    middle = 0.45 * TOP[bits] + levels.min()
    ends = int(levels.min()) + int(levels.max())
    return middle, 0.7 * TOP[bits], ends + 1 - middle


@pytest.mark.parametrize("is_signed", [False, True])
@pytest.mark.parametrize("bits", list(TOP))
def test_a_film_and_its_negative_give_the_same_pixels(bits, is_signed):
    levels = film(bits, is_signed)
    center, width, center_of_negative = window(bits, levels)
    of_negative = {"PhotometricInterpretation": "MONOCHROME1", "bits": bits}
    plain = read(dicom(levels, bits=bits))
    assert np.array_equal(plain.pixels, decode(dicom(negative(levels, bits), **of_negative)))
    assert (plain.mode, plain.bits, plain.format) == ("MONOCHROME2", bits, "DICOM")
    windowed = read(dicom(levels, bits=bits, WindowCenter=center, WindowWidth=width))
    other = dicom(
        negative(levels, bits),
        **of_negative,
        WindowCenter=center_of_negative,
        WindowWidth=width,
        PresentationLUTShape="INVERSE",
    )
    assert np.array_equal(windowed.pixels, decode(other))
    assert not np.array_equal(windowed.pixels, plain.pixels)
    assert read(other).notes == ("white_is_zero",) and windowed.notes == ()
    assert plain.notes == ("no_window",)


@pytest.mark.parametrize("is_signed", [False, True])
@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("coding", CODINGS)
def test_every_coding_gives_the_pixels_of_the_native_file(coding, bits, is_signed):
    levels = film(bits, is_signed)
    native = dicom(levels, bits=bits)
    assert np.array_equal(decode(coded(native, coding)), decode(native))


def test_jpeg_of_eight_bits_gives_what_pillow_gives():
    levels = film(8)
    data = jpeg(levels)
    assert np.array_equal(decode(encapsulated(levels, [data])), decode(data))


def test_jpeg_of_twelve_bits_is_read_with_all_of_them(capfd):
    """Of the file that pydicom ships: its tests have 244 and 95 there. gdcm writes on stderr."""
    pydicom = pytest.importorskip("pydicom")
    file = pydicom.data.get_testdata_file("JPGExtended.dcm", download=False)
    ds = pydicom.dcmread(file)
    ds.Modality = "CR"
    ds.WindowCenter, ds.WindowWidth, ds.VOILUTFunction = 127.5, 255, "LINEAR_EXACT"
    pixels = decode(written(ds))
    assert (pixels[420, 140], pixels[230, 120]) == (244, 95)
    assert capfd.readouterr().err == ""


def test_a_png_of_the_same_levels_gives_the_same_pixels(tmp_path):
    from PIL import Image

    levels = film(12)
    Image.fromarray(levels).save(tmp_path / "film.png")
    assert np.array_equal(decode(tmp_path / "film.png"), decode(dicom(levels)))


def test_what_the_header_says_of_names_and_of_standing_upright_is_noted():
    levels = film()
    plain = {"WindowCenter": 2048, "WindowWidth": 4096}

    def notes(**elements):
        return read(dicom(levels, **plain, **elements)).notes

    assert notes() == notes(BurnedInAnnotation="NO") == notes(PatientOrientation=["L", "F"]) == ()
    assert notes(PatientOrientation=["A", "F"]) == notes(PatientOrientation=["", ""]) == ()
    assert notes(BurnedInAnnotation="YES") == ("burned_in",)
    for turned in (["R", "F"], ["L", "H"], ["F", "R"], ["H", "L"], ["RF", "FL"]):
        assert notes(PatientOrientation=turned) == ("stated_turned",)
    assert read(dicom(levels, **plain), name="film.png").notes == ("extension_mismatch",)
    assert read(dicom(levels, **plain), name="IM0001").notes == ()


def test_nothing_of_pydicom_or_of_the_header_reaches_the_terminal(capfd, caplog):
    """Neither its warnings nor its log, though a value of a header is wrong."""
    data = dicom(
        film(),
        sop_class=CR,
        StudyDate=SECRET,
        NumberOfFrames="1.0",  # pydicom warns of it as it is read, and logs it
        BurnedInAnnotation=SECRET.lower(),
        PatientOrientation=[SECRET.lower(), "f" * 99],
    )
    caplog.clear()
    with warnings.catch_warnings(record=True) as caught, caplog.at_level(logging.DEBUG):
        warnings.simplefilter("always")
        film_of = read(data)
    out = capfd.readouterr()
    assert not caught and not caplog.records and out.out == out.err == ""
    assert SECRET not in repr(film_of) and "burned_in" not in film_of.notes
    assert not logging.getLogger("pydicom").disabled


@pytest.mark.skipif(not REAL.is_file(), reason="the real DICOM film is not here")
def test_a_real_film_is_the_same_in_every_coding():
    data = REAL.read_bytes()
    plain = read(data)
    assert (plain.mode, plain.bits, plain.notes) == ("MONOCHROME1", 10, ("white_is_zero",))
    assert (plain.height, plain.width) == (440, 440)
    for coding in CODINGS:
        assert np.array_equal(decode(coded(data, coding)), plain.pixels), coding


def test_a_look_up_table_comes_before_a_window():
    levels = film(12)
    entries = np.minimum(np.arange(4096) * 2, 4095)
    both = dicom(levels, VOILUTSequence=lut(entries), WindowCenter=1, WindowWidth=2)
    expected = np.rint(entries[levels] / 4095 * 255).astype(np.uint8)
    assert np.array_equal(decode(both), expected)
