"""Hostile and broken DICOM, each made here: every one ends as ImageRejected with its reason.

python -m pytest tests/images/test_hostile_dicom.py
"""

import hashlib
from functools import cache

import numpy as np
import pytest
from hostile_dicoms import BYTES, LEVELS, TABLE, WINDOW, of
from pictures import hang_guard
from toy_dicoms import SECRET, coded, dicom, encapsulated, jpeg, lut

from cxr_fastai.core import ImageRejected
from cxr_fastai.images import read

CASES = [(reason, what, make) for reason, files in TABLE.items() for what, make in files.items()]


@cache
def made(make) -> bytes:
    return make()


@pytest.mark.parametrize(
    "reason,what,make", CASES, ids=[f"{reason}: {what}" for reason, what, _ in CASES]
)
def test_a_hostile_dicom_is_rejected_for_its_reason_in_one_line(reason, what, make, capfd):
    with hang_guard(), pytest.raises(ImageRejected) as e:
        read(made(make), name="film.dcm")
    assert e.value.reason == reason, e.value
    message = str(e.value)
    assert message.startswith("film.dcm: ") and message.isprintable() and len(message) < 200
    assert SECRET not in message and "JOHN" not in message and "Error" not in message
    out = capfd.readouterr()
    assert out.out == out.err == ""


def test_the_message_names_the_modality():
    with pytest.raises(ImageRejected, match=r"modality CT \(CT Image\), not a radiograph"):
        read(made(TABLE["other_modality"]["a CT"]))


@pytest.mark.parametrize("sop_class,modality", [("Secondary Capture Image Storage", "CR")])
def test_a_capture_that_says_it_is_a_radiograph_is_read(sop_class, modality):
    """The chest films of RSNA's challenges are such."""
    assert read(of(sop_class, modality)).format == "DICOM"


def test_a_radiograph_that_states_its_kind_alone_is_read():
    assert read(of("Digital X-Ray Image Storage - For Presentation", None)).format == "DICOM"


# ---- bent anywhere

BASES = {
    "native": lambda: dicom(LEVELS, **WINDOW, RescaleSlope=1, RescaleIntercept=0),
    "tables": lambda: dicom(
        LEVELS, VOILUTSequence=lut(np.arange(4096)), ModalityLUTSequence=lut(np.arange(4096))
    ),
    "implicit": lambda: coded(dicom(LEVELS, **WINDOW), "ImplicitVRLittleEndian"),
    "big endian": lambda: coded(dicom(LEVELS, **WINDOW), "ExplicitVRBigEndian"),
    "deflated": lambda: coded(dicom(LEVELS, **WINDOW), "DeflatedExplicitVRLittleEndian"),
    "run lengths": lambda: coded(dicom(LEVELS, **WINDOW), "RLELossless"),
    "JPEG": lambda: encapsulated(BYTES, [jpeg(BYTES)]),
    "lossless JPEG": lambda: coded(dicom(LEVELS, **WINDOW), "JPEGLosslessProcess14_1"),
    "JPEG-LS": lambda: coded(dicom(LEVELS, **WINDOW), "JPEGLSLossless"),
    "JPEG 2000": lambda: coded(dicom(LEVELS, **WINDOW), "JPEG2000Lossless"),
}
BY_GDCM = ("lossless JPEG", "JPEG-LS", "JPEG 2000")  # a damaged one costs the start of a process


def bent_anywhere(data: bytes, rng: np.random.Generator) -> bytes:
    """Return a file of which some bytes are changed, left out or put in, perhaps cut."""
    bent = bytearray(data)
    first = int(rng.choice([0, data.index(b"\xe0\x7f") if b"\xe0\x7f" in data else 0]))
    for _ in range(rng.integers(1, 6)):
        place = int(rng.integers(first, len(bent)))
        how = rng.integers(4)
        if how == 0:
            bent[place] = int(rng.integers(256))
        elif how == 1:
            bent[place] ^= 1 << int(rng.integers(8))
        elif how == 2:
            del bent[place : place + int(rng.integers(1, 40))]
        else:
            bent[place:place] = rng.bytes(int(rng.integers(1, 20)))
        first = min(first, len(bent) - 1)
    if rng.random() < 0.2:
        del bent[int(rng.integers(len(bent))) :]
    return bytes(bent)


def check_bent(base: str, n: int, seed: int) -> None:
    """Read n bent files: pixels or ImageRejected, and a clean line."""
    rng = np.random.default_rng(seed)
    data = made(BASES[base])
    for _ in range(n):
        bent = bent_anywhere(data, rng)
        with hang_guard():
            try:
                found = read(bent)
            except ImageRejected as e:
                assert SECRET not in str(e) and str(e).isprintable(), hashlib.sha256(bent)
            else:
                assert found.pixels.dtype == np.uint8


@pytest.mark.parametrize("base", BASES)
def test_a_bent_dicom_gives_pixels_or_a_rejection(base, capfd):
    check_bent(base, 15 if base in BY_GDCM else 60, seed=18)
    out = capfd.readouterr()
    assert out.out == out.err == ""


@pytest.mark.slow
@pytest.mark.parametrize("base", BASES)
def test_two_hundred_bent_dicoms_of_each_coding_give_pixels_or_a_rejection(base, capfd):
    check_bent(base, 200, seed=2018)
    out = capfd.readouterr()
    assert out.out == out.err == ""
