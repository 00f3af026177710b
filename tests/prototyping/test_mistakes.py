"""pytest tests/prototyping/test_mistakes.py"""

from dataclasses import replace

import numpy as np
import toy
from PIL import Image
from toy_prototypes import report

from cxr_fastai.evaluation.predictions import Predictions
from cxr_fastai.prototyping.mistakes import MAX_MISTAKES, mistakes_of


def answered(tmp_path, n=6, wrong=(1, 4)):
    targs = np.arange(n) % 2
    preds = targs.copy()
    preds[list(wrong)] = 1 - preds[list(wrong)]
    probs = np.full((n, 2), 0.0)
    for i in range(n):
        probs[i, preds[i]] = 0.6 + 0.01 * i
        probs[i, 1 - preds[i]] = 1 - probs[i, preds[i]]
    rows = []
    for i in range(n):
        rows.append({"path": f"{i}.png", "original_path": f"mine/{i}.JPG", "label": ""})
        Image.fromarray(toy.picture(0, i)).save(tmp_path / f"{i}.png")
    found = Predictions(rows=rows, targs=targs, probs=probs, preds=preds)
    return replace(report(), predictions=found, n=n)


def test_the_surest_mistakes_come_first_under_the_names_of_the_users_files(tmp_path):
    found = mistakes_of(answered(tmp_path), tmp_path)
    assert (found.total, found.images, found.split) == (2, 6, "test")
    first, second = found.shown
    assert (first.original, first.is_, first.said, first.sure) == (
        "mine/4.JPG",
        "Normal",
        "Sick",
        "0.64",
    )
    assert second.is_ == "Sick" and first.uri.startswith("data:image/jpeg") and first.width


def test_an_image_that_is_gone_is_named(tmp_path):
    made = answered(tmp_path)
    (tmp_path / "4.png").unlink()
    assert mistakes_of(made, tmp_path).shown[0].uri == ""


def test_only_so_many_are_shown(tmp_path):
    found = mistakes_of(answered(tmp_path, 40, range(40)), tmp_path)
    assert len(found.shown) == MAX_MISTAKES and found.total == 40


def test_a_report_without_answers_shows_none(tmp_path):
    assert mistakes_of(report(), tmp_path) is None
