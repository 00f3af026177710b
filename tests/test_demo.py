"""The demo's own steps, without a network; the whole road: test_road.py."""

from dataclasses import fields

import pytest

from cxr_fastai import demo
from cxr_fastai.core import IntegrityError, UsageError
from cxr_fastai.csv_cells import write_rows
from cxr_fastai.phantom import Planted
from cxr_fastai.recipes import Train

PLACES = ("path", "source", "group", "stage", "original_path")


def row(path: str, **cells: str) -> dict[str, str]:
    return {**dict.fromkeys(PLACES, ""), "source": "one", "path": path, **cells}


@pytest.fixture
def planted(tmp_path):
    return Planted(
        root=tmp_path,
        mirror=tmp_path / "mirror",
        catalog=tmp_path / "c.csv",
        copies=[("one/a.png", "one/b.png", "bytes")],
        conflicts=[("one/c.png", "one/d.png")],
        damaged=["one/sub/e.png"],
        filtered=["one/f.png"],
    )


@pytest.fixture
def curated(tmp_path):
    """The tables of a folder in which all of it was found."""
    tables = {
        "duplicates": [row("a.png", group="1"), row("b.png", group="1")],
        "conflicts": [row("c.png", group="2"), row("d.png", group="2")],
        "rejects": [row("sub/e.png", stage="scan"), row("f.png", stage="filter")],
        "manifest": [row("normal/1.png", original_path="a.png")],
    }
    write(tmp_path / "curated", tables)
    return tmp_path / "curated", tables


def write(folder, tables):
    folder.mkdir(exist_ok=True)
    for name, rows in tables.items():
        write_rows(folder / f"{name}.csv", rows, PLACES)


def test_everything_that_was_planted_is_counted(planted, curated):
    folder, _ = curated
    assert demo.check_planted(planted, folder) == [
        "planted copies found: 1 of 1",
        "planted label conflicts found: 1 of 1",
        "planted damaged files found: 1 of 1",
        "planted CT and lateral images found: 1 of 1",
    ]


@pytest.mark.parametrize(
    "table,rows,missed",
    [
        ("duplicates", [row("a.png", group="1"), row("b.png", group="9")], "copies"),
        ("duplicates", [row("a.png", group="1")], "copies"),
        (
            "manifest",
            [row("1", original_path="a.png"), row("2", original_path="b.png")],
            "copies",
        ),
        ("conflicts", [row("c.png")], "label conflicts"),
        ("manifest", [row("1", original_path="d.png")], "label conflicts"),
        ("rejects", [row("f.png", stage="filter")], "damaged files"),
        (
            "rejects",
            [row("sub/e.png", stage="filter"), row("f.png", stage="filter")],
            "damaged files",
        ),
        ("rejects", [row("sub/e.png", stage="scan")], "CT and lateral images"),
    ],
)
def test_a_flaw_that_was_missed_is_an_error(planted, curated, table, rows, missed):
    folder, tables = curated
    write(folder, {**tables, table: rows})
    with pytest.raises(IntegrityError, match=f"curation missed {missed}: found 0 of 1 planted"):
        demo.check_planted(planted, folder)


def test_a_folder_of_somebody_else_is_not_touched(tmp_path):
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(UsageError, match="not empty and is not a demo's"):
        demo.demo(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_the_model_of_an_earlier_demo_is_not_trained_again(tmp_path, capsys):
    bundle = tmp_path / "run" / "bundle"
    bundle.mkdir(parents=True)
    (bundle / "bundle.json").write_text("{}")
    assert demo._train(tmp_path / "curated", tmp_path / "run", seed=0) == bundle
    assert "not trained again" in capsys.readouterr().err


def test_its_settings_are_settings():
    assert set(demo.SETTINGS) <= {f.name for f in fields(Train)}
