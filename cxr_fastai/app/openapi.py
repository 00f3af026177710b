"""GET /openapi.json: what this very server understands and answers, as OpenAPI 3.1.

A site in, a dictionary out: its classes, limits and token are those of this server, its example is
what the model said when it was warmed up. Every address of routes.py has its part in operations.py.
"""

from __future__ import annotations

from dataclasses import asdict
from importlib import metadata
from typing import Any

from starlette.responses import Response

from cxr_fastai.app.api import json_answer
from cxr_fastai.app.asked import Asked
from cxr_fastai.app.json_schema import Schema
from cxr_fastai.app.operations import Known, paths
from cxr_fastai.app.refused_answers import refusal_answers
from cxr_fastai.app.schemas import schemas
from cxr_fastai.app.site import Site
from cxr_fastai.serving.answers import members_of

__all__ = ["openapi", "document"]

WORDS = (
    "Answers chest radiographs with a model that cxr_fastai trained. Research only, not a medical "
    "device. The server keeps nothing of a film: none is written, logged or remembered. What it "
    "refuses, it refuses in JSON: a status, a code for programs, what happened, what to do."
)
TAGS = [
    {"name": "programs", "description": "JSON"},
    {"name": "people", "description": "pages for browsers, and what they ask for"},
    {"name": "monitoring", "description": "text for Prometheus"},
]


async def openapi(site: Site, asked: Asked) -> Response:
    """Answer GET /openapi.json."""
    return json_answer(document(site))


def document(site: Site) -> dict[str, Any]:
    """Write the whole document."""
    known = _known(site)
    made: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": _info(known),
        "servers": [{"url": "/", "description": "this server"}],
        "tags": TAGS,
        "paths": paths(known),
        "components": {
            "schemas": schemas(known.classes),
            "responses": refusal_answers(known.limits),
        },
    }
    if known.has_token:
        made["components"]["securitySchemes"] = _token()
        made["security"] = [{"token": []}]
    return made


def _known(site: Site) -> Known:
    """Collect what the document says of this server."""
    members = members_of(site.model)
    return Known(
        classes=list(members[0].vocab),
        limits=site.limits,
        has_token=bool(site.token),
        can_right=site.service.gate and any(each.gate for each in members),
        example=site.service.warm_row,
    )


def _info(known: Known) -> Schema:
    """Write the document's head, with the server's limits."""
    return {
        "title": "cxr app",
        "version": metadata.version("cxr_fastai"),
        "summary": f"Answers for chest radiographs: {', '.join(known.classes)}",
        "description": WORDS,
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        "x-limits": asdict(known.limits),
    }


def _token() -> Schema:
    """Write how a request shows the token."""
    words = "the content of the file that --token-file names"
    return {"token": {"type": "http", "scheme": "bearer", "description": words}}
