"""Questions to a server before anything is downloaded, asked again where that may help.

A URL -> its answer or its size. Every failure ends as `Refused`, which carries a Check in plain
words; no token nor signed link ever stands in one. It writes and prints nothing.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from cxr_fastai.catalog import Source
from cxr_fastai.curation.fetch.exchange import OUR_HEADERS, no_query
from cxr_fastai.curation.fetch.mirrors import mirror_way
from cxr_fastai.curation.fetch.plan import TRY_LATER, Check, Refused, refusal
from cxr_fastai.inputs import is_whole_number

__all__ = [
    "Replies",
    "TIMEOUT",
    "ask_with_retries",
    "refusals_in_words",
    "request_url",
    "size_at",
    "size_in_answer",
]

T = TypeVar("T")
Replies = Mapping[int, Check]  # an HTTP status -> what it means for this source

TIMEOUT = (10, 30)  # seconds to connect, and to wait for each piece of an answer
RETRY_STATUSES = (408, 429, 500, 502, 503, 504)  # after these the same question may be asked again
TRIES = 4  # questions in all
PAUSE = 0.5  # seconds before the second question; doubles
MAX_RETRY_AFTER = 20  # seconds: a server that asks for a longer wait is not waited for
SAME_MEANING = {  # statuses that mean the same to the one who asks
    410: 404,
    409: 404,
    422: 404,
    451: 403,
    407: 0,
}
NONSENSE = "gives an answer that makes no sense: a network's sign-in page may stand between"


# ---- asking again


def ask_with_retries(ask: Callable[[], T]) -> T:
    """Call `ask`, and again where that may help, at most TRIES times. Raises its last error."""
    import requests

    for attempt in range(TRIES - 1):
        try:
            return ask()
        except (requests.ConnectionError, requests.HTTPError, requests.Timeout) as e:
            seconds = _seconds_to_wait(e, attempt)
            if seconds is None:
                raise
        time.sleep(seconds)
    return ask()


def _seconds_to_wait(
    error: Any,  # one of requests, or of Kaggle's client
    attempt: int,  # counted from 0
) -> float | None:
    """Return how long to wait before the next question; None: asking again is of no use."""
    from requests import Timeout

    if isinstance(error, Timeout) and attempt > 0:
        return None
    answer = error.response
    if answer is not None:
        rate_limited = answer.headers.get("X-RateLimit-Remaining") == "0"
        may_pass = _status(error) in RETRY_STATUSES
        if rate_limited or not may_pass:
            return None
    seconds = _retry_after(answer)
    if seconds is None:
        seconds = PAUSE * 2**attempt * random.uniform(0.8, 1.2)
    return seconds if seconds <= MAX_RETRY_AFTER else None


def _retry_after(answer: Any) -> float | None:
    """Return the seconds that an answer's Retry-After asks for; None where it asks for none."""
    from urllib3.exceptions import InvalidHeader
    from urllib3.util import Retry

    try:
        return float(Retry().parse_retry_after(answer.headers["Retry-After"]))
    except (AttributeError, KeyError, InvalidHeader):
        return None


def _status(error: Any) -> int:
    """Return the status that an HTTPError stands for; 0 where it has none.

    Kaggle's client also raises one for a code inside a good answer.
    """
    answer = error.response
    if answer is None:
        return 0
    if answer.status_code >= 400:
        return int(answer.status_code)
    try:
        return int(answer.json()["code"])
    except (ValueError, TypeError, KeyError):
        return 0


# ---- failures in plain words


@contextmanager
def refusals_in_words(
    source: Source,
    server: str,  # its name in messages
    replies: Replies,
) -> Iterator[None]:
    """Turn what a request raises into `Refused`.

    The exception's own words may hold a signed link and are left out.
    """
    from requests import HTTPError, RequestException

    logging.getLogger("urllib3.connectionpool").addFilter(no_query)
    try:
        yield
    except HTTPError as e:
        raise _refusal_of_status(source, server, replies, e) from None
    except RequestException as e:
        message = f"{server} {_trouble_on_the_line(e)}"
        raise refusal(source, "unreachable", message, TRY_LATER) from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        # a client that could not read the answer
        raise refusal(source, "unreachable", f"{server} {NONSENSE}", TRY_LATER) from None


def _refusal_of_status(source: Source, server: str, replies: Replies, error: Any) -> Refused:
    """Say what an answer's status means."""
    status = _status(error)
    known = replies.get(SAME_MEANING.get(status, status))
    if known:
        return Refused(source.id, known)
    wait = ""
    if error.response is not None:
        wait = error.response.headers.get("Retry-After", "")
    asks = f" and asks to wait {wait} s" if wait.isdigit() else ""
    message = f"{server} answers {status or 'nonsense'}{asks}"
    return refusal(source, "unreachable", message, TRY_LATER)


def _trouble_on_the_line(error: Exception) -> str:
    """Say what kept an answer from coming. The order matters: some are kinds of ConnectionError."""
    import requests
    from requests.exceptions import ProxyError, SSLError

    if isinstance(error, requests.Timeout):
        return "does not answer in time"
    if isinstance(error, ProxyError):
        return "is behind a proxy that refuses"
    if isinstance(error, SSLError):
        return "cannot be trusted: its TLS certificate, or a proxy's, is wrong"
    if isinstance(error, requests.ConnectionError):
        return "cannot be reached"
    return NONSENSE


# ---- requests


def request_url(
    method: str,
    url: str,
    headers: Mapping[str, str] | None = None,  # beside ours
    auth: Callable[[Any], Any] | None = None,  # as requests takes it
) -> Any:  # a requests.Response
    """Return the answer, its body unread. Raises requests' exceptions."""
    import requests

    answer = requests.request(
        method,
        url,
        headers={**OUR_HEADERS, **(headers or {})},
        auth=auth,
        timeout=TIMEOUT,
        stream=True,
        allow_redirects=True,
    )
    if answer.status_code >= 400:
        answer.close()
    answer.raise_for_status()
    return answer


def size_at(source: Source, url: str, server: str, replies: Replies) -> int | None:
    """Return the bytes that `url` would give, None where that is not told. Raises `Refused`."""
    with refusals_in_words(source, server, replies):
        with _headers_of(url) as answer:
            return size_in_answer(source, answer, server)


def _headers_of(url: str) -> Any:  # a requests.Response
    """Return the answer to HEAD; where a server refuses that, to GET of the first byte."""
    from requests import HTTPError

    try:
        return ask_with_retries(lambda: request_url("HEAD", url))
    except HTTPError as e:
        if e.response.status_code in (404, 410, *RETRY_STATUSES):
            raise
    return ask_with_retries(lambda: request_url("GET", url, {"Range": "bytes=0-0"}))


def size_in_answer(
    source: Source,
    answer: Any,  # a requests.Response
    server: str,
) -> int | None:
    """Return the bytes of the file behind an answer. Raises `Refused` for a web page."""
    if answer.headers.get("Content-Type", "").startswith("text/html"):
        raise refusal(
            source,
            "moved",
            f"{server} answers with a web page in place of the file",
            f"Look at {source.url or 'its page'} for its new place, and {mirror_way(source)}.",
        )
    whole_of_range = answer.headers.get("Content-Range", "").rpartition("/")[2]
    size = whole_of_range or answer.headers.get("Content-Length", "")
    return int(size) if is_whole_number(size) and int(size) else None
