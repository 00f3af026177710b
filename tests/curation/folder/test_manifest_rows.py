"""pytest tests/curation/folder/test_manifest_rows.py"""

from collections import Counter
from dataclasses import replace

import pytest
from made_curations import Films, moved, rule, source
from made_curations import record as row_of

from cxr_fastai.curation.folder import manifest_rows
from cxr_fastai.curation.folder.manifest_rows import quick_subset, records_of
from cxr_fastai.curation.folder.result import Request
from cxr_fastai.manifest import Record
from cxr_fastai.recipes import Recipe

RECIPE = Recipe(name="toy", title="Toy", classes={"normal": ["no_finding"], "sick": ["mass"]})
CATALOG = {"one": source("one", derived_from="zero")}
REQUEST = Request(recipe=RECIPE)


@pytest.fixture
def films(tmp_path):
    return Films(tmp_path)


def made(copies, split="train", recipe=RECIPE, layout="class", **cells):
    "The row, or the Reject, of a set whose kept item has other cells."
    members = [moved(copies.members[0], **cells), *copies.members[1:]]
    request = Request(recipe=recipe, layout=layout)
    return only_one(replace(copies, members=members), split, request)


def only_one(copies, split="train", request=REQUEST):
    "The row, or the Reject, of a set of which one image stays."
    rows, refused = records_of(copies, "g", split, CATALOG, request)
    (one,) = [*rows, *refused]
    return one


def test_a_row_is_of_the_kept_image_and_its_file(films):
    copies = films.pair()
    row = made(
        copies,
        patients=("one:1", "one:2"),
        findings=("mass", "edema"),
        view="PA",
        age="7",
        sex="F",
        rule=rule(licence="CC0"),
    )
    fingerprint = copies.kept.fingerprint
    assert isinstance(row, Record)
    assert row.path == f"normal/{fingerprint.pixel_sha256[:32]}.png"
    assert (row.sha256, row.phash, row.mode) == (
        fingerprint.sha256,
        fingerprint.phash,
        fingerprint.mode,
    )
    assert (row.group, row.split, row.source, row.upstream) == ("g", "train", "one", "zero")
    assert (row.patient, row.findings, row.licence) == ("one:1", "mass|edema", "CC0")
    assert (row.view, row.age, row.sex, row.width, row.height) == ("PA", "7", "F", "64", "64")


def test_the_layout_and_the_task_tell_the_folder(films):
    copies = films.pair()
    name = f"{copies.kept.fingerprint.pixel_sha256[:32]}.png"
    several = replace(RECIPE, task="multi_label")
    assert made(copies, "test", layout="split").path == f"test/normal/{name}"
    assert made(copies, recipe=several).path == f"images/{name}"
    assert made(copies, "valid", recipe=several, layout="split").path == f"valid/images/{name}"


def official(copies, *cells):
    "The same copies as images of one official test set, with cells of each one's item."
    members = []
    for image, own in zip(copies.members, cells):
        members.append(moved(image, source="one", official="test", **own))
    return replace(copies, members=members)


def test_images_of_an_official_test_set_that_repeat_another_name_its_row(films):
    exact = ("bytes", 1.0, "", dict(seed=1))
    copies = official(films.group(exact, exact, kept=dict(seed=1)), {}, {}, {})
    rows, refused = records_of(copies, "g", "test", CATALOG, REQUEST)
    stem = f"normal/{copies.kept.fingerprint.pixel_sha256[:32]}"
    assert [row.path for row in rows] == [f"{stem}.png", f"{stem}_2.png", f"{stem}_3.png"]
    assert [row.repeat_of for row in rows] == ["", f"{stem}.png", f"{stem}.png"]
    assert {(row.group, row.split) for row in rows} == {("g", "test")} and not refused


def test_where_the_first_image_of_a_test_set_is_refused_the_next_stands_for_the_radiograph(films):
    exact = ("bytes", 1.0, "", dict(seed=1))
    group = films.group(exact, exact, kept=dict(seed=1))
    copies = official(group, dict(view="L"), dict(view="PA"), dict(view="PA"))
    request = Request(recipe=replace(RECIPE, filters={"view": ["PA"]}))
    rows, refused = records_of(copies, "g", "test", CATALOG, request)
    assert [reject.path for reject in refused] == [copies.kept.item.path]
    assert [row.repeat_of for row in rows] == ["", rows[0].path] and "_" not in rows[0].path


