"""Files that no verb reads: those that systems leave, and hidden ones."""

import pytest

from cxr_fastai.junk import is_junk, is_left_in_archives, passed_over, why_junk

LEFT_IN_ARCHIVES = ["__MACOSX/a/x.png", "a/._x.png", "a/.DS_Store", "Thumbs.db", "a/Desktop.ini"]
OTHERS = [
    ".ipynb_checkpoints/a-checkpoint.png",
    "a/.git/objects/x.png",
    "a/.hidden.png",
    ".Trashes/501/x.png",
    ".@__thumb/x.png",
    "a/@eaDir/x.png/SYNOPHOTO_THUMB_M.jpg",
    "$RECYCLE.BIN/S-1-5-21/x.png",
    "System Volume Information/x.png",
    "lost+found/x.png",
    "#recycle/x.png",
    "@eaDir",
]
READ = ["a/x.png", "a/MACOSX.png", "a.b/x.v2.png", "eaDir/x.png", "recycle.bin/x.png"]


@pytest.mark.parametrize("path", LEFT_IN_ARCHIVES)
def test_what_systems_leave_in_archives_is_junk(path):
    assert is_junk(path) and is_left_in_archives(path)
    assert why_junk(path) == "left by an operating system in the archive"


@pytest.mark.parametrize("path", OTHERS)
def test_hidden_files_and_a_systems_folders_are_junk(path):
    assert is_junk(path) and not is_left_in_archives(path)
    assert why_junk(path).startswith(("hidden", "in a folder that a system keeps"))


@pytest.mark.parametrize("path", READ)
def test_other_files_are_read(path):
    assert not is_junk(path) and why_junk(path) == ""


def test_what_was_passed_over_is_counted_and_the_first_named():
    assert passed_over(["b/.x.png"]).startswith("passed over 1 image in hidden or system files")
    assert "2 images" in passed_over(["b", "a"]) and "a the first" in passed_over(["b", "a"])


@pytest.mark.parametrize("path", ["DICOMDIR", "cd1/dicomdir"])
def test_the_index_of_a_dicom_disc_is_passed_over_and_is_no_reject(path):
    assert is_junk(path) and not is_left_in_archives(path)
    assert why_junk(path) == "the table of contents of a DICOM disc"
    assert not is_junk(f"{path}/DICOM/IM00001")
