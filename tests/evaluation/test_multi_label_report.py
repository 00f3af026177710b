"""pytest tests/evaluation/test_multi_label_report.py

Reports of a stand-in multi-label bundle on made-up and on drawn folders.
"""

import base64
import csv
import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
import toy
from toy_class_reports import EVIL, Tags
from toy_findings_reports import ABC, LABELS, ToyBundle, manifest, report

from cxr_fastai.evaluation.compare import compare
from cxr_fastai.evaluation.evaluate import evaluate
from cxr_fastai.evaluation.multi_label import findings_metrics
from cxr_fastai.evaluation.multi_label_report import FindingsReport
from cxr_fastai.evaluation.multi_label_words import HEADLINE, NOT_ABOVE, UNDEFINED
from cxr_fastai.manifest import read_manifest
from cxr_fastai.recipes import METRICS, present, unknown


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    "A report and the folder it was written to; one `a` is missed, one `b` answered in vain."
    out = tmp_path_factory.mktemp("findings") / "new" / "folder"
    report = evaluate(ToyBundle(wrong={0: "a", 3: "b"}), manifest(), out=out, resamples=50)
    return SimpleNamespace(report=report, out=out)


def test_a_multi_label_bundle_is_reported_by_finding(written):
    r = written.report
    assert isinstance(r, FindingsReport) and (r.n, r.groups, r.split) == (24, 12, "test")
    a, b, c = r.metrics["per_class"].values()
    assert (a["n"], a["unknown"], a["support"], a["answered"], a["recall"]) == (20, 4, 8, 7, 7 / 8)
    assert (b["n"], b["support"], b["answered"], b["precision"]) == (
        24,
        12,
        13,
        pytest.approx(12 / 13),
    )
    assert (c["support"], c["answered"], c["auroc"], c["fixed"], b["fixed"]) == (
        0,
        0,
        None,
        False,
        True,
    )
    assert r.metrics["exact"] == pytest.approx(22 / 24)


def test_numbers_are_those_of_the_rows_labels_and_the_bundles_answers(written):
    r, data = written.report, manifest()
    targs = np.array([data.recipe.targets(label) for label in LABELS])
    assert np.array_equal(r.predictions.targs, targs, equal_nan=True)
    assert r.metrics == findings_metrics(
        targs, r.predictions.probs, ABC, r.predictions.preds, {"a": 0.3, "b": 0.4}
    )


def test_findings_are_matched_by_name_whatever_the_order_of_the_two_vocabs():
    r = report(vocab=["c", "b", "a"])
    assert (
        r.metrics["exact"] == 1
        and r.metrics["per_class"]["a"]["support"] == 8
        and list(r.names) == ["c", "b", "a"]
    )


def test_a_finding_of_the_bundle_that_the_folder_does_not_know_is_unknown_not_absent():
    r = report(vocab=["x", *ABC])
    assert r.metrics["per_class"]["x"]["n"] == 0 and r.metrics["exact"] == 1
    assert re.search(r"^X +0 +0 +- ", str(r), re.M)


def test_every_headline_number_that_a_recipe_can_ask_for_has_a_name():
    assert tuple(HEADLINE) == METRICS["multi_label"]


def test_a_recipe_chooses_and_orders_the_headline():
    r = report(recipe=dict(metrics=["micro_f1", "macro_auroc"]))
    assert [name for name, _, _ in r.headline()] == ["micro F1", "macro AUROC, of 2 findings"]
    assert len(report().headline()) == 6


def test_the_same_draws_are_made_for_the_same_seed():
    assert report(wrong={0: "a"}) == report(wrong={0: "a"})


MANY = LABELS * 2  # in 24 groups
TWO = ["s", "t"] * 12  # a|b, none and b|?a stand in source t


