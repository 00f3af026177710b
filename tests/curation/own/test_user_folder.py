"""The files of a folder or archive that the user named himself."""

import os
import shutil
from pathlib import Path

import pytest
from toy_sources import put

from cxr_fastai.core import UsageError
from cxr_fastai.curation.own.user_folder import named_files, user_tree


def test_images_are_told_from_other_files_in_any_case_and_without_an_ending(tmp_path):
    put(tmp_path / "a/1.PNG", 1, format="png")
    put(tmp_path / "a/2.JpG", 2, format="jpeg")
    os.rename(put(tmp_path / "a/3.png", 3), tmp_path / "a/IM0003")
    (tmp_path / "a/notes.txt").write_text("x")
    (tmp_path / "a/LICENSE").write_text("x")
    (tmp_path / "a/.hidden.png").write_text("x")
    found = user_tree(tmp_path)
    assert found.images == ["a/1.PNG", "a/2.JpG", "a/IM0003"]
    assert {path for path, why, _ in found.tree.dropped if why == "no_image_name"} == {
        "a/notes.txt",
        "a/LICENSE",
    }


def test_links_out_of_a_folder_are_followed_once_and_circles_end(tmp_path):
    blobs = tmp_path / "blobs"
    put(blobs / "x/1.png", 1)
    put(tmp_path / "away/2.png", 2)
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    os.symlink(blobs / "x/1.png", root / "a/1.png")
    os.symlink(tmp_path / "away", root / "b")
    os.symlink(tmp_path / "away", root / "c")
    os.symlink(root, root / "a/round")
    found = user_tree(root)
    assert found.images == ["a/1.png", "b/2.png"]
    assert {path for path, why, _ in found.tree.dropped} == {"c", "a/round"}


def test_links_that_lead_nowhere_are_counted_where_nothing_else_is_there(tmp_path):
    (tmp_path / "a").mkdir()
    for i in range(5):
        os.symlink(f"/no/such/{i}", tmp_path / f"a/{i}.png")
    with pytest.raises(UsageError, match=r"5 links lead to no file \(a/0.png.*and 2 more\).*annex"):
        user_tree(tmp_path)


def test_a_zip_in_place_of_a_folder_or_in_it_is_read(tmp_path):
    put(tmp_path / "raw/a/1.png", 1)
    put(tmp_path / "raw/b/2.png", 2)
    archive = Path(shutil.make_archive(str(tmp_path / "films"), "zip", tmp_path / "raw"))
    assert user_tree(archive).images == ["a/1.png", "b/2.png"]
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(archive, alone)
    assert user_tree(alone).images == ["a/1.png", "b/2.png"]


def test_an_archive_beside_images_is_told_and_left(tmp_path):
    put(tmp_path / "raw/a/1.png", 1)
    shutil.make_archive(str(tmp_path / "raw/more"), "zip", tmp_path / "raw")
    found = user_tree(tmp_path / "raw")
    assert found.images == ["a/1.png"]
    assert "1 archive lies beside the images and is not read: more.zip" in found.warnings[0].says


@pytest.mark.parametrize(
    "make, why",
    [
        (lambda at: None, "no folder"),
        (lambda at: at.write_text("a,b"), "is a file.*--table"),
        (lambda at: at.mkdir(), "it is empty"),
        (lambda at: (at.mkdir(), (at / "x.txt").write_text("")), r"1 file is no image \(x.txt\)"),
        (lambda at: (at.mkdir(), (at / "curation.json").write_text("{}")), "curated already"),
    ],
)
def test_what_is_no_folder_of_images_is_refused(tmp_path, make, why):
    make(tmp_path / "x")
    with pytest.raises(UsageError, match=why):
        user_tree(tmp_path / "x")


def test_a_few_files_are_named_and_the_others_counted():
    assert named_files(["b", "a"]) == "a, b" and named_files(list("edcba")) == "a, b, c and 2 more"
