"""The schemas of what the page asks for: POST /look and POST /heat, key by key.

Words for every key of look.py, heats.py and similar.py. Reads nothing, asks no model.
"""

from __future__ import annotations

from cxr_fastai.app.heats import HeatAnswer
from cxr_fastai.app.json_schema import Said, Schema, schema_of
from cxr_fastai.app.look import Look, ShownClass, Words
from cxr_fastai.app.similar import SimilarFilm

__all__ = ["page_schemas"]

SHARE = {"minimum": 0, "maximum": 1}
PNG_OR_EMPTY = {"pattern": "^(data:image/png;base64,[A-Za-z0-9+/=]+)?$"}
PICTURE_OR_EMPTY = {"pattern": "^(data:image/(png|jpeg);base64,[A-Za-z0-9+/=]+)?$"}


def page_schemas() -> dict[str, Schema]:
    """Write the schemas, by name."""
    return {
        "Look": _look(),
        "Words": _words(),
        "ShownClass": _class(),
        "SimilarFilm": _similar(),
        "HeatAnswer": _heat(),
    }


def _look() -> Schema:
    """Describe what the page shows of one film."""
    said = {
        "row": Said("as POST /predict gives it"),
        "film": Said("the film as a data URI of a gray PNG; empty: not read", PNG_OR_EMPTY),
        "width": Said("of the film in full, px; 0: not read", {"minimum": 0}),
        "height": Said("of the film in full, px; 0: not read", {"minimum": 0}),
        "words": Said("all sentences that the page shows"),
        "classes": Said("the most probable first"),
        "csv": Said("its line of the worklist's csv, with the line break"),
        "order": Said("to sort a worklist by, the smallest first"),
        "similar": Said("training films, the nearest first"),
        "seconds": Said("that the answer took", {"minimum": 0}),
    }
    return schema_of(Look, said, "What the page shows of one film.")


def _words() -> Schema:
    """Describe the sentences that the page shows."""
    kinds = ["found", "negative", "no-answer", "refused", "unread"]
    said = {
        "kind": Said("of answer, for programs", {"enum": kinds}),
        "headline": Said("the answer", {"minLength": 1}),
        "detail": Said("the numbers that it follows from, or why there is no answer"),
        "do": Said("what may be done about it; empty: nothing"),
        "can_right": Said("whether asking again with right=1 may help"),
        "righted": Said("what was done to the film before it was answered; empty: nothing"),
        "notes": Said("what is odd about the file, in words"),
        "film": Said("how the film is shown; empty: it could not be read"),
        "heat": Said("why no heat can be had; empty: POST /heat has one"),
        "similar": Said("of the nearest training films, or why there are none"),
        "line": Said("short, for a worklist"),
        "research": Said("what must always be in sight", {"minLength": 1}),
    }
    return schema_of(Words, said, "All sentences that the page shows of a film.")


def _class() -> Schema:
    """Describe a class's probability."""
    said = {
        "name": Said("as answers spell it"),
        "display": Said("its name for people"),
        "prob": Said("calibrated probability", SHARE),
        "threshold": Said("least probability to answer it; null: it has none", each={"minimum": 0}),
        "is_answer": Said("whether the film was answered so"),
        "low": Said("least of several bundles", SHARE),
        "high": Said("greatest of several bundles", SHARE),
    }
    return schema_of(ShownClass, said, "A class and its probability.")


def _similar() -> Schema:
    """Describe a training film that lies near."""
    said = {
        "film": Said("as a data URI; empty: it may not be shown", PICTURE_OR_EMPTY),
        "label": Said("that it was trained with"),
        "display": Said("its label for people"),
        "source": Said("the collection that it is from"),
        "licence": Said("of that collection; empty: none is stated"),
        "distance": Said("1 less the cosine of the embeddings: 0 is the same", {"minimum": 0}),
        "is_copy": Said("whether it is the very film that was asked about, maybe saved anew"),
        "says": Said("what stands below it"),
        "why_hidden": Said("why it is not shown; empty: it is"),
    }
    return schema_of(SimilarFilm, said, "A training film whose embedding lies near the film's.")


def _heat() -> Schema:
    """Describe where an answer is most sensitive."""
    said = {
        "heat": Said("over the whole film, a data URI of a gray PNG; empty: none", PNG_OR_EMPTY),
        "of": Said("the class; empty without a heat"),
        "display": Said("its name for people"),
        "says": Said("how much of it lies outside the lungs, in words"),
        "caveat": Said("what a heat does not show"),
        "outside": Said("share outside the lungs; null: not known, or no heat", each=SHARE),
        "outside_of_equal": Said("the same of a heat that is equal everywhere", each=SHARE),
        "mostly_outside": Said("whether a reader is to be warned"),
        "why": Said("why there is no heat; empty: there is one"),
    }
    return schema_of(HeatAnswer, said, "Where on a film an answer is most sensitive (Grad-CAM).")
