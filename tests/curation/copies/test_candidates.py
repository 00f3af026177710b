"""Candidates: which pairs are worth a look, and in which variant."""

from functools import lru_cache

import cv2
import numpy as np

from cxr_fastai.curation.copies import candidates
from cxr_fastai.curation.copies.candidates import VARIANTS, find_candidates
from cxr_fastai.curation.copies.features import extract
from cxr_fastai.phantom import KINDS, draw


@lru_cache
def film(i: int) -> np.ndarray:
    return draw(KINDS[i % len(KINDS)], i, 256, 2000 + i)


def turned(film, angle):
    return cv2.warpAffine(film, cv2.getRotationMatrix2D((127.5, 127.5), angle, 1), (256, 256))


def texture(i: int) -> np.ndarray:
    "Blurred noise: unlike a chest, neither half of it resembles the other."
    return cv2.resize(
        np.random.default_rng(i).integers(0, 256, (24, 24), dtype=np.uint8), (256, 256)
    )


def test_a_copy_gets_most_votes_in_the_variant_that_it_is_of(monkeypatch):
    made = {
        (False, False): turned(texture(0), 7),
        (True, False): texture(1)[:, ::-1],
        (False, True): 255 - texture(2),
        (True, True): 255 - texture(3)[:, ::-1],
    }
    assert set(made) == set(VARIANTS)
    pictures = [
        extract(np.ascontiguousarray(p)) for p in (*map(texture, range(100)), *made.values())
    ]
    monkeypatch.setattr(
        candidates, "MIN_VOTES", 3 * candidates.MIN_VOTES
    )  # in so small a set strangers get 20, too
    pairs = find_candidates(pictures)
    assert [p for p in pairs if p[0] < 4 and p[1] == 100 + p[0]] == [
        (i, 100 + i, *how) for i, how in enumerate(made)
    ]


def test_a_chest_is_a_candidate_with_its_copy_and_pairs_are_sorted():
    films = [extract(film(i)) for i in range(8)] + [
        extract(turned(film(i), 2 * i)) for i in range(8)
    ]
    pairs = find_candidates(films)
    assert {(i, 8 + i, False, False) for i in range(8)} <= set(pairs)
    assert (
        pairs == sorted(pairs)
        and all(i < j for i, j, *_ in pairs)
        and len(set(pairs)) == len(pairs)
    )


def test_there_are_no_candidates_among_images_without_features():
    blank = extract(np.zeros((64, 64), np.uint8))
    assert find_candidates([]) == find_candidates([blank] * 3) == []
    pairs = find_candidates([blank, extract(film(0)), blank, extract(turned(film(0), 3))])
    assert (1, 3, False, False) in pairs and {k for p in pairs for k in p[:2]} == {1, 3}


def test_only_pairs_of_a_new_image_are_asked_for_when_new_ones_are_named():
    films = [extract(film(i)) for i in range(6)] + [extract(turned(film(i), 4)) for i in range(6)]
    pairs = find_candidates(films, new=[7])
    assert (1, 7, False, False) in pairs and all(7 in p[:2] for p in pairs)


def test_the_number_of_threads_changes_no_candidate():
    films = [extract(turned(film(i % 4), i)) for i in range(8)]
    assert find_candidates(films, 1) == find_candidates(films, 2)
