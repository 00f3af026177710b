"""Answer for many radiographs: a bundle and sources in, a Prediction or a row each out.

A radiograph that cannot be read becomes an answer that says why, and the others carry on: answers
out = radiographs in, always. Never writes beside the images, never imports fastai or pandas, never
unpickles.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cxr_fastai.bundle.bundle import Bundle
from cxr_fastai.bundle.conformal import Promise
from cxr_fastai.bundle.store import load_bundle
from cxr_fastai.core import CxrError, Prediction, StrPath, UsageError, one_line
from cxr_fastai.progress import SILENT, Progress
from cxr_fastai.reporting.text import count
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

Named = tuple[Any, str]  # a radiograph, and the name that messages give it


def predict(
    bundle: Bundle | StrPath,  # of load_bundle; or a bundle's folder, or the run's that holds it
    # a path, folder, bytes, open file, Pillow image, array (h, w) or (h, w, channels), or tensor
    # (h, w) or (channels, h, w), of 0-1 or 0-255; or a list of these
    sources: Any,
    progress: Progress | None = None,  # None: silence
    bs: int = 32,  # images at a time: bounds memory, does not change answers
    coverage: float | None = None,  # of a prediction set beside each answer, as 0.9; None: none
) -> Prediction | list[Prediction]:  # of one radiograph one; of a folder or list a list, in order
    """Tell what a bundle says of radiographs.

    Raises `ImageRejected` for one radiograph that cannot be read. Of a folder or list, such a one
    gets a Prediction whose `error` says why, and the others carry on. Raises `UsageError` for a
    path that does not exist, for what is no radiograph, and for a coverage that cannot be promised.
    """
    model = _loaded(bundle)
    promise = model.promise(coverage)
    named = list(all_of(sources, progress))
    if not is_one(sources):
        return _predict_all(model, named, progress or SILENT, bs, promise)
    source, name = named[0]
    return replace(model.predict(source, coverage), source=name)


def _loaded(bundle: Bundle | StrPath) -> Bundle:
    """Load a bundle that is given as its folder."""
    if isinstance(bundle, Bundle):
        return bundle
    return load_bundle(Path(bundle))


def predict_paths(
    bundle: Bundle,  # of load_bundle
    paths: Iterable[StrPath],  # files, as find_images lists them
    progress: Progress | None = None,  # None: silence
    bs: int = 32,  # images at a time
    coverage: float | None = None,  # of a prediction set beside each answer
) -> list[Row]:  # a row a file, in order
    """Predict every file. An unreadable one gets `error` and no label."""
    named = [(path, str(path)) for path in paths]
    promise = bundle.promise(coverage)
    answers = _predict_all(bundle, named, progress or SILENT, bs, promise)
    return [row_of(answer) for answer in answers]


def _predict_all(
    bundle: Bundle,
    named: Sequence[Named],
    progress: Progress,
    bs: int,  # images at a time
    promise: Promise | None,  # None: no prediction sets
) -> list[Prediction]:
    """Predict radiographs, those of a batch together."""
    if bs < 1:
        raise UsageError(f"bs is {bs}, expected 1 or more")
    starts = range(0, len(named), bs)
    what = f"predicting {count(len(named), 'image')}"
    answers: list[Prediction] = []
    for start in progress.bar(starts, len(starts), what):
        answers += _predict_batch(bundle, named[start : start + bs], promise)
    return answers


def _predict_batch(
    bundle: Bundle,
    named: Sequence[Named],
    promise: Promise | None,
) -> list[Prediction]:
    """Predict radiographs that are in memory together."""
    answers: list[Prediction] = []
    inputs = []
    read = []  # places in `answers` of those that could be read
    for place, (source, name) in enumerate(named):
        array, answer = _read(bundle, source, name)
        answers.append(answer)
        if array is not None:
            inputs.append(array)
            read.append(place)
    if not read:
        return answers
    batch = np.stack(inputs)
    for place, probs in zip(read, bundle.probs_of(batch)):
        before = answers[place]
        told = bundle.decide(probs, promise)
        answers[place] = replace(told, source=before.source, notes=before.notes)
    return answers


def _read(
    bundle: Bundle,
    source: Any,  # one radiograph
    name: str,  # that messages give it
) -> tuple[np.ndarray | None, Prediction]:  # None: it could not be read, and the answer says why
    """Read a radiograph: the network's input, and an answer that lacks what the network says."""
    try:
        array, notes = bundle.read(source)
    except (CxrError, OSError) as e:
        error = one_line(e)
        words = f"not read: {error}"
        return None, Prediction(None, {}, source=name, error=error, decision=words)
    return array, Prediction(None, {}, source=name, notes=notes)
