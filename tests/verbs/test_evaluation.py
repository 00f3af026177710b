"""`cxr evaluate` in this process: which bundles stand in the table. As a process: test_road.py."""

import json
import subprocess
import sys
from dataclasses import dataclass, field

import pytest
import toy as toy_folder

from cxr_fastai import cli


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

    monkeypatch.setattr("cxr_fastai.bundle.files.find_folder", lambda path: path)
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


def test_what_is_no_bundle_is_told_before_torch_is_loaded(tmp_path):
    toy_folder.curated(tmp_path / "data")
    code = (
        "import sys; from cxr_fastai import cli\n"
        "print(cli.main(['evaluate', 'gone', 'data']), 'torch' in sys.modules)\n"
    )
    got = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert got.stdout == "2 False\n" and "no bundle at gone" in got.stderr
