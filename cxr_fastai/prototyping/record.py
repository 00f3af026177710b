"""What a prototype comes to: the record that `prototype` returns, and that its folder keeps.

Scores, plan, warnings and steps -> text, a notebook's html, strict JSON and back. It opens no file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxr_fastai.core import FolderWarning
from cxr_fastai.prototyping.counts import Counts
from cxr_fastai.prototyping.next_steps import Step
from cxr_fastai.prototyping.plan import Plan
from cxr_fastai.prototyping.scores import Scores
from cxr_fastai.prototyping.shortcuts import Probed
from cxr_fastai.reporting.text import wrap

if TYPE_CHECKING:
    from cxr_fastai.curation.folder.result import Curation
    from cxr_fastai.evaluation.build_report import AnyReport

__all__ = ["Prototype", "BUNDLE", "CURATED", "PAGE", "RUN"]

CURATED = "curated"
RUN = "run"
BUNDLE = f"{RUN}/bundle"
PAGE = "report.html"


@dataclass(frozen=True, repr=False)
class Prototype:
    """A folder of one's own, as a model that was held against the light."""

    out: Path
    title: str
    verdict: str
    counts: Counts
    plan: Plan
    scores: tuple[Scores, ...]  # test first; validation where test is too small
    shortcuts: tuple[FolderWarning, ...]
    probed: tuple[Probed, ...]  # all that was asked
    warnings: tuple[FolderWarning, ...]  # all others of the folder
    trouble: tuple[FolderWarning, ...]  # what went wrong in training
    trained: dict[str, Any]  # epochs, best epoch, seconds
    next_steps: tuple[Step, ...]
    seconds: dict[str, float]  # step of the road -> how long it took; road.FIRST_ANSWER
    stood: bool = False  # made by an earlier run
    curation: Curation | None = field(default=None, compare=False)  # None: an earlier run's
    reports: Mapping[str, AnyReport] = field(default_factory=dict, compare=False)  # split -> it

    @property
    def bundle(self) -> Path:
        """The trained model."""
        return self.out / BUNDLE

    @property
    def page(self) -> Path:
        """The page that tells the whole."""
        return self.out / PAGE

    @property
    def report(self) -> AnyReport | None:
        """The report on the test split; None where an earlier run made it, or there is none."""
        return self.reports.get("test")

    def to_dict(self) -> dict[str, Any]:
        """Return it as strict JSON."""
        return {
            "out": str(self.out),
            "bundle": str(self.bundle),
            "page": str(self.page),
            "title": self.title,
            "verdict": self.verdict,
            "counts": vars(self.counts),
            "plan": self.plan.to_dict(),
            "scores": [scores.to_dict() for scores in self.scores],
            "shortcuts": [warning.to_dict() for warning in self.shortcuts],
            "probed": [vars(probed) for probed in self.probed],
            "warnings": [warning.to_dict() for warning in self.warnings],
            "trouble": [warning.to_dict() for warning in self.trouble],
            "trained": self.trained,
            "next_steps": [{"why": s.why, "commands": list(s.commands)} for s in self.next_steps],
            "seconds": self.seconds,
            "stood": self.stood,
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any], out: Path) -> Prototype:
        """Read what an earlier run kept; its reports and curation are not read again."""
        return cls(
            out=out,
            title=stored["title"],
            verdict=stored["verdict"],
            counts=Counts(**stored["counts"]),
            plan=Plan.from_dict(stored["plan"]),
            scores=tuple(Scores.from_dict(one) for one in stored["scores"]),
            shortcuts=_warnings(stored["shortcuts"]),
            probed=tuple(Probed(**one) for one in stored["probed"]),
            warnings=_warnings(stored["warnings"]),
            trouble=_warnings(stored["trouble"]),
            trained=stored["trained"],
            next_steps=tuple(Step(s["why"], tuple(s["commands"])) for s in stored["next_steps"]),
            seconds=stored["seconds"],
            stood=True,
        )

    def __str__(self) -> str:
        lines = [*wrap(self.verdict), ""]
        for scores in self.scores:
            lines += wrap(scores.line(), rest="  ")
        for warning in self.trouble:
            lines += wrap(f"WARNING: {warning.says} {warning.do}", rest="  ")
        lines += ["", f"page:    {self.page}", f"bundle:  {self.bundle}"]
        return "\n".join([*lines, *_next_lines(self.next_steps)])

    def __repr__(self) -> str:
        return f"<Prototype of {self.title} in {self.out}>"

    def _repr_html_(self) -> str:
        """Show the verdict and the scores in a notebook."""
        from cxr_fastai.reporting.html import render

        return render("prototyping", "summary.html", page=False, p=self)


def _warnings(stored: Sequence[Mapping[str, Any]]) -> tuple[FolderWarning, ...]:
    """Read warnings that were kept."""
    return tuple(FolderWarning(**one) for one in stored)


def _next_lines(steps: Sequence[Step]) -> list[str]:
    """Return the first step that has a command."""
    for step in steps:
        if step.commands:
            return ["next:    " + "\n         ".join(step.commands)]
    return []
