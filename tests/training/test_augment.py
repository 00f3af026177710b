"""pytest tests/training/test_augment.py"""

import pytest
import torch
from fastai.vision.core import TensorImageBW

from cxr_fastai.recipes import AUGMENT
from cxr_fastai.training import augment
from cxr_fastai.training.augment import OPERATIONS, Augment

SIDE = 48
CHANGING = [name for name in AUGMENT if name != "none"]


def marked(n: int = 64) -> torch.Tensor:
    "(n, 1, SIDE, SIDE): gray with one bright quarter, which neither mirror image has at its place."
    gray = torch.full((n, 1, SIDE, SIDE), 0.3)
    gray[..., 4 : SIDE // 2, 4 : SIDE // 2] = 0.8
    return gray


def changed(name: str, x=None, erase=0.0, seed=0) -> torch.Tensor:
    torch.manual_seed(seed)
    return torch.Tensor(
        Augment(name, erase)(TensorImageBW((marked() if x is None else x).clone()), split_idx=0)
    )


def likeness(a, b) -> float:
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])


@pytest.mark.parametrize("name", AUGMENT)
def test_a_batch_keeps_its_shape_and_range(name):
    out = changed(name, erase=0.5)
    assert out.shape == (64, 1, SIDE, SIDE) and out.dtype == torch.float32
    assert out.min() >= 0 and out.max() <= 1 and torch.isfinite(out).all()


@pytest.mark.parametrize("name", CHANGING)
def test_images_change_each_in_its_own_way_and_none_is_mirrored(name):
    out, upright = changed(name), marked(1)[0]
    assert out.std(0).max() > 0.05
    for one in out:
        if one.std() < 0.02:
            continue  # moved or washed out beyond telling
        assert likeness(one, upright) > max(likeness(one, upright.flip(d)) for d in (-1, -2))


def test_none_changes_nothing():
    assert torch.equal(changed("none"), marked())


@pytest.mark.parametrize("name", CHANGING)
def test_the_seed_makes_the_change(name):
    assert torch.equal(changed(name, seed=3), changed(name, seed=3))
    assert not torch.equal(changed(name, seed=3), changed(name, seed=4))


@pytest.mark.parametrize("name", AUGMENT)
def test_validation_images_stay_as_they_are(name):
    x = TensorImageBW(marked())
    assert torch.equal(Augment(name, 1.0)(x, split_idx=1), x)


def test_no_edge_turns_black():
    "Validation images have none: a network that learnt with them meets other pictures there."
    assert changed("strong", torch.full((64, 1, SIDE, SIDE), 0.5)).amin() > 0.1


def test_erasing_covers_a_rectangle_of_the_asked_share_of_images():
    plain = torch.full((4000, 1, SIDE, SIDE), 0.5)
    out = changed("none", plain, erase=0.3)
    hit = (out != plain).flatten(1).any(1)
    assert hit.float().mean() == pytest.approx(0.3, abs=0.03)
    covered = (out[hit] != 0.5).float().mean((1, 2, 3))
    assert 0.01 < covered.min() and covered.max() < 0.17
    one = out[hit][0, 0] != 0.5
    assert one.sum() == one.any(0).sum() * one.any(1).sum(), "no rectangle"


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_operation_takes_both_sides_and_keeps_the_range(name):
    x = torch.rand(6, 1, SIDE, SIDE)
    for s in (-1.0, 0.0, 1.0):
        out = OPERATIONS[name](x.clone(), torch.full((6,), s))
        assert out.shape == x.shape and out.min() >= 0 and out.max() <= 1 + 1e-5


@pytest.mark.parametrize(
    "name", [n for n in OPERATIONS if n not in ("posterize", "stretch", "equalize")]
)
def test_an_operation_without_strength_changes_nothing(name):
    x = torch.rand(6, 1, SIDE, SIDE)
    assert torch.allclose(OPERATIONS[name](x.clone(), torch.zeros(6)), x, atol=1e-4)


def test_equalizing_spreads_gray_values_evenly():
    dark = torch.rand(2, 1, 64, 64) ** 3
    out = augment._equalized(dark, None)
    assert out.mean().item() == pytest.approx(0.5, abs=0.03) and dark.mean() < 0.3


def test_randaugment_draws_the_operations_alike(monkeypatch):
    counts = dict.fromkeys(OPERATIONS, 0)

    def count(name):
        def act(x, s):
            counts[name] += len(x)
            return x

        return act

    monkeypatch.setattr(augment, "OPERATIONS", {name: count(name) for name in OPERATIONS})
    changed("randaugment", torch.zeros(7000, 1, 4, 4))
    assert (
        sum(counts.values()) == 14_000
        and 850 < min(counts.values())
        and max(counts.values()) < 1150
    )
