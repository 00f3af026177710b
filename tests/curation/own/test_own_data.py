"""What both doors give the road."""

import pytest

from cxr_fastai.catalog_rule import SOURCE_ID
from cxr_fastai.curation.own.own_data import (
    own_command,
    own_source,
    own_warning,
    recipe_flag,
    source_id,
)
from cxr_fastai.recipes import Recipe, load_recipe


@pytest.mark.parametrize(
    "name, own",
    [
        ("My X-rays (2)", "my_x_rays_2"),
        ("肺炎", "own"),
        ("", "own"),
        ("___", "own"),
        ("a" * 90, "a" * 40),
    ],
)
def test_a_source_is_called_as_its_folder_in_letters_that_an_id_may_have(name, own):
    assert source_id(name) == own and SOURCE_ID.fullmatch(own)


def test_a_source_has_a_rule_for_each_label():
    source = own_source("x", "X", {"A": ("own:A",), "-": ()}, {"patient": "x:{patient}"})
    assert [(rule.label_value, rule.findings) for rule in source.rules] == [
        ("A", "own:A"),
        ("-", ""),
    ]
    assert {rule.patient for rule in source.rules} == {"x:{patient}"}
    assert (source.transport, source.redistribute, source.label_from) == (
        "local",
        "unknown",
        "name",
    )


def test_a_command_can_be_pasted_and_leaves_out_what_is_not_given():
    said = own_command(("--folder", "a b"), ("--patient", ""), ("--as", "x=y|z"))
    assert said == "cxr curate --folder 'a b' --as 'x=y|z'"


def test_a_recipe_is_named_as_the_command_line_takes_it():
    mine = Recipe(name="mine", title="t", classes={})
    flags = [recipe_flag(each) for each in (None, load_recipe("six_class"), mine)]
    assert flags == ["", "six_class", "mine.toml"]


def test_a_warning_has_a_kind():
    assert own_warning("odd", "do so", {"n": 1}).kind == "own_folder"
