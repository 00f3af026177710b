"""One question over http(s) and its answer, for a download. Takes an address and headers, gives the answer, its bytes,
and in plain words what went wrong. Never follows another scheme, never gives one host's headers to another, never shows
a query string or a header. Writes nothing.
"""

from __future__ import annotations

import html
import logging
import re
import time
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from cxr_fastai.core import SourceUnavailable, UsageError, one_line, printable

__all__ = ["Exchange", "Again", "new_session", "bare", "coding", "validator"]

CHUNK = 1 << 20  # bytes read at once, at most
MAX_WAIT = 600.0  # seconds: the longest Retry-After that is waited for
MAX_REDIRECTS = 10
RATE = (
    1 << 10
)  # bytes/s: a connection that brings fewer over a whole read timeout is cut and asked again
SNIFF, PAGE = 1 << 10, 64 << 10  # bytes looked at: to tell a web page, to find its title
PASSING = (202, 204, 408, 425, 429)  # answers worth another attempt, beside all from 500
OURS = {"Accept-Encoding": "identity", "User-Agent": "cxr_fastai"}
SIGN_IN = "Sign in, or accept the licence, at {page}, then run it again."
MOVED = "It has moved or is gone: look at {page} and mend its address."
REMEDY = {401: SIGN_IN, 403: SIGN_IN, 404: MOVED, 410: MOVED}
WEB_PAGE = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*"
    rb"<(?:!doctype\s+html|html|head|title|meta|body|script)\b",
    re.I | re.S,
)
TITLE = re.compile(rb"<title[^>]*>(.*?)</title", re.I | re.S)


class Again(Exception):
    """An attempt failed in a way that may pass. `wait`: seconds that the server asks for."""

    def __init__(self, reason: str, wait: float = 0.0):
        super().__init__(reason)
        self.wait = wait


@dataclass
class Exchange:
    """An address, how patiently it is asked, and what messages call it."""

    where: object  # a URL, or a function that gives (URL, headers), or (an answer that is open already, {})
    name: str
    timeout: tuple  # seconds to connect; seconds without a byte
    page: str = "-"  # the address last asked, as messages show it

    # ---- the question

    def address(self) -> tuple[str, dict]:
        """(URL, headers) to ask next. Raises `UsageError` for what is no http(s) address."""
        url, headers = self.where() if callable(self.where) else (self.where, {})
        if hasattr(url, "raw"):
            self.page = bare(url.url)
            return url, {}
        if (scheme := _scheme(url)) not in ("http", "https"):
            raise UsageError(
                f"{self.name}: only http and https addresses are fetched, not {scheme or 'this one'}. "
                "Mend the address, or have the file in a local folder."
            )
        self.page = bare(url)
        return url, dict(headers)

    def ask(self, session, more: dict):
        """The answer to the address and the headers `more`, its body unread. Raises `Again`."""
        import requests
        import urllib3

        logging.getLogger("urllib3.connectionpool").addFilter(no_query)
        url, theirs = self.address()
        if hasattr(url, "raw"):
            return url
        try:
            return self._follow(session, url, theirs, {**OURS, **more})
        except (requests.RequestException, urllib3.exceptions.HTTPError) as e:
            broken = e
        raise Again(
            self._why(broken)
        )  # outside the handler: what requests says holds the whole address

    def _follow(self, session, url: str, theirs: dict, ours: dict):
        """As requests does, but no scheme other than http(s), and nothing of the caller's to another host."""
        for _ in range(MAX_REDIRECTS):
            own = any(h.lower() == "authorization" for h in theirs)
            answer = session.get(
                url,
                headers={**ours, **theirs},
                stream=True,
                timeout=self.timeout,
                allow_redirects=False,
                auth=_as_it_is if own else None,
            )
            if not (to := self._sent_on(session, answer, url)):
                return answer
            if session.should_strip_auth(url, to):
                theirs = {}
            url = to
        raise SourceUnavailable(
            f"{self.name}: {self.page} sends on more than {MAX_REDIRECTS} times. Mend the address."
        )

    def _sent_on(self, session, answer, url: str) -> str:
        """Where a redirect leads; '' for any other answer."""
        try:
            if not (to := session.get_redirect_target(answer)):
                return ""
            to = urljoin(url, to)
        except ValueError:
            to = ""
        answer.close()
        if _scheme(to) in ("http", "https"):
            return to
        raise SourceUnavailable(
            f"{self.name}: {self.page} sends on to {_scheme(to) or 'nonsense'}, and only http and "
            "https are followed. Mend the address."
        )

    def _why(self, e: Exception) -> str:
        """What went wrong on the line, in words that hold no address."""
        causes = [e]
        while (e := e.__cause__ or e.__context__) and e not in causes:
            causes.append(e)
        kinds = {type(x).__name__: x for x in causes}
        if "SSLCertVerificationError" in kinds:
            raise SourceUnavailable(
                f"{self.name}: the certificate of {self.page} is not trusted here: "
                f"{kinds['SSLCertVerificationError'].verify_message}. See whether the address is "
                "right, or download the file by hand into a mirror."
            )
        if isinstance(causes[0], ValueError):
            raise SourceUnavailable(
                f"{self.name}: {self.page} cannot be asked: {type(causes[0]).__name__}. "
                "Mend the address."
            )
        if "ReadTimeoutError" in kinds:
            return f"nothing came for {self.timeout[1]:g} s"
        if "ConnectTimeoutError" in kinds:
            return f"no connection within {self.timeout[0]:g} s"
        if "ProxyError" in kinds:
            return "the proxy let nothing through"
        said = [x.strerror for x in causes if isinstance(x, OSError) and x.strerror]
        return said[-1] if said else "the connection was cut"

    # ---- the answer

    def refused(self, answer) -> Exception:
        """What an answer that is no file raises: `Again` where another attempt may help, else `SourceUnavailable`."""
        code = answer.status_code
        said = f"HTTP {code} {printable(one_line(answer.reason or ''))}".strip()
        if code in PASSING or code >= 500:
            if (wait := _retry_after(answer)) <= MAX_WAIT:
                return Again(said, wait)
            return SourceUnavailable(
                f"{self.name}: {said} from {self.page}, which asks to wait {wait:.0f} s, too long "
                "to wait here. Run it again after that."
            )
        try:
            page = answer.raw.read1(PAGE, decode_content=True)
        except Exception:
            page = b""  # of no weight: the status says enough
        remedy = REMEDY.get(code, "Look at {page}.").replace("{page}", self.page)
        return SourceUnavailable(f"{self.name}: {said}{_title(page)}. {remedy}")

    def body(self, answer):
        """The bytes as they come, decoded. Raises `Again` where they stop, or trickle."""
        import urllib3

        coded, mark, got = coding(answer) != "identity", time.monotonic(), 0
        while True:
            try:
                chunk, broken = answer.raw.read1(CHUNK, decode_content=coded), None
            except (urllib3.exceptions.HTTPError, OSError) as e:
                broken = e
            if broken:
                raise Again(self._why(broken))
            if not chunk:
                return
            got += len(chunk)
            waited = time.monotonic() - mark
            if waited > self.timeout[1]:
                if got < RATE * waited:
                    raise Again(f"no more than {got:,} bytes came in {waited:.1f} s")
                mark, got = time.monotonic(), 0
            yield chunk

    def no_page(self, chunks):
        """The same bytes. Raises `SourceUnavailable` where they begin as a web page does and no page was asked for."""
        head = b""
        for chunk in chunks:
            head += chunk
            if len(head) >= SNIFF:
                break
        asked = any(x.lower().endswith((".html", ".htm")) for x in (self.name, self.page))
        if WEB_PAGE.match(head) and not asked:
            while len(head) < PAGE and (chunk := next(chunks, b"")):
                head += chunk
            raise SourceUnavailable(
                f"{self.name}: the server answered with a web page{_title(head)} instead of the "
                f"file. Open {self.page}: sign in or accept the terms, or mend the address."
            )
        yield head
        yield from chunks


