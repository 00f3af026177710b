"""pytest tests/curation/test_pipeline.py"""

import hashlib
import json
import os
import random
import shutil
import sys
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from toy_sources import gray, put, read_rows, rule, tree, write_catalog

from cxr_fastai.core import (
    CxrError,
    IntegrityError,
    NotCurated,
    SourceUnavailable,
    StorageError,
    UnknownName,
    UsageError,
)
from cxr_fastai.curation.fetch import SOURCE_IN_PARTS
from cxr_fastai.curation.folder import manifest_rows as records
from cxr_fastai.curation.folder.manifest_rows import QUICK_PER_CLASS
from cxr_fastai.curation.folder.result import CLASS_WITHOUT_IMAGES, UNEXPECTED_OVERLAP
from cxr_fastai.curation.pipeline import OWN_SOURCES_TAKEN, curate
from cxr_fastai.curation.sources import tree as tree_module
from cxr_fastai.images import decode
from cxr_fastai.manifest import check_manifest, read_manifest
from cxr_fastai.phantom import draw
from cxr_fastai.recipes import Recipe

LABELS = dict(
    bac="bacterial_pneumonia",
    cov="covid_19",
    norm="no_finding",
    mass="mass",
    tb="tuberculosis",
    vir="viral_pneumonia",
)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))


def rules(source="one", **cells):
    return [
        rule(source, first=i == 0, label_value=label, findings=f, **(cells if i == 0 else {}))
        for i, (label, f) in enumerate(LABELS.items())
    ]


def fill(root, n=12, first=0):
    "n images in each label's folder, two of a patient; the name carries the patient."
    for k, label in enumerate(LABELS):
        for i in range(n):
            put(root / label / f"p{first + (k * n + i) // 2:03}_{i}.png", first * 1000 + k * n + i)


def toy(tmp_path, *more, **cells):
    fill(tmp_path / "one")
    return write_catalog(
        tmp_path / "c.csv",
        *rules(name_regex=r"p(?P<pid>\d+)_", patient="one:{pid}", **cells),
        *more,
    )


def test_six_folders_and_a_manifest_that_tells_where_each_image_came_from(tmp_path):
    done = curate(tmp_path / "out", manifest=toy(tmp_path), workers=1)
    m = read_manifest(tmp_path / "out")
    assert (
        sorted(p.name for p in (tmp_path / "out").iterdir() if p.is_dir())
        == m.vocab
        == sorted(m.vocab)
    )
    assert len(m.rows) == 72 and Counter(r.label for r in m.rows) == {c: 12 for c in m.vocab}
    for r in m.rows:
        src = tmp_path / "one" / r.original_path
        assert r.sha256 == hashlib.sha256(src.read_bytes()).hexdigest()
        assert np.array_equal(decode(tmp_path / "out" / r.path), decode(src))
        assert (r.format, r.bytes) == ("PNG", str(src.stat().st_size)) and r.jpeg_tables == ""
        assert r.patient == f"one:{src.name[1:4]}" and LABELS[r.source_label] == r.findings
    assert {
        len({r.split for r in m.rows if r.patient == p}) for p in {r.patient for r in m.rows}
    } == {1}
    assert {p for p, what in tree(tmp_path / "out").items() if what != "folder"} == {
        r.path for r in m.rows
    } | {
        "manifest.csv",
        "rejects.csv",
        "duplicates.csv",
        "conflicts.csv",
        "curation.json",
        "README.md",
        "quality.csv",
        "croissant.json",
        "related.csv",
        "report.html",
        "metadata.csv",
    }
    assert done.written == 83


def test_same_input_same_bytes_whatever_the_order_and_the_workers(tmp_path, monkeypatch):
    c = toy(tmp_path)
    curate(tmp_path / "a", manifest=c, workers=1)
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "other"))

    def shuffled(folder):
        return random.Random(3).sample(e := list(os.scandir(folder)), len(e))

    monkeypatch.setattr(tree_module, "os", SimpleNamespace(**{**vars(os), "scandir": shuffled}))
    curate(tmp_path / "b", manifest=c, workers=2)
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


def test_a_second_run_writes_nothing(tmp_path):
    c = toy(tmp_path)
    curate(tmp_path / "out", manifest=c, workers=1)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*")}
    again = curate(tmp_path / "out", manifest=c, workers=1)
    assert (again.written, again.removed) == (0, 0)
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*")} == before


