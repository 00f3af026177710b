"""NIH ChestX-ray14 drawn: in full, as a sample, as shards.

python -m pytest tests/phantom/test_nih.py
"""

import csv
import hashlib
import shutil

import pytest
from toy_phantoms import (
    CATALOG,
    LISTS,
    N,
    by_path,
    curated,
    place_of,
)

from cxr_fastai.core import NIH_FINDINGS
from cxr_fastai.curation.copies.fingerprint import source_bytes
from cxr_fastai.curation.pipeline import curate
from cxr_fastai.curation.sources.listing import list_source
from cxr_fastai.curation.sources.tree import folder_tree
from cxr_fastai.images import decode


@pytest.mark.parametrize("source", ["nih_sample", "nih_tfrecords"])
def test_nihs_lists_put_beside_a_part_of_it_fix_its_test_patients(drawn, tmp_path, source):
    shutil.copytree(place_of(drawn.mirror, source), place_of(tmp_path, source))
    for name in LISTS:
        shutil.copy(place_of(drawn.mirror, "nih_full") / name, place_of(tmp_path, source))
    done = curated(tmp_path, source)
    patients = {d.person for d in drawn.of["nih_full"] if d.test}
    want = {d.path for d in drawn.of[source] if d.person in patients}
    assert want and {p for p, r in by_path(done).items() if r.split == "test"} == want
    assert not [w for w in done.warnings if "list" in str(w)]
    assert want != {
        p for p, r in by_path(curated(drawn.mirror, source)).items() if r.split == "test"
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


def test_nihs_sample_and_shards_are_the_images_of_the_whole(drawn):
    listings = {
        s: list_source(CATALOG[s], folder_tree(place_of(drawn.mirror, s))).items
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
        CATALOG["nih_tfrecords"], folder_tree(place_of(drawn.mirror, "nih_tfrecords"))
    ).items
    pictures = {it.path: source_bytes(it.file, it.array) for it in items}
    assert len(done.records) == N and again.written == 0
    for r in done.records:
        assert (decode(tmp_path / "out" / r.path) == decode(pictures[r.original_path])).all()
        assert r.sha256 == hashlib.sha256(pictures[r.original_path]).hexdigest()


def test_nihs_tables_have_the_columns_of_the_real_ones(drawn):
    root = place_of(drawn.mirror, "nih_full")
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
