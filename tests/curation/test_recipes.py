"""pytest tests/curation/test_recipes.py: what a recipe's task, sources and filters make of a folder"""

import csv
from collections import Counter

import pytest
from toy_sources import put, read_rows, rule, tree, write_catalog

from cxr_fastai.core import UnknownName, UsageError
from cxr_fastai.curation.fetch import SOURCE_LEFT_ASIDE
from cxr_fastai.curation.folder.croissant import croissant
from cxr_fastai.curation.folder.manifest_rows import QUICK_PER_CLASS
from cxr_fastai.curation.folder.result import CLASS_WITHOUT_IMAGES
from cxr_fastai.curation.pipeline import curate
from cxr_fastai.manifest import check_manifest, read_manifest
from cxr_fastai.recipes import Recipe


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))


CLASSES = {
    "effusion": ["effusion"],
    "mass": ["mass"],
    "pneumonia": ["pneumonia", "viral_pneumonia"],
}


def recipe(**more) -> Recipe:
    return Recipe.from_dict(
        {**dict(name="multi", title="Three findings", task="multi_label", classes=CLASSES), **more},
        "multi.toml",
    )


SAID = ["No Finding", "Effusion", "Effusion|Mass", "Hernia", "Mass|Hernia", "Pneumonia"]


def hospital(tmp_path, n=10, **cells):
    "A source with a table of findings, two images a patient, PA and AP, of ages 10, 20, .. and unknown."
    rows = []
    for i in range(n * len(SAID)):
        put(tmp_path / "h" / f"{i:03}.png", i)
        rows.append(
            dict(
                name=f"{i:03}.png",
                said=SAID[i // 2 % len(SAID)],
                patient=str(i // 2),
                view="PA" if i % 3 else "AP",
                age=str(10 * (i % 8)) if i % 8 else "",
                sex="FM"[i % 2],
            )
        )
    with open(tmp_path / "h" / "table.csv", "w", newline="") as f:
        w = csv.DictWriter(f, list(rows[0]))
        w.writeheader()
        w.writerows(rows)
    first = dict(
        glob="*.png",
        label_from="column",
        label_key="said",
        table="table.csv",
        table_key="{name}",
        patient="h:{patient}",
        view="{view}",
        age="{age}",
        sex="{sex}",
        **cells,
    )
    findings = dict(
        zip(
            ["No Finding", "Effusion", "Mass", "Hernia", "Pneumonia"],
            ["no_finding", "effusion", "mass", "hernia", "pneumonia"],
        )
    )
    return [
        rule("h", first=i == 0, label_value=v, findings=f, **(first if i == 0 else {}))
        for i, (v, f) in enumerate(findings.items())
    ]


def children(tmp_path, n=8):
    "A source that knows viral pneumonia and nothing else."
    for i in range(n):
        for label in ("NORMAL", "VIRUS"):
            put(tmp_path / "k" / label / f"{i}.png", 5000 + 100 * (label == "VIRUS") + i)
    return [
        rule("k", label_value="NORMAL", findings="no_finding"),
        rule("k", first=False, label_value="VIRUS", findings="viral_pneumonia"),
    ]


# ---- several classes at once


def test_images_lie_in_one_folder_and_labels_tell_absent_from_unknown(tmp_path):
    c = write_catalog(tmp_path / "c.csv", *hospital(tmp_path), *children(tmp_path))
    done = curate(tmp_path / "out", recipe(), manifest=c, workers=1)
    rows = read_manifest(tmp_path / "out").rows
    assert {r.path.split("/")[0] for r in rows} == {"images"} and len(rows) == 76
    expected = {
        "No Finding": "none",
        "Effusion": "effusion",
        "Effusion|Mass": "effusion|mass",
        "Hernia": "none",
        "Mass|Hernia": "mass",
        "Pneumonia": "pneumonia",
        "NORMAL": "none",
        "VIRUS": "pneumonia|?effusion|?mass",
    }
    assert {r.source_label: r.label for r in rows} == expected
    assert check_manifest(tmp_path / "out") == []
    n = {(x["class"], x["source"]): 0 for x in done.to_dict()["counts"]}
    for x in done.to_dict()["counts"]:
        n[x["class"], x["source"]] += x["images"]
    assert n == {
        ("none", "h"): 20,
        ("effusion", "h"): 20,
        ("mass", "h"): 20,
        ("pneumonia", "h"): 10,
        ("none", "k"): 8,
        ("pneumonia", "k"): 8,
    }
    assert [line.split()[-1] for line in str(done).splitlines() if line.startswith("all ")] == [
        "76"
    ]


def test_the_split_layout_has_one_folder_a_split(tmp_path):
    c = write_catalog(tmp_path / "c.csv", *hospital(tmp_path))
    curate(tmp_path / "out", recipe(), manifest=c, workers=1, layout="split")
    assert {r.path.rpartition("/")[0] for r in read_manifest(tmp_path / "out").rows} == {
        "train/images",
        "valid/images",
        "test/images",
    }


def test_the_same_images_have_the_same_split_under_every_recipe(tmp_path):
    c = write_catalog(tmp_path / "c.csv", *hospital(tmp_path), *children(tmp_path))
    sick = {"normal": ["no_finding"], "sick": ["effusion", "mass", "hernia", "pneumonia"]}
    curate(tmp_path / "a", recipe(), manifest=c, workers=1)
    curate(
        tmp_path / "b",
        recipe(task="single_label", classes=sick, sources=["h"]),
        manifest=c,
        workers=1,
    )
    a, b = ({r.pixel_sha256: r.split for r in read_manifest(tmp_path / x).rows} for x in "ab")
    assert len(b) == 60 and set(b) < set(a) and all(a[k] == s for k, s in b.items())


def test_copies_conflict_where_a_finding_is_present_in_one_and_absent_in_the_other(tmp_path):
    rows = [*hospital(tmp_path), *children(tmp_path)]
    put(tmp_path / "k" / "VIRUS" / "copy of pneumonia.png", 10)  # the hospital says pneumonia too
    put(
        tmp_path / "k" / "VIRUS" / "copy of effusion.png", 2
    )  # the hospital says effusion, and no pneumonia
    done = curate(
        tmp_path / "out", recipe(), manifest=write_catalog(tmp_path / "c.csv", *rows), workers=1
    )
    assert [g.labels for g in done.conflicts] == [["effusion", "pneumonia|?effusion|?mass"]]
    assert sum(m.item.path.startswith("VIRUS/copy") for g in done.copy_sets for m in g.members) == 2


def test_quick_fills_each_class_and_keeps_every_image_in_its_split(tmp_path, monkeypatch):
    c = write_catalog(tmp_path / "c.csv", *hospital(tmp_path, n=20))
    monkeypatch.setattr("cxr_fastai.curation.folder.manifest_rows.QUICK_PER_CLASS", 10)
    curate(tmp_path / "all", recipe(), manifest=c, workers=1)
    curate(tmp_path / "quick", recipe(), manifest=c, workers=1, quick=True)
    full, quick = (
        {r.pixel_sha256: r for r in read_manifest(tmp_path / x).rows} for x in ("all", "quick")
    )
    assert (
        all(quick[k].split == full[k].split for k in quick)
        and len(quick) < len(full)
        and QUICK_PER_CLASS == 524
    )
    n = Counter(c for r in quick.values() if r.split == "train" for c in r.label.split("|"))
    assert min(n.values()) == 8 and n["none"] == n["pneumonia"] == 8, "80 % of 10"


def test_a_class_without_an_image_is_warned_of_with_who_has_it(tmp_path):
    done = curate(
        tmp_path / "out",
        recipe(classes={**CLASSES, "edema": ["edema"]}),
        manifest=write_catalog(tmp_path / "c.csv", *hospital(tmp_path)),
        workers=1,
    )
    assert [str(w) for w in done.warnings if w.kind == CLASS_WITHOUT_IMAGES] == [
        "no image for class edema: sources that have it: none in the catalogue"
    ]
    assert {r.label for r in done.records if "?edema" not in r.label} == {"none"}, (
        "unknown where there is any finding"
    )


def test_a_label_in_croissant_points_to_no_single_class(tmp_path):
    c = write_catalog(tmp_path / "c.csv", *hospital(tmp_path))
    done = curate(tmp_path / "out", recipe(), manifest=c, workers=1)
    rows = next(x for x in croissant(done, b"")["recordSet"] if x["name"] == "rows")
    assert ["references" in f for f in rows["field"] if f["name"] in ("label", "split")] == [
        False,
        True,
    ]


# ---- filters


@pytest.mark.parametrize(
    "filters,passes",
    [
        ({"view": ["PA"]}, lambda r: r["view"] == "PA"),
        ({"sex": ["F"]}, lambda r: r["sex"] == "F"),
        ({"age": [18, 120]}, lambda r: r["age"] and float(r["age"]) >= 18),
        (
            {"age": [0, 20], "view": ["AP"]},
            lambda r: r["age"] and float(r["age"]) <= 20 and r["view"] == "AP",
        ),
        ({"side": [20]}, lambda r: True),
    ],
)
def test_only_images_that_are_known_to_pass_a_filter_are_kept(tmp_path, filters, passes):
    c = write_catalog(tmp_path / "c.csv", *hospital(tmp_path))
    curate(tmp_path / "out", recipe(filters=filters), manifest=c, workers=1)
    table = [*csv.DictReader(open(tmp_path / "h" / "table.csv"))]
    kept = {r.original_path for r in read_manifest(tmp_path / "out").rows}
    assert kept == {r["name"] for r in table if passes(r)}
    out = [r for r in read_rows(tmp_path / "out" / "rejects.csv") if r["reason"] == "filtered"]
    assert {r["path"] for r in out} == {r["name"] for r in table} - kept
    for r in out:
        asked = filters[r["message"].split()[0]]
        assert f"recipe multi takes {', '.join(map(str, asked))}" in r["message"]


def test_a_filter_that_nothing_passes_says_so(tmp_path):
    c = write_catalog(tmp_path / "c.csv", *hospital(tmp_path))
    with pytest.raises(UsageError, match="60 files left out for 'filtered'"):
        curate(tmp_path / "out", recipe(filters={"side": [5000]}), manifest=c, workers=1)


# ---- sources


@pytest.mark.parametrize(
    "sources,used", [(["k|h"], {"k"}), (["gone|h"], {"h"}), (["h", "k"], {"h", "k"})]
)
def test_of_several_sources_the_first_that_is_at_hand_is_taken(tmp_path, sources, used):
    gone = rule("gone", label_value="x", findings="mass", handle="nowhere")
    c = write_catalog(tmp_path / "c.csv", *hospital(tmp_path), *children(tmp_path), gone)
    done = curate(tmp_path / "out", recipe(sources=sources), manifest=c, workers=1)
    assert {r.source for r in read_manifest(tmp_path / "out").rows} == used
    told = ['h is at hand too, and was left aside for k: --only h (Python: only="h") takes it']
    aside = [str(w) for w in done.warnings if w.kind == SOURCE_LEFT_ASIDE]
    assert aside == (told if sources == ["k|h"] else [])


def test_an_unknown_source_of_a_recipe_is_named(tmp_path):
    c = write_catalog(tmp_path / "c.csv", *children(tmp_path))
    with pytest.raises(UnknownName, match="unknown source id 'nih'"):
        curate(tmp_path / "out", recipe(sources=["nih|h"]), manifest=c, workers=1)


def test_a_second_run_of_a_multi_label_folder_writes_nothing(tmp_path):
    c = write_catalog(tmp_path / "c.csv", *hospital(tmp_path))
    curate(tmp_path / "out", recipe(), manifest=c, workers=1)
    before = tree(tmp_path / "out")
    again = curate(tmp_path / "out", recipe(), manifest=c, workers=1)
    assert again.written == 0 and tree(tmp_path / "out") == before and not again.foreign


def test_a_recipe_may_train_otherwise_in_its_folder_but_not_ask_for_other_images(tmp_path):
    c = write_catalog(tmp_path / "c.csv", *hospital(tmp_path))
    curate(tmp_path / "out", recipe(), manifest=c, workers=1)
    assert not curate(
        tmp_path / "out", recipe(train=dict(lr=0.1), metrics=["macro_ap"]), manifest=c, workers=1
    ).removed
    with pytest.raises(
        UsageError, match="curated with another recipe's filters .{}, now {'view': .'PA'.}"
    ):
        curate(tmp_path / "out", recipe(filters={"view": ["PA"]}), manifest=c, workers=1)


def test_a_source_of_a_recipe_that_the_catalogue_lacks_is_named(tmp_path):
    c = write_catalog(tmp_path / "c.csv", *hospital(tmp_path))
    with pytest.raises(UnknownName, match="unknown source id 'hh'.*Did you mean 'h'"):
        curate(tmp_path / "out", recipe(sources=["h|hh"]), manifest=c, workers=1)
    other = recipe(sources=["h|hh"], exclude={"kermany_kaggle": ["mass"]})
    assert curate(tmp_path / "out", other, manifest=c, only=["h"], workers=1).records, (
        "a catalogue of one's own"
    )
    with pytest.raises(
        UnknownName, match="unknown source id 'nih_sampl'.*Did you mean 'nih_sample'"
    ):
        curate(tmp_path / "own", recipe(exclude={"nih_sampl": ["mass"]}), mirror=tmp_path)