def test_copies_are_kept_once_within_and_across_sources_and_the_original_wins(tmp_path):
    fill(tmp_path / "two", n=2, first=900)
    c = toy(tmp_path, *rules("two", derived_from="one"), derived_from="")
    one, two = tmp_path / "one", tmp_path / "two"
    shutil.copy(
        one / "bac/p000_0.png", one / "bac/again.png"
    )  # bytes, within; matches no patient pattern, so no rule
    shutil.copy(one / "cov/p006_0.png", two / "cov/a_copy.png")  # bytes, across
    Image.fromarray(decode(one / "tb/p024_0.png")).convert("RGB").save(
        two / "tb/other.png"
    )  # pixels, across
    done = curate(tmp_path / "out", manifest=c, workers=1)
    assert done.duplicates() == {"bytes": 1, "pixels": 1, "near": 0, "across_sources": 2}
    rows = read_rows(tmp_path / "out/duplicates.csv")
    assert {(r["source"], r["path"], r["kind"], r["kept"]) for r in rows} == {
        ("one", "cov/p006_0.png", "bytes", "yes"),
        ("two", "cov/a_copy.png", "bytes", "no"),
        ("one", "tb/p024_0.png", "bytes", "yes"),
        ("two", "tb/other.png", "pixels", "no"),
    }
    assert not any(w.kind == UNEXPECTED_OVERLAP for w in done.warnings)


def whole_and_parts(tmp_path):
    "A catalogue of two sources, and of one that is nothing but these."
    for name in ("left", "right"):
        fill(tmp_path / name, 2, first=len(name))
    return write_catalog(
        tmp_path / "c.csv",
        *rules("left", expected_total="12"),
        *rules("right", expected_total="12"),
        *rules("whole", expected_total="24", derived_from="left|right"),
    )


@pytest.mark.parametrize("strict", [False, True])
def test_a_source_whose_parts_are_read_is_not_missing(tmp_path, strict):
    catalog = whole_and_parts(tmp_path)
    done = curate(tmp_path / "out", manifest=catalog, workers=1, strict=strict)
    assert {r.source for r in done.records} == {"left", "right"} and not done.incomplete
    (told,) = [w for w in done.warnings if w.kind == SOURCE_IN_PARTS]
    assert str(told).startswith("whole could not be had; its 24 images are those of left and right")
    assert "INCOMPLETE" not in (tmp_path / "out" / "README.md").read_text()


def test_a_source_is_missing_with_one_of_its_parts_and_where_it_was_asked_for_by_name(tmp_path):
    catalog = whole_and_parts(tmp_path)
    with pytest.raises(SourceUnavailable, match="whole"):
        curate(tmp_path / "named", manifest=catalog, only=["left", "right", "whole"])
    shutil.rmtree(tmp_path / "right")
    done = curate(tmp_path / "out", manifest=catalog, workers=1)
    assert set(done.incomplete) == {"right", "whole"}
    with pytest.raises(SourceUnavailable, match="1 other source"):
        curate(tmp_path / "strict", manifest=catalog, strict=True)


def test_a_radiograph_with_two_labels_is_recorded_and_left_out(tmp_path):
    c = toy(tmp_path)
    shutil.copy(tmp_path / "one/bac/p000_0.png", tmp_path / "one/vir/p700_0.png")
    done = curate(tmp_path / "out", manifest=c, workers=1)
    rows = read_rows(tmp_path / "out/conflicts.csv")
    assert {(r["label"], r["path"], r["patient"]) for r in rows} == {
        ("bacterial_pneumonia", "bac/p000_0.png", "one:000"),
        ("viral_pneumonia", "vir/p700_0.png", "one:700"),
    }
    assert (
        not {r["path"] for r in rows} & {r.original_path for r in done.records}
        and len(done.records) == 71
    )
    assert {r["kept"] for r in read_rows(tmp_path / "out/duplicates.csv")} == {"no"}


def test_the_same_two_labels_are_no_conflict_where_the_recipe_gives_them_one_class(tmp_path):
    c = toy(tmp_path)
    shutil.copy(tmp_path / "one/bac/p000_0.png", tmp_path / "one/vir/p700_0.png")
    done = curate(tmp_path / "out", "pneumonia", manifest=c, only=["one"], workers=1)
    assert not done.conflicts and Counter(r.label for r in done.records) == {
        "pneumonia": 24,
        "normal": 12,
    }


def test_a_recipe_that_names_sources_takes_those_of_a_catalogue_of_ones_own(tmp_path):
    c = toy(tmp_path)
    done = curate(tmp_path / "out", "pneumonia", manifest=c, workers=1)
    assert {r.source for r in done.records} == {"one"}
    assert Counter(r.label for r in done.records) == {"pneumonia": 24, "normal": 12}
    (told,) = [str(w) for w in done.warnings if w.kind == OWN_SOURCES_TAKEN]
    assert "recipe pneumonia names kermany_kaggle" in told and told.endswith("that are on, one")


def test_an_image_has_the_same_split_under_every_recipe(tmp_path):
    c = toy(tmp_path)
    six = {r.pixel_sha256: r.split for r in curate(tmp_path / "six", manifest=c, workers=1).records}
    pneumonia = curate(tmp_path / "two", "pneumonia", manifest=c, only=["one"], workers=1)
    two = {r.pixel_sha256: r.split for r in pneumonia.records}
    assert two and two.items() <= six.items()


