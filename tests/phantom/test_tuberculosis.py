"""Shenzhen, Montgomery, kmader and Belarus, drawn.

python -m pytest tests/phantom/test_tuberculosis.py
"""

import re
from collections import Counter

import numpy as np
from PIL import Image
from toy_phantoms import (
    N,
    curated,
    place_of,
)

from cxr_fastai.images import decode


def test_a_source_of_tuberculosis_alone_is_trained_on_only(drawn):
    assert {(r.label, r.split) for r in curated(drawn.mirror, "belarus").records} == {
        ("tuberculosis", "train")
    }


def test_kmader_is_shenzhen_and_montgomery_again(drawn):
    done = curated(drawn.mirror, "kmader", "shenzhen", "montgomery")
    assert {r.source for r in done.records} == {"shenzhen", "montgomery"}
    assert (
        done.duplicates()["across_sources"] == N - 1 and not done.conflicts
    )  # but for the lordotic view
    assert not done.unexpected


def test_shenzhen_stores_palettes_that_run_backwards_and_texts_with_typing_errors(drawn):
    root = place_of(drawn.mirror, "shenzhen") / "ChinaSet_AllFiles"
    modes = Counter()
    for p in (root / "CXR_png").iterdir():
        with Image.open(p) as im:
            modes[im.mode] += 1
    assert set(modes) == {"P", "RGB"} and modes["P"] > 10 * modes["RGB"]
    texts = [p.read_text() for p in (root / "ClinicalReadings").iterdir()]
    for odd in ("^femal ", r"^male\d", "months$", "days$"):
        assert any(re.search(odd, t, re.M) for t in texts), odd


def test_montgomery_has_films_of_two_shapes_masks_of_theirs_and_a_lordotic_view(drawn):
    root = place_of(drawn.mirror, "montgomery") / "MontgomerySet"
    shapes = set()
    for p in (root / "CXR_png").iterdir():
        size = decode(p).shape
        shapes.add(size[0] > size[1])
        masks = [
            np.asarray(Image.open(root / "ManualMask" / side / p.name))
            for side in ("leftMask", "rightMask")
        ]
        assert all(m.shape == size and m.dtype == bool and m.mean() > 0.03 for m in masks)
        assert not (masks[0] & masks[1]).any()
    assert shapes == {True, False} and [d.label for d in drawn.of["montgomery"] if d.why_not] == [
        "1"
    ]
