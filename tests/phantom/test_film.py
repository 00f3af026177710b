"""pytest tests/test_phantom.py"""

import csv
import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cxr_fastai import phantom
from cxr_fastai.core import FINDINGS, UnknownName, UsageError
from cxr_fastai.phantom import AGES, CLASSES, KINDS, draw, write_sources
from cxr_fastai.phantom.chest import anatomy, scene, stance

HASH = (
    "import hashlib; from cxr_fastai.phantom import draw, CLASSES; "
    "print(hashlib.sha256(b''.join(draw(c, i, 64).tobytes() for i, c in enumerate(CLASSES))).hexdigest())"
)


def tree_hash(root):
    "One hash of all names and bytes below a folder."
    h = hashlib.sha256()
    for p in sorted(p for p in root.rglob("*") if p.is_file()):
        h.update(f"{p.relative_to(root).as_posix()} {p.stat().st_size} ".encode() + p.read_bytes())
    return h.hexdigest()


def pixels(path):
    "uint8 grey pixels, decoded here and not by the house."
    with Image.open(path) as im:
        return (
            (np.asarray(im) // 257).astype(np.uint8)
            if im.mode.startswith("I")
            else np.asarray(im.convert("L"))
        )


def rows(path, encoding="utf-8"):
    with open(path, encoding=encoding, newline="") as f:
        return list(csv.DictReader(f))


def best_threshold(a, b):
    "The accuracy of the best single cut between two samples of one number, each sample weighing half."
    cuts = np.concatenate([a, b])
    right = [(np.mean(a <= c) + np.mean(b > c)) / 2 for c in cuts]
    return max(*right, *(1 - r for r in right))


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    return write_sources(tmp_path_factory.mktemp("phantoms"), n_per_class=8, size=48)


@pytest.fixture(scope="module")
def open_file(planted):
    return lambda name: planted.mirror / "local" / name


@pytest.fixture(scope="module")
def films():
    return {c: np.stack([draw(c, 6 * i + k, 32) for i in range(50)]) for k, c in enumerate(CLASSES)}


# ---- one drawing


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("age", AGES)
def test_a_drawing_is_square_grey_and_uses_the_range(kind, age):
    film = draw(kind, 3, 50, age=age)
    assert film.shape == (50, 50) and film.dtype == np.uint8
    assert film.min() < 60 and film.max() > 150 and film.std() > 25


def test_a_drawing_is_256_pixels_wide_unless_told():
    assert draw("normal", 0).shape == (256, 256)


def test_the_same_arguments_give_the_same_pixels_and_others_do_not():
    film, same = draw("covid_19", 7, 64, 3), ("covid_19", 7, 64, 3, "adult")
    assert (film == draw(*same)).all()
    for i, value in enumerate(("viral_pneumonia", 8, None, 4, "child")):
        if value:
            assert (film != draw(*same[:i], value, *same[i + 1 :])).mean() > 0.01


def test_pixels_do_not_depend_on_the_processors_vector_units():
    core = pytest.importorskip("numpy._core._multiarray_umath")
    plain = {**os.environ, "NPY_DISABLE_CPU_FEATURES": " ".join(core.__cpu_dispatch__)}
    run, how = (
        [sys.executable, "-W", "ignore", "-c", HASH],
        dict(cwd=Path(phantom.__file__).parents[2], text=True),
    )
    said = [subprocess.check_output(run, env=env, **how) for env in (dict(os.environ), plain)]
    assert said[0] == said[1] != ""


def test_a_patient_keeps_the_chest_from_film_to_film():
    def norm(a):
        return (a - a.mean()) / a.std()

    a, b = (
        [norm(draw("normal", 2 * i + k, 48, patient=i).astype(float)) for i in range(24)]
        for k in (0, 1)
    )
    same = np.mean([abs(x - y).mean() for x, y in zip(a, b)])
    other = np.mean([abs(x - y).mean() for x, y in zip(a, b[1:] + b[:1])])
    assert same < 0.95 * other


def test_the_heart_points_to_the_right_of_the_image(films):
    mean = films["normal"].astype(float).mean(0)
    assert mean[16:22, 17:25].mean() > mean[16:22, 7:15].mean() + 8


def test_both_lungs_are_darker_than_what_lies_between(films):
    mean = films["normal"].astype(float).mean(0)
    between = mean[10:18, 15:17].mean()
    assert mean[10:18, 7:11].mean() < between - 40 and mean[10:18, 21:25].mean() < between - 40


def test_children_have_the_larger_heart_for_their_chest():
    body = {age: [anatomy(i, age) for i in range(40)] for age in AGES}
    share = {age: np.mean([b.heart / b.half for b in people]) for age, people in body.items()}
    assert share["child"] > 1.15 * share["adult"]


@pytest.mark.parametrize("kind", [c for c in CLASSES if c != "normal"] + ["mass", "heart_effusion"])
def test_disease_shows_within_the_lungs_and_nowhere_else(kind):
    for seed in range(6):
        change = (
            abs(draw(kind, seed, 64, patient=5).astype(int) - draw("normal", seed, 64, patient=5))
            > 6
        )
        lung = scene(anatomy(5, "adult"), stance(seed, 64)).lung
        assert change.mean() > 0.003 and (lung[change] > 0.2).mean() > 0.9


def changed(kind, seeds=24):
    "Of each disease's change: (share on its larger side, share in the upper half of the lungs, in the outer half)."
    out = []
    for seed in range(seeds):
        change = abs(
            draw(kind, seed, 64, patient=5).astype(float) - draw("normal", seed, 64, patient=5)
        )
        s = scene(anatomy(5, "adult"), stance(seed, 64))
        left = change[s.side < 0].sum() / change.sum()
        out.append(
            (
                max(left, 1 - left),
                change[s.t < 0.5].sum() / change.sum(),
                change[s.u > 0.5].sum() / change.sum(),
            )
        )
    return np.mean(out, 0)


def test_each_disease_keeps_to_its_place():
    where = {c: changed(c) for c in CLASSES if c != "normal"}
    one_sided, upper, outer = ({c: v[i] for c, v in where.items()} for i in range(3))
    assert (
        one_sided["bacterial_pneumonia"]
        > 0.95
        > 0.8
        > max(one_sided["viral_pneumonia"], one_sided["covid_19"])
    )
    assert upper["tuberculosis"] > 0.8 and upper["covid_19"] < 0.4
    assert outer["covid_19"] > 0.6 > 0.5 > outer["viral_pneumonia"]


@pytest.mark.parametrize("kind", [c for c in CLASSES if c != "normal"])
def test_mean_brightness_does_not_tell_disease_from_health(films, kind):
    assert best_threshold(films["normal"].mean((1, 2)), films[kind].mean((1, 2))) < 0.75


def test_a_linear_model_learns_more_than_chance_but_not_everything(films):
    x = (
        np.stack([f.reshape(50, -1) for f in films.values()], 1).reshape(300, -1) / 255
    )  # seeds ascend, classes alternate
    x, y = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True), np.tile(np.arange(6), 50)
    x, seen = x - x[:210].mean(0), x[:210] - x[:210].mean(0)
    weights = seen.T @ np.linalg.solve(
        seen @ seen.T + 100 * np.eye(210), np.eye(6)[y[:210]] - 1 / 6
    )
    accuracy = ((x[210:] @ weights).argmax(1) == y[210:]).mean()
    assert 2 / 6 < accuracy < 0.9  # chance is 1/6


