"""Answer for many radiographs: bundles and sources in, a Prediction or a row each out.

A radiograph that cannot be read becomes an answer that says why, and the others carry on: answers
out = radiographs in, always. Never writes beside the images, never imports fastai or pandas, never
unpickles.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from cxr_fastai.bundle.bundle import Bundle
from cxr_fastai.bundle.inputs import radiograph_of
from cxr_fastai.core import ImageRejected, Prediction, StrPath, UsageError
from cxr_fastai.progress import Progress
from cxr_fastai.serving.answers import Look, Model, answers_of, members_of
from cxr_fastai.serving.ensemble import Ensemble, load_ensemble
from cxr_fastai.serving.rows import Row, format_rows, notes_line, row_of, worklist
from cxr_fastai.serving.rows_csv import write_csv
from cxr_fastai.serving.sources import all_of, find_images, is_one

__all__ = [
    "Row",
    "find_images",
    "predict",
    "predict_paths",
    "worklist",
    "write_csv",
    "notes_line",
    "format_rows",
]


def predict(
    # of load_bundle; or a bundle's folder, or the run's that holds it; or a list of these, of one
    # task and the same classes, which answer together
    bundle: Bundle | Ensemble | StrPath | Sequence[Bundle | StrPath],
    # a path, folder, bytes, open file, Pillow image, array (h, w) or (h, w, channels), or tensor
    # (h, w) or (channels, h, w), of 0-1 or 0-255; or a list of these
    sources: Any,
    progress: Progress | None = None,  # None: silence
    bs: int = 32,  # images at a time: bounds memory, does not change answers
    coverage: float | None = None,  # of a prediction set beside each answer, as 0.9; None: none
    tta: bool = False,  # test-time augmentation: the mean of five views; docs/prediction.md
    # also where each answer is most sensitive on its film: True of the answer, or of a class
    explain: bool | str = False,
    gate: bool = True,  # False: also what is no upright frontal chest film is answered
    right: bool = False,  # turn and invert back what looks turned or inverted, and say so
) -> Prediction | list[Prediction]:  # of one radiograph one; of a folder or list a list, in order
    """Tell what a bundle says of radiographs.

    Raises `ImageRejected` for one radiograph that cannot be read. Of a folder or list, such a one
    gets a Prediction whose `error` says why, and the others carry on. What the gate of a bundle
    refuses gets one without label, whose `gate` and `reason` say why. Raises `UsageError` for a
    path that does not exist, for what is no radiograph, for a coverage that cannot be promised, for
    bundles that cannot answer together, and where an explanation cannot be had.
    """
    model = _loaded(bundle)
    look = _explaining(model, explain)
    promise = model.promise(coverage)
    named = list(all_of(sources, progress))
    if not is_one(sources):
        return answers_of(model, named, progress, bs, promise, tta, look, gate, right)
    source, name = named[0]
    if isinstance(model, Bundle) and not tta and look is None:
        return replace(model.predict(source, coverage, gate, right), source=name)
    one = answers_of(model, [(source, name)], None, 1, promise, tta, look, gate, right)[0]
    return _one(one, source)


def _explaining(
    model: Model,
    explain: bool | str,  # True: the class of each answer
) -> Look | None:  # None: no explanation was asked for
    """Return who explains the answers as films pass. Raises `UsageError`."""
    if explain is False or explain is None:
        return None
    from cxr_fastai.serving.explain import Explainer, check_explained

    of = "" if explain is True else explain
    check_explained(members_of(model), of)
    return Explainer(of).look


def _one(answer: Prediction, source: Any) -> Prediction:
    """Return the answer for one radiograph. Raises `ImageRejected` where it could not be read."""
    if not answer.error:
        return answer
    radiograph_of(source)  # raises anew, with its reason
    raise ImageRejected("not_an_image", answer.error)


def _loaded(bundle: Bundle | Ensemble | StrPath | Sequence[Bundle | StrPath]) -> Model:
    """Load bundles that are given as their folders."""
    if isinstance(bundle, (Bundle, Ensemble)):
        return bundle
    if isinstance(bundle, (str, os.PathLike)):
        return load_ensemble([bundle])
    if not bundle:
        raise UsageError("an empty list of bundles: give one bundle or more.")
    return load_ensemble(bundle)


def predict_paths(
    bundle: Model,  # of load_bundle or load_ensemble
    paths: Iterable[StrPath],  # files, as find_images lists them
    progress: Progress | None = None,  # None: silence
    bs: int = 32,  # images at a time
    coverage: float | None = None,  # of a prediction set beside each answer
    tta: bool = False,  # the mean of five views
    look: Look | None = None,  # is shown every film that was read, with its answer
    gate: bool = True,  # False: also what is no upright frontal chest film is answered
    right: bool = False,  # turn and invert back what looks turned or inverted, and say so
) -> list[Row]:  # a row a file, in order
    """Predict every file. An unreadable one gets `error` and no label."""
    named = [(path, str(path)) for path in paths]
    promise = bundle.promise(coverage)
    answers = answers_of(bundle, named, progress, bs, promise, tta, look, gate, right)
    return [row_of(answer) for answer in answers]
