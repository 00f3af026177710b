"""pytest tests/evaluation/test_evaluate.py

From a bundle and a folder to a report and its four files: what is refused, noted, written.
"""

import base64
import csv
import json
from types import SimpleNamespace

import numpy as np
import pytest
import toy
from gate_films import small_gate
from PIL import Image
from toy_class_reports import ABC, ROWS, Tags, ToyBundle, manifest

from cxr_fastai.bundle.conformal import Promise
from cxr_fastai.core import IntegrityError, StorageError, UnknownName, UsageError
from cxr_fastai.evaluation.evaluate import evaluate
from cxr_fastai.evaluation.single_label import classification_metrics
from cxr_fastai.manifest import read_manifest


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    "A report and the folder it was written to; one `b` is answered `a`."
    out = tmp_path_factory.mktemp("report") / "new" / "folder"
    return SimpleNamespace(report=evaluate(ToyBundle(wrong={6: "a"}), manifest(), out=out), out=out)


def test_classes_are_matched_by_name_whatever_the_order_of_the_two_vocabs():
    r = evaluate(ToyBundle(vocab=["c", "b", "a"]), manifest())
    assert r.metrics["accuracy"] == 1 and r.metrics["per_class"]["a"]["support"] == 6


class SeenBars:
    "A Progress that remembers what its bars showed."

    def __init__(self):
        self.shown = []

    def bar(self, items, total, what):
        for item in items:
            self.shown.append((item.name, total, what))
            yield item

    def meter(self, total, done, what):
        raise AssertionError("nothing is downloaded")

    def say(self, text):
        raise AssertionError(text)


def test_progress_shows_the_images_with_their_number():
    progress = SeenBars()
    quiet = evaluate(ToyBundle(), manifest())
    assert evaluate(ToyBundle(), manifest(), progress=progress) == quiet
    assert len(progress.shown) == 12 and progress.shown[0] == ("0.png", 12, "reading 12 images")


class LookingBundle(ToyBundle):
    "Decodes each image as it is asked to, as a real bundle does."

    def probs(self, paths, bs=64, decode=None):
        paths = list(paths)
        self.shapes = [decode(path).shape for path in paths]
        return np.full((len(paths), 3), 1 / 3, np.float32)


@pytest.fixture
def curated(tmp_path):
    "A folder with an image in test of each class, and a bundle for it."
    folder = toy.curated(tmp_path / "data")
    return folder, LookingBundle(vocab=read_manifest(folder).vocab)


def edit(path):
    "Another gray value, by one, in one pixel."
    pixels = np.array(Image.open(path))
    pixels[20, 20] ^= 1
    Image.fromarray(pixels).save(path)


def test_an_image_that_was_edited_is_never_scored(curated, tmp_path):
    folder, bundle = curated
    assert evaluate(bundle, folder, resamples=20).n == len(bundle.shapes) == 3
    file = folder / read_manifest(folder).part("test")["path"].iloc[1]
    edit(file)
    with pytest.raises(IntegrityError) as e:
        evaluate(bundle, folder, out=tmp_path / "report", resamples=20)
    assert str(e.value).startswith(f"{file}: its pixels are not those that manifest.csv names")
    assert list((tmp_path / "report").iterdir()) == []


def test_what_the_gate_would_refuse_is_counted_by_source_and_scored_all_the_same(curated):
    folder, bundle = curated
    bundle.gate = small_gate()
    report = evaluate(bundle, folder, resamples=20)
    assert report.n == 3
    told = report.to_dict()["gate"]
    assert told["n"] == sum(row["n"] for row in told["by_source"]) == 3
    assert told["refused"] == sum(told["by_kind"].values())
    assert [note for note in report.notes if note.startswith("The gate would refuse")] == [
        report.gate.says
    ]
    bundle.gate = None
    assert evaluate(bundle, folder, resamples=20).to_dict()["gate"] == {}


