"""What the server's JSON holds, key by key: the schemas of openapi.json.

Types come from the records that the answers are made as, words and bounds stand here; a key without
words is an error. Reads nothing, asks no model.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from cxr_fastai.app.json_schema import Said, Schema, schema_of
from cxr_fastai.app.model_schemas import model_schemas
from cxr_fastai.app.page_schemas import page_schemas
from cxr_fastai.app.refusals import REFUSALS
from cxr_fastai.gate.kinds import KINDS, RIGHTED
from cxr_fastai.images import NOTES
from cxr_fastai.serving.rows import Row

__all__ = ["schemas", "row_schema", "refusal_schema"]

SHARE: dict[str, Any] = {"minimum": 0, "maximum": 1}


class Alive(TypedDict):
    """The answer of GET /health."""

    status: Literal["alive"]


class Ready(TypedDict):
    """The answer of GET /ready."""

    status: Literal["ready"]


class RefusalFacts(TypedDict):
    """What a refusal says."""

    status: int
    code: str
    says: str
    do: str


class RefusalAnswer(TypedDict):
    """The body of every refusal."""

    error: RefusalFacts
    rows: NotRequired[list[Row]]


def schemas(
    classes: list[str],  # of the model
) -> dict[str, Schema]:
    """Write all schemas, by name."""
    return {
        "Row": row_schema(classes),
        "RefusalFacts": refusal_facts(),
        "RefusalAnswer": refusal_schema(),
        "Alive": schema_of(Alive, {"status": Said("always alive")}, "The process runs."),
        "Ready": schema_of(Ready, {"status": Said("always ready")}, "The model is warm."),
        **model_schemas(),
        **page_schemas(),
    }


# ---- a row


def row_schema(
    classes: list[str],  # of the model
) -> Schema:
    """Write the schema of what is said of one film."""
    said = {**_of_the_answer(classes), **_of_the_film(), **_of_what_was_asked(classes)}
    return schema_of(Row, said, "What is said of one film, as `cxr predict --json` prints it.")


def _of_the_answer(classes: list[str]) -> dict[str, Said]:
    """Describe the keys that hold the answer."""
    return {
        "label": Said(
            "the answer: a class, or findings; null where there is none (see reason and error)"
        ),
        "risk": Said(
            "how probable it is that something was found; null where no class of the model means "
            "that nothing was, or the film was not answered",
            each=SHARE,
        ),
        "probs": Said(
            "calibrated probability of each class; empty where the film was not answered",
            {"propertyNames": {"enum": classes}},
            each=SHARE,
        ),
        "abstained": Said("whether the model, or its gate, gave no answer to a film that was read"),
        "reason": Said("why it abstained; empty where it did not"),
        "decision": Said("the answer in words, with the numbers that it follows from"),
        "threshold": Said(
            "that the answer was held against; null where there is none, or several", each=SHARE
        ),
    }


def _of_the_film() -> dict[str, Said]:
    """Describe the keys that hold what was noticed of the file."""
    return {
        "path": Said("the name that the film came with, printable and shortened; never a path"),
        "error": Said("why the file could not be read; empty where it was read"),
        "notes": Said("what is odd about the file", each={"enum": list(NOTES)}),
        "gate": Said(
            "kind of picture that the gate refused; absent where it passed", {"enum": list(KINDS)}
        ),
        "righted": Said(
            "what it was before it was turned or inverted back", each={"enum": list(RIGHTED)}
        ),
    }


def _of_what_was_asked(classes: list[str]) -> dict[str, Said]:
    """Describe the keys that an answer has where they were asked for."""
    return {
        "coverage": Said("share of films that prediction_set is to be right of", SHARE),
        "prediction_set": Said("classes, or of each finding what it may be"),
        "heat_of": Said("class whose heat was asked for", {"enum": classes}),
        "heat_outside": Said(
            "share of the heat outside the lungs; null where it is not known", each=SHARE
        ),
        "spread": Said("least and greatest probability of several bundles, by class", each=SHARE),
    }


# ---- a refusal


def refusal_schema() -> Schema:
    """Write the schema of a refusal's body."""
    said = {
        "error": Said("what was refused, and what to do"),
        "rows": Said("a row a file, each with its error; where none of the files could be read"),
    }
    return schema_of(RefusalAnswer, said, "The body of every refusal.")


def refusal_facts() -> Schema:
    """Write the schema of what a refusal says."""
    statuses = sorted({kind.status for kind in REFUSALS.values()})
    said = {
        "status": Said("that of the answer", {"enum": statuses}),
        "code": Said("kind of refusal, for programs", {"enum": sorted(REFUSALS)}),
        "says": Said("what happened, in words", {"minLength": 1}),
        "do": Said("what can be done about it", {"minLength": 1}),
    }
    return schema_of(RefusalFacts, said, "What was refused.")
