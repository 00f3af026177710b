"""pytest tests/test_recipe_scores.py

benchmarks/recipe_scores.py tells of several bundles what each and all of them reach, and ranks two
classes within the source that has both.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from toy_class_reports import ToyBundle
from toy_pixels import folder

from cxr_fastai.core import UsageError
from cxr_fastai.evaluation.evaluate import evaluate
from cxr_fastai.evaluation.predictions import Predictions


@pytest.fixture
def scores(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    import recipe_scores

    return recipe_scores


@pytest.fixture
def data(tmp_path):
    return folder(tmp_path / "data")


def bundle(data, wrong=None):
    trained = {"seconds": 90.0, "weights": "none"}
    settings = {"arch": "toynet", "weights": "none", "size": 32, "epochs": 2}
    recipe = {"name": "shades", "train": settings}
    return ToyBundle(data.vocab, wrong, trained=trained, recipe=recipe)


def test_all_together_answer_by_the_mean_and_each_alone_by_itself(scores, data):
    wrong = [{2001: "light"}, {2001: "light", 2003: "light"}, {2000: "dark"}]
    found = scores.scored(data, [bundle(data, own) for own in wrong], "test")
    assert json.loads(json.dumps(found, allow_nan=False))["n"] == 48
    assert [own["accuracy"] for own in found["networks"]] == [47 / 48, 46 / 48, 47 / 48]
    assert found["together"]["accuracy"] == 47 / 48  # two of three are wrong of film 2001
    assert found["classes"] == {"dark": 24, "light": 24}
    assert found["minutes"] == [1.5, 1.5, 1.5]
    text = scores.text_of(found)
    assert text.count("alone: ") == 3 and "gray squares" in text and "source_only floor" in text


def test_within_a_source_knowing_the_source_is_of_no_help(scores):
    "Sources tell the classes wholly but for one of them: that one alone is told of, by itself."
    rng = np.random.default_rng(0)
    sources = ["both"] * 60 + ["ill"] * 40 + ["well"] * 40
    targs = np.array([*(np.arange(60) % 2), *[1] * 40, *[0] * 40])
    risk = np.where(targs == 1, 0.9, 0.1)
    risk[:60] = rng.uniform(0.2, 0.8, 60)
    probs = np.column_stack([1 - risk, risk])
    rows = [dict(source=s, group=f"g{i}") for i, s in enumerate(sources)]
    found = Predictions(rows, targs, probs, probs.argmax(1))
    (pair,) = scores.within_sources(found, probs, ["normal", "covid_19"], None)
    assert (pair.source, pair.positive, pair.negative) == ("both", "covid_19", "normal")
    assert pair.images == (30, 30) and pair.pixels is None
    assert pair.auroc == pytest.approx(roc_auc_score(targs[:60], risk[:60]))
    assert pair.interval[0] < pair.auroc < pair.interval[1]
    assert roc_auc_score(targs, risk) > pair.auroc + 0.2


def test_the_pixel_floor_stands_beside_each_pair(scores, data):
    found = scores.scored(data, [bundle(data)], "test")
    (pair,) = found["within"]
    assert (pair["source"], pair["images"]) == ("one", (24, 24))
    assert pair["auroc"] == pair["pixels"] == 1.0
    line = scores.text_of(found).splitlines()[-1].split()
    assert line[:7] == ["one", "dark", "or", "light", "24", "+", "24"] and line[7] == "1.000"


def test_bundles_of_other_classes_are_refused(scores, data):
    other = bundle(replace(data, recipe=replace(data.recipe, classes={"light": [], "dark": []})))
    other.vocab = ["light", "dark"]
    with pytest.raises(UsageError, match="its classes are not those of"):
        scores.scored(data, [bundle(data), other], "test")


def test_the_numbers_of_one_are_those_of_evaluate(scores, data):
    one = bundle(data, {2001: "light", 2005: "light"})
    found = scores.scored(data, [one], "test")
    report = evaluate(one, data, pixel_floor=False)
    assert found["metrics"]["macro_auroc"] == report.metrics["macro_auroc"]
    assert found["metrics"]["accuracy_interval"] == report.intervals["metrics"]["accuracy"]
    assert found["floors"]["source_only"] == report.floors["source_only"]
