"""What can be asked of the server, a function an address: the operations of openapi.json.

What is known of this server in, an OpenAPI operation out. Asks no model.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cxr_fastai.app.json_schema import Schema
from cxr_fastai.app.limits import Limits
from cxr_fastai.app.refused_answers import ALWAYS, OF_FILMS, OF_THE_TOKEN, refused_at
from cxr_fastai.serving.rows import Row

__all__ = ["Known", "paths"]

FILM_TYPES = ("application/octet-stream", "application/dicom", "image/png", "image/jpeg")
JSON = "application/json"
HTML = "text/html; charset=utf-8"


@dataclass(frozen=True)
class Known:
    """What the document says of this very server."""

    classes: list[str]
    limits: Limits
    has_token: bool
    example: Row | None = None  # a real answer of this model; None: it has given none yet


def paths(known: Known) -> dict[str, Schema]:
    """Write all addresses with their methods."""
    return {
        "/predict": {"post": predict(known)},
        "/health": {"get": health(known)},
        "/ready": {"get": ready(known)},
        "/": {"get": page(known, "home", "The page for people")},
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
        "read has its reason in `error`, and the others are answered. Nothing is kept.",
        answered=answer("A row a file", JSON, content),
        refused=OF_FILMS,
        body=films_body(known.limits),
    )


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


# ---- for people


def page(
    known: Known,
    name: str,  # of the operation
    title: str,
) -> Schema:
    """Describe a page."""
    answered = answer("A page", HTML, {"schema": {"type": "string"}})
    return operation(known, name, title, "HTML, for browsers.", answered=answered, tag="people")


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


def films_body(limits: Limits) -> Schema:
    """Write the body of a request with films: a form, or one film as it is."""
    files: Schema = {
        "type": "array",
        "items": film_bytes(),
        "minItems": 1,
        "maxItems": limits.max_files,
        "description": f"image files of any format that cxr predict reads, {limits.max_mb} MB "
        "together at most",
    }
    form: Schema = {"type": "object", "required": ["files"], "properties": {"files": files}}
    content: Schema = {"multipart/form-data": {"schema": form}}
    for media_type in FILM_TYPES:
        content[media_type] = {"schema": film_bytes()}
    words = "A form with parts named files, or one film as it is. Formats are told by content."
    return {"required": True, "description": words, "content": content}


def film_bytes() -> Schema:
    """Write the schema of a file's bytes."""
    return {"type": "string", "format": "binary", "minLength": 1}
