"""pytest tests/test_phantom_sources.py: drawn sources, laid out like real ones, through the library's own catalogue"""

import csv
import hashlib
import re
import shutil
from collections import Counter
from functools import lru_cache
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from cxr_fastai.core import NIH_FINDINGS, UnknownName, UsageError
from cxr_fastai.curation.copies.fingerprint import source_bytes
from cxr_fastai.curation.fetch import mirror_path
from cxr_fastai.curation.pipeline import curate
from cxr_fastai.catalog import load_catalog
from cxr_fastai.curation.sources.listing import list_source
from cxr_fastai.curation.sources.tree import folder_tree
from cxr_fastai.images import decode
from cxr_fastai.phantom import LAYOUTS, draw_findings, write_like
from cxr_fastai.phantom.chest import anatomy, scene, stance

N, SIZE = 30, 64
CATALOG = load_catalog()
EVERY = [*LAYOUTS]
LISTS = ("test_list.txt", "train_val_list.txt")
VIRAL = "Viral Pneumonia"  # of covid_radiography: six_class leaves it to Kermany


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    "A mirror of every layout: what `write_like` said of each source, and where it is."
    mirror = tmp_path_factory.mktemp("mirror")
    return SimpleNamespace(mirror=mirror, of={s: write_like(mirror, s, N, SIZE) for s in LAYOUTS})


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    "One memory of what was seen for all tests here: no image is read twice."
    monkeypatch.setenv("CXR_CACHE", str(tmp_path_factory.getbasetemp() / "phantom_sources_cache"))


@lru_cache
def curated(mirror, *only, recipe="six_class"):
    return curate(mirror / "never_written", recipe, mirror=mirror, only=only, check=True, workers=1)


def place(mirror, source):
    return mirror / LAYOUTS[source][0]


def by_path(done):
    return {r.original_path: r for r in done.records}


# ---- the layouts


def test_every_layout_lies_where_the_catalogue_looks_for_it():
    assert {s: mirror_path(CATALOG[s]).as_posix() for s in LAYOUTS} == {
        s: at for s, (at, _) in LAYOUTS.items()
    }


@pytest.mark.parametrize("source", EVERY)
def test_every_layout_curates_by_the_librarys_own_catalogue(drawn, source):
    said, done = drawn.of[source], curated(drawn.mirror, source)
    assert len(said) == len({d.path for d in said}) == N
    left_out = {d.path: "view" for d in said if d.why_not} | {
        d.path: "no_class" for d in said if d.label == VIRAL
    }
    assert {x.path: x.reason for x in done.rejects if x.stage != "list"} == left_out
    assert {p: r.source_label for p, r in by_path(done).items()} == {
        d.path: d.label for d in said if d.path not in left_out
    }
    assert (
        not done.failed and not done.conflicts and not [w for w in done.warnings if "left out" in str(w)]
    )


@pytest.mark.parametrize("source", EVERY)
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
        a = decode(place(drawn.mirror, source) / d.path).astype(float)
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


@pytest.mark.parametrize("source", ["nih_sample", "nih_tfrecords"])
def test_nihs_lists_put_beside_a_part_of_it_fix_its_test_patients(drawn, tmp_path, source):
    shutil.copytree(place(drawn.mirror, source), place(tmp_path, source))
    for name in LISTS:
        shutil.copy(place(drawn.mirror, "nih_full") / name, place(tmp_path, source))
    done = curated(tmp_path, source)
    patients = {d.person for d in drawn.of["nih_full"] if d.test}
    want = {d.path for d in drawn.of[source] if d.person in patients}
    assert want and {p for p, r in by_path(done).items() if r.split == "test"} == want
    assert not [w for w in done.warnings if "list" in str(w)]
    assert want != {
        p for p, r in by_path(curated(drawn.mirror, source)).items() if r.split == "test"
    }


def test_a_source_of_tuberculosis_alone_is_trained_on_only(drawn):
    assert {(r.label, r.split) for r in curated(drawn.mirror, "belarus").records} == {
        ("tuberculosis", "train")
    }


