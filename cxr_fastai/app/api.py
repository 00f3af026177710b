"""What programs ask: POST /predict, GET /health, /ready, /model.

A request that passed all checks -> JSON. It opens no file.
"""

from __future__ import annotations

import json

from starlette.responses import Response

from cxr_fastai.app.asked import Asked
from cxr_fastai.app.refusals import refusal
from cxr_fastai.app.site import Site
from cxr_fastai.app.uploads import uploads_of

__all__ = ["json_answer", "predict", "health", "ready"]


def json_answer(
    content: object,
    status: int = 200,
) -> Response:
    """Write JSON."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    body = text.encode("utf-8", "backslashreplace")
    return Response(body, status, media_type="application/json")


async def predict(site: Site, asked: Asked) -> Response:
    """Answer films: a list of rows, as `cxr predict --json` prints it."""
    uploads = uploads_of(asked, site.limits)
    answered = await site.service.answer(uploads)
    return json_answer([each.row for each in answered])


async def health(site: Site, asked: Asked) -> Response:
    """Say that the server runs."""
    return json_answer({"status": "alive"})


async def ready(site: Site, asked: Asked) -> Response:
    """Say whether the model is loaded and warm."""
    if not site.service.ready:
        raise refusal("starting", {"Retry-After": "5"}, seconds=5)
    return json_answer({"status": "ready"})
