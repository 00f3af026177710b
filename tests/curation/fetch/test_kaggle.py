"""pytest tests/curation/fetch/test_kaggle.py

Kaggle's real, unpatched client, against a loopback server."""

import json
import os
import pickle
import re
import subprocess
import sys
import time
from email.utils import formatdate
from pathlib import Path

import pytest
import requests
from kaggle_endpoint import HANG, KEY, SECRETS, SIGNATURE, TOKEN, USER, Endpoint
from toy_sources import remote

from cxr_fastai.core import CatalogError, SourceUnavailable
from cxr_fastai.curation.fetch import server
from cxr_fastai.curation.fetch.download import download
from cxr_fastai.curation.fetch.transports import Check, check, plan

OLD, NEW = b"PK-old" * 50, b"PK-new" * 60
PAGE = "https://www.kaggle.com/datasets/own/cxr"
SIGNED = dict(KAGGLE_USERNAME=USER, KAGGLE_KEY=KEY)
NEWER = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="the client for Python 3.10 knows no such sign-in"
)
CXR = remote("kaggle", "own/cxr")


def test_a_dataset_that_is_there_is_ready_with_its_version_and_bytes(kaggle):
    assert check(CXR) == Check("ready", "version 7", "", len(NEW))


def test_the_plan_is_one_archive_of_the_current_version(kaggle):
    p = plan(CXR)
    assert (p.version, [(x.name, x.archive, x.strip, x.pin, x.key) for x in p.parts]) == (
        "7",
        [("cxr.zip", True, 0, "", "kaggle/own/cxr@7")],
    )


def test_a_pinned_version_is_planned_without_a_question_and_downloaded(kaggle):
    p = plan(remote("kaggle", "own/cxr@6", pin="a" * 64))
    assert not kaggle.seen and (p.version, p.parts[0].pin) == ("6", "a" * 64)
    url, headers = p.parts[0].where()
    assert requests.get(url, headers=headers).content == OLD


def test_a_version_from_the_lock_goes_before_the_handle_and_leaves_its_pin_behind(kaggle):
    p = plan(remote("kaggle", "own/cxr@6", pin="a" * 64), "7")
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
    assert check(CXR).size == 1 << 30


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


@pytest.mark.parametrize(
    "later",
    ["0", formatdate(time.time() - 9, usegmt=True), "soon", None],
    ids=["now", "a date that is over", "no number", "nothing said"],
)
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
    bad = remote("kaggle", "own/cxr@latest")
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
from test_kaggle import CXR, check, plan
from cxr_fastai.curation.fetch.transports import check_all
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
