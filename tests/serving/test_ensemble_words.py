"""pytest tests/serving/test_ensemble_words.py

The words of several bundles: singular and plural, the mean with its spread.
"""

from cxr_fastai.serving.ensemble_words import (
    Told,
    divided_words,
    held_back_words,
    nothing_words,
    present_words,
    risk_words,
)

OF_MEMBERS = [{"a": 0.2, "b": 0.4, "c": 0.4}, {"a": 0.6, "b": 0.2, "c": 0.2}]
TOLD = Told({"a": 0.4, "b": 0.3, "c": 0.3}, OF_MEMBERS, dict(zip("abc", "ABC")), (0.4, 0.2, 0.6))


def test_the_risk_is_said_with_its_spread_and_who_reaches_a_threshold():
    words = risk_words(1, TOLD)
    assert words == (
        "in 1 of 2 bundles the risk reaches their own threshold; mean risk 0.40 (0.20 to 0.60)"
    )
    assert divided_words(words) == f"no answer: the bundles are divided: {words}"


def test_what_is_held_back_names_the_class_and_how_many_hold_it():
    assert held_back_words("a", 2, TOLD) == (
        "no answer: A, 0.40 (0.20 to 0.60), is below its own threshold in 2 of 2 bundles"
    )


def test_findings_are_said_one_by_one_and_the_others_counted():
    votes = {"a": 2, "b": 1, "c": 0}
    assert present_words(["a", "b"], votes, TOLD) == (
        "A: found by 2 of 2 bundles, mean 0.40 (0.20 to 0.60); "
        "B: found by 1 of 2 bundles, mean 0.30 (0.20 to 0.40); "
        "1 other finding is found by fewer than half"
    )
    assert present_words(["a"], votes, TOLD).endswith(
        "2 other findings are found by fewer than half"
    )
    assert "other" not in present_words(["a", "b", "c"], votes, TOLD)
    assert "the nearest, A, by 0, mean 0.40" in nothing_words(dict.fromkeys("abc", 0), TOLD)