def new_session():
    """A session of requests that leaves redirects alone: it would read their bodies whole, however long."""
    import requests

    session = requests.Session()
    session.resolve_redirects = lambda *_, **__: iter(())
    return session


def bare(url: str) -> str:
    """The address without user, query and fragment: what may be shown."""
    u = urlsplit(url)
    return printable(f"{u.scheme}://{u.netloc.rpartition('@')[2]}{u.path}")


def coding(answer) -> str:
    """How the body is coded: identity, gzip, .."""
    return answer.headers.get("Content-Encoding", "").strip().lower() or "identity"


def validator(answer) -> str:
    """What If-Range may hold: a strong ETag, else Last-Modified; '' where neither is there or the body is coded."""
    if coding(answer) != "identity":
        return ""
    etag = answer.headers.get("ETag", "")
    return etag if etag and not etag.startswith("W/") else answer.headers.get("Last-Modified", "")


def _scheme(url) -> str:
    try:
        return printable(urlsplit(url).scheme.lower())
    except ValueError:
        return ""


def _as_it_is(request):
    """Keeps a given Authorization, which ~/.netrc would replace."""
    return request


def _retry_after(answer) -> float:
    """Seconds that Retry-After asks for, from a number or a date; 0 where it asks for none."""
    from urllib3.exceptions import InvalidHeader
    from urllib3.util import Retry

    try:
        return Retry().parse_retry_after(answer.headers.get("Retry-After", "0"))
    except (InvalidHeader, ValueError, OverflowError):
        return 0.0


def _title(page: bytes) -> str:
    """The title of a web page as messages show it, ('..') with a blank before it; '' where it has none."""
    m = TITLE.search(page)
    said = printable(one_line(html.unescape(m[1].decode("utf-8", "replace")))) if m else ""
    return f" ({said[:80]!r})" if said else ""


def no_query(record: logging.LogRecord) -> bool:
    """A log filter: urllib3 logs whole addresses, and the query of a signed link opens it for whoever reads it."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            re.sub(r"\?.*", "?...", a) if isinstance(a, str) else a for a in record.args
        )
    return True
