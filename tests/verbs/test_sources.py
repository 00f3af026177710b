"""`cxr sources` in this process. As a process: test_cli.py."""

import json

import pytest
from command import cxr
from toy import curated
from toy_sources import put, rule, write_catalog

from cxr_fastai.cli import main
from cxr_fastai.images import decode, write_png


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


def test_of_one_column_a_finding_each_rule_names_its_column(tmp_path, capsys):
    table = dict(label_from="columns", table="m.csv", table_key="{file}", label_value="1")
    rows = (
        rule("one", label_key="Edema", findings="edema", **table),
        rule("one", first=False, label_key="Fluid", label_value="1", findings="effusion"),
    )
    catalogue = write_catalog(tmp_path / "c.csv", *rows)
    out = shown(capsys, "--manifest", catalogue)[1]
    assert "    columns 'Edema=1' -> edema\n    columns 'Fluid=1' -> effusion\n" in out
    (source,) = json.loads(shown(capsys, "--manifest", catalogue, "--json")[1])
    assert [rule["label_key"] for rule in source["rules"]] == ["Edema", "Fluid"]


def test_the_catalogue_as_json_has_every_source(catalogue, capsys):
    code, out, _ = shown(capsys, "--manifest", catalogue, "--json")
    assert code == 0 and [s["source"] for s in json.loads(out)] == ["one", "two", "far"]


def test_a_check_asks_every_source_and_counts_those_missing_that_are_on(catalogue, capsys):
    put(catalogue.parent / "two" / "c" / "0.png", 1)
    code, out, err = shown(capsys, "--manifest", catalogue, "--check", "--json")
    rows = {row["source"]: row for row in json.loads(out)}
    assert list(rows) == ["one", "two"]  # nobody fetches a reference
    assert rows["two"]["state"] == "here" and rows["two"]["on"] == "no"
    assert code == 3 and err == "cxr sources: 1 of 1 source cannot be had: one\n"
    code, out, err = shown(capsys, "--manifest", catalogue, "--check", "--only", "two")
    assert (code, err) == (0, "")
    head, line, *_ = out.splitlines()
    assert head.split() == ["source", "on", "share", "size", "state", "what", "was", "found"]
    assert line.split()[:5] == ["two", "no", "yes", "?", "here"]


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
    assert (code, err) == (0, "")
    cells = {line.split()[0]: line.split()[1:5] for line in out.splitlines()}
    assert cells["all"] == ["yes", "yes", "?", "in_parts"]


def test_a_check_names_the_mirror_once_and_says_no_thing_twice(catalogue, capsys):
    mirror = catalogue.parent / "mirror"
    mirror.mkdir()
    code, out, _ = shown(capsys, "--manifest", catalogue, "--check", "--mirror", mirror)
    assert code == 3 and out.splitlines()[0] == f"MIRROR is {mirror}"
    assert out.count(str(mirror)) == 1 and out.count("not in MIRROR") == 2
    assert out.count("leave it out to download") == 1


def test_the_size_of_a_download_is_told_and_where_nobody_knows_it_that_too(tmp_path, capsys):
    web = dict(transport="http", handle="id", download="https://host.example/a.zip")
    rows = (
        rule("one", label_value="a", size="1.2 GB", expected_total="1", unconfirmed="size", **web),
        rule("two", label_value="a", **web),
        rule("here", label_value="a", expected_total="2000"),
    )
    catalogue = write_catalog(tmp_path / "c.csv", *rows)
    out = shown(capsys, "--manifest", catalogue)[1]
    assert "1 image; download 1.2 GB" in out and "UNCONFIRMED: size" in out
    assert "number of images unknown; download of unknown size" in out
    assert "; 2,000 images; " in out
    told = json.loads(shown(capsys, "--manifest", catalogue, "--json")[1])
    assert [source["size"] for source in told] == ["1.2 GB", "", ""]


def test_a_check_of_a_curated_folder_says_what_it_did_not_look_at(tmp_path, capsys):
    folder = curated(tmp_path / "data")
    code, out, _ = shown(capsys, "--check", "--manifest", folder)
    assert (code, out) == (
        0,
        f"{folder}: sound: 32 images, all there. Their pixels were not verified: give --pixels\n",
    )
    code, out, _ = shown(capsys, "--check", "--manifest", folder / "manifest.csv", "--pixels")
    assert code == 0 and out.endswith("32 images, all with the pixels that the manifest names\n")


def test_a_check_of_pixels_names_every_image_that_was_edited(tmp_path, capsys):
    folder = curated(tmp_path / "data")
    edited = sorted((folder / "normal").glob("*.png"))[:2]
    for path in edited:
        write_png(255 - decode(path), path)
    assert shown(capsys, "--check", "--manifest", folder)[0] == 0
    code, out, err = shown(capsys, "--check", "--manifest", folder, "--pixels")
    assert code == 4 and "\ncxr sources: 2 of 32 images" in err
    assert [line.split(": ")[0] for line in out.splitlines()] == [str(path) for path in edited]


def test_pixels_without_a_folder_is_told_what_is_missing(catalogue, capsys):
    for args in ((), ("--check",), ("--manifest", catalogue)):
        code, out, err = shown(capsys, *args, "--pixels")
        assert (code, out) == (2, "") and "--check --manifest FOLDER" in err


def test_a_check_of_a_curated_folder_lists_its_faults(tmp_path, capsys):
    folder = curated(tmp_path / "data")
    next((folder / "normal").glob("*.png")).unlink()
    code, out, _ = shown(capsys, "--check", "--manifest", folder / "manifest.csv")
    assert code == 2 and len(out.splitlines()) == 1 and "no file" in out


def test_sources_prints_every_source_and_the_same_as_json():
    text, data = cxr("sources"), json.loads(cxr("sources", "--json").stdout)
    assert text.returncode == 0 and all(s["source"] in text.stdout for s in data) and len(data) > 20
    nih = next(s for s in data if s["source"] == "nih_sample")
    assert nih["derived_from"] == ["nih_full"]
    assert {r["label_value"]: r["findings"] for r in nih["rules"]}["No Finding"] == "no_finding"


def test_flags_of_the_check_are_not_passed_over_in_silence_without_it(capsys):
    code, out, err = shown(capsys, "--only", "kermany")
    assert (code, out) == (2, "") and "--only is of --check: give that too" in err
    assert "--mirror is of --check" in shown(capsys, "--mirror", "x")[2]
