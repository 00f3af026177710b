"""pytest tests/evaluation/test_folder_audit.py

What the audit says of a folder in a line, and when it is not asked.
"""

import numpy as np
from toy_class_reports import manifest
from toy_pixels import folder

from cxr_fastai.evaluation import folder_audit
from cxr_fastai.evaluation.folder_audit import audit_folder
from cxr_fastai.probes.verdict import Verdict

MANY = {"train": 120, "valid": 0, "test": 4}


def of_two_sources(tmp_path, by_class):
    "Noise; or films whose source is their class."
    data = folder(tmp_path, tells=by_class, splits=MANY)
    for i, row in enumerate(data.rows):
        is_first = row.label == "dark" if by_class else i // 2 % 2
        object.__setattr__(row, "source", "one" if is_first else "two")
    return data


def test_a_folder_of_test_films_alone_is_not_asked():
    found = audit_folder(manifest())
    assert found.verdict is None and "no train or valid films" in found.says


def test_one_source_cannot_tell(tmp_path):
    found = audit_folder(folder(tmp_path))
    assert found.verdict is Verdict.CANNOT_TELL and "one source" in found.says
    assert not found.is_grave


def test_where_each_class_is_its_source_it_fails(tmp_path):
    found = audit_folder(of_two_sources(tmp_path, by_class=True))
    assert found.verdict is Verdict.FAIL and found.is_grave
    assert "no class stands in two sources (P9)" in found.says
    assert "no evidence of disease" in found.says


def test_sources_that_differ_in_nothing_do_not_fail(tmp_path):
    found = audit_folder(of_two_sources(tmp_path, by_class=False))
    assert found.verdict not in (Verdict.FAIL, Verdict.WARN)


def test_many_films_are_not_asked_here(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_audit, "MAX_FILMS", 100)
    found = audit_folder(of_two_sources(tmp_path, by_class=True))
    assert found.verdict is None and "not asked of 120 films" in found.says


def test_a_source_within_a_class_is_named(tmp_path):
    data = of_two_sources(tmp_path, by_class=False)
    from PIL import Image

    from cxr_fastai import images

    for row in data.rows:
        if row.source == "one":  # a white border, whatever the class
            pixels = np.array(Image.open(tmp_path / row.path))
            pixels[:4] = 255
            Image.fromarray(pixels).save(tmp_path / row.path)
            object.__setattr__(row, "pixel_sha256", images.pixel_sha256(pixels))
    found = audit_folder(data)
    # a warning: both sources hold the classes alike, so that the source tells nothing of them
    assert found.verdict is Verdict.WARN and "tells the source (P8, AUROC" in found.says
    assert found.to_dict()["P8"][0]["verdict"] == "FAIL"
