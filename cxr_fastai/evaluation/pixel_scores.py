"""What a film gives away as a few gray squares: the pixel floor's scores of the images judged.

A bundle, its folder's Manifest and the chosen rows in; a logistic regression a class, fitted on the
train films of that folder alone, and its scores of the chosen ones out, or why there are none. The
films that are judged are never fitted on. Measured films are kept in the probes' cache.

On 8x8 squares no lesion can be seen: what such a model can do is too good to be true of a network
(Dagaev 2023, doi 10.1016/j.patrec.2022.12.010). Validation chooses between 8x8 and 16x16.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import roc_auc_score

from cxr_fastai.core import IntegrityError
from cxr_fastai.evaluation.predictions import finding_targets_of
from cxr_fastai.evaluation.unseen import ALL_SPLITS, Selection, label_as_bundle
from cxr_fastai.manifest import Manifest, Record
from cxr_fastai.probes.classifier import fitted_scores
from cxr_fastai.probes.features import gray
from cxr_fastai.probes.films import Film, Films, measure_films, measure_pixels
from cxr_fastai.probes.shortcuts import fitting_rows
from cxr_fastai.progress import SILENT, Progress

if TYPE_CHECKING:
    from cxr_fastai.bundle.bundle import Bundle

__all__ = ["Passing", "PixelScores", "SIDES", "fit_pixels", "score_pixels", "why_no_pixels"]

SIDES = (8, 16)  # px of the squares' grid; 8 where validation cannot choose
GUESS = 0.0  # score of a class that could not be fitted: it ranks none above another
TRAIN_SCORED = "the train films are among those that are scored, and it may not see them"
NO_TRAIN = "this folder has no train films of the bundle's classes to fit it on"


@dataclass(frozen=True, eq=False)
class PixelScores:
    """What cheap models say of the images judged, by the grid of their gray squares."""

    by_side: dict[int, np.ndarray]  # px -> (n, c) probability of each class against the rest
    valid_aurocs: dict[int, float | None]  # px -> macro AUROC on validation
    side: int  # px: the one that validation prefers
    fitted_on: int  # films
    validated_on: int  # films
    not_fitted: tuple[str, ...]  # classes that no train film has, or all have

    def of(self, indices: Sequence[int]) -> PixelScores:
        """Return the scores of some of the images."""
        part = {side: scores[list(indices)] for side, scores in self.by_side.items()}
        return replace(self, by_side=part)


def why_no_pixels(
    data: Manifest,
    split: str,  # train | valid | test | all
) -> str:  # empty: there is a floor to fit
    """Say why a folder has no pixel floor for a split."""
    if split in ("train", ALL_SPLITS):
        return TRAIN_SCORED
    if not any(row.split == "train" for row in fitting_rows(data)):
        return NO_TRAIN
    return ""


class Passing:
    """Measures films as they pass, so that none is decoded for the pixel floor once more."""

    def __init__(
        self,
        decode: Callable[[Path], np.ndarray],  # verified pixels, (h, w) uint8
        is_asked: bool = True,  # False: nothing is measured
    ) -> None:
        self.is_asked = is_asked
        self._decode = decode
        self._films: dict[Path, Film] = {}

    def decode(self, path: Path) -> np.ndarray:
        """Return the pixels of a film, and measure it."""
        pixels = self._decode(path)
        if self.is_asked:
            self._films[path] = measure_pixels(pixels)
        return pixels

    def films(
        self,
        root: Path,
        rows: Sequence[Record],
    ) -> Films | None:  # None where one of them did not pass
        """Return what was measured of the films of some rows."""
        paths = [root / row.path for row in rows]
        if not paths or not all(path in self._films for path in paths):
            return None
        small, histogram, spectrum = zip(*[self._films[path] for path in paths])
        return Films(rows, np.stack(small), np.stack(histogram), np.stack(spectrum))


def score_pixels(
    bundle: Bundle,
    data: Manifest,  # as it was curated
    chosen: Selection,  # the images that are judged
    split: str,  # valid | test
    progress: Progress = SILENT,
    passing: Passing | None = None,  # that measured the images while a bundle answered to them
) -> PixelScores | str:  # why there are none
    """Fit the pixel floor on a folder's train films and score the images that are judged."""
    why = why_no_pixels(data, split)
    if why:
        return why
    rows = fitting_rows(data)
    recipe, labelled = label_as_bundle(bundle, data, [dict(vars(row)) for row in rows])
    targs = finding_targets_of(recipe, labelled, bundle.vocab, bundle.task)
    of_path = {row.path: row for row in data.rows}
    judged = [of_path[row["path"]] for row in chosen.rows]
    return fit_pixels(data, targs, judged, list(bundle.vocab), progress, passing)


