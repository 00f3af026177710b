"""Shenzhen, Montgomery, kmader and Belarus, drawn.

python -m pytest tests/phantom/test_tuberculosis.py
"""

import re
from collections import Counter

import numpy as np
from PIL import Image
from toy_phantoms import (
    CATALOG,
    N,
    by_path,
    curated,
    place_of,
)

from cxr_fastai.curation.sources.listing import list_source
from cxr_fastai.curation.sources.tree import Tree
from cxr_fastai.images import decode
from cxr_fastai.phantom import write_like


def test_a_source_of_tuberculosis_alone_is_trained_on_only(drawn):
    assert {(r.label, r.split) for r in curated(drawn.mirror, "belarus").records} == {
        ("tuberculosis", "train")
    }


def test_the_tb_database_is_trained_on_only_and_its_slice_is_no_film(drawn):
    done = curated(drawn.mirror, "tb_database", recipe="tb")
    assert {(r.label, r.split, r.patient) for r in done.records} == {
        ("normal", "train", ""),
        ("tuberculosis", "train", ""),
    }
    assert not any("-355." in r.original_path for r in done.records)
    assert [(x.path[-20:], x.reason) for x in done.rejects] == [
        ("Tuberculosis-355.png", "modality")
    ]


def test_some_of_its_films_of_tuberculosis_and_no_normal_have_a_white_box(drawn):
    root = place_of(drawn.mirror, "tb_database") / "TB_Chest_Radiography_Database"

    def boxed(kind):
        films = [decode(path) for path in (root / kind).iterdir()]
        return sum(bool((film[1, len(film) // 3 : len(film) // 2] > 250).all()) for film in films)

    assert boxed("Tuberculosis") > 0 == boxed("Normal")


def test_films_that_look_like_one_patient_have_one_patient_in_every_source(tmp_path):
    alike = [{"52", "53"}, {"89", "90"}, {"173", "243"}, {"254", "255"}, {"309", "311"}]
    alike += [{"264", "313", "316"}, {"113", "117"}, {"162", "166", "170"}]
    names = [f"a/CXR_png/MCUCXR_{n:04d}_{int(n > 100)}.png" for n in range(1, 400)]
    names += [f"b/CXR_png/CHNCXR_{n:04d}_{int(n > 326)}.png" for n in range(1, 663)]
    for source, prefix in (("montgomery", "a"), ("shenzhen", "b"), ("kmader", "")):
        files = {name: str(tmp_path / name) for name in names if name.startswith(prefix)}
        items = list_source(CATALOG[source], Tree(source, files)).items
        of_patient = {}
        for item in items:
            number = item.path.split("_")[-2].lstrip("0")
            of_patient.setdefault(item.patients, set()).add(number)
        several = [numbers for numbers in of_patient.values() if len(numbers) > 1]
        wanted = alike * (prefix != "b") + [{"477", "605"}] * (prefix != "a")
        assert sorted(map(sorted, several)) == sorted(map(sorted, wanted)), source
        assert len({item.radiograph for item in items}) == len(items)


def test_whoever_is_drawn_twice_in_the_real_numbers_stays_in_one_split(tmp_path):
    drawn = write_like(tmp_path, "montgomery", 138, 32)
    records = by_path(curated(tmp_path, "montgomery", recipe="tb"))
    groups = {}
    for one in drawn:
        if one.path in records:
            groups.setdefault(one.person, set()).add(records[one.path].group)
    assert all(len(group) == 1 for group in groups.values())
    assert len(groups) < len(records) - 5


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
