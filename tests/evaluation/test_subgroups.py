"""pytest tests/evaluation/test_subgroups.py

Numbers by source, age band, sex and view: what they are of, and where they are too few.
"""

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from cxr_fastai.evaluation.questions import Question
from cxr_fastai.evaluation.subgroups import age_band, subgroups_of
from cxr_fastai.intervals.bootstrap import Resampling

N = 240


def drawn(views=("PA", "AP"), **cells):
    rng = np.random.default_rng(0)
    positive = rng.random(N) < 0.5
    view = [views[i % len(views)] for i in range(N)]
    noise = np.where(np.array(view) == "AP", 8, 0.5)  # on AP films it guesses
    probs = 1 / (1 + np.exp(-(2 * positive - 1 + rng.normal(0, 1, N) * noise)))
    rows = [{"source": "s", "view": v, "sex": "", "age": "", **cells} for v in view]
    asked = Question("x", "X", positive, np.ones(N, bool), probs, probs)
    return asked, rows


def count(asked, rows, right=None):
    return subgroups_of("x", [asked], right, rows, Resampling(range(N), 200, 0))


def test_each_number_is_of_the_images_of_the_value():
    asked, rows = drawn()
    found = count(asked, rows, right=asked.positive)
    ap = next(row for row in found.rows if row.value == "AP")
    own = np.array([row["view"] == "AP" for row in rows])
    assert ap.auroc == pytest.approx(roc_auc_score(asked.positive[own], asked.probs[own]))
    assert (ap.images, ap.groups) == (N // 2, N // 2)
    assert ap.right == pytest.approx(asked.positive[own].mean())


def test_a_group_that_fares_worse_is_named_and_only_that():
    found = count(*drawn())
    assert [row.value for row in found.lower] == ["AP"]


def test_what_is_known_of_no_image_is_said_and_has_no_row():
    found = count(*drawn())
    assert found.unknown == ("age", "sex")
    assert {row.column for row in found.rows} == {"source", "view"}


def test_few_groups_are_said_and_never_called_worse():
    asked, rows = drawn()
    for i, row in enumerate(rows):
        row["sex"] = "F" if i < 12 else "M"
    few = next(row for row in count(asked, rows).rows if row.value == "female")
    assert few.too_few and not few.is_lower and few.side_groups < 20


@pytest.mark.parametrize(
    "age,band",
    [
        ("", "unknown"),
        ("0.5", "under 18"),
        ("17", "under 18"),
        ("18", "18 to 39"),
        ("64", "40 to 64"),
        ("65", "65 and over"),
        ("90", "65 and over"),
    ],
)
def test_age_bands(age, band):
    assert age_band({"age": age}) == band


def test_bands_stand_from_young_to_old_and_unknown_last():
    asked, rows = drawn()
    for i, row in enumerate(rows):
        row["age"] = ("70", "10", "", "30")[i % 4]
    ages = [row.value for row in count(asked, rows).rows if row.column == "age"]
    assert ages == ["under 18", "18 to 39", "65 and over", "unknown"]


def test_all_of_it_is_strict_json():
    numbers = count(*drawn()).to_dict()
    assert json.loads(json.dumps(numbers, allow_nan=False))["of"] == "x"
