"""Every request, from its first header to the last byte of its answer.

ASGI in, ASGI out. What is refused is refused here, before the body is read where that can be told;
what passes reaches its handler whole and in memory. Every answer has the security headers. A
handler's mistake costs one request. Nothing of a film is logged: neither its name nor its bytes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl

from starlette.responses import Response

from cxr_fastai.app.api import check_warm
from cxr_fastai.app.asked import Asked
from cxr_fastai.app.checks import check_host, check_origin, headers_of, is_https
from cxr_fastai.app.limits import Limits
from cxr_fastai.app.refusals import Refusal, refusal
from cxr_fastai.app.refused_page import refused
from cxr_fastai.app.request_log import log_request, log_unexpected
from cxr_fastai.app.router import METHODS, Router
from cxr_fastai.app.routes import Route
from cxr_fastai.app.security_headers import secured
from cxr_fastai.app.site import Site
from cxr_fastai.app.tokens import bearer_of, is_token, session_of
from cxr_fastai.app.uploads import check_type, uploads_of
from cxr_fastai.core import printable

__all__ = ["Front"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LONGEST_ADDRESS = 2_000  # bytes of path and query; the longest that a page here asks for has 100
MOST_QUERY_FIELDS = 8
CLIENT_GONE = 499  # in logs and metrics, as nginx counts them: nobody is there to be answered
OTHER = "other"  # route of what has none, method of what is none of METHODS
ASK_TOKEN = {"WWW-Authenticate": "Bearer"}
RETRY_SECONDS = 5
MOST_DIGITS = 15  # of a Content-Length


class _ClientGone(Exception):
    """The client closed its connection before it was answered."""


@dataclass
class _Story:
    """What is known of a request so far, for log and metrics."""

    method: str
    route: str = OTHER
    films: int = 0
    is_read: bool = False  # whether its body, if it has one, was read to the end
    headers: dict[str, str] = field(default_factory=dict)  # for how a refusal is written
    began: float = field(default_factory=time.monotonic)

    @property
    def has_body(self) -> bool:
        """Whether it announces a body."""
        headers = self.headers
        return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers

    @property
    def seconds(self) -> float:
        """How long it takes already."""
        return time.monotonic() - self.began


class Front:
    """What every request meets."""

    def __init__(self, site: Site):
        self.site = site
        self.router = Router(site)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        story = _Story(scope["method"])
        try:
            response = await self._answer(scope, receive, story)
        except _ClientGone:
            self.note(story.route, story.method, CLIENT_GONE, story.seconds, story.films)
            return
        https = is_https(story.headers, scope["scheme"])
        secured(response, https)
        await response(scope, receive, send)  # type: ignore[arg-type]
        self.note(story.route, story.method, response.status_code, story.seconds, story.films)

    def note(
        self,
        route: str,
        method: str,
        status: int,
        seconds: float,
        films: int = 0,
    ) -> None:
        """Log and count a request."""
        shown = method if method in METHODS else OTHER
        self.site.metrics.count(route, shown, status, seconds)
        log_request(route, shown, status, seconds, films)

    async def _answer(self, scope: Message, receive: Receive, story: _Story) -> Response:
        """Answer a request, or refuse it. Raises `_ClientGone`."""
        try:
            return await self._handled(scope, receive, story)
        except Refusal as e:
            why = replace(e)  # without the frames, and bodies, that the traceback holds
        except _ClientGone:
            raise
        except asyncio.CancelledError:  # the time that stopping may take is over
            why = refusal("stopping")
        except Exception as e:
            log_unexpected(e)
            why = refusal("unexpected")
        self.site.metrics.count_refusal(why.code)
        response = refused(why, story.headers)
        # A POST without a length has no body by the letter, and what follows is the next request:
        # to be sure, nothing is read behind it.
        may_have_body = story.has_body or story.method == "POST"
        if may_have_body and not story.is_read:
            response.headers["connection"] = "close"  # what still comes is no request
        return response

    async def _handled(self, scope: Message, receive: Receive, story: _Story) -> Response:
        """Check a request, read it and hand it on. Raises `Refusal` and `_ClientGone`."""
        story.headers = headers_of(scope["headers"])
        site = self.site
        check_host(story.headers, _plain(scope["server"][0]), site.names)
        if len(scope["raw_path"]) + len(scope["query_string"]) > LONGEST_ADDRESS:
            raise refusal("address_long")
        route = self.router.find(scope)
        story.route = route.path
        if route.method == "POST":
            check_origin(story.headers, site.names)
        await self._check_token(route, story)
        query = _query_of(scope, route)
        client = _plain(scope["client"][0]) if scope["client"] else ""
        asked = Asked(
            method=story.method,
            path=scope["path"],
            headers=story.headers,
            query=query,
            client=client,
            https=is_https(story.headers, scope["scheme"]),
        )
        length = _length_of(route, story, site.limits)
        if not route.takes_films:
            body = await self._body(receive, length)
            story.is_read = True
            return await self.router.answer(scope, replace(asked, body=body))
        check_warm(site)
        site.visits.count(client)
        content_type = story.headers.get("content-type", "")
        check_type(content_type)
        with site.turns.place(length):
            body = await self._body(receive, length)
            story.is_read = True
            uploads = uploads_of(content_type, body, site.limits)
            del body  # a raw film is its upload; a form's parts are cut out of it
            story.films = len(uploads)
            work = self._work(scope, replace(asked, uploads=uploads))
            return await _while_connected(work, receive)

    async def _check_token(self, route: Route, story: _Story) -> None:
        """Raise `Refusal` where a request lacks the server's token."""
        token = self.site.token
        if not token or route.is_open:
            return
        given = bearer_of(story.headers)
        if given is not None:
            if not is_token(given, token):
                await asyncio.sleep(self.site.limits.wrong_token_seconds)
                raise refusal("token_wrong", ASK_TOKEN)
        elif not self.site.sessions.holds(session_of(story.headers)):
            raise refusal("token_missing", ASK_TOKEN)

    async def _body(
        self,
        receive: Receive,
        length: int,  # that it is to have
    ) -> bytes:
        """Read a body. Raises `Refusal`."""
        try:
            body = await _read(receive, length, self.site.limits)
        except TimeoutError:
            raise refusal("body_slow") from None
        if len(body) != length:
            raise refusal("body_short")
        return body

    async def _work(self, scope: Message, asked: Asked) -> Response:
        """Wait for one's turn and answer. Raises `Refusal`."""
        try:
            return await asyncio.wait_for(self._turn(scope, asked), self.site.limits.answer_seconds)
        except TimeoutError:
            retry = {"Retry-After": str(RETRY_SECONDS)}
            raise refusal("late", retry, seconds=RETRY_SECONDS) from None

    async def _turn(self, scope: Message, asked: Asked) -> Response:
        """Wait for one's turn, then answer."""
        async with self.site.turns.work():
            return await self.router.answer(scope, asked)


