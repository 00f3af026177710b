"""Every request, from its first header to the last byte of its answer.

ASGI in, ASGI out: what is refused is refused here, before the body is read where that can be told;
what passes reaches its handler whole and in memory. Every answer has the security headers. It never
answers 500, and logs nothing of a film.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Mapping
from typing import Any

from fasthtml.core import FastHTML
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute

from cxr_fastai.app.api import json_answer
from cxr_fastai.app.asked import Asked
from cxr_fastai.app.refusals import Refusal, refusal
from cxr_fastai.app.routes import ROUTES, Route, find
from cxr_fastai.app.site import Site

__all__ = ["Front", "make_app"]

Scope = dict[str, Any]
log = logging.getLogger("cxr_fastai.app")

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "cache-control": "no-store",
}


def make_app(site: Site) -> Front:
    """Build the server's app: the checks, and behind them FastHTML with its routes."""
    routes = [_starlette_route(site, route) for route in ROUTES]
    # Without a key FastHTML writes one to .sesskey; without default_hdrs=False its pages load
    # scripts from elsewhere. Its sessions are not used.
    app = FastHTML(
        routes=routes,
        default_hdrs=False,
        secret_key=secrets.token_hex(16),
        sess_cls=None,
    )
    return Front(app, site)


def _starlette_route(site: Site, route: Route) -> StarletteRoute:
    """Hand a request to its handler; whatever it raises becomes an answer."""

    async def endpoint(request: Request) -> Response:
        asked: Asked = request.scope["asked"]
        try:
            return await route.handler(site, asked)
        except Refusal as e:
            return refused(e)

    path = (
        f"{route.path}{{name:path}}"
        if route.path.endswith("/") and route.path != "/"
        else route.path
    )
    return StarletteRoute(path, endpoint, methods=[route.method])


def refused(
    why: Refusal,
) -> Response:
    """Answer what was refused."""
    answer = json_answer(why.to_dict(), why.status)
    answer.headers.update(dict(why.headers))
    if why.close:
        answer.headers["connection"] = "close"
    return answer


class Front:
    """What every request meets first."""

    def __init__(
        self,
        app: Any,  # ASGI
        site: Site,
    ):
        self.app = app
        self.site = site

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return

        async def send_secured(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _secured(message["headers"])
            await send(message)

        try:
            scope["asked"] = await self._asked(scope, receive)
        except Refusal as e:
            await refused(e)(scope, receive, send_secured)
            return
        await self.app(scope, receive, send_secured)

    async def _asked(self, scope: Scope, receive: Any) -> Asked:
        """Check a request and read it whole. Raises `Refusal`."""
        headers = _headers_of(scope)
        routes = find(scope["path"])
        if not routes:
            raise refusal("not_found")
        method = scope["method"]
        if method not in routes:
            allowed = ", ".join(routes)
            raise refusal("method_wrong", {"Allow": allowed}, method=method, allowed=allowed)
        body = b""
        if method == "POST":
            length = self._length_of(headers)
            body = await self._body(receive, length)
        return Asked(method, scope["path"], headers, body=body)

    def _length_of(self, headers: Mapping[str, str]) -> int:
        """Return how long the body is to be. Raises `Refusal`."""
        text = headers.get("content-length")
        if text is None or "transfer-encoding" in headers:
            raise refusal("length_missing", close=True)
        if not (text.isascii() and text.isdigit()):
            raise refusal("length_wrong", close=True)
        if int(text) > self.site.limits.max_bytes:
            raise refusal("body_large", close=True, max_mb=self.site.limits.max_mb)
        return int(text)

    async def _body(self, receive: Any, length: int) -> bytes:
        """Read a body. Raises `Refusal`."""
        pieces = []
        n = 0
        try:
            async with asyncio.timeout(self.site.limits.seconds_for(length)):
                while n < length:
                    message = await receive()
                    piece = message.get("body", b"")
                    pieces.append(piece)
                    n += len(piece)
                    if message["type"] == "http.disconnect" or not message.get("more_body"):
                        break
        except TimeoutError:
            raise refusal("body_slow", close=True) from None
        if n != length:
            raise refusal("body_short", close=True)
        return b"".join(pieces)


def _headers_of(scope: Scope) -> dict[str, str]:
    """Return the headers; of one that stands twice the last."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _secured(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Add the security headers that an answer has not set itself."""
    present = {name.lower() for name, _ in headers}
    added = list(headers)
    for name, value in SECURITY_HEADERS.items():
        if name.encode() not in present:
            added.append((name.encode(), value.encode()))
    return added
