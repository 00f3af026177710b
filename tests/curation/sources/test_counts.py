"""Counts that differ from the catalogue's."""

from toy_listing import listing
from toy_sources import put, rule

from cxr_fastai.curation.sources.item import LISTING_DIFFERS


def test_counts_that_differ_are_a_warning_with_both_numbers(tmp_path):
    put(tmp_path / "one/sick/a.png", 1)
    listed = listing(
        tmp_path,
        rule(
            label_value="sick",
            findings="tuberculosis",
            expected="7",
            expected_total="9",
            unconfirmed="expected",
        ),
    )
    (warning,) = listed.warnings
    assert (warning.kind, warning.numbers) == (LISTING_DIFFERS, {"source": "one"})
    assert warning.says == (
        "one: found, of what the catalogue expects: images 1 of 9, 'sick' 1 of 7 (unconfirmed)"
    )
