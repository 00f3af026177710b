"""What metrics.json says of a bundle, for its card and the CLAIM checklist.

The content of metrics.json in, numbers in words out. Counts nothing; refuses numbers of another
model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cxr_fastai.bundle.meta import Meta
from cxr_fastai.core import UsageError
from cxr_fastai.reporting.text import count, span, with_span

__all__ = ["Number", "check_same_model", "number_words", "numbers_of", "opening_of"]

# Keys of metrics.json's `metrics` -> their name, and that of the Hub's metric
NAMES = {
    "accuracy": ("accuracy", "accuracy"),
    "balanced_accuracy": ("balanced accuracy", "balanced_accuracy"),
    "macro_auroc": ("macro AUROC", "roc_auc"),
    "macro_f1": ("macro F1", "f1"),
    "macro_ap": ("macro average precision", "average_precision"),
    "micro_f1": ("micro F1", "f1"),
    "exact": ("images all right", "exact_match"),
}
FLOORS = {"majority": "majority floor", "source_only": "source-only floor"}
WEIGHTS = "weights (SHA-256)"


@dataclass(frozen=True)
class Number:
    """A number of an evaluation."""

    name: str
    hub: str  # the Hub's name of the metric
    value: float
    interval: str  # in words; empty where there is none
    floors: dict[str, float]  # name of a floor -> its value


def check_same_model(
    meta: Meta,
    report: Mapping[str, Any],  # the content of metrics.json
) -> None:
    """Raise `UsageError` where a report is not one of this bundle's weights."""
    about = report.get("about")
    known = about.get(WEIGHTS) if isinstance(about, Mapping) else None
    if known != meta["weights_sha256"]:
        raise UsageError(
            f"these numbers are of weights {str(known)[:12]}, the bundle has "
            f"{meta['weights_sha256'][:12]}: evaluate this bundle, and give its metrics.json."
        )


def numbers_of(report: Mapping[str, Any]) -> list[Number]:
    """Return the numbers of a report that are known by name, with intervals and floors."""
    metrics = report.get("metrics") or {}
    intervals = (report.get("intervals") or {}).get("metrics") or {}
    found = []
    for key, (name, hub) in NAMES.items():
        value = metrics.get(key)
        if not isinstance(value, float):
            continue
        between = intervals.get(key)
        words = span(between, as_share=False) if between else ""
        found.append(Number(name, hub, value, words, _floors_of(report, key)))
    return found


def _floors_of(
    report: Mapping[str, Any],
    key: str,  # of a number
) -> dict[str, float]:  # name of a floor -> its value
    """Return what the floors reach of a number, as far as it is defined."""
    floors = report.get("floors") or {}
    known = {}
    for floor, shown in FLOORS.items():
        of_floor = floors.get(floor) or {}
        number = of_floor.get(key)
        if isinstance(number, float):
            known[shown] = number
    return known


def opening_of(report: Mapping[str, Any]) -> str:
    """Say on what the numbers were counted."""
    about = report.get("about") or {}
    recipe = about.get("images curated for recipe", "")
    words = (
        f"{count(int(report['n']), 'image')} of "
        f"{count(int(report.get('groups') or 0), 'patient or group', 'patients or groups')}, "
        f"split {report['split']}"
    )
    if recipe:
        words += f", curated for {recipe}"
    sha256 = about.get("images of manifest (SHA-256)", "")
    return words + (f", manifest SHA-256 `{sha256}`." if sha256 else ".")


def number_words(number: Number) -> str:
    """Write a number with its interval and its floors."""
    text = f"{number.name}: {with_span(f'{number.value:.3f}', number.interval)}"
    for floor, value in number.floors.items():
        text += f"; {floor} {value:.3f}"
    return text