def test_patients_in_common_stay_together_across_sources(tmp_path):
    fill(tmp_path / "two", n=12, first=500)
    for f in (tmp_path / "two").rglob("*.png"):
        f.rename(f.with_name(f"p{int(f.name[1:4]) - 500:03}_{f.name[5:]}"))
    c = toy(tmp_path, *rules("two", name_regex=r"p(?P<pid>\d+)_", patient="one:{pid}"))
    rows = curate(tmp_path / "out", manifest=c, workers=1).records
    for p in {r.patient for r in rows}:
        mine = [r for r in rows if r.patient == p]
        assert {r.source for r in mine} == {"one", "two"}
        assert len({r.split for r in mine}) == len({r.group for r in mine}) == 1


def test_official_test_images_stay_test_even_when_a_copy_is_trained_on_elsewhere(tmp_path):
    fill(tmp_path / "two", n=4, first=800)
    c = toy(
        tmp_path,
        *rules("two", name_regex=r"(?P<pid>\d+)_", patient="two:{pid}"),
        split=r"path:/(?P<test>p(?:000|006|012|018|024|030)_)",
    )
    shutil.copy(tmp_path / "one/bac/p000_0.png", tmp_path / "two/bac/000_9.png")
    rows = curate(tmp_path / "out", manifest=c, workers=1).records
    tested = {r.patient for r in rows if r.split == "test" and r.source == "one"}
    assert tested == {f"one:{p}" for p in ("000", "006", "012", "018", "024", "030")}
    kept = next(r for r in rows if r.original_path.endswith("p000_0.png"))
    assert kept.split == "test" and not any(r.original_path == "bac/000_9.png" for r in rows)


def test_sources_for_training_only_are_never_in_valid_or_test(tmp_path):
    fill(tmp_path / "two", n=6, first=800)
    rows = curate(
        tmp_path / "out", manifest=toy(tmp_path, *rules("two", split="train")), workers=1
    ).records
    assert {r.split for r in rows if r.source == "two"} == {"train"}
    assert {r.split for r in rows if r.source == "one"} == {"train", "valid", "test"}


def test_damaged_files_are_rejected_with_a_reason_and_the_rest_goes_on(tmp_path):
    c = toy(tmp_path)
    bad = tmp_path / "one/bac/p900_0.png"
    bad.write_bytes((tmp_path / "one/bac/p000_0.png").read_bytes()[:200])
    done = curate(tmp_path / "out", manifest=c, workers=1)
    row = next(r for r in read_rows(tmp_path / "out/rejects.csv") if r["path"] == "bac/p900_0.png")
    assert row["stage"] == "scan" and row["reason"] == "truncated" and row["message"]
    assert row["sha256"] == hashlib.sha256(bad.read_bytes()).hexdigest()
    assert len(done.records) == 72 and done.faults == 1


@pytest.mark.skipif(sys.platform != "linux", reason="this file system holds UTF-8 names only")
def test_odd_names_are_kept_and_one_that_is_no_utf8_is_named(tmp_path):
    c = toy(tmp_path)
    odd = [
        "p901_a,b.png",
        'p902_"q".png',
        "p903_\r.png",
        "p904_\n.png",
        "p905_=1+1.png",
        "p906_é😀.png",
        "p909_#1.png",
        "-p907_.png",
    ]
    for i, name in enumerate(odd):
        put(tmp_path / "one/norm" / name, 7000 + i)
    (tmp_path / "one/norm" / os.fsdecode(b"p908_\xff.png")).write_bytes(b"x")
    curate(tmp_path / "out", manifest=c, workers=1)
    m = read_manifest(tmp_path / "out")
    assert {f"norm/{n}" for n in odd} <= {r.original_path for r in m.rows} and len(m.rows) == 80
    assert ["name_not_utf8"] == [
        r["reason"] for r in read_rows(tmp_path / "out/rejects.csv") if "p908" in r["path"]
    ]
    assert curate(tmp_path / "out", manifest=c, workers=1).written == 0


def test_arrays_are_curated_like_files(tmp_path):
    (tmp_path / "arr").mkdir()
    images = np.stack([gray(i, (28, 28)) for i in range(12)])
    labels = np.array([[i % 2] for i in range(12)])
    np.savez(
        tmp_path / "arr/a.npz",
        train_images=images[:8],
        train_labels=labels[:8],
        val_images=images[8:10],
        val_labels=labels[8:10],
        test_images=images[10:],
        test_labels=labels[10:],
    )
    zero = rule(
        "arr",
        glob="a.npz",
        label_from="array",
        split="array",
        label_value="0",
        findings="no_finding",
    )
    c = write_catalog(
        tmp_path / "c.csv", zero, rule("arr", first=False, label_value="1", findings="pneumonia")
    )
    curate(tmp_path / "out", "pneumonia", manifest=c, only=["arr"], workers=1)
    m = read_manifest(tmp_path / "out")
    assert Counter((r.split, r.label) for r in m.rows) == {
        ("train", "normal"): 4,
        ("train", "pneumonia"): 4,
        ("valid", "normal"): 1,
        ("valid", "pneumonia"): 1,
        ("test", "normal"): 1,
        ("test", "pneumonia"): 1,
    }
    r = next(r for r in m.rows if r.original_path == "a.npz#val/1")
    assert np.array_equal(decode(tmp_path / "out" / r.path), images[9])


