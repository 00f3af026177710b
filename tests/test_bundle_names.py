"""What the bundles of one table are called. Through the command line: test_cli.py."""

from pathlib import Path

import pytest

from cxr_fastai.bundle_names import bundle_paths, name_bundles, short_names
from cxr_fastai.core import UsageError


@pytest.mark.parametrize(
    "paths,names",
    [
        (["a/six", "b/seven"], ["six", "seven"]),
        (["a/six", "b/six", "c/six"], ["a/six", "b/six", "c/six"]),
        (["a/six", "b/six", "c/seven"], ["a/six", "b/six", "seven"]),
        (["x/a/six", "y/a/six", "b/six"], ["x/a/six", "y/a/six", "b/six"]),
        (["six", "b/six"], ["six", "b/six"]),
        (["a/six/bundle", "b/six/bundle"], ["a/six", "b/six"]),
        (["bundle/six", "six"], ["bundle/six", "six"]),
        (["/six", "/a/six"], ["/six", "a/six"]),
        (["bundle", "."], ["bundle", "."]),
        ([], []),
    ],
)
def test_a_bundle_is_called_by_as_much_of_its_path_as_tells_it_apart(paths, names):
    assert short_names([Path(path) for path in paths]) == names


def named(tmp_path, monkeypatch, baselines, asked):
    monkeypatch.chdir(tmp_path)
    lines = []
    found = name_bundles([Path(path) for path in baselines], asked, lines.append)
    return {name: str(path) for name, path in found.items()}, lines


def test_everything_that_was_asked_for_is_there_behind_the_baselines(tmp_path, monkeypatch):
    found, lines = named(
        tmp_path, monkeypatch, ["run/beside/cnn/bundle"], ["a/six", "b/six", "c/cnn"]
    )
    assert list(found.items()) == [
        ("beside/cnn", "run/beside/cnn/bundle"),
        ("a/six", "a/six"),
        ("b/six", "b/six"),
        ("c/cnn", "c/cnn"),
    ]
    assert lines == []


@pytest.mark.parametrize("again", ["a/six", "./a/six", "a/six/bundle", "b/../a/six"])
def test_the_same_bundle_twice_is_told_in_one_line(tmp_path, monkeypatch, again):
    (tmp_path / "b").mkdir()
    found, lines = named(tmp_path, monkeypatch, [], ["a/six", again])
    assert found == {"six": "a/six"}
    assert lines == [f"--beside {again}: it is given twice and shown once"]


def test_a_baseline_that_is_asked_for_too_is_told(tmp_path, monkeypatch):
    found, lines = named(tmp_path, monkeypatch, ["run/beside/cnn/bundle"], ["run/beside/cnn"])
    assert list(found) == ["cnn"]
    assert lines == ["--beside run/beside/cnn: it was trained beside the run and is shown anyway"]


def test_bundles_are_given_with_commas_between_unless_a_path_has_some(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert bundle_paths("a") == ["a"]
    assert bundle_paths("a,b/c,d") == ["a", "b/c", "d"]
    assert bundle_paths("a,b,") == ["a", "b"]
    (tmp_path / "a,b").mkdir()
    assert bundle_paths("a,b") == ["a,b"], "a folder of that name is one bundle"
    for text in (",", "a,", ",,a, ,"):
        with pytest.raises(UsageError, match="as in A,B"):
            bundle_paths(text)
