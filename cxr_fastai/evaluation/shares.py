"""Shares of images, as of a yes or no: sensitivity, NPV. Arrays in, numbers out, None of no images.

The same record gives the number of all images and the number in each resample; it picks no
threshold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cxr_fastai.intervals.bootstrap import Resampling
from cxr_fastai.intervals.interval_trees import Interval

__all__ = ["Share", "decision_shares", "triage_shares"]


@dataclass(frozen=True, eq=False)
class Share:
    """How many of some images have something."""

    part: np.ndarray  # (n,) bool: the images that have it
    whole: np.ndarray  # (n,) bool: the images of which it is a share

    @property
    def images(self) -> int:
        """Number of images that it is a share of."""
        return int(self.whole.sum())

    @property
    def value(self) -> float | None:
        """The share, 0-1; None of no images.

        Unlike a share in a resample, which is nan then.
        """
        if not self.whole.any():
            return None
        return float(self.part[self.whole].mean())

    def resampled(
        self,
        resampling: Resampling,  # R draws of the groups of these images
    ) -> np.ndarray:
        """Return the share in each resample, (R,), nan where it is undefined."""
        return resampling.shares(self.part & self.whole, self.whole)

    def interval(
        self,
        resampling: Resampling,  # R draws of the groups of these images
        in_resamples: np.ndarray | None = None,  # (R,) of `resampled`; None: counted here
    ) -> Interval:
        """Return the interval of the share; None where one group holds all its images."""
        if in_resamples is None:
            in_resamples = self.resampled(resampling)
        return resampling.share_interval(in_resamples, self.part, self.whole)


def decision_shares(
    positive: np.ndarray,  # (n,) bool
    yes: np.ndarray,  # (n,) bool: what was answered
) -> dict[str, Share]:
    """Return the shares of a yes or no, by name."""
    every = np.ones(len(positive), bool)
    return {
        "prevalence": Share(positive, every),
        "accuracy": Share(yes == positive, every),
        "sensitivity": Share(yes, positive),
        "specificity": Share(~yes, ~positive),
        "ppv": Share(positive, yes),
        "npv": Share(~positive, ~yes),
    }


def triage_shares(
    positive: np.ndarray,  # (n,) bool
    aside: np.ndarray,  # (n,) bool: laid aside, not read
) -> dict[str, Share]:
    """Return the shares of a worklist from which some images are laid aside, by name."""
    every = np.ones(len(positive), bool)
    return {
        "prevalence": Share(positive, every),
        "removed": Share(aside, every),
        "sensitivity": Share(~aside, positive),
        "specificity": Share(aside, ~positive),
        "npv": Share(~positive, aside),
    }
