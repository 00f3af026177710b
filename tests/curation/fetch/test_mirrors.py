"""pytest tests/curation/fetch/test_mirrors.py

Where a source is looked for: mirrors, kagglehub's cache, what a Kaggle notebook mounts."""

import os

import pytest
from toy_sources import filled, kagglehub, remote

from cxr_fastai.curation.fetch import mirrors
from cxr_fastai.curation.fetch.mirrors import (
    AtHand,
    mirror_path,
    mirror_way,
    on_this_machine,
    source_place,
)

CXR = remote("kaggle", "own/cxr")
V2 = remote("kaggle", "own/cxr@2")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    "kagglehub's cache of this machine, empty."
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.fixture
def mounted(tmp_path, monkeypatch):
    "What stands for /kaggle/input, empty."
    monkeypatch.setattr(mirrors, "KAGGLE_INPUT", tmp_path / "input")
    return tmp_path / "input"


@pytest.mark.parametrize(
    "source,path",
    [
        (V2, "kaggle/own/cxr"),
        (remote("github", "own/repo@v1"), "github/own/repo"),
        (remote("http", "set"), "http/set"),
        (remote("local", "mine"), "local/mine"),
    ],
)
def test_a_mirror_has_a_place_for_every_kind(tmp_path, source, path):
    assert mirror_path(source).as_posix() == path and f"MIRROR/{path}" in mirror_way(source)
    assert source_place(source, tmp_path, tmp_path / "none") is None
    filled(tmp_path / path)
    assert source_place(source, tmp_path, tmp_path / "none") == tmp_path / path


def test_the_way_of_a_kaggle_source_names_the_mirrors_that_are_there_already():
    assert "kagglehub's cache and /kaggle/input" in mirror_way(CXR)
    assert "kagglehub" not in mirror_way(remote("http", "set"))


def test_a_local_source_is_looked_for_beside_the_catalogue_after_the_mirror(tmp_path):
    mine = remote("local", "mine")
    assert source_place(mine, None, tmp_path) is None
    here = filled(tmp_path / "mine")
    assert source_place(mine, None, tmp_path) == here
    there = filled(tmp_path / "m" / "local" / "mine")
    assert source_place(mine, tmp_path / "m", tmp_path) == there
    assert source_place(CXR, None, tmp_path) is None


@pytest.mark.parametrize("suffix", [".zip", ".tar.gz", ".7z"])
def test_an_archive_in_place_of_the_folder_is_found_unless_the_folder_holds_something(
    tmp_path, suffix
):
    archive = tmp_path / "kaggle" / "own" / f"cxr{suffix}"
    archive.parent.mkdir(parents=True)
    archive.write_bytes(b"x")
    assert source_place(V2, tmp_path, "none") == archive
    folder = tmp_path / "kaggle" / "own" / "cxr"
    folder.mkdir()
    (folder / ".DS_Store").touch()
    assert source_place(V2, tmp_path, "none") == archive
    (folder / "a.png").touch()
    assert source_place(V2, tmp_path, "none") == folder


# ---- kagglehub's cache as --mirror


@pytest.mark.parametrize("below", ["", "datasets"], ids=["the cache", "its datasets"])
def test_of_kagglehubs_versions_the_pinned_one_is_taken_else_the_newest(tmp_path, below):
    versions = kagglehub(tmp_path, 2, 9, 10) / "datasets" / "own" / "cxr" / "versions"
    assert source_place(CXR, tmp_path / below, "none") == versions / "10"
    assert source_place(V2, tmp_path / below, "none") == versions / "2"


def test_a_pinned_version_that_is_not_there_is_not_taken_from_another(tmp_path, cache):
    kagglehub(tmp_path / "m", 1, 3)
    kagglehub(cache, 1, 3)
    assert source_place(V2, tmp_path / "m", "none") is None
    assert on_this_machine(V2) is None
    assert on_this_machine(CXR, locked="2") is None
    assert on_this_machine(CXR, locked="3").version == "3"


