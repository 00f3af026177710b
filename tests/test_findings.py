"""The vocabulary of findings."""

import pytest

from cxr_fastai.findings import (
    FINDINGS,
    LEAVES_OPEN,
    NIH_FINDINGS,
    in_order,
    is_finding,
    own_finding,
)


def test_every_finding_stands_once_and_is_a_plain_word():
    assert len(set(FINDINGS)) == len(FINDINGS) == 24
    assert len(NIH_FINDINGS) == 14 and set(NIH_FINDINGS) < set(FINDINGS)
    assert all(name.replace("_", "").isalnum() and name.islower() for name in FINDINGS)


def test_what_a_finding_leaves_open_are_other_findings():
    assert set(LEAVES_OPEN) < set(FINDINGS)
    for finding, open_ones in LEAVES_OPEN.items():
        assert set(open_ones) <= set(FINDINGS) - {"no_finding"}
        assert finding not in open_ones or finding == "abnormal"
        assert len(set(open_ones)) == len(open_ones)


@pytest.mark.parametrize("text", ["mass", "own:COVID-19 (pos)", "own:肺炎", "own:mass"])
def test_findings_are_those_of_the_vocabulary_and_a_users_own(text):
    assert is_finding(text)


@pytest.mark.parametrize("text", ["", "Mass", "own:", "own: a", "own:a|b", "own:a\nb", "x:a", "a"])
def test_other_texts_are_none(text):
    assert not is_finding(text)


def test_the_order_is_that_of_the_vocabulary_and_then_by_name():
    assert in_order({"own:b", "pneumonia", "own:a", "no_finding", "mass"}) == (
        "no_finding",
        "mass",
        "pneumonia",
        "own:a",
        "own:b",
    )
    assert own_finding("a b") == "own:a b"
