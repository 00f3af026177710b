"""pytest tests/training/test_sampling.py"""

import random
from collections import Counter

import numpy as np
import pytest
import torch

from cxr_fastai.core import UsageError
from cxr_fastai.training.data import build_dataloaders
from cxr_fastai.training.sampling import Draws, draw_classes

SIZE = 32


def loaders(folder, **kwargs):
    return build_dataloaders(folder, size=SIZE, bs=8, device="cpu", **kwargs)


def drawn(dls) -> list[int]:
    return dls.train.get_idxs()


def labels(dls, idxs):
    return Counter(dls.train_ds.items[i][1] for i in idxs)


def test_oversampling_draws_each_class_as_often_as_the_others(folder):
    dls = loaders(folder)
    epochs = [drawn(dls) for _ in range(3)]
    assert {len(e) for e in epochs} == {len(dls.train_ds)} == {22}
    for e in epochs:
        assert set(labels(dls, e).values()) <= {7, 8}
    assert set(labels(dls, sum(epochs, [])).values()) == {22}


def test_undersampling_draws_as_many_of_each_class_as_the_rarest_has_and_others_each_epoch(folder):
    dls = loaders(folder, sampling="undersample")
    first, second = drawn(dls), drawn(dls)
    assert set(labels(dls, first).values()) == {4} and len(set(first)) == len(first) == 12
    assert len(dls.train) == 2 and set(first) != set(second)


def test_oversampling_leaves_validation_as_it_is(folder):
    dls = loaders(folder)
    assert list(dls.valid.get_idxs()) == list(range(7))
    assert Counter(label for _, label in dls.valid_ds.items) == {
        "covid_19": 2,
        "normal": 3,
        "tuberculosis": 2,
    }


def test_without_oversampling_every_image_comes_once(folder):
    dls = loaders(folder, sampling="none")
    assert sorted(drawn(dls)) == list(range(22))
    assert drawn(dls) != drawn(dls)


@pytest.mark.parametrize("sampling", ["oversample", "none"])
def test_the_seed_alone_makes_the_order(folder, sampling):
    first = loaders(folder, sampling=sampling, seed=5)
    a = [drawn(first), drawn(first)]
    random.seed(99), np.random.seed(99), torch.manual_seed(99)
    again = loaders(folder, sampling=sampling, seed=5)
    assert a == [drawn(again), drawn(again)]
    assert a[0] != a[1] and a[0] != drawn(loaders(folder, sampling=sampling, seed=6))
    again.train.epoch = 1
    assert drawn(again) == a[1], "an epoch's order follows from its number"


def test_drawing_leaves_numpys_global_generator_alone(folder):
    dls = loaders(folder)
    before = np.random.get_state()[1].tolist()
    drawn(dls)
    assert np.random.get_state()[1].tolist() == before


def test_no_image_comes_twice_before_all_of_its_class_came():
    groups = [[0, 1, 2], [*range(3, 10)], [*range(10, 50)]]
    draws = Draws(groups, 50, seed=1)
    stream = [i for e in range(20) for i in sorted(draws.epoch(e))]
    for group in groups:
        times = Counter(i for i in stream if i in group)
        assert len(times) == len(group) and max(times.values()) - min(times.values()) <= 1


def test_an_unknown_sampling_is_refused(folder):
    with pytest.raises(UsageError, match="'weighted'.*oversample, undersample, none"):
        loaders(folder, sampling="weighted")


def test_loaders_for_prediction_do_not_draw(folder):
    dls = loaders(folder)
    assert list(dls.train.new(shuffle=False).get_idxs()) == list(range(22))


@pytest.mark.parametrize("sampling", ["oversample", "undersample"])
def test_each_finding_and_none_has_its_turn_as_often(findings_folder, sampling):
    dls = build_dataloaders(findings_folder, size=32, bs=64, sampling=sampling, device="cpu")
    groups = {
        c: {i for i, (_, label) in enumerate(dls.train_ds.items) if c in label.split("|")}
        for c in [*dls.vocab, "none"]
    }
    draws = dls.train.draws
    assert sorted(map(sorted, draws.groups)) == sorted(map(sorted, groups.values()))
    assert draws.n == (31 if sampling == "oversample" else 4 * min(map(len, groups.values())))
    frequency = draws.frequency.numpy()
    assert frequency.sum() == pytest.approx(1)
    assert frequency[list(groups["hernia"])].sum() > 1 / 4


def test_draws_are_told_as_shares():
    draws = draw_classes(["a", "b", "b", "b"], ["a", "b"], "oversample", seed=0)
    assert draws.frequency.tolist() == pytest.approx([1 / 2, 1 / 6, 1 / 6, 1 / 6])
    assert draw_classes(["a", "b"], ["a", "b"], "none", seed=0).frequency.tolist() == [0.5, 0.5]
