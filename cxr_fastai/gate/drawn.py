"""Drawn pictures that the gate learns to refuse: pages of text, charts, a cat, loose shapes.

A number and a random generator in, small pictures out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cxr_fastai.gate.features import SIDE, thumbnail

__all__ = ["DRAWINGS", "drawings"]

PAGE = 256  # px of the page that is drawn on
PAPERS = ((255, 0), (255, 30), (0, 255), (200, 20))  # gray levels of paper and ink
LETTERS = list("abcdefghijklmnopqrstuvwxyz    ")
EMPTY_LINES = 0.15  # share of the lines of a text


@dataclass(frozen=True)
class Page:
    """A sheet that is drawn on."""

    pen: ImageDraw.ImageDraw
    ink: int  # gray level
    rng: np.random.Generator

    def between(self, least: int, end: int) -> int:
        """Draw a whole number from `least` to below `end`."""
        return int(self.rng.integers(least, end))

    def disc(
        self,
        x: float,  # of its middle, px
        y: float,
        wide: float,  # half its width, px
        tall: float,  # half its height, px
        fill: int,  # gray level
    ) -> None:
        """Draw a disc or an oval with a line around it."""
        box = (x - wide, y - tall, x + wide, y + tall)
        self.pen.ellipse(box, fill=fill, outline=self.ink)


def drawings(
    n: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, list[str]]:  # (n, SIDE, SIDE) uint8; what each shows, of DRAWINGS
    """Draw pages, charts, cats and shapes in turn."""
    found = np.empty((n, SIDE, SIDE), np.uint8)
    subjects = cycle(DRAWINGS)
    names = list(islice(subjects, n))
    for i, name in enumerate(names):
        found[i] = _drawn(name, rng)
    return found, names


def _drawn(
    subject: str,  # one of DRAWINGS
    rng: np.random.Generator,
) -> np.ndarray:  # (SIDE, SIDE) uint8
    """Draw one subject on a new page."""
    paper, ink = PAPERS[rng.integers(len(PAPERS))]
    sheet = Image.new("L", (PAGE, PAGE), paper)
    page = Page(ImageDraw.Draw(sheet), ink, rng)
    DRAWINGS[subject](page)
    return thumbnail(np.asarray(sheet))


# ---- text


def _text(page: Page) -> None:
    """Write lines of letters, some of them empty."""
    size = page.between(9, 30)
    font = ImageFont.load_default(size)
    first = page.between(5, 40)
    last = PAGE - size
    spacing = int(size * 1.4)
    for y in range(first, last, spacing):
        if page.rng.random() < EMPTY_LINES:
            continue
        x = page.between(0, 30)
        letters = _letters(page)
        page.pen.text((x, y), letters, fill=page.ink, font=font)


def _letters(page: Page) -> str:
    """Draw letters and blanks, a line of them."""
    length = page.between(10, 60)
    return "".join(page.rng.choice(LETTERS, length))


# ---- charts

LEFT = 20  # px, of the axis
BOTTOM = PAGE - 16


def _chart(page: Page) -> None:
    """Draw axes with bars or with a line."""
    axes = (LEFT, 10, LEFT, BOTTOM, PAGE - 6, BOTTOM)
    page.pen.line(axes, fill=page.ink, width=2)
    n = page.between(3, 12)
    step = (PAGE - LEFT - 10) // n
    tops = []
    for i in range(n):
        x = LEFT + 4 + i * step
        y = BOTTOM - page.between(20, 220)
        tops.append((x, y))
    if page.rng.random() < 0.5:
        page.pen.line(tops, fill=page.ink, width=3)
    else:
        _bars(page, tops, step)


def _bars(
    page: Page,
    tops: list[tuple[int, int]],  # left upper corners, px
    step: int,  # px from one to the next
) -> None:
    """Draw bars, each of its own gray."""
    for x, y in tops:
        box = (x, y, x + int(0.7 * step), BOTTOM)
        fill = page.between(0, 256)
        page.pen.rectangle(box, fill=fill, outline=page.ink)


# ---- a cat


def _cat(page: Page) -> None:
    """Draw a cat from the front: body, ears, head, eyes, whiskers."""
    x = page.between(90, 166)
    y = page.between(90, 166)
    r = page.between(45, 80)
    coat = page.between(40, 220)
    page.disc(x, y + 1.6 * r, 1.1 * r, r, coat)
    _ear(page, x, y, -r, coat)
    _ear(page, x, y, r, coat)
    page.disc(x, y, r, r, coat)
    _half_face(page, x, y, -r)
    _half_face(page, x, y, r)


def _half_face(
    page: Page,
    x: float,  # of the middle of the head, px
    y: float,
    r: float,  # radius of the head; below 0 on the left
) -> None:
    """Draw an eye and the whiskers below it."""
    page.disc(x + 0.4 * r, y - 8, 8, 10, page.ink)
    _whiskers(page, x, y + 0.35 * abs(r), r)


def _ear(
    page: Page,
    x: float,  # of the middle of the head, px
    y: float,
    r: float,  # radius of the head; below 0 on the left
    coat: int,  # gray level
) -> None:
    """Draw an ear."""
    outer = (x + r, y)
    tip = (x + 0.9 * r, y - 1.4 * abs(r))
    inner = (x + 0.2 * r, y - 0.8 * abs(r))
    page.pen.polygon([outer, tip, inner], fill=coat, outline=page.ink)


def _whiskers(
    page: Page,
    x: float,  # of the middle of the head, px
    y: float,  # where they begin
    r: float,  # radius of the head; below 0 on the left
) -> None:
    """Draw three whiskers on one side."""
    for lower in (-10, 0, 10):
        start = (x + 0.2 * r, y)
        end = (x + 1.3 * r, y + lower)
        page.pen.line([start, end], fill=page.ink)


# ---- shapes


def _shapes(page: Page) -> None:
    """Lay discs and boxes of any gray over one another."""
    for _ in range(page.between(2, 15)):
        left, right = _ends(page)
        top, bottom = _ends(page)
        is_round = page.rng.random() < 0.5
        shape = page.pen.ellipse if is_round else page.pen.rectangle
        box = (left, top, right, bottom)
        fill = page.between(0, 256)
        shape(box, fill=fill, outline=page.ink)


def _ends(
    page: Page,
) -> tuple[int, int]:  # px; the second is the greater
    """Draw where a shape begins and ends."""
    ends = [page.between(0, PAGE), page.between(0, PAGE)]
    first, last = sorted(ends)
    return first, last + 1


DRAWINGS: dict[str, Callable[[Page], None]] = {
    "text": _text,
    "chart": _chart,
    "cat": _cat,
    "shapes": _shapes,
}
