"""pytest tests/evaluation/test_single_label_report.py

Reports of a stand-in bundle on made-up manifests: words, tables, html.
"""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from toy_class_reports import EVIL, ROWS, Tags, ToyBundle, manifest

from cxr_fastai.evaluation.evaluate import evaluate
from cxr_fastai.evaluation.single_label_words import NOT_ABOVE
from cxr_fastai.intervals.bootstrap import Resampling, interval
from cxr_fastai.manifest import Manifest, Record


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    "A report and the folder it was written to; one `b` is answered `a`."
    out = tmp_path_factory.mktemp("report") / "new" / "folder"
    return SimpleNamespace(report=evaluate(ToyBundle(wrong={6: "a"}), manifest(), out=out), out=out)


def test_report_holds_metrics_floors_and_sources_of_the_split(written):
    r = written.report
    assert (r.n, r.split, r.names) == (12, "test", {"a": "A", "b": "B", "c": "C"})
    assert r.metrics["accuracy"] == pytest.approx(11 / 12) and r.metrics["confusion"] == [
        [6, 0, 0],
        [1, 1, 0],
        [0, 0, 4],
    ]
    assert r.floors["majority"]["accuracy"] == pytest.approx(6 / 12)
    assert r.floors["source_only"]["accuracy"] == pytest.approx(10 / 12)
    assert {s: (o["n"], o["accuracy"]) for s, o in r.sources.items()} == {
        "s1": (8, 7 / 8),
        "s2": (4, 1.0),
    }


def test_a_class_of_the_bundle_without_images_is_shown_without_numbers():
    r = evaluate(ToyBundle(), manifest([("a", "s"), ("b", "s")]))
    assert r.metrics["per_class"]["c"]["recall"] is None
    assert re.search(r"^C +0 +0\.0 % +0\.000 +- +- +-$", str(r), re.M)


@pytest.mark.parametrize(
    "wrong,above,says",
    [
        (
            {6: "a", 18: "a", 30: "a"},
            True,
            r"above the source-only floor by 8\.3 points \(3 of 36 images; 95 % interval 0\.0 to "
            r"\d+\.\d\): the interval includes 0, with other patients there may be no gain",
        ),
        (
            {i: "a" for i in (6, 7, 18, 19, 30, 31)},
            False,
            re.escape(NOT_ABOVE)
            + r" \(0\.0 points, 95 % interval -9\.7 to 9\.7, which includes 0\)",
        ),
        (
            {i: "c" for i in range(36)},
            False,
            re.escape(NOT_ABOVE) + r" \(-50\.0 points, 95 % interval -6\d\.\d to -3\d\.\d\)",
        ),
    ],
)
def test_accuracy_is_told_apart_from_the_source_only_floor(wrong, above, says):
    r = evaluate(ToyBundle(wrong=wrong), manifest(ROWS * 3))
    assert r.above_floor is above and not r.sure and re.fullmatch(says, r.verdict)
    assert r.to_dict()["above_source_only_floor"] is above
    assert f"Accuracy is {r.verdict}." in str(r)
    assert r.verdict in r.to_html() and r.verdict in r._repr_html_()


# ---- too few


@pytest.mark.parametrize("groups,few", [(19, True), (20, False)])
def test_below_20_groups_a_report_opens_with_it_and_has_no_verdict(groups, few):
    r = evaluate(ToyBundle(), manifest((ROWS * 2)[:groups]), resamples=100)
    pages = (str(r), r.to_html(), r._repr_html_())
    assert r.too_few is r.to_dict()["too_few"] is few
    assert str(r).startswith("Too few to tell: accuracy 100.0 % (") is few
    for page in pages:
        assert ("source-only floor by" in page or NOT_ABOVE in page) is not few
        assert ("Too few to tell: accuracy" in page) is few
    assert not few or not r.sure and r.verdict == "too few to tell: 19 groups, fewer than 20"