def test_quick_draws_a_balanced_subset_and_keeps_every_image_in_its_split(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "QUICK_PER_CLASS", 5)
    for i in range(40):
        put(tmp_path / "one/norm" / f"p{600 + i}_0.png", 5000 + i)
    c = toy(tmp_path)
    full = {
        r.pixel_sha256: r.split for r in curate(tmp_path / "full", manifest=c, workers=1).records
    }
    quick = curate(tmp_path / "quick", manifest=c, workers=1, quick=True)
    n = Counter(r.label for r in quick.records)
    assert (
        max(n.values()) <= 5
        and min(n.values()) >= 4
        and all(full[r.pixel_sha256] == r.split for r in quick.records)
    )
    assert sum(r.reason == "not_drawn" for r in quick.rejects) == len(full) - len(quick.records)
    other = curate(tmp_path / "seed", manifest=c, workers=1, quick=True, seed=1)
    assert {r.path for r in other.records} != {r.path for r in quick.records}


def test_quick_of_six_full_classes_is_the_published_size():
    assert 6 * QUICK_PER_CLASS == pytest.approx(3142, abs=6)


def test_layout_split_puts_the_split_first(tmp_path):
    rows = curate(tmp_path / "out", manifest=toy(tmp_path), workers=1, layout="split").records
    assert all(r.path.startswith(f"{r.split}/{r.label}/") for r in rows)


def test_check_writes_nothing(tmp_path):
    done = curate(tmp_path / "out", manifest=toy(tmp_path), workers=1, check=True)
    assert len(done.records) == 72 and not (tmp_path / "out").exists()


