"""pytest tests/evaluation/test_multi_label_floors.py

Floors of several findings against every rule that sees only the source.
"""

import itertools

import numpy as np
import pytest
from sklearn import metrics as sk
from toy_scores import count_labels, draw_findings

from cxr_fastai.evaluation.multi_label_floors import findings_floors

V = list("abcd")


@pytest.mark.parametrize("seed", range(3))
def test_no_answer_that_sees_only_the_source_beats_the_floor(seed):
    targs, _, _, sources, _ = draw_findings(seed, unknown=0.2)
    floor, at = (
        findings_floors(targs, sources, V)["source_only"],
        np.array([int(s[1]) for s in sources]),
    )
    for i, c in enumerate(V):
        known = ~np.isnan(targs[:, i])
        t, s = targs[known, i], at[known]
        assert floor["per_class"][c]["auroc"] == pytest.approx(
            max(
                sk.roc_auc_score(t, np.array(order)[s])
                for order in itertools.permutations(range(3))
            )
        )
        assert floor["per_class"][c]["f1"] == pytest.approx(
            max(sk.f1_score(t, np.array(rule)[s]) for rule in itertools.product((0, 1), repeat=3))
        )
    found = np.array([[c in floor["answers"][s].split("|") for c in V] for s in sources])
    assert floor["micro_f1"] == pytest.approx(
        count_labels(targs, np.zeros(targs.shape), found)["micro_f1"]
    )


def test_one_source_ranks_nothing_and_answers_everything():
    targs, *_ = draw_findings(0)
    floor, p = findings_floors(targs, ["x"] * len(targs), V)["source_only"], targs.mean(0)
    assert floor["macro_auroc"] == 0.5 and floor["macro_ap"] == pytest.approx(p.mean())
    assert floor["macro_f1"] == pytest.approx(np.mean(2 * p / (1 + p))) and floor["answers"] == {
        "x": "a|b|c|d"
    }


def test_sources_of_one_finding_each_make_the_floor_perfect():
    floor = findings_floors([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]] * 2, ["x", "y", "z"] * 2, V)[
        "source_only"
    ]
    assert floor["macro_auroc"] == floor["macro_f1"] == floor["exact"] == 1
    assert floor["answers"] == {"x": "a", "y": "b", "z": "none"}


def test_answering_nothing_is_right_where_nothing_is():
    targs, *_ = draw_findings(0)
    floor = findings_floors(targs, ["x"] * len(targs), V)["all_absent"]
    assert (
        floor["exact"] == np.mean(~targs.any(1)) and floor["micro_f1"] == floor["samples_f1"] == 0
    )
    assert floor["macro_auroc"] == 0.5
