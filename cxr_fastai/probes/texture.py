"""What a cheap model is given that is to see disease: gray of even contrast, and texture by place.

Films -> features, a row a film. Reads no file.

The probes of the audit ask how much is told without the lungs; the search for wrong labels wants
the best answer that a cheap model can give. Measured on 3,500 drawn films of six classes, 3 % of
the labels wrong: 16x16 gray squares answer 68 % right, and 41 to 47 of their first hundred suspects
are wrong labels; these features 86 % and 74 to 79 (tests/probes/test_label_noise.py).
"""

from __future__ import annotations

import numpy as np

from cxr_fastai.probes.features import spectrum, squares
from cxr_fastai.probes.films import Films

__all__ = ["texture"]

GRAY_SIDE = 16  # px of the film itself
TEXTURE_SIDE = 8  # squares a side that texture is averaged over
WAVELENGTHS = (1, 2, 4)  # px of SIDE: the finer scale of each pair that is compared
LEAST = 1e-3  # added to what a logarithm is taken of


def texture(films: Films) -> np.ndarray:  # (n, f) float32
    """Return gray squares, edges and blobs by place, and the spectrum, of films of one contrast."""
    from scipy.ndimage import gaussian_filter, sobel

    pixels = films.small.astype(np.float32)
    level = pixels.mean((1, 2), keepdims=True)
    spread = pixels.std((1, 2), keepdims=True)
    even = (pixels - level) / np.maximum(spread, 1)
    parts = [squares(even, GRAY_SIDE)]
    for axis in (1, 2):
        edges = np.abs(sobel(even, axis))
        parts.append(np.log1p(squares(edges, TEXTURE_SIDE)))
    for fine in WAVELENGTHS:
        coarse = 2 * fine
        sharp = gaussian_filter(even, (0, fine, fine))
        blurred = gaussian_filter(even, (0, coarse, coarse))
        blobs = np.abs(sharp - blurred)
        parts.append(np.log(squares(blobs, TEXTURE_SIDE) + LEAST))
    parts.append(spectrum(films))
    return np.hstack(parts).astype(np.float32)
