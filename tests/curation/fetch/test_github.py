"""pytest tests/curation/fetch/test_github.py

GitHub, against a loopback server."""

import pytest
from kaggle_endpoint import TOKEN
from toy_sources import remote

from cxr_fastai.curation.fetch.transports import Check, Part, check, plan

NEW = b"PK-new" * 60
SHA = "0123456789abcdef0123456789abcdef01234567"
REPO = remote("github", "own/repo")


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
    assert plan(remote("github", "own/repo@v1.0")).version == SHA


def test_a_pinned_commit_needs_no_api(github):
    pinned = remote("github", f"own/repo@{SHA}", pin="b" * 64)
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
