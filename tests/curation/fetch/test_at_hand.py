"""pytest tests/curation/fetch/test_at_hand.py

What is there before anything is fetched: for `cxr sources --check` and for a recipe's a|b."""

import pytest
from toy_sources import filled, kagglehub, remote

from cxr_fastai.curation.fetch import first_at_hand, passed_over, survey
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
    assert found["a"].remedy == (
        "kaggle datasets download own/a --unzip -p MIRROR/kaggle/own/a, or leave --mirror out."
    )


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
    assert passed_over(["a|b|c"], [A], CATALOG, mirror, "none") == [
        "b is at hand too, and was left aside for a: --only b takes it"
    ]
    assert passed_over(["a|b|c", "b"], [A, B], CATALOG, mirror, "none") == []
    assert passed_over(["a|b|c"], [A], CATALOG, None, "none") == []
