"""One question over http(s) and its answer, for a download.

An address and headers -> the answer, its bytes, and in plain words what went wrong. Never follows
another scheme, never gives one host's headers to another, never shows a query string or a header.
Writes nothing.
"""

from __future__ import annotations

import html
import logging
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from cxr_fastai.core import SourceUnavailable, UsageError, one_line, printable
from cxr_fastai.curation.fetch.plan import Where

__all__ = [
    "Exchange",
    "OUR_HEADERS",
    "RetryLater",
    "bare",
    "coding",
    "new_session",
    "no_query",
    "validator",
]

READ_BYTES = 1 << 20  # read at once, at most
MAX_RETRY_AFTER = 600.0  # seconds: the longest Retry-After that is waited for
MAX_REDIRECTS = 10
# Bytes a second: a connection that brings fewer over a whole read timeout is cut and asked again.
MIN_RATE = 1 << 10
SNIFF_BYTES = 1 << 10  # looked at to tell a web page
PAGE_BYTES = 64 << 10  # looked at to find its title
MAX_TITLE = 80  # characters of a title in a message
PASSING = (202, 204, 408, 425, 429)  # answers worth another attempt, beside all from 500
OUR_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "cxr_fastai"}
SIGN_IN = "Sign in, or accept the licence, at {page}, then run it again."
MOVED = "It has moved or is gone: look at {page} and mend its address."
REMEDIES = {401: SIGN_IN, 403: SIGN_IN, 404: MOVED, 410: MOVED}
WEB_PAGE = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*"
    rb"<(?:!doctype\s+html|html|head|title|meta|body|script)\b",
    re.I | re.S,
)
TITLE = re.compile(rb"<title[^>]*>(.*?)</title", re.I | re.S)


class RetryLater(Exception):
    """An attempt failed in a way that may pass. `wait`: seconds that the server asks for."""

    def __init__(self, reason: str, wait: float = 0.0):
        super().__init__(reason)
        self.wait = wait


