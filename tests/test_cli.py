"""pytest tests/test_cli.py

The command as a user runs it: a process, its two streams and its exit code."""

import errno
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field

import pytest
import toy as toy_folder
from toy_sources import put, rule, write_catalog

from cxr_fastai import cli
from cxr_fastai.core import NotTrained


def cxr(
    *args,
    cwd=None,
    cache=None,
    code="from cxr_fastai.cli import main; import sys; sys.exit(main())",
):
    nowhere = dict.fromkeys(
        ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9"
    )
    env = {
        **os.environ,
        **nowhere,
        "CXR_CACHE": str(cache or cwd or "/nonexistent"),
    }  # no test goes out
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, args)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
    )


LABELS = dict(
    bac="bacterial_pneumonia",
    cov="covid_19",
    norm="no_finding",
    mass="mass",
    tb="tuberculosis",
    vir="viral_pneumonia",
)


@pytest.fixture
def toy(tmp_path):
    for k, label in enumerate(LABELS):
        for i in range(6):
            put(tmp_path / "one" / label / f"{i}.png", 10 * k + i)
    rows = [
        rule(first=i == 0, label_value=label, findings=finding)
        for i, (label, finding) in enumerate(LABELS.items())
    ]
    write_catalog(tmp_path / "c.csv", *rows)
    return tmp_path


def test_sources_prints_every_source_and_the_same_as_json():
    text, data = cxr("sources"), json.loads(cxr("sources", "--json").stdout)
    assert text.returncode == 0 and all(s["source"] in text.stdout for s in data) and len(data) > 20
    nih = next(s for s in data if s["source"] == "nih_sample")
    assert nih["derived_from"] == ["nih_full"]
    assert {r["label_value"]: r["findings"] for r in nih["rules"]}["No Finding"] == "no_finding"


def test_curate_prints_the_table_on_stdout_and_the_rest_on_stderr_and_a_second_run_says_so(toy):
    first = cxr("curate", "--manifest", "c.csv", "--out", "out", "--workers", 1, cwd=toy)
    assert first.returncode == 0 and "tuberculosis" in first.stdout, first.stderr
    assert "wrote 46 files to out" in first.stderr, first.stderr
    again = cxr("curate", "--manifest", "c.csv", "--out", "out", "--workers", 1, "--json", cwd=toy)
    assert "up to date" in again.stderr and json.loads(again.stdout)["written"] == 0


def test_curate_data_is_the_same_command(toy):
    code = "from cxr_fastai.cli import curate_main; import sys; sys.exit(curate_main())"
    done = cxr("--manifest", "c.csv", "--out", "out", "--check", cwd=toy, code=code)
    assert done.returncode == 0 and "nothing written" in done.stderr and not (toy / "out").exists()


def test_strict_exits_1_when_an_input_is_broken_and_0_without_it(toy):
    (toy / "one/bac/0.png").write_bytes(b"")
    assert (
        cxr("curate", "--manifest", "c.csv", "--out", "a", "--workers", 1, cwd=toy).returncode == 0
    )
    strict = cxr("curate", "--manifest", "c.csv", "--out", "b", "--workers", 1, "--strict", cwd=toy)
    assert strict.returncode == 1 and "cxr curate: --strict: " in strict.stderr
    assert "see b/rejects.csv" in strict.stderr and (toy / "b/rejects.csv").is_file()


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
    if args and "usage:" not in got.stderr:
        assert len(got.stderr.strip().splitlines()) == 1 and got.stderr.startswith(
            f"cxr {args[0]}: "
        )


def test_a_class_that_no_rule_knows_is_warned_of_and_listed(toy):
    put(toy / "one/flu/0.png", 99)
    got = cxr("curate", "--manifest", "c.csv", "--out", "out", "--workers", 1, cwd=toy)
    assert (
        "no rule of one for the label 'flu'" in got.stderr
        and "unknown_label" in (toy / "out/rejects.csv").read_text()
    )


def test_version():
    assert cxr("--version").stdout.strip()[0].isdigit()


# ---- in this process


@dataclass
class Scored:
    """What the command asks of a report."""

    bundle: str
    about: dict = field(default_factory=lambda: {"network": "resnet18"})

    def to_dict(self) -> dict:
        return {"bundle": self.bundle}

    def to_html(self) -> str:
        return self.bundle


@pytest.fixture
def compared(monkeypatch):
    """A list that fills with the names and bundles of every table; nothing is scored."""
    tables = []

    def compare(reports):
        tables.append({name: report.bundle for name, report in reports.items()})
        return Scored("table")

    def evaluate(bundle, data, **settings):
        return Scored(str(bundle))

    monkeypatch.setattr("cxr_fastai.evaluation.compare.compare", compare)
    monkeypatch.setattr("cxr_fastai.evaluation.evaluate.evaluate", evaluate)
    return tables


def test_no_bundle_that_was_asked_for_is_dropped_from_the_table(
    compared, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    toy_folder.curated(tmp_path / "data")
    meta = tmp_path / "run/beside/cnn/bundle/bundle.json"
    meta.parent.mkdir(parents=True)
    meta.write_text("{}")
    asked = "a/six,b/six,c/six,a/six/,run/beside/cnn,resnet18"
    assert cli.main(["evaluate", "run", "data", "--beside", asked, "--json"]) == 0
    (table,) = compared
    assert table == {
        "resnet18 (first)": "run",
        "cnn": "run/beside/cnn/bundle",
        "a/six": "a/six",
        "b/six": "b/six",
        "c/six": "c/six",
        "resnet18": "resnet18",
    }
    assert next(iter(table)) == "resnet18 (first)"
    streams = capsys.readouterr()
    assert json.loads(streams.out) == {"bundle": "run", "beside": {"bundle": "table"}}
    assert streams.err.splitlines() == [
        "--beside a/six/: it is given twice and shown once",
        "--beside run/beside/cnn: it was trained beside the run and is shown anyway",
    ]


def test_a_bundle_alone_has_no_table(compared, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    toy_folder.curated(tmp_path / "data")
    assert cli.main(["evaluate", "run/bundle", "data", "--json"]) == 0
    assert compared == [] and json.loads(capsys.readouterr().out) == {"bundle": "run/bundle"}


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
