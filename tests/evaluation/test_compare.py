"""pytest tests/evaluation/test_compare.py

Models side by side: the same numbers as in their reports, and paired differences against a plain
loop.
"""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import toy_findings_reports as findings
from toy_class_reports import ToyBundle

from cxr_fastai.core import UsageError
from cxr_fastai.evaluation.build_report import class_report, findings_report
from cxr_fastai.evaluation.compare import compare
from cxr_fastai.evaluation.single_label import decision_metrics
from cxr_fastai.intervals.bootstrap import Resampling, interval
from cxr_fastai.manifest import Manifest
from cxr_fastai.recipes import Recipe

VOCAB, RESAMPLES = ["ill", "well"], 60
N, GROUPS = 120, np.random.default_rng(0).integers(0, 60, 120)
TARGS = np.random.default_rng(1).integers(0, 2, N)


def report(seed, noise=1.0, decides=True, split="test", targs=TARGS, vocab=VOCAB):
    "A report of made-up answers to the same images; less noise, better answers."
    rng = np.random.default_rng(seed)
    logits = noise * rng.normal(size=(N, len(vocab))) + 2 * np.eye(len(vocab))[targs]
    probs = np.round(np.exp(logits) / np.exp(logits).sum(1, keepdims=True), 2)
    rows = [
        dict(path=f"{i}.png", source="s", group=f"g{g}", label=vocab[t])
        for i, (g, t) in enumerate(zip(GROUPS, targs))
    ]
    decision = dict(negative="well", threshold=0.4) if decides else {}
    bundle = ToyBundle(vocab, display={"ill": "<Ill>"}, decision=decision)
    recipe = Recipe("r", "Ill & well", {c: [c] for c in vocab})
    data = Manifest("/nowhere", [], recipe, "5" * 64)
    return class_report(bundle, data, split, rows, probs, RESAMPLES, 3)


@pytest.fixture(scope="module")
def three():
    return {"first": report(0), "better": report(1, 0.5), "worse": report(2, 3)}


@pytest.fixture(scope="module")
def found(three):
    return compare(three)


def test_each_model_has_the_numbers_and_intervals_of_its_report(three, found):
    for name, r in three.items():
        m = found.models[name]
        for k in ("accuracy", "balanced_accuracy", "macro_auroc"):
            assert (m["values"][k], m["intervals"][k]) == (r.metrics[k], r.intervals["metrics"][k])
        for k in ("auroc", "sensitivity", "specificity"):
            assert (m["values"][k], m["intervals"][k]) == (
                r.decision[k],
                r.intervals["decision"][k],
            )


@pytest.mark.parametrize("key", ["accuracy", "auroc", "sensitivity", "specificity"])
def test_differences_are_counted_in_the_same_resamples(three, found, key):
    def count(r, i):
        return decision_metrics(TARGS[i], r.predictions.probs[i], VOCAB, "well", 0.4)[key]

    def accuracy(r, i):
        return np.mean(r.predictions.preds[i] == TARGS[i])

    of = accuracy if key == "accuracy" else count
    one, other = three["first"], three["better"]
    images = list(Resampling(GROUPS, RESAMPLES, 3).draws())
    m = found.models["better"]
    ill, well = len(set(GROUPS[TARGS == 0])), len(set(GROUPS[TARGS == 1]))
    n = dict(accuracy=len(set(GROUPS)), auroc=min(ill, well), sensitivity=ill, specificity=well)
    assert m["differences"][key] == pytest.approx(of(other, np.arange(N)) - of(one, np.arange(N)))
    assert m["difference_intervals"][key] == pytest.approx(
        interval([of(other, i) - of(one, i) for i in images], n[key])
    )


def test_a_model_beside_itself_differs_by_nothing_here_and_may_by_little_elsewhere():
    m = compare({"a": report(0), "b": report(0)}).models["b"]
    assert set(m["differences"].values()) == {0}
    most = 1 - 0.025 ** (1 / len(set(GROUPS)))
    assert m["difference_intervals"]["accuracy"] == pytest.approx([-most, most])
    assert all(-0.2 < low < 0 < high < 0.2 for low, high in m["difference_intervals"].values())


def test_below_20_groups_the_tables_open_with_it(monkeypatch):
    reports = {"a": report(0), "b": report(1)}
    assert not compare(reports).too_few and "Too few" not in str(compare(reports))
    for each in reports.values():
        for i, row in enumerate(each.predictions.rows):
            row["group"] = str(i % 12)
    few = compare(reports)
    assert str(few).startswith("Too few to tell: accuracy of a ") and "12 groups" in str(few)
    assert few.opening in few.to_html() and few.to_dict()["too_few"] is True


