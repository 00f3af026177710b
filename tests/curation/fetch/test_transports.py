"""pytest tests/curation/fetch/test_transports.py

Kaggle's real, unpatched client, GitHub and plain HTTP, against a loopback server."""

import json
import os
import pickle
import re
import subprocess
import sys
import time
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import pytest
import requests
from kaggle_endpoint import HANG, KEY, SECRETS, SIGNATURE, TOKEN, USER, Endpoint

from cxr_fastai.core import CatalogError, SourceUnavailable
from cxr_fastai.curation.fetch import server
from cxr_fastai.curation.fetch.download import download
from cxr_fastai.curation.fetch.transports import (
    TRANSPORTS,
    Check,
    Part,
    Refused,
    check,
    check_all,
    how_to_get,
    plan,
)
from cxr_fastai.catalog import Rule, Source

OLD, NEW = b"PK-old" * 50, b"PK-new" * 60
SHA = "0123456789abcdef0123456789abcdef01234567"
PAGE = "https://www.kaggle.com/datasets/own/cxr"
SIGNED = dict(KAGGLE_USERNAME=USER, KAGGLE_KEY=KEY)
NEWER = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="the client for Python 3.10 knows no such sign-in"
)


def source(transport, handle, id="one", **cells) -> Source:
    blank = dict.fromkeys((f for f in Rule.__dataclass_fields__ if f != "row"), "")
    return Source(
        id, (Rule(2, **{**blank, "source": id, "transport": transport, "handle": handle, **cells}),)
    )


@pytest.fixture
def endpoint():
    with Endpoint({"own/cxr": {6: OLD, 7: NEW}}) as e:
        yield e


@pytest.fixture
def environ(monkeypatch):
    def use(env):
        for k, v in env.items():
            monkeypatch.delenv(k, raising=False) if v is None else monkeypatch.setenv(k, v)

    return use


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(server, "PAUSE", 0.01)


@pytest.fixture
def kaggle(endpoint, environ, tmp_path):
    "The endpoint, with a user signed in there."
    environ(endpoint.kaggle_env(tmp_path, **SIGNED))
    return endpoint


@pytest.fixture
def github(endpoint, environ):
    environ(endpoint.github_env())
    endpoint.files[f"/own/repo/archive/{SHA}.zip"] = NEW
    endpoint.files["/api/repos/own/repo/commits/HEAD"] = SHA.encode()
    return endpoint


@pytest.fixture
def web(endpoint, environ):
    environ(endpoint.github_env())
    return endpoint


CXR = source("kaggle", "own/cxr")
REPO = source("github", "own/repo")


# ---- kaggle


def test_a_dataset_that_is_there_is_ready_with_its_version_and_bytes(kaggle):
    assert check(CXR) == Check("ready", "version 7", "", len(NEW))


def test_the_plan_is_one_archive_of_the_current_version(kaggle):
    p = plan(CXR)
    assert (p.version, [(x.name, x.archive, x.strip, x.pin, x.key) for x in p.parts]) == (
        "7",
        [("cxr.zip", True, 0, "", "kaggle/own/cxr@7")],
    )


def test_a_pinned_version_is_planned_without_a_question_and_downloaded(kaggle):
    p = plan(source("kaggle", "own/cxr@6", pin="a" * 64))
    assert not kaggle.seen and (p.version, p.parts[0].pin) == ("6", "a" * 64)
    url, headers = p.parts[0].where()
    assert requests.get(url, headers=headers).content == OLD


def test_a_version_from_the_lock_goes_before_the_handle_and_leaves_its_pin_behind(kaggle):
    p = plan(source("kaggle", "own/cxr@6", pin="a" * 64), "7")
    assert (p.version, p.parts[0].pin, p.parts[0].key) == ("7", "", "kaggle/own/cxr@7")


