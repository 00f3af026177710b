"""Reports of a stand-in bundle on made-up manifests: checks, table, files.
Run: python -m pytest tests/evaluation/test_report.py"""

import base64
import csv
import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from cxr_fastai.core import StorageError, UnknownName, UsageError
from cxr_fastai.evaluation.bootstrap import Resampling, interval
from cxr_fastai.evaluation.confusion import confusion_png
from cxr_fastai.evaluation.evaluate import NOT_ABOVE, evaluate
from cxr_fastai.evaluation.single_label import classification_metrics
from cxr_fastai.manifest import COLUMNS, Manifest, Record
from cxr_fastai.recipes import Recipe

ABC = ["a", "b", "c"]
EVIL = "<script>alert('x')</script>"
ROWS = (
    [("a", "s1")] * 6 + [("b", "s1")] * 2 + [("c", "s2")] * 4
)  # class, source of the test images: floors 6/12 and 10/12


def record(i, label, source, split):
    return Record(
        **{
            **dict.fromkeys(COLUMNS, ""),
            "path": f"{label}/{i}.png",
            "label": label,
            "source": source,
            "group": f"g{i}",
            "split": split,
        }
    )


def manifest(rows=ROWS, split="test", vocab=None, root="/nowhere", sha256="5" * 64):
    vocab = vocab or sorted({c for c, _ in rows})
    recipe = Recipe("three", "Three classes", {c: [c] for c in vocab})
    return Manifest(root, [record(i, c, s, split) for i, (c, s) in enumerate(rows)], recipe, sha256)


class ToyBundle:
    "Answers the class that a file's folder names, except for the images in `wrong`: {number: class}."

    path = "toy/bundle"

    def __init__(self, vocab=ABC, wrong=None, display=None, **meta):
        self.vocab, self.wrong = vocab, wrong or {}
        self.display = display or {c: c.upper() for c in vocab}
        self.meta = {
            "arch": "toynet",
            "task": "single_label",
            "recipe": {"name": "three"},
            "manifest_sha256": "5" * 64,
            **meta,
        }

    def answers(self, probs):
        return probs.argmax(1)

    def saw(self, rows):
        return None

    def probs(self, paths, bs=64):
        answers, rest = (
            [self.wrong.get(int(p.stem), p.parent.name) for p in paths],
            0.3 / (len(self.vocab) - 1),
        )
        return np.array(
            [[0.7 if c == a else rest for c in self.vocab] for a in answers], np.float32
        )


class Tags(HTMLParser):
    "Collects a page's tags and its attributes that fetch something."

    def __init__(self, page):
        super().__init__()
        self.seen, self.links = set(), []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        self.links += [
            v for k, v in attrs if k in ("src", "href", "srcset", "data", "action", "background")
        ]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    "A report and the folder it was written to; one `b` is answered `a`."
    out = tmp_path_factory.mktemp("report") / "new" / "folder"
    return SimpleNamespace(report=evaluate(ToyBundle(wrong={6: "a"}), manifest(), out=out), out=out)


# ---- what is counted


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


def test_classes_are_matched_by_name_whatever_the_order_of_the_two_vocabs():
    r = evaluate(ToyBundle(vocab=["c", "b", "a"]), manifest())
    assert r.metrics["accuracy"] == 1 and r.metrics["per_class"]["a"]["support"] == 6


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


# ---- intervals


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


# ---- one question, and the worklist


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
    rows = {name: (value, n) for name, value, _, n in asked.question()}
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
    assert plain.triage == {} == plain.decision and "worklist" not in plain.to_html() + str(plain)


# ---- progress


def test_progress_wraps_the_images_with_their_number():
    seen = []

    def progress(items, total, what):
        for item in items:
            seen.append((item.name, total, what))
            yield item

    quiet = evaluate(ToyBundle(), manifest())
    assert evaluate(ToyBundle(), manifest(), progress=progress) == quiet
    assert len(seen) == 12 and seen[0] == ("0.png", 12, "reading 12 images")


# ---- what is refused