def test_a_recipe_of_ones_own_takes_several_findings_of_an_image(drawn, tmp_path):
    (tmp_path / "heart.toml").write_text(
        'title = "Heart or not"\nyields = "rest"\n[classes]\nheart = ["cardiomegaly"]\n'
        f"rest = {[f for f in NIH_FINDINGS if f != 'cardiomegaly']}\n",
        "utf-8",
    )
    for source in ("nih_sample", "nih_full", "nih_tfrecords"):
        want = {
            d.path: "heart" if "Cardiomegaly" in d.label else "rest"
            for d in drawn.of[source]
            if d.label != "No Finding"
        }
        done = curated(drawn.mirror, source, recipe=str(tmp_path / "heart.toml"))
        assert {p: r.label for p, r in by_path(done).items()} == want


def test_every_finding_of_nih_is_there_and_comes_in_company(drawn):
    cells = [d.label.split("|") for d in drawn.of["nih_full"]]
    assert {f.lower() for c in cells for f in c} == {*NIH_FINDINGS, "no finding"}
    assert max(map(len, cells)) > 1


def test_ages_that_cannot_be_and_ages_in_days_are_as_nih_writes_them(drawn):
    ages = {r.original_path[-16:-4]: r.age for r in curated(drawn.mirror, "nih_full").records}
    assert [ages[f"{pid:08d}_000"] for pid in (1, 3, 8)] == ["21", "", "0"]


# ---- one radiograph in several sources


def test_kmader_is_shenzhen_and_montgomery_again(drawn):
    done = curated(drawn.mirror, "kmader", "shenzhen", "montgomery")
    assert {r.source for r in done.records} == {"shenzhen", "montgomery"}
    assert (
        done.duplicates()["across_sources"] == N - 1 and not done.conflicts
    )  # but for the lordotic view
    assert not done.unexpected


def test_the_radiography_databases_copies_of_kermany_are_found_and_leave_no_conflict(drawn):
    done = curated(drawn.mirror, "kermany_kaggle", "covid_radiography")
    copies = [
        m.item.source_label
        for g in done.copy_sets
        for m in g.members
        if m.item.source == "covid_radiography"
    ]
    assert Counter(copies) == {VIRAL: 2, "Normal": 2} and not done.conflicts and not done.unexpected
    assert {g.kept.item.source for g in done.copy_sets} == {"kermany_kaggle"}


def test_nihs_sample_and_shards_are_the_images_of_the_whole(drawn):
    listings = {
        s: list_source(CATALOG[s], folder_tree(place(drawn.mirror, s))).items
        for s in ("nih_full", "nih_sample", "nih_tfrecords")
    }
    full = {it.path[-16:-4]: it for it in listings["nih_full"]}
    for it in listings["nih_sample"]:
        same = full[it.path[-16:-4]]
        assert (
            source_bytes(it.file, it.array) == source_bytes(same.file, same.array)
            and it.findings == same.findings
        )
    for it in listings["nih_tfrecords"]:
        same = full[it.path[-12:]]
        a, b = (decode(source_bytes(x.file, x.array)).astype(int) for x in (it, same))
        assert abs(a - b).mean() < 3 and (it.findings, it.patients) == (
            same.findings,
            same.patients,
        )


def test_a_folder_curated_from_shards_holds_their_pixels_and_a_second_run_writes_nothing(
    drawn, tmp_path
):
    done, again = (
        curate(tmp_path / "out", mirror=drawn.mirror, only=["nih_tfrecords"], workers=1)
        for _ in range(2)
    )
    items = list_source(
        CATALOG["nih_tfrecords"], folder_tree(place(drawn.mirror, "nih_tfrecords"))
    ).items
    pictures = {it.path: source_bytes(it.file, it.array) for it in items}
    assert len(done.records) == N and again.written == 0
    for r in done.records:
        assert (decode(tmp_path / "out" / r.path) == decode(pictures[r.original_path])).all()
        assert r.sha256 == hashlib.sha256(pictures[r.original_path]).hexdigest()


# ---- what each is known for


def test_shenzhen_stores_palettes_that_run_backwards_and_texts_with_typing_errors(drawn):
    root = place(drawn.mirror, "shenzhen") / "ChinaSet_AllFiles"
    modes = Counter()
    for p in (root / "CXR_png").iterdir():
        with Image.open(p) as im:
            modes[im.mode] += 1
    assert set(modes) == {"P", "RGB"} and modes["P"] > 10 * modes["RGB"]
    texts = [p.read_text() for p in (root / "ClinicalReadings").iterdir()]
    for odd in ("^femal ", r"^male\d", "months$", "days$"):
        assert any(re.search(odd, t, re.M) for t in texts), odd


