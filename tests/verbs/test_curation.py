"""`cxr curate` as a process. `cxr dedupe` and `cxr eda`: curation/copies/test_find.py, auditing/test_explore.py."""

import json

import pytest
from command import cxr
from toy_catalogue import catalogued
from toy_sources import put

from cxr_fastai.cli import main
from cxr_fastai.core import SourceUnavailable
from cxr_fastai.verbs import curation as verb


@pytest.fixture
def toy(tmp_path):
    return catalogued(tmp_path)


def test_curate_prints_the_table_on_stdout_and_the_rest_on_stderr_and_a_second_run_says_so(toy):
    first = cxr("curate", "--manifest", "c.csv", "--out", "out", "--workers", 1, cwd=toy)
    assert first.returncode == 0 and "tuberculosis" in first.stdout, first.stderr
    assert "wrote 47 files to out" in first.stderr, first.stderr
    again = cxr("curate", "--manifest", "c.csv", "--out", "out", "--workers", 1, "--json", cwd=toy)
    assert "up to date" in again.stderr and json.loads(again.stdout)["written"] == 0


def test_where_no_source_can_be_had_the_way_with_own_images_is_told(monkeypatch, capsys):
    def refuse(args):
        raise SourceUnavailable("kermany: Kaggle cannot be reached.")

    monkeypatch.setattr(verb, "_curate", refuse)
    assert main(["curate", "--out", "gone/x"]) == 3
    assert capsys.readouterr().err == (
        "cxr curate: kermany: Kaggle cannot be reached. Images of your own need no source: "
        "cxr curate --folder DIR --out gone/x\n"
    )
    assert main(["curate", "--out", "gone/x", "--only", "kermany"]) == 3
    assert "--folder" not in capsys.readouterr().err


def test_strict_exits_1_when_an_input_is_broken_and_0_without_it(toy):
    (toy / "one/bac/0.png").write_bytes(b"")
    assert (
        cxr("curate", "--manifest", "c.csv", "--out", "a", "--workers", 1, cwd=toy).returncode == 0
    )
    strict = cxr("curate", "--manifest", "c.csv", "--out", "b", "--workers", 1, "--strict", cwd=toy)
    assert strict.returncode == 1 and "cxr curate: --strict: " in strict.stderr
    assert "see b/rejects.csv" in strict.stderr and (toy / "b/rejects.csv").is_file()


def test_a_class_that_no_rule_knows_is_warned_of_and_listed(toy):
    put(toy / "one/flu/0.png", 99)
    got = cxr("curate", "--manifest", "c.csv", "--out", "out", "--workers", 1, cwd=toy)
    assert (
        "no rule of one for the label 'flu'" in got.stderr
        and "unknown_label" in (toy / "out/rejects.csv").read_text()
    )
