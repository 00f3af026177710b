"""What `cxr` understands."""

import argparse

import pytest

from cxr_fastai.flags import VERBS, ids, parser
from cxr_fastai.recipes import SETTINGS


def run(args):
    return 0


@pytest.fixture
def p():
    return parser(dict.fromkeys(VERBS, run))


def test_lists_are_read_without_blanks_and_empty_parts():
    assert ids(" a, b,,c ,") == ["a", "b", "c"] and ids(None) == ids("") == []


def test_every_verb_has_its_function_and_words_in_the_help(p):
    help_text = p.format_help()
    for verb, (words, _) in VERBS.items():
        assert verb in help_text and words.split(",")[0][:30] in help_text
    assert p.parse_args(["demo"]).fn is run and p.parse_args(["demo"]).out == "demo"


def test_every_training_setting_is_a_flag_that_is_the_recipes_where_it_is_not_given(p):
    args = p.parse_args(["train", "data"])
    assert [getattr(args, name) for name in SETTINGS] == [None] * len(SETTINGS)


@pytest.mark.parametrize(
    "text,name,value",
    [
        ("--size 96", "size", 96),
        ("--lr 1e-3", "lr", 0.001),
        ("--lr find", "lr", "find"),
        ("--resize 96,128", "resize", [96, 128]),
        ("--resize 96,x", "resize", [96, "x"]),  # for the check to judge
        ("--compile", "compile", True),
        ("--no-compile", "compile", False),
        ("--label-smoothing 0.1", "label_smoothing", 0.1),
        ("--arch vit_tiny_patch16_224", "arch", "vit_tiny_patch16_224"),
        ("--mix cutmix", "mix", "cutmix"),
    ],
)
def test_a_setting_is_read_as_its_kind(p, text, name, value):
    got = getattr(p.parse_args(["train", "data", *text.split()]), name)
    assert got == value and type(got) is type(value)


def test_what_is_said_of_class_names_may_be_said_again(p):
    words = "curate --out x --folder y --same A=B,C --same D=E --as a=b=c --as d=-".split()
    args = p.parse_args(words)
    assert args.same == ["A=B,C", "D=E"] and args.take_as == [("a=b", "c"), ("d", "-")]
    assert (args.recipe, args.patient, args.table) == (None, "", None)


@pytest.mark.parametrize(
    "words,said",
    [
        (["curate"], "--out"),
        (["curate", "--out", "x", "--workers", "0"], "whole number above 0, found '0'"),
        (["curate", "--out", "x", "--workers", "two"], "found 'two'"),
        (["curate", "--out", "x", "--layout", "flat"], "invalid choice: 'flat'"),
        (["curate", "--out", "x", "--as", "a"], "expected NAME=CLASS, found 'a'"),
        (["prototype", "films", "--minutes", "five"], "expected a number above 0, found 'five'"),
        (["prototype", "films", "--minutes", "-3"], "expected a number above 0, found '-3'"),
        (["train", "data", "--mix", "blend"], "invalid choice: 'blend'"),
        (["evaluate", "bundle"], "DATA"),
        (["paint"], "invalid choice: 'paint'"),
    ],
)
def test_what_is_not_understood_is_told_with_exit_code_2(p, words, said, capsys):
    with pytest.raises(SystemExit) as e:
        p.parse_args(words)
    assert e.value.code == 2 and said in capsys.readouterr().err


def test_no_verb_is_no_error_of_the_parser(p):
    assert p.parse_args([]).verb is None and isinstance(p, argparse.ArgumentParser)
