"""How a refusal is answered: JSON for programs, a page for browsers, the sign-in where that mends.

A refusal and the request's headers in, an answer out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from fasthtml import components as ft
from starlette.responses import HTMLResponse, Response

from cxr_fastai.app.asked import wants_page
from cxr_fastai.app.page_parts import frame, text_of
from cxr_fastai.app.refusals import Refusal
from cxr_fastai.app.sign_in_page import sign_in_page

__all__ = ["refused", "refused_page"]


def refused(
    why: Refusal,
    headers: Mapping[str, str],  # of the request
) -> Response:
    """Answer what was refused."""
    own = dict(why.headers)
    if not wants_page(headers):
        return Response(json.dumps(why.to_dict()), why.status, own, "application/json")
    if why.code == "token_missing":
        return HTMLResponse(sign_in_page(), why.status, own)
    return HTMLResponse(refused_page(why), why.status, own)


def refused_page(why: Refusal) -> str:
    """Write the page of a refusal."""
    main = ft.Main(
        ft.H2(*text_of(why.says)),
        ft.P(*text_of(why.do)),
        ft.P(ft.A("To the page of this server", href="/")),
        id="work",
        tabindex="-1",
    )
    return frame("Refused", [ft.H1("Chest radiographs")], [main])
