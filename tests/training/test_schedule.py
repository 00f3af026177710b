"""pytest tests/training/test_schedule.py"""

import pytest

from cxr_fastai.models.networks import build_network, param_groups
from cxr_fastai.training.schedule import sides, stages

# groups, epochs, pretrained, unfreeze -> (freeze_to, epochs) of each stage
TABLE = [
    (3, 10, True, "progressive", [(-1, 1), (-2, 1), (0, 8)]),
    (2, 10, True, "progressive", [(-1, 1), (0, 9)]),
    (5, 10, True, "progressive", [(-1, 1), (-2, 1), (-3, 1), (-4, 1), (0, 6)]),
    (3, 3, True, "progressive", [(-1, 1), (-2, 1), (0, 1)]),
    (3, 2, True, "progressive", [(-1, 1), (0, 1)]),
    (3, 1, True, "progressive", [(0, 1)]),
    (1, 4, True, "progressive", [(0, 4)]),
    (3, 10, True, "at_once", [(0, 10)]),
    (3, 10, False, "progressive", [(0, 10)]),
    (3, 10, False, "at_once", [(0, 10)]),
]


@pytest.mark.parametrize("groups, epochs, pretrained, unfreeze, expected", TABLE)
def test_stages_follow_from_the_number_of_groups(groups, epochs, pretrained, unfreeze, expected):
    found = stages(groups, epochs, 1e-3, pretrained, unfreeze)
    assert [(s.freeze_to, s.epochs) for s in found] == expected
    assert sum(s.epochs for s in found) == epochs
    assert {s.head_rate for s in found} == {1e-3}


@pytest.mark.parametrize("arch", ["cnn", "resnet18", "resnet34", "resnet50"])
def test_every_architecture_thaws_from_its_head_to_all_its_groups(arch):
    groups = param_groups(build_network(arch, 2), arch)
    found = stages(len(groups), 10, 1e-3, True, "progressive")
    assert [s.freeze_to for s in found] == [*range(-1, -len(groups), -1), 0]


def test_pretrained_groups_learn_slower_the_nearer_they_are_to_the_image():
    head, _, whole = stages(3, 10, 1e-3, True, "progressive")
    assert (whole.lr_max.start, whole.lr_max.stop) == (1e-5, 1e-3)
    assert (head.lr_max.start, head.lr_max.stop) == (None, 1e-3)


@pytest.mark.parametrize(
    "epochs, freeze_epochs, expected",
    [
        (10, 4, [(-1, 4), (-2, 1), (0, 5)]),
        (5, 4, [(-1, 4), (0, 1)]),
        (4, 9, [(-1, 3), (0, 1)]),
        (1, 1, [(0, 1)]),
    ],
)
def test_the_head_may_train_alone_for_longer(epochs, freeze_epochs, expected):
    found = stages(3, epochs, 1e-3, True, "progressive", freeze_epochs)
    assert [(s.freeze_to, s.epochs) for s in found] == expected


def test_a_network_that_never_thaws_has_the_heads_stage_alone():
    found = stages(3, 7, 1e-3, True, "never")
    assert [(s.name, s.freeze_to, s.epochs) for s in found] == [("head", -1, 7)]


def test_a_network_from_scratch_learns_at_one_rate():
    assert stages(3, 4, 1e-3, False, "progressive")[0].lr_max == 1e-3


def test_stage_names_say_what_trains():
    names = [s.name for s in stages(3, 10, 1e-3, True, "progressive")]
    assert names == ["head", "head and 1 of 2 body groups", "all layers"]


@pytest.mark.parametrize(
    "epochs, resize, expected",
    [
        (6, [64, 96], [64, 64, 96, 96, 128, 128]),
        (7, [64, 96], [64, 64, 96, 96, 128, 128, 128]),
        (2, [64, 96], [96, 128]),
        (1, [64], [128]),
        (3, [], [128] * 3),
    ],
)
def test_sides_grow_over_the_epochs(epochs, resize, expected):
    assert sides(epochs, resize, 128) == expected