def test_seven_of_seven_read_59_to_100_percent():
    r = evaluate(ToyBundle(), manifest([("a", "s"), ("b", "s")] * 3 + [("a", "t")]))
    assert str(r).startswith("Too few to tell: accuracy 100.0 % (59.0 to 100.0) is of 7 groups")
    d = r.to_dict()
    assert d["intervals"]["metrics"]["accuracy"] == pytest.approx([0.5904, 1], abs=1e-4)
    assert d["interval_kinds"]["metrics"]["accuracy"] == "exact"


def test_no_number_of_a_faultless_report_has_an_interval_without_width():
    decision = dict(
        negative="a", threshold=0.5, triage=[dict(asked_sensitivity=0.98, threshold=0.4)]
    )
    for times in (1, 4):
        r = evaluate(ToyBundle(decision=decision), manifest(ROWS * times), resamples=60)
        ends = limits(r.to_dict()["intervals"])
        assert len(ends) > 40 and all(low < high for low, high in ends)


def limits(tree):
    "Every interval of a tree."
    if isinstance(tree, dict):
        tree = list(tree.values())
    elif tree is None or not isinstance(tree[0], dict | list):
        return [] if tree is None else [tree]
    return [found for part in tree for found in limits(part)]


def test_a_side_of_few_groups_is_told_beside_the_decision_and_judged_nowhere():
    rows = [("a", "s")] * 60 + [("b", "s")] * 7
    decision = dict(
        negative="a", threshold=0.5, triage=[dict(asked_sensitivity=0.98, threshold=0.4)]
    )
    r = evaluate(ToyBundle(decision=decision), manifest(rows), resamples=60)
    assert not r.too_few and r.to_dict()["groups_by_side"] == {"positive": 7, "negative": 60}
    for page in (" ".join(str(r).split()), r.to_html(), r._repr_html_()):
        assert "with fewer than 20 groups on a side (not A 7): what rests on it" in page
        assert "Too few to tell whether the threshold that validation fixed" in page
        assert "on a side: B 7." in page and "keeps it here" not in page
    kinds = r.to_dict()["interval_kinds"]["decision"]
    assert kinds["sensitivity"] == kinds["auroc"] == "exact"
    assert r.intervals["decision"]["sensitivity"] == pytest.approx([0.025 ** (1 / 7), 1])


def test_a_gain_that_other_patients_would_keep_is_told_without_doubt():
    r = evaluate(ToyBundle(), manifest([("a", "s"), ("b", "s")] * 30))
    assert r.sure and re.fullmatch(
        r"above the source-only floor by 50.0 points \(30 of 60 images; 95 % interval "
        r"3\d\.\d to 6\d\.\d\)",
        r.verdict,
    )
    assert 'class="box"><strong>Accuracy' in r.to_html()


def test_every_number_has_an_interval_around_it():
    meta = dict(
        decision=dict(
            negative="a", threshold=0.5, triage=[dict(asked_sensitivity=0.98, threshold=0.4)]
        )
    )
    d = evaluate(ToyBundle(wrong={0: "b", 6: "a", 20: "b"}, **meta), manifest(ROWS * 2)).to_dict()

    def check(number, of, path):
        if isinstance(of, dict):
            return sum(check(number[k], v, (*path, k)) for k, v in of.items())
        if of and isinstance(of[0], dict):
            return sum(check(a, b, path) for a, b in zip(number, of))
        if path == ("floors", "majority", "balanced_accuracy"):
            return of is None  # 1 over the number of classes, by definition
        assert of[0] <= number <= of[1], path
        return 1

    spans = {k: d["intervals"][k] for k in ("metrics", "decision", "triage", "floors", "by_source")}
    assert (
        sum(check(d[k], v, (k,)) for k, v in spans.items()) == 4 + 3 * 5 + 7 + (2 + 10) + 4 + 2 * 2
    )
    model, floor = d["metrics"]["accuracy"], d["floors"]["source_only"]["accuracy"]
    assert check(model - floor, d["intervals"]["gain"], ("gain",))


