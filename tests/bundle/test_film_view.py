"""A figure of an answer: the film, its heat, the probabilities.

python -m pytest tests/bundle/test_film_view.py
"""

import sys

import numpy as np
import pytest
from PIL import Image

from cxr_fastai.bundle.film_view import FilmView
from cxr_fastai.core import ImageRejected
from cxr_fastai.prediction import Prediction

PIXELS = np.random.default_rng(0).integers(0, 255, (40, 30), np.uint8)


class Heat:
    "What a figure asks of a heat."

    says = "heat of A: 10.0 % lies outside the lung field"

    def painted(self, pixels):
        return np.repeat(pixels[..., None] // 2, 3, axis=2)

    def scale(self):
        from matplotlib.cm import ScalarMappable

        return ScalarMappable()


def answer(**kw):
    plain = dict(
        label="b",
        probs={"a": 0.3, "b": 0.7},
        thresholds={"b": 0.5},
        decision="B: 0.70",
        source="/x/f.png",
        view=FilmView(PIXELS),
    )
    return Prediction(**(plain | kw))


def words(figure):
    return " ".join(text.get_text() for text in figure.findobj(lambda o: hasattr(o, "get_text")))


def test_it_shows_film_probabilities_and_decision():
    figure = answer().show()
    assert len(figure.axes) == 2
    assert np.array_equal(figure.axes[0].images[0].get_array(), PIXELS)
    assert [bar.get_width() for bar in figure.axes[1].patches] == [0.7, 0.3]
    said = words(figure)
    assert "f.png: B: 0.70" in said and "not a medical device" in said and "/x/" not in said
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_with_a_heat_it_shows_that_too_with_its_colours():
    figure = answer(heat=Heat()).show()
    film, heated, bars, colours = figure.axes
    assert np.array_equal(heated.images[0].get_array()[..., 0], PIXELS // 2)
    said = words(figure)
    assert Heat.says in said.replace("\n", " ") and "does not show why" in said.replace("\n", " ")


def test_several_findings_are_all_marked_as_answered():
    figure = answer(label="a|b").show()
    colours = {bar.get_facecolor() for bar in figure.axes[1].patches}
    assert len(colours) == 1
    assert len({bar.get_facecolor() for bar in answer().show().axes[1].patches}) == 2


def test_the_film_is_read_when_it_is_shown_or_given(tmp_path):
    file = tmp_path / "f.png"
    view = FilmView(file)
    with pytest.raises(ImageRejected, match="no such file"):
        answer(view=view).show()
    Image.fromarray(PIXELS).save(file)
    assert np.array_equal(answer(view=view).show().axes[0].images[0].get_array(), PIXELS)
    other = answer(view=view).show(255 - PIXELS)
    assert np.array_equal(other.axes[0].images[0].get_array(), 255 - PIXELS)
    file.write_bytes(b"<html>")
    with pytest.raises(ImageRejected):
        answer(view=view).show()


def test_an_answer_made_by_hand_has_no_film():
    with pytest.raises(LookupError, match="made by hand"):
        Prediction(label="a", probs={"a": 1.0}).show()


def test_a_film_that_was_righted_is_shown_righted_and_kept_as_it_was():
    view = FilmView(255 - np.rot90(PIXELS, 2), ("inverted", "turned_180"))
    shown = answer(view=view).show().axes[0].images[0].get_array()
    assert np.array_equal(shown, PIXELS)


def test_no_pyplot_is_imported():
    before = "matplotlib.pyplot" in sys.modules
    answer().show()
    assert ("matplotlib.pyplot" in sys.modules) == before
