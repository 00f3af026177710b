"""What browsers ask: the page, the model card, and the files that they load.

A request that passed all checks -> html, or a file of the fixed list.
"""

from __future__ import annotations

from starlette.responses import HTMLResponse, Response

from cxr_fastai.app.asked import Asked
from cxr_fastai.app.card_page import card_page
from cxr_fastai.app.home_page import home_page
from cxr_fastai.app.refusals import refusal
from cxr_fastai.app.site import Site
from cxr_fastai.app.static_files import STATIC, static_bytes

__all__ = ["home", "card", "static_file"]


async def home(site: Site, asked: Asked) -> Response:
    """Show the page."""
    return HTMLResponse(home_page(site.facts))


async def card(site: Site, asked: Asked) -> Response:
    """Show the model card."""
    return HTMLResponse(card_page(site.facts))


async def static_file(site: Site, asked: Asked) -> Response:
    """Return a file that a page loads."""
    name = asked.path.rpartition("/")[2]
    if name not in STATIC:
        raise refusal("not_found")
    return Response(static_bytes(name), media_type=STATIC[name])
