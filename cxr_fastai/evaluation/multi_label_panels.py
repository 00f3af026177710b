"""What the ROC picture of a multi-label report shows of each finding.

Numbers, intervals and predictions in, panels out; draws nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cxr_fastai.evaluation.curves import Line
from cxr_fastai.evaluation.multi_label import FindingsMetrics
from cxr_fastai.evaluation.plots import Panel
from cxr_fastai.evaluation.predictions import Predictions
from cxr_fastai.intervals.interval_trees import IntervalTree, find_interval

__all__ = ["roc_panels"]


def roc_panels(
    metrics: FindingsMetrics,
    names: Mapping[str, str],  # finding slug -> name to show
    intervals: IntervalTree,  # by finding
    found: Predictions,
    bands: Mapping[str, Line],  # finding slug -> ROC curve with its band
) -> list[Panel]:
    """Return a panel a finding, of the images where it is known."""
    panels = []
    for i, (slug, numbers) in enumerate(metrics["per_class"].items()):
        labels = found.targs[:, i]
        known = ~np.isnan(labels)
        panel = Panel(
            name=names[slug],
            present=labels[known] == 1,
            scores=found.probs[known, i],
            auroc=numbers["auroc"],
            interval=find_interval(intervals, slug, "auroc"),
            specificity=numbers["specificity"],
            sensitivity=numbers["recall"],
            fixed=numbers["fixed"],
            band=bands.get(slug),
        )
        panels.append(panel)
    return panels
