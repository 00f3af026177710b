"""Drawn sources, laid out like real ones, through the library's own catalogue.

python -m pytest tests/phantom/test_layouts.py
"""

import hashlib
from collections import Counter

import numpy as np
import pytest
from toy_phantoms import (
    CATALOG,
    SIZE,
    VIRAL,
    N,
    by_path,
    curated,
    place_of,
)

from cxr_fastai.core import UnknownName, UsageError
from cxr_fastai.curation.fetch import mirror_path
from cxr_fastai.images import decode
from cxr_fastai.phantom import (
    LAYOUTS,
    write_like,
)


def test_every_layout_lies_where_the_catalogue_looks_for_it():
    assert {s: mirror_path(CATALOG[s]).as_posix() for s in LAYOUTS} == {
        s: layout.folder for s, layout in LAYOUTS.items()
    }


@pytest.mark.parametrize("source", [*LAYOUTS])
def test_every_layout_curates_by_the_librarys_own_catalogue(drawn, source):
    said, done = drawn.of[source], curated(drawn.mirror, source)
    assert len(said) == len({d.path for d in said}) == N
    left_out = {d.path: d.why_not for d in said if d.why_not} | {
        d.path: "no_class" for d in said if d.label == VIRAL
    }
    assert {x.path: x.reason for x in done.rejects if x.stage != "list"} == left_out
    assert {p: r.source_label for p, r in by_path(done).items()} == {
        d.path: d.label for d in said if d.path not in left_out
    }
    assert (
        not done.failed
        and not done.conflicts
        and not [w for w in done.warnings if "left out" in str(w)]
    )


@pytest.mark.parametrize("source", [*LAYOUTS])
def test_images_of_one_person_share_a_group(drawn, source):
    records, groups = by_path(curated(drawn.mirror, source)), {}
    for d in drawn.of[source]:
        if d.path in records:
            groups.setdefault(d.person, set()).add(records[d.path].group)
    assert all(len(g) == 1 for g in groups.values())
    assert len(set().union(*groups.values())) == len(groups), "two people in one group"


def test_most_sources_have_people_with_several_images(drawn):
    several = {s for s in LAYOUTS if max(Counter(d.person for d in drawn.of[s]).values()) > 1}
    assert several == {
        "kermany_kaggle",
        "kmader",
        "montgomery",
        "nih_sample",
        "nih_full",
        "nih_tfrecords",
    }


@pytest.mark.parametrize("source", ["kermany_kaggle", "nih_full"])
def test_a_person_keeps_the_chest_from_image_to_image(drawn, source):
    def film(d):
        a = decode(place_of(drawn.mirror, source) / d.path).astype(float)
        return (a - a.mean()) / a.std()

    films = [(d.person, film(d)) for d in drawn.of[source]]
    apart = {
        same: np.mean(
            [abs(x - y).mean() for (p, x), (q, y) in zip(films, films[1:]) if (p == q) == same]
        )
        for same in (True, False)
    }
    assert apart[True] < 0.97 * apart[False]


@pytest.mark.parametrize("source", ["kermany_kaggle", "nih_full"])
def test_the_official_test_set_stays_the_test_set(drawn, source):
    want = {d.path for d in drawn.of[source] if d.test}
    assert (
        want
        and {p for p, r in by_path(curated(drawn.mirror, source)).items() if r.split == "test"}
        == want
    )


def test_the_same_seed_lays_the_same_bytes_and_another_seed_others(drawn, tmp_path):
    def tree(root):
        return {
            p.relative_to(root).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in sorted(root.rglob("*"))
            if p.is_file()
        }

    write_like(tmp_path, "montgomery", N, SIZE)
    assert tree(place_of(tmp_path, "montgomery")) == tree(place_of(drawn.mirror, "montgomery"))
    write_like(tmp_path, "nih_tfrecords", N, SIZE, seed=1)
    ours, others = (tree(place_of(at, "nih_tfrecords")) for at in (drawn.mirror, tmp_path))
    assert set(ours) == set(others) and not {h for k, h in ours.items() if "tfrec" in k} & {
        *others.values()
    }


@pytest.mark.parametrize(
    "how,error,said",
    [
        (dict(source="shenzen"), UnknownName, "Did you mean 'shenzhen'"),
        (dict(n=5), UsageError, "n is 5: give at least 24"),
        (dict(n=663), UsageError, "at most 662 images"),
    ],
)
def test_wrong_arguments_are_named_with_what_is_allowed(tmp_path, how, error, said):
    with pytest.raises(error, match=said):
        write_like(tmp_path, **{"source": "shenzhen", **how})