# ---- what a request says of itself


def _plain(address: str) -> str:
    """Return an IPv4 address that a socket of both kinds writes as IPv6."""
    return address.removeprefix("::ffff:")


def _query_of(scope: Message, route: Route) -> dict[str, str]:
    """Read what stands behind the ? of an address. Raises `Refusal`."""
    text = scope["query_string"].decode("latin-1")
    leave = "Leave it out"
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_QUERY_FIELDS)
    except ValueError:
        what = "There is too much behind the ? of the address"
        raise refusal("query_wrong", what=what, do=leave) from None
    query: dict[str, str] = {}
    for name, value in pairs:
        if name not in route.query:
            known = ", ".join(route.query) or "nothing"
            what = f"The address has {printable(name[:40])!r} behind its ?; known here: {known}"
            raise refusal("query_wrong", what=what, do=leave)
        if name in query:
            raise refusal("query_wrong", what=f"The address has {name} twice", do="Give it once")
        query[name] = value
    return query


def _length_of(route: Route, story: _Story, limits: Limits) -> int:
    """Return how long the body is to be. Raises `Refusal`."""
    headers = story.headers
    if route.method != "POST":
        if story.has_body:
            raise refusal("body_unwanted")
        return 0
    text = headers.get("content-length")
    if text is None or "transfer-encoding" in headers:
        raise refusal("length_missing")
    if not (text.isascii() and text.isdigit()):
        raise refusal("length_wrong")
    most = limits.max_bytes if route.takes_films else route.max_bytes
    if len(text) > MOST_DIGITS or int(text) > most:
        if route.takes_films:
            raise refusal("body_large", max_mb=limits.max_mb)
        raise refusal("form_large", max_bytes=f"{most:,}")
    if headers.get("content-encoding", "identity") != "identity":
        raise refusal("encoding_wrong")
    return int(text)


# ---- the connection


async def _read(
    receive: Receive,
    length: int,  # that the body is to have
    limits: Limits,
) -> bytes:  # less, where it ends before
    """Read a body to its end. Raises `TimeoutError` of asyncio where it comes in too slowly."""
    began = time.monotonic()
    pieces = []
    n = 0
    while n < length:
        left = began + limits.seconds_for(n) - time.monotonic()
        message = await asyncio.wait_for(receive(), max(left, 0.0))
        piece = message.get("body", b"")
        pieces.append(piece)
        n += len(piece)
        if not message.get("more_body"):
            break
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def _while_connected(
    work: Coroutine[Any, Any, Response],
    receive: Receive,
) -> Response:
    """Do work as long as somebody waits for it. Raises what it raises, and `_ClientGone`."""
    working = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(_until_gone(receive))
    both = (working, watching)
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise _ClientGone
    finally:
        for each in both:
            each.cancel()
        await asyncio.gather(*both, return_exceptions=True)


async def _until_gone(receive: Receive) -> None:
    """Wait until the client closes its connection."""
    message = await receive()
    while message["type"] != "http.disconnect":
        message = await receive()
