"""python -m pytest tests/app/test_similar_share.py"""

from dataclasses import replace

import numpy as np
import pytest

from cxr_fastai.app import similar_share
from cxr_fastai.app.similar_share import MIN_GROUPS, Agreement, agreement_of
from cxr_fastai.manifest import Record

CELLS = dict.fromkeys(Record.__dataclass_fields__, "")


def rows(labels, sources=None, group="g"):
    sources = sources or ["one"] * len(labels)
    return [
        Record(**{**CELLS, "label": label, "source": source, "group": f"{group}{i}"})
        for i, (label, source) in enumerate(zip(labels, sources))
    ]


def vectors(places):
    "Unit vectors at these angles, degrees."
    angles = np.deg2rad(np.asarray(places, float))
    return np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float16)


def test_shares_are_those_of_the_nearest_and_of_all():
    train = rows(["a", "a", "b", "b"], ["s", "t", "s", "t"])
    asking = rows(["a"] * 10 + ["b"] * 10, ["s"] * 20)
    near = agreement_of(train, vectors([0, 1, 80, 81]), asking, vectors([0] * 10 + [80] * 10), 2)
    assert near == Agreement(20, 1.0, 0.5, 0.5, 0.5)
    one = agreement_of(train, vectors([0, 1, 80, 81]), asking, vectors([0] * 10 + [80] * 10), 1)
    assert (one.label, one.source) == (1.0, 1.0)


def test_findings_need_one_in_common():
    train = rows(["a|b", "none", "c|?a"])
    asking = rows(["a"] * 10 + ["none"] * 10)
    found = agreement_of(train, vectors([0, 40, 80]), asking, vectors([0] * 10 + [80] * 10), 1)
    assert found.label == 0.5 and found.label_of_any == pytest.approx(1 / 3)


def test_too_few_groups_tell_nothing():
    train, asking = rows(["a", "b"]), rows(["a"] * 30)
    enough = [replace(row, group=f"g{i % MIN_GROUPS}") for i, row in enumerate(asking)]
    few = [replace(row, group=f"g{i % (MIN_GROUPS - 1)}") for i, row in enumerate(asking)]
    far = vectors([0] * 30)
    assert agreement_of(train, vectors([0, 9]), few, far, 1) is None
    assert agreement_of(train, vectors([0, 9]), enough, far, 1) is not None
    assert agreement_of(train, vectors([0, 9]), [], vectors([]), 1) is None


def test_parts_are_as_the_whole(monkeypatch):
    rng = np.random.default_rng(0)
    train, asking = rows(list("abcd") * 10), rows(list("abcd") * 10)
    places, far = vectors(rng.uniform(0, 90, 40)), vectors(rng.uniform(0, 90, 40))
    whole = agreement_of(train, places, asking, far, 5)
    monkeypatch.setattr(similar_share, "FILMS_AT_A_TIME", 7)
    assert agreement_of(train, places, asking, far, 5) == whole


def test_the_words_name_the_source_only_where_there_are_several():
    told = Agreement(519, 0.532, 0.167, 0.811, 0.404)
    assert told.says == (
        "of 519 films of validation, 53.2 % of the nearest share the class (16.7 % by chance) and "
        "81.1 % the source (40.4 %)"
    )
    assert replace(told, source=1, source_of_any=1).says.endswith("(16.7 % by chance)")
