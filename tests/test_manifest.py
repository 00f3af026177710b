"""pytest tests/test_manifest.py"""
from dataclasses import replace

import pytest

from cxr_fastai.core import NotCurated, UnknownName, write_json
from cxr_fastai.manifest import COLUMNS, Record, read_manifest, write_manifest
from cxr_fastai.recipes import load_recipe

def record(i, **cells):
    base = {c: "" for c in COLUMNS}
    base |= dict(path=f"normal/{i}.png", sha256="a" * 64, pixel_sha256=f"{i:064x}", source="s", label="normal",
                 group=f"g{i}", split="train")
    return Record(**{**base, **cells})

@pytest.fixture
def folder(tmp_path):
    r = load_recipe("six_class")
    write_json(tmp_path/"curation.json", {"recipe": r.to_dict()})
    rows = [record(2, source_label='a "quoted", one\nwith a break'), record(1, split="test")]
    write_manifest(tmp_path, rows, r.vocab)
    return tmp_path


def test_rows_come_back_as_they_were_written_in_the_order_of_their_paths(folder):
    m = read_manifest(folder)
    assert [r.path for r in m.rows] == ["normal/1.png", "normal/2.png"]
    assert m.rows[1].source_label == 'a "quoted", one\nwith a break'
    assert list(m.df.columns) == list(COLUMNS) and m.df.shape == (2, 20)
    assert list(m.part("test")["path"]) == ["normal/1.png"]
    assert m.vocab == load_recipe("six_class").vocab
    assert m.counts() == {("normal", "s", "test"): 1, ("normal", "s", "train"): 1}
    assert read_manifest(m) is m
    with pytest.raises(UnknownName, match="train, valid, test"): m.part("dev")

@pytest.mark.parametrize("change,said", [
    (dict(label="healthy"), "row 3: |unknown class 'healthy'"),
    (dict(split="dev"), "unknown split 'dev'"),
    (dict(group=""), "column group: empty"),
    (dict(path="normal/1.png"), "stands twice"),
    (dict(group="g1"), "group 'g1' is in train and in test|is in test and in train"),
    (dict(patient="p", split="valid"), "patient 'p'")])
def test_a_broken_promise_is_named_when_written_and_when_read(folder, change, said):
    rows = [record(1, split="test", patient="p"), replace(record(2), **change)]
    with pytest.raises(NotCurated, match=said): write_manifest(folder, rows, load_recipe("six_class").vocab)
    text = "\n".join([",".join(COLUMNS), *(",".join(vars(r).values()) for r in rows), ""])
    (folder/"manifest.csv").write_text(text)
    with pytest.raises(NotCurated, match=said): read_manifest(folder)

@pytest.mark.parametrize("damage,said", [
    (lambda t: t.replace("phash", "hash", 1), "row 1: columns are"),
    (lambda t: t + "one,cell\n", "expected 20 cells"),
    (lambda t: "", "row 1"), (lambda t: t + "\"" + "x" * 200_000, "no readable csv")])
def test_damage_is_named(folder, damage, said):
    file = folder/"manifest.csv"
    file.write_text(damage(file.read_text()))
    with pytest.raises(NotCurated, match=said): read_manifest(folder)

def test_a_folder_that_was_not_curated_is_told_how_to_be(tmp_path):
    with pytest.raises(NotCurated, match="cxr curate"): read_manifest(tmp_path)
    with pytest.raises(NotCurated, match="no folder"): read_manifest(tmp_path/"gone")
    (tmp_path/"manifest.csv").write_text("x")
    (tmp_path/"curation.json").write_text("[]")
    with pytest.raises(NotCurated, match="no JSON object"): read_manifest(tmp_path)
    (tmp_path/"curation.json").unlink()
    with pytest.raises(NotCurated, match="curation.json"): read_manifest(tmp_path)