def test_the_link_is_signed_and_the_sign_in_does_not_follow_it(kaggle):
    url, headers = plan(CXR).parts[0].where()
    bucket = kaggle.calls("/storage/own/cxr/7.zip")
    assert f"X-Goog-Signature={SIGNATURE}" in url and headers == {}
    assert bucket and not any("Authorization" in s.headers for s in bucket)
    assert all("Authorization" in s.headers for s in kaggle.calls("DownloadDataset"))


def test_each_attempt_gets_a_new_link(kaggle):
    where = plan(CXR).parts[0].where
    where()
    where()
    assert len(kaggle.calls("DownloadDataset")) == 2


def test_asking_for_the_link_leaves_the_archive_unread(kaggle):
    "An archive of 1 GB whose bytes never come: only the header is waited for."
    header = {"Content-Length": str(1 << 30), "Content-Type": "application/zip"}
    kaggle.say("/storage/own/cxr/7.zip", (200, header, b"PK"))
    start = time.monotonic()
    assert check(CXR).size == 1 << 30 and time.monotonic() - start < 5


def test_a_public_dataset_needs_no_sign_in_where_kaggle_does_not_want_one(environ, tmp_path):
    with Endpoint({"own/cxr": {7: NEW}}, anonymous=True) as e:
        environ(e.kaggle_env(tmp_path))
        assert check(CXR).state == "ready" and not any("Authorization" in s.headers for s in e.seen)


@pytest.mark.parametrize("status", [401, 403])
def test_without_a_token_the_ways_to_sign_in_are_named_in_one_line(
    endpoint, environ, tmp_path, status
):
    environ(endpoint.kaggle_env(tmp_path))
    endpoint.say("GetDataset", (status,))
    c = check(CXR)
    assert (c.state, c.message) == (
        "sign_in",
        "Kaggle wants you to sign in",
    ) and "\n" not in c.remedy
    for way in (
        "https://www.kaggle.com/settings",
        "KAGGLE_API_TOKEN",
        "KAGGLE_USERNAME and KAGGLE_KEY",
        "kaggle.json",
    ):
        assert way in c.remedy


@NEWER
def test_without_a_token_the_newer_ways_are_named_too(endpoint, environ, tmp_path):
    environ(endpoint.kaggle_env(tmp_path))
    assert (
        "kaggle auth login" in check(CXR).remedy and "~/.kaggle/access_token" in check(CXR).remedy
    )


@pytest.mark.parametrize("call", ["GetDataset", "DownloadDataset"])
@pytest.mark.parametrize(
    "answer,state,words",
    [
        ((401,), "sign_in", ["refuses your token"]),
        ((403,), "forbidden", ["accept its licence", PAGE]),
        ((404,), "moved", ["own/cxr", "404", PAGE, "MIRROR/kaggle/own/cxr"]),
        ((200, (), {"code": 403, "message": "Rules"}), "forbidden", [PAGE]),
        ((418,), "unreachable", ["418"]),
        ((429, {"Retry-After": "3600"}), "unreachable", ["429", "3600 s"]),
        (
            (200, {"Content-Type": "text/html"}, b"<html><title>Sign in"),
            ("unreachable", "moved"),
            ["an"],
        ),
    ],
    ids=["401", "403", "404", "200 with code 403", "418", "429 for an hour", "a web page"],
)
def test_what_kaggle_refuses_becomes_a_state_and_a_remedy(kaggle, call, answer, state, words):
    kaggle.say(call, answer)
    c = check(CXR)
    assert c.state in state and all(w in c.message + c.remedy for w in words)


@pytest.mark.parametrize("later", ["0", formatdate(time.time() - 9, usegmt=True), "soon", None])
def test_a_busy_kaggle_is_asked_again(kaggle, later):
    kaggle.say("GetDataset", (429, {"Retry-After": later} if later else ()), (503,))
    kaggle.say("DownloadDataset", (500,))
    assert check(CXR).state == "ready"
    assert [len(kaggle.calls(c)) for c in ("GetDataset", "DownloadDataset")] == [3, 2]


