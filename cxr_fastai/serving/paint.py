"""A map laid over a film: colours by its levels, the contour at half, the lungs' outline.

Pixels and levels in, painted pixels out. Reads and writes no file.
"""

from __future__ import annotations

import numpy as np

__all__ = ["COLOURS", "laid_over"]

# viridis of matplotlib (CC0), perceptually even and told apart by colour-blind eyes; between these
# steps in a straight line
STEPS = (
    "440154 48186a 472d7b 424086 3b528b 33638d 2c728e 26828e 21918c 1fa088 28ae80 3fbc73 5ec962 "
    "84d44b addc30 d8e219 fde725"
)
MOST_COVER = 0.6  # of the film's gray by the colour, from the heat's half on
HALF = 0.5  # of the highest heat: where the contour is drawn
DASH = 4  # px, of a dotted line and of its gaps
WHITE = (255, 255, 255)
BLACK = (0, 0, 0)
# of a picture that is framed by one pixel: its neighbours before, itself, its neighbours after
BEFORE = slice(None, -2)
ITSELF = slice(1, -1)
AFTER = slice(2, None)
NEIGHBOURS = ((BEFORE, ITSELF), (AFTER, ITSELF), (ITSELF, BEFORE), (ITSELF, AFTER))


def _steps() -> np.ndarray:  # (17, 3) float64, 0-255
    """Read the steps."""
    steps = []
    for digits in STEPS.split():
        red_green_blue = bytes.fromhex(digits)
        steps.append(list(red_green_blue))
    return np.array(steps, float)


def _colour_table() -> np.ndarray:  # (256, 3) uint8
    """Spread the steps over 256 colours."""
    steps = _steps()
    places = np.linspace(0, 1, len(steps))
    wanted = np.linspace(0, 1, 256)
    table = np.empty((256, 3), np.uint8)
    for channel in range(3):
        of_channel = steps[:, channel]
        levels = np.interp(wanted, places, of_channel)
        table[:, channel] = np.round(levels)
    return table


COLOURS = _colour_table()


def laid_over(
    pixels: np.ndarray,  # (h, w) uint8, the whole film
    levels: np.ndarray,  # (h, w) float32, 0-1
    lungs: np.ndarray | None,  # (h, w) bool; None: no outline
) -> np.ndarray:  # (h, w, 3) uint8
    """Lay colours, the contour at half and the lungs' outline over a film."""
    levels = np.clip(levels, 0, 1)
    painted = _coloured(pixels, levels)
    if levels.any():
        _draw(painted, levels >= HALF, dotted=False)
    if lungs is not None:
        _draw(painted, lungs, dotted=True)
    return painted


def _coloured(
    pixels: np.ndarray,  # (h, w) uint8
    levels: np.ndarray,  # (h, w) float32, 0-1
) -> np.ndarray:  # (h, w, 3) uint8
    """Cover a film by the colours of its levels, the more the higher, and from half on alike."""
    numbers = np.round(255 * levels).astype(np.uint8)
    colours = COLOURS[numbers]  # (h, w, 3)
    share = np.minimum(levels / HALF, 1)
    cover = MOST_COVER * share[..., None]  # (h, w, 1)
    film = pixels[..., None].astype(np.float32)  # (h, w, 1)
    mixed = film * (1 - cover) + colours * cover
    return np.round(mixed).astype(np.uint8)


def _draw(
    painted: np.ndarray,  # (h, w, 3) uint8, drawn on
    region: np.ndarray,  # (h, w) bool
    dotted: bool,
) -> None:
    """Draw the rim of a region, white with black outside it."""
    inner = _rim(region)
    outer = _rim(~region)
    if dotted:
        rows, columns = np.indices(region.shape)
        is_dash = (rows + columns) % (2 * DASH) < DASH
        inner &= is_dash
        outer &= is_dash
    painted[outer] = BLACK
    painted[inner] = WHITE


def _rim(
    region: np.ndarray,  # (h, w) bool
) -> np.ndarray:  # (h, w) bool
    """Give the points of a region beside which one is not of it; the film's edge is no rim."""
    framed = np.pad(region, 1, mode="edge")  # (h + 2, w + 2)
    within = region.copy()
    for rows, columns in NEIGHBOURS:
        within &= framed[rows, columns]
    return region & ~within
