"""FastHTML with the routes of routes.py: which one a request is for, and what it answers.

A request in, its route or its answer out. Host, size, time, token and queue are not asked here but
in http.py, before the body is read: Starlette's TrustedHostMiddleware knows neither the address of
the connection nor IPv6, and its RequestBodyLimitMiddleware neither 411 nor slow bodies, and both
answer in words of their own.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fasthtml.core import FastHTML
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.routing import Route as StarletteRoute

from cxr_fastai.app.asked import Asked
from cxr_fastai.app.refusals import refusal
from cxr_fastai.app.routes import ROUTES, Route
from cxr_fastai.app.site import Site

__all__ = ["Router"]

Message = MutableMapping[str, Any]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Router:
    """The app behind the front."""

    def __init__(self, site: Site):
        self._routes = [(_starlette_route(site, route), route) for route in ROUTES]
        # Without a key FastHTML writes one to .sesskey; with its default headers its pages load
        # scripts from elsewhere; its sessions are not used.
        self.app = FastHTML(
            routes=[each for each, _ in self._routes],
            default_hdrs=False,
            secret_key=secrets.token_hex(16),
            sess_cls=None,
        )

    def find(
        self,
        scope: Message,  # of ASGI
    ) -> Route:
        """Find who answers. Raises `Refusal`."""
        allowed: set[str] = set()
        for starlette_route, route in self._routes:
            match, _ = starlette_route.matches(scope)
            if match is Match.FULL:
                return route
            if match is Match.PARTIAL:
                allowed |= starlette_route.methods or set()
        if not allowed:
            raise refusal("not_found")
        shown = scope["method"] if scope["method"] in METHODS else "This method"
        names = ", ".join(sorted(allowed))
        raise refusal("method_wrong", {"Allow": names}, method=shown, allowed=names)

    async def answer(self, scope: Message, asked: Asked) -> Response:
        """Answer a request. Raises what its handler raises."""
        sent: list[Message] = []

        async def send(message: Message) -> None:
            """Keep what is sent: http.py sends it, with what every answer has."""
            sent.append(message)

        await self.app({**scope, "asked": asked}, _nothing, send)
        start, *bodies = sent
        response = Response(b"".join(each.get("body", b"") for each in bodies), start["status"])
        response.raw_headers = list(start["headers"])
        return response


def _starlette_route(site: Site, route: Route) -> StarletteRoute:
    """Make a route of Starlette, which hands on what http.py has read."""
    handler: Callable[[Site, Asked], Awaitable[Response]] = route.handler

    async def endpoint(request: Request) -> Response:
        """Answer what was asked."""
        asked: Asked = request.scope["asked"]
        return await handler(site, asked)

    return StarletteRoute(route.path, endpoint, methods=[route.method])


async def _nothing() -> Message:
    """Give no more of a body: it is read already."""
    return {"type": "http.disconnect"}