@pytest.mark.parametrize(
    "wrong,error,word",
    [
        ({"kind": "covid"}, UnknownName, "covid_19"),
        ({"age": "old"}, UnknownName, "adult"),
        ({"size": 8}, UsageError, "16"),
        ({"seed": -1}, UsageError, "-1"),
    ],
)
def test_wrong_arguments_are_named_with_what_is_allowed(wrong, error, word):
    with pytest.raises(error, match=word):
        draw(**{"kind": "normal", "seed": 0, **wrong})


# ---- a mirror of sources


def test_the_same_seed_writes_the_same_bytes(planted, tmp_path):
    assert tree_hash(write_sources(tmp_path / "a", 8, 48).root) == tree_hash(planted.root)
    assert tree_hash(write_sources(tmp_path / "b", 8, 48, seed=1).root) != tree_hash(planted.root)


def test_writing_again_changes_nothing_and_other_arguments_are_refused(tmp_path):
    before = tree_hash(write_sources(tmp_path, 6, 32).root)
    assert tree_hash(write_sources(tmp_path, 6, 32).root) == before
    with pytest.raises(UsageError, match="other phantoms"):
        write_sources(tmp_path, 7, 32)
    assert tree_hash(tmp_path) == before


def test_too_few_images_for_the_flaws_are_refused(tmp_path):
    with pytest.raises(UsageError, match="at least 6"):
        write_sources(tmp_path, 5)


def test_every_planted_copy_is_equal_as_its_kind_says(planted, open_file):
    assert min(Counter(kind for *_, kind in planted.copies).values()) >= 8
    for a, b, kind in planted.copies:
        assert (open_file(a).read_bytes() == open_file(b).read_bytes()) == (kind == "bytes"), (a, b)
        assert (pixels(open_file(a)) == pixels(open_file(b))).all(), (a, b)


def test_pixel_copies_come_in_other_containers(planted, open_file):
    def container(name):
        with Image.open(open_file(name)) as im:
            return im.format, im.mode

    pairs = [(container(a), container(b)) for a, b, kind in planted.copies if kind == "pixels"]
    assert {b for _, b in pairs} == {("PNG", "L"), ("BMP", "L"), ("PNG", "RGB"), ("TIFF", "L")}
    assert all(a != b for a, b in pairs if a[0] != "PNG")


def test_no_other_two_images_are_equal(planted):
    copies = {b for _, b, _ in planted.copies} | set(planted.junk) | set(planted.damaged)
    local, endings = planted.mirror / "local", (".png", ".jpeg", ".jpg", ".bmp", ".tif")
    names = {
        p.relative_to(local).as_posix() for p in local.rglob("*") if p.suffix in endings
    } - copies
    seen = Counter(pixels(local / n).tobytes() for n in names)
    assert set(seen.values()) == {1}


