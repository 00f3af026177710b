"""The files of a bundle: their names, where they lie, and bundle.json read and checked.

A folder in, or a name on the Hub, a checked record out. Needs no torch, writes nothing but the copy
of what is on the Hub, opens no weights but as bytes.
"""

from __future__ import annotations

import shlex
import warnings
from pathlib import Path

from cxr_fastai import images
from cxr_fastai.advice import command, flag
from cxr_fastai.bundle.file_names import BUNDLE_JSON, EVALUATION, MODEL_CARD, TRAINED_ON, WEIGHTS
from cxr_fastai.bundle.hub_names import hub_name, is_hub
from cxr_fastai.bundle.meta import Meta, check_meta, upgraded
from cxr_fastai.bundle.onnx_file import record_beside
from cxr_fastai.core import (
    IntegrityError,
    NotTrained,
    StorageError,
    UsageError,
    one_line,
)
from cxr_fastai.inputs import readable_path
from cxr_fastai.reporting.text import count
from cxr_fastai.run_files import BUNDLE, epochs_over, is_unfinished
from cxr_fastai.strict_json import parse_json

__all__ = [
    "BUNDLE_JSON",
    "EVALUATION",
    "MODEL_CARD",
    "TRAINED_ON",
    "WEIGHTS",
    "check_alone",
    "check_there",
    "find_folder",
    "is_onnx",
    "read_bytes",
    "read_meta",
]


def find_folder(
    # a bundle's folder, or a run's folder that holds `bundle`; or hub:OWNER/NAME@REVISION
    path: Path,
) -> Path:
    """Find the folder that holds bundle.json; of the Hub, have it first.

    Raises `UsageError`, and for the Hub what `from_hub.fetch_bundle` raises.
    """
    readable_path(path, "bundle")
    if is_hub(path):
        from cxr_fastai.bundle.from_hub import fetch_bundle

        return fetch_bundle(hub_name(path))
    if path.suffix == ".pkl":
        raise UsageError(
            f"{path} is a pickle: load_bundle never unpickles, as that runs whatever code the file "
            "holds. Give the bundle's folder; for a learner.pkl that you trust there is fastai's "
            "load_learner."
        )
    for folder in (path, path / BUNDLE):
        if readable_path(folder / BUNDLE_JSON, "bundle").is_file():
            return folder
    run = path.parent if path.name == BUNDLE else path
    if is_unfinished(run):
        raise UsageError(_to_finish(run))
    inside = _bundles_below(path)
    if inside:
        raise UsageError(f"no bundle at {path} itself: give {inside}.")
    way = command("cxr train DATA", "train(DATA)")
    raise UsageError(
        f"no bundle at {path}: expected a folder with {BUNDLE_JSON} and {WEIGHTS}, as {way} writes"
    )


def check_there(path: Path) -> None:
    """Raise `UsageError` unless a bundle lies here, or what was exported of one."""
    if is_onnx(path):
        check_alone(path)
    else:
        find_folder(path)


def is_onnx(path: Path) -> bool:
    """Tell whether a path is that of an exported network, not of a folder."""
    return path.suffix == ".onnx" and not path.is_dir() and not is_hub(path)


def check_alone(
    file: Path,  # NAME.onnx
) -> Path:  # NAME.onnx.json
    """Find the record beside an exported network. Raises `UsageError`."""
    if not readable_path(file, "exported network").is_file():
        raise UsageError(f"no such file: {file}")
    beside = record_beside(file)
    if not readable_path(beside, "record").is_file():
        if readable_path(file.with_name(BUNDLE_JSON), "bundle").is_file():
            way = flag("runtime", "onnx")
            raise UsageError(f"{file} is part of a bundle: give its folder, and {way}.")
        way = command(
            "cxr export BUNDLE --onnx FILE", "cxr_fastai.bundle.export_onnx(bundle, file)"
        )
        raise UsageError(
            f"{file}: {beside.name} is missing beside it, without which nobody knows its classes "
            f"and thresholds. {way} writes both."
        )
    return beside


def _bundles_below(
    path: Path,  # no bundle and no run
) -> str:
    """Name the runs in a folder, of a prototype or of folds; '' where there is none."""
    try:
        found = sorted(path.glob(f"*/{BUNDLE}/{BUNDLE_JSON}"))
    except OSError:
        return ""
    named = [str(file.parent.parent) for file in found]
    return f"one of {', '.join(named)}" if len(named) > 1 else "".join(named)


def _to_finish(run: Path) -> str:
    """Say how a training that was cut short comes to its bundle."""
    way = command(
        f"cxr train DATA --out {shlex.quote(str(run))} --resume",
        f'train(DATA, out="{run}", resume=True)',
    )
    return (
        f"{run} holds a training that did not come to its end, and no bundle "
        f"({count(epochs_over(run), 'epoch')} over): go on with it by {way}, DATA being the folder "
        "that it was begun on."
    )


def read_bytes(file: Path) -> bytes:
    """Read a file of a bundle. Raises `IntegrityError` where it is missing, `StorageError`."""
    try:
        return readable_path(file, "bundle's file").read_bytes()
    except FileNotFoundError as e:
        raise IntegrityError(f"{file} is missing: the bundle is not whole. {_again(file)}.") from e
    except OSError as e:
        raise StorageError(f"cannot read {file}: {e.strerror or e}") from e


def _again(
    file: Path,  # of a bundle, which is missing
) -> str:
    """Say how a missing file of a bundle is had again."""
    if is_onnx(file):
        way = command(
            "cxr export BUNDLE --onnx", "cxr_fastai.bundle.export_onnx(load_bundle(BUNDLE))"
        )
        return f"Export it again: {way}"
    return "Copy it again from where it was made"


def read_meta(file: Path) -> Meta:
    """Read bundle.json and check it.

    Raises `IntegrityError` where it is not what it must be, `NotTrained` where the network never
    learned. Warns where the network saw pixels of another decoder.
    """
    try:
        record = parse_json(read_bytes(file))
    except ValueError as e:
        raise IntegrityError(f"{file} is no readable JSON: {one_line(e)[:120]}") from e
    meta = check_meta(upgraded(record), file)
    if meta["trained"]["epochs"] < 1:
        raise NotTrained(
            f"{file}: this network never learned (trained for 0 epochs); its answers would be "
            f"chance. Train it: {command('cxr train DATA', 'train(DATA)')}."
        )
    if meta["decoder_version"] != images.DECODER_VERSION:
        warnings.warn(
            f"{file}: trained on pixels of decoder {meta['decoder_version']}, this library has "
            f"decoder {images.DECODER_VERSION}: probabilities may differ. Train again, or use the "
            "library it names.",
            stacklevel=3,
        )
    return meta