def fit_pixels(
    data: Manifest,
    targs: np.ndarray,  # (n, c) 1 present, 0 absent, nan unknown, of its `fitting_rows`
    judged: Sequence[Record],  # rows that are scored
    vocab: list[str],  # (c,)
    progress: Progress = SILENT,
    passing: Passing | None = None,  # that measured them; None: they are decoded
) -> PixelScores | str:  # why there are none
    """Fit on train, choose by validation, and score the rows that are judged."""
    root = Path(data.root)
    try:
        films = measure_films(root, fitting_rows(data), progress)
        asked = passing.films(root, judged) if passing is not None else None
        if asked is None:
            asked = measure_films(root, judged, progress)
    except IntegrityError as e:
        return str(e).rstrip(".")
    return _fit(films, targs, asked, vocab)


def _fit(
    films: Films,  # of train and valid
    targs: np.ndarray,  # (n, c) 1, 0, nan of the same films
    asked: Films,
    vocab: list[str],
) -> PixelScores | str:
    """Fit both sizes, and choose between them by validation."""
    is_train = np.array([row.split == "train" for row in films.rows])
    fitted = is_train & ~np.isnan(targs).all(1)
    held = ~is_train
    by_side: dict[int, np.ndarray] = {}
    valid_aurocs: dict[int, float | None] = {}
    not_fitted: tuple[str, ...] = ()
    for side in SIDES:
        squares = gray(films, side)
        both = np.concatenate([gray(asked, side), squares[held]])
        scores, not_fitted = _scores(squares, targs, is_train, both, vocab)
        by_side[side] = scores[: len(asked)]
        valid_aurocs[side] = _macro_auroc(targs[held], scores[len(asked) :])
    if len(not_fitted) == len(vocab):
        return NO_TRAIN
    return PixelScores(
        by_side=by_side,
        valid_aurocs=valid_aurocs,
        side=max(SIDES, key=lambda side: (valid_aurocs[side] or 0.0, -side)),
        fitted_on=int(fitted.sum()),
        validated_on=int((held & ~np.isnan(targs).all(1)).sum()),
        not_fitted=not_fitted,
    )


def _scores(
    squares: np.ndarray,  # (n, f) of train and valid
    targs: np.ndarray,  # (n, c) 1, 0, nan
    is_train: np.ndarray,  # (n,) bool
    asked: np.ndarray,  # (m, f)
    vocab: Sequence[str],
) -> tuple[np.ndarray, tuple[str, ...]]:  # (m, c); classes that could not be fitted
    """Score films by a model a class, each of the class against the rest."""
    found = np.full((len(asked), len(vocab)), GUESS)
    missing = []
    for i, slug in enumerate(vocab):
        known = ~np.isnan(targs[:, i])
        own = fitted_scores(squares, targs[:, i] == 1, is_train & known, asked)
        if own is None:
            missing.append(slug)
        else:
            found[:, i] = own
    return found, tuple(missing)


def _macro_auroc(
    targs: np.ndarray,  # (n, c) 1, 0, nan
    scores: np.ndarray,  # (n, c)
) -> float | None:  # None where no class has two sides
    """Average the AUROCs of the classes that have two sides."""
    aurocs = []
    for labels, own in zip(targs.T, scores.T):
        known = ~np.isnan(labels)
        if len(np.unique(labels[known])) == 2:
            aurocs.append(roc_auc_score(labels[known], own[known]))
    return float(np.mean(aurocs)) if aurocs else None
