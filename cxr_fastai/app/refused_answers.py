"""The refusals of openapi.json: an answer a status, with an example of every code it may have.

Limits in, schemas out; the codes and words are those of refusals.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from string import Formatter
from typing import Any

from cxr_fastai.app.json_schema import Schema
from cxr_fastai.app.limits import Limits
from cxr_fastai.app.refusals import REFUSALS, Refusal, refusal

__all__ = [
    "ALWAYS",
    "OF_BODIES",
    "OF_FILMS",
    "OF_THE_TOKEN",
    "TITLES",
    "example_of",
    "refusal_answers",
    "refused_at",
]

TITLES = {  # 500, a mistake of the server, is promised never to come
    400: "The request is broken",
    401: "The token is missing or wrong",
    403: "The request comes from another site's page",
    404: "There is nothing at this address",
    405: "The method is not understood here",
    408: "The request took too long to come in",
    411: "The request does not say how long it is",
    413: "The request is too large",
    414: "The address is too long",
    415: "None of the files is a picture, or the content type is not understood",
    421: "The server does not answer under this name",
    422: "None of the files can be read",
    429: "Too many requests",
    431: "The headers are too large",
    503: "The server is busy, or not ready",
}
ALWAYS = (400, 408, 414, 421, 431, 503)  # statuses that any request may get
OF_BODIES = (403, 411, 413, 415)  # those beside, of a request with a body
OF_FILMS = (*OF_BODIES, 422, 429)  # of a request with films
OF_THE_TOKEN = (401,)  # where the server asks for a token
# What an example says where the words of a refusal hold a value of the request.
SAMPLES = {
    "what": "its last boundary is missing",
    "do": "Ask for one of the classes that GET /model lists",
    "method": "PUT",
    "allowed": "POST",
    "type": "text/plain",
    "name": "content-length",
    "max_bytes": "4,096",
    "why": "film.png: damaged: the PNG's data end early",
    "seconds": "5",
}
GAP = ".."  # where SAMPLES lacks a value; the tests find it
RETRY_AFTER: Schema = {
    "Retry-After": {
        "description": "seconds to wait before the next try",
        "schema": {"type": "integer", "minimum": 1},
    }
}
WITH_RETRY_AFTER = (429, 503)


def refused_at(
    statuses: Iterable[int],
) -> dict[str, Schema]:  # status -> reference
    """Refer to the refusals of some statuses."""
    return {
        str(status): {"$ref": f"#/components/responses/Refused{status}"}
        for status in sorted(statuses)
    }


def refusal_answers(limits: Limits) -> dict[str, Schema]:
    """Write the refusals, a component a status."""
    statuses = sorted({kind.status for kind in REFUSALS.values()} & set(TITLES))
    return {f"Refused{status}": _answer(status, limits) for status in statuses}


def _answer(status: int, limits: Limits) -> Schema:
    """Write the refusals of one status."""
    codes = [code for code, kind in REFUSALS.items() if kind.status == status]
    examples = {code: {"value": example_of(code, limits).to_dict()} for code in codes}
    content = {"schema": {"$ref": "#/components/schemas/RefusalAnswer"}, "examples": examples}
    answer: Schema = {
        "description": f"{TITLES[status]}: {', '.join(codes)}",
        "content": {"application/json": content},
    }
    if status in WITH_RETRY_AFTER:
        answer["headers"] = RETRY_AFTER
    return answer


def example_of(
    code: str,  # of REFUSALS
    limits: Limits,
) -> Refusal:
    """Make a refusal as it may be answered, with the numbers of this server."""
    known: dict[str, Any] = {**SAMPLES, **asdict(limits)}
    kind = REFUSALS[code]
    named = [field for _, field, _, _ in Formatter().parse(kind.says + kind.do) if field]
    return refusal(code, **{name: known.get(name, GAP) for name in named})
