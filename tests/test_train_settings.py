"""Training settings as data: what each may be."""

from dataclasses import fields, replace

import pytest

from cxr_fastai.core import RecipeError, Task
from cxr_fastai.train_settings import LOSSES, SETTINGS, Train, check_settings


def check(train: Train, task: Task = Task.SINGLE_LABEL, n_classes: int = 3) -> None:
    check_settings(train, task, n_classes, "r.toml [train]")


@pytest.mark.parametrize("task", list(Task))
def test_the_defaults_are_settings_of_either_task(task):
    assert check(Train(), task) is None


def test_every_field_is_a_setting_with_words_for_help_and_for_an_error():
    assert list(SETTINGS) == [f.name for f in fields(Train)]
    for setting in SETTINGS.values():
        assert setting.help and setting.expected and setting.kind in (str, int, float, bool, list)
        assert not setting.choices or setting.kind is str


def test_a_default_list_belongs_to_one_recipe_alone():
    assert Train().resize == [] and Train().resize is not Train().resize


@pytest.mark.parametrize(
    "change,message",
    [
        (dict(size=15), "size = 15: expected a whole number of at least 16"),
        (dict(epochs=True), "epochs = True: expected a whole number"),
        (dict(epochs=2.0), "epochs = 2.0: expected a whole number"),
        (dict(lr="fast"), "lr = 'fast': expected a number above 0 and below 10, or find"),
        (dict(lr=0), "lr = 0: expected"),
        (dict(lr=10), "lr = 10: expected"),
        (dict(wd=1), "wd = 1: expected a number from 0 to below 1"),
        (dict(wd=False), "wd = False"),
        (dict(crop=-0.1), "crop = -0.1"),
        (dict(resize=[96, 8]), "resize = .*a list of sides of at least 16 px"),
        (dict(arch=""), "arch = '': expected a text"),
        (dict(compile=1), "compile = 1: expected true or false"),
        (dict(mix="blend"), "unknown mix 'blend' in r.toml .train.: expected one of none, mixup"),
        (dict(loss="bce"), "unknown loss of a single_label recipe 'bce'"),
        (dict(loss="weighted_bce"), "3 classes that exclude each other: it takes two"),
    ],
)
def test_a_setting_out_of_its_range_is_named_with_what_is_expected(change, message):
    with pytest.raises(RecipeError, match=message):
        check(replace(Train(), **change))


@pytest.mark.parametrize(
    "change", [dict(lr="find"), dict(resize=(96, 128)), dict(clip=5), dict(wd=0)]
)
def test_what_a_setting_may_be_passes(change):
    assert check(replace(Train(), **change)) is None


@pytest.mark.parametrize("task", list(Task))
def test_each_loss_is_one_of_its_task(task):
    for loss in LOSSES[task]:
        assert check(replace(Train(), loss=loss), task, n_classes=2) is None
    assert check(replace(Train(), loss="weighted_bce"), Task.MULTI_LABEL, 14) is None


def test_layers_are_kept_of_a_pretrained_backbone_alone():
    check_settings(Train(layers=8), Task.SINGLE_LABEL, 2, "here")
    with pytest.raises(RecipeError, match="layers = 8 with weights = 'none'"):
        check_settings(Train(layers=8, weights="none"), Task.SINGLE_LABEL, 2, "here")
