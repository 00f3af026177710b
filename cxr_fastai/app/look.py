"""What the page shows of one film: the answer of POST /look, all sentences made here.

A row and its film in, a `Look` out: plain JSON. The film is shown losslessly, as it was decoded or,
where it was turned or inverted back, as it was answered; the words say which. Decides nothing,
needs no torch, reads and writes no file.
"""

from __future__ import annotations

import io
from typing import NotRequired, TypedDict

import numpy as np
from PIL import Image

from cxr_fastai.app.similar import NO_FILMS, Found, SimilarFilm
from cxr_fastai.app.told import Told, csv_header
from cxr_fastai.bundle.film_view import RESEARCH
from cxr_fastai.bundle.gates import righted_words
from cxr_fastai.gate.kinds import KINDS, RIGHTED, TURNS
from cxr_fastai.reporting.html import data_uri
from cxr_fastai.serving.answers import Film
from cxr_fastai.serving.cards import Card, card_of, reading_key
from cxr_fastai.serving.rows import Row, with_risk

__all__ = ["Look", "ShownClass", "Words", "csv_header", "film_png", "look_of"]

# Of the film's PNG: of a drawn film of 1024 px level 1 takes 40 ms and 700 kB, 6 takes 76 ms and
# 630 kB. A JPEG of quality 95 takes 3 ms and 380 kB, and errs by up to 10 of 255 gray levels, which
# a narrow window makes visible.
PNG_LEVEL = 1
SOMEBODY = "The model says nothing of this film: somebody must look at it."
TURN_BACK = "It can be turned or inverted back and asked again."
NO_HEAT = "There is no heat where the model gave no answer."


class ShownClass(TypedDict):
    """A class's probability."""

    name: str
    display: str
    prob: float
    threshold: float | None  # least probability to answer it; None: it has none
    is_answer: bool
    low: NotRequired[float]  # least and greatest of several bundles
    high: NotRequired[float]


class Words(TypedDict):
    """All sentences that the page shows of a film."""

    kind: str  # found | negative | no-answer | refused | unread
    headline: str  # the answer
    detail: str  # with its numbers, or the reason why there is none
    do: str  # what may be done about it; empty: nothing
    can_right: bool  # whether it may help to ask again and have it turned or inverted back
    righted: str  # what was done before it was answered; empty: nothing
    notes: list[str]  # what is odd about the file
    film: str  # how the film is shown; empty: it could not be read
    heat: str  # why no heat can be had; empty: it can be asked for
    similar: str  # of the nearest training films, or why there are none
    line: str  # short, for the worklist
    research: str  # always in sight


class Look(TypedDict):
    """What POST /look answers."""

    row: Row  # its risk given where there is one
    film: str  # data URI of a gray PNG; empty: it could not be read
    width: int  # px, of the film in full as it is shown; 0: it could not be read
    height: int
    words: Words
    classes: list[ShownClass]  # the most probable first
    csv: str  # its line of the csv, with the line break
    order: list[float]  # four numbers to sort a worklist by, the smallest first
    similar: list[SimilarFilm]
    seconds: float


def look_of(
    told: Told,
    row: Row,  # of the film, of `row_of`
    film: Film | None,  # None: it could not be read
    seconds: float,  # that it took
    right: bool = False,  # whether it was asked for to be turned or inverted back
    found: Found = NO_FILMS,  # the nearest training films
    no_heat: str = "",  # why this server computes no heat; empty: it does
) -> Look:
    """Put together what the page shows of one film."""
    with_its_risk = with_risk(row, told.names.negative)
    width, height = (0, 0) if film is None else _shown_size(film)
    return Look(
        row=with_its_risk,
        film="" if film is None else data_uri(film_png(film.shown), "png"),
        width=width,
        height=height,
        words=_words(told, with_its_risk, film, right, found, no_heat),
        classes=_classes(told, with_its_risk),
        csv=told.csv_line(with_its_risk),
        order=[float(part) for part in reading_key(with_its_risk, told.names)],
        similar=list(found.films),
        seconds=round(seconds, 3),
    )


