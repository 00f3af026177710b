"""`cxr predict learner.pkl --trust-pickle`: a Learner that fastai pickled, for those who trust it.

A pickle and files -> rows as text, JSON or csv. Loading a pickle runs whatever code it holds: it is
done where the flag asks for it alone, with the SHA-256 of the very bytes said before.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxr_fastai.core import (
    CxrError,
    IntegrityError,
    Prediction,
    StorageError,
    UsageError,
    one_line,
)
from cxr_fastai.inputs import readable_path

if TYPE_CHECKING:
    from cxr_fastai.serving.rows import Row

__all__ = ["check_pickled", "is_pickled", "rows_of_pickled"]

SUFFIX = ".pkl"
# What a Learner cannot answer: flag -> what it is of a parsed command line where it was not given.
BEYOND = {
    "worklist": False,
    "coverage": None,
    "out": None,
    "explain": None,
    "tta": False,
    "right": False,
    "runtime": None,
}


def is_pickled(bundles: Sequence[str]) -> bool:
    """Tell whether a pickle is among what shall answer."""
    return any(Path(path).suffix == SUFFIX and not Path(path).is_dir() for path in bundles)


def check_pickled(
    args: Namespace,  # of cxr predict
    bundles: Sequence[str],
) -> None:
    """Raise `UsageError` unless a pickle stands alone, is trusted, and is asked what it can say."""
    if not args.trust_pickle:
        raise UsageError(
            f"{bundles[0]} is a pickle: loading it runs whatever code it holds. Give the bundle's "
            "folder, which holds none; or --trust-pickle, if you made the file yourself."
        )
    if len(bundles) > 1:
        raise UsageError("a learner.pkl answers alone: give bundles' folders for several together.")
    for name, absent in BEYOND.items():
        if getattr(args, name) != absent:
            raise UsageError(
                f"--{name} needs a bundle: a learner.pkl gives class and probabilities alone. "
                "Give the bundle's folder."
            )


def rows_of_pickled(
    file: Path,
    files: Sequence[Path],  # to predict
) -> list[Row]:  # a row a file, in order
    """Load a Learner and ask it. Raises `IntegrityError`, `StorageError`, `UsageError`."""
    from cxr_fastai import progress
    from cxr_fastai.serving.rows import row_of

    learn = _loaded(file)
    rows = []
    with learn.no_bar():
        for path in progress.bar(files, len(files), "predicting with fastai"):
            rows.append(row_of(_answer(learn, path)))
    return rows


def _loaded(file: Path) -> Any:  # a Learner
    """Say what is loaded, and load it: the same bytes are hashed and unpickled."""
    from cxr_fastai import progress

    try:
        data = readable_path(file, "pickle").read_bytes()
    except FileNotFoundError as e:
        raise UsageError(f"no such file: {file}") from e
    except OSError as e:
        raise StorageError(f"cannot read {file}: {e.strerror or e}") from e
    progress.say(f"unpickling {file}, SHA-256 {hashlib.sha256(data).hexdigest()}")
    from fastai.learner import Learner, load_learner

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what --trust-pickle says
            learn = load_learner(io.BytesIO(data))
    except Exception as e:  # whatever code of others raises
        told = one_line(e)[:120] or type(e).__name__
        raise IntegrityError(f"{file} is no Learner that can be loaded here: {told}") from e
    if not isinstance(learn, Learner) or not _reads_as_a_bundle(learn):
        raise UsageError(
            f"{file} was not trained over the loaders of this library: nobody knows how it reads a "
            "radiograph. Ask it by fastai's own load_learner and predict."
        )
    return learn


def _reads_as_a_bundle(learn: Any) -> bool:
    """Tell whether a Learner reads images as a bundle does."""
    from cxr_fastai.training.data import ReadRadiograph

    pipelines = getattr(getattr(learn.dls, "valid_ds", None), "tls", ())
    for pipeline in pipelines:
        if any(isinstance(transform, ReadRadiograph) for transform in pipeline.tfms):
            return True
    return False


def _answer(
    learn: Any,  # a Learner
    path: Path,
) -> Prediction:
    """Answer for one file; where it cannot be read, say why."""
    from cxr_fastai.recipes import NONE

    try:
        label, _, probs = learn.predict(path)
    except (CxrError, OSError) as e:
        error = one_line(e)
        return Prediction(None, {}, source=str(path), error=error, decision=f"not read: {error}")
    vocab = [str(name) for name in learn.dls.vocab]
    answered = str(label)
    if not isinstance(label, str):
        answered = "|".join(str(name) for name in label) or NONE
    by_class = {name: float(p) for name, p in zip(vocab, probs, strict=True)}
    shown = ", ".join(f"{name} {p:.2f}" for name, p in by_class.items())
    decision = f"{answered} by learner.pkl ({shown}); no gate was asked"
    return Prediction(answered, by_class, source=str(path), decision=decision)
