"""pytest tests/gate/test_table.py"""

import numpy as np
import pytest
from gate_films import gate_with_laterals

from cxr_fastai.gate.kinds import judgement_of
from cxr_fastai.gate.table import alarms_of, area_under, caught_of, kinds_refused


@pytest.mark.parametrize(
    ("low", "high", "area"), [([0, 1], [2, 3], 1.0), ([0, 1], [0, 1], 0.5), ([1], [0], 0.0)]
)
def test_the_area_tells_how_often_the_foreign_one_scores_higher(low, high, area):
    assert area_under(np.array(low, float), np.array(high, float)) == area


def test_alarms_are_counted_by_source_the_largest_first():
    found = alarms_of(["a", "b", "b", "b"], [True, False, True, True])
    assert found == [
        {"source": "b", "n": 3, "refused": 2},
        {"source": "a", "n": 1, "refused": 1},
    ]


def test_a_row_of_the_table_has_its_numbers():
    row = caught_of("ct", np.array([True, False]), np.array([3.0, 0.0]), np.array([1.0, 2.0]))
    assert row == {"kind": "ct", "n": 2, "refused": 1, "auroc": 0.5}


def test_refusals_are_counted_by_kind():
    kinds = ["", "lateral", "ct", "lateral"]
    assert kinds_refused([judgement_of(k, 1) for k in kinds]) == {"lateral": 2, "ct": 1}


def test_a_gate_tells_what_it_caught_of_every_kind_that_it_learned():
    facts = gate_with_laterals().facts
    rows = {row["kind"]: row for row in facts["caught"]}
    for kind in ("turned_90", "turned_180", "inverted", "half_film", "noise", "lateral"):
        assert rows[kind]["refused"] >= 0.8 * rows[kind]["n"], kind
    assert rows["lateral"]["n"] == 12
    assert {row["source"] for row in facts["alarms"]} == {"a", "b"}
