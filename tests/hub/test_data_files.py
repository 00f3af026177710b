"""A curated folder as it goes to the Hub: a curated folder again, which datasets reads with split, source and patient.

pytest tests/hub/test_data_files.py
"""

import json
import os
import subprocess
import sys

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from toy_shared import content, shared, written

from cxr_fastai.core import IntegrityError, NotCurated, UsageError
from cxr_fastai.curation.pipeline import curate
from cxr_fastai.hub.data_files import data_shipment
from cxr_fastai.manifest import check_manifest, read_manifest
from cxr_fastai.manifest_pixels import pixel_faults
from cxr_fastai.phantom import draw, write_like

REPO = "ann/toy"
LOAD = """
import json, sys
from datasets import load_dataset
told = {}
for name, args in json.loads(sys.argv[1]).items():
    found = load_dataset(*args[0], **args[1], cache_dir=sys.argv[2])
    told[name] = {
        split: [{key: row[key] for key in ("label", "split", "source", "patient", "age")}
                | {"size": row["image"].size, "mode": row["image"].mode} for row in rows]
        for split, rows in found.items()
    }
print("TOLD" + json.dumps(told))
"""


def texts(shipment):
    return {p.path: content(p).decode() for p in shipment.parcels if not p.path.endswith(".png")}


# ---- what goes


@pytest.mark.parametrize("layout", ["class", "split"])
@pytest.mark.parametrize("multi", [False, True])
def test_what_goes_is_a_curated_folder_again(tmp_path, layout, multi):
    root = shared(tmp_path / "here", layout=layout, multi=multi)
    sent = data_shipment(root, REPO)
    there = written(sent, tmp_path / "there")
    assert check_manifest(there) == [] and pixel_faults(there) == []
    before = {row.pixel_sha256: row for row in read_manifest(root).rows}
    for row in read_manifest(there).rows:
        here = before[row.pixel_sha256]
        assert (row.label, row.split, row.patient) == (here.label, here.split, here.patient)
    assert json.loads((there / "curation.json").read_text())["layout"] == "split"
    assert bool(sent.changed) is (layout == "class")
    same = (there / "manifest.csv").read_bytes() == (root / "manifest.csv").read_bytes()
    assert same is (layout == "split")
    described = json.loads((there / "croissant.json").read_text())["distribution"]
    assert described[0]["sha256"] == read_manifest(there).sha256


def test_tables_that_name_files_stay_here_and_that_is_told_with_the_reason(tmp_path):
    root = shared(tmp_path / "here")
    (root / "normal" / "foreign.txt").write_text("x")
    (root / "my notes.md").write_text("x")
    sent = data_shipment(root, REPO)
    why = {one.name: one.why for one in sent.left_out}
    assert sorted(why) == ["1 file beside the images", "my notes.md", "rejects.csv"]
    assert "names files" in why["rejects.csv"] and "Not here: rejects.csv" in sent.card


def test_of_ones_own_nothing_that_goes_says_who_it_is(tmp_path):
    root = shared(tmp_path / "here", source="st_mary", licence="", own=True)
    sent = data_shipment(root, REPO, licence="cc-by-4.0")
    for name, text in texts(sent).items():
        assert "MRN" not in text and "SECRET" not in text and "/home" not in text, name
    assert not any("MRN" in parcel.path for parcel in sent.parcels)
    rows = read_manifest(written(sent, tmp_path / "there")).rows
    assert {row.licence for row in rows} == {"cc-by-4.0"}
    assert "croissant.json" not in texts(sent) and "own" not in json.loads(
        texts(sent)["curation.json"]
    )
    assert any("burnt into it" in sentence for sentence in sent.beware)
    again = data_shipment(root, REPO, licence="cc-by-4.0")
    assert [parcel.sha256 for parcel in again.parcels] == [parcel.sha256 for parcel in sent.parcels]


def test_a_folder_of_ones_own_that_came_back_is_not_taken_for_a_public_source(tmp_path):
    root = shared(tmp_path / "here", source="st_mary", licence="", own=True)
    there = written(data_shipment(root, REPO, licence="cc-by-4.0"), tmp_path / "there")
    with pytest.raises(UsageError, match="st_mary"):
        data_shipment(there, REPO)


# ---- what is refused