@pytest.mark.parametrize(
    "wrong,above,says",
    [
        ({}, True, "above the source-only floor of 0.500 by 0.500, 95 % interval 0."),
        (
            {i: "ab" for i in range(48)},
            False,
            f"{NOT_ABOVE} (-0.500, 95 % interval -0.500 to -0.",
        ),
    ],
)
def test_macro_auroc_is_told_apart_from_the_source_only_floor(wrong, above, says):
    r = report(MANY, wrong=wrong)
    assert r.above_floor is r.sure is above and says in r.verdict
    assert r.to_dict()["above_source_only_floor"] is above
    assert says in " ".join(str(r).split()) and r.verdict in r.to_html(page=False)


def test_a_gain_whose_interval_includes_0_is_not_sure():
    r = report(MANY, wrong={i: "ab" for i in range(22)})
    assert (
        r.above_floor
        and not r.sure
        and r.verdict.endswith("the interval includes 0, with other patients there may be no gain")
    )


def test_without_a_finding_that_some_images_have_and_others_lack_there_is_no_verdict():
    r = report(["a|b|c"] * 4)
    assert (
        r.verdict == UNDEFINED
        and not r.above_floor
        and f"Macro AUROC is {UNDEFINED}." in " ".join(str(r).split())
    )
    assert UNDEFINED in r.to_html()
    assert str(r).startswith("Too few to tell: the share of images all right 100.0 % (")


def test_below_20_groups_the_report_opens_with_it_and_has_no_verdict(written):
    r = written.report
    assert r.too_few and not r.sure and not report(MANY).too_few
    assert str(r).startswith("Too few to tell: macro AUROC ") and "is of 12 groups" in r.opening
    for page in (str(r), r.to_html(), r._repr_html_()):
        assert "source-only floor of" not in page and NOT_ABOVE not in page
    assert r.opening in r.to_html() and "Too few to tell: macro" not in str(report(MANY))
    d = r.to_dict()
    assert d["too_few"] is True and d["interval_kinds"]["metrics"]["macro_auroc"] == "exact"


def test_findings_of_few_groups_are_named_where_all_groups_are_enough():
    r = report(MANY)
    assert r.to_dict()["groups_by_class"] == {"a": 8, "b": 24, "c": 0}
    for page in (" ".join(str(r).split()), r.to_html(), r._repr_html_()):
        assert "with fewer than 20 groups on a side: A 8." in page


def test_several_sources_have_a_floor_a_finding_and_numbers_of_their_own():
    r = report(sources=TWO)
    assert list(r.sources) == ["s", "t"] and "source-only AUROC" in r.to_html(page=False)
    assert r.floors["source_only"]["per_class"]["b"]["auroc"] > 0.5 and "one source" not in str(r)
    assert "source-only AUROC" not in report().to_html(page=False)


def test_the_share_of_images_all_right_stands_beside_that_of_answering_nothing(written):
    right, says = written.report.exact_words
    assert right and re.fullmatch(
        r"All known findings of an image are right in 91\.7 % \(.*\) of 24 images; answering "
        r"none at all would be right in 33\.3 %\.",
        says,
    )
    assert not report(wrong={i: "c" for i in range(24)}).exact_words[0]


def test_what_the_samples_averages_can_reach_is_said_where_it_is_not_1(written):
    assert "reach 0.667, as 16 of 24 images have one" in " ".join(str(written.report).split())
    assert "samples averages count" not in str(report(["a", "b"] * 4))


def test_terminal_text_has_every_number_with_its_interval_and_n(written):
    text, m, spans = (
        str(written.report),
        written.report.metrics,
        written.report.intervals["metrics"],
    )
    assert max(map(len, text.splitlines())) <= 110
    low, high = spans["macro_auroc"]
    assert re.search(
        rf"^macro AUROC, of 2 findings +{m['macro_auroc']:.3f} +{low:.3f} to {high:.3f} +0\.5",
        text,
        re.M,
    )
    a, of = m["per_class"]["a"], spans["per_class"]["a"]
    assert re.search(
        rf"^A +20 +8 +40\.0 % +[\d.]+ to [\d.]+ +{a['auroc']:.3f} +{of['auroc'][0]:.3f} to ",
        text,
        re.M,
    )
    assert re.search(
        rf"^A +0\.300 +7 +1\.000 +0\.\d+ to 1\.000 +0\.875 +{of['recall'][0]:.3f} to ", text, re.M
    )
    assert re.search(r"^C +\(0\.500\) +0 +0\.000 +- +-$", text, re.M)
    for a, found in m["averages"].items():
        assert re.search(
            rf"^{a} +{found['precision']:.3f} +\S+ to \S+ +{found['recall']:.3f} ", text, re.M
        )
    assert "the 12 groups" in " ".join(text.split())


