"""pytest tests/gate/test_own_films.py: a folder's films judged by models that never saw them"""

import numpy as np
import pytest

from cxr_fastai.gate import Negatives, thumbnail
from cxr_fastai.gate.kinds import righted
from cxr_fastai.gate.own_films import (
    LIMIT,
    MIN_FILMS,
    MIN_GROUPS,
    Look,
    judge_own_films,
)
from cxr_fastai.phantom import draw

FINDINGS = ("normal", "bacterial_pneumonia", "tuberculosis")


def drawn(n: int) -> np.ndarray:
    "n upright films of as many patients."
    return np.stack([thumbnail(draw(FINDINGS[i % 3], i, 96)) for i in range(n)])


FILMS = drawn(120)
GROUPS = [f"patient{i}" for i in range(len(FILMS))]
SOURCES = ["one", "two"] * 60
# film -> how it was laid down, and what rights it
WRONG = {
    3: ("turned_180",),
    40: ("turned_90",),
    41: ("turned_270",),
    77: ("inverted",),
    90: ("inverted", "turned_180"),
}


def laid(pixels: np.ndarray, steps) -> np.ndarray:
    "A film before those steps right it."
    for kind in reversed(steps):
        if kind == "inverted":
            pixels = 255 - pixels
        else:
            pixels = np.rot90(pixels, int(kind.removeprefix("turned_")) // 90)
    return np.ascontiguousarray(pixels)


def with_wrong(wrong=WRONG) -> np.ndarray:
    films = FILMS.copy()
    for i, steps in wrong.items():
        films[i] = laid(films[i], steps)
    return films


@pytest.fixture(scope="module")
def looks():
    return judge_own_films(with_wrong(), GROUPS, SOURCES, Negatives())


def test_films_that_lie_or_are_inverted_are_found_with_what_rights_them_and_no_others(looks):
    found = {i: look.steps for i, look in enumerate(looks) if look.kind}
    assert found == WRONG
    assert all(look.odds > LIMIT for look in looks if look.kind)


@pytest.mark.parametrize("steps", WRONG.values())
def test_the_steps_give_back_the_film_itself(steps):
    assert np.array_equal(righted(laid(FILMS[0], steps), steps), FILMS[0])
    assert np.array_equal(righted(FILMS[0], ()), FILMS[0])


def test_the_same_films_are_judged_alike_again(looks):
    assert judge_own_films(with_wrong(), GROUPS, SOURCES, Negatives()) == looks


def test_of_a_folder_in_which_a_fifth_lies_down_the_fifth_is_found():
    wrong = {i: ("turned_180",) for i in range(0, 120, 5)}
    looks = judge_own_films(with_wrong(wrong), GROUPS, SOURCES, Negatives())
    found = {i for i, look in enumerate(looks) if look.kind}
    assert found <= set(wrong) and len(found) > 0.8 * len(wrong)


@pytest.mark.parametrize(
    ("n", "groups"),
    [(MIN_FILMS - 1, MIN_FILMS - 1), (MIN_FILMS, MIN_GROUPS - 1)],
)
def test_too_few_films_or_patients_tell_nothing(n, groups):
    of_films = [f"patient{i % groups}" for i in range(n)]
    assert judge_own_films(FILMS[:n], of_films, ["one"] * n, Negatives()) is None


def lateral(number: int) -> np.ndarray:
    "A picture of another anatomy: one bright oval on black, the spine behind it."
    y, x = np.mgrid[0:64, 0:64] / 64
    rng = np.random.default_rng(number)
    body = ((x - 0.5) / rng.uniform(0.25, 0.35)) ** 2 + ((y - 0.5) / 0.45) ** 2 < 1
    spine = abs(x - 0.7 + 0.1 * (y - 0.5) ** 2) < 0.05
    levels = 120.0 * body + 90 * (spine & body) + rng.normal(0, 4, (64, 64))
    return np.clip(levels, 0, 255).astype(np.uint8)


def test_a_lateral_among_the_films_is_found_where_some_were_thrown_out():
    films = FILMS.copy()
    films[7] = lateral(1000)
    n = 40
    side = np.stack([lateral(i) for i in range(n)])
    named = [f"x{i}" for i in range(n)]
    negatives = Negatives(side, ["lateral"] * n, ["one"] * n, named)
    looks = judge_own_films(films, GROUPS, SOURCES, negatives)
    assert {i: look.kind for i, look in enumerate(looks) if look.kind} == {7: "lateral"}
    assert looks[7].steps == ()


def test_of_a_few_laterals_nothing_is_learned():
    side = np.stack([lateral(i) for i in range(3)])
    negatives = Negatives(side, ["lateral"] * 3, ["one"] * 3, ["a", "b", "c"])
    looks = judge_own_films(FILMS, GROUPS, SOURCES, negatives)
    assert looks == judge_own_films(FILMS, GROUPS, SOURCES, Negatives())
    assert all(isinstance(look, Look) and not look.kind for look in looks)
