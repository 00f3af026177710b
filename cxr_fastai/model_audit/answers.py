"""A bundle's answers to the test films of a folder, as the audit asks for them.

A bundle and a Manifest -> a ModelSide: scores, answers, what its last layer is given, its gain over
the pixel floor, and a function that shows it changed films. Never changes a weight, fits nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from cxr_fastai.auditing.changed_films import Change
from cxr_fastai.auditing.model_asked import FloorGain, ModelSide
from cxr_fastai.bundle.bundle import Bundle
from cxr_fastai.core import Task
from cxr_fastai.evaluation.build_report import AnyReport
from cxr_fastai.evaluation.evaluate import evaluate
from cxr_fastai.intervals.interval_trees import find_interval
from cxr_fastai.manifest import Manifest, Record
from cxr_fastai.manifest_pixels import pixels_of
from cxr_fastai.probes.targets import RESAMPLES, class_targets
from cxr_fastai.progress import SILENT, Progress
from cxr_fastai.recipes import NONE

__all__ = ["model_side", "scores_of", "LastLayer"]

MACRO = "macro_auroc"


class LastLayer:
    """What the last linear layer of a network is given, film by film, while it answers."""

    def __init__(self, net: nn.Module):
        """Begin to look on."""
        linear = [module for module in net.modules() if isinstance(module, nn.Linear)]
        self._kept: list[np.ndarray] = []
        self._handle = linear[-1].register_forward_pre_hook(self._keep) if linear else None

    def _keep(
        self,
        layer: nn.Module,
        given: tuple[torch.Tensor, ...],  # (n, ..) of a batch, and what else it takes
    ) -> None:
        """Keep what the layer is given, film by film."""
        batch = given[0].detach().flatten(1)
        self._kept.append(batch.float().cpu().numpy())

    def close(self) -> np.ndarray:  # (n, d); (0, 0) of a network without such a layer
        """Look no longer; return what was given, in the order of the films."""
        if self._handle is not None:
            self._handle.remove()
        if not self._kept:
            return np.zeros((0, 0))
        return np.concatenate(self._kept)


def scores_of(
    bundle: Bundle,
    root: Path,  # the curated folder
    rows: Sequence[Record],  # of it
    change: Change | None = None,  # of each film before it is shown
    progress: Progress = SILENT,
) -> np.ndarray:  # (n, classes)
    """Ask a bundle for its probabilities of some films."""

    def decode(row: Record) -> np.ndarray:
        """Return a film's pixels, changed."""
        pixels = pixels_of(root, row)
        if change is None:
            return pixels
        return change(pixels)

    shown = progress.bar(rows, len(rows), "showing films to the network")
    return bundle.probs(shown, bs=64, decode=decode)


def model_side(
    bundle: Bundle,
    manifest: Manifest,  # with test films
    seed: int = 0,
    progress: Progress = SILENT,
) -> ModelSide:
    """Ask a bundle for all that the audit wants. Raises as `evaluate` does."""
    layer = LastLayer(bundle.net)
    report = evaluate(bundle, manifest, "test", progress=progress, resamples=RESAMPLES, seed=seed)
    embeddings = layer.close()
    found = report.predictions
    assert found is not None  # of evaluate
    once = [i for i, row in enumerate(found.rows) if not row["repeat_of"]]
    # labels are those of the bundle's own classes, pixels those of the folder's rows
    rows = [Record(**found.rows[i]) for i in once]
    vocab = list(bundle.vocab)

    def ask(change: Change, chosen: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Return scores and answers to changed films."""
        shown = [rows[i] for i in chosen]
        changed = scores_of(bundle, manifest.root, shown, change)
        scores = dict(zip(vocab, changed.T))
        return scores, _answers(bundle, changed)

    has, unknown = _marks(found.targs[once], vocab)
    labels = [row.label for row in rows]
    groups = [row.group for row in rows]
    probs = found.probs[once]
    return ModelSide(
        name=bundle.meta["arch"],
        rows=rows,
        targets=class_targets(labels, has, unknown, groups, seed),
        scores=dict(zip(vocab, probs.T)),
        answers=_answers(bundle, probs),
        embeddings=embeddings[once] if len(embeddings) else embeddings,
        ask=ask,
        floor=_floor(report),
        notes=report.notes,
    )


def _marks(
    targs: np.ndarray,  # (n,) indices; or (n, c) 1, 0, nan
    vocab: Sequence[str],
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return which films have each class, and of which that is unknown."""
    has = {}
    unknown = {}
    for i, name in enumerate(vocab):
        if targs.ndim == 1:
            has[name] = targs == i
            unknown[name] = np.zeros(len(targs), bool)
        else:
            marks = targs[:, i]
            has[name] = marks == 1
            unknown[name] = np.isnan(marks)
    return has, unknown


def _answers(
    bundle: Bundle,
    probs: np.ndarray,  # (n, c)
) -> np.ndarray:  # (n,) text
    """Return the answers as labels of a manifest."""
    vocab = list(bundle.vocab)
    if bundle.task is Task.SINGLE_LABEL:
        return np.array([vocab[i] for i in bundle.answers(probs)])
    labels = []
    for marks in bundle.found(probs):
        present = [name for name, is_found in zip(vocab, marks) if is_found]
        labels.append("|".join(present) or NONE)
    return np.array(labels)


def _floor(report: AnyReport) -> FloorGain | str:
    """Return the gain over the pixel floor, each radiograph counted once; or why there is none."""
    own: Any = report.distinct if report.distinct is not None else report
    pixels = own.pixels
    if pixels is None:
        return str(report.why_no_pixels or "there is no pixel floor")
    chosen = pixels.chosen
    model = own.metrics[MACRO]
    if model is None or chosen.values[MACRO] is None or chosen.gains[MACRO] is None:
        return "no class has test films on both sides"
    others = {}
    for side, numbers in pixels.by_side.items():
        if side != pixels.side and numbers.values[MACRO] is not None:
            others[f"{side}x{side} gray squares"] = numbers.values[MACRO]
    return FloorGain(
        squares=pixels.squares,
        model=model,
        model_interval=find_interval(own.intervals, "metrics", MACRO),
        floor=chosen.values[MACRO],
        floor_interval=chosen.intervals[MACRO],
        gain=chosen.gains[MACRO],
        gain_interval=chosen.gain_intervals[MACRO],
        others=others,
        films=own.n,
        groups=own.groups,
    )
