"""pytest tests/prototyping/test_scores.py"""

import json
from dataclasses import replace

import pytest
import toy_prototypes as toys
from toy_prototypes import report

from cxr_fastai.prototyping.scores import Number, Scores, scores_of


def test_a_number_stands_beside_its_floor():
    scores = scores_of(report())
    assert (scores.split, scores.images, scores.groups, scores.always) == ("test", 60, 60, "Normal")
    first = scores.numbers[0]
    assert (first.name, first.model) == ("accuracy", "90.0 % (80.0 to 95.0)")
    assert first.floors[0].startswith("50.0 %")
    assert scores.line() == (
        "accuracy 90.0 % (80.0 to 95.0) on 60 test images of 60 groups, where always answering "
        "“Normal” reaches 50.0 %"
    )
    assert scores.above_floor and not scores.too_few and not scores.at_chance


def test_the_source_only_floor_is_told_of_several_sources_alone():
    assert scores_of(report()).floors == ("majority floor",)
    several = scores_of(report(sources=("one", "two", "three")))
    assert several.floors == ("majority floor", "source-only floor")
    assert all(len(number.floors) == 2 for number in several.numbers)


def test_guessing_within_the_interval_is_chance():
    assert scores_of(report(right=33, low=0.45)).at_chance
    assert not scores_of(report(right=33, low=0.51)).at_chance


def test_answers_no_better_than_a_guess_may_still_rank():
    unsure = report(right=33, low=0.45)
    metrics = {**unsure.intervals["metrics"], "macro_auroc": [0.7, 0.9]}
    ranking = scores_of(replace(unsure, intervals={**unsure.intervals, "metrics": metrics}))
    assert ranking.ranks and not ranking.at_chance


def test_too_few_groups_are_no_verdict():
    few = scores_of(report(groups=19))
    assert few.too_few and not few.above_floor and "too few to tell" in few.verdict


@pytest.mark.parametrize("scores", [toys.scores(), toys.scores(notes=("a",), too_few=True)])
def test_scores_go_through_json(scores):
    assert Scores.from_dict(json.loads(json.dumps(scores.to_dict()))) == scores


def test_a_number_may_be_asked_for_by_name():
    numbers = (*toys.scores().numbers, Number("macro AUROC", "", "0.950", ("-",)))
    line = toys.scores(numbers=numbers, groups=0).line("macro AUROC")
    assert line.startswith("macro AUROC 0.950 on 60 test images, where")
