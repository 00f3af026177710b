"""pytest tests/bundle/test_evaluated_card.py

The card takes numbers of the same weights, from a record, a file or its folder, and no others.
"""

import json

import pytest
from toy_bundles import META, report_of

from cxr_fastai.bundle.evaluated_card import evaluation_of, write_card
from cxr_fastai.bundle.model_card import card
from cxr_fastai.bundle.store import load_bundle, save_bundle
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


def test_the_numbers_stand_beside_the_card_for_who_shows_a_bundle(copied):
    meta = load_bundle(copied, "cpu").meta
    assert evaluation_of(copied, meta) is None
    write_card(copied, {**report_of(copied), "rows": [1, 2, 3]})
    found = evaluation_of(copied, meta)
    assert found["metrics"]["accuracy"] == 0.75 and "rows" not in found
    assert found["intervals"] == {"metrics": {"accuracy": [0.5, 0.9]}}
    assert card(meta, found) == (copied / "README.md").read_text()


def test_the_numbers_of_another_network_do_not_outlive_it(net, copied):
    write_card(copied, report_of(copied))
    assert (copied / "evaluation.json").is_file()
    save_bundle(copied, net, META)
    assert not (copied / "evaluation.json").exists()


@pytest.mark.parametrize(
    "spoil",
    [
        {"about": {}},
        {"n": "many"},
        {"n": None},
        {"split": None, "n": []},
        {"intervals": 3},
        {"intervals": {"metrics": {"accuracy": "x"}}},
        {"metrics": 5},
        {"floors": [1]},
        {"notes": 5},
        {"about": 7},
        {"coverage": "x"},
    ],
)
def test_an_evaluation_of_other_weights_or_that_was_spoiled_is_passed_over(copied, spoil):
    meta = load_bundle(copied, "cpu").meta
    (copied / "evaluation.json").write_text(json.dumps(report_of(copied, **spoil)))
    assert evaluation_of(copied, meta) is None


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 3000, b"null", b'"x"'])
def test_a_file_that_is_no_evaluation_is_passed_over(copied, data):
    meta = load_bundle(copied, "cpu").meta
    (copied / "evaluation.json").write_bytes(data)
    assert evaluation_of(copied, meta) is None
