"""pytest tests/bundle/test_evaluated_card.py

The card takes numbers of the same weights, from a record, a file or its folder, and no others.
"""

import json

import pytest
from toy_bundles import report_of

from cxr_fastai.bundle.evaluated_card import write_card
from cxr_fastai.bundle.store import load_bundle
from cxr_fastai.core import UsageError


def test_the_card_takes_the_numbers_of_an_evaluation(copied, tmp_path):
    (tmp_path / "metrics.json").write_text(json.dumps(report_of(copied)))
    (copied / "README.md").unlink()
    text = write_card(copied, tmp_path).read_text()
    assert "20 images of 15 patients or groups, split test, curated for toy" in text
    assert "- accuracy: 0.750 (0.500 to 0.900); source-only floor 0.625" in text
    assert "A \\*note\\* of this run." in text and "is not kept here" in text
    assert write_card(load_bundle(copied, "cpu"), report_of(copied)).read_text() == text


def test_numbers_of_another_model_and_what_is_no_metrics_json_are_refused(copied, tmp_path):
    before = (copied / "README.md").read_bytes()
    with pytest.raises(UsageError, match="these numbers are of weights"):
        write_card(copied, report_of(copied, about={}))
    (tmp_path / "metrics.json").write_text("[1]")
    for path in (tmp_path, tmp_path / "gone.json"):
        with pytest.raises(UsageError, match="metrics.json"):
            write_card(copied, path)
    assert (copied / "README.md").read_bytes() == before
