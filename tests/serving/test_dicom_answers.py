"""Answers on DICOM: a film and its negative are one; found without extension; refused with a reason.

python -m pytest tests/serving/test_dicom_answers.py
"""

import numpy as np
import pytest
from toy_dicoms import CODINGS, SECRET, coded, dicom, film

from cxr_fastai.serving.predict import find_images, predict_paths

LEVELS = film(12, rows=120, columns=100)
NEGATIVE = (4095 - LEVELS).astype(np.uint16)


def test_a_film_and_its_negative_have_one_answer_in_every_coding(bundle, tmp_path):
    positive = dicom(LEVELS, WindowCenter=1800, WindowWidth=3000)
    negative = dicom(
        NEGATIVE, PhotometricInterpretation="MONOCHROME1", WindowCenter=2296, WindowWidth=3000
    )
    files = {"positive": positive, "negative": negative}
    files |= {f"{coding}.dcm": coded(negative, coding) for coding in CODINGS}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    rows = predict_paths(bundle, [tmp_path / name for name in files])
    for row in rows[1:]:
        assert row["error"] == ""
        assert row["probs"] == pytest.approx(rows[0]["probs"], abs=1e-6)


def test_dicom_without_extension_is_found_and_a_dicomdir_is_not_taken_for_a_film(bundle, tmp_path):
    folder = tmp_path / "ST000001"
    folder.mkdir()
    for name in ("IM000001", "1.2.840.113619.2.5", "c.dcm"):
        (folder / name).write_bytes(dicom(LEVELS))
    media = "1.2.840.10008.1.3.10"
    index = dicom(LEVELS, sop_class=media, Modality=None, PixelData=None)
    (tmp_path / "DICOMDIR").write_bytes(index)
    (tmp_path / "README").write_text("a disc")
    found = find_images([tmp_path])
    assert [file.name for file in found] == ["1.2.840.113619.2.5", "IM000001", "c.dcm"]
    assert all(row["error"] == "" for row in predict_paths(bundle, found))


def test_what_is_no_radiograph_becomes_a_row_with_its_reason(bundle, tmp_path):
    (tmp_path / "ct.dcm").write_bytes(
        dicom(LEVELS, sop_class="1.2.840.10008.5.1.4.1.1.2", Modality="CT")
    )
    (row,) = predict_paths(bundle, [tmp_path / "ct.dcm"])
    assert row["label"] is None and SECRET not in row["error"]
    assert "modality CT (CT Image), not a radiograph" in row["error"]
