"""GitHub: the archive of one commit.

A Source -> a Check or a Plan; it downloads nothing. GITHUB_TOKEN goes to the API only.
"""

from __future__ import annotations

import os
import re
import time
from typing import Any

from cxr_fastai.catalog import Source
from cxr_fastai.curation.fetch.mirrors import mirror_way
from cxr_fastai.curation.fetch.plan import (
    TRY_LATER,
    Check,
    Part,
    Plan,
    Refused,
    catalogue_pin,
    refusal,
)
from cxr_fastai.curation.fetch.server import (
    Replies,
    ask_with_retries,
    refusals_in_words,
    request_url,
    size_at,
)
from cxr_fastai.inputs import is_whole_number

__all__ = ["check_github", "github_page", "plan_github"]

SERVER = "GitHub"  # in messages
COMMIT = re.compile("[0-9a-f]{40}")


def check_github(source: Source) -> Check:
    """Ask whether the archive would come, and how large it is. Raises `Refused`."""
    commit = _commit(source)
    url = _archive_url(source, commit)
    size = size_at(source, url, SERVER, _replies(source))
    return Check("ready", f"commit {commit[:12]}", size=size)


def plan_github(
    source: Source,
    version: str,  # a commit to have instead of the handle's, or blank
) -> Plan:
    """Plan the one archive of a commit. Asks only where none is known. Raises `Refused`."""
    repository, _, reference = source.handle.partition("@")
    commit = version or _commit(source)
    pinned_commit = reference if COMMIT.fullmatch(reference) else ""
    archive = Part(
        name=f"{repository.split('/')[1]}.zip",
        archive=True,
        strip=1,  # REPOSITORY-COMMIT/
        pin=catalogue_pin(source, pinned_commit, commit),
        where=_archive_url(source, commit),
        key=f"github/{repository}@{commit}",
    )
    return Plan(commit, (archive,))


def github_page(source: Source) -> str:
    """Return the address of the repository."""
    server = os.environ.get("GITHUB_SERVER_URL") or "https://github.com"
    repository = source.handle.split("@")[0]
    return f"{server.rstrip('/')}/{repository}"


def _archive_url(source: Source, commit: str) -> str:
    """Return the address of a commit's zip."""
    return f"{github_page(source)}/archive/{commit}.zip"


def _commit(source: Source) -> str:
    """Find the commit that the handle names: 40 hex digits, a tag, or nothing for the newest."""
    from requests import HTTPError

    repository, _, reference = source.handle.partition("@")
    if COMMIT.fullmatch(reference):
        return reference
    server = os.environ.get("GITHUB_API_URL") or "https://api.github.com"
    url = f"{server.rstrip('/')}/repos/{repository}/commits/{reference or 'HEAD'}"
    headers = {"Accept": "application/vnd.github.sha"}
    with refusals_in_words(source, SERVER, _replies(source)):
        try:
            with ask_with_retries(lambda: request_url("GET", url, headers, _with_token)) as answer:
                commit = str(answer.text.strip())
        except HTTPError as e:
            if e.response.headers.get("X-RateLimit-Remaining") != "0":
                raise
            raise _rate_limit(source, e.response) from None
    if COMMIT.fullmatch(commit):
        return commit
    raise refusal(source, "unreachable", "GitHub gives an answer that is no commit", TRY_LATER)


def _with_token(request: Any) -> Any:
    """Sign a request of requests by GITHUB_TOKEN, where that is set."""
    token = os.environ.get("GITHUB_TOKEN")
    if token:
        request.headers["Authorization"] = f"Bearer {token}"
    return request


def _rate_limit(source: Source, answer: Any) -> Refused:
    """Say until when GitHub answers nothing from here."""
    reset = answer.headers.get("X-RateLimit-Reset", "")
    until = ""
    if is_whole_number(reset) and len(reset) <= 10:  # until the year 2286
        until = f" until {time.strftime('%H:%M UTC', time.gmtime(int(reset)))}"
    return refusal(
        source,
        "unreachable",
        f"GitHub answers no more questions from here{until}",
        "Set GITHUB_TOKEN (a token without any scope does), or pin the commit in the catalogue's "
        f"column handle: {source.handle.split('@')[0]}@COMMIT.",
    )


def _replies(source: Source) -> Replies:
    """Say what GitHub's statuses mean."""
    page = github_page(source)
    refuses_token = Check(
        "sign_in",
        "GitHub refuses the token (401)",
        "Unset GITHUB_TOKEN, or give it a valid token.",
    )
    withholds = Check(
        "forbidden",
        "GitHub does not give it to you (403)",
        f"Look at {page} for the reason, or {mirror_way(source)}.",
    )
    has_moved = Check(
        "moved",
        f"GitHub has no {source.handle} (404)",
        f"Look at {page} for its new place and correct the "
        f"catalogue's column handle, or {mirror_way(source)}.",
    )
    return {401: refuses_token, 403: withholds, 404: has_moved}
