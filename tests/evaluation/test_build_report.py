"""pytest tests/evaluation/test_build_report.py

From probabilities to the report of a task.
"""

import numpy as np
import pytest
import toy_class_reports as classes
import toy_findings_reports as findings

from cxr_fastai.evaluation.build_report import build_report, class_report, findings_report
from cxr_fastai.evaluation.multi_label_report import FindingsReport
from cxr_fastai.evaluation.single_label_report import Report

DECISION = dict(negative="a", threshold=0.5, triage=[dict(asked_sensitivity=0.9, threshold=0.2)])


def rows_of(data):
    return data.part("test").to_dict("records")


@pytest.mark.parametrize(
    "toy,report,build",
    [(classes, Report, class_report), (findings, FindingsReport, findings_report)],
)
def test_the_task_of_the_bundle_decides_what_is_counted(toy, report, build):
    data, bundle = toy.manifest(), toy.ToyBundle()
    rows = rows_of(data)
    probs = np.random.default_rng(0).dirichlet(np.ones(3), len(rows))
    found = build_report(bundle, data, "test", rows, probs, 20, 1)
    assert isinstance(found, report) and (found.n, found.resamples, found.seed) == (
        len(rows),
        20,
        1,
    )
    assert found == build(bundle, data, "test", rows, probs, 20, 1)
    assert np.array_equal(found.predictions.probs, probs)


@pytest.mark.parametrize("decision", [{}, DECISION])
def test_a_decision_is_counted_where_the_bundle_carries_one(decision):
    data, bundle = classes.manifest(), classes.ToyBundle(decision=decision)
    rows = rows_of(data)
    probs = np.random.default_rng(0).dirichlet(np.ones(3), len(rows))
    found = class_report(bundle, data, "test", rows, probs, 20)
    assert [found.decision is not None, found.triage is not None] == [bool(decision)] * 2
    assert [bool(found.intervals[k]) for k in ("decision", "triage")] == [bool(decision)] * 2
    assert found.to_dict()["decision"] == (found.decision or {})
    assert list(found.intervals) == [
        "metrics",
        "decision",
        "triage",
        "by_source",
        "floors",
        "gain",
    ]


def test_a_finding_that_the_folders_recipe_lacks_is_unknown():
    data = findings.manifest(["a", "b|?a"], vocab=["a", "b"])
    bundle = findings.ToyBundle(vocab=["c", "b", "a"])
    found = findings_report(bundle, data, "test", rows_of(data), np.zeros((2, 3)), 5)
    targs = [[np.nan, 0, 1], [np.nan, 1, np.nan]]
    assert np.array_equal(found.predictions.targs, targs, equal_nan=True)
