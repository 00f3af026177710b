"""POST /sign-in: the token in, a session out."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs

from starlette.responses import HTMLResponse, RedirectResponse, Response

from cxr_fastai.app.asked import Asked
from cxr_fastai.app.refusals import refusal
from cxr_fastai.app.sign_in_page import sign_in_page
from cxr_fastai.app.site import Site
from cxr_fastai.app.tokens import is_token, session_cookie

__all__ = ["sign_in"]

FORM_TYPE = "application/x-www-form-urlencoded"
MOST_FIELDS = 4
SEE_OTHER = 303  # ask for the page with GET


async def sign_in(site: Site, asked: Asked) -> Response:
    """Open a session for who has the token."""
    kind = asked.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != FORM_TYPE:
        raise refusal("form_wrong", type=FORM_TYPE)
    if not site.token:
        return RedirectResponse("/", SEE_OTHER)
    given = _token_of(asked.body)
    if not is_token(given, site.token):
        await asyncio.sleep(site.limits.wrong_token_seconds)
        site.metrics.count_refusal("token_wrong")
        page = sign_in_page("This is not the token of this server.")
        return HTMLResponse(page, 401, {"WWW-Authenticate": "Bearer"})
    answer = RedirectResponse("/", SEE_OTHER)
    answer.headers["set-cookie"] = session_cookie(site.sessions.open(), asked.https)
    return answer


def _token_of(
    body: bytes,
) -> str:  # empty: it has none
    """Read the token of the form. Raises `Refusal`."""
    try:
        fields = parse_qs(body.decode("latin-1"), max_num_fields=MOST_FIELDS)
    except ValueError:
        raise refusal("form_broken", what="it has more fields than the page's") from None
    return fields.get("token", [""])[0].strip()