def test_an_image_that_left_the_source_leaves_the_folder_and_foreign_files_stay(tmp_path):
    c = toy(tmp_path)
    curate(tmp_path / "out", manifest=c, workers=1)
    foreign = put(tmp_path / "out/normal/mine.png", 77)
    (tmp_path / "one/norm/p012_0.png").unlink()
    done = curate(tmp_path / "out", manifest=c, workers=1)
    assert done.removed == 1 and done.foreign == ["normal/mine.png"] and foreign.exists()
    on_disk = {
        p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*/*.png")
    }
    assert on_disk - {"normal/mine.png"} == {r.path for r in read_manifest(tmp_path / "out").rows}


class Watcher:
    "Progress that does something when images are written: `at` the how manieth result."

    meter = say = None

    def __init__(self, at, do):
        self.at, self.do = at, do

    def bar(self, results, total, what):
        for i, r in enumerate(results if self.at else self._before(results, what)):
            if what.startswith("writing") and i == self.at:
                self.do()
            yield r

    def _before(self, results, what):
        if what.startswith("writing"):
            self.do()
        yield from results


def interrupt():
    raise KeyboardInterrupt


def test_an_interrupted_run_leaves_no_manifest_and_the_next_one_completes_it(tmp_path):
    c = toy(tmp_path)
    curate(tmp_path / "whole", manifest=c, workers=1)
    with pytest.raises(KeyboardInterrupt):
        curate(tmp_path / "out", manifest=c, workers=1, progress=Watcher(20, interrupt))
    assert not (tmp_path / "out/manifest.csv").exists()
    with pytest.raises(NotCurated):
        read_manifest(tmp_path / "out")
    (tmp_path / "out/normal").mkdir(exist_ok=True)
    (tmp_path / "out/normal" / f".{'0' * 32}.png.77.part").write_bytes(b"half")  # as after kill -9
    assert curate(tmp_path / "out", manifest=c, workers=1).written < 80
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def test_a_file_that_changes_between_scan_and_writing_is_noticed(tmp_path):
    c = toy(tmp_path)
    change = Watcher(0, lambda: put(tmp_path / "one/bac/p000_0.png", 4711))
    with pytest.raises(IntegrityError, match="p000_0.png changed while"):
        curate(tmp_path / "out", manifest=c, workers=1, progress=change)


@pytest.mark.parametrize(
    "kw,error,code,said",
    [
        (dict(recipe="sixclass"), UnknownName, 2, "six_class"),
        (dict(only=["onne"]), UnknownName, 2, "Did you mean 'one'"),
        (dict(mirror="gone"), UsageError, 2, "no mirror folder gone"),
        (dict(layout="flat"), UnknownName, 2, "class, split"),
        (dict(only=["absent"], mirror="."), SourceUnavailable, 3, "kaggle datasets download a/b"),
    ],
)
def test_bad_requests_are_told_in_one_line_before_anything_is_written(
    tmp_path, kw, error, code, said
):
    c = toy(
        tmp_path, rule("absent", transport="kaggle", handle="a/b", label_value="x", findings="mass")
    )
    with pytest.raises(error) as e:
        curate(tmp_path / "out", manifest=c, workers=1, **kw)
    assert said in str(e.value) and e.value.exit_code == code and not (tmp_path / "out").exists()


def test_an_empty_mirror_is_a_source_that_is_not_there(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceUnavailable, match="kermany_kaggle.*kaggle datasets download"):
        curate(tmp_path / "out", mirror=tmp_path / "empty", workers=1)
    assert not (tmp_path / "out").exists()


def test_a_source_folder_without_images_is_told(tmp_path):
    (tmp_path / "one").mkdir()
    c = write_catalog(tmp_path / "c.csv", *rules())
    with pytest.raises(IntegrityError, match="no file at all"):
        curate(tmp_path / "out", manifest=c, workers=1)


def test_an_output_that_is_not_ours_is_not_touched(tmp_path):
    put(tmp_path / "out/holiday.png", 1)
    before = tree(tmp_path / "out")
    with pytest.raises(UsageError, match="not empty"):
        curate(tmp_path / "out", manifest=toy(tmp_path), workers=1)
    assert tree(tmp_path / "out") == before


def test_a_damaged_request_of_the_output_is_named(tmp_path):
    (tmp_path / "out").mkdir()
    for text, said in (("[]", "no JSON object"), ("{", "curation.json")):
        (tmp_path / "out/curation.json").write_text(text)
        with pytest.raises(NotCurated, match=said):
            curate(tmp_path / "out", manifest=toy(tmp_path), workers=1)


def test_an_output_of_another_request_is_not_mixed(tmp_path):
    c = toy(tmp_path)
    curate(tmp_path / "out", manifest=c, workers=1)
    before = tree(tmp_path / "out")
    others = (
        (dict(seed=1), "another seed"),
        (dict(recipe="pneumonia", only=["one"]), "another recipe .six_class, now pneumonia"),
    )
    for kw, said in others:
        with pytest.raises(UsageError, match=said):
            curate(tmp_path / "out", manifest=c, workers=1, **kw)
    assert tree(tmp_path / "out") == before


def test_an_output_below_a_file_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError) as e:
        curate(tmp_path / "file/out", manifest=toy(tmp_path), workers=1)
    assert e.value.exit_code == 5


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_output_that_may_not_be_written_is_a_storage_error(tmp_path):
    (tmp_path / "ro").mkdir(mode=0o555)
    with pytest.raises(StorageError):
        curate(tmp_path / "ro/out", manifest=toy(tmp_path), workers=1)


def test_classes_without_images_are_named_with_the_sources_that_have_them(tmp_path):
    c = toy(tmp_path)
    shutil.rmtree(tmp_path / "one/tb")
    shutil.rmtree(tmp_path / "one/cov")
    done = curate(tmp_path / "out", manifest=c, workers=1)
    assert any(
        "no image for class tuberculosis: sources that have it: one" in str(w)
        for w in done.warnings
        if w.kind == CLASS_WITHOUT_IMAGES
    )


def test_no_image_with_a_class_is_an_error_that_says_why(tmp_path):
    put(tmp_path / "one/x/a.png", 1)
    c = write_catalog(tmp_path / "c.csv", rule(label_value="x", findings="abnormal"))
    with pytest.raises(UsageError, match="1 file left out for 'no_class'"):
        curate(tmp_path / "out", "pneumonia", manifest=c, only=["one"], workers=1)
    assert not (tmp_path / "out").exists()


def test_the_result_as_json_and_text(tmp_path):
    done = curate(tmp_path / "out", manifest=toy(tmp_path), workers=1)
    d = json.loads(json.dumps(done.to_dict()))
    assert d["images"] == 72 == sum(x["images"] for x in d["counts"])
    assert "tuberculosis" in str(done) and "72" in str(done).splitlines()[7]
    card = (tmp_path / "out/README.md").read_text()
    assert "CC0" in card and "not a medical device" in card
    assert "All images come from one source: one." in card and "may learn the source" not in card
    assert issubclass(NotCurated, CxrError)


# ---- near copies


def film(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(pixels)).save(path)


@pytest.fixture(scope="module")
def films():
    return [draw("normal", i, 160) for i in range(8)]


def republished(tmp_path, films, *more, **cells):
    "Source one has eight films; two has three of them mirrored, turned and enlarged, and none of its own."
    for i, x in enumerate(films):
        film(tmp_path / "one" / "norm" / f"{i}.png", x)
    film(tmp_path / "two" / "norm" / "0.png", films[0][:, ::-1])
    film(tmp_path / "two" / "norm" / "1.png", np.rot90(films[1]))
    film(
        tmp_path / "two" / "norm" / "2.png",
        np.asarray(Image.fromarray(films[2]).resize((400, 300))),
    )

    def labels(source, **cells):
        return [
            rule(source, first=i == 0, label_value=label, findings=f, **(cells if i == 0 else {}))
            for i, (label, f) in enumerate(LABELS.items())
        ]

    return write_catalog(tmp_path / "c.csv", *labels("two", **cells), *labels("one"))


def test_near_copies_across_sources_are_left_out_and_the_upstream_original_wins(tmp_path, films):
    c = republished(tmp_path, films, derived_from="one")
    done = curate(tmp_path / "out", manifest=c, workers=1)
    assert done.duplicates() == {"bytes": 0, "pixels": 0, "near": 3, "across_sources": 3}
    assert (
        {r.source for r in done.records} == {"one"}
        and len(done.records) == 8
        and not done.unexpected
    )
    rows = {
        r["path"]: r for r in read_rows(tmp_path / "out/duplicates.csv") if r["source"] == "two"
    }
    assert {p: (r["kind"], r["transform"], r["kept"]) for p, r in rows.items()} == {
        "norm/0.png": ("near", "mirrored", "no"),
        "norm/1.png": ("near", "rotated 270", "no"),
        "norm/2.png": ("near", "resized 2.50 x 1.88", "no"),
    }
    assert all(0.9 < float(r["score"]) <= 1 for r in rows.values())


def test_where_no_graph_tells_the_original_the_larger_is_kept_and_the_overlap_is_unexpected(
    tmp_path, films
):
    c = republished(tmp_path, films, derived_from="-")
    done = curate(tmp_path / "out", manifest=c, workers=1)
    assert {(r.source, r.original_path) for r in done.records if r.width == "400"} == {
        ("two", "norm/2.png")
    }
    assert len(done.records) == 8 and len(done.unexpected) == 3
    assert (
        "unexpected overlap: one and two share 3 radiographs, and the catalogue does not link them"
        in [str(w) for w in done.warnings if w.kind == UNEXPECTED_OVERLAP]
    )
    assert "Unexpected overlap" in (tmp_path / "out/README.md").read_text()
    page = (tmp_path / "out/report.html").read_text()
    assert page.count("<img") > 6 and "one" in page and "<script" not in page


def conflicting(tmp_path, films):
    c = republished(tmp_path, films, derived_from="one")
    (tmp_path / "two/tb").mkdir()
    shutil.move(tmp_path / "two/norm/1.png", tmp_path / "two/tb/1.png")
    return c


@pytest.mark.parametrize(
    "how, images, aside", [("drop", 7, 0), ("upstream", 8, 0), ("keep-both-out", 7, 2)]
)
def test_a_conflict_between_near_copies_is_decided_as_asked(tmp_path, films, how, images, aside):
    c = conflicting(tmp_path, films)
    done = curate(tmp_path / "out", manifest=c, workers=1, on_conflict=how)
    assert len(done.records) == images and len(done.conflicts) == 1
    rows = read_rows(tmp_path / "out/conflicts.csv")
    assert {(r["source"], r["path"], r["label"]) for r in rows} == {
        ("one", "norm/1.png", "normal"),
        ("two", "tb/1.png", "tuberculosis"),
    }
    assert sorted(r["aside"] for r in rows if r["aside"]) == sorted(
        p for p in tree(tmp_path / "out") if p.startswith(".conflicts/") and p.endswith(".png")
    )
    assert len([r for r in rows if r["aside"]]) == aside
    kept = [r for r in done.records if r.original_path == "norm/1.png"]
    assert [r.label for r in kept] == (["normal"] if how == "upstream" else [])
    assert not curate(tmp_path / "out", manifest=c, workers=1, on_conflict=how).written


def test_images_laid_aside_go_when_their_conflict_does(tmp_path, films):
    c = conflicting(tmp_path, films)
    curate(tmp_path / "out", manifest=c, workers=1, on_conflict="keep-both-out")
    (tmp_path / "two/tb/1.png").unlink()
    film(tmp_path / "two/norm/1.png", np.rot90(films[1]))
    film(tmp_path / "two/tb/9.png", draw("tuberculosis", 99, 160))
    done = curate(tmp_path / "out", manifest=c, workers=1, on_conflict="keep-both-out")
    assert done.removed == 2 and not (tmp_path / "out/.conflicts").exists() and not done.foreign


def test_a_folder_is_not_curated_over_with_another_way_to_decide(tmp_path, films):
    c = conflicting(tmp_path, films)
    curate(tmp_path / "out", manifest=c, workers=1)
    with pytest.raises(UsageError, match="another on_conflict .drop, now upstream"):
        curate(tmp_path / "out", manifest=c, workers=1, on_conflict="upstream")
    with pytest.raises(UnknownName, match="on_conflict"):
        curate(tmp_path / "x", manifest=c, on_conflict="both")


def test_near_copies_never_stand_in_two_splits(tmp_path, films):
    "A train image's cropped copy in an official test set of another source takes both to test."
    for i, x in enumerate(films):
        film(tmp_path / "one" / "norm" / f"{i}.png", x)
    for i in range(4):
        film(tmp_path / "two" / "norm" / f"{i}.png", films[i][8:, :150])
    c = write_catalog(
        tmp_path / "c.csv",
        rule(label_value="norm", findings="no_finding"),
        rule(
            "two",
            label_value="norm",
            findings="no_finding",
            split="path:(?P<test>norm)",
            derived_from="one",
        ),
    )
    done = curate(tmp_path / "out", manifest=c, workers=1)
    assert {r.original_path for r in done.records if r.split == "test"} >= {
        f"norm/{i}.png" for i in range(4)
    }
    assert len(done.records) == 8


# ---- official test sets


def with_test_set(tmp_path, films, **second):
    "Source one: eight test images of five radiographs, two of them twice by file, one by pixels, one near."
    at = tmp_path / "one"
    for i in (0, 1, 2):
        film(at / f"test/norm/{i}.png", films[i])
    film(at / "test/tb/4.png", films[4])
    shutil.copy(at / "test/norm/0.png", at / "test/norm/0_bytes.png")
    Image.fromarray(films[1]).save(at / "test/norm/1_pixels.png", compress_level=0)
    film(at / "test/norm/2_near.png", np.asarray(Image.fromarray(films[2]).resize((150, 150))))
    shutil.copy(at / "test/tb/4.png", at / "test/norm/4_other_label.png")
    film(at / "train/norm/3.png", films[3])
    shutil.copy(at / "test/norm/0.png", at / "train/norm/0.png")
    film(at / "train/norm/2.png", films[2][:, ::-1])
    film(tmp_path / "two/two/norm/5.png", films[5])
    film(tmp_path / "two/two/norm/1.png", films[1][8:, :150])
    film(tmp_path / "two/two/tb/0.png", films[0])
    rows = []
    for source, cells in (
        ("one", dict(split="path:^(?P<test>test)/", glob="*/*/*.png")),
        ("two", dict(glob="*/*/*.png") | second),
    ):
        rows.append(rule(source, label_value="norm", findings="no_finding", **cells))
        rows.append(rule(source, first=False, label_value="tb", findings="tuberculosis"))
    return write_catalog(tmp_path / "c.csv", *rows)


def official_files(tmp_path):
    return {f"test/{p.parent.name}/{p.name}" for p in (tmp_path / "one/test").rglob("*.png")}


@pytest.mark.parametrize("layout", ["class", "split"])
@pytest.mark.parametrize("how", ["drop", "upstream", "keep-both-out"])
def test_an_official_test_set_is_kept_whole_and_copies_of_it_elsewhere_go(
    tmp_path, films, how, layout
):
    c = with_test_set(tmp_path, films)
    done = curate(tmp_path / "out", manifest=c, workers=1, on_conflict=how, layout=layout)
    assert check_manifest(tmp_path / "out") == []
    rows = {r.original_path: r for r in read_manifest(tmp_path / "out").rows}
    test_rows = {path for path, r in rows.items() if r.split == "test"}
    assert test_rows == official_files(tmp_path) and len(test_rows) == 8
    assert {path for path, r in rows.items() if r.split != "test"} == {
        "train/norm/3.png",
        "two/norm/5.png",
    }
    for path in test_rows:
        assert rows[path].label == {"norm": "normal", "tb": "tuberculosis"}[path.split("/")[1]]
        assert (decode(tmp_path / "out" / rows[path].path) == decode(tmp_path / "one" / path)).all()
    repeats = {path: rows[path].repeat_of for path in test_rows if rows[path].repeat_of}
    firsts = {rows[path].path: path for path in test_rows - set(repeats)}
    assert {path: firsts[first] for path, first in repeats.items()} == {
        "test/norm/0_bytes.png": "test/norm/0.png",
        "test/norm/1_pixels.png": "test/norm/1.png",
        "test/norm/2_near.png": "test/norm/2.png",
        "test/norm/4_other_label.png": "test/tb/4.png",
    }
    assert done.summary.official_tests == {"one": 8}
    assert done.to_dict()["official_repeats"] == {"one": 4}
    before = tree(tmp_path / "out")
    again = curate(tmp_path / "out", manifest=c, workers=1, on_conflict=how, layout=layout)
    assert not again.written and tree(tmp_path / "out") == before


def test_what_an_official_test_set_repeats_is_noted_in_every_table_and_told(tmp_path, films):
    done = curate(tmp_path / "out", manifest=with_test_set(tmp_path, films), workers=1)
    kept = {r["path"]: r["kept"] for r in read_rows(tmp_path / "out/duplicates.csv")}
    assert {path for path, said in kept.items() if said == "yes"} == official_files(tmp_path)
    assert sum(done.duplicates()[kind] for kind in ("bytes", "pixels", "near")) == 4
    conflicts = {r["path"] for r in read_rows(tmp_path / "out/conflicts.csv")}
    assert {"test/tb/4.png", "test/norm/4_other_label.png"} <= conflicts
    assert {"test/norm/0.png", "two/tb/0.png"} <= conflicts
    card = (tmp_path / "out/README.md").read_text()
    assert "one (8 images, 4 of which repeat others of the set)" in card
    assert "2 more are kept, since an official test set is kept whole" in card
    assert "copies kept, since an official test set is kept whole: 4 (one 4)" in str(done)
    page = (tmp_path / "out/report.html").read_text()
    assert "but for 4 images that show a radiograph of an official test set again" in page
    assert "kept too, near" in page


def test_the_upstream_original_gives_way_to_an_official_test_image_that_copies_it(tmp_path, films):
    c = with_test_set(tmp_path, films)
    text = c.read_text().splitlines()
    column = text[0].split(",").index("derived_from")
    first = text[1].split(",")
    first[column] = "two"
    c.write_text("\n".join([text[0], ",".join(first), *text[2:]]) + "\n")
    rows = curate(tmp_path / "out", manifest=c, workers=1).records
    assert {r.upstream for r in rows if r.source == "one"} == {"two"}
    assert {r.original_path for r in rows if r.split == "test"} == official_files(tmp_path)


def test_a_test_set_that_the_download_holds_twice_is_counted_once(tmp_path, films):
    for i in range(4):
        film(tmp_path / f"one/test/norm/{i}.png", films[i])
        film(tmp_path / f"one/train/norm/{i}.png", films[i + 4])
    shutil.copytree(tmp_path / "one/test", tmp_path / "one/again/test")
    c = write_catalog(
        tmp_path / "c.csv",
        rule(
            label_value="norm",
            findings="no_finding",
            glob="**/*.png",
            split="path:(?P<test>test)/",
        ),
    )
    done = curate(tmp_path / "out", manifest=c, workers=1)
    assert sum(r.split == "test" for r in done.records) == 4
    assert not done.summary.official_repeats and done.duplicates()["bytes"] == 4


