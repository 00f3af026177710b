"""pytest tests/evaluation/test_notes.py

What a reader must know beside the numbers, each from numbers of the run.
"""

import pytest
from toy_findings_reports import LABELS, ToyBundle, manifest, report

from cxr_fastai.evaluation.notes import floor_notes, split_notes

TWO = ["s", "t"] * 12  # a|b, none and b|?a stand in source t


EVEN, FOUR, FIXED = ["a|b|c", "none"] * 10, ["s", "s", "t", "t"] * 5, dict(a=0.3, b=0.4, c=0.5)


@pytest.mark.parametrize(
    "labels,sources,split,thresholds,says",
    [
        (
            LABELS,
            TWO,
            "test",
            FIXED,
            [
                "of 24 images, those in which a finding is known are A 20",
                "No image here is known to have C: no macro average counts it.",
                "Fewer than 10 images here have A (8):",
            ],
        ),
        (EVEN, FOUR, "test", FIXED, []),
        (EVEN, None, "test", FIXED, ["one source"]),
        (EVEN, FOUR, "test", {}, ["no threshold for A, B, C: answered from 0.5 on"]),
        (EVEN, FOUR, "valid", FIXED, ["validation split steers training"]),
    ],
)
def test_notes_say_what_the_numbers_cannot(labels, sources, split, thresholds, says):
    r = report(labels, sources, split, thresholds=thresholds)
    assert len(r.notes) == len(says) and all(s in note for s, note in zip(says, r.notes))
    for note in r.notes:
        assert note in " ".join(str(r).split()) and note in r.to_html(page=False)


@pytest.mark.parametrize(
    "accuracy,answers,says",
    [
        (0.9, {"s": "a", "t": "b"}, []),
        (1.0, {"s": "a", "t": "b"}, ["Every source here holds one class"]),
        (0.9, {"s": "a"}, ["All images come from one source"]),
        (1.0, {"s": "a"}, ["All images come from one source"]),
    ],
)
def test_floors_that_tell_nothing_or_all_are_named(accuracy, answers, says):
    scores = dict(accuracy=accuracy, balanced_accuracy=accuracy)
    notes = floor_notes(dict(majority=scores, source_only=dict(scores, answers=answers)))
    assert len(notes) == len(says) and all(map(str.startswith, notes, says))


@pytest.mark.parametrize(
    "split,sha256,says",
    [
        ("test", "5" * 64, []),
        ("valid", "5" * 64, ["The validation split steers training"]),
        ("train", "5" * 64, ["The model was trained on these images"]),
        ("train", "6" * 64, []),
    ],
)
def test_a_split_is_explained_of_the_folder_that_the_bundle_was_trained_on(split, sha256, says):
    notes = split_notes(ToyBundle(), manifest(sha256=sha256), split)
    assert len(notes) == len(says) and all(map(str.startswith, notes, says))
