"""What the page says of every film in the same way: what classes are called, the csv's columns.

A model in, a `Told` out, made once when the server starts. It knows nothing of any film, and reads
and writes no file but what `about_of` reads of a bundle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cxr_fastai.core import Task
from cxr_fastai.serving.about import about_of, normal_of
from cxr_fastai.serving.answers import Model, members_of
from cxr_fastai.serving.cards import Names
from cxr_fastai.serving.rows import Row
from cxr_fastai.serving.rows_csv import columns_of, csv_text

__all__ = ["Told", "csv_header", "told_of"]


@dataclass(frozen=True)
class Told:
    """What is the same for all films."""

    names: Names  # of the classes
    columns: Sequence[str]  # of the csv, whatever a film is answered

    @property
    def csv_header(self) -> str:
        """The csv's first line, with its line break."""
        return csv_text([], self.columns)

    def csv_line(self, row: Row) -> str:
        """Write a film's line of the csv, with its line break; a name may hold some more."""
        return csv_text([row], self.columns).removeprefix(self.csv_header)


def told_of(model: Model) -> Told:
    """Collect what is the same for all films."""
    return Told(
        names=about_of(model, tta=False, files=()).names,
        columns=tuple(columns_of([_widest(model)])),
    )


def csv_header(model: Model) -> str:
    """Return the first line of the csv that the page puts together, with its line break."""
    return told_of(model).csv_header


def _widest(
    model: Model,
) -> Row:  # of no film
    """Make a row that has a cell for all that this model can say of a film."""
    members = members_of(model)
    meta = members[0].meta
    is_single = model.task is not Task.MULTI_LABEL
    has_risk = not is_single or normal_of(model) != ""
    has_threshold = is_single and len(members) == 1 and bool(meta["decision"] or meta["thresholds"])
    row = Row(
        path="",
        label=None,
        risk=0.0 if has_risk else None,
        probs=dict.fromkeys(model.vocab, 0.0),
        abstained=False,
        reason="",
        error="",
        notes=[],
        decision="",
        threshold=0.0 if has_threshold else None,
    )
    if any(member.gate is not None for member in members):
        row["gate"] = ""
        row["righted"] = []
    if len(members) > 1:
        row["spread"] = {name: [0.0, 0.0] for name in model.vocab}
    return row
