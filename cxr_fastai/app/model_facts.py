"""GET /model: what the bundles that answer are, for programs.

A bundle or an ensemble in, plain JSON out: each number is of bundle.json, or of the evaluation of
the same weights that lies beside it. No path stands in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from typing import Any, TypedDict

from cxr_fastai.app.limits import Limits
from cxr_fastai.bundle.bundle import Bundle
from cxr_fastai.bundle.evaluated_card import evaluation_of
from cxr_fastai.bundle.model_card import limits as limits_of
from cxr_fastai.bundle.training_warnings import training_warnings
from cxr_fastai.serving.about import how_made, normal_of
from cxr_fastai.serving.answers import Model, members_of

__all__ = ["ModelFacts", "model_facts"]


class ClassFacts(TypedDict):
    """One class."""

    name: str
    display: str  # its name for people
    means_nothing_found: bool


class GateFacts(TypedDict):
    """What is asked whether a picture is an upright frontal chest film."""

    asked: bool  # False: every picture is answered, by the server's --no-gate or for want of a gate
    weak: bool  # fitted on too few films to keep its promise
    rights: bool  # whether what looks turned or inverted is turned back


class WarningFacts(TypedDict):
    """What training warned of."""

    kind: str
    says: str
    do: str


class Scores(TypedDict):
    """An evaluation of these weights."""

    split: str
    n: int  # images
    groups: int  # patients, as far as they are known
    metrics: dict[str, Any]
    intervals: dict[str, list[float]]  # 95 %, least and greatest
    floors: dict[str, Any]  # what reaches as much without looking at lungs


class BundleFacts(TypedDict):
    """One bundle."""

    recipe: str
    title: str
    arch: str
    size: int  # px, width and height of the network's input
    weights_sha256: str
    manifest_sha256: str  # of the data that it was trained on
    runtime: str  # what computes it
    trained: dict[str, Any]
    thresholds: dict[str, float]  # class -> least probability to answer it
    decision: dict[str, Any]  # how it answers yes or no; empty: by the most probable class
    warnings: list[WarningFacts]
    validation: dict[str, Any]  # its scores there
    scores: Scores | None  # None: no evaluation lies beside it


class ModelFacts(TypedDict):
    """What the server answers with."""

    task: str
    classes: list[ClassFacts]  # in the order of the probabilities
    gate: GateFacts
    bundles: list[BundleFacts]  # several answer together
    notes: list[str]  # how the answers are made, where that is particular
    limits: str  # what they are not for
    server: dict[str, int]  # max_mb, max_files, per_minute
    version: str  # of cxr_fastai


def model_facts(
    model: Model,
    limits: Limits,
    gate: bool = True,  # whether the gates are asked
    right: bool = False,  # whether what looks turned is turned back
) -> ModelFacts:
    """Collect what the bundles are."""
    members = members_of(model)
    first = members[0]
    normal = normal_of(model)
    gates = [member.gate for member in members if member.gate is not None]
    classes = []
    for name in first.vocab:
        display = model.display[name]
        classes.append(ClassFacts(name=name, display=display, means_nothing_found=name == normal))
    return ModelFacts(
        task=str(model.task),
        classes=classes,
        gate=GateFacts(
            asked=gate and bool(gates),
            weak=any(each.is_weak for each in gates),
            rights=right,
        ),
        bundles=[_bundle(member) for member in members],
        notes=how_made(model, tta=False, gate=gate),
        limits=" ".join(limits_of(first.meta).split()),
        server={
            "max_mb": limits.max_mb,
            "max_files": limits.max_files,
            "per_minute": limits.per_minute,
        },
        version=metadata.version("cxr_fastai"),
    )


def _bundle(member: Bundle) -> BundleFacts:
    """Collect what one bundle is."""
    meta = member.meta
    recipe = meta["recipe"]
    warnings = []
    for warning in training_warnings(meta):
        warnings.append(WarningFacts(kind=warning.kind, says=warning.says, do=warning.do))
    return BundleFacts(
        recipe=str(recipe["name"]),
        title=str(recipe.get("title", "")),
        arch=meta["arch"],
        size=meta["size"],
        weights_sha256=meta["weights_sha256"],
        manifest_sha256=meta["manifest_sha256"],
        runtime=member.runtime.name,
        trained=_without_paths(meta["trained"]),
        thresholds=dict(meta["thresholds"]),
        decision=dict(meta["decision"]),
        warnings=warnings,
        validation=dict(meta["metrics"]),
        scores=_scores(member),
    )


def _without_paths(record: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what may name a file of the machine that trained, as weights of its own."""
    kept = {}
    for key, value in record.items():
        is_plain = isinstance(value, (bool, int, float))
        is_words = isinstance(value, str) and "/" not in value and "\\" not in value
        if is_plain or is_words:
            kept[key] = value
    return kept


def _scores(member: Bundle) -> Scores | None:
    """Return an evaluation of these weights."""
    report = evaluation_of(member.path, member.meta)
    if report is None:
        return None
    intervals = (report.get("intervals") or {}).get("metrics") or {}
    return Scores(
        split=str(report.get("split", "")),
        n=int(report.get("n") or 0),
        groups=int(report.get("groups") or 0),
        metrics=dict(report["metrics"]),
        intervals=dict(intervals),
        floors=dict(report.get("floors") or {}),
    )