def test_a_broken_kaggle_is_unreachable_after_a_few_tries(kaggle):
    kaggle.say("GetDataset", *[(500,)] * 99)
    c = check(CXR)
    assert (c.state, len(kaggle.calls("GetDataset"))) == (
        "unreachable",
        server.TRIES,
    ) and "500" in c.message


def test_no_network_is_unreachable(environ, tmp_path):
    with Endpoint() as e:
        environ(e.kaggle_env(tmp_path, **SIGNED))
    c = check(CXR)
    assert c.state == "unreachable" and "--mirror" in c.remedy


def test_a_kaggle_that_never_answers_times_out(kaggle, monkeypatch):
    monkeypatch.setattr("cxr_fastai.curation.fetch.kaggle.TIMEOUT", (5, 0.2))
    kaggle.say("GetDataset", HANG, HANG, HANG)
    c = check(CXR, deadline=20)
    assert (c.state, c.message) == ("unreachable", "Kaggle does not answer in time")


def test_a_link_that_fails_raises_one_line_that_exits_with_3(kaggle):
    kaggle.say("DownloadDataset", (403,))
    with pytest.raises(SourceUnavailable, match=f"^one: .*{re.escape(PAGE)}") as e:
        plan(CXR).parts[0].where()
    assert e.value.exit_code == 3 and "\n" not in str(e.value)
    assert pickle.loads(pickle.dumps(e.value)).check == e.value.check


def test_bytes_that_come_without_a_link_are_taken_as_they_come(kaggle, tmp_path):
    sent = (200, {"Content-Type": "application/zip"}, NEW)
    kaggle.say("DownloadDataset", sent)
    assert (check(CXR).state, check(CXR).size) == ("ready", len(NEW))
    kaggle.say("DownloadDataset", (500,), sent)
    part = plan(CXR).parts[0]
    assert (
        download(part.where, tmp_path / "store", part.name, part.key, pause=0.01).path.read_bytes()
        == NEW
    )


def test_a_version_that_is_no_number_is_an_error_of_the_catalogue(kaggle):
    bad = source("kaggle", "own/cxr@latest")
    with pytest.raises(CatalogError, match="column handle"):
        plan(bad)
    assert "column handle" in check(bad).message


BOTH = {"username": USER, "key": KEY}
WAYS = {
    "api key": (SIGNED, {}),  # environment, files in the home
    "kaggle.json": ({}, {".kaggle/kaggle.json": BOTH}),
    "kaggle.json in XDG's place": ({}, {".config/kaggle/kaggle.json": BOTH}),
    "kaggle.json elsewhere": ({"KAGGLE_CONFIG_DIR": "{home}/else"}, {"else/kaggle.json": BOTH}),
    "token": ({"KAGGLE_API_TOKEN": TOKEN, **SIGNED}, {}),
    "token file": ({}, {".kaggle/access_token": TOKEN}),
    "login": (
        {},
        {
            ".kaggle/credentials.json": {
                "refresh_token": "r",
                "access_token": TOKEN,
                "username": USER,
                "access_token_expiration": "2999-01-01T00:00:00+00:00",
            }
        },
    ),
}


@pytest.mark.parametrize(
    "way", [pytest.param(w, marks=NEWER if w in ("token file", "login") else ()) for w in WAYS]
)
def test_who_signs_in_for_the_command_line_client_is_signed_in_here(
    endpoint, environ, tmp_path, way
):
    "Both are run with the same home: the same archive, with the same Authorization."
    more, files = WAYS[way]
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text if isinstance(text, str) else json.dumps(text))
        (tmp_path / path).chmod(0o600)
    env = endpoint.kaggle_env(tmp_path, **{k: v.format(home=tmp_path) for k, v in more.items()})
    environ(env)
    assert check(CXR).state == "ready"
    ours = {s.headers["Authorization"] for s in endpoint.calls("DownloadDataset")}
    endpoint.seen.clear()
    command_line = "import sys; from kaggle.cli import main; sys.argv[0] = 'kaggle'; main()"
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            command_line,
            "datasets",
            "download",
            "own/cxr",
            "-p",
            tmp_path / "d",
        ],
        env={k: v for k, v in {**os.environ, **env}.items() if v is not None},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (tmp_path / "d" / "cxr.zip").read_bytes() == NEW, run.stdout + run.stderr
    assert ours == {s.headers["Authorization"] for s in endpoint.calls("DownloadDataset")}


