"""Pixels to the input of a network: one arithmetic for training and prediction.

python -m pytest tests/bundle/test_inputs.py
"""

import numpy as np
import torch

from cxr_fastai.bundle.inputs import normalise, prepare


def test_prepare_normalises_with_the_bundles_constants(loaded):
    x = prepare(
        np.full((40, 50), 255, np.uint8),
        {"size": 16, "crop": 0.0, "in_channels": 3, "mean": 0.5, "std": 0.25},
    )
    assert x.shape == (3, 16, 16) and x.dtype == torch.float32 and torch.all(x == 2)


def test_gray_values_are_scaled_to_the_mean_and_deviation_of_the_data():
    x = normalise(torch.tensor([0, 255], dtype=torch.uint8), 0.5, 0.25)
    assert x.dtype == torch.float32 and x.tolist() == [-2.0, 2.0]


def test_a_crop_takes_the_rim_away():
    pixels = np.full((100, 100), 255, np.uint8)
    pixels[20:80, 20:80] = 0
    meta = {"size": 16, "crop": 0.25, "in_channels": 1, "mean": 0.0, "std": 1.0}
    assert prepare(pixels, meta).max() == 0
    assert prepare(pixels, {**meta, "crop": 0.0}).max() == 1
