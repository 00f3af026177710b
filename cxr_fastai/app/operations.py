"""What can be asked of the server, a function an address: the operations of openapi.json.

What is known of this server in, an OpenAPI operation out. Asks no model.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cxr_fastai.app.json_schema import Schema
from cxr_fastai.app.limits import Limits
from cxr_fastai.app.refused_answers import (
    ALWAYS,
    OF_BODIES,
    OF_FILMS,
    OF_THE_TOKEN,
    TITLES,
    refused_at,
)
from cxr_fastai.app.static_files import STATIC
from cxr_fastai.serving.rows import Row

__all__ = ["Known", "paths"]

JSON = "application/json"
HTML = "text/html"
METRICS = "text/plain"
TEXT: Schema = {"schema": {"type": "string"}}


@dataclass(frozen=True)
class Known:
    """What the document says of this very server."""

    classes: list[str]
    limits: Limits
    has_token: bool
    can_right: bool  # whether a gate tells what looks turned or inverted
    example: Row | None = None  # a real answer of this model; None: it has given none yet


def paths(known: Known) -> dict[str, Schema]:
    """Write all addresses with their methods."""
    return {
        "/predict": {"post": predict(known)},
        "/model": {"get": model(known)},
        "/health": {"get": health(known)},
        "/ready": {"get": ready(known)},
        "/openapi.json": {"get": openapi(known)},
        "/metrics": {"get": metrics(known)},
        "/look": {"post": look(known)},
        "/heat": {"post": heat(known)},
        "/": {"get": page(known, "home", "The page for people")},
        "/card": {"get": page(known, "card", "The model card")},
        "/sign-in": {"post": sign_in(known)},
        "/static/{name}": {"get": static(known)},
    }


# ---- for programs


def predict(known: Known) -> Schema:
    """Describe POST /predict."""
    rows: Schema = {
        "type": "array",
        "items": reference("Row"),
        "minItems": 1,
        "maxItems": known.limits.max_files,
    }
    content: Schema = {"schema": rows}
    if known.example is not None:
        content["example"] = [known.example]
    return operation(
        known,
        "predict",
        "Answer one or many radiographs",
        "A row a file, in order, the same as `cxr predict --json` prints. A file that cannot be "
        "read has its reason in `error`, and the others are answered; where none can be read, the "
        "rows stand in a refusal. Nothing is kept.",
        answered=answer("A row a file", JSON, content),
        refused=OF_FILMS,
        body=films_body(known.limits, known.limits.max_files),
    )


def model(known: Known) -> Schema:
    """Describe GET /model."""
    answered = answer("What answers", JSON, {"schema": reference("ModelFacts")})
    words = "Classes, gate, thresholds, scores with their intervals, what training warned of."
    return operation(known, "model", "What the server answers with", words, answered)


def health(known: Known) -> Schema:
    """Describe GET /health."""
    answered = answer("It runs", JSON, {"schema": reference("Alive")})
    return operation(
        known,
        "health",
        "Whether the process runs",
        "Answers also while the model is being loaded, and without the token.",
        answered=answered,
        is_open=True,
    )


def ready(known: Known) -> Schema:
    """Describe GET /ready."""
    answered = answer("It answers films", JSON, {"schema": reference("Ready")})
    return operation(
        known,
        "ready",
        "Whether the model is warm",
        "503 until films are answered; without the token.",
        answered=answered,
        is_open=True,
    )


def openapi(known: Known) -> Schema:
    """Describe GET /openapi.json."""
    answered = answer("This document", JSON, {"schema": {"type": "object"}})
    return operation(known, "openapi", "This document", "Of this very server.", answered)


def metrics(known: Known) -> Schema:
    """Describe GET /metrics."""
    answered = answer("Counts since the start", METRICS, TEXT)
    words = "Requests, films and refusals by kind, seconds, memory; nothing of any film or client."
    return operation(known, "metrics", "Counts, for Prometheus", words, answered, tag="monitoring")


# ---- for people


def look(known: Known) -> Schema:
    """Describe POST /look."""
    made = operation(
        known,
        "look",
        "What the page shows of one radiograph",
        "The row of POST /predict, the film as it was read, and every sentence about it.",
        answered=answer("What the page shows", JSON, {"schema": reference("Look")}),
        refused=OF_FILMS,
        body=films_body(known.limits, 1),
        parameters=[right(known)],
        tag="people",
    )
    return with_unread(made, "Look")


def heat(known: Known) -> Schema:
    """Describe POST /heat."""
    of: Schema = {
        "name": "of",
        "in": "query",
        "description": "the class; without it that answered, or the most probable",
        "schema": {"type": "string", "enum": [*known.classes, ""]},
    }
    made = operation(
        known,
        "heat",
        "Where on a radiograph the answer is most sensitive",
        "A heat shows where the answer is most sensitive (Grad-CAM). It does not show why.",
        answered=answer(
            "The heat, or why there is none", JSON, {"schema": reference("HeatAnswer")}
        ),
        refused=OF_FILMS,
        body=films_body(known.limits, 1),
        parameters=[of, right(known)],
        tag="people",
    )
    return with_unread(made, "HeatAnswer")


def right(known: Known) -> Schema:
    """Describe the query's right."""
    words = "1: turn and invert back what looks turned or inverted"
    return {
        "name": "right",
        "in": "query",
        "description": words if known.can_right else f"{words}; not here, as no gate is asked",
        "schema": {"type": "string", "enum": ["0", "1", ""] if known.can_right else ["0", ""]},
    }


