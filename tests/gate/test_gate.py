"""pytest tests/gate/test_gate.py"""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from gate_films import films, gate_with_laterals, lateral_like, small_gate
from PIL import Image

from cxr_fastai.gate import made
from cxr_fastai.gate.drawn import drawings
from cxr_fastai.gate.kinds import PASSES
from cxr_fastai.phantom import draw


def rng():
    return np.random.default_rng(77)


def unseen(n=40):
    return films(n, 9000)


FOREIGN = {
    "turned_90": lambda: made.turned(unseen(), 1),
    "turned_180": lambda: made.turned(unseen(), 2),
    "turned_270": lambda: made.turned(unseen(), 3),
    "inverted": lambda: 255 - unseen(),
    "half_film": lambda: made.cut(unseen(), rng()),
    "noise": lambda: made.noise(40, rng()),
    "photograph": lambda: made.photographs(40, rng())[0],
    "drawing": lambda: drawings(40, rng())[0],
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_pictures_are_refused(name):
    judgements = small_gate().judge_thumbnails(FOREIGN[name]())
    assert np.mean([judgement.passes for judgement in judgements]) <= 0.05


@pytest.mark.parametrize("name", [name for name in FOREIGN if "_" in name or name == "inverted"])
def test_what_is_made_of_films_is_called_what_it_is(name):
    judgements = small_gate().judge_thumbnails(FOREIGN[name]())
    assert np.mean([judgement.kind == name for judgement in judgements]) > 0.9


def test_laterals_are_refused_by_a_gate_that_learned_them():
    judgements = gate_with_laterals().judge_thumbnails(lateral_like(20, first=100))
    assert {judgement.kind for judgement in judgements} == {"lateral"}


def test_good_films_that_were_changed_a_little_pass():
    changed = made.varied(unseen(), rng())
    passed = [judgement.passes for judgement in gate_with_laterals().judge_thumbnails(changed)]
    assert np.mean(passed) >= 0.95


def test_a_score_above_0_is_a_refusal_and_below_it_none():
    pictures = np.concatenate([unseen(), FOREIGN["noise"]()])
    for judgement in small_gate().judge_thumbnails(pictures):
        assert (judgement.score > 0) == (judgement.kind != PASSES)


def test_a_film_of_any_size_is_judged_as_its_thumbnail():
    film = draw("normal", 4, 300)
    small = np.asarray(Image.fromarray(film).resize((64, 64), Image.Resampling.BILINEAR))
    gate = small_gate()
    assert gate.judge(film) == gate.judge_thumbnails(small[None])[0]


def test_many_pictures_are_judged_as_each_alone():
    gate = small_gate()
    pictures = np.concatenate([unseen(), FOREIGN["drawing"]()])
    together = [judgement.kind for judgement in gate.judge_thumbnails(pictures)]
    assert together == [gate.judge(picture).kind for picture in pictures]
    assert gate.judge_thumbnails(pictures[:0]) == []


def test_too_small_and_blank_are_told_before_anything_is_asked():
    gate = small_gate()
    assert gate.judge(draw("normal", 1, 48)).kind == "too_small"
    faint = (films(1)[0] // 64 + 100).astype(np.uint8)
    assert gate.judge(faint).kind == "blank"


def test_films_as_small_as_those_of_training_are_not_too_small():
    tiny = np.asarray(Image.fromarray(films(1, 9000)[0]).resize((28, 28)))
    assert small_gate().judge(tiny).kind == "too_small"
    assert replace(small_gate(), least_side=28).judge(tiny).kind != "too_small"


def test_what_lies_far_from_training_is_refused_where_no_kind_claims_it():
    gate = gate_with_laterals()
    scores_above = [j for j in gate.judge_thumbnails(FOREIGN["noise"]()) if not j.passes]
    assert scores_above
    near = gate.judge_thumbnails(films(60))
    assert sum(j.kind == "far_from_training" for j in near) <= 1


@pytest.mark.parametrize(
    ("spoil", "done"),
    [
        (lambda film: film, ()),
        (lambda film: np.rot90(film, 1), ("turned_90",)),
        (lambda film: np.rot90(film, 2), ("turned_180",)),
        (lambda film: np.rot90(film, 3), ("turned_270",)),
        (lambda film: 255 - film, ("inverted",)),
        (lambda film: 255 - np.rot90(film, 2), ("inverted", "turned_180")),
    ],
)
def test_a_film_is_righted_to_the_pixels_it_had(spoil, done):
    film = draw("normal", 9001, 128)
    righted, judgement, steps = small_gate().judge_righted(spoil(film))
    assert steps == done
    assert judgement.passes
    assert np.array_equal(righted, film)


def test_what_righting_does_not_make_a_film_of_is_left_and_refused():
    picture = FOREIGN["noise"]()[0]
    righted, judgement, steps = small_gate().judge_righted(picture)
    assert righted is picture and steps == () and not judgement.passes


def test_judging_imports_neither_learner_nor_network():
    code = (
        "import sys; from cxr_fastai.gate.gate import Gate; from cxr_fastai.gate.stored import "
        "gate_of; print(sorted({'torch', 'fastai', 'pandas', 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
