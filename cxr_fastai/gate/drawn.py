"""Drawn pictures that the gate learns to refuse: pages of text, charts, a cat, loose shapes.

A number and a random generator in, small pictures out.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cxr_fastai.gate.features import SIDE, thumbnail

__all__ = ["DRAWINGS", "drawings"]

PAGE = 256  # px of the page that is drawn on
PAPERS = ((255, 0), (255, 30), (0, 255), (200, 20))  # gray levels of paper and ink
LETTERS = list("abcdefghijklmnopqrstuvwxyz    ")

Pen = ImageDraw.ImageDraw


def drawings(
    n: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, list[str]]:  # (n, SIDE, SIDE) uint8; what each shows, of DRAWINGS
    """Draw pages, charts, cats and shapes in turn."""
    found = np.empty((n, SIDE, SIDE), np.uint8)
    kinds = list(DRAWINGS)
    names = []
    for i in range(n):
        name = kinds[i % len(kinds)]
        paper, ink = PAPERS[rng.integers(len(PAPERS))]
        page = Image.new("L", (PAGE, PAGE), paper)
        DRAWINGS[name](ImageDraw.Draw(page), ink, rng)
        found[i] = thumbnail(np.asarray(page))
        names.append(name)
    return found, names


def _text(pen: Pen, ink: int, rng: np.random.Generator) -> None:
    """Write lines of letters, some of them empty."""
    size = int(rng.integers(9, 30))
    font = ImageFont.load_default(size)
    for y in range(int(rng.integers(5, 40)), PAGE - size, int(size * 1.4)):
        if rng.random() < 0.15:
            continue
        letters = "".join(rng.choice(LETTERS, rng.integers(10, 60)))
        pen.text((int(rng.integers(0, 30)), y), letters, fill=ink, font=font)


def _chart(pen: Pen, ink: int, rng: np.random.Generator) -> None:
    """Draw axes with bars or with a line."""
    left, bottom = 20, PAGE - 16
    pen.line((left, 10, left, bottom, PAGE - 6, bottom), fill=ink, width=2)
    heights = rng.integers(20, 220, rng.integers(3, 12)).tolist()
    step = (PAGE - left - 10) / len(heights)
    tops = [(int(left + 4 + i * step), int(bottom - h)) for i, h in enumerate(heights)]
    if rng.random() < 0.5:
        pen.line(tops, fill=ink, width=3)
        return
    for x, y in tops:
        fill = int(rng.integers(256))
        pen.rectangle((x, y, x + int(step * 0.7), bottom), fill=fill, outline=ink)


def _cat(pen: Pen, ink: int, rng: np.random.Generator) -> None:
    """Draw a cat from the front: body, head, ears, eyes, whiskers."""
    x, y = rng.integers(90, 166, 2).tolist()
    r = int(rng.integers(45, 80))
    coat = int(rng.integers(40, 220))
    pen.ellipse((x - 1.1 * r, y + 0.6 * r, x + 1.1 * r, y + 2.6 * r), fill=coat, outline=ink)
    for side in (-1, 1):
        tip = (x + side * 0.9 * r, y - 1.4 * r)
        ear = [(x + side * r, y), tip, (x + side * 0.2 * r, y - 0.8 * r)]
        pen.polygon(ear, fill=coat, outline=ink)
    pen.ellipse((x - r, y - r, x + r, y + r), fill=coat, outline=ink, width=3)
    for side in (-1, 1):
        eye = x + side * 0.4 * r
        pen.ellipse((eye - 8, y - 18, eye + 8, y + 2), fill=ink)
        for lower in (-10, 0, 10):
            end = (x + side * 1.3 * r, y + 0.35 * r + lower)
            pen.line([(x + side * 15, y + 0.35 * r), end], fill=ink)


def _shapes(pen: Pen, ink: int, rng: np.random.Generator) -> None:
    """Lay discs and boxes of any gray over one another."""
    for _ in range(rng.integers(2, 15)):
        left, right = sorted(rng.integers(0, PAGE, 2).tolist())
        top, bottom = sorted(rng.integers(0, PAGE, 2).tolist())
        shape = pen.ellipse if rng.random() < 0.5 else pen.rectangle
        shape((left, top, right + 1, bottom + 1), fill=int(rng.integers(256)), outline=ink)


DRAWINGS: dict[str, Callable[[Pen, int, np.random.Generator], None]] = {
    "text": _text,
    "chart": _chart,
    "cat": _cat,
    "shapes": _shapes,
}
