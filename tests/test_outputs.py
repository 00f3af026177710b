"""What a verb is to write is checked before its long part: every verb, every place that is none."""

import os

import pytest
from toy_audits import drawn_folder, untrained_bundle
from toy_bundles import picture, png

from cxr_fastai.cli import main
from cxr_fastai.core import StorageError, UsageError
from cxr_fastai.manifest import read_manifest
from cxr_fastai.outputs import (
    PAGE_MARK,
    check_output_file,
    check_output_folder,
    check_outside,
    check_own_files,
)

PAGE = f"<style></style>{PAGE_MARK.decode()}</main>"
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


# ---- what no verb wrote, and what is read

WRITERS = {  # a verb that writes a page with other files: what it is asked, its page, its files
    "eda": (["{data}"], "eda.html", ["eda.json"]),
    "audit": (["{data}"], "audit.html", ["audit.json", "suspects.csv"]),
    "evaluate": (
        ["{bundle}", "{data}"],
        "report.html",
        ["metrics.json", "predictions.csv", "CLAIM.md", "confusion.png", "roc.png", "beside.html"],
    ),
    "dedupe": (
        ["pics"],
        "gallery.html",
        ["duplicates.csv", "duplicates.json", "new.csv", "related.csv", "rejects.csv"],
    ),
    "predict": (["{bundle}", "pics"], "predictions.html", ["predictions.jsonl", "predictions.csv"]),
}
FOREIGN = [(verb, name) for verb, (_, page, names) in WRITERS.items() for name in (page, *names)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    "A curated folder of drawn films, and a bundle of it."
    root = tmp_path_factory.mktemp("made")
    data = drawn_folder(root / "data", n=12, test=4)
    untrained_bundle(read_manifest(data), root / "b")
    return {"data": str(data), "bundle": str(root / "b")}


def asked(verb, made):
    return [word.format(**made) for word in WRITERS[verb][0]]


@pytest.mark.parametrize("verb, name", FOREIGN)
def test_no_verb_writes_over_a_file_that_no_verb_wrote(made, here, capsys, verb, name):
    (here / "out").mkdir()
    (here / "out" / name).write_text("<main> of somebody else")
    code, line = refused(capsys, verb, *asked(verb, made), "--out", "out")
    assert code == 2 and name in line and "nothing is written over" in line
    assert (here / "out" / name).read_text() == "<main> of somebody else"


@pytest.mark.parametrize("verb", ["eda", "audit", "evaluate", "train"])
@pytest.mark.parametrize("inside", ["", "deeper"])
def test_no_verb_writes_into_the_curated_folder_that_it_reads(made, capsys, verb, inside):
    out = os.path.join(made["data"], inside)
    words = [made["data"]] if verb == "train" else asked(verb, made)
    code, line = refused(capsys, verb, *words, "--out", out)
    assert code == 2 and ("whose files are read" in line or "is not empty" in line)
    assert not os.path.exists(os.path.join(made["data"], "deeper"))


@pytest.mark.parametrize("verb", ["dedupe", "predict"])
def test_no_verb_writes_its_page_into_a_curated_folder(made, capsys, verb):
    code, line = refused(capsys, verb, *asked(verb, made), "--out", made["data"])
    assert code == 2 and "is a curated folder: choose another --out" in line


def test_pictures_of_heats_are_not_laid_among_the_films(made, capsys):
    code, line = refused(capsys, "predict", made["bundle"], "pics", "--explain", "pics/heats")
    assert code == 2 and "pics, whose files are read: choose a folder outside it" in line


def test_what_a_verb_wrote_it_writes_again(here):
    (here / "out").mkdir()
    check_own_files("out", "x.html", ["x.json"])
    (here / "out" / "x.html").write_text(PAGE)
    (here / "out" / "x.json").write_text("{}")
    check_own_files("out", "x.html", ["x.json", "y.html"])
    (here / "out" / "y.html").write_text("of somebody else")
    with pytest.raises(UsageError, match="holds y.html, which `cxr` did not write"):
        check_own_files("out", "x.html", ["x.json", "y.html"])


def test_a_neighbour_whose_name_begins_alike_is_outside(here):
    check_outside("folder2", "folder")
    check_outside(".", "folder")
    with pytest.raises(UsageError, match="folder/a lies in folder, whose files are read"):
        check_outside("folder/a", "folder")
