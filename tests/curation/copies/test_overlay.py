"""Overlay: what moved against the whole tells a copy from another exposure and another film."""

import cv2
import numpy as np
import pytest

from cxr_fastai.curation.copies.features import GRID, THUMB, extract
from cxr_fastai.curation.copies.geometry import (
    MAX_DRIFT,
    MAX_SAME_OF_EXPOSURES,
    STRICT_DRIFT,
    STRICT_FAR_DRIFT,
)
from cxr_fastai.curation.copies.overlay import Agreement, agreement, lay
from cxr_fastai.phantom import draw

SAME = np.eye(2, 3)


def film(patient: int, seed: int = 1) -> np.ndarray:
    return draw("normal", seed, 256, patient)


def thumb(pixels) -> np.ndarray:
    return extract(np.ascontiguousarray(pixels)).thumb


def in_frame(pixels) -> np.ndarray:
    "A film in the middle of a page of stripes, a fifth of its area."
    page = np.tile(np.uint8(np.arange(512) // 16 % 2 * 90 + 60)[:, None], (1, 512))
    page[:, 300:] = page[:, 300:].T[:212].T[::-1] // 2 + 40
    page[150:380, 120:350] = cv2.resize(pixels, (230, 230), interpolation=cv2.INTER_AREA)
    return page


def is_still(told: Agreement) -> bool:
    return told.drift <= STRICT_DRIFT and told.far_drift <= STRICT_FAR_DRIFT


def test_of_one_film_nothing_moves_and_all_is_the_same():
    told = agreement(thumb(film(1)), thumb(film(1)), SAME)
    assert told.drift < 0.01 and told.far_drift < 0.01 and told.core_drift < 0.01
    assert told.same > 0.8


@pytest.mark.parametrize("patient", range(4))
def test_the_movement_of_the_whole_is_no_drift(patient):
    pixels = film(patient)
    moved = np.float32([[0.9, 0.03, 14], [-0.02, 0.95, 9]])
    copy = cv2.warpAffine(pixels, moved, (256, 256), borderMode=cv2.BORDER_REPLICATE)
    rough = moved + np.float32([[0.005, 0, 1], [0, -0.005, -1]])
    assert is_still(agreement(thumb(pixels), thumb(copy), rough))


@pytest.mark.parametrize("patient", range(6))
def test_between_two_exposures_places_move_by_themselves(patient):
    told = agreement(thumb(film(patient, 1)), thumb(film(patient, 2)), SAME)
    assert told.drift > MAX_DRIFT


@pytest.mark.parametrize("patient", range(4))
def test_two_films_in_one_frame_are_the_same_but_where_they_are_not(patient):
    told = agreement(thumb(in_frame(film(patient))), thumb(in_frame(film(patient + 4))), SAME)
    assert told.far_drift > STRICT_FAR_DRIFT and told.same > MAX_SAME_OF_EXPOSURES


def test_a_frame_that_did_not_move_with_the_film_is_left_out():
    told = agreement(
        thumb(in_frame(film(1))),
        thumb(in_frame(film(1)[:, ::-1])),
        np.array([[-1, 0, (120 + 349) / 2], [0, 1, 0]]),  # 512 px are GRID: 2 px a step
    )
    assert is_still(told)


def test_it_is_the_same_which_of_two_is_the_coarser():
    half = np.array([[0.5, 0, 20], [0, 0.5, 40]])
    page = np.zeros((GRID, GRID), np.uint8)
    page[40:168, 20:148] = cv2.resize(film(2), (128, 128), interpolation=cv2.INTER_AREA)
    there = agreement(thumb(film(2)), thumb(page), half)
    back = np.linalg.inv(np.vstack([half, [0, 0, 1]]))[:2]
    assert there == agreement(thumb(page), thumb(film(2)), back) and is_still(there)


def test_what_shows_nothing_agrees_in_nothing():
    flat = np.full((THUMB, THUMB), 90, np.uint8)
    assert agreement(flat, thumb(film(1)), SAME) == Agreement.none()


def test_a_thumbnail_laid_on_itself_is_alike_everywhere():
    laid = lay(thumb(film(3)), thumb(film(3)), np.eye(2, 3, dtype=np.float32))
    assert laid.mask.all() and laid.score > 0.98
