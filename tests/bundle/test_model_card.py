"""The model card: every sentence follows from bundle.json.

python -m pytest tests/bundle/test_model_card.py
"""

import pytest
from huggingface_hub import ModelCard
from toy_bundles import META, meta_of, report_of

from cxr_fastai.bundle.model_card import card
from cxr_fastai.bundle.store import save_bundle


def test_the_model_card_says_what_it_is_and_its_limits(net, tmp_path):
    meta = {**META, "metrics": {"test": {"auroc": 0.8765432}}, "thresholds": {"normal": 0.6}}
    card = (save_bundle(tmp_path / "b", net, meta) / "README.md").read_text()
    for words in (
        "resnet18",
        "COVID-19 (`covid_19`)",
        "answered from 0.60",
        "test auroc: 0.8765",
        "toy",
        "2 epochs",
        "not a medical device",
    ):
        assert words in card
    assert len(card.splitlines()) < 60


@pytest.fixture
def carded(copied):
    "The card of a bundle with other values."

    def write(**changes):
        return card({**meta_of(copied), **changes})

    return write


def test_a_plain_network_is_said_to_decide_nothing(carded):
    text = carded()
    assert "Logits are divided by a temperature of 1.\n" in text
    assert not any(word in text for word in ("worklist", "offsets", "cut off", "risk"))
    assert '2 epochs from weights "none", seed 1.' in text and "none recorded" in text


def test_what_the_record_does_not_tell_is_not_claimed(carded):
    text = carded(trained={"epochs": 5})
    assert '5 epochs from weights "not recorded".' in text and "seed" not in text


@pytest.mark.parametrize(
    "unfreeze, trained, says",
    [
        ("never", {"epochs": 5, "seed": 0}, True),
        ("progressive", {"epochs": 5, "seed": 0}, False),
        # of a Learner of one's own, which was not trained as the folder's recipe says
        ("never", {"epochs": 5}, False),
    ],
)
def test_a_body_that_stayed_frozen_is_said_where_it_is_known(carded, unfreeze, trained, says):
    recipe = {**META["recipe"], "train": {"unfreeze": unfreeze}}
    text = carded(recipe=recipe, trained=trained)
    assert (" The body was never thawed.\n" in text) == says


def test_a_decision_and_its_worklists_stand_a_line_each(carded):
    step = {"asked_sensitivity": 0.995, "threshold": 0.0312}
    decision = {"negative": "normal", "threshold": 0.25, "triage": [step]}
    lines = carded(decision={**decision, "asked_sensitivity": 0.95}).splitlines()
    assert "Not normal: answered from a risk of 0.25 on, fixed on validation to find 95%." in lines
    assert (
        "A worklist keeps 99.5% of them where it lays aside what is below 0.0312, by validation."
        in lines
    )
    assert "Not normal: answered from a risk of 0.25 on." in carded(decision=decision)


def test_offsets_and_a_crop_are_said_where_there_are_some(carded):
    text = carded(offsets={"normal": 0.5}, crop=0.125, temperature=1.5)
    assert "12.5% of each side of an image are cut off first.\n" in text
    assert "divided by a temperature of 1.5, and offsets of classes are added.\n" in text


@pytest.mark.parametrize(
    "threshold, text", [(0.6, "0.60"), (0.004, "0.004"), (0.9999, "0.9999"), (0, "0.00")]
)
def test_a_threshold_is_never_rounded_to_all_or_nothing(carded, threshold, text):
    assert f"(`normal`), answered from {text}\n" in carded(thresholds={"normal": threshold})


def test_numbers_and_texts_are_listed_and_what_is_null_is_not(carded):
    metrics = {"test": {"auroc": 0.87654, "n": 12, "by_class": {"normal": None}}, "note": "toy"}
    text = carded(metrics=metrics)
    assert "- test auroc: 0.8765\n- test n: 12\n- note: toy\n" in text and "null" not in text


def test_what_training_warned_of_stands_before_the_classes(carded):
    warning = {"kind": "at_chance", "says": "no better than a guess.", "do": "Do not use it."}
    text = carded(warnings=[warning])
    assert "\n## Warnings\n- **no better than a guess.** Do not use it.\n" in text
    assert text.index("## Warnings") < text.index("## Classes")
    assert "Warnings" not in carded(warnings=[])


def test_a_score_stands_with_its_interval_where_there_is_one(carded):
    metrics = {"valid": {"accuracy": 0.9, "loss": 0.5}, "valid_intervals": {"accuracy": [0.8, 1]}}
    lines = carded(metrics=metrics).splitlines()
    assert "- valid accuracy: 0.9 (0.800 to 1.000)" in lines and "- valid loss: 0.5" in lines


# ---- with an evaluation, and as the Hub reads it


def test_the_hub_reads_the_results_of_the_card(copied):
    read = ModelCard(card(meta_of(copied), report_of(copied)))
    assert read.data.pipeline_tag == "image-classification" and "chest-x-ray" in read.data.tags
    found = {(r.metric_type, r.metric_value, r.dataset_split) for r in read.data.eval_results}
    assert found == {("accuracy", 0.75, "test"), ("roc_auc", 0.875, "test")}
    assert read.data.eval_results[0].dataset_revision == "7" * 64


def test_without_an_evaluation_no_result_and_no_licence_is_claimed(copied):
    read = ModelCard(card(meta_of(copied)))
    assert read.data.eval_results is None and read.data.license is None
    assert "Licence of these weights: yours to write." in read.text
    assert "## Evaluation" not in read.text