@pytest.mark.parametrize(
    "split,error,says",
    [
        (
            "tset",
            UnknownName,
            "unknown split 'tset': expected one of train, valid, test. Did you mean 'test'?",
        ),
        (
            "valid",
            UsageError,
            "/nowhere has no images in split 'valid': it has train 0, valid 0, test 12. Choose another --split.",
        ),
    ],
)
def test_a_split_that_is_unknown_or_empty_is_refused(split, error, says):
    with pytest.raises(error) as e:
        evaluate(ToyBundle(), manifest(), split=split)
    assert str(e.value) == says


def test_classes_that_the_bundle_does_not_know_are_named_with_the_remedy():
    with pytest.raises(UsageError) as e:
        evaluate(ToyBundle(["a", "x"]), manifest())
    assert "class 'b', 'c' is none of the bundle's, which knows a, x" in str(e.value)
    assert "cxr curate --recipe three" in str(e.value) and "\n" not in str(e.value)


def test_a_bundle_of_another_task_than_the_folders_is_refused():
    with pytest.raises(UsageError) as e:
        evaluate(ToyBundle(task="multi_label"), manifest())
    assert "toy/bundle is a multi_label bundle" in str(
        e.value
    ) and "single_label recipe three" in str(e.value)
    assert "cxr curate --recipe three" in str(e.value)


def test_probabilities_that_are_not_numbers_are_refused():
    bundle = ToyBundle()
    bundle.probs = lambda paths, bs: np.array(
        [[0, 0, np.nan if p.stem in "35" else 1] for p in paths]
    )
    with pytest.raises(UsageError, match="2 of 12 rows are not finite numbers"):
        evaluate(bundle, manifest())


def test_a_place_that_cannot_be_written_is_refused_before_any_image_is_read(tmp_path):
    (tmp_path / "file").write_text("")
    bundle = ToyBundle()
    bundle.probs = lambda paths, bs: pytest.fail("images were read")
    with pytest.raises(StorageError):
        evaluate(bundle, manifest(), out=tmp_path / "file")


# ---- notes


@pytest.mark.parametrize(
    "rows,split,trained_on,says",
    [
        (ROWS, "test", "5" * 64, []),
        (
            ROWS,
            "test",
            "6" * 64,
            ["curated separately: whether its images were in training is not known"],
        ),
        (
            ROWS,
            "valid",
            None,
            ["curated separately: whether its images were in training is not known"],
        ),
        (ROWS, "train", "5" * 64, ["trained on these images"]),
        (ROWS, "valid", "5" * 64, ["validation split steers training"]),
        ([("a", "s"), ("b", "s")], "test", "5" * 64, ["one source"]),
        ([("a", "s"), ("b", "t")], "test", "5" * 64, ["Every source here holds one class"]),
        (
            [("a", "s"), ("b", "t")],
            "test",
            "",
            ["curated separately", "Every source here holds one class"],
        ),
    ],
)
def test_notes_say_what_the_numbers_cannot(rows, split, trained_on, says):
    r = evaluate(ToyBundle(manifest_sha256=trained_on), manifest(rows, split), split)
    assert len(r.notes) == len(says) and all(s in note for s, note in zip(says, r.notes))
    for note in r.notes:
        assert note in str(r) and note in r.to_html() and note in r._repr_html_()


# ---- the terminal


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


# ---- the files


def test_the_four_files_are_written_and_nothing_is_left_over(written):
    names = sorted(p.name for p in written.out.iterdir())
    assert names == ["confusion.png", "metrics.json", "predictions.csv", "report.html"]


def test_nothing_is_written_without_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evaluate(ToyBundle(), manifest())
    assert not list(tmp_path.iterdir())


def test_metrics_json_is_strict_sorted_and_the_report(written):
    text = (written.out / "metrics.json").read_text()

    def refuse(name):
        raise ValueError(name)

    d = json.loads(text, parse_constant=refuse)
    assert d == written.report.to_dict() and list(d) == sorted(d) and text.endswith("}\n")
    assert d["vocab"] == ABC and d["by_source"]["s1"]["n"] == 8


