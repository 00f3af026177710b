"""What can be predicted: files, folders, and radiographs in memory.

python -m pytest tests/serving/test_sources.py
"""

import io
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from dicom_files import film, write_dicom, write_index
from PIL import Image
from recording_progress import RecordingProgress

from cxr_fastai import core
from cxr_fastai.images import read
from cxr_fastai.serving.sources import all_of, find_images, is_one, name_of


def test_folders_are_searched_to_the_bottom_in_order(folder):
    assert find_images([folder]) == [
        folder / "b.png",
        folder / "sub" / "broken.png",
        folder / "sub" / "deep" / "a.PNG",
    ]


def test_dicom_is_found_without_an_ending_and_the_index_of_a_disc_is_not(tmp_path):
    disc = tmp_path / "disc"
    files = [
        write_dicom(disc / "DICOM" / "PAT00001" / "IM00001", film(1)),
        write_dicom(disc / "DICOM" / "PAT00002" / "1.2.840.5", film(2)),
    ]
    index = write_index(disc / "DICOMDIR")
    (disc / "README").write_text("a text")
    said = RecordingProgress()
    assert find_images([disc], said) == files and said.lines == []
    assert find_images([index]) == [index], "named outright"


def test_files_are_taken_as_given_whatever_their_names(folder):
    assert find_images([str(folder / "notes.txt"), folder / "sub"]) == [
        folder / "notes.txt",
        folder / "sub" / "broken.png",
        folder / "sub" / "deep" / "a.PNG",
    ]


def test_linked_folders_are_followed_once_so_that_loops_end(folder, tmp_path):
    os.symlink(folder, folder / "sub" / "loop")
    away = tmp_path / "away"
    away.mkdir()
    (away / "c.png").write_text("x")
    os.symlink(away, folder / "more")
    os.symlink(away, folder / "sub" / "again")
    found = find_images([folder])
    assert len(found) == 4 and sum(path.name == "c.png" for path in found) == 1


HIDDEN = (
    "._b.png",
    ".ipynb_checkpoints/b-checkpoint.png",
    "sub/__MACOSX/b.png",
    "@eaDir/b.png/thumb.jpg",
    "$RECYCLE.BIN/b.png",
    "System Volume Information/b.png",
    ".git/b.png",
)


def test_hidden_and_system_files_are_passed_over_and_counted(folder):
    for name in HIDDEN:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"no radiograph")
    progress = RecordingProgress()
    assert len(find_images([folder], progress)) == 3
    assert len(progress.lines) == 1 and progress.lines[0].startswith("passed over 7 images")


def test_a_hidden_file_or_folder_that_is_named_outright_is_read(folder):
    hidden = folder / ".hidden" / "x.png"
    hidden.parent.mkdir()
    hidden.write_bytes(b"x")
    assert find_images([hidden]) == [hidden] and find_images([hidden.parent]) == [hidden]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_systems_folder_that_may_not_be_read_stops_nobody(folder):
    (folder / "System Volume Information").mkdir(mode=0)
    assert len(find_images([folder])) == 3


def test_a_path_that_does_not_exist_is_a_usage_error(folder):
    with pytest.raises(core.UsageError, match="no such file or folder: .*typo.png") as e:
        find_images([folder, folder / "typo.png"])
    assert e.value.exit_code == 2


@pytest.mark.parametrize("paths", [[], ["empty"]])
def test_nothing_found_is_a_usage_error(tmp_path, monkeypatch, paths):
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    with pytest.raises(core.UsageError, match="no images in"):
        find_images(paths)


# ---- in memory

PIXELS = np.zeros((40, 30), np.uint8)


@pytest.mark.parametrize(
    "source",
    [
        b"x",
        bytearray(b"x"),
        memoryview(b"x"),
        io.BytesIO(b"x"),
        PIXELS,
        torch.tensor(PIXELS),
        Image.fromarray(PIXELS),
        read(np.eye(40, dtype=np.uint8)),
        "a.png",
        Path("a.png"),
    ],
    ids=lambda source: type(source).__name__,
)
def test_these_are_one_radiograph(source):
    assert is_one(source) and not is_one([source])


def test_a_list_yields_each_radiograph_with_a_name(folder):
    with open(folder / "b.png", "rb") as f:
        found = list(all_of([folder / "b.png", PIXELS, folder / "sub", f, b"x"]))
    names = [name for _, name in found]
    assert names == [
        str(folder / "b.png"),
        "sources[1]",
        str(folder / "sub" / "broken.png"),
        str(folder / "sub" / "deep" / "a.PNG"),
        str(folder / "b.png"),
        "sources[4]",
    ]
    assert found[1][0] is PIXELS


def test_names_in_an_array_or_a_generator_are_a_list_of_them(folder):
    paths = [str(folder / "b.png")]
    for sources in (
        np.array(paths),
        np.array(paths, object),
        (path for path in paths),
        tuple(paths),
    ):
        assert [name for _, name in all_of(sources)] == paths


@pytest.mark.parametrize("sources", [3, None, {"a": 1}, io.StringIO("x"), [3], [[PIXELS]], [None]])
def test_what_is_no_radiograph_is_a_usage_error(sources):
    with pytest.raises(core.UsageError, match="expected a path, a folder, bytes"):
        list(all_of(sources))


def test_a_picture_that_was_opened_goes_by_its_files_name(folder):
    assert name_of(Image.open(folder / "b.png")) == str(folder / "b.png")
    assert name_of(Image.fromarray(PIXELS)) == "" and name_of(PIXELS) == ""
