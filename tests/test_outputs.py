"""What a verb is to write is checked before its long part: every verb, every place that is none."""

import os

import pytest
from toy_bundles import picture, png

from cxr_fastai.cli import main
from cxr_fastai.core import StorageError, UsageError
from cxr_fastai.outputs import check_output_file, check_output_folder

LONG = "x" * 300
BAD_FOLDERS = {
    "": (2, "--out has no name"),
    " ": (2, "--out has no name"),
    "file.txt": (5, "is a file. Choose another --out."),
    "file.txt/below/it": (5, "is a file. Choose another --out."),
    "/proc/nowhere/out": (5, "Choose another --out"),
    LONG: (5, "Choose another --out"),
}
BAD_FILES = {
    "": (2, "--csv '' is a folder"),
    ".": (2, "--csv '.' is a folder"),
    "folder": (2, "--csv 'folder' is a folder"),
    "folder/": (2, "--csv 'folder/' is a folder"),
    "new/": (2, "--csv 'new/' is a folder"),
    "nodir/x.csv": (5, "no folder nodir. Make it, or choose another --csv."),
    "nodir/deeper/x.csv": (5, "no folder nodir/deeper"),
    "file.txt/x.csv": (5, "is a file. Choose another --csv."),
    "/proc/x.csv": (5, "Choose another --csv"),
    f"{LONG}.csv": (5, "Choose another --csv"),
    "/dev/null": (2, "--csv /dev/null is a device or pipe"),
    "pics/a.png": (2, "--csv pics/a.png holds something that `cxr predict` did not write"),
}
VERBS = {  # a verb with an --out: inputs that are not there, so that whatever is read first fails
    "demo": (),
    "curate": ("--mirror", "gone"),
    "dedupe": ("gone",),
    "eda": ("gone",),
    "train": ("gone",),
    "evaluate": ("gone", "gone"),
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.txt").write_text("kept")
    (tmp_path / "pics").mkdir()
    (tmp_path / "pics" / "a.png").write_bytes(png(picture()))
    return tmp_path


def refused(capsys, *args):
    "(exit code, the one line that was said) of a verb that changed nothing."
    before = sorted(os.walk("."))
    code = main([str(arg) for arg in args])
    streams = capsys.readouterr()
    assert sorted(os.walk(".")) == before and streams.out == ""
    assert len(streams.err.splitlines()) == 1
    return code, streams.err


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("out", BAD_FOLDERS)
def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_read(capsys, verb, out):
    code, words = BAD_FOLDERS[out]
    found, line = refused(capsys, verb, *VERBS[verb], "--out", out)
    assert found == code and words in line and line.startswith(f"cxr {verb}: ")


@pytest.mark.parametrize("csv", BAD_FILES)
def test_a_csv_that_cannot_be_written_is_refused_before_the_bundle_is_loaded(capsys, csv):
    code, words = BAD_FILES[csv]
    found, line = refused(capsys, "predict", "gone", "pics", "--csv", csv)
    assert found == code and words in line and "--out" not in line


def test_places_that_can_be_written_pass_and_stay_as_they_are(here):
    before = sorted(os.walk(here))
    check_output_folder("new/deep", "--out")
    check_output_folder("folder", "--out")
    check_output_file("x.csv", "--csv")
    check_output_file("file.txt", "--csv", inputs=["pics/a.png"])
    assert sorted(os.walk(here)) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_want_of_permission_is_told(here):
    (here / "folder").chmod(0o500)
    with pytest.raises(StorageError, match="permission denied in folder"):
        check_output_folder("folder/new", "--out")
    with pytest.raises(StorageError, match="permission denied in folder"):
        check_output_file("folder/x.csv", "--csv")


def test_a_link_to_an_input_is_that_input(here):
    (here / "link.csv").symlink_to("pics/a.png")
    with pytest.raises(UsageError, match="one of the files to read"):
        check_output_file("link.csv", "--csv", inputs=["pics/a.png"])
