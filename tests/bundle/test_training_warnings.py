"""What training warned of, as a bundle carries it."""

import pytest

from cxr_fastai.bundle.training_warnings import training_warnings


def test_warnings_come_in_their_order_with_what_they_hold():
    meta = {"warnings": [{"kind": "at_chance", "says": "A.", "do": "B."}, {"says": "C."}]}
    first, second = training_warnings(meta)
    assert (first.kind, first.says, first.do) == ("at_chance", "A.", "B.")
    assert (second.kind, second.says, second.do) == ("training", "C.", "")


@pytest.mark.parametrize("meta", [{}, {"warnings": []}, {"warnings": None}, {"warnings": [{}]}])
def test_a_bundle_of_before_or_without_words_has_none(meta):
    assert training_warnings(meta) == []
