"""Flags of curation, and of images of one's own."""

import argparse
import inspect

import pytest

from cxr_fastai.curation.pipeline import curate as curate_images
from cxr_fastai.curation_flags import add_curate, add_dedupe, own_arguments
from cxr_fastai.prototyping.road import prototype


@pytest.fixture
def curate():
    p = argparse.ArgumentParser()
    add_curate(p)
    return p


def test_what_is_not_given_is_left_to_curation(curate):
    args = curate.parse_args(["--out", "o"])
    assert (args.recipe, args.folder, args.table, args.seed) == (None, None, None, 0)
    assert args.layout == "class" and args.engine == "local" and args.on_conflict == "drop"


def test_names_and_classes_of_ones_own_come_as_they_were_typed(curate):
    args = curate.parse_args(
        ["--out", "o", "--folder", "f", "--same", "A=B,C", "--same", "D=E", "--as", "tb=TB"]
    )
    assert args.same == ["A=B,C", "D=E"] and dict(args.take_as) == {"tb": "TB"}


def test_dedupe_takes_folders_and_an_old_set():
    p = argparse.ArgumentParser()
    add_dedupe(p)
    args = p.parse_args(["a", "b", "--against", "old", "--all"])
    assert args.folders == ["a", "b"] and args.against == "old" and args.all


@pytest.mark.parametrize("function", [curate_images, prototype])
def test_what_is_said_of_ones_own_images_is_what_both_verbs_take(curate, function):
    words = ["--folder", "f", "--patient", "(p)", "--same", "A=B", "--as", "x=A"]
    given = own_arguments(curate.parse_args(["--out", "o", *words]))
    said = {name: value for name, value in given.items() if value}
    assert said == {"folder": "f", "patient": "(p)", "same": ["A=B"], "take_as": {"x": "A"}}
    assert set(given) <= set(inspect.signature(function).parameters)