def test_a_subset_is_drawn_of_images_that_repeat_none(films):
    rows = [row_of(films.image(seed=i), split="test") for i in range(3)]
    rows[2] = replace(rows[2], repeat_of=rows[0].path)
    kept, left_out = quick_subset(rows, 0)
    assert {row.path for row in kept} == {rows[0].path, rows[1].path}
    assert [reject.path for reject in left_out] == [rows[2].original_path]


def test_an_image_without_a_class_is_left_out_with_the_reason(films):
    copies = films.pair()
    unlabelled = replace(copies.members[0], label="", why_unlabelled="no class for it")
    copies = replace(copies, members=[unlabelled, *copies.members[1:]])
    left_out = only_one(copies)
    assert (left_out.stage, left_out.reason, left_out.message) == (
        "recipe",
        "no_class",
        "no class for it",
    )
    assert left_out.sha256 == copies.kept.fingerprint.sha256


def test_what_is_for_training_only_is_left_out_of_other_splits(films):
    only = rule(split="train")
    assert isinstance(made(films.pair(), "train", rule=only), Record)
    left_out = made(films.pair(), "test", rule=only)
    assert (left_out.stage, left_out.reason) == ("split", "train_only")
    assert "its patient or a copy is in test" in left_out.message


@pytest.mark.parametrize(
    "filters, cells, message",
    [
        ({"view": ["PA", "AP"]}, dict(view="L"), "view is L: recipe toy takes PA, AP"),
        ({"view": ["PA"]}, dict(view=""), "view is not known: recipe toy takes PA"),
        ({"sex": ["F"]}, dict(sex="M"), "sex is M: recipe toy takes F"),
        ({"age": [18, 99]}, dict(age="17"), "age is 17: recipe toy takes 18, 99"),
        ({"age": [18, 99]}, dict(age=""), "age is not known: recipe toy takes 18, 99"),
        ({"side": [65]}, {}, "side is 64: recipe toy takes 65"),
    ],
)
def test_what_does_not_pass_a_filter_is_left_out(films, filters, cells, message):
    left_out = made(films.pair(), recipe=replace(RECIPE, filters=filters), **cells)
    assert (left_out.stage, left_out.reason, left_out.message) == ("recipe", "filtered", message)


@pytest.mark.parametrize(
    "filters, cells",
    [
        ({"view": ["PA"], "sex": ["F"]}, dict(view="PA", sex="F")),
        ({"age": [18, 99]}, dict(age="18")),
        ({"side": [64]}, {}),
    ],
)
def test_what_passes_all_filters_is_kept(films, filters, cells):
    assert isinstance(made(films.pair(), recipe=replace(RECIPE, filters=filters), **cells), Record)


# ---- the balanced subset


def rows(films, n, label="normal", split="train"):
    image = films.image()
    return [
        row_of(image, split, label=label, path=f"{label}/{i}.png", group=f"{label}{i}")
        for i in range(n)
    ]


def test_a_subset_takes_each_split_its_share_whatever_the_order(films, monkeypatch):
    monkeypatch.setattr(manifest_rows, "QUICK_PER_CLASS", 10)
    every = rows(films, 30) + rows(films, 30, split="test") + rows(films, 3, "sick")
    kept, left_out = quick_subset(every, seed=0)
    assert Counter((r.label, r.split) for r in kept) == {
        ("normal", "train"): 8,
        ("normal", "test"): 1,
        ("sick", "train"): 3,
    }
    assert len(kept) + len(left_out) == 63
    assert {(r.stage, r.reason) for r in left_out} == {("quick", "not_drawn")}
    backwards, _ = quick_subset(every[::-1], seed=0)
    assert {r.path for r in backwards} == {r.path for r in kept}
    assert quick_subset(every, seed=1)[0] != kept


def test_an_image_of_two_classes_takes_a_place_in_both(films, monkeypatch):
    monkeypatch.setattr(manifest_rows, "QUICK_PER_CLASS", 5)
    both = rows(films, 10, "effusion|mass")
    assert len(quick_subset(both, seed=0)[0]) == 4


def test_large_groups_leave_a_subset_as_many_groups_as_a_split_has_at_least(films, monkeypatch):
    monkeypatch.setattr(manifest_rows, "QUICK_PER_CLASS", 50)
    patients = []
    for patient in range(6):
        for row in rows(films, 30, split="test"):
            patients.append(replace(row, group=f"g{patient}", path=f"p{patient}/{row.path}"))
    for seed in range(20):
        kept, _ = quick_subset(patients, seed)
        assert len(kept) == 5 and len({row.group for row in kept}) == 5
