"""pytest tests/curation/folder/test_card.py: the dataset card, of tiny curations whose every number is known"""

import html
import re
import shutil
from dataclasses import replace

import pytest
from huggingface_hub import DatasetCard
from toy_sources import put, rule, write_catalog

from cxr_fastai.core import CxrError, one_line
from cxr_fastai.curation.folder.card import dataset_card
from cxr_fastai.curation.folder.sentences import beware_lines, share_lines, warning_line
from cxr_fastai.curation.pipeline import curate
from cxr_fastai.reporting.text import md, share

LABELS = dict(norm="no_finding", tb="tuberculosis", vir="viral_pneumonia")


@pytest.fixture
def toy(tmp_path, monkeypatch):
    "toy(counts by label of each source, its cells ..) -> a Curation; images are named pPATIENT_NUMBER_AGE_VIEW.png."
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))

    def make(*sources, copies=(), quick=False):
        rows = []
        for k, (counts, cells) in enumerate(sources):
            source_id = cells.pop("id", f"s{k}")
            for j, (label, names) in enumerate(counts.items()):
                for i, name in enumerate(names):
                    put(tmp_path / source_id / label / f"{name}.png", 1000 * k + 100 * j + i)
            first = dict(
                name_regex=r"/p(?P<pid>\d*)_\d+_(?P<age>\d*)_(?P<view>\w*)",
                patient=f"{source_id}:{{pid}}",
                age="{age}",
                view="{view}",
                **cells,
            )
            rows += [
                rule(
                    source_id,
                    first=i == 0,
                    label_value=label,
                    findings=LABELS[label],
                    **(first if i == 0 else {}),
                )
                for i, label in enumerate(counts)
            ]
        for a, b in copies:
            shutil.copy(tmp_path / a, tmp_path / b)
        return curate(
            tmp_path / "out",
            manifest=write_catalog(tmp_path / "c.csv", *rows),
            workers=1,
            quick=quick,
        )

    return make


def names(n, age="", view="", patient=True):
    return [f"p{f'{i:03}' if patient else ''}_{i}_{age}_{view}" for i in range(n)]


