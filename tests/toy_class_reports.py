"""A stand-in single-label bundle, made-up manifests, and the tags of a page, for tests of reports."""

from html.parser import HTMLParser

import numpy as np

from cxr_fastai.core import Task
from cxr_fastai.manifest import COLUMNS, Manifest, Record
from cxr_fastai.recipes import Recipe

ABC = ["a", "b", "c"]


EVIL = "<script>alert('x')</script>"


ROWS = (
    [("a", "s1")] * 6 + [("b", "s1")] * 2 + [("c", "s2")] * 4
)  # class, source of the test images: floors 6/12 and 10/12


def record(i, label, source, split):
    return Record(
        **{
            **dict.fromkeys(COLUMNS, ""),
            "path": f"{label}/{i}.png",
            "label": label,
            "source": source,
            "group": f"g{i}",
            "split": split,
        }
    )


def manifest(rows=ROWS, split="test", vocab=None, root="/nowhere", sha256="5" * 64):
    vocab = vocab or sorted({c for c, _ in rows})
    recipe = Recipe("three", "Three classes", {c: [c] for c in vocab})
    return Manifest(root, [record(i, c, s, split) for i, (c, s) in enumerate(rows)], recipe, sha256)


class ToyBundle:
    "Answers the class that a file's folder names, except for the images in `wrong`: {number: class}."

    path = "toy/bundle"
    gate = None

    def __init__(self, vocab=ABC, wrong=None, display=None, **meta):
        self.vocab, self.wrong = vocab, wrong or {}
        self.display = display or {c: c.upper() for c in vocab}
        self.meta = {
            "arch": "toynet",
            "task": "single_label",
            "recipe": {"name": "three"},
            "manifest_sha256": "5" * 64,
            **meta,
        }

    @property
    def task(self):
        return Task(self.meta["task"])

    def answers(self, probs):
        return probs.argmax(1)

    def saw(self, rows):
        return None

    def probs(self, paths, bs=64, decode=None):
        answers, rest = (
            [self.wrong.get(int(p.stem), p.parent.name) for p in paths],
            0.3 / (len(self.vocab) - 1),
        )
        return np.array(
            [[0.7 if c == a else rest for c in self.vocab] for a in answers], np.float32
        )


class Tags(HTMLParser):
    "Collects a page's tags and its attributes that fetch something."

    def __init__(self, page):
        super().__init__()
        self.seen, self.links = set(), []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        self.links += [
            v for k, v in attrs if k in ("src", "href", "srcset", "data", "action", "background")
        ]
