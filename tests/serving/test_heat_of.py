"""The heat of an answer lies where the answer hangs on the film, on the film's own pixels.

python -m pytest tests/serving/test_heat_of.py
"""

from dataclasses import replace

import numpy as np
import pytest
import toy_heat
from toy_heat import SIZE, VOCAB, film, share_in

from cxr_fastai.core import Prediction, UnknownName, UsageError
from cxr_fastai.serving.heat_of import class_of, heat_of


@pytest.fixture(scope="module")
def bundle():
    return toy_heat.bundle_of(toy_heat.trained())


def asked(bundle, pixels, of=""):
    "The heat as predict has it computed."
    given, _ = bundle.read(pixels)
    return heat_of([bundle], [given], pixels, bundle.predict(pixels), of)


@pytest.mark.parametrize("name", ["left", "right"])
def test_the_heat_lies_at_the_square_that_the_answer_hangs_on(bundle, name):
    pixels = film(name, seed=20)
    assert bundle.predict(pixels).label == name  # a film that training did not see
    heat = asked(bundle, pixels)
    on_film = heat.on_film(SIZE, SIZE)
    other = "right" if name == "left" else "left"
    assert heat.of == name
    assert share_in(on_film, name) > 0.5 > 3 * share_in(on_film, other)


def test_the_class_that_is_asked_for_changes_the_heat(bundle):
    pixels = film("left", "right", seed=21)
    left = asked(bundle, pixels, "left").on_film(SIZE, SIZE)
    right = asked(bundle, pixels, "right").on_film(SIZE, SIZE)
    assert share_in(left, "left") > share_in(right, "left")
    assert share_in(right, "right") > share_in(left, "right")
    with pytest.raises(UnknownName, match="unknown class 'lef'.*Did you mean 'left'"):
        asked(bundle, pixels, "lef")


def test_a_film_of_another_shape_has_its_heat_where_its_square_is(bundle):
    pixels = np.repeat(np.repeat(film("right", seed=22), 3, axis=0), 2, axis=1)
    heat = asked(bundle, pixels)
    levels = heat.on_film(*pixels.shape)
    assert levels.shape == pixels.shape and 0 <= levels.min() and levels.max() <= 1
    plain = asked(bundle, film("right", seed=22)).on_film(SIZE, SIZE)
    assert np.abs(levels[1::3, ::2] - plain).max() < 0.1


def test_of_a_cropped_film_nothing_lies_where_the_network_did_not_look(bundle):
    cropped = replace(bundle, meta={**bundle.meta, "crop": 0.2})
    wide = np.zeros((100, 100), np.uint8)
    wide[20:80, 20:80] = 40
    wide[28:43, 28:43] = 255
    heat = asked(cropped, wide, "left")
    levels = heat.on_film(100, 100)
    assert levels[:20].max() == levels[:, 80:].max() == 0
    inner = levels[20:80, 20:80]
    assert inner.sum() == levels.sum() > 0
    assert np.allclose(inner, np.asarray(heat.on_film(100, 100))[20:80, 20:80])
    assert heat.on_input(SIZE).shape == (SIZE, SIZE)


def test_several_bundles_have_the_mean_of_their_heats(bundle):
    pixels = film("left", "right", seed=23)
    given, _ = bundle.read(pixels)
    answer = bundle.predict(pixels)
    turned = replace(
        bundle, meta={**bundle.meta, "vocab": ["right", "none", "left"]}
    )  # its columns stand in another order: its left is the other's right
    one = heat_of([bundle], [given], pixels, answer, "left").on_film(64, 64)
    two = heat_of([turned], [given], pixels, answer, "left").on_film(64, 64)
    both = heat_of([bundle, turned], [given, given], pixels, answer, "left").on_film(64, 64)
    mean = (one + two) / 2
    assert np.allclose(both, mean / mean.max(), atol=1e-5)


@pytest.mark.parametrize(
    "label, probs, of, chosen",
    [
        ("b", {"a": 0.6, "b": 0.4}, "", "b"),  # what a threshold decided, not the likeliest
        (None, {"a": 0.6, "b": 0.4}, "", "a"),  # it abstained
        ("none", {"a": 0.2, "b": 0.3}, "", "b"),  # no finding: the likeliest
        ("a|b", {"a": 0.7, "b": 0.9}, "", "b"),  # several findings
        ("b", {"a": 0.6, "b": 0.4}, "a", "a"),
    ],
)
def test_the_class_of_a_heat(label, probs, of, chosen):
    assert class_of(Prediction(label=label, probs=probs), list(probs), of) == chosen


def test_what_is_said_holds_the_numbers(bundle):
    heat = asked(bundle, film("left", seed=24))
    if heat.outside is None:
        assert "no lung field" in heat.says
    else:
        assert f"{100 * heat.outside:.1f} %" in heat.says
        assert f"{100 * heat.outside_of_spot:.1f} %" in heat.says
        assert f"{100 * heat.outside_of_equal:.1f} %" in heat.says
        assert heat.outside_of_equal == pytest.approx(1 - heat.lungs.inside.mean())
        assert heat.says.startswith("Most of the heat") == (heat.outside > 0.5)
    assert "Left square" in heat.says


def test_without_any_heat_it_says_so(bundle):
    net = toy_heat.trained(steps=0)
    for parameter in net[0].parameters():
        parameter.data.zero_()
    dead = replace(bundle, runtime=replace(bundle.runtime, net=net.eval()))
    heat = asked(dead, film("left"), VOCAB[0])
    assert heat.outside is None and not heat.grid.any() and not heat.is_mostly_outside
    assert heat.says == "No place of the film raises Left square: there is no heat"


def test_another_runtime_than_torch_is_refused(bundle):
    other = replace(bundle, runtime=replace(bundle.runtime, name="onnx"))
    given, _ = bundle.read(film("left"))
    with pytest.raises(UsageError, match="torch"):
        heat_of([other], [given], film("left"), bundle.predict(film("left")))
