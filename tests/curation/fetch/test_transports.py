"""pytest tests/curation/fetch/test_transports.py

What all kinds of source have in common, against a loopback server."""

from dataclasses import replace

import pytest
from kaggle_endpoint import HANG
from toy_sources import remote

from cxr_fastai import catalog
from cxr_fastai.curation.fetch.download import download
from cxr_fastai.curation.fetch.transports import (
    TRANSPORTS,
    Refused,
    check,
    check_all,
    how_to_get,
    plan,
)

NEW = b"PK-new" * 60
SHA = "0123456789abcdef0123456789abcdef01234567"
SET = "https://example.org/set"


def files(web, *paths):
    return remote("http", "set", download=" ; ".join(web.url + p for p in paths), url=SET)


@pytest.mark.parametrize(
    "s,words",
    [
        (remote("http", "set", url=SET), [SET, "MIRROR/http/set"]),
        (remote("http", "set"), ["To have it, ", "MIRROR/http/set"]),
        (remote("local", "mine"), ["mine", "MIRROR/local/mine"]),
        (remote("reference", ""), ["never fetched"]),
    ],
)
def test_a_source_without_a_download_says_where_its_files_go(s, words):
    c = check(s)
    assert c.state == "no_download" and all(w in c.remedy for w in words)
    with pytest.raises(Refused):
        plan(s)


@pytest.mark.parametrize("kind", ["kaggle", "github", "http"])
def test_what_is_planned_downloads(kaggle, environ, tmp_path, kind):
    environ({k: v for k, v in kaggle.github_env().items() if k.startswith("GITHUB")})
    kaggle.files |= {f"/own/repo/archive/{SHA}.zip": NEW, "/a.zip": NEW}
    kaggle.say("/storage/own/cxr/7.zip", (503,))
    part = plan(
        {
            "kaggle": remote("kaggle", "own/cxr@7"),
            "github": remote("github", f"own/repo@{SHA}"),
            "http": files(kaggle, "/a.zip"),
        }[kind]
    ).parts[0]
    got = download(part.where, tmp_path / "store", part.name, part.key, part.pin, pause=0.01)
    assert got.path.read_bytes() == NEW


def test_one_that_hangs_or_fails_costs_only_its_own_line(kaggle, environ):
    environ({k: v for k, v in kaggle.github_env().items() if k.startswith("GITHUB")})
    kaggle.files[f"/own/repo/archive/{SHA}.zip"] = NEW
    kaggle.say("/hang.zip", HANG)
    kaggle.say("/drip.zip", HANG)
    asked = [
        files(kaggle, "/hang.zip"),
        remote("kaggle", "own/gone", "gone"),
        remote("local", "mine", "mine"),
        remote("github", f"own/repo@{SHA}", "repo"),
        remote("kaggle", "own/cxr@x", "wrong"),
        remote("no such", "x", "odd"),
        replace(files(kaggle, "/drip.zip"), id="drip"),
        replace(remote("kaggle", "own/cxr"), id="cxr"),
    ]
    checks = check_all(asked, workers=3, deadline=2)
    assert {k: c.state for k, c in checks.items()} == {
        "one": "unreachable",
        "gone": "moved",
        "mine": "no_download",
        "repo": "ready",
        "wrong": "unreachable",
        "odd": "unreachable",
        "drip": "unreachable",
        "cxr": "ready",
    }
    assert "no answer within 2 s" in checks["one"].message and list(checks) == [s.id for s in asked]


def test_every_transport_of_the_catalogue_has_an_entry():
    assert set(catalog.TRANSPORTS) == set(TRANSPORTS)


def test_how_to_get_names_the_mirror():
    assert (
        how_to_get(remote("kaggle", "a/b@3"))
        == "kaggle datasets download a/b --unzip -p MIRROR/kaggle/a/b"
    )
    assert (
        how_to_get(remote("github", "own/repo"))
        == "git clone https://github.com/own/repo MIRROR/github/own/repo"
    )