def test_a_source_that_may_not_be_shared_is_refused_before_anything_is_hashed(tmp_path):
    root = shared(tmp_path / "here", source="figure1")
    next((root / "normal").glob("*.png")).unlink()
    with pytest.raises(UsageError, match="figure1"):
        data_shipment(root, REPO)


def test_an_image_of_other_pixels_or_with_text_in_it_is_refused(tmp_path):
    root = shared(tmp_path / "here")
    file = next((root / "normal").glob("*.png"))
    with Image.open(file) as picture:
        picture.load()
    info = PngInfo()
    info.add_text("PatientName", "Smith")
    picture.save(file, pnginfo=info)
    with pytest.raises(IntegrityError, match="tEXt"):
        data_shipment(root, REPO)
    picture.point(lambda level: 255 - level).save(file)
    with pytest.raises(IntegrityError, match="pixels"):
        data_shipment(root, REPO)
    file.unlink()
    with pytest.raises(IntegrityError):
        data_shipment(root, REPO)


def test_a_folder_that_is_not_curated_is_refused(tmp_path):
    with pytest.raises(NotCurated):
        data_shipment(tmp_path, REPO)


# ---- what datasets makes of it


def test_datasets_reads_split_source_and_patient_of_every_layout(tmp_path):
    pytest.importorskip("datasets")
    asked, expected = {}, {}
    for layout in ("class", "split"):
        for multi in (False, True):
            name = f"{layout}{multi}"
            root = shared(tmp_path / name, layout=layout, multi=multi)
            there = written(data_shipment(root, REPO), tmp_path / "there" / name)
            asked[f"{name} folder"] = (["imagefolder"], {"data_dir": str(there)})
            asked[f"{name} repo"] = ([str(there)], {})
            expected[f"{name} folder"] = expected[f"{name} repo"] = read_manifest(there).rows
    for name, found in loaded(asked, tmp_path).items():
        check_read(found, expected[name])


def loaded(asked, tmp_path):
    "What the real loader reads, in a process without a network."
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")}
    done = subprocess.run(
        [sys.executable, "-c", LOAD, json.dumps(asked), str(tmp_path / "cache")],
        capture_output=True,
        text=True,
        env=env,
    )
    assert "TOLD" in done.stdout, done.stderr[-2000:]
    return json.loads(done.stdout.partition("TOLD")[2])


def check_read(found, rows):
    "Each row of a manifest is read once, in its split, with all that is known of it."
    of_split = {"train": "train", "valid": "validation", "test": "test"}
    assert sorted(found) == sorted({of_split[row.split] for row in rows})
    for split, name in of_split.items():
        mine = [row for row in rows if row.split == split]
        read = sorted(
            (row["label"], row["source"], row["patient"], row["split"]) for row in found[name]
        )
        assert read == sorted((row.label, row.source, row.patient, row.split) for row in mine)
        ages = sorted(str(row["age"]) for row in found[name])
        assert ages == sorted(str(float(row.age)) if row.age else "None" for row in mine)
        assert all(row["mode"] == "L" and row["size"] == [48, 48] for row in found[name])


# ---- from what curation really writes


def test_folders_as_curate_writes_them(tmp_path):
    write_like(tmp_path / "mirror", "nih_sample", 24, 48, seed=1)
    curate(tmp_path / "nih", "nih14", mirror=tmp_path / "mirror", only=["nih_sample"], workers=1)
    for k, kind in enumerate(("normal", "bacterial_pneumonia")):
        for i in range(6):
            file = tmp_path / "mine" / kind / f"MRN{700 + i}" / "film.png"
            file.parent.mkdir(parents=True)
            Image.fromarray(draw(kind, seed=100 * k + i, size=48)).save(file)
    curate(tmp_path / "own", folder=tmp_path / "mine", patient=r"(MRN\d+)", workers=1)
    sent = {
        "nih": data_shipment(tmp_path / "nih", REPO),
        "own": data_shipment(tmp_path / "own", REPO, licence="cc-by-4.0"),
    }
    for name, shipment in sent.items():
        there = written(shipment, tmp_path / "there" / name)
        assert check_manifest(there) == [] and pixel_faults(there) == []
    assert "MRN7" in (tmp_path / "own" / "manifest.csv").read_text()
    assert not [name for name, text in texts(sent["own"]).items() if "MRN7" in text]
    assert not [one for one in sent["own"].left_out if one.why == "`cxr curate` did not write it"]
    assert not [one for one in sent["nih"].left_out if one.why == "`cxr curate` did not write it"]
