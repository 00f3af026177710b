"""pytest tests/evaluation/test_distinct.py: numbers where an official test set repeats radiographs"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import toy_class_reports as classes
import toy_findings_reports as findings

from cxr_fastai.evaluation.build_report import build_report
from cxr_fastai.evaluation.distinct import distinct_indices, distinct_numbers, distinct_words
from cxr_fastai.evaluation.evaluate import evaluate


def row(path, repeat_of=""):
    return dict(path=path, repeat_of=repeat_of)


@pytest.mark.parametrize(
    "rows, chosen",
    [
        ([row("a"), row("b")], [0, 1]),
        ([row("a"), row("b", "a"), row("c", "a"), row("d")], [0, 3]),
        ([row("b", "a"), row("a"), row("d")], [1, 2]),
        ([row("b", "gone"), row("c", "gone"), row("d")], [0, 2]),
        ([dict(path="a"), dict(path="b")], [0, 1]),  # of a manifest that knows no repeats
        ([], []),
    ],
)
def test_of_each_radiograph_one_row_is_chosen_the_first_by_its_own_word(rows, chosen):
    assert distinct_indices(rows) == chosen


def repeating(toy, repeats):
    "A toy manifest in which some images repeat others: {number: number}; its rows, the bundle."
    data, bundle = toy.manifest(), toy.ToyBundle()
    records = list(data.rows)
    for i, first in repeats.items():
        group = records[first].group
        records[i] = replace(records[i], repeat_of=records[first].path, group=group)
    data = replace(data, rows=records)
    return data, bundle, data.part("test").to_dict("records")


@pytest.mark.parametrize("toy", [classes, findings])
def test_both_numbers_are_given_where_images_repeat_others(toy):
    data, bundle, rows = repeating(toy, {1: 0, 3: 2})
    probs = np.random.default_rng(3).dirichlet(np.ones(3), len(rows))
    whole = build_report(bundle, data, "test", rows, probs, 50)
    once = [i for i in range(len(rows)) if i not in (1, 3)]
    alone = build_report(bundle, data, "test", [rows[i] for i in once], probs[once], 50)
    assert whole.n == len(rows) and alone.distinct is None and whole.distinct == alone
    told, of = whole.to_dict(), alone.to_dict()
    assert told["distinct"]["n"] == len(rows) - 2 == told["n"] - 2
    for key in ("metrics", "intervals", "groups"):
        assert told["distinct"][key] == of[key]
    assert of["distinct"] == distinct_numbers(None) == {}
    note = whole.notes[-1]
    assert note == distinct_words(whole, alone)
    assert f"2 of {len(rows)} images show a radiograph of the same official test set" in note
    for name, _, cells in alone.headline():
        value, interval = cells[0]
        assert f"{name} {value}" in note and interval in note
    assert "".join(note.split()) in "".join(str(whole).split())  # a note may be wrapped
    assert "distinct radiographs" in whole.to_html()


def test_one_image_that_repeats_another_is_told_in_the_singular():
    data, bundle, rows = repeating(classes, {1: 0})
    probs = bundle.probs([Path(row["path"]) for row in rows])
    note = build_report(bundle, data, "test", rows, probs, 20).notes[-1]
    assert note.startswith("1 of 12 images shows a radiograph") and ". It counts in all" in note


@pytest.mark.parametrize("toy", [classes, findings])
def test_where_no_image_repeats_another_nothing_is_said(toy):
    data, bundle, rows = repeating(toy, {})
    probs = np.full((len(rows), 3), 1 / 3)
    report = build_report(bundle, data, "test", rows, probs, 20)
    assert report.distinct is None and report.to_dict()["distinct"] == {}
    assert not any("again" in note for note in report.notes)


def test_metrics_json_holds_both_numbers_with_their_intervals(tmp_path):
    data, _, _ = repeating(classes, {1: 0, 2: 0})
    bundle = classes.ToyBundle(wrong={0: "b", 1: "b", 2: "b"})
    evaluate(bundle, data, out=tmp_path, resamples=50)
    told = json.loads((tmp_path / "metrics.json").read_text())
    assert (told["n"], told["metrics"]["accuracy"]) == (12, 9 / 12)
    distinct = told["distinct"]
    assert (distinct["n"], distinct["metrics"]["accuracy"]) == (10, 9 / 10)
    assert distinct["groups"] == told["groups"] == 10
    for numbers in (told, distinct):
        low, high = numbers["intervals"]["metrics"]["accuracy"]
        assert low < numbers["metrics"]["accuracy"] < high
    assert "accuracy 90.0 %" in (tmp_path / "report.html").read_text()
