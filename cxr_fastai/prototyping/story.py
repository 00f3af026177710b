"""A run summed up: from curation, plan, reports and bundle to the record that tells it.

It counts what others found, and reads bundle.json alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cxr_fastai.core import FolderWarning
from cxr_fastai.curation.folder.result import Curation
from cxr_fastai.evaluation.build_report import AnyReport
from cxr_fastai.prototyping.asked import Request
from cxr_fastai.prototyping.counts import counts_of
from cxr_fastai.prototyping.next_steps import Known, next_steps
from cxr_fastai.prototyping.plan import Plan
from cxr_fastai.prototyping.record import BUNDLE, Prototype
from cxr_fastai.prototyping.scores import scores_of
from cxr_fastai.prototyping.shortcuts import Shortcuts, limits_of
from cxr_fastai.prototyping.words import verdict_sentence

__all__ = ["summed_up"]

# Kinds of a bundle's warnings after which its network is not to be used.
TROUBLE = ("at_chance", "loss_above_constant")


def summed_up(
    request: Request,
    out: Path,
    curation: Curation,
    shortcuts: Shortcuts,
    plan: Plan,
    reports: Mapping[str, AnyReport],
    seconds: Mapping[str, float],
) -> Prototype:
    """Make the record of a run that came to its end."""
    meta = json.loads((out / BUNDLE / "bundle.json").read_text(encoding="utf-8"))
    counts = counts_of(curation)
    scores = {split: scores_of(report) for split, report in reports.items()}
    trained = _trained(meta)
    trouble = _trouble(meta)
    known = Known(
        request=request,
        out=out,
        plan=plan,
        images=counts.images,
        patients=counts.patients,
        conflicts=counts.conflicts - curation.summary.conflicts_kept,
        shortcuts=shortcuts.found,
        test_images=counts.splits["test"],
        sure="test" in scores and scores["test"].shows,
        cut_short=trained["epochs"] < plan.settings["epochs"],
    )
    names = [curation.recipe.display.get(label, label) for label in curation.recipe.vocab]
    return Prototype(
        out=out,
        title=request.name,
        verdict=verdict_sentence(scores.get("test"), names, shortcuts.found, trouble),
        counts=counts,
        plan=plan,
        scores=tuple(scores.values()),
        shortcuts=shortcuts.found,
        probed=shortcuts.probed,
        warnings=tuple(_limits(curation)),
        trouble=tuple(trouble),
        trained=trained,
        next_steps=tuple(next_steps(known)),
        seconds=dict(seconds),
        curation=curation,
        reports=dict(reports),
    )


def _limits(curation: Curation) -> list[FolderWarning]:
    """Return what says how far a score reaches, and the folder's warnings."""
    return [*limits_of(curation.summary.confounds), *curation.warnings]


def _trained(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of how a bundle was trained."""
    trained = meta["trained"]
    return {key: trained[key] for key in ("epochs", "best_epoch", "seconds", "weights")}


def _trouble(meta: Mapping[str, Any]) -> list[FolderWarning]:
    """Return what training says that went wrong with it."""
    warnings = [FolderWarning(**stored) for stored in meta.get("warnings", ())]
    return [warning for warning in warnings if warning.kind in TROUBLE]
