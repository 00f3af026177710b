"""pytest tests/bundle/test_coverage.py

Coverage counted over patients, by class and by source, and told where it fails.
"""

import numpy as np
import pytest

from cxr_fastai.bundle.conformal import Promise
from cxr_fastai.bundle.coverage import measure_coverage
from cxr_fastai.core import Task

VOCAB = ["a", "b"]


def promise(task=Task.SINGLE_LABEL, sources=("here",)):
    limits = {"class": {"a": 0.5, "b": 0.5}}
    if task is Task.MULTI_LABEL:
        limits = {side: {"a": 0.5, "b": 0.5} for side in ("present", "absent")}
    return Promise(
        coverage=0.9,
        task=task,
        vocab=VOCAB,
        display={"a": "A", "b": "B"},
        limits=limits,
        too_few={},
        sources=dict.fromkeys(sources, 20),
    )


def test_a_patient_is_covered_where_all_films_are():
    probs = np.array([[0.1, 0.9], [0.9, 0.1], [0.8, 0.2], [0.2, 0.8]])
    report = measure_coverage(promise(), probs, np.array([0, 0, 0, 1]), list("ppqr"), ["here"] * 4)
    a, b = report.classes
    assert (a.name, a.groups, a.films, a.covered) == ("a", 2, 3, 0.5)
    assert (b.name, b.groups, b.covered, b.size, b.empty) == ("b", 1, 1.0, 1.0, 0.0)
    [source] = report.sources
    assert (source.groups, source.covered, source.is_known) == (3, pytest.approx(2 / 3), True)


def test_a_broken_promise_is_told_and_so_is_a_source_that_validation_lacked():
    n = 60
    targs = np.zeros(n, int)
    probs = np.tile([0.9, 0.1], (n, 1))
    probs[20:] = [0.1, 0.9]
    sources = ["here"] * 40 + ["far"] * 20
    report = measure_coverage(promise(), probs, targs, [str(i) for i in range(n)], sources)
    far, far_a, here = report.sources
    assert far.covered == 0 and not far.is_known and here.covered == 0.5
    assert report.verdict == "The promise of 90 % is not kept here: a 50.0 % (33.8 to 66.2)."
    text = "\n".join(report.lines())
    assert "far (not in validation: nothing is promised)" in text
    assert report.to_dict()["sources"][0]["interval"][0] == 0


def test_a_kept_promise_is_told_with_how_much_was_looked_at():
    probs = np.tile([0.9, 0.1], (30, 1))
    groups = [str(i) for i in range(30)]
    report = measure_coverage(promise(), probs, np.zeros(30, int), groups, ["here"] * 30)
    assert report.verdict.startswith("No class's coverage is surely below the 90 %")
    assert [row.name for row in report.classes] == ["a"], "nothing is said of a class without films"


def test_of_findings_both_sides_are_counted_where_they_are_known():
    probs = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.5]])
    targs = np.array([[1, 0], [1, np.nan], [0, 1]])
    report = measure_coverage(promise(Task.MULTI_LABEL), probs, targs, list("pqr"), ["here"] * 3)
    found = {(row.name, row.side): (row.groups, row.covered) for row in report.classes}
    assert found == {
        ("a", "present"): (2, 0.5),
        ("a", "absent"): (1, 1.0),
        ("b", "present"): (1, 1.0),
        ("b", "absent"): (1, 1.0),
    }
    assert [(row.side, row.groups) for row in report.sources] == [("present", 3), ("absent", 2)]


def test_where_all_sources_are_new_nothing_is_promised_and_what_is_kept_is_told():
    probs = np.tile([0.9, 0.1], (30, 1))
    groups = [str(i) for i in range(30)]
    report = measure_coverage(promise(), probs, np.zeros(30, int), groups, ["far"] * 30)
    assert report.classes == [] and report.sources[0].covered == 1
    assert report.verdict.startswith("Nothing is promised of these films")


def test_what_is_kept_at_a_new_source_is_told_by_class():
    """All together are covered in 75 %, which hides that one class never is."""
    probs = np.array([[0.9, 0.1]] * 30 + [[0.9, 0.1]] * 10)
    targs = np.r_[np.zeros(30, int), np.ones(10, int)]
    groups = [str(i) for i in range(40)]
    report = measure_coverage(promise(), probs, targs, groups, ["far"] * 40)
    found = {(row.of_source, row.name): (row.covered, row.groups) for row in report.sources}
    assert found == {("", "far"): (0.75, 40), ("far", "a"): (1.0, 30), ("far", "b"): (0.0, 10)}
    assert "far: b" in [cells[0] for cells in report.rows()]
    assert not any(row.is_known for row in report.sources)
    home = measure_coverage(promise(), probs, targs, groups, ["here"] * 40)
    assert [row.name for row in home.sources] == ["here"], "its classes stand above"
