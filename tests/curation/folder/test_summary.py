"""pytest tests/curation/folder/test_summary.py"""

from dataclasses import replace

import pytest
from made_curations import Films, curation, link, moved, overlap, record, reject, source, summed_up

from cxr_fastai.curation.folder.summary import count_overlap
from cxr_fastai.recipes import Recipe


@pytest.fixture
def films(tmp_path):
    return Films(tmp_path)


def official(copies, *members):
    "The same copies, some of whose members their source calls official test images."
    changed = [
        moved(image, official="test") if i in members else image
        for i, image in enumerate(copies.members)
    ]
    return replace(copies, members=changed)


def test_images_are_counted_by_class_source_and_split(films):
    rows = [
        record(films.image(seed=1)),
        record(films.image(seed=2, source="two"), split="test"),
        record(films.image(seed=3, label="mass"), split="valid", patient="one:1"),
    ]
    summary = curation(
        records=rows, sources=[source("two"), source("one", redistribute="no")]
    ).summary
    assert summary.counts == {
        ("normal", "one", "train"): 1,
        ("normal", "two", "test"): 1,
        ("mass", "one", "valid"): 1,
    }
    assert summary.splits == {"train": 1, "test": 1, "valid": 1} and summary.images == 3
    assert list(summary.sources.items()) == [("two", 1), ("one", 2)]  # as the catalogue has them
    assert summary.shareable == 1 and summary.unknown["patient"] == 2
    assert list(summary.classes) == ["mass", "normal"] and summary.classes["normal"]["images"] == 2


def test_an_image_of_two_findings_counts_in_each_class_and_once_in_all(films):
    rows = [
        record(films.image(seed=1), label="effusion|mass"),
        record(films.image(seed=2), label="none"),
    ]
    recipe = Recipe(
        name="multi",
        title="Two findings",
        classes={"effusion": ["effusion"], "mass": ["mass"]},
        task="multi_label",
    )
    summary = curation(records=rows, recipe=recipe).summary
    assert {label: counts["images"] for label, counts in summary.classes.items()} == {
        "effusion": 1,
        "mass": 1,
        "none": 1,
    }
    assert sum(summary.counts.values()) == 3 and summary.images == 2 == summary.splits["train"]


def test_copies_of_sets_that_keep_nothing_are_no_copies_left_out(films):
    torn = films.pair(label="mass", seed=2)
    summary = curation([films.pair(), torn]).summary
    assert summary.copies == {("one", "two", "near"): 1}
    assert (summary.conflicts, summary.conflicts_kept) == (1, 0)


def test_of_settled_conflicts_only_images_in_the_folder_are_kept(films):
    settled = replace(films.pair(label="mass"), settled=True)
    assert curation([settled]).summary.conflicts_kept == 1
    other = record(films.image(seed=7))
    assert curation([settled], records=[other]).summary.conflicts_kept == 0


def test_official_test_images_are_counted_for_the_source_that_marks_them(films):
    sources = [source("one", split="path:(?P<test>x)"), source("two", split="list?:test.txt")]
    own = official(films.pair(seed=1), 0)
    copys = official(films.pair(seed=2), 1)
    rows = [
        record(own.kept, "test"),
        record(copys.kept, "test"),
        record(films.image(seed=3), "test"),
    ]
    summary = curation([own, copys], records=rows, sources=sources).summary
    assert summary.official_tests == {"one": 1, "two": 1} and summary.official_images == 2
    assert summary.official_absent == ()


def test_an_official_image_that_has_no_copy_counts_too(films):
    image = films.image(official="test")
    sha = image.fingerprint.pixel_sha256
    done = curation(records=[record(image, "test")], sources=[source("one", split="array")])
    summary = summed_up(done, origins={sha: image.item}).summary
    assert summary.official_tests == {"one": 1} and summary.official_absent == ()


@pytest.mark.parametrize(
    "split, absent",
    [
        ("list:test.txt|rest.txt", ("one",)),
        ("list?:test.txt", ("one",)),
        ("array", ("one",)),
        ("path:(?P<test>x)", ("one",)),
        ("path:(?P<valid>x)", ()),
        ("train", ()),
        ("", ()),
    ],
)
def test_a_source_that_names_a_test_set_of_which_nothing_is_here_is_told(films, split, absent):
    rows = [record(films.image(), "test")]
    summary = curation(records=rows, sources=[source("one", split=split)]).summary
    assert summary.official_absent == absent and summary.official_tests == {}


def test_official_images_that_did_not_reach_the_folder_are_not_counted(films):
    unseen = official(films.pair(seed=2), 0, 1)
    summary = curation([films.pair(), unseen], records=[record(films.image(seed=3))]).summary
    assert summary.official_tests == {} and summary.official_images == 0


def test_an_official_test_image_is_kept_whatever_its_copies_are_called(films):
    torn = official(films.pair(label="mass", seed=2), 0)
    summary = curation([torn]).summary
    assert summary.official_tests == {"one": 1}
    assert (summary.conflicts, summary.conflicts_kept) == (1, 1)


def test_groups_over_two_sources_pairs_and_rejects_are_counted(films):
    rows = [
        record(films.image(seed=1), group="g"),
        record(films.image(seed=2, source="two"), group="g"),
        record(films.image(seed=3)),
    ]
    a, b = films.image(seed=4), films.image(seed=5)
    summary = curation(
        records=rows,
        related=[link(a, b), link(b, a, joined="no")],
        rejects=[reject("a"), reject("b"), reject(stage="list", reason="junk")],
    ).summary
    assert summary.tied_across_sources == 2
    assert (summary.related, summary.related_joined) == (2, 1)
    assert list(summary.rejects.items()) == [(("list", "junk"), 1), (("scan", "truncated"), 2)]
    assert summary.left_out == 3


def test_overlap_is_counted_for_two_sources_in_either_order(films):
    pair = films.pair()
    back = overlap(pair, source="two", other_source="one")
    assert count_overlap([overlap(pair), back, overlap(pair, other_source="a")]) == {
        ("a", "one"): 1,
        ("one", "two"): 2,
    }


def test_confounds_are_those_of_the_cohort(films):
    kinds = {w.kind for w in curation([films.pair()]).summary.confounds}
    assert "single_source" in kinds and "class_of_one_source" not in kinds
