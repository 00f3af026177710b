"""Films: drawn alike everywhere, and with what they are asked to show.

python -m pytest tests/phantom/test_film.py
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from toy_phantoms import (
    SIZE,
)

from cxr_fastai import phantom
from cxr_fastai.core import UnknownName, UsageError
from cxr_fastai.phantom import (
    AGES,
    CLASSES,
    KINDS,
    draw,
    draw_findings,
)

HASH = (
    "import hashlib; from cxr_fastai.phantom import draw, CLASSES; "
    "print(hashlib.sha256(b''.join(draw(c, i, 64).tobytes() for i, c in enumerate(CLASSES))).hexdigest())"
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("age", AGES)
def test_a_drawing_is_square_grey_and_uses_the_range(kind, age):
    film = draw(kind, 3, 50, age=age)
    assert film.shape == (50, 50) and film.dtype == np.uint8
    assert film.min() < 60 and film.max() > 150 and film.std() > 25


def test_a_drawing_is_256_pixels_wide_unless_told():
    assert draw("normal", 0).shape == (256, 256)


def test_the_same_arguments_give_the_same_pixels_and_others_do_not():
    film, same = draw("covid_19", 7, 64, 3), ("covid_19", 7, 64, 3, "adult")
    assert (film == draw(*same)).all()
    for i, value in enumerate(("viral_pneumonia", 8, None, 4, "child")):
        if value:
            assert (film != draw(*same[:i], value, *same[i + 1 :])).mean() > 0.01


def test_pixels_do_not_depend_on_the_processors_vector_units():
    core = pytest.importorskip("numpy._core._multiarray_umath")
    plain = {**os.environ, "NPY_DISABLE_CPU_FEATURES": " ".join(core.__cpu_dispatch__)}
    run, how = (
        [sys.executable, "-W", "ignore", "-c", HASH],
        dict(cwd=Path(phantom.__file__).parents[2], text=True),
    )
    said = [subprocess.check_output(run, env=env, **how) for env in (dict(os.environ), plain)]
    assert said[0] == said[1] != ""


def test_a_patient_keeps_the_chest_from_film_to_film():
    def norm(a):
        return (a - a.mean()) / a.std()

    a, b = (
        [norm(draw("normal", 2 * i + k, 48, patient=i).astype(float)) for i in range(24)]
        for k in (0, 1)
    )
    same = np.mean([abs(x - y).mean() for x, y in zip(a, b)])
    other = np.mean([abs(x - y).mean() for x, y in zip(a, b[1:] + b[:1])])
    assert same < 0.95 * other


def best_threshold(a, b):
    "The accuracy of the best single cut between two samples of one number, each sample weighing half."
    cuts = np.concatenate([a, b])
    right = [(np.mean(a <= c) + np.mean(b > c)) / 2 for c in cuts]
    return max(*right, *(1 - r for r in right))


@pytest.mark.parametrize("kind", [c for c in CLASSES if c != "normal"])
def test_mean_brightness_does_not_tell_disease_from_health(films, kind):
    assert best_threshold(films["normal"].mean((1, 2)), films[kind].mean((1, 2))) < 0.75


def test_a_linear_model_learns_more_than_chance_but_not_everything(films):
    x = (
        np.stack([f.reshape(50, -1) for f in films.values()], 1).reshape(300, -1) / 255
    )  # seeds ascend, classes alternate
    x, y = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True), np.tile(np.arange(6), 50)
    x, seen = x - x[:210].mean(0), x[:210] - x[:210].mean(0)
    weights = seen.T @ np.linalg.solve(
        seen @ seen.T + 100 * np.eye(210), np.eye(6)[y[:210]] - 1 / 6
    )
    accuracy = ((x[210:] @ weights).argmax(1) == y[210:]).mean()
    assert 2 / 6 < accuracy < 0.9  # chance is 1/6


@pytest.mark.parametrize(
    "wrong,error,word",
    [
        ({"kind": "covid"}, UnknownName, "covid_19"),
        ({"age": "old"}, UnknownName, "adult"),
        ({"size": 8}, UsageError, "16"),
        ({"seed": -1}, UsageError, "-1"),
    ],
)
def test_wrong_arguments_are_named_with_what_is_allowed(wrong, error, word):
    with pytest.raises(error, match=word):
        draw(**{"kind": "normal", "seed": 0, **wrong})


def test_several_findings_show_at_once():
    one, two, both = (
        draw_findings(f, 1, SIZE, 5).astype(int)
        for f in (["mass"], ["effusion"], ["mass", "effusion"])
    )
    well = draw_findings((), 1, SIZE, 5)
    for alone in (one, two):
        assert (abs(both - well) > 6)[abs(alone - well) > 12].mean() > 0.9


def test_a_finding_that_cannot_be_drawn_is_named():
    with pytest.raises(UnknownName, match="Did you mean 'effusion'"):
        draw_findings(["efusion"], 0)


def test_no_finding_is_a_normal_chest_and_any_collection_will_do():
    assert (draw_findings((), 1, SIZE, 5) == draw("normal", 1, SIZE, 5)).all()
    assert (draw_findings({"mass"}, 1, 32) == draw_findings(["mass"], 1, 32)).all()