def test_intervals_resample_the_groups_of_the_manifest():
    rows = manifest(ROWS * 10)
    groups = [f"p{i // 4}" for i in range(120)]
    paired = Manifest(
        rows.root,
        [Record(**{**vars(r), "group": g}) for r, g in zip(rows.rows, groups)],
        rows.recipe,
        rows.sha256,
    )
    wrong = {0: "b", 1: "b", 20: "a", 30: "a", 40: "b", 50: "b", 60: "b"}
    r = evaluate(ToyBundle(wrong=wrong), paired, resamples=300, seed=7)
    right = np.isin(np.arange(120), list(wrong), invert=True)
    want = interval([right[i].mean() for i in Resampling(groups, 300, 7).draws()], 30)
    assert r.intervals["metrics"]["accuracy"] == pytest.approx(want) and (
        r.groups,
        r.resamples,
        r.seed,
    ) == (30, 300, 7)
    assert "percentile bootstrap over 30 groups" in " ".join(str(r).split())
    assert (
        r.to_dict()["groups"] == 30 and r.to_dict()["resamples"] == 300 and r.to_dict()["seed"] == 7
    )


def test_one_patient_has_numbers_and_no_intervals():
    rows = manifest([("a", "s")] * 3)
    rows = Manifest(
        rows.root,
        [Record(**{**vars(r), "group": "p"}) for r in rows.rows],
        rows.recipe,
        rows.sha256,
    )
    r = evaluate(ToyBundle(wrong={0: "b"}), rows)
    assert r.intervals["metrics"]["accuracy"] is None and "66.7 %" in str(r)
    assert (
        "No intervals: all images belong to one group" in str(r)
        and str(r).startswith("Too few to tell: accuracy 66.7 % is of 1 group,")
        and not re.search(r"\d to \d", str(r).split("No intervals")[0])
    )


def test_a_recipe_chooses_the_headline():
    data = manifest()
    data = Manifest(data.root, data.rows, replace(data.recipe, metrics=["macro_f1"]), data.sha256)
    r = evaluate(ToyBundle(), data)
    assert [row[0] for row in r.headline()] == ["macro F1"] and r.to_dict()["metrics"][
        "accuracy"
    ] == 1
    assert "balanced accuracy" not in str(r)


def asked_decision():
    "Asks for 90 and for 95 %; who is answered `a` falls below the second threshold."
    steps = [
        dict(asked_sensitivity=0.9, threshold=0.1),
        dict(asked_sensitivity=0.95, threshold=0.4),
    ]
    return dict(negative="a", threshold=0.5, triage=steps)


@pytest.fixture(scope="module")
def asked():
    "A bundle whose negative class is `a`; one `b` is answered `a`."
    return evaluate(ToyBundle(wrong={6: "a"}, decision=asked_decision()), manifest())


def test_a_question_is_told_with_the_images_that_each_share_is_of(asked):
    rows = {name: (value, n) for name, value, _, n in asked.decision_rows()}
    assert (
        rows["sensitivity"] == ("83.3 %", "6")
        and rows["NPV"] == ("85.7 %", "7")
        and rows["AUROC"][1] == "12"
    )
    assert re.search(r"^sensitivity +83\.3 % +35\.9 to 99\.6 +6$", str(asked), re.M)
    assert "not A, from 0.500" in str(asked) and "not A, from 0.500" in asked.to_html()


def test_a_worklist_tells_what_each_threshold_removes_and_whether_it_keeps_its_sensitivity(asked):
    first, second = asked.to_dict()["triage"]["at"]
    assert (first["removed"], first["missed"], second["removed"], second["missed"]) == (
        0,
        0,
        pytest.approx(7 / 12),
        1,
    )
    for page in (str(asked).replace("\n", " "), asked.to_html(), asked._repr_html_()):
        assert page.count("Too few to tell whether the threshold") == 2 and "83.3 % (" in page
        assert "work removed" in page and "NPV at a prevalence of 5 %" in page
    assert 'class="box warn">Too few to tell whether the threshold' in asked.to_html()
    many = evaluate(ToyBundle(wrong={6: "a"}, decision=asked_decision()), manifest(ROWS * 4))
    for page in (" ".join(str(many).split()), many.to_html()):
        assert "sensitivity of 90 % keeps it here: 100.0 %" in page
        assert "sensitivity of 95 % keeps it here: 95.8 %" in page


