"""Whether a probability of 0.8 comes true in 80 of 100: Brier score, ECE and reliability bins.

Events with their probabilities before and after calibration, sources and a Resampling in, numbers
out; never fits a temperature.

Bins hold equally many images, so that none is empty (Nguyen and O'Connor 2015, arXiv 1508.05154).
ECE, the mean distance of bin and truth, is above 0 for a faultless model too, as few images
scatter: `ece_by_chance` is what such a model would show here, to be held beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cxr_fastai.intervals.bootstrap import Resampling
from cxr_fastai.intervals.exact import is_few
from cxr_fastai.intervals.interval_trees import Interval

__all__ = ["Bin", "Calibration", "Events", "Reliability", "SourceCalibration", "reliability_of"]

MAX_BINS = 10
MIN_IMAGES_A_BIN = 10


@dataclass(frozen=True, eq=False)
class Events:
    """What may come true of n images, k of each: the answer, the decision, each finding."""

    words: str  # what comes true
    happened: np.ndarray  # (n, k) bool
    known: np.ndarray  # (n, k) bool
    after: np.ndarray  # (n, k) probability, calibrated
    before: np.ndarray  # (n, k) probability as the network gave it
    happened_before: np.ndarray  # (n, k) bool; differs where the answer itself is the event


@dataclass(frozen=True)
class Bin:
    """Images of like probability."""

    prob: float  # mean
    share: float  # that came true
    interval: Interval
    images: int


@dataclass(frozen=True)
class Calibration:
    """How far probabilities are from what came true."""

    brier: float  # mean squared distance; 0 is perfect
    brier_interval: Interval
    ece: float
    ece_by_chance: float  # that faultless probabilities would show
    bins: tuple[Bin, ...]

    def to_dict(self) -> dict[str, object]:
        """Return the numbers as strict JSON."""
        return {**vars(self), "bins": [vars(each) for each in self.bins]}


@dataclass(frozen=True)
class SourceCalibration:
    """The same within one source."""

    source: str
    images: int
    groups: int
    too_few: bool
    before: Calibration | None  # None: what the networks themselves gave is not known
    after: Calibration

    def to_dict(self) -> dict[str, object]:
        """Return the numbers as strict JSON."""
        before = self.before.to_dict() if self.before else None
        return {**vars(self), "before": before, "after": self.after.to_dict()}


@dataclass(frozen=True)
class Reliability:
    """Calibration over all images and within each source."""

    words: str  # what comes true
    temperature: float | None  # None: of several networks
    before: Calibration | None  # None: what the networks themselves gave is not known
    after: Calibration
    by_source: tuple[SourceCalibration, ...]

    def to_dict(self) -> dict[str, object]:
        """Return the numbers as strict JSON."""
        return {
            "of": self.words,
            "temperature": self.temperature,
            "before": self.before.to_dict() if self.before else None,
            "after": self.after.to_dict(),
            "by_source": {each.source: each.to_dict() for each in self.by_source},
        }


def reliability_of(
    events: Events,
    sources: Sequence[str],  # (n,)
    temperature: float | None,  # None: what came before it is not known
    resampling: Resampling,  # R draws of the groups of these images
) -> Reliability:
    """Count the calibration of a report's probabilities."""
    names = np.array(sources)
    by_source = []
    for source in sorted(set(sources)):
        within = (names == source)[:, None] & events.known
        if within.any():
            by_source.append(_of_source(source, events, within, temperature, resampling))
    before = None
    if temperature is not None:
        before = _calibration(events.happened_before, events.before, events.known, resampling)
    after = _calibration(events.happened, events.after, events.known, resampling)
    return Reliability(events.words, temperature, before, after, tuple(by_source))


def _of_source(
    source: str,
    events: Events,
    within: np.ndarray,  # (n, k) bool
    temperature: float | None,
    resampling: Resampling,
) -> SourceCalibration:
    """Count the calibration within one source."""
    before = None
    if temperature is not None:
        before = _calibration(events.happened_before, events.before, within, resampling)
    groups = resampling.groups_of(within.any(1))
    return SourceCalibration(
        source=source,
        images=int(within.any(1).sum()),
        groups=groups,
        too_few=is_few(groups),
        before=before,
        after=_calibration(events.happened, events.after, within, resampling),
    )


def _calibration(
    happened: np.ndarray,  # (n, k) bool
    probs: np.ndarray,  # (n, k)
    known: np.ndarray,  # (n, k) bool, some
    resampling: Resampling,
) -> Calibration:
    """Count Brier score, ECE and bins of what is known."""
    own = probs[known].astype(float)
    truth = happened[known]
    squares = np.where(known, (probs - happened) ** 2, 0.0).sum(1)
    sums = resampling.totals(np.column_stack([squares, known.sum(1)]))
    with np.errstate(invalid="ignore"):
        draws = sums[:, 0] / sums[:, 1]
    brier = float(squares.sum() / known.sum())
    groups = resampling.groups_of(known.any(1))
    number_of = _bin_numbers(own)
    ece, by_chance = _expected_errors(own, truth, number_of)
    return Calibration(
        brier=brier,
        brier_interval=resampling.interval(draws, brier, groups),
        ece=ece,
        ece_by_chance=by_chance,
        bins=_bins(happened, probs, known, number_of, resampling),
    )


def _bin_numbers(
    probs: np.ndarray,  # (m,)
) -> np.ndarray:  # (m,) from 0 on; equal probabilities share a bin
    """Deal probabilities to bins of equally many."""
    n_bins = int(np.clip(len(probs) // MIN_IMAGES_A_BIN, 1, MAX_BINS))
    edges = np.unique(np.quantile(probs, np.arange(1, n_bins) / n_bins))
    places = np.searchsorted(edges, probs, "right")
    _, numbers = np.unique(places, return_inverse=True)
    return numbers


def _expected_errors(
    probs: np.ndarray,  # (m,)
    truth: np.ndarray,  # (m,) bool
    number_of: np.ndarray,  # (m,) bin of each
) -> tuple[float, float]:
    """Return the ECE, and what it would be were each probability true.

    In each bin the sum of what came true then scatters around that of the probabilities with the
    variance of their coins; the mean distance of a normal variable is its spread times sqrt(2/pi).
    """
    gaps = np.bincount(number_of, truth) - np.bincount(number_of, probs)
    spreads = np.sqrt(np.bincount(number_of, probs * (1 - probs)) * 2 / np.pi)
    return float(np.abs(gaps).sum() / len(probs)), float(spreads.sum() / len(probs))


def _bins(
    happened: np.ndarray,  # (n, k) bool
    probs: np.ndarray,  # (n, k)
    known: np.ndarray,  # (n, k) bool
    number_of: np.ndarray,  # (m,) of what is known
    resampling: Resampling,
) -> tuple[Bin, ...]:
    """Describe each bin, with the interval of its share over groups."""
    numbers = np.full(known.shape, -1)
    numbers[known] = number_of
    bins = []
    for number in range(int(number_of.max()) + 1):
        own = numbers == number
        sums = resampling.totals(np.column_stack([(happened & own).sum(1), own.sum(1)]))
        with np.errstate(invalid="ignore"):
            draws = sums[:, 0] / sums[:, 1]
        bins.append(
            Bin(
                prob=float(probs[own].mean()),
                share=float(happened[own].mean()),
                interval=resampling.share_interval(draws, happened, own),
                images=int(own.sum()),
            )
        )
    return tuple(bins)
