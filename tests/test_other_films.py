"""pytest tests/test_other_films.py

benchmarks/other_films.py holds out what it says, by groups, and never reads the test split.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toy_pixels import folder

from cxr_fastai.core import UsageError
from cxr_fastai.recipes import load_recipe

RECIPE = """title = "Dark or light"
task = "single_label"
negative = "light"

[classes]
light = ["no_finding"]
dark = ["pneumonia"]

[train]
arch = "cnn"
size = 32
epochs = 1
bs = 8
weights = "none"
"""


@pytest.fixture
def other(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    import other_films

    return other_films


@pytest.fixture
def data(tmp_path):
    "Films that are dark or light, each with a number in its name: later ones first."
    file = tmp_path / "shades.toml"
    file.write_text(RECIPE)
    made = replace(folder(tmp_path / "data"), recipe=load_recipe(str(file)))
    rows = [
        replace(row, original_path=f"{row.label}/IM-{900 - i:04d}.png", bytes="100")
        for i, row in enumerate(made.rows)
    ]
    return replace(made, rows=rows)


@pytest.mark.parametrize("by", ["looks", "numbers"])
def test_no_test_film_is_read_and_no_group_is_in_two_splits(other, data, by):
    was_test = {row.path for row in data.rows if row.split == "test"}
    found = other.other_films(data, by)
    assert found.sha256 != data.sha256
    assert was_test and was_test.isdisjoint(row.path for row in found.rows)
    splits: dict[str, set[str]] = {}
    for row in found.rows:
        splits.setdefault(row.group, set()).add(row.split)
    assert all(len(of) == 1 for of in splits.values())
    assert {row.split for row in found.rows} == {"train", "valid", "test"}


def test_the_lowest_numbers_of_each_series_are_held_out(other):
    names = ["IM-0300-0001.png", "IM-0115-0001.png", "NORMAL2-IM-0900.png", "NORMAL2-IM-0383.png"]
    assert other._earliness(names).tolist() == [0.5, 1.0, 0.5, 1.0]


def test_numbers_hold_out_the_first_of_the_negative_class(other, data):
    found = other.other_films(data, "numbers")
    light = [row for row in found.rows if row.label == "light"]
    number = {row.path: int(row.original_path[-8:-4]) for row in light}
    held = [number[row.path] for row in light if row.split == "test"]
    rest = [number[row.path] for row in light if row.split != "test"]
    assert max(held) < min(rest)


def test_a_series_of_names_is_held_out_as_a_whole(other, data):
    first = {row.path for row in data.rows if row.label == "light"}
    chosen = sorted(first)[: len(first) // 2]
    later = [
        replace(row, original_path="NORMAL2-IM-1.png") if row.path in chosen else row
        for row in data.rows
    ]
    found = other.other_films(replace(data, rows=later), "NORMAL2")
    light = [row for row in found.rows if row.label == "light"]
    held = {row.group for row in light if Path(row.original_path).name.startswith("NORMAL2")}
    assert {row.group for row in light if row.split == "test"} == held
    assert {row.group for row in light} - held
    with pytest.raises(UsageError, match="no such film. Expected looks, numbers"):
        other.other_films(data, "NORMAL3")


def test_looks_hold_out_films_that_resemble_the_other_class(other, monkeypatch, data):
    rows = [row for row in data.rows if row.split != "test"]
    light = [row.path for row in rows if row.label == "light"]
    strange = {light[0], light[3]}
    gray = np.zeros((len(rows), 32, 32), np.uint8)
    draws = np.random.default_rng(0)
    for i, row in enumerate(rows):
        bright = row.label == "light" and row.path not in strange
        gray[i] = draws.integers(100, 120, (32, 32)) + (100 if bright else 0)
    monkeypatch.setattr(other, "_pixels", lambda data, rows: gray)
    found = other.other_films(data, "looks")
    assert strange <= {row.path for row in found.rows if row.split == "test"}


def test_a_wide_film_squashed_to_a_square_is_told_by_its_shape(other):
    draws = np.random.default_rng(1)
    film = np.kron(draws.integers(0, 255, (8, 8)), np.ones((8, 8))).astype(np.uint8)
    squashed = np.kron(draws.integers(0, 255, (8, 16)), np.ones((8, 4))).astype(np.uint8)
    square, wide = other.looks(np.stack([film, squashed]), [1, 1])[:, 3]
    assert abs(square) < 0.3 < wide


def test_a_name_without_a_number_and_a_recipe_without_a_negative_class(other, data):
    with pytest.raises(UsageError, match="no number in the name"):
        other._earliness(["film.png"])
    none = replace(data, recipe=replace(data.recipe, negative=None))
    with pytest.raises(UsageError, match="no negative class"):
        other.other_films(none, "looks")


def test_the_whole_road_scores_what_is_held_out(other, data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(other, "read_manifest", lambda folder: data)
    assert other.main([str(data.root), "--out", str(tmp_path / "out"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    held = [row for row in other.other_films(data, "looks").rows if row.split == "test"]
    assert (found["held_out_by"], found["n"]) == ("looks", len(held))
    assert found["networks"][0]["test"]["n"] == len(held)
