"""pytest tests/prototyping/test_words.py"""

import pytest
import toy_prototypes as toys

from cxr_fastai.core import FolderWarning
from cxr_fastai.prototyping.words import (
    class_words,
    curated_line,
    first_answer_line,
    told_words,
    verdict_sentence,
)

BORDER = FolderWarning("probe", "says", title="Border of the film")
SIZE = FolderWarning("size_apart", "says", title="Class = size")
CHANCE = FolderWarning("at_chance", "says", title="Not told from a guess")
NAMES = ["Normal", "Sick"]
DECISION = (
    ("AUROC", "0.900", "0.800 to 0.950", "60"),
    ("sensitivity", "96.0 %", "90.0 to 99.0", "30"),
    ("specificity", "30.0 %", "20.0 to 40.0", "30"),
)


@pytest.mark.parametrize(
    ("names", "words"),
    [(["A", "B"], "A from B"), (["A", "B", "C"], "A, B and C"), (list("ABCDE"), "5 classes")],
)
def test_classes_are_named_in_a_sentence(names, words):
    assert class_words(names) == words
    assert class_words(["A", "B"], several=True) == "A and B"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            {"accuracy": 0.9, "balanced_accuracy": 0.871},
            "first answer after 31 s: balanced accuracy 0.87 on 60 validation images",
        ),
        (
            {"macro_auroc": 0.8, "macro_ap": 0.2},
            "first answer after 31 s: macro AUROC 0.80 on 60 validation images",
        ),
        ({"macro_auroc": float("nan")}, "first answer after 31 s"),
    ],
)
def test_the_first_answer_is_told_by_the_number_that_epochs_have(row, words):
    assert first_answer_line(31.4, row, 60) == words


def test_of_findings_the_number_that_is_judged_is_named():
    ranking = toys.Number("macro AUROC", "of a rank", "0.700 (0.400 to 0.900)", ("0.500",))
    at_chance = toys.scores(numbers=(ranking,), at_chance=True, above_floor=False, always="")
    told = verdict_sentence(at_chance, NAMES, [])
    assert told.startswith(
        "The model is not shown to tell Normal and Sick: a guess lies within the interval of its "
        "macro AUROC (macro AUROC 0.700 (0.400 to 0.900) on 60 test images"
    )


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (
            {},
            "The model tells Normal from Sick better than always answering “Normal” does: accuracy "
            "90.0 % (80.0 to 95.0) beside 50.0 %, of 60 test images.",
        ),
        (
            dict(too_few=True, groups=9, images=9),
            "Too few to tell: accuracy 90.0 % (80.0 to 95.0) on 9 test images of 9 groups, where "
            "always answering “Normal” reaches 50.0 %; below 20 groups no number is a verdict.",
        ),
        (
            dict(at_chance=True, above_floor=False),
            "The model is not shown to tell Normal from Sick: a guess lies within the interval of "
            "its balanced accuracy (accuracy 90.0 %",
        ),
        (
            dict(above_floor=False),
            "The model is not shown to do better than always answering “Normal” does (accuracy",
        ),
        (
            dict(above_floor=False, ranks=True),
            "reaches 50.0 %), though its probabilities do rank the images.",
        ),
        (
            dict(ranks=True, positive="not Normal", decision=DECISION),
            "The model ranks those who are not Normal above the others (AUROC 0.900 (0.800 to "
            "0.950), 0.5 is a guess); at its threshold, which validation set to miss few, it finds "
            "96.0 % (90.0 to 99.0) of them and leaves 30.0 % (20.0 to 40.0) of the others in "
            "peace, of 60 test images of 50 groups.",
        ),
        (
            dict(positive="not Normal", decision=DECISION),
            "The model is not shown to rank those who are not Normal above the others",
        ),
        (dict(above_floor=False, always=""), "than knowing the source alone does"),
    ],
)
def test_the_verdict_is_of_the_numbers(cells, words):
    assert words in verdict_sentence(toys.scores(**cells), NAMES, [])


def test_without_a_test_image_nothing_is_claimed():
    assert "Nothing can be said" in verdict_sentence(None, NAMES, [])


def test_shortcuts_weaken_the_verdict():
    one = verdict_sentence(toys.scores(), NAMES, [BORDER])
    assert one.endswith(
        "But 1 thing that may not be the disease tells the classes too (Border of the film): the "
        "score may rest on it."
    )
    two = verdict_sentence(toys.scores(), NAMES, [BORDER, SIZE])
    assert "2 things that may not be the disease tell" in two and two.endswith("may rest on them.")
    assert "and 2 more" in verdict_sentence(toys.scores(), NAMES, [BORDER] * 6)


def test_trouble_in_training_comes_first():
    told = verdict_sentence(toys.scores(), NAMES, [], [CHANCE])
    assert told.startswith("Beware, training warns: Not told from a guess. The model")


def test_curation_is_told_in_a_line_in_singular_and_plural():
    line = curated_line(toys.counts(copies=2, left_out=0))
    assert line == (
        "48 images (train 38, valid 5, test 5); 2 copies, 1 label conflict and 0 files or rows "
        "left out"
    )


def test_findings_are_told_of_a_person_and_not_from_each_other():
    assert told_words(["A", "B"], several=False) == "A from B"
    assert told_words(["A", "B"], several=True) == "who has A and B"
    assert told_words(list("ABCDE"), several=True) == "5 classes"