def test_a_bundle_without_worklist_thresholds_or_without_a_question_has_no_such_tables():
    asked = evaluate(ToyBundle(decision=dict(negative="a", threshold=0.5)), manifest())
    assert (
        asked.triage["at"] == []
        and "of the worklist hold" in str(asked)
        and "work removed" not in asked.to_html()
    )
    plain = evaluate(ToyBundle(), manifest())
    assert plain.triage is None is plain.decision and "worklist" not in plain.to_html() + str(plain)


def test_terminal_table_is_plain_text_of_headline_floors_and_classes():
    r = evaluate(ToyBundle(wrong={6: "a"}), manifest(), resamples=200)
    assert (
        str(r)
        == """\
Too few to tell: accuracy 91.7 % (61.5 to 99.8) is of 12 groups, and below 20 no number is a
verdict.

Audit: not asked, the folder has no train or valid films. cxr audit DATA asks all.

test split: 12 images, 3 classes, 2 sources

                                    model         majority floor      source-only floor
accuracy            91.7 % (61.5 to 99.8)  50.0 % (21.1 to 78.9)  83.3 % (51.6 to 97.9)
balanced accuracy   83.3 % (35.9 to 99.6)                 33.3 %  66.7 % (22.3 to 95.7)
macro F1           0.863 (0.387 to 0.998)                      -                      -
macro AUROC        0.889 (0.413 to 0.999)                      -                      -

No pixel floor: this folder has no train films of the bundle's classes to fit it on.

class  n    prevalence       precision          recall              F1           AUROC
A      6        50.0 %           0.857           1.000           0.923           0.917
          21.1 to 78.9  0.421 to 0.996  0.541 to 1.000  0.449 to 1.000  0.442 to 1.000
B      2        16.7 %           1.000           0.500           0.667           0.750
           2.1 to 48.4                  0.013 to 0.987  0.040 to 0.998  0.061 to 1.000
C      4        33.3 %           1.000           1.000           1.000           1.000
           9.9 to 65.1  0.398 to 1.000  0.398 to 1.000  0.398 to 1.000  0.398 to 1.000

Calibration of the most probable class: Brier score 0.123 (0.009 to 0.434), 0.123 before temperature
1.00; ECE 0.217, 0.217 before, where faultless probabilities would show 0.106 on as many.

Intervals are 95 % and exact (Clopper-Pearson), with the 12 groups (images of one patient or of one
radiograph) as trials: below 20 groups a bootstrap tells too little. None covers another hospital or
another training run."""
    )


@pytest.mark.parametrize("page", [True, False])
def test_names_from_data_are_text_in_html_never_tags(page):
    vocab = ["a", EVIL.replace("/", "|")]  # a toy bundle reads the class from the folder's name
    rows = [("a", EVIL), (vocab[1], EVIL), (vocab[1], "t")]
    bundle = ToyBundle(vocab, display={"a": EVIL, vocab[1]: f'{EVIL} & "more"'}, arch=EVIL)
    html = evaluate(bundle, manifest(rows, vocab=vocab)).to_html(page)
    assert (
        "script" not in Tags(html).seen
        and "&lt;script&gt;alert(" in html
        and "&amp; &#34;more&#34;" in html
    )


def test_notebook_html_is_a_part_of_a_page(written):
    html = written.report._repr_html_()
    assert not Tags(html).seen & {"html", "head", "body", "title", "script"} and "91.7 %" in html


def test_a_report_without_intervals_shows_the_numbers_alone():
    whole = evaluate(ToyBundle(decision=dict(negative="a", threshold=0.5)), manifest())
    bare = replace(whole, intervals={}, triage=None, groups=0, resamples=0, predictions=None)
    assert re.search(
        "^accuracy +100.0 % +50.0 % +83.3 %$", str(bare), re.M
    ) and NOT_ABOVE not in str(bare)
    assert "100.0 %" in bare.to_html() and "interval 0" not in str(bare)


