"""pytest tests/gate/test_fit.py"""

import numpy as np
import pytest
from gate_films import films, gate_with_laterals, small_gate

from cxr_fastai.core import UsageError
from cxr_fastai.gate import fit_gate, gate_bytes
from cxr_fastai.gate.fit import NEVER, _folds, _limit


def test_the_same_films_and_seed_give_the_same_bytes_and_another_seed_others():
    given = (films(24), [f"p{i}" for i in range(24)], ["a"] * 24)
    first = gate_bytes(fit_gate(*given))
    assert first == gate_bytes(fit_gate(*given))
    assert first != gate_bytes(fit_gate(*given, seed=1))


def test_few_films_give_a_weak_gate_that_says_so_and_lets_them_pass():
    gate = small_gate()
    assert gate.is_weak
    assert gate.promise.startswith("weak: 60 groups tell no rate")
    passed = [judgement.passes for judgement in gate.judge_thumbnails(films(60, 3000))]
    assert np.mean(passed) > 0.95


def test_many_films_give_a_gate_that_keeps_its_promise():
    gate = gate_with_laterals()
    assert not gate.is_weak
    assert gate.promise.startswith("at most 1.0 % of good films of these sources refused, by 102")
    refused = sum(row["refused"] for row in gate.facts["alarms"])
    assert refused <= 0.01 * 103


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_handful_of_films_is_no_error_and_nothing_is_promised(n):
    gate = fit_gate(films(n), ["one"] * n, ["a"] * n)
    assert gate.promise.startswith("nothing is promised of false alarms: 1 group")
    assert gate.facts["caught"] == []
    assert gate.distance_limit == NEVER


def test_what_was_not_learned_is_named():
    assert small_gate().facts["not_learned"] == ["lateral", "ct"]
    assert gate_with_laterals().facts["not_learned"] == ["ct"]


def test_films_of_another_form_and_wrong_counts_are_refused_in_one_line():
    with pytest.raises(UsageError, match="expected small films"):
        fit_gate(np.zeros((3, 32, 32), np.uint8), ["a"] * 3, ["a"] * 3)
    with pytest.raises(UsageError, match="expected small films"):
        fit_gate(np.zeros((0, 64, 64), np.uint8), [], [])
    with pytest.raises(UsageError, match="2 groups and 3 sources for 3 films"):
        fit_gate(films(3), ["a"] * 2, ["a"] * 3)


def test_no_fold_cuts_a_unit():
    units = np.array([f"film {i // 3}" for i in range(60)] + [f"noise {i}" for i in range(40)])
    folds = _folds(units, np.random.default_rng(0))
    for unit in set(units):
        assert len(set(folds[units == unit])) == 1
    assert set(folds[:60]) == set(folds[60:]) == {0, 1, 2, 3, 4}


def test_a_limit_is_passed_by_one_film_in_a_hundred():
    scores = np.arange(199.0)
    assert (scores > _limit(scores, np.ones(199), 0.01)).sum() == 1


def test_a_limit_counts_what_a_film_stands_for():
    scores = np.array([0.0, 1.0, 2.0, 3.0])
    stands_for = np.array([1000.0, 1.0, 1.0, 1.0])
    assert _limit(scores, np.ones(4), 0.01) == 3.0
    assert _limit(scores, stands_for, 0.5) == 0.0
