"""The film in a picture that shows more: where it is found, and where there is none."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from cxr_fastai.curation.copies.inset import INSET_SIDE, Box, find_inset
from cxr_fastai.phantom import draw

SIDE = 480


def film(patient: int = 1) -> Image.Image:
    return Image.fromarray(draw("normal", patient, 256, 7000 + patient))


def shown(x: int, y: int, wide: int, high: int, ground: int = 40) -> np.ndarray:
    "A film on a ground with lines of letters left and right."
    page = Image.new("L", (SIDE, SIDE), ground)
    pen = ImageDraw.Draw(page)
    lines = "\n".join(f"W {n * 7919 % 997} L {n}" for n in range(28))
    for left in (4, 400):
        pen.multiline_text((left, 4), lines, fill=255 - ground, font_size=12)
    page.paste(film().resize((wide, high)), (x, y))
    return np.asarray(page)


def off_by(box: Box, x: int, y: int, wide: int, high: int) -> float:
    "The most that an edge is off, as a share of the side."
    edges = np.array([x, y, x + wide, y + high]) / SIDE
    return float(np.abs(np.array(box) / INSET_SIDE - edges).max())


@pytest.mark.parametrize(
    "place", [(110, 120, 215, 215), (90, 20, 300, 440), (200, 10, 160, 200), (100, 0, 290, 480)]
)
@pytest.mark.parametrize("ground", [0, 40, 255])
def test_a_film_in_a_window_is_found_within_two_steps(place, ground):
    box = find_inset(shown(*place, ground))
    assert box is not None and off_by(box, *place) <= 3 / INSET_SIDE


@pytest.mark.parametrize("patient", range(6))
def test_a_bare_film_has_no_film_in_it(patient):
    assert find_inset(np.asarray(film(patient))) is None


def test_two_films_on_one_page_are_no_film_in_a_frame():
    page = Image.new("L", (SIDE, SIDE), 255)
    page.paste(film(1).resize((200, 300)), (20, 90))
    page.paste(film(2).resize((200, 300)), (260, 90))
    assert find_inset(np.asarray(page)) is None


@pytest.mark.parametrize("side", [60, 476])
def test_an_icon_and_a_film_with_a_line_around_it_are_none(side):
    page = Image.new("L", (SIDE, SIDE), 40)
    page.paste(film().resize((side, side)), (2, 2))
    assert find_inset(np.asarray(page)) is None


def test_letters_alone_are_no_film():
    page = Image.new("L", (SIDE, SIDE), 255)
    lines = "\n".join(f"line {n} of a report of the chest, {n * 7919 % 997}" for n in range(26))
    ImageDraw.Draw(page).multiline_text((10, 4), lines, fill=0, font_size=14)
    assert find_inset(np.asarray(page)) is None


def test_a_box_is_cut_and_told_as_a_transform():
    pixels = np.arange(200 * 400, dtype=np.uint32).reshape(200, 400).astype(np.uint8)
    box = Box(32, 64, 96, 128)
    assert np.array_equal(box.cut(pixels), pixels[100:200, 100:300])
    assert box.share == 0.25
    first, last = box.corners(256)
    assert np.allclose(first, [63.5, 127.5]) and np.allclose(last, [191.5, 255.5])
    assert np.allclose(box.matrix(256) @ [-0.5, -0.5, 1], [*first, 1])
    assert np.allclose(box.matrix(256) @ [255.5, 255.5, 1], [*last, 1])
