"""pytest tests/curation/fetch/test_at_hand.py

What is there before anything is fetched: for `cxr sources --check` and for a recipe's a|b."""

import pytest
from toy_sources import filled, kagglehub, remote

from cxr_fastai.catalog import load_catalog
from cxr_fastai.curation.fetch import SOURCE_LEFT_ASIDE, first_at_hand, passed_over, survey
from cxr_fastai.curation.fetch.fetch_one import fetch_source

A, B, C = (remote("kaggle", f"own/{name}", id=name) for name in "abc")
CATALOG = {"a": A, "b": B, "c": C}


@pytest.fixture
def mirror(tmp_path):
    return tmp_path / "mirror"


def test_a_survey_tells_of_the_mirror_without_asking_a_server(mirror, web):
    filled(mirror / "kaggle" / "own" / "b")
    found = survey([A, B], mirror)
    assert list(found) == ["a", "b"] and not web.seen
    assert (found["b"].state, found["b"].message) == ("here", f"in {mirror}/kaggle/own/b")
    assert found["a"].state == "no_download" and found["a"].message == f"not in {mirror}"
    assert found["a"].remedy == ("kaggle datasets download own/a --unzip -p MIRROR/kaggle/own/a")


def test_a_survey_tells_what_kagglehub_downloaded(tmp_path, monkeypatch, kaggle):
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))
    kagglehub(tmp_path / "hub", 3, handle="own/b")
    found = survey([A, B, remote("kaggle", "own/cxr", id="cxr")])
    assert (found["b"].state, found["b"].message) == (
        "here",
        f"in {tmp_path}/hub/datasets/own/b/versions/3",
    )
    assert (found["a"].state, found["cxr"].state) == ("moved", "ready")
    assert list(found) == ["a", "b", "cxr"]


def test_a_survey_tells_what_was_downloaded_before(tmp_path, monkeypatch, web):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))
    web.files["/x.npz"] = b"arrays"
    source = remote("http", "set", download=f"{web.url}/x.npz")
    assert survey([source])["one"].state == "ready"
    fetch_source(source, None)
    web.seen.clear()
    assert survey([source])["one"].message == "downloaded before" and not web.seen


def test_the_first_that_a_mirror_holds_is_taken_else_the_first(mirror):
    assert first_at_hand("a|b|c", CATALOG, mirror, "none") == "a"
    filled(mirror / "kaggle" / "own" / "b")
    filled(mirror / "kaggle" / "own" / "c")
    assert first_at_hand("a|b|c", CATALOG, mirror, "none") == "b"
    assert first_at_hand("a|b|c", CATALOG, None, "none") == "a"
    assert first_at_hand("c", CATALOG, mirror, "none") == "c"


def test_what_this_machine_once_downloaded_does_not_choose_a_recipes_source(tmp_path, monkeypatch):
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "hub"))
    kagglehub(tmp_path / "hub", 3, handle="own/b")
    assert first_at_hand("a|b", CATALOG, None, "none") == "a"


def test_what_is_at_hand_and_left_aside_is_told(mirror):
    for name in ("a", "b"):
        filled(mirror / "kaggle" / "own" / name)
    (warning,) = passed_over(["a|b|c"], [A], CATALOG, mirror, "none")
    assert warning.kind == SOURCE_LEFT_ASIDE
    assert warning.says == (
        'b is at hand too, and was left aside for a: --only b (Python: only="b") takes it'
    )
    assert warning.numbers == {"source": "b", "instead": "a"}
    assert passed_over(["a|b|c", "b"], [A, B], CATALOG, mirror, "none") == []
    assert passed_over(["a|b|c"], [A], CATALOG, None, "none") == []


# ---- what `here` promises


def test_an_empty_folder_or_one_of_hidden_files_is_not_at_hand(mirror):
    for name in ("a", "b"):
        (mirror / "kaggle" / "own" / name).mkdir(parents=True)
    (mirror / "kaggle" / "own" / "b" / ".DS_Store").touch()
    filled(mirror / "kaggle" / "own" / "c")
    assert [check.state for check in survey([A, B, C], mirror).values()] == [
        "no_download",
        "no_download",
        "here",
    ]
    assert first_at_hand("a|b|c", CATALOG, mirror, "none") == "c"


def test_a_folder_whose_files_no_glob_meets_is_not_here(mirror):
    source = remote("kaggle", "own/a", "a", glob="images/*.png")
    folder = filled(mirror / "kaggle" / "own" / "a")
    found = survey([source], mirror)["a"]
    assert (found.state, found.message) == ("unreadable", f"in {folder}, but cannot be read")
    assert "no file that meets 'images/*.png'" in found.remedy


def part(name, total, **cells):
    return remote("kaggle", f"own/{name}", name, expected_total=total, **cells)


PARTS = [part("left", "662"), part("right", "138")]
WHOLE = part("whole", "800", derived_from="left|right")


@pytest.mark.parametrize("asked", [[WHOLE], [*PARTS, WHOLE]], ids=["alone", "with its parts"])
def test_a_source_whose_parts_are_here_is_had_in_parts_and_says_so(mirror, asked):
    catalog = {source.id: source for source in [*PARTS, WHOLE]}
    filled(mirror / "kaggle" / "own" / "left")
    assert survey(asked, mirror, catalog=catalog)["whole"].state == "no_download"
    filled(mirror / "kaggle" / "own" / "right")
    found = survey(asked, mirror, catalog=catalog)["whole"]
    assert found.state == "in_parts" and "800 images are those of left and right" in found.message
    assert found.remedy == '--only left,right (Python: only="left,right") takes them.'


@pytest.mark.parametrize(
    "whole",
    [
        part("whole", "801", derived_from="left|right"),
        part("whole", "", derived_from="left|right"),
        part("whole", "800", derived_from="left|right|*"),
        part("whole", "800"),
    ],
    ids=[
        "more images than its parts",
        "not known how many",
        "parts that are not known",
        "original",
    ],
)
def test_a_source_that_may_hold_more_than_its_parts_is_missing(mirror, whole):
    for name in ("left", "right"):
        filled(mirror / "kaggle" / "own" / name)
    catalog = {source.id: source for source in [*PARTS, whole]}
    assert survey([whole], mirror, catalog=catalog)["whole"].state == "no_download"


def test_of_the_library_s_own_catalogue_kmader_is_shenzhen_and_montgomery(mirror):
    catalog = load_catalog()
    for source_id, image in (
        ("nlm-shenzhen", "CHNCXR_0001_0"),
        ("nlm-montgomery", "MCUCXR_0001_0"),
    ):
        folder = mirror / "http" / source_id / "CXR_png"
        folder.mkdir(parents=True)
        (folder / f"{image}.png").write_bytes(b"x")
    found = survey([catalog["kmader"]], mirror, catalog=catalog)["kmader"]
    assert found.state == "in_parts" and "shenzhen and montgomery" in found.message