def page(
    known: Known,
    name: str,  # of the operation
    title: str,
) -> Schema:
    """Describe a page."""
    answered = answer("A page", HTML, TEXT)
    return operation(known, name, title, "HTML, for browsers.", answered, tag="people")


def static(known: Known) -> Schema:
    """Describe GET /static/NAME."""
    name: Schema = {
        "name": "name",
        "in": "path",
        "required": True,
        "description": "of the fixed list",
        "schema": {"type": "string", "enum": sorted(STATIC)},
    }
    content = {media_type: TEXT for media_type in set(STATIC.values())}
    return operation(
        known,
        "static",
        "Styles and scripts of the page",
        "Files of a fixed list, which travel with the package.",
        answered={"description": "A file", "content": content},
        refused=(404,),
        parameters=[name],
        is_open=True,
        tag="people",
    )


def sign_in(known: Known) -> Schema:
    """Describe POST /sign-in."""
    form = form_of({"token": {"type": "string", "description": "the content of the token file"}})
    body: Schema = {
        "required": True,
        "content": {"application/x-www-form-urlencoded": {"schema": form}},
    }
    made = operation(
        known,
        "sign_in",
        "Open a session of the page",
        "For browsers: programs send the token with each request.",
        answered={},
        refused=(*OF_BODIES, *OF_THE_TOKEN, 429),
        body=body,
        is_open=True,
        tag="people",
    )
    location: Schema = {"description": "the page", "schema": {"type": "string"}}
    del made["responses"]["200"]
    again = answer("The token is wrong: the page to sign in again", HTML, TEXT)
    made["responses"]["401"] = again
    made["responses"]["303"] = {"description": "Go on to /", "headers": {"Location": location}}
    return made


# ---- parts


def operation(
    known: Known,
    name: str,  # operationId
    title: str,
    words: str,
    answered: Schema,  # with 200
    refused: Iterable[int] = (),  # statuses beside those of every request
    body: Schema | None = None,
    parameters: Iterable[Schema] = (),
    is_open: bool = False,  # whether it is answered without the token
    tag: str = "programs",
) -> Schema:
    """Write an operation."""
    token = OF_THE_TOKEN if known.has_token and not is_open else ()
    made: Schema = {
        "operationId": name,
        "summary": title,
        "description": words,
        "tags": [tag],
        "parameters": list(parameters),
        "responses": {"200": answered, **refused_at({*ALWAYS, *token, *refused})},
    }
    if body is not None:
        made["requestBody"] = body
    if is_open:
        made["security"] = []
    return made


def with_unread(
    made: Schema,  # an operation
    name: str,  # of the schema of its answers
) -> Schema:
    """Have an operation answer a film that cannot be read in its own form, or refuse it."""
    either = {"anyOf": [reference(name), reference("RefusalAnswer")]}
    for status in ("415", "422"):
        words = f"{TITLES[int(status)]}; of a film that cannot be read the same as with 200"
        made["responses"][status] = answer(words, JSON, {"schema": either})
    return made


def reference(name: str) -> Schema:
    """Refer to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def answer(
    words: str,
    media_type: str,
    content: Schema,  # schema and example
) -> Schema:
    """Write an answer."""
    return {"description": words, "content": {media_type: content}}


def films_body(
    limits: Limits,
    most: int,  # files in a request
) -> Schema:
    """Write the body of a request with films: a form, or one film as it is."""
    files: Schema = {
        "type": "array",
        "items": film_bytes(),
        "minItems": 1,
        "maxItems": most,
        "description": f"image files of any format that cxr predict reads, {limits.max_mb} MB "
        "together at most",
    }
    form = form_of({"files": files})
    # One film as it is stands in words alone: of two types of body openapi-python-client 0.29.1
    # makes a client that cannot be imported.
    content: Schema = {"multipart/form-data": {"schema": form}}
    words = (
        "A form with parts named files, or one film as it is (of type application/octet-stream, "
        "application/dicom or image/*). Formats are told by content, never by name or type."
    )
    return {"required": True, "description": words, "content": content}


def form_of(fields: Schema) -> Schema:
    """Write the schema of a form that has these fields, and no others."""
    return {
        "type": "object",
        "required": list(fields),
        "properties": fields,
        "additionalProperties": False,
    }


def film_bytes() -> Schema:
    """Write the schema of a file's bytes."""
    return {"type": "string", "format": "binary"}
