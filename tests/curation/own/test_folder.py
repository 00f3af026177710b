"""A folder of one's own is read as a source and a recipe, and curated as any other."""

import json
import shlex
import shutil
from collections import Counter

import numpy as np
import pytest
from PIL import Image
from toy_sources import put, read_rows

from cxr_fastai import cli
from cxr_fastai.auditing.explore import explore
from cxr_fastai.core import UsageError
from cxr_fastai.curation.own.folder import read_own_folder
from cxr_fastai.curation.pipeline import curate
from cxr_fastai.curation.sources.listing import list_source
from cxr_fastai.manifest import check_manifest, read_manifest
from cxr_fastai.recipes import load_recipe


def folder(tmp_path, *folders, n=3, size=40):
    "A folder with n images of noise in each of these folders."
    for number, name in enumerate(folders):
        for i in range(n):
            path = tmp_path / "films" / name / f"p{i}_{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng([number, i]).integers(0, 256, (size, size), np.uint8)
            Image.fromarray(pixels).save(path)
    return tmp_path / "films"


def says(own):
    return [warning.says for warning in own.warnings]


def items(own):
    return list_source(own.source, own.tree).items


def test_subfolders_are_classes_as_they_are_called(tmp_path):
    own = read_own_folder(folder(tmp_path, "Normal", "COVID-19 (pos)"))
    assert own.recipe.classes == {
        "COVID-19 (pos)": ["own:COVID-19 (pos)"],
        "Normal": ["no_finding"],
    }
    assert own.recipe.negative == "Normal" and own.recipe.title == own.source.id == "films"
    labelled = Counter((item.source_label, item.findings) for item in items(own))
    assert labelled == {
        ("Normal", ("no_finding",)): 3,
        ("COVID-19 (pos)", ("own:COVID-19 (pos)",)): 3,
    }
    assert not own.warnings and json.loads(json.dumps(own.inferred)) == own.inferred
    assert "Normal 3" in own.inferred["lines"][0]


def test_patients_come_of_a_regex_and_those_that_it_misses_are_told(tmp_path):
    root = folder(tmp_path, "normal", "tb")
    put(root / "tb/odd.png", 99)
    own = read_own_folder(root, patient=r"p(\d+)_")
    assert {item.patients for item in items(own)} == {("films:0",), ("films:1",), ("films:2",), ()}
    assert own.inferred["patients"] == {
        "regex": r"p(\d+)_",
        "images": 7,
        "with_patient": 6,
        "patients": 3,
        "most_images": 2,
    }
    (told,) = says(own)
    assert "1 image of 7 is not known" in told and "tb/odd.png" in told
    assert any("one patient alone" in each for each in says(read_own_folder(root, patient="^(p)")))


def test_a_name_with_a_bar_is_one_label(tmp_path):
    own = read_own_folder(folder(tmp_path, "a|b", "a_b", "c"))
    labels = {item.source_label: item.findings for item in items(own)}
    assert labels == {"a_b_2": ("own:a_b_2",), "a_b": ("own:a_b",), "c": ("own:c",)}


def test_near_equal_folders_are_told_and_joined_by_same_alone(tmp_path):
    root = folder(tmp_path, "Covid", "covid-19", "normal")
    assert any("may be one class" in each for each in says(read_own_folder(root)))
    own = read_own_folder(root, same=["Covid=covid-19"])
    assert own.recipe.vocab == ["Covid", "normal"] and not own.warnings
    assert Counter(item.findings for item in items(own))[("own:Covid",)] == 6
    assert "--as covid-19=Covid" in own.command


def test_a_class_can_be_renamed_and_left_out(tmp_path):
    root = folder(tmp_path, "images", "normal", "unsure")
    own = read_own_folder(root, take_as={"images": "sick", "unsure": "-"})
    assert own.recipe.vocab == ["normal", "sick"] and len(items(own)) == 6
    left = [
        reject
        for reject in list_source(own.source, own.tree).rejects
        if reject.reason == "left_out"
    ]
    assert len(left) == 3 and own.inferred["left_aside"]["left_out"] == 3


def test_a_recipe_takes_the_folders_that_it_knows_and_asks_of_others(tmp_path):
    root = folder(tmp_path, "NORMAL", "pneumonia")
    six = load_recipe("six_class")
    with pytest.raises(UsageError, match="--as pneumonia=other_findings"):
        read_own_folder(root, recipe=six)
    own = read_own_folder(root, recipe=six, take_as={"pneumonia": "other_findings"})
    assert own.recipe == six
    assert Counter(item.findings for item in items(own)) == {("pneumonia",): 3, ("no_finding",): 3}
    assert "--recipe six_class" in own.command and "--as pneumonia=other_findings" in own.command
    own = read_own_folder(root, recipe=load_recipe("pneumonia"), same=["PNEUMONIA=pneumonia"])
    assert own.recipe.vocab == ["normal", "pneumonia"]


def official(own):
    return Counter((item.official, item.source_label) for item in items(own))


def test_kaggles_layout_keeps_its_test_set_and_draws_a_small_val_anew(tmp_path):
    root = folder(tmp_path, "train/N", "train/P", "val/N", "val/P", "test/N", "test/P")
    own = read_own_folder(root)
    assert official(own) == {("", "N"): 6, ("", "P"): 6, ("test", "N"): 3, ("test", "P"): 3}
    assert any("val/ holds 6 images" in each for each in says(own))
    assert own.inferred["valid_joined_to_train"] is True
    assert "valid drawn of train" in own.inferred["lines"][1]