def test_json_tells_the_kind_of_each_interval(found):
    m = found.to_dict()["models"]["better"]
    assert m["interval_kinds"]["accuracy"] in ("bootstrap", "exact")
    assert m["difference_interval_kinds"].keys() == m["difference_intervals"].keys()


def test_the_paired_interval_is_narrower_than_the_two_apart(found):
    apart = [np.ptp(found.models[name]["intervals"]["accuracy"]) for name in ("first", "better")]
    assert np.ptp(found.models["better"]["difference_intervals"]["accuracy"]) < sum(apart)


# ---- forms


def test_the_table_names_models_metrics_and_differences(found):
    text = str(found)
    assert text.startswith("test split: 120 images (") and "% <Ill>" in text
    assert re.search(
        r"^model +accuracy +balanced accuracy +macro F1 +AUROC +sensitivity +specificity$",
        text,
        re.M,
    )
    assert (
        "\nDifference to first, of shares in points\n" in text
        and max(map(len, text.splitlines())) <= 120
    )
    better = found.models["better"]
    assert re.search(rf"^better +{100 * better['values']['accuracy']:.1f} %", text, re.M)
    assert re.search(
        rf"^better +{re.escape(format(100 * better['differences']['accuracy'], '+.1f'))} ",
        text,
        re.M,
    )
    assert "percentile bootstrap over" in text and "Differences are paired" in text


def test_it_is_strict_json_and_a_page_that_escapes_names(found):
    d = found.to_dict()
    assert json.loads(json.dumps(d, allow_nan=False)) == d and d["first"] == "first" and d["n"] == N
    page = found.to_html()
    assert page.startswith("<!DOCTYPE html>") and "&lt;Ill&gt;" in page and "<Ill>" not in page
    assert (
        "Difference to first" in page
        and "<script" not in page
        and "<html" not in found._repr_html_()
    )


def test_models_without_the_question_are_compared_by_macro_auroc():
    found = compare({"asks": report(0), "does not": report(1, decides=False)})
    assert "macro_auroc" in found.columns and "auroc" not in found.columns
    assert found.models["does not"]["values"].keys().isdisjoint({"sensitivity", "auroc"})
    assert re.search(r"^does not .* -$", str(found), re.M)


def test_models_of_many_findings_stand_side_by_side_too():
    recipe, rng = (
        Recipe("r", "r", {c: [c] for c in VOCAB}, task="multi_label"),
        np.random.default_rng(0),
    )
    labels = rng.choice(["ill", "well", "ill|well", "none", "ill|?well"], N)
    rows = [
        dict(path=str(i), source="s", group=f"g{g}", label=c)
        for i, (g, c) in enumerate(zip(GROUPS, labels))
    ]
    bundle = findings.ToyBundle(vocab=VOCAB, thresholds={})
    data = Manifest("/nowhere", [], recipe, "")
    a, b = (
        findings_report(bundle, data, "test", rows, rng.random((N, 2)), RESAMPLES) for _ in range(2)
    )
    found = compare({"a": a, "b": b})
    assert (
        found.models["b"]["differences"]["macro_auroc"]
        == b.metrics["macro_auroc"] - a.metrics["macro_auroc"]
    )
    assert found.models["b"]["intervals"]["macro_f1"] == b.intervals["metrics"]["macro_f1"]
    assert "macro AUROC" in str(found) and "samples F1" in found.to_html()


def test_one_model_alone_has_no_differences():
    alone = compare({"a": report(0)})
    assert "ifference" not in str(alone) + alone.to_html()


# ---- what is refused


@pytest.mark.parametrize(
    "other,says",
    [
        (
            lambda: report(1, split="valid"),
            "b was evaluated on other images (valid split, 120) than a (test split, 120)",
        ),
        (lambda: report(1, targs=1 - TARGS), "evaluate both on the same split of one folder"),
        (lambda: object(), "b is a object: expected a report"),
        (lambda: replace(report(1), predictions=None), "b: the report holds no answers"),
    ],
)
def test_reports_that_cannot_be_compared_are_refused(other, says):
    with pytest.raises(UsageError) as e:
        compare({"a": report(0), "b": other()})
    assert says in str(e.value)


def test_no_report_is_refused():
    with pytest.raises(UsageError, match="no reports"):
        compare({})


def test_where_no_difference_has_an_interval_nothing_is_said_of_them(monkeypatch):
    reports = {"a": report(0), "b": report(1)}
    assert "Differences are paired" in str(compare(reports))
    for each in reports.values():
        for row in each.predictions.rows:
            row["group"] = "one"
    alone = str(compare(reports))
    assert "No intervals" in alone and "Differences are paired" not in alone
