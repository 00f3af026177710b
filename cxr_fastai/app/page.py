"""The page for people. A stub, until it is written."""

from __future__ import annotations

from starlette.responses import HTMLResponse, Response

from cxr_fastai.app.asked import Asked
from cxr_fastai.app.site import Site

__all__ = ["home"]


async def home(site: Site, asked: Asked) -> Response:
    """Show the page."""
    return HTMLResponse("<!doctype html><html lang=en><title>cxr app</title><h1>cxr app</h1>")