# ---- secrets

LEAKS = """
import logging, sys, traceback
logging.basicConfig(level=logging.DEBUG)
sys.path.insert(0, {here!r})
from test_transports import CXR, check, check_all, plan
print(check(CXR), check_all([CXR]), plan(CXR))
url, headers = plan(CXR).parts[0].where()
import requests
requests.get(url)
for _ in range(2):
    try: plan(CXR).parts[0].where()
    except Exception: traceback.print_exc()
print(check(CXR))
"""


@pytest.mark.parametrize("more", [SIGNED, {"KAGGLE_API_TOKEN": TOKEN}], ids=["key", "token"])
def test_no_secret_is_printed_logged_or_told(endpoint, tmp_path, more):
    "In a process of its own: all that it and the client print, at the most talkative level of either."
    env = endpoint.kaggle_env(tmp_path, VERBOSE="1", VERBOSE_OUTPUT="1", **more)
    bucket = "/storage/own/cxr/7.zip"
    endpoint.say(
        bucket,
        *[(200, {"Content-Type": "application/zip"}, NEW)] * 4,
        (403,),
        *[(500,)] * 4,
        (404,),
    )
    run = subprocess.run(
        [sys.executable, "-c", LEAKS.format(here=str(Path(__file__).parent))],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        env={
            k: v
            for k, v in {**os.environ, **env, "PYTHONPATH": os.pathsep.join(sys.path)}.items()
            if v is not None
        },
    )
    out = run.stdout + run.stderr
    assert run.returncode == 0 and bucket in out and "Refused" in out, out
    assert not [s for s in SECRETS if s in out] and "Authorization" not in out


def test_a_refused_token_stands_in_no_message(endpoint, environ, tmp_path):
    environ(endpoint.kaggle_env(tmp_path, KAGGLE_USERNAME=USER, KAGGLE_KEY="wr0ng" * 6))
    c = check(CXR)
    assert c.state == "sign_in" and "refuses your token" in c.message and "wr0ng" not in repr(c)


# ---- github


def test_an_unpinned_repository_is_planned_at_its_newest_commit(github):
    p = plan(REPO)
    assert (p.version, p.parts) == (
        SHA,
        (
            Part(
                "repo.zip",
                True,
                1,
                "",
                f"{github.url}/own/repo/archive/{SHA}.zip",
                f"github/own/repo@{SHA}",
            ),
        ),
    )
    assert check(REPO) == Check("ready", f"commit {SHA[:12]}", "", len(NEW))


def test_a_tag_is_planned_at_its_commit(github):
    github.files["/api/repos/own/repo/commits/v1.0"] = SHA.encode()
    assert plan(source("github", "own/repo@v1.0")).version == SHA


def test_a_pinned_commit_needs_no_api(github):
    pinned = source("github", f"own/repo@{SHA}", pin="b" * 64)
    assert plan(pinned).version == SHA and plan(pinned).parts[0].pin == "b" * 64 and not github.seen
    assert check(pinned).state == "ready" and not any("/api/" in s.call for s in github.seen)


def test_the_token_goes_to_the_api_only(github, environ, capsys):
    environ({"GITHUB_TOKEN": TOKEN})
    assert check(REPO).state == "ready"
    sent = {s.call.split("/")[1]: s.headers.get("Authorization") for s in github.seen}
    assert sent == {"api": f"Bearer {TOKEN}", "own": None}