def test_metrics_json_is_strict_where_numbers_are_undefined(tmp_path):
    evaluate(ToyBundle(), manifest([("a", "s")]), out=tmp_path)
    text = (tmp_path / "metrics.json").read_text()
    assert "NaN" not in text and json.loads(text)["metrics"]["macro_auroc"] is None


def read_predictions(folder):
    with open(folder / "predictions.csv", newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


def test_predictions_csv_has_a_row_an_image(written):
    rows = read_predictions(written.out)
    assert len(rows) == 12 and list(rows[6]) == [
        "path",
        "source",
        "group",
        "label",
        "predicted",
        "p_a",
        "p_b",
        "p_c",
    ]
    assert list(rows[6].values())[:5] == ["b/6.png", "s1", "g6", "b", "a"]


def test_metrics_can_be_computed_again_from_predictions_csv(tmp_path):
    bundle, probs = (
        ToyBundle(),
        np.random.default_rng(0).dirichlet(np.ones(3), 12).astype(np.float32),
    )
    bundle.probs = lambda paths, bs: probs
    report, rows = evaluate(bundle, manifest(), out=tmp_path), read_predictions(tmp_path)
    again = np.array([[r[f"p_{c}"] for c in ABC] for r in rows]).astype(np.float32)
    assert np.array_equal(again, probs) and [r["predicted"] for r in rows] == [
        ABC[i] for i in probs.argmax(1)
    ]
    assert (
        classification_metrics([ABC.index(r["label"]) for r in rows], again, ABC) == report.metrics
    )


def test_the_same_evaluation_writes_the_same_bytes(written, tmp_path):
    evaluate(ToyBundle(wrong={6: "a"}), manifest(), out=tmp_path)
    for p in tmp_path.iterdir():
        assert p.read_bytes() == (written.out / p.name).read_bytes(), p.name


def test_report_html_is_one_page_that_fetches_nothing(written):
    page = (written.out / "report.html").read_text(encoding="utf-8")
    tags = Tags(page)
    assert page.startswith("<!DOCTYPE html>") and {"title", "table", "img"} <= tags.seen
    assert not tags.seen & {"script", "link", "iframe", "object", "form"}
    assert "@import" not in page and "url(" not in page
    assert len(tags.links) == 1 and tags.links[0].startswith("data:image/png;base64,")
    assert (
        base64.b64decode(tags.links[0].split(",")[1])
        == (written.out / "confusion.png").read_bytes()
    )
    assert "Research only, not a medical device" in page and "source-only floor" in page


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


# ---- the picture


@pytest.mark.parametrize("c", [2, 6, 9, 15])
def test_confusion_png_opens_and_grows_with_the_classes(c):
    names = [f"A rather long class name {i}" for i in range(c)]
    image = Image.open(io.BytesIO(confusion_png(np.eye(c, dtype=int) * 1234, names, "title")))
    image.load()
    assert image.format == "PNG" and min(image.size) > 400 and max(image.size) < 2600


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "names", [[r"$\frac$", "y$"], [EVIL, "ünïcode"], ["under_score^2", "%s {0}"]]
)
def test_any_class_name_can_be_drawn_and_a_class_without_images_too(names):
    assert confusion_png([[1, 0], [0, 0]], names, r"$\frac$").startswith(b"\x89PNG")


def test_written_confusion_png_opens(written):
    with Image.open(written.out / "confusion.png") as image:
        assert image.format == "PNG"


def test_drawing_leaves_the_users_matplotlib_backend_alone_and_needs_no_torch():
    code = (
        "import sys; from cxr_fastai.evaluation.confusion import confusion_png; confusion_png([[1]], ['a'], ''); "
        "sys.exit(sorted({'matplotlib.pyplot', 'torch'} & set(sys.modules)) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_a_report_without_intervals_shows_the_numbers_alone():
    whole = evaluate(ToyBundle(decision=dict(negative="a", threshold=0.5)), manifest())
    bare = replace(whole, intervals={}, triage={}, groups=0, resamples=0, answers=None)
    assert re.search(
        "^accuracy +100.0 % +50.0 % +83.3 %$", str(bare), re.M
    ) and NOT_ABOVE not in str(bare)
    assert "100.0 %" in bare.to_html() and "interval 0" not in str(bare)
