"""Which folder of a path is the class, and which the split."""

import pytest

from cxr_fastai.core import UsageError
from cxr_fastai.curation.own.layout import lay_out


def laid_out(*folders):
    "The Layout of two images in each folder; a path with an ending is a file itself."
    paths = []
    for folder in folders:
        paths += [folder] if folder.endswith(".png") else [f"{folder}/{i}.png" for i in (0, 1)]
    return lay_out(paths, "X")


def classes(*folders):
    return {(one.name, one.split) for one in laid_out(*folders).placed.values()}


@pytest.mark.parametrize(
    "folders, names",
    [
        (["normal", "covid"], {"normal", "covid"}),
        (["a", "b"], {"a", "b"}),
        (["test", "control"], {"test", "control"}),
        (["wrapper/normal", "wrapper/covid"], {"normal", "covid"}),
        (["site1/normal", "site1/covid", "site2/normal"], {"normal", "covid"}),
        (["normal/batch1", "normal/batch2", "covid/batch1"], {"normal", "covid"}),
        (["normal", "normal/batch1", "covid"], {"normal", "covid"}),
        (["good", "good/batch1", "bad"], {"good", "bad"}),
        (["good/p1", "good/p2", "bad/p1"], {"good", "bad"}),
        (["good/anna", "good/berta", "bad/cora"], {"good", "bad"}),
        (["2019/good", "2019/bad", "2020/good"], {"good", "bad"}),
        (["x/site1/normal", "x/tb", "x/site1/tb"], {"normal", "tb"}),
    ],
)
def test_the_class_is_read_whatever_stands_above_and_below_it(folders, names):
    assert classes(*folders) == {(name, "") for name in names}


@pytest.mark.parametrize(
    "folders, found",
    [
        (
            ["train/N", "train/P", "Val/N", "Testing/P"],
            {("N", "train"), ("P", "train"), ("N", "valid"), ("P", "test")},
        ),
        (["N/train", "N/test", "P/train"], {("N", "train"), ("N", "test"), ("P", "train")}),
        (
            ["tb/train/p1", "normal/train/p2", "tb/test/p3"],
            {("tb", "train"), ("normal", "train"), ("tb", "test")},
        ),
        (
            ["c/train/NORMAL", "c/c/train/NORMAL", "c/test/PNEUMONIA", "c/train/PNEUMONIA"],
            {("NORMAL", "train"), ("PNEUMONIA", "train"), ("PNEUMONIA", "test")},
        ),
        (
            ["site1/train/normal", "site1/test/tb", "site2/train/tb"],
            {("normal", "train"), ("tb", "test"), ("tb", "train")},
        ),
    ],
)
def test_splits_are_read_above_and_below_the_class(folders, found):
    assert classes(*folders) == found


@pytest.mark.parametrize(
    "folders, words",
    [
        (["a/x", "a/y", "b/x", "b/y"], ["a (4), b (4)", "x (4), y (4)", "--table"]),
        (
            ["PNEUMONIA/viral", "PNEUMONIA/bacterial", "NORMAL"],
            ["NORMAL (2), PNEUMONIA (4)", "bacterial (2), viral (2)"],
        ),
        (["train_normal", "train_tb", "test_normal"], ["a split and a class in one"]),
        (["normal"], ["one class alone", "2 images in normal"]),
        (["w/normal"], ["one class alone"]),
        (["a.png", "b.png"], ["no class folders", "all of its 2 images"]),
        (["a.png", "b.png", "c/x.png"], ["2 of 3 images"]),
        ([], ["no image in X"]),
    ],
)
def test_what_is_unclear_is_refused_in_one_line_with_both_readings(folders, words):
    with pytest.raises(UsageError) as e:
        laid_out(*folders)
    assert all(word in str(e.value) for word in words) and "\n" not in str(e.value)


def test_images_beside_the_class_folders_are_left_aside():
    found = laid_out("normal", "tb", "top.png")
    assert found.loose == ["top.png"] and "top.png" not in found.placed
    assert laid_out("w/normal", "w/tb", "w/top.png").loose == ["w/top.png"]
    assert laid_out("train/normal", "train/tb", "test/1.png").loose == ["test/1.png"]
    assert laid_out("s/a.png", "s/normal", "s/tb", "q/normal").loose == ["s/a.png"]


def test_masks_are_no_radiographs():
    found = laid_out("COVID/images", "COVID/masks", "Normal/images", "Normal/masks")
    assert {one.name for one in found.placed.values()} == {"COVID", "Normal"}
    assert len(found.masks) == 4 and all("/masks/" in path for path in found.masks)


def test_what_stands_below_the_class_is_where_patients_are_looked_for():
    assert (
        laid_out("site1/normal/p1", "site1/tb/p2").placed["site1/tb/p2/0.png"].below == "p2/0.png"
    )
    assert laid_out("train/N", "test/P").placed["test/P/0.png"].below == "0.png"
    assert laid_out("N/train", "P/test").placed["P/test/0.png"].below == "test/0.png"


def test_the_layout_is_said_in_words_and_its_splits_by_their_folders():
    found = laid_out("Train/N", "Train/P", "Val/N", "testing/P")
    assert found.kind == "SPLIT/CLASS/image"
    assert found.split_folders == {"test": ["testing"], "train": ["Train"], "valid": ["Val"]}
    assert "level 1" in laid_out("normal/b1", "tb/b2").kind
    assert laid_out("normal/b1", "tb/b2").other_levels == ["b1", "b2"]


def test_a_class_can_be_left_out():
    found = laid_out("normal", "tb", "unsure").without(["unsure"])
    assert {one.name for one in found.placed.values()} == {"normal", "tb"}
    assert found.left_out == ["unsure/0.png", "unsure/1.png"]


def test_a_name_of_many_digits_is_judged_at_once():
    assert classes("normal/" + "1" * 200 + "x", "tb/2") == {("normal", ""), ("tb", "")}


# ---- folders as programs write them that export DICOM

DISCS = {
    "PAT00001/ST00001/SE00001": ["PAT00001/ST00001/SE00001", "PAT00002/ST00001/SE00001"],
    "PA000000/ST000000/SE000000": ["PA000000/ST000000/SE000000", "PA000001/ST000001/SE000000"],
    "hexadecimal": ["0000A5F3/AA1B2C3D/BB000001", "0000A5F4/AA1B2C3E/BB000002"],
    "series alone": ["SER00001", "SER00002"],
    "UIDs": ["1.2.840.1/1.2.840.1.7", "1.2.840.2/1.2.840.2.8"],
}


@pytest.mark.parametrize("disc", DISCS.values(), ids=DISCS)
@pytest.mark.parametrize("top", ["", "DICOM/"])
def test_the_class_stands_above_the_folders_of_a_disc_whatever_it_is_called(disc, top):
    folders = [f"{name}/{top}{folder}" for name in ("ill", "groupX") for folder in disc]
    assert classes(*folders) == {("ill", ""), ("groupX", "")}


@pytest.mark.parametrize("disc", DISCS.values(), ids=DISCS)
def test_a_disc_alone_has_no_classes_and_the_way_out_is_told(disc):
    with pytest.raises(UsageError, match="folders of a DICOM disc.*give a csv of labels") as e:
        laid_out(*(f"DICOM/{folder}" for folder in disc))
    assert f"paths as DICOM/{disc[0]}/0.png" in str(e.value)


def test_stages_of_a_disease_are_no_folders_of_a_disc():
    assert classes("ST1", "ST2") == {("ST1", ""), ("ST2", "")}