def test_a_version_without_its_marker_is_not_whole(tmp_path, cache):
    for hub in (tmp_path / "m", cache):
        kagglehub(hub, 2)
        kagglehub(hub, 3, whole=False)
    assert source_place(CXR, tmp_path / "m", "none").name == "2"
    assert on_this_machine(CXR).version == "2"
    assert on_this_machine(remote("kaggle", "own/cxr@3")) is None


def test_an_archive_that_kagglehub_is_still_downloading_is_no_dataset(tmp_path, cache):
    for hub in (tmp_path / "m", cache):
        (hub / "datasets" / "own" / "cxr").mkdir(parents=True)
        (hub / "datasets" / "own" / "cxr" / "2.archive").write_bytes(b"PK")
    assert source_place(CXR, tmp_path / "m", "none") is None and on_this_machine(CXR) is None


def test_folders_that_are_no_versions_are_passed_over(tmp_path):
    kagglehub(tmp_path, 7, "latest", "08", "7.complete")
    assert source_place(CXR, tmp_path, "none").name == "7"


def test_a_link_to_where_the_version_stands_is_followed(tmp_path):
    filled(tmp_path / "elsewhere")
    dataset = tmp_path / "hub" / "datasets" / "own" / "cxr"
    (dataset / "versions").mkdir(parents=True)
    os.symlink(tmp_path / "elsewhere", dataset / "versions" / "4")
    (dataset / "4.complete").touch()
    assert (source_place(CXR, tmp_path / "hub", "none") / "a.png").read_bytes() == b"x"


def test_another_owners_dataset_of_that_name_is_another(tmp_path):
    kagglehub(tmp_path, 1, handle="other/cxr")
    assert source_place(CXR, tmp_path, "none") is None


# ---- /kaggle/input


@pytest.mark.parametrize("layout", ["datasets/own/cxr", "cxr"])
def test_what_a_notebook_mounts_is_a_mirror_and_is_found_without_one(mounted, cache, layout):
    folder = filled(mounted / layout)
    assert source_place(CXR, mounted, "none") == folder
    assert on_this_machine(CXR) == AtHand(folder, "") == on_this_machine(V2)


def test_the_newer_layout_goes_before_the_one_without_owner(mounted):
    filled(mounted / "cxr")
    assert source_place(CXR, mounted, "none") == mounted / "cxr"
    newer = filled(mounted / "datasets" / "own" / "cxr")
    assert source_place(CXR, mounted, "none") == newer


def test_a_folder_of_the_slugs_name_counts_below_kaggle_input_alone(tmp_path):
    data = remote("kaggle", "nih-chest-xrays/data")
    filled(tmp_path / "data")
    assert source_place(data, tmp_path, "none") is None
    copy = filled(tmp_path / "kaggle" / "input" / "data")
    assert source_place(data, tmp_path / "kaggle" / "input", "none") == copy


def test_kagglehub_which_tells_the_version_goes_before_what_does_not(mounted, cache):
    filled(mounted / "cxr")
    kagglehub(cache, 2)
    assert on_this_machine(CXR).version == "2"


def test_what_a_lock_file_recorded_is_not_taken_from_an_unknown_version(mounted, cache):
    filled(mounted / "cxr")
    assert on_this_machine(CXR, locked="2") is None


def test_a_source_whose_bytes_are_pinned_is_not_taken_unpacked(mounted, cache):
    filled(mounted / "cxr")
    kagglehub(cache, 2)
    assert on_this_machine(remote("kaggle", "own/cxr@2", pin="a" * 64)) is None


def test_empty_folders_hold_nothing(mounted, cache):
    (mounted / "cxr").mkdir(parents=True)
    assert on_this_machine(CXR) is None


def test_only_kaggles_sources_are_looked_for(mounted, cache):
    filled(mounted / "set")
    assert on_this_machine(remote("http", "set")) is None


def test_kagglehubs_default_place_is_in_the_home(tmp_path, monkeypatch, mounted):
    monkeypatch.delenv("KAGGLEHUB_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    kagglehub(tmp_path / ".cache" / "kagglehub", 5)
    assert on_this_machine(CXR).version == "5"