def test_a_patient_in_train_and_test_is_tested_on_and_that_is_said(tmp_path):
    root = folder(tmp_path, "train/N", "train/P", "test/N", "test/P", n=6)
    done = curate(tmp_path / "out", folder=root, patient=r"(p\d)_", workers=1)
    assert {row.split for row in done.records} == {"test"}  # all of them are in both
    assert any("6 patients stand in two splits" in str(warning) for warning in done.warnings)


def test_a_val_that_is_large_enough_is_kept_and_so_is_train(tmp_path):
    root = folder(tmp_path, "Train/N", "Train/P", n=2)
    for i, split in enumerate(("Validation", "Testing")):
        for k, label in enumerate("NP"):
            for j in range(25):
                put(root / split / label / f"{j}.png", 100 * i + 50 * k + j + 1000)
    own = read_own_folder(root)
    splits = Counter(item.official for item in items(own))
    assert splits == {"train": 4, "valid": 50, "test": 50} and not own.warnings


def test_what_lies_in_no_class_is_left_aside_and_said(tmp_path):
    root = folder(tmp_path, "normal", "tb", "tb/masks")
    put(root / "montage.png", 77)
    own = read_own_folder(root)
    assert [each for each in says(own) if "montage.png" in each]
    assert [each for each in says(own) if "masks or annotations" in each]
    reasons = Counter(reject.reason for reject in list_source(own.source, own.tree).rejects)
    assert reasons == {"no_class_folder": 1, "no_radiograph": 3} and len(items(own)) == 6


# ---- to the curated folder


def test_a_folder_is_curated_in_one_call_and_says_what_was_inferred(tmp_path, capsys):
    root = folder(tmp_path, "Normal", "COVID-19 (pos)", n=6)
    shutil.copy(root / "Normal/p0_0.png", root / "Normal/copy.PNG")
    (root / "Normal/text.jpg").write_text("no image")
    (root / "Normal/notes.txt").write_text("of no interest")
    out = tmp_path / "out"
    args = ["curate", "--folder", str(root), "--out", str(out), "--workers", "1"]
    assert cli.main([*args, "--patient", r"p(\d+)_"]) == 0
    err = capsys.readouterr().err
    manifest = read_manifest(out)
    assert Counter(row.label for row in manifest.rows) == {"Normal": 6, "COVID-19 (pos)": 6}
    assert check_manifest(out) == [] and manifest.curation["own"]["folder"] == str(root)
    rejected = {row["path"]: row["reason"] for row in read_rows(out / "rejects.csv")}
    assert rejected == {"Normal/text.jpg": "not_an_image", "Normal/notes.txt": "no_image_name"}
    assert load_recipe(out / "recipe.toml") == manifest.recipe
    # the very command that is printed gives the same folder
    command = manifest.curation["own"]["command"]
    assert f"in full: {command}" in err and "read " in err.splitlines()[0]
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert cli.main([*shlex.split(command)[1:], "--workers", "1"]) == 0
    assert "nothing written" in capsys.readouterr().err
    assert before == {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_what_is_said_of_the_folder_sends_nobody_to_a_catalogue(tmp_path):
    out = tmp_path / "out"
    curate(out, folder=folder(tmp_path, "a", "b", n=4), workers=1)
    assert not any("--manifest" in note for note in explore(out).notes)


def test_the_folder_may_grow_and_shrink_and_its_images_follow(tmp_path):
    root = folder(tmp_path, "a b", "c", n=4)
    out = tmp_path / "out"
    curate(out, folder=root, workers=1)
    (root / "a b/p0_0.png").unlink()
    put(root / "c/new.png", 500)
    done = curate(out, folder=root, workers=1)
    assert done.removed == 1 and len(done.records) == 8 and check_manifest(out) == []
    (root / "third").mkdir()
    put(root / "third/x.png", 600)
    with pytest.raises(UsageError, match="another recipe's classes"):
        curate(out, folder=root, workers=1)


def test_names_that_a_spreadsheet_or_a_mac_writes_its_own_way_come_back(tmp_path):
    root = folder(tmp_path, "+ve", "-ve", "u\u0308ber", n=2)
    done = curate(tmp_path / "out", folder=root, workers=1)
    assert {row.label for row in read_manifest(tmp_path / "out").rows} == {
        "+ve",
        "-ve",
        "\u00fcber",
    }
    assert check_manifest(tmp_path / "out") == [] and len(done.records) == 6
    assert curate(tmp_path / "out", folder=root, workers=1).written == 0


def test_patients_never_straddle_a_split(tmp_path):
    root = folder(tmp_path, "a", "b", n=12)
    done = curate(tmp_path / "out", folder=root, patient=r"p(\d+)_", workers=1)
    splits = {}
    for row in done.records:
        splits.setdefault(row.patient, set()).add(row.split)
    assert len(splits) == 12 and all(len(own) == 1 for own in splits.values())


def test_a_raw_folder_names_the_command_that_curates_it(tmp_path, capsys):
    root = folder(tmp_path, "a", "b", n=1)
    for verb in (["train"], ["eda"]):
        assert cli.main([*verb, str(root)]) == 2
        assert f"cxr curate --folder {root} --out {root}_curated" in capsys.readouterr().err


def test_folders_inside_those_of_the_classes_are_told_with_the_way_to_take_them(tmp_path):
    root = folder(tmp_path, "Normal", "Pneumonia/Mild", "Pneumonia/Severe")
    own = read_own_folder(root)
    assert set(own.recipe.classes) == {"Normal", "Pneumonia"}
    line = next(line for line in own.inferred["lines"] if line.startswith("folders inside"))
    assert "folders inside Pneumonia (Mild 3, Severe 3) are taken together" in line
    assert f"--folder {root / 'Pneumonia'}" in line and "--table" in line
    inner = read_own_folder(root / "Pneumonia")
    assert set(inner.recipe.classes) == {"Mild", "Severe"}
