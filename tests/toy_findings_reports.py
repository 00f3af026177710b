"""A stand-in multi-label bundle and made-up manifests, for tests of reports."""

import numpy as np

from cxr_fastai.core import Task
from cxr_fastai.evaluation.evaluate import evaluate
from cxr_fastai.manifest import COLUMNS, Manifest, Record
from cxr_fastai.recipes import Recipe, present

ABC = ["a", "b", "c"]


LABELS = ["a", "a|b", "b", "none", "none", "b|?a"] * 4  # of the test images; c is in none of them


def manifest(labels=LABELS, sources=None, split="test", vocab=ABC, sha256="5" * 64, **recipe):
    "Groups of two images."
    known = Recipe("three", "Three findings", {c: [c] for c in vocab}, task="multi_label", **recipe)
    rows = [
        Record(
            **{
                **dict.fromkeys(COLUMNS, ""),
                "path": f"images/{i}.png",
                "label": label,
                "group": f"g{i // 2}",
                "source": (sources or ["s"] * len(labels))[i],
                "split": split,
            }
        )
        for i, label in enumerate(labels)
    ]
    return Manifest("/nowhere", rows, known, sha256)


class ToyBundle:
    "Gives what is present 0.8, what is not 0.1, and to the images in `wrong` the other way round: {number: findings}."

    path = "toy/bundle"
    gate = None

    def __init__(self, labels=LABELS, vocab=ABC, wrong=None, thresholds=None, display=None, **meta):
        self.labels, self.vocab, self.wrong = labels, vocab, wrong or {}
        self.display = display or {c: c.upper() for c in vocab}
        self.meta = {
            "arch": "toynet",
            "task": "multi_label",
            "recipe": {"name": "three"},
            "manifest_sha256": "5" * 64,
            "thresholds": {"a": 0.3, "b": 0.4} if thresholds is None else thresholds,
            **meta,
        }

    @property
    def task(self):
        return Task(self.meta["task"])

    def found(self, probs):
        return probs >= [self.meta["thresholds"].get(c, 0.5) for c in self.vocab]

    def probs(self, paths, bs=64, decode=None):
        numbers = [int(p.stem) for p in paths]
        return np.array(
            [
                [
                    0.8 if (c in present(self.labels[i])) != (c in self.wrong.get(i, "")) else 0.1
                    for c in self.vocab
                ]
                for i in numbers
            ],
            np.float32,
        )


def report(labels=LABELS, sources=None, split="test", recipe=None, **bundle):
    "`recipe`, of `manifest`, and `bundle`, of `ToyBundle`: what differs from the others."
    data = manifest(labels, sources, split, **recipe or {})
    return evaluate(ToyBundle(labels, **bundle), data, split, resamples=50)
