"""pytest tests/evaluation/test_shifted.py

A bundle that reads exposure is found out, one that reads the film is not, and no test film is read.
"""

from types import SimpleNamespace

import numpy as np
import pytest
from toy_pixels import folder

from cxr_fastai.core import IntegrityError, Task, UsageError
from cxr_fastai.evaluation.shifted import shifted_validation

SPLITS = {"train": 4, "valid": 40, "test": 6}


class Reader:
    "Calls a film light by a number of its pixels; `light` is the positive class."

    path = "toy/bundle"
    task = Task.SINGLE_LABEL
    vocab = ["dark", "light"]

    def __init__(self, number, sha256, threshold=0.5):
        self.number = number
        decision = {"negative": "dark", "threshold": threshold}
        self.meta = {"decision": decision, "manifest_sha256": sha256}
        self.asked = 0

    def probs(self, films, bs, decode):
        values = [self.number(decode(film)) for film in films]
        self.asked += len(values)
        risk = np.clip(values, 0, 1)
        return np.stack([1 - risk, risk], 1).astype(np.float32)


def exposure(pixels):
    "About 0.35 of a dark film, 0.6 of a light one."
    return pixels.mean() / 255


def test_what_hangs_on_exposure_is_found_out(tmp_path):
    data = folder(tmp_path, splits=SPLITS)
    bundle = Reader(exposure, data.sha256, threshold=0.47)
    clean = bundle.probs(
        [np.full((9, 9), 90, np.uint8), np.full((9, 9), 150, np.uint8)], 1, lambda film: film
    )
    assert (clean[:, 1] >= 0.47).tolist() == [False, True]
    found = shifted_validation(bundle, data, rounds=2)
    assert found["auroc"] < 0.995 and found["accuracy"] < 0.95
    low, high = found["intervals"]["auroc"][:2]
    assert low < found["auroc"] < high


def test_all_validation_films_are_asked_a_round_and_no_others(tmp_path):
    data = folder(tmp_path, splits=SPLITS)
    for row in data.rows:
        if row.split != "valid":
            (data.root / row.path).unlink()
    bundle = Reader(exposure, data.sha256)
    found = shifted_validation(bundle, data, rounds=3)
    assert (found["films"], found["rounds"], bundle.asked) == (40, 3, 120)


def test_the_same_seed_gives_the_same_numbers_and_another_others(tmp_path):
    data = folder(tmp_path, splits=SPLITS)
    bundle = Reader(exposure, data.sha256)
    first = shifted_validation(bundle, data, rounds=1)
    assert shifted_validation(bundle, data, rounds=1) == first
    assert shifted_validation(bundle, data, rounds=1, seed=1)["auroc"] != first["auroc"]


def test_a_film_that_was_changed_is_told(tmp_path):
    data = folder(tmp_path, splits=SPLITS)
    rows = [row for row in data.rows if row.split == "valid"]
    (data.root / rows[0].path).write_bytes((data.root / rows[1].path).read_bytes())
    with pytest.raises(IntegrityError, match="its pixels are not those"):
        shifted_validation(Reader(exposure, data.sha256), data)


def test_what_cannot_be_asked_is_refused(tmp_path):
    data = folder(tmp_path, splits=SPLITS)
    with pytest.raises(UsageError, match="was not trained on"):
        shifted_validation(Reader(exposure, "0" * 64), data)
    bundle = SimpleNamespace(task=Task.MULTI_LABEL, path="toy", meta={"decision": {}})
    with pytest.raises(UsageError, match="decides nothing by one threshold"):
        shifted_validation(bundle, data)