def table(card, heading):
    "The rows of the table whose first column is named so, as dicts."
    lines = card.split("\n")
    at = next(i for i, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    cells = lambda line: [c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]]
    rows = []
    for line in lines[at + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(dict(zip(cells(lines[at]), cells(line))))
    return rows


# ---- what may be shared


def test_the_card_says_how_many_images_may_be_shared_and_names_the_others(toy):
    done = toy(
        ({"norm": names(6)}, dict(licence="CC BY 4.0")),
        ({"tb": names(3)}, dict(redistribute="no")),
        ({"vir": names(4)}, dict(redistribute="unknown", licence="-")),
    )
    assert share_lines(done) == [
        "6 of 13 images come from sources that allow redistribution: s0; each under its licence.",
        "For local use only, do not publish the images of: s1 (not allowed), s2 (not known).",
    ]
    card = dataset_card(done)
    assert all(line in card for line in share_lines(done))
    rows = table(card.split("## What may be shared")[1], "source")
    assert [(r["source"], r["images"], r["may be shared on"], r["licence"]) for r in rows] == [
        ("s0", "6", "yes", "CC BY 4.0"),
        ("s1", "3", "no", "CC0"),
        ("s2", "4", "unknown", "none stated"),
    ]


def test_a_folder_that_may_not_be_shared_at_all_names_no_source_that_may_be(toy):
    done = toy(({"norm": names(3), "tb": names(3)}, dict(redistribute="-")))
    assert share_lines(done) == [
        "0 of 6 images come from sources that allow redistribution.",
        "For local use only, do not publish the images of: s0 (not known).",
    ]


def test_a_folder_that_may_be_shared_whole_forbids_nothing(toy):
    done = toy(({"norm": names(3), "tb": names(3)}, {}))
    assert share_lines(done) == [
        "6 of 6 images come from sources that allow redistribution: s0; each under its licence."
    ]
    assert "do not publish" not in dataset_card(done)


def test_sources_that_could_not_be_fetched_are_the_first_line(toy):
    done = toy(({"norm": names(3)}, {}))
    lost = replace(done, failed={name: CxrError("gone") for name in ("nih_full", "rsna")})
    _, _, text = dataset_card(lost).split("---\n", 2)
    assert text.strip().startswith(
        "INCOMPLETE: these sources could not be had: nih_full, rsna.\n\n# "
    )
    assert "INCOMPLETE" not in dataset_card(done)


def test_fetched_versions_and_quality_notes_stand_in_the_card_where_there_are_any(toy):
    done = toy(({"norm": names(3)}, {}), ({"tb": names(3)}, {}))
    plain = dataset_card(replace(done, versions={}, summary=replace(done.summary, notes={})))
    assert "fetched" not in plain and "| note |" not in plain
    assert "lie on their side was not asked: fewer than 100" in plain
    entry = dict(version="3", parts=[dict(name="a.zip", sha256="ab" * 32, size=9)])
    noted = replace(done.summary, notes={"cmyk": 2, "alpha": 7, "bits": 2})
    card = dataset_card(replace(done, versions={"s0": entry, "s1": "v2"}, summary=noted))
    rows = table(card.split("## What may be shared")[1], "source")
    assert [r["fetched"] for r in rows] == ["3; a.zip abababababab", "v2"]
    assert [(r["note"], r["images"]) for r in table(card, "note")] == [
        ("alpha", "7"),
        ("bits", "2"),
        ("cmyk", "2"),
    ]


# ---- what gives a class away


def test_what_tells_a_class_is_warned_of_as_the_cohort_found_it(toy):
    done = toy(
        ({"vir": names(19), "norm": names(10)}, dict(age_group="child")),
        ({"vir": names(1), "norm": names(10), "tb": names(5)}, dict(age_group="adult")),
    )
    found = {w.kind: w for w in done.summary.confounds}
    assert found["class_of_one_source"].numbers["viral_pneumonia"]["images"] == 19
    assert found["class_of_one_age_group"].numbers["viral_pneumonia"]["group"] == "child"
    assert "normal" not in found["class_of_one_source"].numbers
    card = dataset_card(done)
    assert all(f"- {md(warning_line(w))}" in card for w in done.summary.confounds)
    assert "95 % of 20 images from s0" in found["class_of_one_source"].says


def test_no_class_is_said_to_come_from_the_one_source_that_there_is(toy):
    card = dataset_card(toy(({"norm": names(6), "tb": names(6)}, {})))
    assert "All images come from one source: s0." in card
    assert "may learn the source" not in card and "Every image of class" not in card


def test_a_class_without_any_image_and_its_sources_are_told(toy):
    card = dataset_card(toy(({"norm": names(6), "tb": names(6)}, {})))
    assert "- no image for class covid\\_19" in card or "- no image for class covid_19" in card


def test_a_class_without_any_image_is_told_once_and_one_that_a_split_lacks_is_told_too(toy):
    done = toy(({"norm": names(30), "tb": names(2)}, {}))
    beware = dataset_card(done).split("## Beware")[1]
    assert beware.lower().replace("\\", "").count("covid") == 1
    assert "No image at all: Tuberculosis in" in beware
    page = " ".join(beware_lines(done)).lower()
    assert page.count("covid") == 1


def test_shares_of_the_largest_source_are_told_for_each_split(toy):
    done = toy(({"norm": names(30)}, {}), ({"norm": names(10), "tb": names(2)}, {}))
    norm, tb = table(dataset_card(done), "class | largest source")
    assert (norm["class"], norm["largest source"], norm["of all"]) == ("normal", "s0", "75 %")
    for split in ("train", "valid", "test"):
        of = [r for r in done.records if (r.label, r.split) == ("normal", split)]
        n = sum(r.source == "s0" for r in of)
        assert norm[f"of {split}"] == (share(n, len(of)) if of else "no image")
    assert tb["of all"] == "100 %" and "no image" in tb.values()
    absent = next(w for w in done.summary.confounds if w.kind == "class_absent")
    assert "tuberculosis" in {cell["class"] for cell in absent.numbers}


def test_an_age_that_is_given_goes_before_what_the_catalogue_says_of_the_source(toy):
    done = toy(
        ({"norm": [*names(2, age="7"), "p9_9_60_"], "tb": names(2)}, dict(age_group="adult")),
        ({"norm": ["p1_1__", "p2_2_17_", "p3_3_18_"], "vir": names(2)}, dict(age_group="mixed")),
    )
    rows = {r["class"]: r for r in table(dataset_card(done).split("## Patients")[1], "class")}
    said = lambda c: [
        rows[c][k]
        for k in (
            "images",
            "of children",
            "of adults",
            "age group unknown",
            "age given",
            "age, median (range)",
        )
    ]
    assert said("normal") == ["6", "3", "2", "1", "5", "17 (7 to 60)"]
    assert said("tuberculosis") == ["2", "0", "2", "0", "0", "none"]
    assert said("viral_pneumonia") == ["2", "0", "0", "2", "0", "none"]


def test_patients_and_views_are_counted_by_class(toy):
    done = toy(
        (
            {
                "norm": ["p1_1__PA", "p1_2__AP", "p2_3__AP", "p_4__"],
                "tb": [*names(3, view="lordotic")],
            },
            {},
        )
    )
    card = dataset_card(done)
    people = {r["class"]: r for r in table(card.split("## Patients")[1], "class")}
    assert [people["normal"][k] for k in ("images", "patient known", "patients")] == ["4", "3", "2"]
    assert "The patient is known for 6 of 7 images (86 %)" in card
    views = table(card, "class | view PA")
    assert views[0] == {
        "class": "normal",
        "view PA": "1",
        "view AP": "2",
        "view lordotic": "0",
        "other views": "0",
        "view unknown": "1",
    }
    assert views[1]["view lordotic"] == "3"


def test_copies_and_who_re_publishes_whom_are_told(toy):
    done = toy(
        ({"norm": names(6)}, {}),
        ({"norm": ["p7_7__"], "tb": names(3)}, dict(derived_from="s0")),
        copies=[
            ("s0/norm/p000_0__.png", "s1/norm/p8_8__.png"),
            ("s1/tb/p000_0__.png", "s1/tb/p5_5__.png"),
        ],
    )
    card = dataset_card(done)
    assert (
        "- 2 copies are left out (duplicates.csv): 2 of equal bytes, 0 of equal pixels, 0 resized, cropped, turned "
        "or otherwise altered; 1 of them between two sources."
    ) in card
    assert table(card, "source | is known to re-publish") == [
        {
            "source": "s1",
            "is known to re-publish": "s0",
            "of these in this folder": "s0",
            "copies shared with other sources": "1",
        }
    ]
    assert "Unexpected overlap" not in card
    assert "- No source here has an official test set: the test images are drawn." in card


def test_official_test_sets_are_named_with_their_images_that_are_here(toy):
    split = "path:_(?P<test>1)_"
    done = toy(({"norm": names(6), "tb": names(6)}, dict(split=split)), ({"vir": names(4)}, {}))
    tested = sum(r.split == "test" for r in done.records)
    card = dataset_card(done)
    assert "- Official test sets are kept as test: s0 (2 images). " in card
    assert f"{tested - 2} of {tested} images in test" in card


def test_an_official_test_set_without_an_image_here_is_not_called_kept(toy):
    split = "path:_(?P<test>no such name)_"
    done = toy(({"norm": names(30), "tb": names(6)}, dict(split=split)), ({"vir": names(4)}, {}))
    assert done.summary.splits["test"] > 0
    card = dataset_card(done)
    assert "Official test sets are kept" not in card
    assert "- No image here is marked as one of the official test set of s0. " in card


def test_an_official_test_image_goes_before_the_original_that_is_none(toy):
    done = toy(
        ({"norm": names(6)}, {}),
        (
            {"norm": ["p7_1_5_test"], "tb": names(3)},
            dict(split="path:_(?P<test>test)[.]", derived_from="s0"),
        ),
        copies=[("s1/norm/p7_1_5_test.png", "s0/norm/p9_9__.png")],
    )
    kept = next(r for r in done.records if r.original_path == "norm/p7_1_5_test.png")
    assert (kept.source, kept.split) == ("s1", "test")
    assert not any(r.original_path == "norm/p9_9__.png" for r in done.records)
    assert "- Official test sets are kept as test: s1 (1 image). " in dataset_card(done)


def test_a_source_whose_official_test_images_were_kept_from_another_is_named(toy):
    split = dict(split="path:_(?P<test>test)[.]")
    done = toy(
        ({"norm": [*names(6), "p9_9__test"]}, split),
        ({"norm": ["p7_1_5_test"], "tb": names(3)}, dict(split, derived_from="s0")),
        copies=[("s1/norm/p7_1_5_test.png", "s0/norm/p9_9__test.png")],
    )
    card = dataset_card(done)
    assert "- Official test sets are kept as test: s0 (1 image), s1 (1 image). " in card
    assert "1 official test image of s1 is left out as a copy of another source's" in card


# ---- text

NASTY = "a | b\nc <script>alert(1)</script> [x](javascript:1) `code` *bold* _u_ &lt; \x1b[31m \u202e # -"


def test_messy_names_stay_text_in_one_cell(toy):
    done = toy(({"norm": names(3)}, dict(title=NASTY, licence=NASTY, citation=NASTY, url=NASTY)))
    card = dataset_card(done)
    (row,) = table(card.split("## What may be shared")[1], "source")
    shown = html.unescape(
        re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", row["title"])
    )  # as Markdown shows it
    assert shown == one_line(NASTY).replace("\x1b", r"\x1b").replace("\u202e", r"\u202e")
    assert "<" not in row["title"] and "\x1b" not in card and "\u202e" not in card


def test_the_same_curation_gives_the_same_card(toy):
    done = toy(({"norm": names(6)}, {}), ({"tb": names(6)}, {}))
    backwards = replace(done, records=done.records[::-1])
    assert dataset_card(done) == dataset_card(done) == dataset_card(backwards)
    assert str(done.out) not in dataset_card(done)


# ---- its head, as the Hub reads it


def head(done):
    return DatasetCard(dataset_card(done)).data


def test_the_head_names_the_one_licence_that_all_sources_have(toy):
    cells = dict(licence="CC BY 4.0")
    found = head(toy(({"norm": names(3)}, {**cells}), ({"tb": names(3)}, {**cells})))
    assert found.license == "cc-by-4.0" and found.size_categories == ["n<1K"]
    assert found.task_ids == ["multi-class-image-classification"]
    assert "research-only" in found.tags and found.pretty_name


@pytest.mark.parametrize("licence", ["CC BY-NC 4.0", "ask the hospital"])
def test_the_head_claims_no_licence_where_sources_differ_or_none_is_known(toy, licence):
    found = head(
        toy(
            ({"norm": names(3)}, dict(licence="ask the hospital")),
            ({"tb": names(3)}, dict(licence=licence)),
        )
    )
    assert found.license == "other" and found.license_link == "README.md#what-may-be-shared"
