"""pytest tests/test_core.py"""

import os
import pickle
import subprocess
import sys

import pytest

from cxr_fastai import core
from cxr_fastai.core import (
    FolderWarning,
    ImageRejected,
    StorageError,
    Task,
    UsageError,
    atomic_path,
    cache_dir,
    check_name,
    check_writable,
    make_folder,
    one_line,
    printable,
    sha256_file,
    sha256_text,
    size_text,
    unknown_name,
    usable_path,
    write_json,
    write_text,
)


@pytest.mark.parametrize(
    "name,code",
    [
        ("UsageError", 2),
        ("UnknownName", 2),
        ("CatalogError", 2),
        ("RecipeError", 2),
        ("NotCurated", 2),
        ("SourceUnavailable", 3),
        ("IntegrityError", 4),
        ("NotTrained", 4),
        ("StorageError", 5),
    ],
)
def test_exit_codes_are_the_documented_ones(name, code):
    assert getattr(core, name)("x").exit_code == code


def test_a_rejected_image_crosses_processes_with_its_reason():
    e = pickle.loads(pickle.dumps(ImageRejected("truncated", "a.png: cut")))
    assert (e.reason, str(e), e.exit_code) == ("truncated", "a.png: cut", 4)


def test_an_unknown_name_is_answered_with_the_nearest():
    said = unknown_name("class", "Covid", ["covid_19", "normal"], "row 14")
    assert said == (
        "unknown class 'Covid' in row 14: expected one of covid_19, normal. "
        "Did you mean 'covid_19'?"
    )
    assert "Did you" not in unknown_name("class", "zzz", ["covid_19"])


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    (tmp_path / "a").write_text("old")
    with pytest.raises(ZeroDivisionError):
        with atomic_path(tmp_path / "a") as part:
            part.write_text("half")
            1 / 0
    assert [p.name for p in tmp_path.iterdir()] == ["a"] and (tmp_path / "a").read_text() == "old"


@pytest.mark.parametrize("name", [".", "folder", "folder/.."])
def test_a_folder_is_no_file_to_write(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError, match="it is a folder. Name a file."):
        write_text(name, "x")


def test_writing_the_same_again_writes_nothing(tmp_path):
    assert (
        write_text(tmp_path / "a", "x")
        and not write_text(tmp_path / "a", "x")
        and write_text(tmp_path / "a", "y")
    )


def test_json_is_strict(tmp_path):
    with pytest.raises(ValueError):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert not (tmp_path / "a.json").exists()


def test_a_folder_below_a_file_is_a_storage_error_before_anything_is_made(tmp_path):
    (tmp_path / "f").write_text("")
    for call in (check_writable, make_folder):
        with pytest.raises(StorageError, match="Choose another place"):
            call(tmp_path / "f/x/y")
    with pytest.raises(StorageError, match="Choose another --out."):
        check_writable(tmp_path / "f/x", "--out")
    check_writable(tmp_path / "new/deep")
    assert not (tmp_path / "new").exists()


def test_text_of_files_is_folded_and_made_harmless():
    assert one_line(" a\n b\t\tc ") == "a b c"
    assert printable("a\x1b[2J\u202eb\n\udcff") == "a\\x1b[2J\\u202eb\\n\\udcff"
    assert printable("épaule 胸 /a-1.png") == "épaule 胸 /a-1.png"


@pytest.mark.parametrize(
    "n,text",
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (3_400_000, "3.4 MB"),
        (2_100_000_000, "2.1 GB"),
        (1_234_500_000_000_000, "1,234.5 TB"),
    ],
)
def test_sizes_are_told_as_people_read_them(n, text):
    assert size_text(n) == text


def test_hashes_of_a_text_and_of_a_file_of_it_are_one(tmp_path):
    text = "é" * 700_000  # more than one chunk
    (tmp_path / "a").write_text(text, encoding="utf-8")
    assert sha256_file(tmp_path / "a") == sha256_text(text)
    assert sha256_text("")[:8] == "e3b0c442"


def test_the_cache_stands_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "own"))
    assert cache_dir() == tmp_path / "own"
    monkeypatch.delenv("CXR_CACHE")
    assert cache_dir() == tmp_path / "cxr_fastai"


def test_a_task_is_written_as_its_plain_name():
    assert (str(Task.MULTI_LABEL), f"{Task.SINGLE_LABEL}") == ("multi_label", "single_label")
    assert Task("multi_label") is Task.MULTI_LABEL


def test_a_warning_prints_as_its_sentence_and_is_json():
    warning = FolderWarning(kind="class_of_one_source", says="All of it.", numbers={"n": 3})
    assert str(warning) == "All of it."
    assert warning.to_dict() == {
        "kind": "class_of_one_source",
        "says": "All of it.",
        "do": "",
        "title": "",
        "numbers": {"n": 3},
    }


HEAVY = {"torch", "fastai", "pandas", "torchvision", "matplotlib", "sklearn", "numpy", "PIL"}


@pytest.mark.parametrize(
    "code",
    [
        "import cxr_fastai",
        "import cxr_fastai.cli as c\ntry: c.main(['--help'])\nexcept SystemExit: pass",
        "import cxr_fastai.cli as c; c.main(['sources'])",
    ],
)
def test_importing_and_help_are_light(code):
    code_and_modules = f"{code}\nimport sys; sys.stderr.write(','.join(sys.modules))"
    out = subprocess.run(
        [sys.executable, "-c", code_and_modules], capture_output=True, text=True, check=True
    )
    allowed = {"numpy", "PIL"} if "sources" in code else set()
    assert not (HEAVY - allowed) & set(out.stderr.split(","))


def test_public_names_exist():
    import cxr_fastai

    for name in cxr_fastai.__all__:
        assert callable(getattr(cxr_fastai, name)), name
    assert cxr_fastai.__version__
    with pytest.raises(AttributeError):
        cxr_fastai.nothing
    assert os.path.exists(core.package_file("data_manifest.csv"))


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "a/\ud800/b"])
def test_a_name_that_no_file_can_have_is_refused_wherever_it_is_used(name):
    for call in (usable_path, check_writable, make_folder):
        with pytest.raises(UsageError, match="a character that no file name can have"):
            call(name)
    with pytest.raises(UsageError, match="^--csv .*a character"):
        check_name(name, "--csv")


def test_a_path_that_is_too_long_or_runs_in_a_circle_is_refused_for_reading(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    for path in ("x" * 300, "x/" * 3000, tmp_path / "loop"):
        with pytest.raises(UsageError, match="recipe .*: give another"):
            usable_path(path, "recipe")
    for path in (tmp_path, tmp_path / "gone", os.fsdecode(b"a\xff")):
        assert os.fspath(usable_path(path)) == os.fspath(path)


def test_a_message_is_one_line_whatever_it_quotes():
    error = UsageError("no folder a\nb\x0bc: give another")
    assert str(error) == "no folder a b c: give another"
    assert str(ImageRejected("damaged", "x\ny")) == "x y"
