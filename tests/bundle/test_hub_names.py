"""pytest tests/bundle/test_hub_names.py"""

from pathlib import Path

import pytest

from cxr_fastai.bundle.hub_names import (
    HubName,
    check_repo,
    hub_name,
    is_commit,
    is_hub,
    is_hub_copy,
    path_for_people,
)
from cxr_fastai.core import UsageError

COMMIT = "0123456789" * 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hub:ann/triage", HubName("ann/triage")),
        ("hub:ann/triage@main", HubName("ann/triage", "main")),
        ("hub:ann/triage-2.b_c@v1.0", HubName("ann/triage-2.b_c", "v1.0")),
        ("hub:ann/triage@refs/pr/1", HubName("ann/triage", "refs/pr/1")),
        (f"hub:a/b@{COMMIT}", HubName("a/b", COMMIT)),
    ],
)
def test_a_name_is_taken_apart_and_written_the_same_as_a_path_too(text, expected):
    assert hub_name(text) == hub_name(Path(text)) == expected
    assert str(expected) == text


def test_a_commit_alone_is_pinned():
    assert HubName("a/b", COMMIT).is_pinned and not HubName("a/b", "main").is_pinned
    assert not HubName("a/b").is_pinned and HubName("a/b").branch == "main"
    assert HubName("a/b").at(COMMIT) == HubName("a/b", COMMIT)
    assert not any(map(is_commit, ("", COMMIT[:39], COMMIT + "0", COMMIT.upper() + "G", None, 7)))


@pytest.mark.parametrize(
    "text",
    [
        "hub:",
        "hub:ann",
        "hub:ann/triage/more",
        "hub:/triage",
        "hub:ann/",
        "hub:../../etc",
        "hub:ann/..",
        "hub:ann/a--b",
        "hub:ann/a.git",
        "hub:ann/.a",
        "hub:ann/a-",
        "hub:ann/a b",
        "hub:ann/" + "a" * 97,
        "hub:ann/triagé",
        "hub:ann/triage@",
        "hub:ann/triage@..",
        "hub:ann/triage@a/../../b",
        "hub:ann/triage@-x",
        "hub:ann/triage@a b",
        "hub:ann/triage@" + "a" * 201,
        "hub:ann/triage@main\n",
    ],
)
def test_what_is_no_name_is_refused_in_one_line(text):
    with pytest.raises(UsageError) as told:
        hub_name(text)
    assert "hub:" in str(told.value) and "\n" not in str(told.value)


def test_what_exists_here_is_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert is_hub("hub:ann/triage") and not is_hub("runs/hub:ann")
    (tmp_path / "hub:ann").mkdir()
    (tmp_path / "hub:ann" / "triage").mkdir()
    assert not is_hub("hub:ann/triage") and is_hub("hub:ann/other")


def test_a_repository_is_owner_and_name():
    assert check_repo("ann/triage") == "ann/triage"
    for wrong in ("triage", "hub:ann/triage", "a/b/c", "", "https://x/y"):
        with pytest.raises(UsageError, match="OWNER/NAME"):
            check_repo(wrong)


def test_a_commit_in_the_cache_is_known_by_its_place(tmp_path):
    copy = tmp_path / "models--ann--triage" / "snapshots" / COMMIT
    copy.mkdir(parents=True)
    assert is_hub_copy(copy)
    assert not is_hub_copy(copy.parent) and not is_hub_copy(tmp_path)
    assert not is_hub_copy(Path("/"))
    assert path_for_people(copy) == Path(f"hub:ann/triage@{COMMIT[:7]}")
    assert path_for_people(tmp_path) == tmp_path
