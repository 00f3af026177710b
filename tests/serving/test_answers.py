"""pytest tests/serving/test_answers.py

The loop: answers in order whatever the batch, who looks sees each film that was read, test-time views.
"""

from dataclasses import replace

import numpy as np
import pytest
from toy_bundles import png
from toy_rows import VOCAB

from cxr_fastai import core, images
from cxr_fastai.serving.answers import SHOWN_SIDE, answers_of, members_of
from cxr_fastai.serving.sources import all_of
from cxr_fastai.serving.views import views_of


def noise(seed, height=40, width=30):
    return np.random.default_rng(seed).integers(0, 255, (height, width), np.uint8)


class Seen:
    "Who looks: keeps the films, and marks the answers."

    def __init__(self):
        self.films = []

    def look(self, film):
        self.films.append(film)
        return replace(film.answer, reason=f"seen {film.number}")


@pytest.mark.parametrize("bs", [1, 2, 32])
def test_who_looks_sees_every_film_that_was_read_with_its_number_and_answer(bundle, folder, bs):
    named = list(all_of(folder))
    seen = Seen()
    answers = answers_of(bundle, named, bs=bs, look=seen.look)
    plain = answers_of(bundle, named)
    assert [film.number for film in seen.films] == [0, 2], "the second is no picture"
    assert [answer.reason for answer in answers] == ["seen 0", "", "seen 2"]
    for film in seen.films:
        assert film.answer.label == plain[film.number].label
        assert film.answer.source == str(named[film.number][0])
        assert film.shown.dtype == np.uint8 and film.members == (bundle,)
        assert film.inputs[0].shape == (1, bundle.size, bundle.size)


def test_a_file_that_was_not_read_says_why_when_it_is_shown(bundle, folder):
    unread = answers_of(bundle, list(all_of(folder)))[1]
    assert unread.error
    with pytest.raises(core.ImageRejected):
        unread.show()


def test_films_that_were_read_elsewhere_are_answered_like_their_bytes(bundle):
    data = png(noise(0))
    why = core.ImageRejected("damaged", "b.png: damaged")
    answers = answers_of(bundle, [(images.read(data), "a.png"), (why, "b.png")])
    assert answers[0] == answers_of(bundle, [(data, "a.png")])[0]
    assert answers[1].error == "b.png: damaged" and answers[1].label is None


def test_a_large_film_is_shown_small(bundle):
    seen = Seen()
    answers_of(bundle, [(noise(0, 2000, 1500), "large")], look=seen.look)
    assert seen.films[0].shown.shape == (SHOWN_SIDE, 768)
    answers_of(bundle, [(noise(0), "small")], look=seen.look)
    np.testing.assert_array_equal(seen.films[1].shown, noise(0))


def test_test_time_views_give_the_mean_of_their_probabilities(bundle):
    pixels = noise(3)
    [answer] = answers_of(bundle, [(pixels, "film")], tta=True)
    array, _ = bundle.read(pixels)
    views = [bundle.probs_of(view)[0] for view in views_of(array[None])]
    mean = np.mean(views, axis=0)
    assert [answer.probs[name] for name in VOCAB] == pytest.approx(mean.tolist(), abs=1e-6)
    assert np.ptp([view[0] for view in views]) > 1e-4, "else the views would be one"
    assert answer.probs != answers_of(bundle, [(pixels, "film")])[0].probs


def test_test_time_views_are_the_same_each_time_and_in_each_batch(bundle):
    named = [(noise(seed), str(seed)) for seed in range(5)]
    whole = answers_of(bundle, named, tta=True)
    assert answers_of(bundle, named, tta=True) == whole
    for bs in (1, 2):
        for one, other in zip(answers_of(bundle, named, bs=bs, tta=True), whole):
            assert one.probs == pytest.approx(other.probs, abs=1e-5)


def test_a_coverage_and_test_time_views_do_not_go_together(bundle):
    promise = object()
    with pytest.raises(core.UsageError, match="films as they are"):
        answers_of(bundle, [(noise(0), "film")], promise=promise, tta=True)


def test_the_members_of_one_bundle_are_itself(bundle):
    assert members_of(bundle) == (bundle,)
