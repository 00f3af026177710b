"""pytest tests/gate/test_examples.py"""

import numpy as np
from gate_films import films, thrown_out

from cxr_fastai.gate.examples import MIN_MADE, VARIED, all_examples, chosen_films
from cxr_fastai.gate.thrown_out import Negatives


def rng():
    return np.random.default_rng(0)


def test_small_sources_are_learned_whole_and_large_ones_share_the_rest():
    sources = np.array(["large"] * 900 + ["middle"] * 300 + ["small"] * 10)
    chosen = sources[chosen_films(sources, rng(), most=410)]
    assert [(chosen == name).sum() for name in ("large", "middle", "small")] == [200, 200, 10]


def test_few_films_are_all_chosen():
    assert chosen_films(np.array(["a", "b"] * 5), rng()).tolist() == list(range(10))


def test_what_is_made_of_a_film_keeps_its_group():
    some = films(10)
    found = all_examples(some, [f"p{i}" for i in range(10)], ["a"] * 10, Negatives(), rng())
    turned = found.names == "turned_180"
    assert turned.sum() == MIN_MADE
    assert set(found.units[turned]) == {f"film p{i}" for i in range(10)}
    assert found.is_film.sum() == 10
    assert not (set(found.units[found.names == "noise"]) & set(found.units[found.is_film]))


def test_a_small_source_weighs_more_a_film_and_less_in_all():
    some = films(10)
    found = all_examples(some, list("abcdefghij"), ["big"] * 9 + ["one"], Negatives(), rng())
    weights = found.weights[found.is_film]
    assert weights[9] == np.float64(3) * weights[0]
    assert weights[9] < weights[:9].sum()


def test_laterals_come_as_they_are_and_mirrored_and_varied_with_their_patient():
    found = all_examples(films(10), list("abcdefghij"), ["a"] * 10, thrown_out(4), rng())
    plain = found.names == "lateral"
    varied = found.names == "lateral, varied"
    assert plain.sum() == 4 and varied.sum() == 4 + 2 * VARIED * 4
    assert found.units[varied].tolist() == found.units[plain].tolist() * (1 + 2 * VARIED)
    assert np.array_equal(found.small[plain][:, :, ::-1], found.small[varied][:4])
    assert set(found.kinds[plain | varied]) == {"lateral"}
