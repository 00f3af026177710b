"""How each kind of source is asked. Takes Sources and the environment's ways of signing in; check() returns what is
missing before any download, plan() the parts to download. Downloads nothing itself, writes no file, prints nothing.

A newcomer adds a transport by one entry of TRANSPORTS, at the end of this file.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from cxr_fastai.catalog import split_list
from cxr_fastai.core import CatalogError, CxrError
from cxr_fastai.curation.fetch.kaggle import check_kaggle, plan_kaggle
from cxr_fastai.curation.fetch.plan import (
    LATER,
    Check,
    Part,
    Plan,
    Refused,
    ask_url,
    mirror_path,
    mirror_way,
    patiently,
    pin_of,
    refused,
    size_at,
    told,
)

__all__ = [
    "Part",
    "Plan",
    "Check",
    "Refused",
    "TRANSPORTS",
    "check",
    "plan",
    "check_all",
    "mirror_path",
    "how_to_get",
]

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


@dataclass(frozen=True)
class Transport:
    check: Callable  # check(source) -> Check, or raises Refused
    plan: Callable  # plan(source, version) -> Plan, or raises Refused
    by_hand: (
        Callable  # by_hand(source, folder) -> what a person does to have the source in that folder
    )


# ---- github: the archive of one commit

COMMIT = re.compile("[0-9a-f]{40}")


def _github(kind: str) -> str:
    default = {"SERVER": "https://github.com", "API": "https://api.github.com"}[kind]
    return (os.environ.get(f"GITHUB_{kind}_URL") or default).rstrip("/")


def _github_says(source) -> dict:
    repo = source.handle.split("@")[0]
    page = f"{_github('SERVER')}/{repo}"
    return {
        401: (
            "sign_in",
            "GitHub refuses the token (401)",
            "Unset GITHUB_TOKEN, or give it a valid token.",
        ),
        403: (
            "forbidden",
            "GitHub does not give it to you (403)",
            f"Look at {page} for the reason, or {mirror_way(source)}.",
        ),
        404: (
            "moved",
            f"GitHub has no {source.handle} (404)",
            f"Look at {page} for its new place and correct the "
            f"catalogue's column handle, or {mirror_way(source)}.",
        ),
    }


def _signed_by_token(request):
    if token := os.environ.get("GITHUB_TOKEN"):
        request.headers["Authorization"] = f"Bearer {token}"
    return request


def _commit(source) -> str:
    """The commit that the handle names: 40 hex digits, a tag, or nothing for the newest."""
    from requests import HTTPError

    repo, _, ref = source.handle.partition("@")
    if COMMIT.fullmatch(ref):
        return ref
    url = f"{_github('API')}/repos/{repo}/commits/{ref or 'HEAD'}"
    accept = {"Accept": "application/vnd.github.sha"}
    with told(source, "GitHub", _github_says(source)):
        try:
            with patiently(lambda: ask_url("GET", url, accept, _signed_by_token)) as r:
                sha = r.text.strip()
        except HTTPError as e:
            _raise_rate_limit(source, e)
    if COMMIT.fullmatch(sha):
        return sha
    raise refused(source, "unreachable", "GitHub gives an answer that is no commit", LATER)


def _raise_rate_limit(source, e):
    if e.response.headers.get("X-RateLimit-Remaining") != "0":
        raise e
    reset = e.response.headers.get("X-RateLimit-Reset", "")
    until = (
        f" until {time.strftime('%H:%M UTC', time.gmtime(int(reset)))}" if reset.isdigit() else ""
    )
    raise refused(
        source,
        "unreachable",
        f"GitHub answers no more questions from here{until}",
        "Set GITHUB_TOKEN (a token without any scope does), or pin the commit in the catalogue's column "
        f"handle: {source.handle.split('@')[0]}@COMMIT.",
    ) from None


def _archive_url(source, commit: str) -> str:
    return f"{_github('SERVER')}/{source.handle.split('@')[0]}/archive/{commit}.zip"


def _check_github(source) -> Check:
    commit = _commit(source)
    size = size_at(source, _archive_url(source, commit), "GitHub", _github_says(source))
    return Check("ready", f"commit {commit[:12]}", size=size)


def _plan_github(source, version: str) -> Plan:
    commit, (repo, _, ref) = version or _commit(source), source.handle.partition("@")
    name, pin = (
        f"{repo.split('/')[1]}.zip",
        pin_of(source, ref if COMMIT.fullmatch(ref) else "", commit),
    )
    return Plan(
        commit, (Part(name, True, 1, pin, _archive_url(source, commit), f"github/{repo}@{commit}"),)
    )


# ---- http: the catalogue's addresses


def _downloads(source) -> list[tuple[str, str, str]]:
    """(URL, file name, pin or blank) of each download. A URL's #fragment names the file where its path does not."""
    urls, pins = (split_list(getattr(source, c, "")) for c in ("download", "pin"))
    if pins and len(pins) != len(urls):
        raise CatalogError(
            f"{source.id}, column pin: {len(pins)} for {len(urls)} downloads: "
            "give one SHA-256 a download, joined by ' ; ', or leave the cell blank."
        )
    found = [
        (url.partition("#")[0], _file_name(source, url), pin)
        for url, pin in zip(urls, pins or [""] * len(urls))
    ]
    plain = [name for _, name, _ in found if not name.lower().endswith(ARCHIVES)]
    if twice := sorted({n for n in plain if plain.count(n) > 1}):
        raise CatalogError(
            f"{source.id}, column download: two files are named {twice[0]!r}: "
            "name each by a #fragment of its URL."
        )
    return found


