"""Whether test-time augmentation helps: a bundle on its own validation split, with and without it.

    python benchmarks/views.py BUNDLE DATA [BUNDLE DATA ..]

Prints for each set of views the negative log-likelihood (NLL) and what it changes by, with a 95 %
interval over films (normal), the macro AUROC (of findings: over those with both sides), the
accuracy where each film has one class, and the seconds. These numbers are of validation: choose on
them; the test split is never read here.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from cxr_fastai.bundle.bundle import Bundle
from cxr_fastai.bundle.inputs import prepare, radiograph_of
from cxr_fastai.bundle.store import load_bundle
from cxr_fastai.core import Task
from cxr_fastai.manifest import Manifest, read_manifest
from cxr_fastai.serving.views import VIEWS, View, seen

BATCH = 64
PLAIN = (View(0, 1),)
SETS = {
    "as it is": PLAIN,
    "turned 3": (*PLAIN, View(3, 1), View(-3, 1)),
    "turned 5": (*PLAIN, View(5, 1), View(-5, 1)),
    "zoomed 5 %": (*PLAIN, View(0, 1.05), View(0, 0.95)),
    "VIEWS": VIEWS,
}
SMALLEST = 1e-7  # probability that is taken for 0, in a logarithm


def main() -> None:
    """Print a table for each bundle and folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", nargs="+", metavar="BUNDLE DATA")
    given = parser.parse_args().pairs
    for bundle, data in zip(given[::2], given[1::2]):
        _one(load_bundle(bundle), read_manifest(data))


def _one(bundle: Bundle, manifest: Manifest) -> None:
    """Print the table of one bundle."""
    rows = [row for row in manifest.rows if row.split == "valid"]
    inputs = np.stack([_input(bundle, manifest.root / row.path) for row in rows])
    truth = np.array([_truth(bundle, row.label) for row in rows])
    print(f"{bundle.path}: {len(rows)} films of validation, {', '.join(bundle.vocab)}")
    before: np.ndarray | None = None
    for name, views in SETS.items():
        start = time.perf_counter()
        probs = np.mean([_probs(bundle, inputs, view) for view in views], axis=0)
        seconds = time.perf_counter() - start
        loss = _losses(bundle, probs, truth)
        before = loss if before is None else before
        words = f"NLL {loss.mean():.4f} ({_change(loss - before)})"
        print(f"  {name:<11} {words}  {_scores(bundle, probs, truth)}  {seconds:.1f} s", flush=True)


def _input(bundle: Bundle, file: Path) -> np.ndarray:
    """Read a film as the network is given it."""
    return prepare(radiograph_of(file).pixels, bundle.meta)


def _truth(bundle: Bundle, label: str) -> list[bool]:
    """Return which classes a film has."""
    own = label.split("|")
    return [name in own for name in bundle.vocab]


def _probs(bundle: Bundle, inputs: np.ndarray, view: View) -> np.ndarray:
    """Compute the probabilities of all films seen in one way."""
    return np.concatenate([bundle.probs_of(batch) for batch in _batches(inputs, view)])


def _batches(inputs: np.ndarray, view: View) -> Iterator[np.ndarray]:
    """Yield films seen in one way."""
    for start in range(0, len(inputs), BATCH):
        batch = inputs[start : start + BATCH]
        yield batch if view == View(0, 1) else np.stack([seen(film, view) for film in batch])


def _losses(bundle: Bundle, probs: np.ndarray, truth: np.ndarray) -> np.ndarray:  # (n,)
    """Return the negative log-likelihood of each film."""
    likely = np.clip(probs, SMALLEST, 1 - SMALLEST)
    if bundle.task is Task.MULTI_LABEL:
        return -np.where(truth, np.log(likely), np.log(1 - likely)).mean(1)
    return -np.log(likely[truth])


def _change(differences: np.ndarray) -> str:
    """Write a mean difference and its interval."""
    mean = differences.mean()
    half = 1.96 * differences.std(ddof=1) / np.sqrt(len(differences))
    return f"{mean:+.4f}, {mean - half:+.4f} to {mean + half:+.4f}"


def _scores(bundle: Bundle, probs: np.ndarray, truth: np.ndarray) -> str:
    """Write the other scores of one set of views."""
    both_sides = [i for i in range(truth.shape[1]) if 0 < truth[:, i].sum() < len(truth)]
    auroc = np.mean([roc_auc_score(truth[:, i], probs[:, i]) for i in both_sides])
    if bundle.task is Task.MULTI_LABEL:
        return f"macro AUROC {auroc:.4f}"
    right = np.mean(probs.argmax(1) == truth.argmax(1))
    return f"macro AUROC {auroc:.4f}  accuracy {right:.4f}"


if __name__ == "__main__":
    main()
