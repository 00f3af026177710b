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


def _colour_table() -> np.ndarray:  # (256, 3) uint8
    """Spread the steps over 256 colours."""
    steps = np.array([list(bytes.fromhex(step)) for step in STEPS.split()], float)
    places = np.linspace(0, 1, len(steps))
    wanted = np.linspace(0, 1, 256)
    columns = [np.interp(wanted, places, steps[:, channel]) for channel in range(3)]
    return np.round(np.stack(columns, 1)).astype(np.uint8)


COLOURS = _colour_table()


def laid_over(
    pixels: np.ndarray,  # (h, w) uint8, the whole film
    levels: np.ndarray,  # (h, w) float32, 0-1
    lungs: np.ndarray | None,  # (h, w) bool; None: no outline
) -> np.ndarray:  # (h, w, 3) uint8
    """Lay colours, the contour at half and the lungs' outline over a film."""
    gray = np.repeat(pixels[..., None], 3, axis=2).astype(np.float32)
    cover = MOST_COVER * np.clip(levels / HALF, 0, 1)[..., None]
    colours = COLOURS[np.round(255 * np.clip(levels, 0, 1)).astype(np.uint8)]
    mixed = np.round(gray * (1 - cover) + colours * cover).astype(np.uint8)
    if levels.any():
        _draw(mixed, levels >= HALF, dotted=False)
    if lungs is not None:
        _draw(mixed, lungs, dotted=True)
    return mixed


def _draw(
    mixed: np.ndarray,  # (h, w, 3) uint8, drawn on
    region: np.ndarray,  # (h, w) bool
    dotted: bool,
) -> None:
    """Draw the rim of a region, white with black outside it."""
    inner = region & ~_eroded(region)
    outer = _eroded(~region, keep=True) & ~region
    if dotted:
        rows, columns = np.indices(region.shape)
        on = (rows + columns) % (2 * DASH) < DASH
        inner &= on
        outer &= on
    mixed[outer] = BLACK
    mixed[inner] = WHITE


def _eroded(region: np.ndarray, keep: bool = False) -> np.ndarray:
    """Take a region's outermost pixels off; with `keep` give those alone."""
    padded = np.pad(region, 1, mode="edge")
    within = region.copy()
    for moved in (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]):
        within &= moved
    return region & ~within if keep else within
