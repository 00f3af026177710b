"""What `cxr audit` found: a record that prints as lines and makes a page.

Lines, pictures and one sentence in; text, strict JSON and html out. Asks nothing, writes no file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cxr_fastai.auditing.asked import Asked
from cxr_fastai.auditing.overall import Overall
from cxr_fastai.auditing.pictures import (
    Rung,
    WeightMap,
    dumbbell_marks,
    ladder_marks,
    source_matrix,
)
from cxr_fastai.auditing.suspects_shown import ShownSuspects
from cxr_fastai.core import printable
from cxr_fastai.probes.sources import SourceWithinClass, Unseen
from cxr_fastai.probes.verdict import FAIL_FROM, MAX_WIDTH, WARN_FROM, Verdict
from cxr_fastai.reporting.html import render
from cxr_fastai.reporting.text import MIN_GROUPS_FOR_VERDICT, count, wrap

__all__ = ["Audit", "SUSPECTS"]

SUSPECTS = "suspects.csv"  # beside the page
TERMINAL_COLUMNS = 110
CSS_OF = {
    Verdict.FAIL: "fail",
    Verdict.WARN: "careful",
    Verdict.PASS: "pass",
    Verdict.CANNOT_TELL: "cannot",
}


@dataclass(frozen=True, repr=False)
class Audit:
    """Whether a score on a folder can mean disease. Prints as lines, and makes a page."""

    about: Mapping[str, Any]  # title, recipe, films, groups, sources, seed, manifest_sha256
    overall: Overall
    asked: Sequence[Asked]  # P1 to P12, as far as they could be asked
    ladder: Sequence[Rung]
    ladder_of: str  # films that the ladder's numbers are of
    ratio_words: str  # of border against whole film; empty where there is none to tell
    within: Sequence[SourceWithinClass] = ()
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # class, source, groups
    unseen: Mapping[str, Sequence[Unseen]] = field(default_factory=dict)  # whose -> a source each
    maps: Sequence[WeightMap] = ()
    notes: Sequence[str] = ()
    suspects: Sequence[ShownSuspects] = ()  # labels likely wrong: by a cheap model, by the model

    @property
    def verdict(self) -> Verdict:
        """FAIL, WARN, PASS or CANNOT TELL."""
        return self.overall.verdict

    @property
    def sentence(self) -> str:
        """The audit in one sentence or two."""
        return self.overall.sentence

    @property
    def failed(self) -> list[Asked]:
        """The lines with a FAIL that counts."""
        return [each for each in self.asked if each.is_found(Verdict.FAIL)]

    @property
    def looked_at(self) -> str:
        """What was looked at, in words."""
        counts = [
            count(self.about["films"], "film"),
            count(self.about["groups"], "patient or group", "patients or groups"),
            count(len(self.about["sources"]), "source"),
        ]
        return f"{self.about['recipe']}, train and valid: {', '.join(counts)}"

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the pictures, as strict JSON."""
        ladder = []
        for rung in self.ladder:
            ladder.append({"name": rung.name, "auroc": rung.auroc, "interval": rung.interval})
        return {
            "verdict": str(self.verdict),
            "sentence": self.sentence,
            "about": dict(self.about),
            "probes": [each.to_dict() for each in self.asked],
            "ratio": self.ratio_words,
            "ladder": {"of": self.ladder_of, "rungs": ladder},
            "weights_on_edge": {each.label: each.on_edge for each in self.maps},
            "notes": list(self.notes),
            "suspects": [each.found.to_dict() for each in self.suspects],
        }

    def to_html(self, page: bool = True) -> str:
        """Return the page: one file that fetches nothing and runs nothing."""
        return render(
            "auditing",
            "audit.html",
            page=page,
            a=self,
            css=CSS_OF,
            suspects_file=SUSPECTS,
            ladder=ladder_marks(self.ladder),
            dumbbells=dumbbell_marks(self.unseen),
            matrix=source_matrix(self.counts, self.within),
            fail_from=FAIL_FROM,
            warn_from=WARN_FROM,
            max_width=MAX_WIDTH,
            min_groups=MIN_GROUPS_FOR_VERDICT,
        )

    def __str__(self) -> str:
        """Return the audit as lines of a terminal."""
        lines = wrap(f"{self.verdict}: {self.sentence}", TERMINAL_COLUMNS, rest="  ")
        lines += ["", self.looked_at]
        for note in self.notes:
            lines += wrap(printable(note), TERMINAL_COLUMNS, rest="  ")
        lines.append("")
        for each in self.asked:
            head = f"{each.id:<5} {each.verdict_words:<15} "
            lines += wrap(printable(f"{each.title}. {each.says}"), TERMINAL_COLUMNS, head, "  ")
            if each.do:
                lines += wrap(printable(each.do), TERMINAL_COLUMNS, "  -> ", "     ")
        if self.ratio_words:
            lines += ["", *wrap(self.ratio_words, TERMINAL_COLUMNS)]
        for shown in self.suspects:
            lines += ["", *wrap(f"Labels: {shown.found.says}", TERMINAL_COLUMNS)]
        return "\n".join(lines)

    def __repr__(self) -> str:
        """Return what was looked at, and the verdict."""
        return f"<Audit of {self.looked_at}: {self.verdict}>"

    def _repr_html_(self) -> str:
        """Return the page's body, which a notebook shows."""
        return self.to_html(page=False)