def test_montgomery_has_films_of_two_shapes_masks_of_theirs_and_a_lordotic_view(drawn):
    root = place(drawn.mirror, "montgomery") / "MontgomerySet"
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


def test_kermanys_archive_holds_a_second_copy_and_what_macos_leaves(drawn):
    root = place(drawn.mirror, "kermany_kaggle") / "chest_xray"
    left = Counter(x.reason for x in curated(drawn.mirror, "kermany_kaggle").rejects)
    assert left == {"outside_globs": N, "junk": 6}
    assert {p.name for p in root.iterdir()} >= {"train", "val", "test", "__MACOSX", "chest_xray"}
    assert any(
        p.name.count("_") == 3 for p in (root / "train/PNEUMONIA").iterdir()
    )  # as person447_virus_921_1.jpeg


def test_nihs_tables_have_the_columns_of_the_real_ones(drawn):
    root = place(drawn.mirror, "nih_full")
    with open(root / "Data_Entry_2017.csv", newline="") as f:
        head, *rows = csv.reader(f)
    assert head[-4:] == ["OriginalImage[Width", "Height]", "OriginalImagePixelSpacing[x", "y]"]
    assert {len(r) for r in rows} == {len(head)} and {r[4] for r in rows} >= {"411Y", "001D"}
    assert (
        (root / "BBox_List_2017.csv")
        .read_text()
        .startswith("Image Index,Finding Label,Bbox [x,y,w,h]")
    )
    test, rest = ({*(root / name).read_text().splitlines()} for name in LISTS)
    assert len(test | rest) == N and not test & rest


def test_masks_and_placeholders_of_the_radiography_database_are_no_images_of_it(drawn):
    root = place(drawn.mirror, "covid_radiography") / "COVID-19_Radiography_Dataset"
    assert len([*root.glob("*.metadata.xlsx")]) == 4 and (root / "README.md.txt").is_file()
    masks = {p.relative_to(root.parent).as_posix() for p in root.glob("*/masks/*.png")}
    assert (
        len(masks) == N
        and {
            x.path
            for x in curated(drawn.mirror, "covid_radiography").rejects
            if x.reason == "outside_globs"
        }
        == masks
    )


# ---- drawing


@pytest.mark.parametrize("finding", NIH_FINDINGS)
def test_a_finding_shows_within_the_chest(finding):
    for seed in (1, 2):
        well = draw_findings((), seed, SIZE, 5)
        change = abs(draw_findings([finding], seed, SIZE, 5).astype(int) - well) > 6
        assert change.mean() > 0.001
        if finding != "cardiomegaly":  # whose heart pushes the lungs aside
            assert (scene(anatomy(5, "adult"), stance(seed, SIZE)).lung[change] > 0.2).mean() > 0.9


def test_several_findings_show_at_once():
    one, two, both = (
        draw_findings(f, 1, SIZE, 5).astype(int)
        for f in (["mass"], ["effusion"], ["mass", "effusion"])
    )
    well = draw_findings((), 1, SIZE, 5)
    for alone in (one, two):
        assert (abs(both - well) > 6)[abs(alone - well) > 12].mean() > 0.9


def test_the_same_seed_lays_the_same_bytes_and_another_seed_others(drawn, tmp_path):
    def tree(root):
        return {
            p.relative_to(root).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in sorted(root.rglob("*"))
            if p.is_file()
        }

    write_like(tmp_path, "montgomery", N, SIZE)
    assert tree(place(tmp_path, "montgomery")) == tree(place(drawn.mirror, "montgomery"))
    write_like(tmp_path, "nih_tfrecords", N, SIZE, seed=1)
    ours, others = (tree(place(at, "nih_tfrecords")) for at in (drawn.mirror, tmp_path))
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


def test_a_finding_that_cannot_be_drawn_is_named():
    with pytest.raises(UnknownName, match="Did you mean 'effusion'"):
        draw_findings(["efusion"], 0)
