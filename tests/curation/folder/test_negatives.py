"""pytest tests/curation/folder/test_negatives.py: laterals and CT slices that are kept for the gate"""

import csv
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from toy_sources import rule, tree, write_catalog

from cxr_fastai.curation.folder import negatives as module
from cxr_fastai.curation.pipeline import curate
from cxr_fastai.images import decode, resize
from cxr_fastai.manifest import read_manifest
from cxr_fastai.negatives import SIDE, TABLE, THUMBNAILS, read_negatives
from cxr_fastai.phantom import draw
from cxr_fastai.recipes import Recipe

RECIPE = Recipe("toy", "Toy", {"normal": ["no_finding"], "mass": ["mass"]})
COLUMNS = ("filename", "finding", "patientid", "view", "modality")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))


def film(number):
    "A frontal film of its own patient, 96 px."
    return draw("normal", number, 96)


def noise(number):
    "What a lateral or CT slice of another anatomy may look like to a test: like nothing else."
    return np.random.default_rng(number).integers(0, 256, (80, 100), dtype=np.uint8)


class Raw:
    "A source whose table tells view and modality."

    def __init__(self, root):
        self.root, self.rows = root, []
        (root / "raw/images").mkdir(parents=True)
        for number in range(12):
            finding = "Mass" if number % 3 == 0 else "Normal"
            self.put(f"film{number}.png", film(number), str(number), finding=finding)

    def put(self, name, pixels, patient="", view="PA", modality="X-ray", finding="Normal"):
        Image.fromarray(pixels).save(self.root / "raw/images" / name)
        self.rows.append((name, finding, patient, view, modality))

    def curate(self, out="out", recipe=RECIPE, **cells):
        with open(self.root / "raw/table.csv", "w", newline="") as f:
            csv.writer(f).writerows([COLUMNS, *self.rows])
        base = dict(glob="images/*.png", label_from="column", label_key="finding")
        base |= dict(table="table.csv", table_key="{filename}", patient="one:{patientid}")
        base |= dict(view="{view}", view_keep="PA|AP|blank", modality="{modality}")
        base |= dict(modality_keep="X-ray", handle="raw", label_value="Normal")
        first = rule(findings="no_finding", **base)
        second = rule(first=False, label_value="Mass", findings="mass")
        catalog = write_catalog(self.root / "catalog.csv", first, second)
        return curate(self.root / out, recipe=recipe, manifest=catalog, workers=1, **cells)


@pytest.fixture
def raw(tmp_path):
    return Raw(tmp_path)


def kinds(folder):
    "path in the source -> kind, of what a folder keeps."
    return {one.original_path: one.kind for one in read_negatives(folder)}


def test_laterals_and_ct_slices_are_kept_small_and_stand_in_no_class(raw, tmp_path):
    raw.put("side.png", noise(1), "50", view="L")
    raw.put("slice.png", noise(2), "51", view="Axial", modality="CT")
    raw.put("lordotic.png", noise(3), "52", view="lordotic")
    done = raw.curate()
    assert kinds(tmp_path / "out") == {"images/side.png": "lateral", "images/slice.png": "ct"}
    for one in read_negatives(tmp_path / "out"):
        pixels = decode(tmp_path / "raw" / one.original_path)
        assert np.array_equal(one.thumbnail, resize(pixels, SIDE))
        assert (one.source, one.licence) == ("one", "CC0")
    assert len(done.records) == 12 and len(done.rejects) == 3
    folders = {file.name for file in (tmp_path / "out").iterdir() if file.is_dir()}
    assert folders == {"normal", "mass"}
    assert done.to_dict()["negatives"] == {"ct": 1, "lateral": 1}
    says = "1 lateral and 1 CT slice"
    assert f"for the gate: {says} -> negatives.csv" in str(done)
    for page in ("README.md", "report.html"):
        text = (tmp_path / "out" / page).read_text()
        assert f"thumbnails (64 px) of {says} (one 2)" in text