def _file_name(source, url: str) -> str:
    at = f"{source.id}, column download"
    try:
        u = urlsplit(url)
    except ValueError as e:
        raise CatalogError(f"{at}: no URL: {e}.") from e
    if u.username or u.password:
        raise CatalogError(
            f"{at}: a URL with a user or password: a catalogue is no place "
            "for them. Put the files into a mirror."
        )
    if u.scheme not in ("http", "https") or not u.hostname:
        raise CatalogError(
            f"{at}: a URL with scheme {u.scheme!r}: expected http://HOST/... or https://HOST/..."
        )
    name = unquote(u.fragment) or PurePosixPath(unquote(u.path)).name
    if name in ("", ".", "..") or not name.isprintable() or re.search(r"[/\\:]", name):
        raise CatalogError(
            f"{at}: {u.hostname}{u.path} names no file: add #NAME, as in #images.zip."
        )
    return name


def _http_says(source) -> dict:
    page, hand = source.url or "its page", mirror_way(source)
    return {
        401: (
            "sign_in",
            "the server wants you to sign in (401)",
            f"Sign in at {page}, and {hand}.",
        ),
        403: (
            "forbidden",
            "the server does not give it to you (403)",
            f"Read the terms at {page}, and {hand}.",
        ),
        404: (
            "moved",
            "the file is not there (404)",
            f"Look at {page} for its new place and correct the "
            f"catalogue's column download, or {hand}.",
        ),
    }


def _check_http(source) -> Check:
    downloads = _downloads(source)
    if not downloads:
        raise _nothing(source)
    sizes = [
        size_at(source, url, urlsplit(url).hostname, _http_says(source)) for url, _, _ in downloads
    ]
    count = f"{len(sizes)} file{'s' if len(sizes) > 1 else ''}"
    return Check("ready", count, size=sum(sizes) if all(sizes) else None)


def _plan_http(source, version: str) -> Plan:
    parts = tuple(
        Part(name, name.lower().endswith(ARCHIVES), 0, pin, url, url.partition("?")[0])
        for url, name, pin in _downloads(source)
    )
    if not parts:
        raise _nothing(source)
    return Plan("", parts)


# ---- without a download


def _nothing(source) -> Refused:
    first = f"Download it from {source.url}, then " if source.url else "To have it, "
    return refused(
        source,
        "no_download",
        "no address to download it from is known",
        f"{first}{mirror_way(source)}.",
    )


def _check_local(source) -> Check:
    raise refused(
        source,
        "no_download",
        "a folder on this machine",
        f"It is expected at {source.handle} beside the "
        f"catalogue, or at MIRROR/{mirror_path(source)} with --mirror MIRROR.",
    )


def _check_reference(source) -> Check:
    raise refused(
        source, "no_download", "known only as an upstream of other sources", "It is never fetched."
    )


# ---- the table


def how_to_get(source) -> str:
    """One sentence: what a person does to have the source in a mirror."""
    return TRANSPORTS[source.transport].by_hand(source, f"MIRROR/{mirror_path(source)}")


def _raising(check: Callable) -> Callable:
    return lambda source, version: check(source)


TRANSPORTS = {
    "kaggle": Transport(
        check_kaggle,
        plan_kaggle,
        lambda s, to: f"kaggle datasets download {s.handle.split('@')[0]} --unzip -p {to}",
    ),
    "github": Transport(
        _check_github,
        _plan_github,
        lambda s, to: f"git clone {_github('SERVER')}/{s.handle.split('@')[0]} {to}",
    ),
    "http": Transport(
        _check_http, _plan_http, lambda s, to: f"put the files of {s.url or s.handle} into {to}"
    ),
    "local": Transport(
        _check_local, _raising(_check_local), lambda s, to: f"put the files of {s.handle} into {to}"
    ),
    "reference": Transport(
        _check_reference, _raising(_check_reference), lambda s, to: "nothing: it is never fetched"
    ),
}


def plan(
    source,  # a catalog.Source
    version="",  # to have instead of the handle's: what a lock file recorded
) -> Plan:
    """What to download to have `source`. Asks the server only where no version is pinned.
    Raises `Refused`, which is a `SourceUnavailable`, and `CatalogError`.
    """
    return TRANSPORTS[source.transport].plan(source, version)


def check(
    source,  # a catalog.Source
    deadline=90.0,  # seconds for all questions together
) -> Check:
    """What is missing to download `source`. Never raises for what the source or its server does."""
    asked = Future()

    def ask():
        try:
            asked.set_result(TRANSPORTS[source.transport].check(source))
        except Exception as e:
            asked.set_exception(e)

    threading.Thread(
        target=ask, daemon=True
    ).start()  # left behind, not waited for, when the time is up
    try:
        return asked.result(deadline)
    except Refused as e:
        return e.check
    except CxrError as e:
        return Check("unreachable", str(e), "Correct the catalogue's row.")
    except Late:
        return Check("unreachable", f"no answer within {deadline:g} s", LATER)
    except Exception as e:
        return Check("unreachable", f"asking failed with {type(e).__name__}", LATER)


def check_all(
    sources,
    workers=8,
    deadline=25.0,  # seconds for each source
) -> dict[str, Check]:
    """Source id -> Check, in the given order, asked at the same time. One that fails or hangs costs only its own line."""
    sources = list(sources)
    with ThreadPoolExecutor(max(1, workers)) as pool:
        return dict(zip([s.id for s in sources], pool.map(lambda s: check(s, deadline), sources)))
