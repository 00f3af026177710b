"""pytest tests/curation/folder/test_sentences.py"""

from dataclasses import replace

import pytest
from made_curations import Films, curation, source

from cxr_fastai.core import CxrError, FolderWarning
from cxr_fastai.curation.folder.result import SOURCE_FAILED, Summary
from cxr_fastai.curation.folder.sentences import (
    beware_lines,
    conflicts_line,
    copies_line,
    incomplete_line,
    official_line,
    patients_line,
    related_line,
    share_lines,
    warning_line,
)


@pytest.fixture
def done(tmp_path):
    return curation([Films(tmp_path).pair()])


def told(done, **numbers):
    "A curation of other numbers."
    return replace(done, summary=replace(done.summary, **numbers))


@pytest.mark.parametrize(
    "numbers, says",
    [
        (
            dict(splits={"test": 5}),
            "No source here has an official test set: the test images are drawn.",
        ),
        (
            dict(splits={"train": 5}),
            "No source here has an official test set, and no image stands in test.",
        ),
        (
            dict(splits={"test": 5}, official_tests={"a": 1, "b": 2}, official_images=3),
            "Official test sets are kept as test: a (1 image), b (2 images). "
            "2 of 5 images in test are not of an official test set.",
        ),
        (
            dict(splits={"test": 2}, official_tests={"a": 1}, official_images=1),
            "Official test sets are kept as test: a (1 image). "
            "1 of 2 images in test is not of an official test set.",
        ),
        (
            dict(splits={"test": 3}, official_tests={"a": 3}, official_images=3),
            "Official test sets are kept as test: a (3 images). No other image stands in test.",
        ),
        (
            dict(splits={"test": 9}, official_tests={"a": 9}, official_images=9)
            | dict(official_repeats={"a": 2}),
            "Official test sets are kept as test: a (9 images, 2 of which repeat others of the "
            "set). Such a set is kept whole, so that scores can be held against published ones: "
            "manifest.csv says in repeat_of which images show a radiograph again. No other image "
            "stands in test.",
        ),
        (
            dict(splits={"test": 1}, official_tests={"a": 1, "b": 1}, official_images=1)
            | dict(official_elsewhere={"b": 1}),
            "Official test sets are kept as test: a (1 image), b (1 image). 1 official test image "
            "of b is left out as a copy of another source's: for a score to be held against "
            'published ones, curate it alone: --only b (Python: only="b"). No other image stands in '
            "test.",
        ),
        (
            dict(official_absent=("a", "b")),
            "No image here is marked as one of the official test set of a, b. "
            "No image stands in test.",
        ),
        (
            dict(splits={"test": 88}, official_absent=("nih_sample",)),
            "No image here is marked as one of the official test set of nih_sample. "
            "88 of 88 images in test are not of an official test set.",
        ),
    ],
)
def test_official_test_images_are_claimed_only_where_they_are(numbers, says):
    assert official_line(Summary(**numbers)) == says


@pytest.mark.parametrize(
    "known, total, says",
    [
        (
            3,
            4,
            "The patient is known for 3 of 4 images (75 %); other exposures of the others may "
            "still meet across splits.",
        ),
        (4, 4, "The patient is known for 4 of 4 images (100 %)."),
    ],
)
def test_what_is_promised_of_patients_is_told_with_how_many_are_known(known, total, says):
    line = patients_line(Summary(images=total, unknown={"patient": total - known}))
    assert line.endswith(says) and line.startswith("No radiograph, and no patient that")


@pytest.mark.parametrize(
    "related, joined, says",
    [
        (0, 0, ""),
        (2, 2, "2 are tied to one split."),
        (3, 1, "1 is tied to one split, 2 not, because a source says that they are two people."),
    ],
)
def test_pairs_that_look_alike_are_told_with_how_many_are_tied(related, joined, says):
    line = related_line(Summary(related=related, related_joined=joined))
    assert line.endswith(says) and bool(line) == bool(related)


def test_copies_are_counted_in_all_kinds():
    copies = {("a", "a", "bytes"): 2, ("a", "b", "near"): 3}
    assert copies_line(Summary(copies=copies)) == (
        "5 copies are left out (duplicates.csv): 2 of equal bytes, 0 of equal pixels, 3 resized, "
        "cropped, turned or otherwise altered; 3 of them between two sources."
    )


@pytest.mark.parametrize(
    "how, says",
    [
        ("drop", "3 radiographs whose copies have labels of two classes are left out"),
        (
            "keep-both-out",
            "3 radiographs whose copies have labels of two classes are laid aside in .conflicts/",
        ),
        (
            "upstream",
            "Of 3 radiographs whose copies have labels of two classes 2 are kept, each under the "
            "label of the copy that is kept",
        ),
    ],
)
def test_what_became_of_conflicts_is_told_as_it_was_decided(done, how, says):
    done = replace(done, request=replace(done.request, on_conflict=how))
    kept = 2 if how == "upstream" else 0
    line = conflicts_line(told(done, conflicts=3, conflicts_kept=kept))
    assert line == f"{says} (conflicts.csv)."


def test_conflicts_within_an_official_test_set_are_told_apart_from_those_left_out(done):
    assert conflicts_line(told(done, conflicts=3, conflicts_kept=2)) == (
        "1 radiograph whose copies have labels of two classes is left out (conflicts.csv). "
        "2 more are kept, since an official test set is kept whole: each of its images under the "
        "label that its source gives it."
    )


def test_what_stands_once_is_told_in_the_singular(done):
    once = Summary(images=1, copies={("a", "a", "bytes"): 1}, related=1, related_joined=1)
    assert copies_line(once).startswith("1 copy is left out (duplicates.csv): 1 of equal bytes")
    assert related_line(once).startswith("1 pair of images looks like two exposures")
    assert related_line(once).endswith("1 is tied to one split.")
    assert "known for 1 of 1 image (100 %)" in patients_line(replace(once, unknown={"patient": 0}))
    assert share_lines(told(done, images=1, shareable=1))[0].startswith("1 of 1 image comes")


def test_sources_are_told_apart_by_what_may_be_shared(done):
    sources = [source("a"), source("b", redistribute="no"), source("c", redistribute="unknown")]
    done = replace(done, sources=[*sources, source("unused", redistribute="no")])
    assert share_lines(told(done, images=9, shareable=4, sources=dict(a=4, b=3, c=2))) == [
        "4 of 9 images come from sources that allow redistribution: a; each under its licence.",
        "For local use only, do not publish the images of: b (not allowed), c (not known).",
    ]


def test_an_absent_source_is_named_and_none_where_all_are_there(done):
    assert incomplete_line(done) == ""
    lost = replace(done, failed={"a": CxrError("x"), "b": CxrError("y")})
    assert incomplete_line(lost) == "INCOMPLETE: these sources could not be had: a, b."


def test_to_beware_of_are_confounds_and_warnings_but_for_failures(done):
    done = told(done, confounds=(FolderWarning("odd", "Found.", do="Do this."),))
    warnings = [FolderWarning(SOURCE_FAILED, "incomplete: x"), FolderWarning("other", "look out")]
    assert beware_lines(replace(done, warnings=warnings)) == ["Found. Do this.", "look out"]
    assert warning_line(FolderWarning("odd", "Found.")) == "Found."


def test_a_warning_and_what_to_do_are_two_sentences():
    assert (
        warning_line(FolderWarning("odd", "Two lie", do="look at them")) == "Two lie. Look at them."
    )
    assert warning_line(FolderWarning("odd", "Two lie.", do="Look.")) == "Two lie. Look."
