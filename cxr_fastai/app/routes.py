"""Which addresses there are, and who answers there. A new one gets its line here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.responses import Response

from cxr_fastai.app import api, openapi, page, showing, sign_in
from cxr_fastai.app.asked import Asked
from cxr_fastai.app.site import Site

__all__ = ["Handler", "Route", "ROUTES"]

Handler = Callable[[Site, Asked], Awaitable[Response]]


@dataclass(frozen=True)
class Route:
    """One address and method."""

    method: str
    path: str  # as Starlette matches it: {name} is one name without /; so logs and metrics call it
    handler: Handler
    is_open: bool = False  # whether it is answered without the token
    takes_films: bool = False  # whether it waits in the queue
    query: tuple[str, ...] = ()  # names that its address may carry behind ?
    max_bytes: int = 0  # of its body, where that is no film


ROUTES = (
    Route("GET", "/", page.home),
    Route("GET", "/card", page.card),
    Route("GET", "/static/{name}", page.static_file, is_open=True),
    Route("POST", "/predict", api.predict, takes_films=True),
    Route("POST", "/look", showing.look, takes_films=True, query=("right",)),
    Route("POST", "/heat", showing.heat, takes_films=True, query=("of", "right")),
    Route("POST", "/sign-in", sign_in.sign_in, is_open=True, max_bytes=4_096),
    Route("GET", "/model", api.model),
    Route("GET", "/metrics", api.metrics),
    Route("GET", "/openapi.json", openapi.openapi),
    Route("GET", "/health", api.health, is_open=True),
    Route("GET", "/ready", api.ready, is_open=True),
)
