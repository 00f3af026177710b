"""Pixels to the input of a network: one arithmetic for training and prediction.

python -m pytest tests/bundle/test_inputs.py
"""

import numpy as np
import pytest
import torch
from toy_bundles import picture, png

from cxr_fastai.bundle.inputs import decode, normalise, prepare, radiograph_of
from cxr_fastai.core import ImageRejected
from cxr_fastai.images import read


def test_prepare_normalises_with_the_bundles_constants(loaded):
    x = prepare(
        np.full((40, 50), 255, np.uint8),
        {"size": 16, "crop": 0.0, "in_channels": 3, "mean": 0.5, "std": 0.25},
    )
    assert x.shape == (3, 16, 16) and x.dtype == np.float32 and (x == 2).all()


def test_gray_values_are_scaled_to_the_mean_and_deviation_of_the_data():
    x = normalise(np.array([0, 255], np.uint8), 0.5, 0.25)
    assert x.dtype == np.float32 and x.tolist() == [-2.0, 2.0]


def test_normalised_values_are_those_of_torch_bit_for_bit():
    rng = np.random.default_rng(0)
    levels = np.arange(256, dtype=np.uint8)
    for mean, std in rng.uniform(0.01, 0.99, (50, 2)):
        in_torch = (torch.tensor(levels).float().div(255) - torch.tensor(mean).float()).div(std)
        assert np.array_equal(normalise(levels, mean, std), in_torch.numpy())


def test_a_crop_takes_the_rim_away():
    pixels = np.full((100, 100), 255, np.uint8)
    pixels[20:80, 20:80] = 0
    meta = {"size": 16, "crop": 0.25, "in_channels": 1, "mean": 0.0, "std": 1.0}
    assert prepare(pixels, meta).max() == 0
    assert prepare(pixels, {**meta, "crop": 0.0}).max() == 1


def test_what_was_read_elsewhere_is_taken_as_it_is():
    film = read(png(picture()), "a.png")
    assert radiograph_of(film) is film and decode(film) is film.pixels
    why = ImageRejected("damaged", "a.png: damaged")
    with pytest.raises(ImageRejected) as e:
        radiograph_of(why)
    assert e.value is why


# ---- tensors

PIXELS = picture()
GRAY = torch.tensor(PIXELS)
TENSORS = {
    "gray of 8 bits": GRAY,
    "one channel": GRAY[None],
    "three channels": GRAY[None].expand(3, -1, -1),
    "0 to 1": GRAY.float() / 255,
    "0 to 1 in half": GRAY.double() / 255,
    "0 to 255": GRAY.float(),
    "with a gradient": (GRAY.float() / 255).requires_grad_(),
}


@pytest.mark.parametrize("form", TENSORS)
def test_a_tensor_has_the_pixels_of_its_array(form):
    assert np.array_equal(decode(TENSORS[form]), PIXELS)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_read_to_what_it_can_hold(dtype):
    levels = (GRAY.float() / 255).to(dtype)
    found = decode(levels).astype(int)
    assert np.abs(found - PIXELS).max() <= 1


def test_a_tensor_without_a_known_range_is_noted_as_in_a_file():
    scores = (GRAY.float() - 128) / 2
    assert "range_stretched" in radiograph_of(scores).notes
    assert np.array_equal(decode(scores), decode(scores.numpy()))


@pytest.mark.parametrize("shape", [(40,), (40, 50, 3), (2, 1, 40, 50), (5, 40, 50)])
def test_another_shape_is_rejected_with_what_is_expected(shape):
    with pytest.raises(ImageRejected, match=r"1 to 4 channels, height, width") as e:
        decode(torch.zeros(shape))
    assert e.value.reason == "not_an_image" and str(shape) in str(e.value)
