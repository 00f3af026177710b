"""Asking a server before anything is downloaded: patiently, with timeouts, and told in plain words. Every failure ends
as `Refused`, which carries a Check; no token nor signed link ever stands in one. Writes and prints nothing.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cxr_fastai.core import SourceUnavailable
from cxr_fastai.curation.fetch.exchange import no_query

__all__ = [
    "Part",
    "Plan",
    "Check",
    "Refused",
    "refused",
    "told",
    "patiently",
    "ask_url",
    "size_at",
    "length",
    "pin_of",
    "mirror_path",
    "mirror_way",
]

TIMEOUT = (10, 30)  # seconds to connect, and to wait for each piece of an answer
AGAIN = (408, 429, 500, 502, 503, 504)  # answers after which the same question may be asked again
TRIES, PAUSE, LONGEST = (
    4,
    0.5,
    20,
)  # questions; seconds of the first pause; a longer Retry-After is not waited for
OURS = {"Accept-Encoding": "identity", "User-Agent": "cxr_fastai"}
LATER = "Check the network and its proxy, and try again later; or give --mirror a folder that holds the source."


@dataclass(frozen=True)
class Part:
    """One file to download."""

    name: str  # of the file, for people and, where it is no archive, in the tree
    archive: bool  # to unpack; else it stands in the tree under its name
    strip: int  # leading path parts to take off an archive's members
    pin: str  # SHA-256 that the catalogue demands, or blank
    where: str | Callable[[], tuple[str, dict]] = field(
        repr=False
    )  # a URL, or what gives (URL, headers) anew
    key: str  # identity across runs


@dataclass(frozen=True)
class Plan:
    version: str  # kaggle: a number | github: a commit | http: blank
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Check:
    """What stands between a source and its download."""

    state: str  # ready | sign_in | forbidden | moved | unreachable | no_download
    message: str  # what was found
    remedy: str = ""  # one sentence: what to do; blank when ready
    size: int | None = None  # bytes to download, where the server tells


class Refused(SourceUnavailable):
    """A source that cannot be had as things stand. `check` says why, and what to do."""

    def __init__(self, id: str, check: Check):
        super().__init__(f"{id}: {check.message}. {check.remedy}")
        self.id, self.check = id, check

    def __reduce__(self):
        return type(self), (self.id, self.check)


# ---- asking


def refused(source, state: str, message: str, remedy: str) -> Refused:
    return Refused(source.id, Check(state, message, remedy))


def _status(e) -> int:
    """The status that an HTTPError stands for: the Kaggle client also raises one for a code inside a good answer."""
    r = e.response
    if r is None:
        return 0
    if r.status_code >= 400:
        return r.status_code
    try:
        return int(r.json()["code"])
    except (ValueError, TypeError, KeyError):
        return 0


def _pause(e, i: int) -> float | None:
    """Seconds to wait after failure `e` of try `i`; None: asking again is no use."""
    from requests import Timeout
    from urllib3.exceptions import InvalidHeader
    from urllib3.util import Retry

    r = e.response
    if isinstance(e, Timeout) and i:
        return None
    if r is not None and (_status(e) not in AGAIN or r.headers.get("X-RateLimit-Remaining") == "0"):
        return None
    try:
        wait = Retry().parse_retry_after(r.headers["Retry-After"])
    except (AttributeError, KeyError, InvalidHeader):
        wait = PAUSE * 2**i * random.uniform(0.8, 1.2)
    return wait if wait <= LONGEST else None


def patiently(ask: Callable):
    """ask(), and again where that may help, at most TRIES times."""
    from requests import ConnectionError, HTTPError, Timeout

    for i in range(TRIES):
        try:
            return ask()
        except (ConnectionError, HTTPError, Timeout) as e:
            if i == TRIES - 1 or (wait := _pause(e, i)) is None:
                raise
            time.sleep(wait)


SAME = {
    410: 404,
    409: 404,
    422: 404,
    451: 403,
    407: 0,
}  # statuses that mean the same to the one who asks


@contextmanager
def told(
    source,
    who: str,  # the server, in messages
    says: dict,  # status -> (state, message, remedy)
):
    """Turns what a request raises into `Refused`. The exception's own words may hold a signed link and are left out."""
    from requests import ConnectionError, HTTPError, RequestException, Timeout
    from requests.exceptions import ProxyError, SSLError

    words = {
        Timeout: "does not answer in time",
        ProxyError: "is behind a proxy that refuses",
        SSLError: "cannot be trusted: its TLS certificate, or a proxy's, is wrong",
        ConnectionError: "cannot be reached",
        RequestException: "gives an answer that makes no sense: a network's sign-in page may stand between",
    }
    logging.getLogger("urllib3.connectionpool").addFilter(no_query)
    try:
        yield
    except HTTPError as e:
        n = _status(e)
        if known := says.get(SAME.get(n, n)):
            raise refused(source, *known) from None
        wait = e.response.headers.get("Retry-After", "") if e.response is not None else ""
        asks = f" and asks to wait {wait} s" if wait.isdigit() else ""
        raise refused(
            source, "unreachable", f"{who} answers {n or 'nonsense'}{asks}", LATER
        ) from None
    except RequestException as e:
        why = next(w for kind, w in words.items() if isinstance(e, kind))
        raise refused(source, "unreachable", f"{who} {why}", LATER) from None
    except (
        OSError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
    ):  # a client that could not read the answer
        raise refused(source, "unreachable", f"{who} {words[RequestException]}", LATER) from None


