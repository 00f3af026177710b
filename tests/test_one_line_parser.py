"""pytest tests/test_one_line_parser.py"""

import pytest

from cxr_fastai.flags import VERBS, parser


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
