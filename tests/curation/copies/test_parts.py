"""Parts: a film in a picture is compared alone, and where two lie at one place they decide."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from cxr_fastai.curation.copies.features import extract
from cxr_fastai.curation.copies.parts import Part, PartPair, match_parts, parts_of
from cxr_fastai.phantom import draw

SIDE = 480
PLACE = (150, 170)
FILM_SIDE = 216  # a fifth of the picture


def film(patient: int) -> np.ndarray:
    return draw("normal", patient, 256, 8000 + patient)


def window(pixels, place=PLACE) -> np.ndarray:
    page = Image.new("L", (SIDE, SIDE), 40)
    pen = ImageDraw.Draw(page)
    lines = "\n".join(f"Tool {n} W {n * 7919 % 997}" for n in range(28))
    for left in (4, 380):
        pen.multiline_text((left, 4), lines, fill=220, font_size=12)
    page.paste(Image.fromarray(pixels).resize((FILM_SIDE, FILM_SIDE)), place)
    return np.asarray(page)


def pair(inset_a=False, inset_b=False, mirrored=False) -> PartPair:
    return PartPair(0, 1, inset_a, inset_b, mirrored, inverted=False)


def kind(a, b, how):
    found = match_parts(extract(a), extract(b), how)
    return found.kind if found else None


def test_the_films_in_pictures_are_parts_after_all_pictures():
    pictures = [extract(p) for p in (film(0), window(film(1)), film(2), window(film(3)))]
    whole = [Part(n, False) for n in range(4)]
    assert parts_of(pictures) == [*whole, Part(1, True), Part(3, True)]


@pytest.mark.parametrize("patient", range(4))
def test_a_bare_film_is_found_in_a_window_and_the_transform_is_that_of_the_picture(patient):
    found = match_parts(extract(window(film(patient))), extract(film(patient)), pair(inset_a=True))
    assert found.kind == "near"
    scale = SIDE / FILM_SIDE
    middle = (np.array(PLACE) + FILM_SIDE / 2) * 256 / SIDE - 0.5  # of the film, in the window
    matrix = np.reshape(found.matrix, (2, 3))
    assert np.allclose(matrix[:, :2], np.eye(2) * scale, atol=0.05)
    assert np.allclose(matrix @ [*middle, 1], 127.5, atol=2)
    back = match_parts(extract(film(patient)), extract(window(film(patient))), pair(inset_b=True))
    assert back.kind == "near" and 0.15 < back.overlap < 0.25


@pytest.mark.parametrize("patient", range(6))
def test_two_films_at_one_place_of_a_frame_are_judged_without_it(patient):
    a, b = window(film(patient)), window(film(patient + 10))
    assert kind(a, b, pair()) is None
    assert kind(a, a, pair()) == "near"


def test_a_film_that_is_mirrored_in_an_unmoved_frame_is_found_and_not_as_it_stands():
    a, b = window(film(1)), window(np.ascontiguousarray(film(1)[:, ::-1]))
    assert kind(a, b, pair(True, True, mirrored=True)) == "near"
    assert kind(a, b, pair()) is None


def test_a_frame_that_moved_as_a_whole_is_told_by_its_film():
    a, b = window(film(2)), np.ascontiguousarray(window(film(2))[20:470, 10:460])
    assert kind(a, b, pair()) == "near"
    other = np.ascontiguousarray(window(film(3))[20:470, 10:460])
    assert kind(a, other, pair()) is None


def test_films_at_other_places_of_their_pictures_are_found_as_parts():
    a, b = window(film(4)), window(film(4), (110, 40))
    assert kind(a, b, pair(True, True)) == "near"


def test_a_film_that_is_found_in_half_is_still_no_frame():
    half = film(5)
    half[128:] = 250  # white from the middle down: a ground of its own
    a, b = extract(window(half)), extract(window(film(6)))
    assert a.inset.box.bottom < b.inset.box.bottom - 20
    assert match_parts(a, b, pair()) is None
    assert match_parts(a, a, pair()).kind == "near"