def test_a_subset_repeats_nothing(tmp_path, films):
    done = curate(tmp_path / "out", manifest=with_test_set(tmp_path, films), workers=1, quick=True)
    assert not [r for r in done.records if r.repeat_of] and len(done.records) == 6
    assert done.summary.rejects["quick", "not_drawn"] == 4


def test_with_several_labels_equal_pixels_stand_side_by_side(tmp_path, films):
    recipe = Recipe(
        name="multi",
        title="Two",
        classes={"tuberculosis": ["tuberculosis"], "mass": ["mass"]},
        task="multi_label",
    )
    c = with_test_set(tmp_path, films)
    done = curate(tmp_path / "out", recipe=recipe, manifest=c, workers=1)
    assert check_manifest(tmp_path / "out") == []
    tested_rows = [r for r in done.records if r.split == "test"]
    assert {r.original_path for r in tested_rows} == official_files(tmp_path)
    assert sorted(r.label for r in tested_rows if r.original_path[-7:] == "bel.png") == ["none"]
    assert sum(r.path.endswith("_2.png") for r in tested_rows) == 3


def test_an_official_array_of_small_images_is_kept_whole(tmp_path, films):
    small = [np.asarray(Image.fromarray(x).resize((28, 28))) for x in films]
    (tmp_path / "one").mkdir()
    np.savez(
        tmp_path / "one/a.npz",
        train_images=np.stack([small[3], small[0], small[4]]),
        train_labels=np.array([[0], [0], [0]]),
        test_images=np.stack([small[0], small[1], small[0], small[2], small[0]]),
        test_labels=np.array([[0], [1], [0], [0], [1]]),
    )
    cells = dict(glob="a.npz", label_from="array", split="array")
    c = write_catalog(
        tmp_path / "c.csv",
        rule(label_value="0", findings="no_finding", **cells),
        rule(first=False, label_value="1", findings="pneumonia"),
    )
    classes = {"normal": ["no_finding"], "pneumonia": ["pneumonia"]}
    recipe = Recipe(name="two", title="Two", classes=classes)
    done = curate(tmp_path / "out", manifest=c, recipe=recipe, workers=1)
    tested = {r.original_path: r for r in done.records if r.split == "test"}
    assert sorted(tested) == [f"a.npz#test/{i}" for i in range(5)]
    assert {path for path, r in tested.items() if r.repeat_of} == {"a.npz#test/2", "a.npz#test/4"}
    assert tested["a.npz#test/4"].label == "pneumonia"
    assert {r.original_path for r in done.records if r.split != "test"} == {
        "a.npz#train/0",
        "a.npz#train/2",
    }
    assert len({r.path for r in done.records}) == 7
    assert check_manifest(tmp_path / "out") == []


def test_a_repeat_that_its_source_no_longer_has_goes_from_the_folder_too(tmp_path, films):
    c = with_test_set(tmp_path, films)
    curate(tmp_path / "out", manifest=c, workers=1)
    second = [path for path in tree(tmp_path / "out") if path.endswith("_2.png")]
    (tmp_path / "one/test/norm/0_bytes.png").unlink()
    (tmp_path / "one/test/norm/1_pixels.png").unlink()
    (tmp_path / "one/test/norm/4_other_label.png").unlink()
    done = curate(tmp_path / "out", manifest=c, workers=1)
    assert len(second) == 3 == done.removed and not done.foreign
    assert not [path for path in tree(tmp_path / "out") if path.endswith("_2.png")]
    assert {r.original_path for r in done.records if r.repeat_of} == {"test/norm/2_near.png"}
