"""Logits to probabilities: temperature, offsets, and the two kinds of task.

python -m pytest tests/bundle/test_calibrated.py
"""

import numpy as np
import pytest
import torch

from cxr_fastai.bundle.calibrated import calibrated, offsets_of

META = {"vocab": ["a", "b", "c"], "temperature": 1.7, "offsets": {"b": -0.5}}


@pytest.mark.parametrize("task", ["single_label", "multi_label"])
def test_probabilities_are_those_of_torch(task):
    logits = np.random.default_rng(0).normal(0, 20, (500, 3)).astype(np.float32)
    shifted = torch.tensor(logits) / 1.7 + torch.tensor([0.0, -0.5, 0.0])
    wanted = shifted.softmax(1) if task == "single_label" else shifted.sigmoid()
    found = calibrated(logits, {**META, "task": task})
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("task", ["single_label", "multi_label"])
@pytest.mark.filterwarnings("error")
def test_extreme_logits_end_at_0_or_1_without_a_warning(task):
    logits = np.array([[1e30, -1e30, 0.0]], np.float32)
    found = calibrated(logits, {**META, "task": task})
    assert found[0, :2].tolist() == [1.0, 0.0] and np.isfinite(found).all()


def test_no_images_give_no_rows():
    assert calibrated(np.empty((0, 3), np.float32), {**META, "task": "single_label"}).shape == (
        0,
        3,
    )


def test_a_class_without_an_offset_has_none():
    assert offsets_of(META) == [0.0, -0.5, 0.0]
