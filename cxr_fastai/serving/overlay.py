"""A picture of a heat: the plain film, the film with its heat beside it, a colour bar, words.

Pixels, an answer and its Heat in, the bytes of a PNG out: the same input, the same bytes.
Reads and writes no file; needs neither torch nor matplotlib.
"""

from __future__ import annotations

import io
from functools import cache
from pathlib import PurePath

import numpy as np
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from cxr_fastai.core import Prediction, printable
from cxr_fastai.reporting.text import wrap
from cxr_fastai.serving.heat import CAVEAT, Heat
from cxr_fastai.serving.paint import COLOURS

__all__ = ["MADE_BY", "overlay_png"]

RESEARCH = "Research only, not a medical device."
MADE_BY = ("Software", "cxr_fastai heat")  # in each PNG, by which it is known again

PANEL = 448  # px, the longer side of each film
GAP = 16
BAR = 14  # px, width of the colour bar
BAR_ROOM = 64  # px, with its numbers
LINE = 17  # px, height of a line of text
TEXT_SIZE = 13
MEAN_LETTER = 6.7  # px, of that size
LEAST_COLUMNS = 20
TICK = 4  # px, beside the colour bar
INK = (20, 20, 20)
WHITE = (255, 255, 255)


def overlay_png(
    pixels: np.ndarray,  # (h, w) uint8, the whole film
    answer: Prediction,
    heat: Heat,
) -> bytes:  # of a PNG
    """Draw the plain film, the film with its heat and a colour bar, with what is said of both."""
    small = _fitted(pixels)
    height, width = small.shape
    across = 2 * (width + GAP) + BAR_ROOM
    above = _lines(_title(answer), across)
    below = []
    for text in (f"{heat.says}.", _legend(heat), f"{CAVEAT} {RESEARCH}"):
        below += _lines(text, across)
    top = GAP + LINE * len(above) + GAP // 2
    bottom = GAP // 2 + LINE * len(below) + GAP
    sheet = Image.new("RGB", (across + 2 * GAP, top + height + bottom), WHITE)
    second = GAP + width + GAP
    sheet.paste(Image.fromarray(small), (GAP, top))
    sheet.paste(Image.fromarray(heat.painted(small)), (second, top))
    _colour_bar(sheet, second + width + GAP, top, height)
    _write(sheet, above, GAP)
    _write(sheet, below, top + height + GAP // 2)
    return _png_bytes(sheet)


def _fitted(
    pixels: np.ndarray,  # (h, w) uint8
) -> np.ndarray:  # (h, w) uint8, its longer side PANEL
    """Bring the longer side of a film to that of a panel."""
    height, width = pixels.shape
    scale = PANEL / max(height, width)
    wide = max(round(width * scale), 1)
    high = max(round(height * scale), 1)
    image = Image.fromarray(pixels)
    return np.asarray(image.resize((wide, high), Image.Resampling.BILINEAR))


def _title(
    answer: Prediction,
) -> str:  # the name of the file, without where it lies, and the decision
    """Say what was answered for which film."""
    name = PurePath(answer.source).name
    words = answer.decision or str(answer.label)
    return f"{name}: {words}" if name else words


def _legend(
    heat: Heat,
) -> str:
    """Say what the lines are; empty where there is none."""
    lines = []
    if heat.grid.any():
        lines.append("Solid line: half of the highest heat.")
    if heat.lungs is not None:
        lines.append("Dotted line: the lung field that was found.")
    return " ".join(lines)


def _lines(
    text: str,
    across: int,  # px
) -> list[str]:  # without what a terminal or a page would take for commands
    """Break text into lines of so many pixels."""
    columns = max(int(across / MEAN_LETTER), LEAST_COLUMNS)
    return wrap(printable(text), columns)


@cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Give Pillow's own font, so that a picture needs none of the machine."""
    return ImageFont.load_default(TEXT_SIZE)


def _write(
    sheet: Image.Image,
    lines: list[str],
    top: int,
) -> None:
    """Write lines below one another."""
    draw = ImageDraw.Draw(sheet)
    font = _font()
    for number, line in enumerate(lines):
        row = top + LINE * number
        draw.text((GAP, row), line, fill=INK, font=font)


def _colour_bar(
    sheet: Image.Image,
    left: int,
    top: int,
    height: int,
) -> None:
    """Draw the colours from 0 at the bottom to 1 at the top."""
    numbers = np.round(np.linspace(255, 0, height)).astype(np.uint8)
    column = COLOURS[numbers]
    bar = np.repeat(column[:, None], BAR, axis=1)
    sheet.paste(Image.fromarray(bar), (left, top))
    draw = ImageDraw.Draw(sheet)
    right = left + BAR
    lowest = top + height - 1
    middle = (top + lowest) // 2
    for words, row in (("1", top), ("0.5", middle), ("0", lowest)):
        draw.line((right, row, right + TICK, row), fill=INK)
        wanted = row - LINE // 2
        upper = min(max(wanted, top), lowest + 1 - LINE)
        place = (right + 2 * TICK, upper)
        draw.text(place, words, fill=INK, font=_font())


def _png_bytes(sheet: Image.Image) -> bytes:
    """Save without a date, with the word by which a heat is known again."""
    facts = PngImagePlugin.PngInfo()
    facts.add_text(*MADE_BY)
    out = io.BytesIO()
    sheet.save(out, "PNG", pnginfo=facts, compress_level=6)
    return out.getvalue()