def test_the_page_counts_the_images_that_were_answered(written):
    assert "for 12 images of the test split" in written.report.to_html()


def test_numbers_in_each_resample_are_those_of_the_intervals(asked):
    asked = evaluate(
        ToyBundle(wrong={i: "a" for i in range(60)}, decision=asked_decision()), manifest(ROWS * 12)
    )
    found = asked.resampled_numbers(Resampling(asked.predictions.groups))
    assert list(found) == [
        "accuracy",
        "balanced_accuracy",
        "macro_f1",
        "macro_auroc",
        "auroc",
        "sensitivity",
        "specificity",
    ]
    for name in ("accuracy", "macro_f1"):
        assert found[name].value == asked.metrics[name]
        n = found[name].groups
        assert n >= 72 and interval(found[name].in_resamples, n) == found[name].interval
    assert replace(asked, predictions=None).resampled_numbers(Resampling("ab")) == {}


# ---- what training warned of, the way through the page, and its date

WARNED = dict(
    kind="at_chance",
    says="Validation stayed at chance: 0.31 of 3 classes.",
    do="Give --allow-missing-classes <b>.",
)


def test_a_report_opens_with_what_training_warned_of():
    r = evaluate(ToyBundle(warnings=[WARNED]), manifest(ROWS * 3))
    assert str(r).startswith(f"Training warned: {WARNED['says']} {WARNED['do']}")
    page = r.to_html()
    assert page.index("Training warned:") < page.index(r.summary) < page.index(r.verdict)
    assert "<code><span>--allow-missing-classes</span></code> &lt;b&gt;." in page
    assert "Training warned:" in r.to_html(page=False)
    [told] = r.to_dict()["training_warnings"]
    assert (told["kind"], told["says"]) == (WARNED["kind"], WARNED["says"])


def test_a_bundle_of_before_warns_of_nothing():
    r = evaluate(ToyBundle(), manifest(ROWS * 3))
    assert "Training warned" not in str(r) + r.to_html() and r.training_warnings == []


@pytest.mark.parametrize("decides", [True, False])
def test_the_ways_at_the_top_lead_to_the_sections_of_the_page(decides):
    triage = [
        dict(asked_sensitivity=0.9, threshold=0.3),
        dict(asked_sensitivity=0.8, threshold=0.5),
    ]
    decision = dict(negative="a", threshold=0.5, triage=triage)
    meta = dict(decision=decision) if decides else {}
    r = evaluate(ToyBundle(wrong={6: "a"}, **meta), manifest(ROWS * 3))
    page = r.to_html()
    ways = dict(re.findall(r'<a href="#(\w+)"><strong>([^<]*)</strong>', page))
    assert set(ways) == set(re.findall(r'<section id="(\w+)">', page))
    assert (
        ways["numbers"] == "36"
        and ways["confusion"] == str(r.n_mistaken)
        and ways["classes"] == "3"
    )
    assert ("decision" in ways, ways.get("worklist")) == (decides, "2" if decides else None)


def test_the_date_is_that_of_the_training_where_the_bundle_tells_it():
    """One of the evaluation would make each call write other bytes."""
    dated = evaluate(ToyBundle(trained=dict(epochs=3, date="2026-03-04")), manifest(ROWS * 3))
    assert "<dt>trained on (UTC)</dt><dd>2026-03-04</dd>" in dated.to_html()
    assert "trained on (UTC)" not in evaluate(ToyBundle(), manifest(ROWS * 3)).to_html()


def test_on_a_phone_the_confusion_matrix_scrolls_in_its_own_box(written):
    html = written.report.to_html()
    section = html.partition('<section id="confusion">')[2].partition("</section>")[0]
    assert re.search(r'<div class="wide"><img class="plot few" src="data:', section)
    assert ".cxr-report .wide{overflow-x:auto}" in html
