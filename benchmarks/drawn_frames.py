"""Frames as radiographs are shown in, drawn: a viewer's window, a page, a side panel, a ruler.

A film and the side of the picture -> the film in a frame. One frame is the same for every film.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

__all__ = ["FRAMES", "in_frame"]

LETTERS = "ABCDEFGHIKLMNOPRST abcdefghiklmnoprst 0123456789:/."
Picture = Image.Image  # gray
Frame = Callable[[Picture, int, random.Random], Picture]


def in_frame(
    name: str,  # one of FRAMES
    film: Picture,
    side: int,  # pixels of the picture
) -> Picture:
    """Draw a film in a frame."""
    return FRAMES[name](film, side, random.Random(sum(map(ord, name))))


def _window(share: float) -> Frame:
    """Return a viewer's window in which the film takes a share of the picture."""

    def draw(film: Picture, side: int, rng: random.Random) -> Picture:
        page = Image.new("L", (side, side), 40)
        pen = ImageDraw.Draw(page)
        pen.rectangle((0, 0, side, side // 20), fill=180)
        _text(pen, (8, 4, side - 8, 4 + side // 20), rng, side // 32, 10)
        film_side = int(side * share**0.5)
        x = rng.randint(0, side - film_side)
        y = min(rng.randint(side // 20, max(side // 20 + 1, side - film_side)), side - film_side)
        _tools(pen, side, rng)
        page.paste(film.resize((film_side, film_side)), (x, y))
        pen.rectangle((x - 2, y - 2, x + film_side + 1, y + film_side + 1), outline=200)
        return page

    return draw


def _tools(pen: ImageDraw.ImageDraw, side: int, rng: random.Random) -> None:
    """Draw buttons on the left and below, and what a viewer tells on the right."""
    for i in range(12):
        x = side * i // 12
        pen.rectangle(
            (x + 4, side - side // 24, x + side // 16, side - 4), fill=rng.randint(60, 230)
        )
    for i in range(10):
        y = side // 12 + i * side // 14
        pen.ellipse((6, y, 6 + side // 30, y + side // 30), fill=rng.randint(60, 230))
        size = side // 36
        pen.text((side // 24, y), f"Tool {rng.randint(10, 99)}", fill=220, font_size=size)
        told = f"W {rng.randint(100, 999)} L {rng.randint(10, 99)}"
        pen.text((side - side // 7, y), told, fill=220, font_size=size)


def _page(film: Picture, side: int, rng: random.Random) -> Picture:
    """Draw a page with lines above and below."""
    page = Image.new("L", (side, int(side * 1.3)), 255)
    pen = ImageDraw.Draw(page)
    size = side // 40
    _text(pen, (side // 10, side // 20, side * 9 // 10, side // 20 + side // 3), rng, size, 0)
    film_side = side * 6 // 10
    page.paste(film.resize((film_side, film_side)), (side // 5, side * 2 // 5))
    below = (side // 10, side * 21 // 20, side * 9 // 10, side * 5 // 4)
    _text(pen, below, rng, size, 0)
    return page


def _panel(share: float) -> Frame:
    """Return a side panel of text that takes a share of the width."""

    def draw(film: Picture, side: int, rng: random.Random) -> Picture:
        page = Image.new("L", (side, side), 30)
        width = int(side * share)
        page.paste(film.resize((side - width, side)), (width, 0))
        _text(ImageDraw.Draw(page), (8, 8, width - 8, side - 8), rng, side // 30, 230)
        return page

    return draw


def _surround(film: Picture, side: int, rng: random.Random) -> Picture:
    """Draw a black surround with marks in it."""
    page = Image.new("L", (side, side), 0)
    margin = int(side * 0.12)
    page.paste(film.resize((side - 2 * margin, side - 2 * margin)), (margin, margin))
    pen = ImageDraw.Draw(page)
    pen.text((margin // 4, margin // 4), "R", fill=255, font_size=margin // 2)
    pen.text((side - 3 * margin, margin // 4), "12:41 AP", fill=255, font_size=margin // 2)
    pen.text((margin, side - margin // 2), "ELSEWHERE HOSPITAL", fill=255, font_size=margin // 3)
    return page


def _ruler(film: Picture, side: int, rng: random.Random) -> Picture:
    """Draw a ruler down the right of the film."""
    page = film.resize((side, side))
    pen = ImageDraw.Draw(page)
    x = side - side // 20
    pen.line((x, 0, x, side), fill=255, width=2)
    for i, y in enumerate(range(0, side, side // 40)):
        pen.line((x - (8 if i % 5 else 14), y, x, y), fill=255, width=2)
    return page


def _watermark(film: Picture, side: int, rng: random.Random) -> Picture:
    """Lay three lines of large gray letters over the film."""
    letters = Image.new("L", (side, side), 0)
    pen = ImageDraw.Draw(letters)
    for i in range(3):
        pen.text((side // 8, side * (1 + 3 * i) // 10), "SAMPLE COPY", 110, font_size=side // 9)
    both = np.asarray(film.resize((side, side)), int) + np.asarray(letters, int) // 2
    return Image.fromarray(np.uint8(both.clip(0, 255)))


def _banner(film: Picture, side: int, rng: random.Random) -> Picture:
    """Draw a light banner over the top of the film and a dark one over its foot."""
    page = film.resize((side, side))
    pen = ImageDraw.Draw(page)
    pen.rectangle((0, 0, side, side // 9), fill=230)
    _text(pen, (8, 4, side - 8, 4 + side // 9), rng, side // 22, 0)
    top = side - side // 14
    pen.rectangle((0, top, side, side), fill=20)
    _text(pen, (8, top + 3, side - 8, side + 3), rng, side // 28, 240)
    return page


def _text(
    pen: ImageDraw.ImageDraw,
    box: tuple[int, int, int, int],  # left, top, right, bottom
    rng: random.Random,
    size: int,  # px of a letter
    fill: int,  # gray
) -> None:
    """Write lines of any letters into a box."""
    left, top, right, bottom = box
    for y in range(top, bottom - size, int(size * 1.5)):
        line = "".join(rng.choices(LETTERS, k=rng.randint(5, 40)))
        while line and pen.textlength(line, font_size=size) > right - left:
            line = line[:-1]
        pen.text((left, y), line, fill=fill, font_size=size)


FRAMES: dict[str, Frame] = {
    "chest 20 %": _window(0.20),
    "chest 30 %": _window(0.30),
    "chest 40 %": _window(0.40),
    "chest 58 %": _window(0.58),
    "page": _page,
    "panel 30 %": _panel(0.30),
    "panel 45 %": _panel(0.45),
    "surround": _surround,
    "ruler": _ruler,
    "watermark": _watermark,
    "banner": _banner,
}