def test_one_copy_is_of_an_official_test_image_and_one_has_the_wrong_label(planted):
    assert sum("/test/" in a for a, _, _ in planted.copies) == 1
    ((a, b),) = planted.conflicts
    assert "_bacteria_" in a and "/virus/" in b and (a, b, "bytes") in planted.copies


def test_the_damaged_file_starts_as_a_picture_and_fails_to_load(planted, open_file):
    (name,) = planted.damaged
    with pytest.raises((OSError, SyntaxError)):
        with Image.open(open_file(name)) as im:
            im.load()


def test_official_test_patients_have_no_training_images(planted):
    chest = planted.mirror / "local/phantom_children/chest"
    train, test = (
        {p.name.split("_")[0].rsplit("-", 1)[0] for p in (chest / part).rglob("*.jpeg")}
        for part in ("train", "test")
    )
    assert train and test and not train & test


def test_some_patients_of_the_hospital_are_the_tuberculosis_clinics_too(planted, open_file):
    wards = {int(p.name.split("_")[0]) for p in open_file("phantom_hospital/images").glob("*.png")}
    tested = {int(p.name.split("_")[1]) for p in open_file("phantom_tb/CXR_png").glob("*.png")}
    assert sorted(f"ward:{i}" for i in wards & tested) == sorted(planted.shared_patients) != []


def test_the_tuberculosis_clinic_stores_three_forms_of_png(planted, open_file):
    modes = set()
    for p in open_file("phantom_tb/CXR_png").glob("*.png"):
        with Image.open(p) as im:
            modes.add(im.mode[0])
    assert modes == {"L", "I", "P"}


def test_tables_and_files_disagree_only_where_planted(planted, open_file):
    said = rows(open_file("phantom_covid/metadata.csv"), "latin-1")
    table = {f"phantom_covid/images/{r['filename']}": r for r in said}
    there = {f"phantom_covid/images/{p.name}" for p in open_file("phantom_covid/images").iterdir()}
    assert sorted(set(table) - there) == planted.missing and len(planted.missing) == 2
    assert sorted(there - set(table)) == planted.unlisted and len(planted.unlisted) == 1
    assert {n for n, r in table.items() if r["modality"] == "CT" or r["view"] == "L"} == set(
        planted.filtered
    )
    assert {r["finding"] for r in table.values()} == {"COVID-19", "No Finding", ""}


def test_the_open_collections_table_is_latin_1_and_no_utf_8(open_file):
    with pytest.raises(UnicodeDecodeError):
        rows(open_file("phantom_covid/metadata.csv"))
    assert any(
        "Zürich" in r["notes"] for r in rows(open_file("phantom_covid/metadata.csv"), "latin-1")
    )


def test_everything_in_the_answer_sheet_exists_but_what_is_missing(planted, open_file):
    named = [n for a, b, _ in planted.copies for n in (a, b)]
    named += planted.junk + planted.filtered + planted.damaged + planted.unlisted
    assert all(open_file(n).is_file() for n in named) and not any(
        open_file(n).exists() for n in planted.missing
    )
    assert {Path(p).name[:2] for p in planted.junk} >= {"._", ".D"} and any(
        "/chest/chest/" in p for p in planted.junk
    )


def test_the_answer_sheet_on_disk_says_the_same(planted):
    said = json.loads((planted.root / "planted.json").read_text(encoding="utf-8"))
    told = json.loads(
        json.dumps(
            {k: v for k, v in asdict(planted).items() if k not in ("root", "mirror", "catalog")}
        )
    )
    assert {k: said[k] for k in told} == told
    assert str(planted.root) not in (planted.root / "planted.json").read_text(encoding="utf-8")


# ---- the catalogue


def test_the_catalogue_counts_the_files_that_its_globs_meet(planted):
    for first in [r for r in rows(planted.catalog) if r["glob"]]:
        root = planted.mirror / "local" / first["handle"]
        met = {p for g in first["glob"].split(" ; ") for p in root.glob(g)}
        assert len(met) == int(first["expected_total"]), first["source"]
        local = planted.mirror / "local"
        assert not {p.relative_to(local).as_posix() for p in met} & set(planted.junk)


def test_the_catalogue_speaks_the_houses_vocabulary(planted):
    said = {f for r in rows(planted.catalog) for f in r["findings"].split("|") if f}
    assert (
        {*CLASSES, "no_finding", "mass", "effusion"} - {"normal", "other_findings"}
        <= said
        <= set(FINDINGS)
    )


def test_the_curation_reads_the_catalogue_and_finds_what_it_expects(planted):
    from cxr_fastai.catalog import load_catalog
    from cxr_fastai.curation.sources.listing import list_source
    from cxr_fastai.curation.sources.tree import folder_tree

    for source in load_catalog(planted.catalog).values():
        listing = list_source(source, folder_tree(planted.mirror / "local" / source.handle))
        assert not [w for w in listing.warnings if "expects" in w], source.id