@dataclass
class Exchange:
    """An address, how patiently it is asked, and what messages call it."""

    where: Where
    name: str
    timeout: tuple[float, float]  # seconds to connect; seconds without a byte
    page: str = "-"  # the address last asked, as messages show it

    # ---- the question

    def address(self) -> tuple[Any, dict[str, str]]:
        """Return (URL, or an open answer; headers) to ask next.

        Raises `UsageError` for what is no http(s) address.
        """
        url: Any = self.where
        headers: dict[str, str] = {}
        if callable(self.where):
            url, headers = self.where()
        if _is_answer(url):
            self.page = bare(url.url)
            return url, {}
        scheme = _scheme(url)
        if scheme not in ("http", "https"):
            raise UsageError(
                f"{self.name}: only http and https addresses are fetched, not "
                f"{scheme or 'this one'}. Mend the address, or have the file in a local folder."
            )
        self.page = bare(url)
        return url, dict(headers)

    def ask(
        self,
        session: Any,  # of new_session()
        more_headers: Mapping[str, str],
    ) -> Any:  # a requests.Response
        """Return the answer to the address, its body unread. Raises `RetryLater`."""
        import requests
        import urllib3

        logging.getLogger("urllib3.connectionpool").addFilter(no_query)
        url, their_headers = self.address()
        if _is_answer(url):
            return url
        try:
            return self._follow(session, url, their_headers, {**OUR_HEADERS, **more_headers})
        except (requests.RequestException, urllib3.exceptions.HTTPError) as e:
            trouble = e
        # raised outside the handler: what requests says holds the whole address
        raise RetryLater(self._why(trouble))

    def _follow(
        self,
        session: Any,
        url: str,
        their_headers: dict[str, str],  # for the first host only
        our_headers: dict[str, str],
    ) -> Any:
        """Follow redirects as requests does, but to no scheme other than http(s).

        Nothing of the caller's goes to another host.
        """
        for _ in range(MAX_REDIRECTS):
            signed = any(header.lower() == "authorization" for header in their_headers)
            answer = session.get(
                url,
                headers={**our_headers, **their_headers},
                stream=True,
                timeout=self.timeout,
                allow_redirects=False,
                auth=_as_it_is if signed else None,
            )
            target = self._redirect_target(session, answer, url)
            if not target:
                return answer
            if session.should_strip_auth(url, target):
                their_headers = {}
            url = target
        raise SourceUnavailable(
            f"{self.name}: {self.page} sends on more than {MAX_REDIRECTS} times. Mend the address."
        )

    def _redirect_target(self, session: Any, answer: Any, url: str) -> str:
        """Return where a redirect leads; '' for any other answer."""
        try:
            target = session.get_redirect_target(answer)
            if not target:
                return ""
            target = urljoin(url, target)
        except ValueError:
            target = ""
        answer.close()
        scheme = _scheme(target)
        if scheme in ("http", "https"):
            return str(target)
        raise SourceUnavailable(
            f"{self.name}: {self.page} sends on to {scheme or 'nonsense'}, and only http and "
            "https are followed. Mend the address."
        )

    def _why(self, error: BaseException) -> str:
        """Say what went wrong on the line, in words that hold no address.

        Raises `SourceUnavailable` where another attempt would not help.
        """
        causes = _chain_of_causes(error)
        kinds = {type(cause).__name__: cause for cause in causes}
        if "SSLCertVerificationError" in kinds:
            reason = getattr(kinds["SSLCertVerificationError"], "verify_message", "")
            raise SourceUnavailable(
                f"{self.name}: the certificate of {self.page} is not trusted here: {reason}. See "
                "whether the address is right, or download the file by hand into a mirror."
            )
        if isinstance(error, ValueError):
            raise SourceUnavailable(
                f"{self.name}: {self.page} cannot be asked: {type(error).__name__}. "
                "Mend the address."
            )
        if "ReadTimeoutError" in kinds:
            return f"nothing came for {self.timeout[1]:g} s"
        if "ConnectTimeoutError" in kinds:
            return f"no connection within {self.timeout[0]:g} s"
        if "ProxyError" in kinds:
            return "the proxy let nothing through"
        by_system = [cause for cause in causes if isinstance(cause, OSError) and cause.strerror]
        return str(by_system[-1].strerror) if by_system else "the connection was cut"

    # ---- the answer

    def refused(self, answer: Any) -> Exception:
        """Return what an answer that is no file raises.

        That is `RetryLater` where another attempt may help, else `SourceUnavailable`.
        """
        code = answer.status_code
        status = f"HTTP {code} {printable(one_line(answer.reason or ''))}".strip()
        if code in PASSING or code >= 500:
            wait = _retry_after(answer)
            if wait <= MAX_RETRY_AFTER:
                return RetryLater(status, wait)
            return SourceUnavailable(
                f"{self.name}: {status} from {self.page}, which asks to wait {wait:.0f} s, too "
                "long to wait here. Run it again after that."
            )
        try:
            page = answer.raw.read1(PAGE_BYTES, decode_content=True)
        except Exception:
            page = b""  # of no weight: the status says enough
        remedy = REMEDIES.get(code, "Look at {page}.").replace("{page}", self.page)
        return SourceUnavailable(f"{self.name}: {status}{_title(page)}. {remedy}")

    def body(self, answer: Any) -> Iterator[bytes]:
        """Yield the bytes as they come, decoded. Raises `RetryLater` where they stop or trickle."""
        is_coded = coding(answer) != "identity"
        mark = time.monotonic()
        got = 0  # bytes since the mark
        while True:
            chunk = self._read(answer, is_coded)
            if not chunk:
                return
            got += len(chunk)
            waited = time.monotonic() - mark
            if waited > self.timeout[1]:
                if got < MIN_RATE * waited:
                    raise RetryLater(f"no more than {got:,} bytes came in {waited:.1f} s")
                mark = time.monotonic()
                got = 0
            yield chunk

    def _read(self, answer: Any, is_coded: bool) -> bytes:
        """Return the next bytes of a body; none at its end. Raises `RetryLater`."""
        import urllib3

        try:
            chunk: bytes = answer.raw.read1(READ_BYTES, decode_content=is_coded)
            return chunk
        except (urllib3.exceptions.HTTPError, OSError) as e:
            trouble = e
        # raised outside the handler: what urllib3 says may hold the whole address
        raise RetryLater(self._why(trouble))

    def no_page(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the same bytes.

        Raises `SourceUnavailable` where they begin as a web page does and no page was asked for.
        """
        head = _first_bytes(b"", chunks, SNIFF_BYTES)
        page_wanted = self.name.lower().endswith((".html", ".htm")) or self.page.lower().endswith(
            (".html", ".htm")
        )
        if WEB_PAGE.match(head) and not page_wanted:
            head = _first_bytes(head, chunks, PAGE_BYTES)
            raise SourceUnavailable(
                f"{self.name}: the server answered with a web page{_title(head)} instead of the "
                f"file. Open {self.page}: sign in or accept the terms, or mend the address."
            )
        yield head
        yield from chunks


def new_session() -> Any:  # a requests.Session
    """Make a session that leaves redirects alone: requests would read their bodies whole."""
    import requests

    class SessionThatStays(requests.Session):
        """Follows nothing, not even to look."""

        def resolve_redirects(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
            """Resolve none."""
            return iter(())

    return SessionThatStays()


def bare(url: str) -> str:
    """Return the address without user, query and fragment: what may be shown."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return printable(f"{parts.scheme}://{host}{parts.path}")


def coding(answer: Any) -> str:
    """Return how the body is coded: identity, gzip, .."""
    return answer.headers.get("Content-Encoding", "").strip().lower() or "identity"


def validator(answer: Any) -> str:
    """Return what If-Range may hold: a strong ETag, else Last-Modified.

    '' where neither is there or the body is coded.
    """
    if coding(answer) != "identity":
        return ""
    etag: str = answer.headers.get("ETag", "")
    if etag and not etag.startswith("W/"):
        return etag
    return str(answer.headers.get("Last-Modified", ""))


def no_query(record: logging.LogRecord) -> bool:
    """Take the query off every address that urllib3 logs: that of a signed link opens it.

    A log filter; lets every record pass.
    """
    if isinstance(record.args, tuple):
        record.args = tuple(_without_query(value) for value in record.args)
    return True


def _without_query(value: object) -> object:
    if isinstance(value, str):
        return re.sub(r"\?.*", "?...", value)
    return value


def _is_answer(url: object) -> bool:
    """Tell an answer of requests that is open already from a URL."""
    return hasattr(url, "raw")


def _scheme(url: Any) -> str:
    try:
        return printable(urlsplit(url).scheme.lower())
    except ValueError:
        return ""


def _as_it_is(request: Any) -> Any:
    """Keep a given Authorization, which ~/.netrc would replace."""
    return request


def _chain_of_causes(error: BaseException) -> list[BaseException]:
    """Return an error and what it was raised from, each once."""
    causes = [error]
    cause = error.__cause__ or error.__context__
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    return causes


def _first_bytes(head: bytes, chunks: Iterator[bytes], size: int) -> bytes:
    """Return `head` and chunks behind it, until `size` bytes or more are there."""
    while len(head) < size:
        chunk = next(chunks, b"")
        if not chunk:
            break
        head += chunk
    return head


def _retry_after(answer: Any) -> float:
    """Return the seconds that Retry-After asks for, from a number or a date; 0 for none."""
    from urllib3.exceptions import InvalidHeader
    from urllib3.util import Retry

    try:
        return float(Retry().parse_retry_after(answer.headers.get("Retry-After", "0")))
    except (InvalidHeader, ValueError, OverflowError):
        return 0.0


def _title(page: bytes) -> str:
    """Return the title of a web page as messages show it, ('..') with a blank before it, or ''."""
    match = TITLE.search(page)
    if not match:
        return ""
    title = printable(one_line(html.unescape(match[1].decode("utf-8", "replace"))))
    return f" ({title[:MAX_TITLE]!r})" if title else ""
