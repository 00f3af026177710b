"""Which addresses there are, and who answers there. A new one gets its line here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.responses import Response

from cxr_fastai.app import api, page
from cxr_fastai.app.asked import Asked
from cxr_fastai.app.site import Site

__all__ = ["Handler", "Route", "ROUTES", "find"]

Handler = Callable[[Site, Asked], Awaitable[Response]]


@dataclass(frozen=True)
class Route:
    """One address and method."""

    method: str
    path: str  # in full, or up to its last / for a fixed list of names
    handler: Handler
    is_open: bool = False  # whether it is answered without the token
    takes_films: bool = False  # whether it waits in the queue


ROUTES = (
    Route("GET", "/", page.home),
    Route("GET", "/card", page.card),
    Route("GET", "/static/", page.static_file, is_open=True),
    Route("POST", "/predict", api.predict, takes_films=True),
    Route("GET", "/health", api.health, is_open=True),
    Route("GET", "/ready", api.ready, is_open=True),
)


def find(
    path: str,
) -> dict[str, Route]:  # method -> route; empty: there is nothing
    """Find the routes of an address; a path that ends in / takes any one name behind it."""
    found = {}
    for route in ROUTES:
        parent = path[: path.rfind("/") + 1]
        is_folder = route.path.endswith("/") and route.path != "/"
        if route.path == path or (is_folder and route.path == parent):
            found[route.method] = route
    return found
