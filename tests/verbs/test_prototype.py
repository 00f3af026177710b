"""`cxr prototype` in this process: what it hands on, prints, and says first."""

import json
import subprocess
import sys

import pytest
import toy_prototypes as toys
from toy_sources import put

from cxr_fastai import cli
from cxr_fastai.prototyping import road


@pytest.fixture
def asked(monkeypatch):
    "What was asked for; nothing is made."
    calls = []

    def prototype(folder, out, **given):
        calls.append({"folder": folder, "out": out, **given})
        print("a library speaks")
        return toys.prototype()

    monkeypatch.setattr(road, "prototype", prototype)
    return calls


def test_flags_are_handed_on(asked, tmp_path):
    out = str(tmp_path / "o")
    argv = ["films", "--out", out, "--minutes", "2.5", "--seed", "3", "--patient", "p(.)"]
    argv += ["--same", "A=B", "--same", "C=D", "--as", "x=normal", "--workers", "1"]
    assert cli.main(["prototype", *argv]) == 0
    (call,) = asked
    assert (call["folder"], call["out"], call["minutes"], call["seed"]) == ("films", out, 2.5, 3)
    assert call["patient"] == "p(.)" and call["same"] == ["A=B", "C=D"] and call["workers"] == 1
    assert call["take_as"] == {"x": "normal"} and call["table"] is None


def test_the_first_line_and_what_libraries_print_are_no_result(asked, capsys):
    assert cli.main(["prototype", "films"]) == 0
    captured = capsys.readouterr()
    assert captured.err.splitlines()[:2] == [
        "a first model of films, in 5 minutes at most",
        "a library speaks",
    ]
    assert captured.out == f"{toys.prototype()}\n"
    assert cli.main(["prototype", "films", "--minutes", "1"]) == 0
    assert capsys.readouterr().err.startswith("a first model of films, in 1 minute at most\n")


def test_json_is_the_record(asked, capsys):
    assert cli.main(["prototype", "films", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(toys.prototype().to_dict()))


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], "name a folder of images"),
        (["gone"], "no folder"),
        (["."], "lies in"),
    ],
)
def test_a_wrong_command_is_one_line_and_exit_2(tmp_path, monkeypatch, capsys, argv, words):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["prototype", *argv]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("cxr prototype: ") and words in last
    assert not list(tmp_path.iterdir())


def test_the_first_line_comes_before_anything_heavy_is_imported(tmp_path):
    code = (
        "import sys\n"
        "from cxr_fastai import cli, progress\n"
        "heavy = {'torch', 'pandas', 'numpy', 'fastai', 'sklearn'}\n"
        "def say(text):\n"
        "    print(text, sorted(heavy & set(sys.modules)))\n"
        "    raise SystemExit(0)\n"
        "progress.say = say\n"
        "cli.main(['prototype', 'films'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stdout == "a first model of films, in 5 minutes at most []\n", done.stderr


def test_a_refusal_leaves_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "films" / "Normal" / "a.png", 1)
    assert cli.main(["prototype", "films"]) == 2
    assert "one class alone" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["films"]


def test_the_help_names_the_zip(capsys):
    with pytest.raises(SystemExit):
        cli.main(["prototype", "--help"])
    assert "a .zip of that" in " ".join(capsys.readouterr().out.split())