def film_png(
    pixels: np.ndarray,  # (h, w) uint8
) -> bytes:
    """Write gray pixels as a PNG, lossless and without metadata."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=PNG_LEVEL)
    return out.getvalue()


# ---- words


def _words(
    told: Told,
    row: Row,
    film: Film | None,
    right: bool,
    found: Found,
    no_heat: str,
) -> Words:
    """Make the sentences."""
    card = card_of(row, 0, told.names)
    can_right = not right and row.get("gate", "") in RIGHTED
    done = _righted(film)
    return Words(
        kind="refused" if row.get("gate") else card.kind,
        headline=_capital(card.badge),
        detail=_detail(row, card),
        do=_do(row, can_right),
        can_right=can_right,
        righted=_sentence(righted_words(done)),
        notes=list(card.notes),
        film="" if film is None else _film_words(film),
        heat=no_heat or ("" if row["probs"] else NO_HEAT),
        similar=found.says,
        line=_line(row, card),
        research=RESEARCH,
    )


def _detail(row: Row, card: Card) -> str:
    """Say the numbers of an answer, or why there is none, without what stands elsewhere."""
    refused = row.get("gate", "")
    if refused:
        return f"It {KINDS[refused]}: not answered"
    done = righted_words(row.get("righted", ()))
    return card.words.removesuffix(f"; {done}") if done else card.words


def _do(
    row: Row,
    can_right: bool,
) -> str:
    """Say what may be done about a film that has no answer."""
    if row["error"] or not row["abstained"]:
        return ""
    return f"{SOMEBODY} {TURN_BACK}" if can_right else SOMEBODY


def _line(row: Row, card: Card) -> str:
    """Say an answer as short as a line of a worklist is."""
    refused = row.get("gate", "")
    if refused:
        return f"{card.badge}: {refused.replace('_', ' ')}"
    return card.badge if card.risk is None else f"{card.badge}, risk {card.risk.words}"


def _capital(text: str) -> str:
    """Begin a text with a capital letter, and leave the others as they are."""
    return text[:1].upper() + text[1:]


def _sentence(text: str) -> str:
    """Make a sentence of words; none of none."""
    return f"{_capital(text)}." if text else ""


# ---- the film


def _righted(
    film: Film | None,
) -> tuple[str, ...]:  # kinds that it was turned and inverted back from
    """Tell how a film was righted before it was judged, also where it was refused then."""
    view = film.answer.view if film is not None else None
    return () if view is None else tuple(view.righted)


def _shown_size(
    film: Film,
) -> tuple[int, int]:  # width and height
    """Return the size of a film in full as it is shown: turned back by 90 degrees, or not."""
    turns = sum(TURNS.get(kind, 0) for kind in _righted(film))
    if turns % 180 == 90:
        return film.height, film.width
    return film.width, film.height


def _film_words(film: Film) -> str:
    """Say how a film is shown."""
    width, height = _shown_size(film)
    as_it_is = "turned or inverted back" if _righted(film) else "as decoded"
    words = f"Shown {as_it_is}: {width:,} x {height:,} px"
    shown_height, shown_width = film.shown.shape
    if (shown_width, shown_height) != (width, height):
        words += f", here reduced to {shown_width:,} x {shown_height:,}"
    return f"{words}."


# ---- the classes


def _classes(told: Told, row: Row) -> list[ShownClass]:
    """List the classes, the most probable first."""
    answered = [] if row["label"] is None else told.names.labels_of(row)
    probs = row["probs"]
    shown = []
    for name in sorted(probs, key=probs.__getitem__, reverse=True):
        one = ShownClass(
            name=name,
            display=told.names.shown(name),
            prob=probs[name],
            threshold=told.names.thresholds.get(name),
            is_answer=name in answered,
        )
        spread = row.get("spread", {}).get(name)
        if spread is not None:
            one["low"], one["high"] = spread
        shown.append(one)
    return shown
