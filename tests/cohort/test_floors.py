"""pytest tests/cohort/test_floors.py: what can be had without looking at a radiograph"""

import json
from collections import Counter

import numpy as np
import pytest

from cxr_fastai.cohort.floors import Floors, commonest_class, find_floors
from cxr_fastai.evaluation import single_label

VOCAB = list("badc")


def drawn(seed, n=30):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 4, n), rng.choice(["x", "y", "z"], n)


@pytest.mark.parametrize("seed", range(5))
def test_floors_equal_a_plain_count(seed):
    targs, sources = drawn(seed)
    floors = find_floors(targs, sources, 4)
    right = 0
    for source in sorted(set(sources.tolist())):
        counts = Counter(targs[sources == source].tolist())
        assert floors.answers[source] == min(counts, key=lambda t: (-counts[t], t))
        right += max(counts.values())
    assert list(floors.answers) == sorted(floors.answers)
    assert floors.source_only_right == right
    assert floors.majority_right == max(Counter(targs.tolist()).values())
    assert floors.images == 30
    wrong = 1 - floors.majority_accuracy
    righted = (wrong - (1 - floors.source_only_accuracy)) / wrong
    assert floors.righted == pytest.approx(righted)


@pytest.mark.parametrize("seed", range(5))
def test_the_source_only_floor_is_that_of_cxr_evaluate(seed):
    targs, sources = drawn(seed)
    got = find_floors(targs, sources, 4).to_dict(VOCAB)
    want = single_label.floors(targs, sources.tolist(), VOCAB)
    assert got["answers"] == want["source_only"]["answers"]
    assert got["majority"] == want["majority"]["label"]
    assert got["source_only_accuracy"] == want["source_only"]["accuracy"]
    assert got["majority_accuracy"] == want["majority"]["accuracy"]


@pytest.mark.parametrize(
    "targs,sources,righted",
    [([0, 0, 1], "xxy", 1), ([0, 0, 1, 1], "xyxy", 0), ([0, 0, 0], "xyz", 0)],
)
def test_errors_righted_are_all_none_or_none_to_right(targs, sources, righted):
    assert find_floors(np.array(targs), list(sources), 2).righted == righted


def test_on_a_tie_the_class_earlier_in_the_vocab_is_the_answer():
    floors = find_floors(np.array([2, 1, 1, 2]), ["x", "x", "y", "y"], 3)
    assert floors.majority == 1 and floors.answers == {"x": 1, "y": 1}
    assert commonest_class(np.array([2, 1]), 3) == 1


def test_the_numbers_are_strict_json_with_class_names():
    floors = Floors(majority=1, answers={"x": 0}, images=4, majority_right=2, source_only_right=3)
    assert json.loads(json.dumps(floors.to_dict(["a", "b"]))) == {
        "majority": "b",
        "majority_accuracy": 0.5,
        "source_only_accuracy": 0.75,
        "righted": 0.5,
        "answers": {"x": "a"},
    }