HEAD = "/api/repos/own/repo/commits/HEAD"


@pytest.mark.parametrize("call", [HEAD, f"/own/repo/archive/{SHA}.zip"])
def test_a_repository_that_is_gone_has_moved(github, call):
    del github.files[call]
    c = check(REPO)
    assert c.state == "moved" and "own/repo" in c.message and "MIRROR/github/own/repo" in c.remedy


@pytest.mark.parametrize("status", [403, 429])
def test_a_rate_limit_says_until_when(github, status):
    github.say(
        HEAD, *[(status, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1893456000"})] * 9
    )
    c = check(REPO)
    assert (c.state, len(github.seen)) == ("unreachable", 1)
    assert (
        "until 00:00 UTC" in c.message
        and "GITHUB_TOKEN" in c.remedy
        and "own/repo@COMMIT" in c.remedy
    )


@pytest.mark.parametrize(
    "answer,state",
    [
        ((401,), "sign_in"),
        ((451,), "forbidden"),
        ((422,), "moved"),
        ((200, (), b"<html>"), "unreachable"),
    ],
)
def test_what_github_refuses_becomes_a_state(github, answer, state):
    github.say(HEAD, answer)
    assert check(REPO).state == state


# ---- http

SET = "https://example.org/set"


def files(web, *paths, **cells) -> Source:
    return source("http", "set", download=" ; ".join(web.url + p for p in paths), url=SET, **cells)


@pytest.mark.parametrize(
    "path,name,archive",
    [
        ("/a/x.zip", "x.zip", True),
        ("/x.tar", "x.tar", True),
        ("/x.tar.gz", "x.tar.gz", True),
        ("/x.TGZ", "x.TGZ", True),
        ("/x.tar.bz2", "x.tar.bz2", True),
        ("/x.tar.xz", "x.tar.xz", True),
        ("/x.npz", "x.npz", False),
        ("/x.zip?download=1", "x.zip", True),
        ("/get/17/file_downloaded#scans.zip", "scans.zip", True),
        ("/a%20b.png", "a b.png", False),
    ],
)
def test_a_url_tells_its_file(web, path, name, archive):
    p = plan(files(web, path)).parts[0]
    assert (p.name, p.archive, p.strip, p.where) == (name, archive, 0, web.url + path.split("#")[0])
    assert p.key == web.url + re.split("[?#]", path)[0]


def test_pins_stand_in_the_order_of_the_downloads(web):
    assert [
        p.pin for p in plan(files(web, "/a.zip", "/b.zip", pin=f"{'a' * 64} ; {'b' * 64}")).parts
    ] == ["a" * 64, "b" * 64]


@pytest.mark.parametrize(
    "download,pin,words",
    [
        ("file:///etc/passwd", "", "scheme 'file'"),
        ("ftp://h/x.zip", "", "scheme 'ftp'"),
        ("https:///x.zip", "", "HOST"),
        ("https://h/", "", "names no file"),
        ("https://h/..", "", "names no file"),
        ("https://h/a#..%2Fb", "", "names no"),
        ("https://user:pa55@h/x.zip", "", "password"),
        ("https://h/a ; https://h/b", "a" * 64, "1 for 2"),
        ("https://h/1/a.csv ; https://h/2/a.csv", "", "two files"),
        ("https://[h/x.zip", "", "no URL"),
    ],
)
def test_a_wrong_download_is_an_error_of_the_catalogue(download, pin, words):
    bad = source("http", "set", download=download, pin=pin)
    with pytest.raises(CatalogError, match=words) as e:
        plan(bad)
    assert "pa55" not in str(e.value) and words in check(bad).message


def test_sizes_are_summed_and_nothing_is_read(web):
    web.files |= {"/a.zip": OLD, "/b.npz": NEW}
    assert check(files(web, "/a.zip", "/b.npz")) == Check(
        "ready", "2 files", "", len(OLD) + len(NEW)
    )
    assert {s.method for s in web.seen} == {"HEAD"}


@pytest.mark.parametrize("status", [400, 403, 405, 501])
def test_a_server_that_refuses_head_is_asked_for_one_byte(web, status):
    web.files["/a.zip"] = OLD
    web.say("/a.zip", (status,))
    assert check(files(web, "/a.zip")).size == len(OLD)
    assert [(s.method, s.headers.get("Range")) for s in web.seen] == [
        ("HEAD", None),
        ("GET", "bytes=0-0"),
    ]


def test_an_unknown_size_is_no_fault(web):
    web.say("/a.zip", (200, {"Content-Length": "0"}))
    assert check(files(web, "/a.zip")) == Check("ready", "1 file", "", None)


@pytest.mark.parametrize(
    "answers,state",
    [
        ([(404,)], "moved"),
        ([(410,)], "moved"),
        ([(401,)] * 2, "sign_in"),
        ([(403,)] * 2, "forbidden"),
        ([(200, {"Content-Type": "text/html; charset=utf-8"})], "moved"),
        ([(302, {"Location": "ftp://h/x"})], "unreachable"),
        ([(302, {"Location": "/a.zip"})] * 99, "unreachable"),
        ([(503,)] * 9, "unreachable"),
        ([(503,), (200, {"Content-Length": "9"})], "ready"),
    ],
)
def test_what_a_server_refuses_becomes_a_state(web, answers, state):
    web.say("/a.zip", *answers)
    c = check(files(web, "/a.zip"))
    assert c.state == state and (state in ("ready", "unreachable") or SET in c.remedy)


def test_a_server_whose_tls_is_wrong_is_named_so(web):
    c = check(source("http", "set", download=web.url.replace("http:", "https:") + "/a.zip"))
    assert c.state == "unreachable" and "certificate" in c.message


@pytest.mark.parametrize(
    "s,words",
    [
        (source("http", "set", url=SET), [SET, "MIRROR/http/set"]),
        (source("http", "set"), ["To have it, ", "MIRROR/http/set"]),
        (source("local", "mine"), ["mine", "MIRROR/local/mine"]),
        (source("reference", ""), ["never fetched"]),
    ],
)
def test_a_source_without_a_download_says_where_its_files_go(s, words):
    c = check(s)
    assert c.state == "no_download" and all(w in c.remedy for w in words)
    with pytest.raises(Refused):
        plan(s)


# ---- all


@pytest.mark.parametrize("kind", ["kaggle", "github", "http"])
def test_what_is_planned_downloads(kaggle, environ, tmp_path, kind):
    environ({k: v for k, v in kaggle.github_env().items() if k.startswith("GITHUB")})
    kaggle.files |= {f"/own/repo/archive/{SHA}.zip": NEW, "/a.zip": NEW}
    kaggle.say("/storage/own/cxr/7.zip", (503,))
    part = plan(
        {
            "kaggle": source("kaggle", "own/cxr@7"),
            "github": source("github", f"own/repo@{SHA}"),
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
        source("kaggle", "own/gone", "gone"),
        source("local", "mine", "mine"),
        source("github", f"own/repo@{SHA}", "repo"),
        source("kaggle", "own/cxr@x", "wrong"),
        source("no such", "x", "odd"),
        replace(files(kaggle, "/drip.zip"), id="drip"),
        replace(CXR, id="cxr"),
    ]
    start = time.monotonic()
    checks = check_all(asked, workers=3, deadline=2)
    assert time.monotonic() - start < 8
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
    from cxr_fastai import catalog

    assert set(catalog.TRANSPORTS) == set(TRANSPORTS)


def test_how_to_get_names_the_mirror():
    assert (
        how_to_get(source("kaggle", "a/b@3"))
        == "kaggle datasets download a/b --unzip -p MIRROR/kaggle/a/b"
    )
    assert how_to_get(REPO) == "git clone https://github.com/own/repo MIRROR/github/own/repo"
