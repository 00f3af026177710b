"""pytest tests/model_audit/test_answers.py: what a bundle answers to the test films of a folder"""

import numpy as np
import pytest
import torch
from toy_audits import drawn_folder, untrained_bundle

from cxr_fastai.manifest import read_manifest
from cxr_fastai.model_audit.answers import LastLayer, model_side, scores_of


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return read_manifest(drawn_folder(tmp_path_factory.mktemp("audit") / "data", n=120, test=60))


@pytest.fixture(scope="module")
def bundle(data, tmp_path_factory):
    return untrained_bundle(data, tmp_path_factory.mktemp("bundle") / "b")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))


def test_the_model_is_asked_of_test_films_alone(data, bundle):
    side = model_side(bundle, data)
    tested = [row for row in data.rows if row.split == "test"]
    assert [row.path for row in side.rows] == [row.path for row in tested]
    assert set(side.answers) <= {"ill", "well"} and len(side.answers) == 60
    assert (side.targets.has["ill"] == [row.label == "ill" for row in tested]).all()
    assert side.scores["ill"] + side.scores["well"] == pytest.approx(1, abs=1e-6)


def test_what_the_last_layer_is_given_comes_film_by_film_and_the_hook_is_gone(data, bundle):
    side = model_side(bundle, data)
    assert side.embeddings.shape == (60, 512)
    last = [module for module in bundle.net.modules() if isinstance(module, torch.nn.Linear)][-1]
    assert not last._forward_pre_hooks
    assert len(LastLayer(torch.nn.Flatten()).close()) == 0  # a network without such a layer


def test_films_are_shown_changed_and_only_those_that_are_asked(data, bundle):
    side = model_side(bundle, data)
    scores, answers = side.ask(lambda pixels: pixels, np.array([3, 7]))
    assert scores["ill"] == pytest.approx(side.scores["ill"][[3, 7]], abs=1e-6)
    assert list(answers) == list(side.answers[[3, 7]])
    black, _ = side.ask(lambda pixels: pixels * 0, np.array([3, 7]))
    assert black["ill"][0] == black["ill"][1] != scores["ill"][0]
    assert scores_of(bundle, data.root, side.rows[:2]).shape == (2, 2)


def test_the_gain_is_that_of_evaluate(data, bundle):
    from cxr_fastai.evaluation.evaluate import evaluate

    floor = model_side(bundle, data).floor
    metrics = evaluate(bundle, data, "test", resamples=50).metrics
    assert floor.model == metrics["macro_auroc"] and floor.films == floor.groups == 60
    low, high = floor.model_interval
    assert low <= floor.model <= high
    assert floor.gain == pytest.approx(floor.model - floor.floor)
    assert len(floor.others) == 1 and floor.squares not in floor.others
