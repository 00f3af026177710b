"""pytest tests/curation/folder/test_hub_table.py: metadata.csv, as imagefolder reads it"""

import csv
import io

import pytest
from made_curations import Films, record
from toy_sources import put, rule, write_catalog

from cxr_fastai.curation.folder.hub_table import (
    HUB_COLUMNS,
    METADATA,
    drop_hub_tables,
    hub_tables,
)
from cxr_fastai.curation.pipeline import curate
from cxr_fastai.manifest import read_manifest


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def two(tmp_path):
    films = Films(tmp_path)
    return [
        record(films.image(seed=1), path="tb/b.png", label="tb", split="test", patient="s:2"),
        record(films.image(seed=2), path="normal/a.png", label="normal", split="train"),
    ]


def test_a_folder_of_classes_has_one_table_at_its_root(two):
    tables = hub_tables(two, "class")
    assert list(tables) == [METADATA]
    first, second = rows_of(tables[METADATA])
    assert list(first) == list(HUB_COLUMNS)
    assert (first["file_name"], second["file_name"]) == ("normal/a.png", "tb/b.png")
    assert (second["label"], second["split"], second["patient"]) == ("tb", "test", "s:2")


def test_a_folder_of_splits_has_one_in_each_with_paths_below_it(two):
    two = [type(row)(**{**vars(row), "path": f"{row.split}/{row.path}"}) for row in two]
    tables = hub_tables(two, "split")
    assert sorted(tables) == ["test/metadata.csv", "train/metadata.csv"]
    [only] = rows_of(tables["test/metadata.csv"])
    assert only["file_name"] == "tb/b.png" and only["split"] == "test"


def of_splits(two, **cells):
    "The records below their splits, with other cells: a value for each."
    changed = []
    for i, row in enumerate(two):
        own = {column: values[i] for column, values in cells.items()}
        changed.append(type(row)(**{**vars(row), **own, "path": f"{row.split}/{row.path}"}))
    return changed


def test_a_column_that_is_blank_in_one_split_alone_says_so_in_words(two):
    """Blanks alone are numbers to the loader, which refuses splits of other types."""
    tables = hub_tables(of_splits(two, patient=("s:2", ""), view=("", ""), sex=("F", "M")), "split")
    [test], [train] = rows_of(tables["test/metadata.csv"]), rows_of(tables["train/metadata.csv"])
    assert (test["patient"], train["patient"]) == ("s:2", "unknown")
    assert (test["view"], train["view"]) == ("", "") and (test["sex"], train["sex"]) == ("F", "M")


def test_an_age_has_a_point_so_that_whole_years_and_unknown_ones_are_of_one_type(two):
    tables = hub_tables(of_splits(two, age=("65", "")), "split")
    [test], [train] = rows_of(tables["test/metadata.csv"]), rows_of(tables["train/metadata.csv"])
    assert (test["age"], train["age"]) == ("65.0", "")


def test_a_table_that_a_run_wrote_goes_with_its_split_and_no_other_does(tmp_path):
    ours = ",".join(HUB_COLUMNS) + "\n"
    texts = {"train": ours, "valid": ours, "test": "my,own\n", "mine": ours}
    for folder, text in texts.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / METADATA).write_text(text)
    drop_hub_tables(tmp_path, {f"train/{METADATA}"})
    left = sorted(file.parent.name for file in tmp_path.glob(f"*/{METADATA}"))
    assert left == ["mine", "test", "train"]


@pytest.mark.parametrize("layout", ["class", "split"])
def test_a_curated_folder_names_each_image_once_and_stays_readable(tmp_path, monkeypatch, layout):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))
    for i in range(12):
        put(tmp_path / "s" / ("norm", "tb")[i % 2] / f"{i}.png", i)
    rows = [
        rule("s", label_value="norm", findings="no_finding"),
        rule("s", first=False, label_value="tb", findings="tuberculosis"),
    ]
    asked = dict(manifest=write_catalog(tmp_path / "c.csv", *rows), workers=1, layout=layout)
    out = tmp_path / "out"
    curate(out, **asked)
    named = []
    for file in out.rglob(METADATA):
        named += [
            (file.parent / row["file_name"], row["split"]) for row in rows_of(file.read_text())
        ]
    manifest = read_manifest(out)
    assert sorted(named) == sorted((out / row.path, row.split) for row in manifest.rows)
    before = {file: file.read_bytes() for file in out.rglob(METADATA)}
    done = curate(out, **asked)
    assert done.written == 0 and done.foreign == []
    assert {file: file.read_bytes() for file in before} == before
