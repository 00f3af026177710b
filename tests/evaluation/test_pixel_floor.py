"""pytest tests/evaluation/test_pixel_floor.py

What gray squares reach beside a model: numbers, paired intervals, and the sentence of both.
"""

import json

import numpy as np
import pytest
from toy_class_reports import ToyBundle
from toy_pixels import folder

from cxr_fastai.evaluation.compare import compare
from cxr_fastai.evaluation.evaluate import evaluate
from cxr_fastai.evaluation.pixel_floor import class_pixel_floor, finding_pixel_floor
from cxr_fastai.evaluation.pixel_scores import PixelScores
from cxr_fastai.evaluation.predictions import Predictions
from cxr_fastai.evaluation.single_label import classification_metrics
from cxr_fastai.intervals.bootstrap import Resampling, interval

NAMES = {"a": "A", "b": "B"}
N = 120


def drawn(strength, seed):
    "(n, 2) probabilities that tell the class so well."
    rng = np.random.default_rng(seed)
    logits = strength * (np.arange(N) % 2) + rng.normal(0, 1, N)
    of_b = 1 / (1 + np.exp(-logits))
    return np.column_stack([1 - of_b, of_b])


def counted(model, pixels, negative=""):
    rows = [dict(source="s", group=f"g{i // 2}") for i in range(N)]
    probs = drawn(model, 0)
    found = Predictions(rows, np.arange(N) % 2, probs, probs.argmax(1))
    scores = PixelScores(
        {8: drawn(pixels, 1), 16: drawn(pixels, 2)}, {8: 0.7, 16: 0.6}, 8, 9, 4, ()
    )
    resampling = Resampling(found.groups, 300, 0)
    floor = class_pixel_floor(resampling, found, NAMES, scores, negative)
    return floor, found, scores, resampling


def test_the_numbers_are_those_of_the_highest_of_the_classes_own_models():
    floor, found, scores, _ = counted(2, 1)
    numbers = classification_metrics(found.targs, scores.by_side[8], list(NAMES))
    for key in ("accuracy", "balanced_accuracy", "macro_f1", "macro_auroc"):
        assert floor.chosen.values[key] == numbers[key], key
    assert floor.chosen.per_class["b"] == numbers["per_class"]["b"]["auroc"]


def test_the_gain_is_counted_in_the_same_resamples():
    floor, found, scores, resampling = counted(2, 1)
    gains = []
    for images in resampling.draws():
        own, other = (
            classification_metrics(found.targs[images], probs[images], list(NAMES))["macro_auroc"]
            for probs in (found.probs, scores.by_side[8])
        )
        gains.append(own - other)
    assert floor.chosen.gain_intervals["macro_auroc"] == pytest.approx(interval(gains, 60))


@pytest.mark.parametrize(
    "model,pixels,beaten,says",
    [
        (3, 0.2, True, "the model is above it (+"),
        (1, 1, False, "the model is not shown to beat 8x8 gray squares ("),
        (0.2, 3, False, "the model is not shown to beat 8x8 gray squares (-"),
    ],
)
def test_the_sentence_says_whether_the_gain_is_shown(model, pixels, beaten, says):
    floor, *_ = counted(model, pixels)
    assert floor.is_beaten is beaten and says in floor.words
    assert "fitted on 9 train films" in floor.words and "On 16x16 gray squares" in floor.words


def test_a_decision_has_the_ranking_of_its_question():
    floor, *_ = counted(2, 1, negative="a")
    assert floor.chosen.values["auroc"] == pytest.approx(floor.chosen.values["macro_auroc"])


def test_findings_are_ranked_and_not_answered():
    labels = np.column_stack([np.arange(N) % 2, np.arange(N) % 3 == 0]).astype(float)
    labels[:10, 1] = np.nan
    rows = [dict(source="s", group=f"g{i}") for i in range(N)]
    found = Predictions(rows, labels, drawn(2, 0), drawn(2, 0) > 0.5)
    scores = PixelScores({8: drawn(2, 0)}, {8: None}, 8, 9, 0, ("b",))
    floor = finding_pixel_floor(Resampling(found.groups, 50, 0), found, NAMES, scores)
    assert set(floor.chosen.values) == {"macro_auroc", "macro_ap"}
    assert floor.chosen.gains["macro_auroc"] == 0 and not floor.is_beaten
    assert "No train film tells it B: it guesses there." in floor.words


# ---- from a folder to the four files


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    root = tmp_path_factory.mktemp("films")
    data = folder(root / "data")
    out = root / "report"
    return evaluate(ToyBundle(data.vocab), data, out=out, resamples=100), data, out


def test_text_page_and_json_have_the_column_and_the_sentence(evaluated):
    report, _, out = evaluated
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "<th>pixel floor</th>" in page and "not shown to beat 8x8 gray squares" in page
    assert "pixel floor" in str(report).split("accuracy")[0]
    found = json.loads((out / "metrics.json").read_text())
    pixels = found["floors"]["pixels"]
    assert pixels["by_side"]["8"]["macro_auroc"] == 1.0 and pixels["shown_to_be_beaten"] is False
    tree = found["intervals"]["floors"]["pixels"]["by_side"]["8"]
    assert tree["macro_auroc"] and "macro_auroc" in tree["gain"]
    assert found["shown_above_pixel_floor"] is False


def test_beside_other_models_it_stands_in_the_table_and_is_no_model(evaluated):
    report, data, _ = evaluated
    other = evaluate(ToyBundle(data.vocab, wrong={2001: "light"}), data, resamples=100)
    table = compare({"first": report, "second": other})
    assert "2 models" in table.summary and table.floor == "pixel floor, 8x8 gray squares"
    gain = report.pixels.chosen.gains["macro_auroc"]
    assert table.models[table.floor]["differences"]["macro_auroc"] == -gain
    assert "pixel floor, 8x8 gray squares" in table.to_html()


def test_without_it_no_train_film_is_read(tmp_path):
    data = folder(tmp_path)
    for row in data.rows:
        if row.split == "train":
            (tmp_path / row.path).unlink()
    report = evaluate(ToyBundle(data.vocab), data, resamples=20, pixel_floor=False)
    assert report.pixels is None and report.audit is None
    assert report.to_dict()["floors"]["pixels"] == {"why_not": "it was not asked for"}


def test_the_same_folder_writes_the_same_bytes(evaluated, tmp_path):
    _, data, out = evaluated
    evaluate(ToyBundle(data.vocab), data, out=tmp_path, resamples=100)
    for file in out.iterdir():
        assert file.read_bytes() == (tmp_path / file.name).read_bytes(), file.name