def test_the_files_are_written_and_nothing_is_left_over(written):
    names = sorted(p.name for p in written.out.iterdir())
    assert names == ["CLAIM.md", "metrics.json", "predictions.csv", "report.html", "roc.png"]


def test_metrics_json_is_strict_and_the_report(written):
    def refuse(name):
        raise ValueError(name)

    d = json.loads((written.out / "metrics.json").read_text(), parse_constant=refuse)
    assert d == written.report.to_dict() and list(d) == sorted(d)
    assert set(d["intervals"]) == {"metrics", "floors", "by_source", "gain"}


def test_numbers_and_intervals_nest_alike(written):
    d = written.report.to_dict()

    def shape(spans, numbers, at=""):
        for k, span in spans.items():
            assert k in numbers, f"{at}.{k}"
            if isinstance(span, dict):
                shape(span, numbers[k], f"{at}.{k}")
            elif span:
                assert len(span) == 2 and span[0] <= span[1] and numbers[k] is not None, f"{at}.{k}"

    for key in ("metrics", "floors", "by_source"):
        shape(d["intervals"][key], d[key], key)


def test_metrics_can_be_computed_again_from_predictions_csv(tmp_path):
    data, bundle = manifest(), ToyBundle()
    bundle.probs = lambda paths, bs, decode: (
        np.random.default_rng(0).random((24, 3)).astype(np.float32) ** 2
    )
    r = evaluate(bundle, data, out=tmp_path, resamples=2)
    with open(tmp_path / "predictions.csv", newline="", encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    assert list(rows[0]) == ["path", "source", "group", "label", "predicted", "p_a", "p_b", "p_c"]
    targs = [data.recipe.targets(x["label"]) for x in rows]
    probs = np.array([[x[f"p_{c}"] for c in ABC] for x in rows]).astype(np.float32)
    assert np.array_equal(probs, r.predictions.probs)
    found = np.array([[c in present(x["predicted"]) for c in ABC] for x in rows])
    assert findings_metrics(targs, probs, ABC, found, bundle.meta["thresholds"]) == r.metrics
    assert all(data.recipe.is_label(x["predicted"]) for x in rows) and "none" in {
        x["predicted"] for x in rows
    }


def test_the_same_evaluation_writes_the_same_bytes(written, tmp_path):
    evaluate(ToyBundle(wrong={0: "a", 3: "b"}), manifest(), out=tmp_path, resamples=50)
    for p in tmp_path.iterdir():
        assert p.read_bytes() == (written.out / p.name).read_bytes(), p.name


def test_report_html_is_one_page_that_fetches_nothing(written):
    page = (written.out / "report.html").read_text(encoding="utf-8")
    tags = Tags(page)
    assert page.startswith("<!DOCTYPE html>") and {"title", "table", "img"} <= tags.seen
    assert not tags.seen & {"script", "link", "iframe", "object", "form"} and "url(" not in page
    ways = [link for link in tags.links if link.startswith("#")]
    assert ways and all(f'<section id="{way[1:]}"' in page for way in ways)
    pictures = [link for link in tags.links if link not in ways]
    assert len(pictures) == 5 and all(x.startswith("data:image/png;base64,") for x in pictures)
    assert base64.b64decode(pictures[0].split(",")[1]) == (written.out / "roc.png").read_bytes()
    for words in (
        "Research only, not a medical device",
        "source-only floor",
        "weighted",
        "(0.500)",
        "toynet",
    ):
        assert words in page, words


@pytest.mark.parametrize("page", [True, False])
def test_names_from_data_are_text_in_html_never_tags(page):
    r = report(
        ["a", "none"] * 2,
        [EVIL] * 4,
        vocab=["a"],
        recipe=dict(vocab=["a"]),
        display={"a": EVIL},
        arch=EVIL,
    )
    html = r.to_html(page)
    assert "script" not in Tags(html).seen and "&lt;script&gt;alert(" in html


def test_notebook_html_is_a_part_of_a_page(written):
    html = written.report._repr_html_()
    assert (
        not Tags(html).seen & {"html", "head", "body", "title", "script", "img"}
        and "91.7 %" in html
    )


def test_two_models_of_findings_stand_beside_each_other():
    table = compare({"good": report(), "worse": report(wrong={i: "a" for i in range(0, 24, 5)})})
    worse = table.to_dict()["models"]["worse"]
    assert worse["differences"]["macro_auroc"] < 0 and list(worse["values"]) == list(HEADLINE)
    assert table.to_dict()["models"]["good"]["differences"]["macro_f1"] == 0


def test_a_curated_folder_of_findings_is_evaluated_with_its_unknown_labels(tmp_path):
    data = read_manifest(toy.curated_findings(tmp_path / "data"))
    rows = data.part("test").to_dict("records")
    labels, vocab = {r["path"]: r["label"] for r in rows}, data.vocab
    bundle = ToyBundle(vocab=vocab, thresholds={}, manifest_sha256=data.sha256)

    def truth(path):
        return [float(c in present(labels[f"images/{path.name}"])) for c in vocab]

    bundle.probs = lambda paths, bs, decode: np.array([truth(p) for p in paths])
    r = evaluate(bundle, tmp_path / "data", resamples=20)
    assert (
        r.groups == len({x["group"] for x in rows}) < r.n == len(rows) and r.metrics["exact"] == 1
    )
    for c, m in r.metrics["per_class"].items():
        assert m["unknown"] == sum(c in unknown(x["label"]) for x in rows)
        assert m["support"] == sum(c in present(x["label"]) for x in rows) and m["f1"] == 1


def test_specificity_stands_with_decimals_between_precision_recall_and_f1(written):
    _, _, _, cells = written.report.answering()[0]
    specificity = written.report.metrics["per_class"]["a"]["specificity"]
    assert cells[2].value == f"{specificity:.3f}" and "%" not in "".join(c.value for c in cells)


def test_the_page_counts_the_images_and_says_of_thresholds_only_where_some_were_fixed(written):
    page = written.report.to_html()
    assert "reaches its threshold, for 24 images of the test split" in page
    assert "on how many validation images these were fixed" in page
    assert "validation images these were fixed" not in report(thresholds={}).to_html()


# ---- what training warned of, and the way through the page


def test_a_report_opens_with_what_training_warned_of():
    warned = dict(kind="at_chance", says="Validation stayed at chance.", do="Look at the labels.")
    r = report(warnings=[warned])
    said = "Training warned: Validation stayed at chance. Look at the labels."
    assert str(r).startswith(said) and "Training warned" not in str(report())
    page = r.to_html()
    assert page.index("Training warned:") < page.index(r.summary)
    assert [told["says"] for told in r.to_dict()["training_warnings"]] == [warned["says"]]


def test_the_ways_at_the_top_lead_to_the_sections_of_the_page(written):
    page = written.report.to_html()
    ways = dict(re.findall(r'<a href="#(\w+)"><strong>([^<]*)</strong>', page))
    assert set(ways) == set(re.findall(r'<section id="(\w+)">', page))
    assert ways["numbers"] == "24" and ways["ranking"] == "3"
    assert ways["together"] == "20" and ways["answers"] == "20"  # 8 a and 12 b; 7 and 13 answered
