"""What a bundle says of one radiograph, as a record that explains itself.

Made by `Bundle.predict` and `predict`; shows as text and, in a notebook, as html. Standard library
only, reads and writes no file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from typing import Any

__all__ = ["Prediction", "PredictionSet"]


@dataclass(frozen=True)
class PredictionSet:
    """What a radiograph may be, so that the asked share of patients has what is true in it."""

    coverage: float  # share of the patients of each class, by validation
    classes: tuple[str, ...] = ()  # of a single-label task; empty: it is unlike most films of each
    # of a multi-label task: finding -> what it may be, of present and absent. A finding of which
    # nothing can be promised is not in it
    findings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    says: str = ""  # in words


@dataclass(frozen=True)
class Prediction:
    """What a bundle says of one radiograph."""

    label: str | None  # the class, or None where it abstained or could not be read
    probs: dict[str, float]  # class -> probability, 0-1; sums to 1 for a single-label task
    # class -> least probability to answer it; empty: the highest wins
    thresholds: dict[str, float] = field(default_factory=dict)
    abstained: bool = False
    reason: str = ""  # why it abstained
    gate: str = ""  # kind of picture, of gate.KINDS, that the gate refused; empty: it passed
    righted: tuple[str, ...] = ()  # kinds that it was of before it was turned or inverted back
    notes: tuple[str, ...] = ()  # keys of images.NOTES: what is odd about the picture's file
    decision: str = ""  # the answer in words, with the numbers that it follows from
    # what the answer was held against: of the risk where a class means nothing found, else of the
    # class; None where there is none, or one a finding
    threshold: float | None = None
    risk: float | None = None  # 0-1; None where no class means nothing found
    source: str = ""  # file it was made from; of a list, "sources[2]" for what has no name
    error: str = ""  # why the radiograph could not be read
    prediction_set: PredictionSet | None = None  # where a coverage was asked for
    # class -> least and greatest probability of several bundles that answered; empty: one did
    spread: dict[str, tuple[float, float]] = field(default_factory=dict)

    # where on the film it is most sensitive, a serving.heat.Heat; None: it was not asked for
    heat: Any = field(default=None, compare=False, repr=False)
    # the film itself, a bundle.film_view.FilmView; None: the answer was made by hand
    view: Any = field(default=None, compare=False, repr=False)

    def show(
        self,
        film: Any = None,  # as for Bundle.read; None: what the answer was made from
    ) -> Any:  # a matplotlib Figure
        """Draw the film, its heat where it was asked for, the probabilities and the decision.

        Raises `ImageRejected` where the film could not be read, or no longer can be.
        """
        if self.view is None:
            raise LookupError("this answer was made by hand, from no film: there is none to show")
        return self.view.figure(self, film)

    def __str__(self) -> str:
        """Return the decision in words, behind the file it is of."""
        words = self.decision or str(self.label)
        return f"{self.source}: {words}" if self.source else words

    def _repr_html_(self) -> str:
        """Show the decision and the probabilities in a notebook."""
        return "\n".join(self._html_lines())

    def _html_lines(self) -> Iterator[str]:
        """Write the parts of the html."""
        yield '<div class="cxr-prediction">'
        yield f"<p><strong>{escape(str(self))}</strong></p>"
        if self.probs:
            last = "<th>of the bundles</th>" if self.spread else ""
            yield "<table><thead><tr><th>class</th><th>probability</th><th>threshold</th>"
            yield f"{last}</tr>"
            yield "</thead><tbody>"
            for name in sorted(self.probs, key=self._rank):
                yield self._html_row(name)
            yield "</tbody></table>"
        if self.notes:
            yield f"<p>noted of the file: {escape(', '.join(self.notes))}</p>"
        if self.heat is not None:
            yield f"<p>{escape(self.heat.says)}</p>"
        yield "<p>Research only, not a medical device.</p></div>"

    def _rank(self, name: str) -> float:
        """Give the key to sort classes by: the most probable first."""
        return -self.probs[name]

    def _html_row(self, name: str) -> str:
        """Write a class's row."""
        threshold = self.thresholds.get(name)
        least = "" if threshold is None else f"{threshold:.3f}"
        cells = f"<td>{self.probs[name]:.3f}</td><td>{least}</td>"
        if self.spread:
            low, high = self.spread[name]
            cells += f"<td>{low:.3f} to {high:.3f}</td>"
        return f"<tr><th>{escape(name)}</th>{cells}</tr>"