def ask_url(method: str, url: str, headers=None, auth=None):
    """The answer, its body unread. Raises requests' exceptions."""
    import requests

    r = requests.request(
        method,
        url,
        headers={**OURS, **(headers or {})},
        auth=auth,
        timeout=TIMEOUT,
        stream=True,
        allow_redirects=True,
    )
    if r.status_code >= 400:
        r.close()
    r.raise_for_status()
    return r


def _probe(url: str):
    """The answer to HEAD; where a server refuses that, to GET of the first byte."""
    from requests import HTTPError

    try:
        return patiently(lambda: ask_url("HEAD", url))
    except HTTPError as e:
        if e.response.status_code in (404, 410, *AGAIN):
            raise
    return patiently(lambda: ask_url("GET", url, {"Range": "bytes=0-0"}))


def size_at(source, url: str, who: str, says: dict) -> int | None:
    """Bytes that `url` would give, None where the server does not tell. Raises `Refused`."""
    with told(source, who, says), _probe(url) as r:
        return length(source, r, who)


def length(source, r, who: str) -> int | None:
    """Bytes of the file behind answer `r`. Raises `Refused` for a web page."""
    if r.headers.get("Content-Type", "").startswith("text/html"):
        raise refused(
            source,
            "moved",
            f"{who} answers with a web page in place of the file",
            f"Look at {source.url or 'its page'} for its new place, and {mirror_way(source)}.",
        )
    n = r.headers.get("Content-Range", "").rpartition("/")[2] or r.headers.get("Content-Length", "")
    return int(n) if n.isdigit() and int(n) else None


def pin_of(
    source,
    exact: str,  # the version that the catalogue's handle pins, or blank
    version: str,  # the one to download
) -> str:
    """The catalogue's SHA-256 of the one archive; blank where it speaks of another version."""
    return "" if exact and version != exact else getattr(source, "pin", "")


def mirror_way(source) -> str:
    return f"put its files into MIRROR/{mirror_path(source)} and give --mirror MIRROR"


def mirror_path(source) -> Path:
    """Where a mirror holds the source: kaggle/OWNER/NAME, github/OWNER/NAME, http/ID, local/ID."""
    return Path(source.transport) / source.handle.split("@")[0]
