"""pytest tests/test_cli.py

The command as a user runs it: a process, its two streams and its exit code."""

import errno

import pytest
from command import cxr
from toy_catalogue import catalogued

from cxr_fastai import cli
from cxr_fastai.core import NotTrained


@pytest.fixture
def toy(tmp_path):
    return catalogued(tmp_path)


def test_curate_data_is_the_same_command(toy):
    code = "from cxr_fastai.cli import curate_main; import sys; sys.exit(curate_main())"
    done = cxr("--manifest", "c.csv", "--out", "out", "--check", cwd=toy, code=code)
    assert done.returncode == 0 and "nothing written" in done.stderr and not (toy / "out").exists()


@pytest.mark.parametrize(
    "args,code,said",
    [
        (["curate", "--out", "out", "--mirror", "gone"], 2, "no mirror folder gone"),
        (["curate", "--out", "out", "--mirror", "empty"], 3, "kaggle datasets download"),
        (["curate", "--out", "out"], 3, "kermany_kaggle: Kaggle"),
        (
            ["curate", "--out", "out", "--manifest", "c.csv", "--only", "two"],
            2,
            "unknown source id 'two'",
        ),
        (
            ["curate", "--out", "out", "--manifest", "c.csv", "--recipe", "five"],
            2,
            "unknown recipe 'five'",
        ),
        (["curate", "--out", "one", "--manifest", "c.csv"], 2, "is not empty"),
        (["curate", "--out", "c.csv/out", "--manifest", "c.csv"], 5, "is a file"),
        (["curate", "--out", "out", "--manifest", "gone.csv"], 2, "cannot read the catalogue"),
        (
            ["curate", "--out", "out", "--manifest", "c.csv", "--recipe", "missing.toml"],
            2,
            "unknown recipe",
        ),
        (["eda", "one"], 2, "not a curated folder"),
        (["eda", "gone", "--out", "out"], 2, "no folder gone"),
        (["eda", "one", "--split", "tets"], 2, "Did you mean 'test'"),
        (["train", "one"], 2, "not a curated folder"),
        (["train", "gone"], 2, "no folder gone"),
        (["evaluate", "gone", "one"], 2, "not a curated folder"),
        (["predict", "gone", "one/bac/0.png"], 2, "no bundle at gone"),
        (["predict", "gone", "gone.png"], 2, "gone.png"),
        (["curate"], 2, "--out"),
        (["curate", "--out", "x", "--workers", "0"], 2, "above 0"),
        (["paint"], 2, "invalid choice"),
        ([], 2, ""),
    ],
    ids=lambda v: " ".join(map(str, v)) if isinstance(v, list) else None,
)
def test_bad_input_is_one_line_with_the_remedy_and_the_documented_code(toy, args, code, said):
    (toy / "empty").mkdir()
    before = sorted(toy.rglob("*"))
    got = cxr(*args, cwd=toy, cache=toy / "../cache")
    assert got.returncode == code and said in got.stderr, got.stderr
    assert "Traceback" not in got.stderr and sorted(toy.rglob("*")) == before
    if args:
        verb = "cxr" if args == ["paint"] else f"cxr {args[0]}"
        assert len(got.stderr.strip().splitlines()) == 1 and got.stderr.startswith(f"{verb}: ")


def test_version():
    assert cxr("--version").stdout.strip()[0].isdigit()


@pytest.mark.parametrize(
    "error,code,line",
    [
        (NotTrained("it never\nlearned"), 4, "cxr demo: it never learned"),
        (KeyboardInterrupt(), 130, "cxr demo: interrupted"),
        (
            OSError(errno.ENOSPC, "No space left on device", "/out/x"),
            5,
            "cxr demo: /out/x: No space left on device. Free space or permission there, "
            "then run it again.",
        ),
        (
            NotADirectoryError(errno.ENOTDIR, "Not a directory", "a/b"),
            5,
            "cxr demo: a/b: Not a directory. Look at what lies there, then run it again.",
        ),
        (MemoryError(), 5, "cxr demo: not enough memory. Ask for less at once."),
        (NotTrained("\x1b[2J"), 4, "cxr demo: \\x1b[2J"),
    ],
)
def test_an_error_is_one_line_and_its_exit_code(monkeypatch, capsys, error, code, line):
    def failing(out):
        raise error

    monkeypatch.setattr("cxr_fastai.demo.demo", failing)
    assert cli.main(["demo"]) == code
    assert capsys.readouterr().err == line + "\n"


def test_an_error_that_nobody_can_mend_keeps_its_traceback(monkeypatch):
    def failing(out):
        raise OSError(errno.EBADF, "Bad file descriptor")

    monkeypatch.setattr("cxr_fastai.demo.demo", failing)
    with pytest.raises(OSError, match="Bad file descriptor"):
        cli.main(["demo"])
