"""What programs ask: POST /predict, GET /health, /ready, /model, /metrics.

A request that passed all checks -> JSON. It opens no file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from starlette.responses import HTMLResponse, Response

from cxr_fastai.app.answers_page import answers_page
from cxr_fastai.app.asked import Asked
from cxr_fastai.app.metrics import MEDIA_TYPE, memory_bytes
from cxr_fastai.app.refusals import Refusal, refusal
from cxr_fastai.app.service import Answered
from cxr_fastai.app.site import Site

__all__ = ["check_warm", "json_answer", "unread", "predict", "health", "ready", "model", "metrics"]

# Reasons of images.REASONS for which the content is no picture that is read here.
NO_PICTURE = {"empty_file", "not_an_image", "format_not_allowed"}
WARM_SECONDS = 5  # that a model may still take


def json_answer(
    content: object,
    status: int = 200,
) -> Response:
    """Write JSON."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    body = text.encode("utf-8", "backslashreplace")
    return Response(body, status, media_type="application/json")


def unread(
    answered: Sequence[Answered],
) -> Refusal | None:  # None: one was read, or more
    """Return how a request is refused of which no file could be read.

    415 where none is a picture by its content, 422 where one is, but damaged or no radiograph.
    """
    if not answered or any(not each.row["error"] for each in answered):
        return None
    why = answered[0].row["error"]
    if all(each.rejected in NO_PICTURE for each in answered):
        return refusal("no_picture", why=why)
    return refusal("unreadable", why=why)


async def predict(site: Site, asked: Asked) -> Response:
    """Answer films: a list of rows, as `cxr predict --json` prints it.

    Where none could be read, the rows stand beside the refusal. The form of a browser without
    scripts gets a page.
    """
    answered = await site.service.answer(asked.uploads)
    rows = [each.row for each in answered]
    site.metrics.count_films(rows, [each.rejected for each in answered])
    refused = unread(answered)
    status = refused.status if refused else 200
    if refused:
        site.metrics.count_refusal(refused.code)
    if asked.wants_page:
        return HTMLResponse(answers_page(site.facts, rows), status)
    if refused:
        return json_answer({**refused.to_dict(), "rows": rows}, status)
    return json_answer(rows)


async def health(site: Site, asked: Asked) -> Response:
    """Say that the server runs."""
    return json_answer({"status": "alive"})


async def ready(site: Site, asked: Asked) -> Response:
    """Say whether the model is loaded and warm."""
    check_warm(site)
    return json_answer({"status": "ready"})


def check_warm(site: Site) -> None:
    """Raise `Refusal` as long as the model is not loaded and warm."""
    if not site.service.ready:
        raise refusal("starting", {"Retry-After": str(WARM_SECONDS)}, seconds=WARM_SECONDS)


async def model(site: Site, asked: Asked) -> Response:
    """Tell what the bundles are."""
    return json_answer(site.model_facts)


async def metrics(site: Site, asked: Asked) -> Response:
    """Answer GET /metrics."""
    turns = site.turns
    gauges: dict[str, tuple[str, float]] = {
        "cxr_ready": ("Whether the model is loaded and warm.", site.service.ready),
        "cxr_requests_in_work": ("Requests with films that are answered now.", turns.in_work),
        "cxr_requests_waiting": ("Requests with films that come in or wait.", turns.waiting),
        "cxr_bytes_in_flight": ("Bytes of the bodies of these requests.", turns.bytes),
        "process_resident_memory_bytes": ("Memory of the server's process.", memory_bytes()),
        "process_start_time_seconds": ("When the server started.", site.metrics.started),
    }
    return Response(site.metrics.text(gauges), media_type=MEDIA_TYPE)