def test_an_image_that_is_gone_or_damaged_is_named_with_the_remedy(curated):
    folder, bundle = curated
    file = folder / read_manifest(folder).part("test")["path"].iloc[0]
    for spoil in (lambda: file.write_bytes(b"no picture"), file.unlink):
        spoil()
        with pytest.raises(IntegrityError, match=f"{file}.*curate the folder again"):
            evaluate(bundle, folder, resamples=20)


def test_an_edited_image_of_another_split_is_nothing_to_the_score(curated):
    folder, bundle = curated
    edit(folder / read_manifest(folder).part("train")["path"].iloc[0])
    assert evaluate(bundle, folder, resamples=20).n == 3


@pytest.mark.parametrize(
    "split,error,says",
    [
        (
            "tset",
            UnknownName,
            "unknown split 'tset': expected one of train, valid, test, all. Did you mean 'test'?",
        ),
        (
            "valid",
            UsageError,
            "/nowhere has no images in split 'valid': it has train 0, valid 0, test 12. Choose another --split (Python: split).",
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
    bundle.probs = lambda paths, bs, decode: np.array(
        [[0, 0, np.nan if p.stem in "35" else 1] for p in paths]
    )
    with pytest.raises(UsageError, match="2 of 12 rows are not finite numbers"):
        evaluate(bundle, manifest())


def test_a_place_that_cannot_be_written_is_refused_before_any_image_is_read(tmp_path):
    (tmp_path / "file").write_text("")
    bundle = ToyBundle()
    bundle.probs = lambda paths, bs, decode: pytest.fail("images were read")
    with pytest.raises(StorageError):
        evaluate(bundle, manifest(), out=tmp_path / "file")


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


def test_the_files_are_written_and_nothing_is_left_over(written):
    names = sorted(p.name for p in written.out.iterdir())
    assert names == ["CLAIM.md", "confusion.png", "metrics.json", "predictions.csv", "report.html"]
    claimed = (written.out / "CLAIM.md").read_text(encoding="utf-8")
    assert f"accuracy: {written.report.metrics['accuracy']:.3f}" in claimed


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
    bundle.probs = lambda paths, bs, decode: probs
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
    pictures = [link for link in tags.links if not link.startswith("#")]
    assert all(picture.startswith("data:image/png;base64,") for picture in pictures)
    pngs = [base64.b64decode(picture.split(",")[1]) for picture in pictures]
    assert len(pngs) == 3 and (written.out / "confusion.png").read_bytes() in pngs
    assert "Research only, not a medical device" in page and "source-only floor" in page


def test_written_confusion_png_opens(written):
    with Image.open(written.out / "confusion.png") as image:
        assert image.format == "PNG"


class PromisingBundle(ToyBundle):
    "A ToyBundle whose sets hold every class that has 30 % or more."

    def promise(self, coverage):
        return Promise(
            coverage=coverage,
            task=self.task,
            vocab=self.vocab,
            display=self.display,
            limits={"class": dict.fromkeys(self.vocab, 0.7)},
            too_few={},
            sources={"s1": 40},
        )


def test_prediction_sets_are_held_against_the_images_by_class_and_source(tmp_path):
    bundle = PromisingBundle(wrong={6: "a"}, manifest_sha256="6" * 64)
    report = evaluate(bundle, manifest(), coverage=0.9, out=tmp_path)
    told = json.loads((tmp_path / "metrics.json").read_text())["coverage"]
    assert [row["covered"] for row in told["classes"]] == [1, 0.5], "c is of s2 alone"
    known = {row["name"]: row["is_known"] for row in told["sources"]}
    assert known == {"s1": True, "s2": False, "c": False}, "of a new source its classes too"
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for text in (page, str(report)):
        assert "from these sources only, as validation had them: s1 (40 groups)" in text.replace(
            "\n", " "
        )
        assert "not in validation: nothing is promised" in text
    assert "coverage" not in evaluate(bundle, manifest()).to_dict()


def test_prediction_sets_are_not_held_against_what_fixed_them():
    with pytest.raises(UsageError, match="take --split test") as e:
        evaluate(PromisingBundle(), manifest(split="valid"), "valid", coverage=0.9)
    assert "--coverage (Python: coverage) is held against images" in str(e.value)
