"""The model card written anew, with the numbers of an evaluation of the same weights.

A bundle's folder and metrics.json in, README.md and evaluation.json of the bundle out; no other
file is changed, and neither is hashed. evaluation.json is what the card was written from, for pages
that show a bundle's scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxr_fastai.bundle.evaluated import check_same_model
from cxr_fastai.bundle.files import BUNDLE_JSON, EVALUATION, MODEL_CARD, find_folder, read_meta
from cxr_fastai.bundle.hub_names import check_own
from cxr_fastai.bundle.meta import Meta
from cxr_fastai.bundle.model_card import card
from cxr_fastai.core import CxrError, UsageError, write_json, write_text
from cxr_fastai.strict_json import parse_json

if TYPE_CHECKING:
    from cxr_fastai.bundle.bundle import Bundle

__all__ = ["evaluation_of", "write_card"]

# What of metrics.json the card and pages tell; the rest stays with the evaluation.
TOLD = ("split", "n", "groups", "title", "metrics", "floors", "notes", "coverage", "about")


def write_card(
    bundle: Bundle | str | Path,  # a bundle, or its folder
    report: Mapping[str, Any] | str | Path,  # the content of metrics.json, the file or its folder
) -> Path:  # README.md of the bundle's folder, which is written anew
    """Write the model card with the numbers of an evaluation.

    Raises `UsageError` where they are of other weights, or where there is no metrics.json.
    """
    folder = find_folder(Path(bundle)) if isinstance(bundle, (str, Path)) else bundle.path
    check_own(folder, "copy the bundle to a folder of your own first")
    meta = read_meta(folder / BUNDLE_JSON)
    numbers = _read_report(report) if isinstance(report, (str, Path)) else report
    check_same_model(meta, numbers)
    write_text(folder / MODEL_CARD, card(meta, numbers))
    told = {key: numbers[key] for key in TOLD if key in numbers}
    intervals = (numbers.get("intervals") or {}).get("metrics") or {}
    write_json(folder / EVALUATION, {**told, "intervals": {"metrics": intervals}})
    return folder / MODEL_CARD


def evaluation_of(
    folder: Path,  # a bundle's
    meta: Meta,  # its own
) -> Mapping[str, Any] | None:  # as far as TOLD goes; None: there is none of these weights
    """Return the evaluation that `write_card` put beside a bundle.

    One of other weights, or a file that is none, is passed over: it is no part of the bundle.
    """
    file = folder / EVALUATION
    if not file.is_file():
        return None
    try:
        record = _read_report(file)
        check_same_model(meta, record)
        card(meta, record)  # what cannot be told on the card is not told elsewhere
    except (CxrError, OSError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return None
    return record


def _read_report(path: str | Path) -> Mapping[str, Any]:
    """Read metrics.json. Raises `UsageError`."""
    file = Path(path)
    if file.is_dir():
        file = file / "metrics.json"
    try:
        record = parse_json(file.read_bytes())
    except (OSError, ValueError) as e:
        raise UsageError(
            f"cannot read {file} as the metrics.json that an evaluation wrote: {e}"
        ) from e
    if not isinstance(record, dict) or "metrics" not in record:
        raise UsageError(f"{file} is no metrics.json that an evaluation wrote (cxr evaluate).")
    return record
