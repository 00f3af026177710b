"""A film and its answer as a card of the page of predictions, and the order in which cards stand.

Rows in, records of text and numbers out. Decides nothing, needs no torch, reads and writes no file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cxr_fastai.gate.kinds import KINDS
from cxr_fastai.images import NOTES
from cxr_fastai.recipes import NONE
from cxr_fastai.serving.rows import Row

__all__ = ["Card", "Line", "Names", "Risk", "card_of", "gate_key", "reading_key"]

UNREAD = "unread"  # keys of kinds of cards
NO_ANSWER = "no-answer"
LONGEST_PATH = 160  # characters of a path that a card shows: its end, which tells films apart
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"  # stands for what a card leaves out
UNREAD_WORDS = "not read"
NO_ANSWER_WORDS = "no answer"

ReadingKey = tuple[int, float, int, float]


@dataclass(frozen=True)
class Names:
    """What the classes of a bundle, or of several, are called and held against."""

    display: Mapping[str, str]  # class -> its name for people, in the order of the vocab
    negative: str = ""  # the class that means nothing found; empty: none does
    several: bool = False  # a film may have any number of findings
    thresholds: Mapping[str, float] = field(default_factory=dict)  # class -> least probability
    by_risk: bool = True  # a row's threshold is of its risk; False: of the class that it answers

    def key_of(self, label: str) -> str:
        """Return the key of a class, of letters and digits alone, whatever its name."""
        if label == NONE and label not in self.display:
            return "none"
        return f"class-{list(self.display).index(label)}"

    def labels_of(
        self,
        row: Row,  # that has an answer
    ) -> list[str]:
        """Return the classes that a row answers; none of them: NONE."""
        label = row["label"] or ""
        return label.split("|") if self.several else [label]

    @property
    def labels(self) -> list[str]:
        """All that can be answered, in the order in which it is listed."""
        none = [NONE] if self.several else []
        return [*self.display, *none]

    def shown(
        self,
        label: str,  # a class, or NONE
    ) -> str:
        """Return the name of a class for people."""
        return self.display.get(label, "none of the findings" if label == NONE else label)


@dataclass(frozen=True)
class Risk:
    """Where a film stands on the scale of risk."""

    words: str
    at: str  # percent of the scale
    threshold: str  # percent of the scale; empty where there is none


@dataclass(frozen=True)
class Line:
    """A class's probability on a card."""

    name: str
    words: str
    at: str  # percent of the scale
    threshold: str  # in words; empty where there is none
    spread: str  # least and greatest of several bundles, in words; empty of one


@dataclass(frozen=True)
class Card:
    """A film and what was said of it."""

    place: int  # from 1, in the order of the page
    path: str
    keys: tuple[str, ...]  # of the kinds that it is of
    kind: str  # unread | no-answer | negative | found
    badge: str  # the answer
    words: str  # with its numbers, or the reason why there is none
    risk: Risk | None
    lines: tuple[Line, ...]
    notes: tuple[str, ...]  # what is odd about the file


def gate_key(kind: str) -> str:
    """Return the key of a kind of picture that the gate refuses."""
    return f"gate-{list(KINDS).index(kind)}"


def reading_key(row: Row, names: Names) -> ReadingKey:
    """Give the key to sort by: who was not answered first, then by risk, or by class.

    Of those, what could not be read comes first, then what the gate refused, kind by kind.

    Where there is no risk, films of one class stand together, the most probable first.
    """
    if row["error"]:
        return 0, 0.0, 0, 0.0
    refused = row.get("gate", "")
    if refused:
        return 1, 0.0, list(KINDS).index(refused), 0.0
    if row["abstained"]:
        return 2, -(row["risk"] or 0.0), 0, 0.0
    if row["risk"] is not None:
        return 3, -row["risk"], 0, 0.0
    label = names.labels_of(row)[0]
    place = list(names.display).index(label)
    return 3, 0.0, place, -row["probs"][label]


def card_of(
    row: Row,
    place: int,  # from 1
    names: Names,
) -> Card:
    """Turn a row into a card."""
    kind, badge, keys = _kind(row, names)
    return Card(
        place=place,
        path=_shortened(row["path"]),
        keys=keys,
        kind=kind,
        badge=badge,
        words=_words(row, badge),
        risk=_risk(row, names),
        lines=tuple(_line(row, name, names) for name in _by_probability(row)),
        notes=tuple(f"{note}: {NOTES.get(note, '')}".removesuffix(": ") for note in row["notes"]),
    )


def _kind(row: Row, names: Names) -> tuple[str, str, tuple[str, ...]]:
    """Return a card's kind, the answer on its badge, and the keys it is found by."""
    if row["error"]:
        return UNREAD, UNREAD_WORDS, (UNREAD,)
    if row["abstained"]:
        return NO_ANSWER, NO_ANSWER_WORDS, _keys_of_abstention(row)
    labels = names.labels_of(row)
    badge = ", ".join(names.shown(label) for label in labels)
    is_negative = labels in ([names.negative], [NONE])
    kind = "negative" if is_negative else "found"
    return kind, badge, tuple(names.key_of(label) for label in labels)


def _keys_of_abstention(row: Row) -> tuple[str, ...]:
    """Return the keys of a film without an answer: one more where the gate refused it."""
    refused = row.get("gate", "")
    if not refused:
        return (NO_ANSWER,)
    return NO_ANSWER, gate_key(refused)


def _words(
    row: Row,
    badge: str,  # says the answer already
) -> str:
    """Return the decision without what the badge and the path say already."""
    if row["error"]:
        return row["error"].removeprefix(f"{row['path']}: ")
    if row["abstained"]:
        return row["reason"]
    return row["decision"].removeprefix(f"{badge}: ")


def _risk(row: Row, names: Names) -> Risk | None:
    """Return the risk of a film that has one; a class's threshold is no place on its scale."""
    risk = row["risk"]
    threshold = row["threshold"] if names.by_risk else None
    if risk is None:
        return None
    line = "" if threshold is None else _percent(threshold)
    return Risk(f"{risk:.2f}", _percent(risk), line)


def _percent(
    value: float,  # 0-1, but for the rounding of sums
) -> str:
    """Return a place on a scale from 0 to 1."""
    on_scale = min(max(value, 0.0), 1.0)
    return f"{100 * on_scale:.1f}"


def _by_probability(row: Row) -> Sequence[str]:
    """Return the classes, the most probable first."""
    probs = row["probs"]
    return sorted(probs, key=probs.__getitem__, reverse=True)


def _line(
    row: Row,
    name: str,  # of the class
    names: Names,
) -> Line:
    """Describe the probability of a class."""
    least = names.thresholds.get(name)
    own = row["probs"][name]
    spread = row.get("spread", {}).get(name)
    return Line(
        name=names.shown(name),
        words=f"{own:.3f}",
        at=_percent(own),
        threshold="" if least is None else f"{least:.3f}",
        spread="" if spread is None else f"{spread[0]:.2f} to {spread[1]:.2f}",
    )


def _shortened(path: str) -> str:
    """Return the end of a path that is too long to be shown."""
    if len(path) <= LONGEST_PATH:
        return path
    return ELLIPSIS + path[-LONGEST_PATH:]
