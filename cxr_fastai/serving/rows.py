"""What is said of many files: a row a file, in the order to read them in, and as terminal lines.

Rows in, rows or text out. Needs no torch, reads and writes no file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

from cxr_fastai.core import Prediction, UsageError, printable
from cxr_fastai.gate.kinds import KINDS
from cxr_fastai.images import NOTES
from cxr_fastai.reporting.text import count, percent

__all__ = [
    "Row",
    "row_of",
    "normal_class",
    "with_risk",
    "worklist",
    "gate_line",
    "notes_line",
    "format_rows",
]


NO_FINDING = "no_finding"
MOSTLY = 0.5  # share of a heat: with more of it outside the lungs a reader is warned


class Row(TypedDict):
    """What is said of one file; plain JSON."""

    path: str
    label: str | None  # None: it abstained, or could not be read
    risk: float | None  # 0-1; None where the bundle has none, or the file could not be read
    probs: dict[str, float]  # class -> probability; empty where the file could not be read
    abstained: bool
    reason: str  # why it abstained
    error: str  # why the file could not be read
    notes: list[str]  # what is odd about the file, keys of images.NOTES
    decision: str  # the answer in words, with its numbers; empty where the file could not be read
    threshold: float | None  # that the answer was held against; None: there is none, or several
    gate: NotRequired[str]  # kind of picture that the gate refused, of gate.KINDS
    righted: NotRequired[list[str]]  # kinds that it was of before it was turned or inverted back
    coverage: NotRequired[float]  # that was asked for; with it prediction_set
    # classes; of a multi-label task finding -> what it may be, of present and absent
    prediction_set: NotRequired[list[str] | dict[str, list[str]]]
    heat_of: NotRequired[str]  # class whose heat was asked for
    heat_outside: NotRequired[float | None]  # share of it outside the lung field; None: not known
    spread: NotRequired[dict[str, list[float]]]  # class -> least and greatest of several bundles


def row_of(
    prediction: Prediction,  # of one file
) -> Row:
    """Turn a prediction into a row."""
    row = Row(
        path=prediction.source,
        label=prediction.label,
        risk=prediction.risk,
        probs=prediction.probs,
        abstained=prediction.abstained,
        reason=prediction.reason,
        error=prediction.error,
        notes=list(prediction.notes),
        decision="" if prediction.error else prediction.decision,
        threshold=prediction.threshold,
    )
    if prediction.gate:
        row["gate"] = prediction.gate
    if prediction.righted:
        row["righted"] = list(prediction.righted)
    found = prediction.prediction_set
    if found is not None:
        row["coverage"] = found.coverage
        row["prediction_set"] = list(found.classes)
        if found.findings:
            row["prediction_set"] = {name: list(own) for name, own in found.findings.items()}
    if prediction.heat is not None:
        row["heat_of"] = prediction.heat.of
        row["heat_outside"] = prediction.heat.outside
    if prediction.spread:
        row["spread"] = {name: list(ends) for name, ends in prediction.spread.items()}
    return row


def normal_class(
    recipe: Mapping[str, Any],  # key recipe of bundle.json
) -> str:  # empty: no class, or several, mean that nothing was found
    """Return the class whose images are those of no finding, and no others."""
    classes = recipe.get("classes")
    if not isinstance(classes, Mapping):
        return ""
    normal = [name for name, findings in classes.items() if findings == [NO_FINDING]]
    return normal[0] if len(normal) == 1 else ""


def worklist(
    rows: list[Row],  # of predict_paths
    normal: str = "",  # of `normal_class`: gives the risk where the bundle decides nothing
) -> list[Row]:
    """Order rows as radiographs are to be read.

    Those that could not be read come first, then those that the gate refused, kind by kind, then
    those held back by a threshold, as somebody must look at them; then the highest risk: where the
    bundle has none, 1 less the probability of the normal class. The answers stay as they are.
    Raises `UsageError` where there is no risk to order by.
    """
    told = [with_risk(row, normal) for row in rows]
    classes = next((list(row["probs"]) for row in told if row["probs"]), [])
    if any(row["risk"] is None and not _is_unanswered(row) for row in told):
        raise UsageError(
            f"there is no risk to order a worklist by: of the classes {', '.join(classes)} none, "
            "or several, mean that nothing was found. Train for a recipe with key negative, as "
            "triage, or for findings, as nih14."
        )
    return sorted(told, key=_reading_order)


def with_risk(row: Row, normal: str) -> Row:
    """Give a row the risk of not being normal, and say it, where it has none."""
    if row["risk"] is not None or normal not in row["probs"]:
        return row
    risk = 1 - row["probs"][normal]
    risk = min(max(risk, 0.0), 1.0)
    decision = f"{row['decision']}; risk {risk:.2f}"
    found: Row = {**row, "risk": risk, "decision": decision}
    return found


def _is_unanswered(row: Row) -> bool:
    """Tell whether no network was asked: the file could not be read, or the gate refused it."""
    return bool(row["error"] or row.get("gate"))


def _reading_order(row: Row) -> tuple[bool, int, bool, float]:
    """Give the key to sort by: errors, refusals by kind, who was held back, then the highest risk.

    The pages' `cards.reading_key` orders alike: a film has one place, wherever it is read.
    """
    was_read = not row["error"]
    refused = row.get("gate")
    kind = list(KINDS).index(refused) if refused else len(KINDS)
    risk = row["risk"] or 0.0
    return was_read, kind, not row["abstained"], -risk


def notes_line(
    rows: list[Row],  # of predict_paths
) -> str:  # empty where nothing is noted
    """Say how many files are odd, and in what way, the most frequent first."""
    counts: Counter[str] = Counter()
    for row in rows:
        counts.update(row["notes"])
    odd = sum(bool(row["notes"]) for row in rows)
    if not odd:
        return ""
    kinds = []
    for note, n in counts.most_common():
        meaning = NOTES[note].rstrip(".")
        kinds.append(f"{note} {n} ({meaning})")
    return f"noted of {odd} of {count(len(rows), 'file')}: {'; '.join(kinds)}"


def gate_line(
    rows: list[Row],  # of predict_paths
) -> str:  # empty where the gate did nothing
    """Say how many files the gate refused, and how many were righted, by kind."""
    parts = (_refused_words(rows), _righted_words(rows))
    return "; ".join(part for part in parts if part)


def _refused_words(
    rows: list[Row],
) -> str:  # empty where none is
    """Say how many files the gate refused."""
    refused = Counter(row["gate"] for row in rows if row.get("gate"))
    if not refused:
        return ""
    files = count(len(rows), "file")
    return f"the gate refused {refused.total():,} of {files}: {_by_kind(refused)}"


def _righted_words(
    rows: list[Row],
) -> str:  # empty where none is
    """Say how many films were righted; one that was righted twice is of two kinds."""
    kinds: Counter[str] = Counter()
    films = 0
    for row in rows:
        righted = row.get("righted", [])
        kinds.update(righted)
        films += bool(righted)
    if not films:
        return ""
    return f"righted {count(films, 'film')} before answering: {_by_kind(kinds)}"


def _by_kind(counts: Counter[str]) -> str:
    """List kinds with their numbers, the most frequent first."""
    kinds = []
    for kind, n in counts.most_common():
        kinds.append(f"{kind} {n:,}")
    return ", ".join(kinds)


def format_rows(
    rows: list[Row],  # of predict_paths
) -> str:  # one aligned line a row, no final newline
    """Write rows for a terminal: path, and the decision in words or why there is none."""
    paths = [printable(row["path"]) for row in rows]
    width = max((len(path) for path in paths), default=0)
    lines = []
    for path, row in zip(paths, rows):
        aligned = path.ljust(width)
        words = printable(_words(row))
        lines.append(f"{aligned}  {words}")
    return "\n".join(lines)


def _words(row: Row) -> str:
    """Give the decision, or why there is none; and a warning of heat outside the lungs."""
    words = row["decision"]
    if row["error"]:
        words = f"not read: {row['error']}"
    outside = row.get("heat_outside")
    if outside is not None and outside > MOSTLY:
        words += f"; most of its heat ({percent(outside)}) lies outside the lung field"
    return words
