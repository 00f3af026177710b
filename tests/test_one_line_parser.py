"""pytest tests/test_one_line_parser.py"""

import argparse

import pytest

from cxr_fastai.flags import VERBS, parser
from cxr_fastai.one_line_parser import GivenOnce, Joined, NamedOnce, SwitchGivenOnce

NEEDS = {  # verb -> what it cannot do without
    "curate": ["--out", "needed"],
    "dedupe": ["a"],
    "eda": ["a"],
    "audit": ["a"],
    "train": ["a"],
    "evaluate": ["a", "b"],
    "predict": ["a", "b"],
    "app": ["a"],
    "export": ["a"],
}


def told(words, capsys):
    with pytest.raises(SystemExit) as e:
        parser(dict.fromkeys(VERBS, print)).parse_args(words)
    captured = capsys.readouterr()
    assert e.value.code == 2 and not captured.out and len(captured.err.splitlines()) == 1
    return captured.err


@pytest.mark.parametrize(
    "words, said",
    [
        (["curate", "mine"], "cxr curate --folder mine --out mine_curated\n"),
        (["curate", "my films/"], "cxr curate --folder 'my films/' --out 'my films_curated'\n"),
        (["curate", "--out", "x", "mine"], "cxr curate --folder mine --out mine_curated\n"),
        (["curate", "a.CSV"], "cxr curate --table a.CSV --file COLUMN --label COLUMN --out DIR\n"),
        (["curate", "a", "b", "--out", "x"], "a b: put the class folders into one and give that"),
    ],
)
def test_a_folder_that_is_given_bare_is_told_the_command(words, said, capsys):
    line = told(words, capsys)
    assert line.startswith("cxr curate: ") and said in line


@pytest.mark.parametrize(
    "words, said",
    [
        (["curate"], "cxr curate: the following arguments are required: --out. It is: cxr curate"),
        (["predict", "x"], "It is: cxr predict BUNDLE PATH.. [FLAGS]; cxr predict -h tells all"),
        (["audit"], "It is: cxr audit DATA [BUNDLE] [FLAGS]; cxr audit -h tells all"),
        (["paint"], "cxr: argument VERB: invalid choice: 'paint'"),
        (["train", "d", "--ach", "x"], "cxr train: not understood: --ach x. Did you mean --arch?"),
        (["dedupe", "a", "--zzz"], "not understood: --zzz; cxr dedupe -h tells all"),
        (["curate", "--out", "x", "--workers", "0\x1b"], "whole number above 0, found"),
    ],
)
def test_what_is_wrong_is_one_line_with_what_the_verb_needs(words, said, capsys):
    line = told(words, capsys)
    assert said in line and "\x1b" not in line and "usage:" not in line


def test_what_is_understood_is_read_as_before():
    args = parser(dict.fromkeys(VERBS, print)).parse_args(["curate", "--out", "x", "--folds", "5"])
    assert (args.out, args.folds, args.verb) == ("x", 5, "curate")


def test_a_choice_that_is_nearly_one_is_told(capsys):
    assert "Did you mean prototype? It is: cxr VERB" in told(["prototyp", "films"], capsys)
    assert "Did you mean split? It is" in told(["curate", "--out", "x", "--layout", "Spli"], capsys)
    assert "Did you mean" not in told(["paint"], capsys)


def test_a_folder_that_is_given_as_the_verb_is_told_the_verb(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my films").mkdir()
    assert "is given as: cxr prototype 'my films'. It is" in told(["my films"], capsys)


def flags_of_all_verbs():
    "(verb, what is made of the flag, the flag's last spelling) of every flag."
    whole = parser(dict.fromkeys(VERBS, print))
    (verbs,) = [a for a in whole._actions if isinstance(a, argparse._SubParsersAction)]
    for verb, own in verbs.choices.items():
        for action in own._actions:
            if action.option_strings:
                yield pytest.param(verb, action, id=f"{verb} {action.option_strings[0]}")


def twice(action):
    "The words that give a flag two times, with values that differ where it has one."
    flag = action.option_strings[0]
    if isinstance(action, SwitchGivenOnce):
        return list(action.option_strings)
    if action.nargs == 0:
        return [flag, flag]
    if isinstance(action, NamedOnce):
        return [flag, "a=b", flag, "a=c"]
    values = list(action.choices or "23")
    return [flag, str(values[0]), flag, str(values[1])]


@pytest.mark.parametrize("verb, action", list(flags_of_all_verbs()))
def test_no_flag_of_any_verb_drops_what_it_was_given_first(verb, action, capsys):
    flag = action.option_strings[0]
    needs = [] if flag == "--out" else NEEDS.get(verb, [])
    words = [verb, *needs, *twice(action)]
    if isinstance(action, GivenOnce | SwitchGivenOnce | NamedOnce):
        assert "given twice (" in told(words, capsys)
    elif action.nargs != 0:
        args = parser(dict.fromkeys(VERBS, print)).parse_args(words)
        assert isinstance(action, Joined | argparse._AppendAction)
        assert getattr(args, action.dest) in ("2,3", ["2", "3"], [2, 3])
    else:  # a switch without a value says the same twice
        assert isinstance(action, argparse._StoreConstAction | argparse._HelpAction)


def test_a_value_that_is_the_default_counts_as_given(capsys):
    line = told(["curate", "--out", "x", "--seed", "0", "--seed", "5"], capsys)
    assert "argument --seed: given twice (0, 5): give it once. It is: cxr curate" in line
    assert "given twice (x, 'y z')" in told(["demo", "--out", "x", "--out=y z"], capsys)


def test_one_command_line_does_not_remember_another():
    whole = parser(dict.fromkeys(VERBS, print))
    assert [whole.parse_args(["demo", "--out", out]).out for out in "ab"] == ["a", "b"]


def test_names_that_differ_may_each_be_given():
    words = ["curate", "--out", "x", "--as", "a=b", "--as", "c=b"]
    args = parser(dict.fromkeys(VERBS, print)).parse_args(words)
    assert args.take_as == [("a", "b"), ("c", "b")]