def test_a_lateral_stands_in_the_split_of_its_patients_films(raw, tmp_path):
    for number in range(12):
        raw.put(f"side{number}.png", noise(number), str(number), view="LATERAL")
    raw.curate()
    homes = {r.patient: (r.group, r.split) for r in read_manifest(tmp_path / "out").rows}
    found = read_negatives(tmp_path / "out")
    assert {one.patient: (one.group, one.split) for one in found} == homes
    assert {one.split for one in found} == {"train", "valid", "test"}


def test_laterals_of_one_unknown_patient_stay_together_and_draw_by_his_name(raw, tmp_path):
    for number in range(30):
        raw.put(f"side{number}.png", noise(number), f"x{number // 2}", view="L")
    raw.curate()
    found = read_negatives(tmp_path / "out")
    splits = {}
    for one in found:
        splits.setdefault(one.patient, set()).add((one.group, one.split))
    assert len(splits) == 15 and all(len(homes) == 1 for homes in splits.values())
    assert len({split for homes in splits.values() for _, split in homes}) > 1


def test_no_copy_of_a_film_is_a_negative(raw, tmp_path):
    smaller = np.asarray(Image.fromarray(film(1)).resize((72, 72)))
    raw.put("same_pixels.png", film(0), "60", view="L")
    raw.put("smaller.png", smaller, "61", view="L")
    raw.put("side.png", noise(4), "62", view="L")
    raw.put("side_again.png", noise(4), "62", view="L")
    raw.put("torn.png", noise(5), "63", view="L")
    raw.put("torn_too.png", noise(5), "63", view="x", modality="CT")
    raw.curate()
    assert kinds(tmp_path / "out") == {"images/side.png": "lateral"}


def test_a_lateral_that_the_recipe_leaves_out_is_kept_too(raw, tmp_path):
    table = tmp_path / "own.csv"
    views = ["PA"] * 12 + ["lateral"]
    raw.put("side.png", noise(7), "12")
    rows = [
        ("file", "label", "view"),
        *((name, said, view) for (name, said, *_), view in zip(raw.rows, views)),
    ]
    with open(table, "w", newline="") as f:
        csv.writer(f).writerows(rows)
    said = dict(table=table, folder=tmp_path / "raw/images", file="file", label="label")
    frontal = Recipe("frontal", "Frontal", {"Normal": ["own:Normal"], "Mass": ["own:Mass"]})
    frontal = replace(frontal, classes=RECIPE.classes, filters={"view": ["PA", "AP"]})
    done = curate(tmp_path / "out", recipe=frontal, view="view", workers=1, **said)
    assert [r.shows for r in done.rejects] == ["lateral"]
    assert list(kinds(tmp_path / "out").values()) == ["lateral"]


def test_a_second_run_writes_nothing_and_one_without_them_takes_them_away(raw, tmp_path):
    raw.put("side.png", noise(1), "50", view="L")
    raw.curate()
    before = tree(tmp_path / "out")
    assert raw.curate().written == 0 and tree(tmp_path / "out") == before
    raw.rows.pop()
    (tmp_path / "raw/images/side.png").unlink()
    raw.curate()
    assert not (tmp_path / "out" / TABLE).exists() and not (tmp_path / "out" / THUMBNAILS).exists()


def test_a_run_that_was_killed_between_the_two_files_is_completed(raw, tmp_path, monkeypatch):
    raw.put("side.png", noise(1), "50", view="L")
    raw.curate()
    whole = tree(tmp_path / "out")
    raw.curate("other")
    (tmp_path / "other" / TABLE).unlink()  # thumbnails stand, their table does not
    written = raw.curate("other").written
    assert written and tree(tmp_path / "other") == whole


def test_a_table_of_the_same_name_that_is_not_ours_stays(raw, tmp_path):
    raw.curate()
    (tmp_path / "out" / TABLE).write_text("my own notes\n")
    raw.curate()
    assert (tmp_path / "out" / TABLE).read_text() == "my own notes\n"


def test_of_many_a_fixed_number_is_kept_whatever_their_order(raw, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_OF_A_KIND", 3)
    for number in range(8):
        raw.put(f"side{number}.png", noise(number), f"x{number}", view="L")
    raw.curate()
    raw.rows[12:] = raw.rows[:11:-1]
    raw.curate("other")
    assert len(kinds(tmp_path / "out")) == 3
    assert kinds(tmp_path / "other") == kinds(tmp_path / "out")
