"""`cxr sources` in this process. As a process: test_cli.py."""

import json

import pytest
from toy import curated
from toy_sources import put, rule, write_catalog

from cxr_fastai.cli import main


@pytest.fixture
def catalogue(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))
    rows = (
        rule("one", label_value="a", findings="mass|edema", expected="3", unconfirmed="age"),
        rule("one", first=False, label_value="b", unconfirmed="view|age"),
        rule("two", on="no", label_value="c", derived_from="one|far"),
        rule("far", transport="reference", handle="", glob="", label_from="", title="Far away"),
    )
    return write_catalog(tmp_path / "c.csv", *rows)


def shown(capsys, *args):
    capsys.readouterr()
    code = main(["sources", *map(str, args)])
    streams = capsys.readouterr()
    return code, streams.out, streams.err


def test_a_source_is_told_with_its_rules_its_doubts_and_what_it_copies(catalogue, capsys):
    code, out, _ = shown(capsys, "--manifest", catalogue)
    assert code == 0
    assert "    folder 'a' -> mass, edema (3)\n    folder 'b' -> left out\n" in out
    assert "    UNCONFIRMED: age, view\n" in out
    assert "   copies of one, far\n" in out and "two   off   " in out
    assert "far   (named by others, never fetched)   Far away\n" in out


def test_the_catalogue_as_json_has_every_source(catalogue, capsys):
    code, out, _ = shown(capsys, "--manifest", catalogue, "--json")
    assert code == 0 and [s["source"] for s in json.loads(out)] == ["one", "two", "far"]


def test_a_check_asks_every_source_and_counts_those_missing_that_are_on(catalogue, capsys):
    put(catalogue.parent / "two" / "c" / "0.png", 1)
    code, out, err = shown(capsys, "--manifest", catalogue, "--check", "--json")
    rows = {row["source"]: row for row in json.loads(out)}
    assert list(rows) == ["one", "two"]  # nobody fetches a reference
    assert rows["two"]["state"] == "here" and rows["two"]["on"] == "no"
    assert code == 3 and err == "cxr sources: 1 of 1 sources cannot be had: one\n"
    code, out, err = shown(capsys, "--manifest", catalogue, "--check", "--only", "two")
    assert (code, err) == (0, "") and out.startswith("two ")
    assert "for local use only" not in out  # its row says that it may be shared


def test_a_source_whose_parts_are_here_is_not_counted_as_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rows = (
        rule("one", label_value="a", expected_total="1"),
        rule("all", label_value="a", expected_total="1", derived_from="one"),
    )
    catalogue = write_catalog(tmp_path / "c.csv", *rows)
    assert shown(capsys, "--manifest", catalogue, "--check", "--mirror", tmp_path)[0] == 3
    put(tmp_path / "local" / "one" / "a" / "0.png", 1)
    code, out, err = shown(capsys, "--manifest", catalogue, "--check", "--mirror", tmp_path)
    assert (code, err) == (0, "") and "all                     yes  in_parts " in out


def test_a_check_of_a_curated_folder_lists_its_faults(tmp_path, capsys):
    folder = curated(tmp_path / "data")
    assert shown(capsys, "--check", "--manifest", folder)[:2] == (0, f"{folder}: sound\n")
    next((folder / "normal").glob("*.png")).unlink()
    code, out, _ = shown(capsys, "--check", "--manifest", folder / "manifest.csv")
    assert code == 2 and len(out.splitlines()) == 1 and "no file" in out
