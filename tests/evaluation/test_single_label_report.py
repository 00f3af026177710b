"""pytest tests/evaluation/test_single_label_report.py

Reports of a stand-in bundle on made-up manifests: words, tables, html.
"""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from toy_class_reports import EVIL, ROWS, Tags, ToyBundle, manifest

from cxr_fastai.evaluation.bootstrap import Resampling, interval
from cxr_fastai.evaluation.evaluate import evaluate
from cxr_fastai.evaluation.single_label_report import NOT_ABOVE
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
            {},
            True,
            "above the source-only floor by 16.7 points (2 of 12 images; 95 % interval 0.0 to 41.7): "
            "the interval includes 0, with other patients there may be no gain",
        ),
        (
            {6: "a"},
            True,
            "above the source-only floor by 8.3 points (1 of 12 images; 95 % interval 0.0 to 25.0): "
            "the interval includes 0, with other patients there may be no gain",
        ),
        (
            {6: "a", 7: "a"},
            False,
            f"{NOT_ABOVE} (0.0 points, 95 % interval 0.0 to 0.0, which includes 0)",
        ),
        (
            {i: "c" for i in range(8)},
            False,
            f"{NOT_ABOVE} (-50.0 points, 95 % interval -75.0 to -25.0)",
        ),
    ],
)
def test_accuracy_is_told_apart_from_the_source_only_floor(wrong, above, says):
    r = evaluate(ToyBundle(wrong=wrong), manifest())
    assert r.above_floor is above and not r.sure and r.verdict == says
    assert r.to_dict()["above_source_only_floor"] is above
    assert f"Accuracy is {says}." in str(r) and says in r.to_html() and says in r._repr_html_()


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
        assert of[0] <= number <= of[1], path
        return 1

    spans = {k: d["intervals"][k] for k in ("metrics", "decision", "triage", "floors", "by_source")}
    assert (
        sum(check(d[k], v, (k,)) for k, v in spans.items()) == 4 + 3 * 5 + 7 + (2 + 10) + 4 + 2 * 2
    )
    model, floor = d["metrics"]["accuracy"], d["floors"]["source_only"]["accuracy"]
    assert check(model - floor, d["intervals"]["gain"], ("gain",))


def test_intervals_resample_the_groups_of_the_manifest():
    rows = manifest(ROWS * 2)
    groups = [f"p{i // 4}" for i in range(24)]
    paired = Manifest(
        rows.root,
        [Record(**{**vars(r), "group": g}) for r, g in zip(rows.rows, groups)],
        rows.recipe,
        rows.sha256,
    )
    r = evaluate(ToyBundle(wrong={0: "b", 1: "b", 20: "a"}), paired, resamples=300, seed=7)
    right = np.isin(np.arange(24), [0, 1, 20], invert=True)
    want = interval([right[i].mean() for i in Resampling(groups, 300, 7).draws()])
    assert r.intervals["metrics"]["accuracy"] == pytest.approx(want) and (
        r.groups,
        r.resamples,
        r.seed,
    ) == (6, 300, 7)
    assert (
        "a bootstrap over 6 groups" in str(r)
        and "With 6 groups they are too narrow." in r.to_html()
    )
    assert (
        r.to_dict()["groups"] == 6 and r.to_dict()["resamples"] == 300 and r.to_dict()["seed"] == 7
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
        and " to " not in str(r).split("No intervals")[0]
    )


def test_a_recipe_chooses_the_headline():
    data = manifest()
    data = Manifest(data.root, data.rows, replace(data.recipe, metrics=["macro_f1"]), data.sha256)
    r = evaluate(ToyBundle(), data)
    assert [row[0] for row in r.headline()] == ["macro F1"] and r.to_dict()["metrics"][
        "accuracy"
    ] == 1
    assert "balanced accuracy" not in str(r)


@pytest.fixture(scope="module")
def asked():
    "A bundle whose negative class is `a`; one `b` is answered `a` and falls below the second worklist threshold."
    decision = dict(
        negative="a",
        threshold=0.5,
        triage=[
            dict(asked_sensitivity=0.9, threshold=0.1),
            dict(asked_sensitivity=0.95, threshold=0.4),
        ],
    )
    return evaluate(ToyBundle(wrong={6: "a"}, decision=decision), manifest())


def test_a_question_is_told_with_the_images_that_each_share_is_of(asked):
    rows = {name: (value, n) for name, value, _, n in asked.decision_rows()}
    assert (
        rows["sensitivity"] == ("83.3 %", "6")
        and rows["NPV"] == ("85.7 %", "7")
        and rows["AUROC"][1] == "12"
    )
    assert re.search(r"^sensitivity +83\.3 % +\d+\.\d to 100\.0 +6$", str(asked), re.M)
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
        assert (
            "sensitivity of 95 % does not keep it here: 83.3 %" in page
            and "sensitivity of 90 % keeps it" in page
        )
        assert "work removed" in page and "NPV at a prevalence of 5 %" in page
    assert (
        'class="box warn">The threshold that validation fixed for a sensitivity of 95 %'
        in asked.to_html()
    )


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
test split: 12 images, 3 classes, 2 sources

                                    model         majority floor       source-only floor
accuracy           91.7 % (66.7 to 100.0)  50.0 % (16.7 to 75.2)  83.3 % (58.3 to 100.0)
balanced accuracy  83.3 % (66.7 to 100.0)  33.3 % (33.3 to 50.0)  66.7 % (66.7 to 100.0)
macro F1           0.863 (0.583 to 1.000)                      -                       -
macro AUROC        0.889 (0.766 to 1.000)                      -                       -

Accuracy is above the source-only floor by 8.3 points (1 of 12 images; 95 % interval 0.0 to 25.0): \
the interval includes 0, with other patients there may be no gain.

class  n    prevalence       precision          recall              F1           AUROC
A      6        50.0 %           0.857           1.000           0.923           0.917
          16.7 to 75.2  0.429 to 1.000  1.000 to 1.000  0.600 to 1.000  0.749 to 1.000
B      2        16.7 %           1.000           0.500           0.667           0.750
           0.0 to 41.7                  0.000 to 1.000  0.000 to 1.000  0.500 to 1.000
C      4        33.3 %           1.000           1.000           1.000           1.000
           8.3 to 58.5  1.000 to 1.000  1.000 to 1.000  1.000 to 1.000  1.000 to 1.000

Intervals are 95 %: a bootstrap over 12 groups (images of one patient or of one radiograph), 200
resamples. One without width means that all were answered alike, not that nothing can go wrong; none
covers another hospital or another training run. With 12 groups they are too narrow."""
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
        assert interval(found[name].in_resamples) == found[name].interval
    assert replace(asked, predictions=None).resampled_numbers(Resampling("ab")) == {}
