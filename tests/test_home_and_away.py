"""pytest tests/test_home_and_away.py

benchmarks/home_and_away.py and frozen_films.py, on features that the tests draw: who is asked by
which model, and what features do not depend on.
"""

from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def scores(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    import home_and_away

    return home_and_away


@pytest.fixture
def films(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    import frozen_films

    return frozen_films


def drawn(
    scores,
    seed: int,
    n: int = 80,
    signal: float = 2.0,  # deviations between ill and well
):
    """Draw features of a hospital, each film of a patient of its own; the first one tells."""
    draws = np.random.default_rng(seed)
    is_ill = np.arange(n) % 2 == 0
    features = draws.normal(size=(n, 5))
    features[:, 0] += signal * is_ill
    return features, scores.Answers(is_ill, np.zeros(n), [f"p{i}" for i in range(n)])


def test_folds_score_no_film_by_a_model_that_saw_its_patient(scores):
    features, answers = drawn(scores, 0, n=40, signal=0)
    doubled = np.concatenate([features, features])
    groups = answers.groups * 2
    twice = scores.Answers(np.tile(answers.is_ill, 2), np.zeros(80), groups)
    line = scores.home_line("a", "m", doubled, twice, (1e3,))
    told = line.tested.scores
    assert np.allclose(told[:40], told[40:])  # copies of one patient: one model, one score
    assert max(line.deals) < 0.75  # which learning the copies by heart would exceed


def test_a_setting_is_judged_by_films_that_were_held_out_shifted_and_of_a_third_hospital(scores):
    features, answers = drawn(scores, 1)
    noise = drawn(scores, 2, signal=0)[0]
    one = scores.judged("a", "m", (features, noise, answers), drawn(scores, 3), 1e-1)
    assert one.held_out > 0.85
    assert abs(one.shifted - 0.5) < 0.2  # the shifted films, which tell nothing, were asked
    assert one.third > 0.85
    assert one.mean == pytest.approx((one.shifted + one.third) / 2)


def test_the_threshold_of_home_is_kept_away(scores):
    home = drawn(scores, 4)
    features, answers = drawn(scores, 5)
    line = scores.away_line("a", "b", "m", home, (features + 1e3, answers), (1e-1,))
    assert line.called.all() or not line.called.any()  # films that all look alike to home


def test_a_threshold_finds_nine_of_ten(scores):
    told = np.arange(20.0)
    answers = scores.Answers(told >= 10, told, [str(i) for i in range(20)])
    assert (told[10:] >= scores.threshold_of(answers)).sum() == 9


def test_own_differences_do_not_ask_which_side_is_ill(films):
    draws = np.random.default_rng(6)
    maps = draws.normal(size=(3, 4, films.GRID, films.GRID))
    weigh = draws.uniform(0.1, 1, size=(3, 1, films.GRID, films.GRID))
    told = films.own_differences(maps, weigh)
    assert told.shape == (3, 40)
    assert np.allclose(told, films.own_differences(maps[..., ::-1], weigh[..., ::-1]))
    assert not np.allclose(told, films.own_differences(maps[:, :, ::-1], weigh[:, :, ::-1]))


def test_own_differences_of_sides_and_halves_are_blind_to_what_a_machine_adds(films):
    draws = np.random.default_rng(7)
    maps = draws.normal(size=(2, 4, films.GRID, films.GRID))
    weigh = np.ones((2, 1, films.GRID, films.GRID))
    moved = films.own_differences(maps + 5, weigh)
    assert np.allclose(moved[:, :16], films.own_differences(maps, weigh)[:, :16])
