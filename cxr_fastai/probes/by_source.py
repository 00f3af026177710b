"""How well the source of a film tells its class, without a look at the film.

Sources of films and Targets -> Told. Where each source holds the classes in like shares, that films
betray their source gives a model little: what tells their classes may be the disease.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cxr_fastai.probes.targets import Targets, Told, told_of
from cxr_fastai.probes.verdict import WARN_FROM, Verdict
from cxr_fastai.reporting.text import MIN_GROUPS_FOR_VERDICT

__all__ = ["told_by_source", "is_balanced", "softened"]


def told_by_source(
    sources: Sequence[str],  # (n,)
    targets: Targets,  # of the same films
) -> Told:
    """Return how well the source alone tells the classes: by each class's share of it."""
    names, index = np.unique(np.asarray(sources), return_inverse=True)
    scores = {}
    for label in targets.judged:
        known = targets.known[label]
        films = np.bincount(index[known], minlength=len(names))
        own = np.bincount(index[known & targets.has[label]], minlength=len(names))
        scores[label] = (own / np.maximum(films, 1))[index]
    told = told_of(scores, targets)
    if len(names) == 1 and told.auroc is not None:
        return replace(told, interval=[told.auroc, told.auroc])  # by definition
    return told


def is_balanced(by_source: Told) -> bool:
    """Tell whether the source tells little of the classes, as the whole interval says."""
    if by_source.interval is None or by_source.groups < MIN_GROUPS_FOR_VERDICT:
        return False
    _, high = by_source.interval
    return high < WARN_FROM


def softened(
    verdict: Verdict,  # of P8, whether films betray their source
    by_source: Told,
) -> Verdict:
    """Return WARN instead of FAIL where the source tells little of the classes."""
    if verdict is Verdict.FAIL and is_balanced(by_source):
        return Verdict.WARN
    return verdict
