"""Reports of a stand-in bundle on made-up manifests: checks, table, files.
Run: python -m pytest tests/evaluation/test_report.py"""
import base64, csv, io, json, re, subprocess, sys
from html.parser import HTMLParser
from types import SimpleNamespace
import numpy as np, pytest
from PIL import Image

from cxr_fastai.core import StorageError, UnknownName, UsageError
from cxr_fastai.evaluation.metrics import classification_metrics
from cxr_fastai.evaluation.report import NOT_ABOVE, Report, confusion_png, evaluate
from cxr_fastai.manifest import COLUMNS, Manifest, Record
from cxr_fastai.recipes import Recipe

ABC = ["a", "b", "c"]
EVIL = "<script>alert('x')</script>"
ROWS = [("a", "s1")]*6 + [("b", "s1")]*2 + [("c", "s2")]*4  # class, source of the test images: floors 6/12 and 10/12


def record(i, label, source, split):
    return Record(**{**dict.fromkeys(COLUMNS, ""), "path": f"{label}/{i}.png", "label": label, "source": source,
                     "group": f"g{i}", "split": split})

def manifest(rows=ROWS, split="test", vocab=None, root="/nowhere", sha256="5"*64):
    vocab = vocab or sorted({c for c, _ in rows})
    recipe = Recipe("three", "Three classes", {c: [c] for c in vocab})
    return Manifest(root, [record(i, c, s, split) for i, (c, s) in enumerate(rows)], recipe, sha256)

class ToyBundle:
    "Answers the class that a file's folder names, except for the images in `wrong`: {number: class}."
    path = "toy/bundle"
    def __init__(self, vocab=ABC, wrong=None, display=None, **meta):
        self.vocab, self.wrong = vocab, wrong or {}
        self.display = display or {c: c.upper() for c in vocab}
        self.meta = {"arch": "toynet", "task": "single_label", "recipe": {"name": "three"}, "manifest_sha256": "5"*64,
                     **meta}
    def answers(self, probs): return probs.argmax(1)
    def probs(self, paths, bs=64):
        answers, rest = [self.wrong.get(int(p.stem), p.parent.name) for p in paths], 0.3/(len(self.vocab) - 1)
        return np.array([[0.7 if c == a else rest for c in self.vocab] for a in answers], np.float32)

class Tags(HTMLParser):
    "Collects a page's tags and its attributes that fetch something."
    def __init__(self, page):
        super().__init__()
        self.seen, self.links = set(), []
        self.feed(page)
    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        self.links += [v for k, v in attrs if k in ("src", "href", "srcset", "data", "action", "background")]

@pytest.fixture(scope="module")
def written(tmp_path_factory):
    "A report and the folder it was written to; one `b` is answered `a`."
    out = tmp_path_factory.mktemp("report")/"new"/"folder"
    return SimpleNamespace(report=evaluate(ToyBundle(wrong={6: "a"}), manifest(), out=out), out=out)


# ---- what is counted

def test_report_holds_metrics_floors_and_sources_of_the_split(written):
    r = written.report
    assert (r.n, r.split, r.names) == (12, "test", {"a": "A", "b": "B", "c": "C"})
    assert r.metrics["accuracy"] == pytest.approx(11/12) and r.metrics["confusion"] == [[6, 0, 0], [1, 1, 0], [0, 0, 4]]
    assert r.floors["majority"]["accuracy"] == pytest.approx(6/12)
    assert r.floors["source_only"]["accuracy"] == pytest.approx(10/12)
    assert {s: (o["n"], o["accuracy"]) for s, o in r.sources.items()} == {"s1": (8, 7/8), "s2": (4, 1.0)}

def test_classes_are_matched_by_name_whatever_the_order_of_the_two_vocabs():
    r = evaluate(ToyBundle(vocab=["c", "b", "a"]), manifest())
    assert r.metrics["accuracy"] == 1 and r.metrics["per_class"]["a"]["support"] == 6

def test_a_class_of_the_bundle_without_images_is_shown_without_numbers():
    r = evaluate(ToyBundle(), manifest([("a", "s"), ("b", "s")]))
    assert r.metrics["per_class"]["c"]["recall"] is None
    assert re.search(r"^C +0 +0\.000 +- +- +-$", str(r), re.M)

@pytest.mark.parametrize("wrong,above,says", [
    ({}, True, "above the source-only floor by 16.7 points (2 of 12 images)"),
    ({6: "a"}, True, "above the source-only floor by 8.3 points (1 of 12 images)"),
    ({6: "a", 7: "a"}, False, NOT_ABOVE), ({i: "c" for i in range(8)}, False, NOT_ABOVE)])
def test_accuracy_is_told_apart_from_the_source_only_floor(wrong, above, says):
    r = evaluate(ToyBundle(wrong=wrong), manifest())
    assert r.above_floor is above and r.verdict == says
    assert r.to_dict()["above_source_only_floor"] is above
    assert f"Accuracy is {says}." in str(r) and says in r.to_html() and says in r._repr_html_()

def test_progress_wraps_the_images_with_their_number():
    seen = []
    def progress(items, total, what):
        for item in items: seen.append((item.name, total, what)); yield item
    quiet = evaluate(ToyBundle(), manifest())
    assert evaluate(ToyBundle(), manifest(), progress=progress) == quiet
    assert len(seen) == 12 and seen[0] == ("0.png", 12, "reading 12 images")


# ---- what is refused

@pytest.mark.parametrize("split,error,says", [
    ("tset", UnknownName, "unknown split 'tset': expected one of train, valid, test. Did you mean 'test'?"),
    ("valid", UsageError,
     "/nowhere has no images in split 'valid': it has train 0, valid 0, test 12. Choose another --split.")])
def test_a_split_that_is_unknown_or_empty_is_refused(split, error, says):
    with pytest.raises(error) as e: evaluate(ToyBundle(), manifest(), split=split)
    assert str(e.value) == says

def test_classes_that_the_bundle_does_not_know_are_named_with_the_remedy():
    with pytest.raises(UsageError) as e: evaluate(ToyBundle(["a", "x"]), manifest())
    assert "class 'b', 'c' is none of the bundle's, which knows a, x" in str(e.value)
    assert "cxr curate --recipe three" in str(e.value) and "\n" not in str(e.value)

def test_a_multi_label_bundle_is_refused():
    with pytest.raises(UsageError, match="toy/bundle is a multi_label bundle"):
        evaluate(ToyBundle(task="multi_label"), manifest())

def test_probabilities_that_are_not_numbers_are_refused():
    bundle = ToyBundle()
    bundle.probs = lambda paths, bs: np.array([[0, 0, np.nan if p.stem in "35" else 1] for p in paths])
    with pytest.raises(UsageError, match="2 of 12 rows are not finite numbers"): evaluate(bundle, manifest())

def test_a_place_that_cannot_be_written_is_refused_before_any_image_is_read(tmp_path):
    (tmp_path/"file").write_text("")
    bundle = ToyBundle()
    bundle.probs = lambda paths, bs: pytest.fail("images were read")
    with pytest.raises(StorageError): evaluate(bundle, manifest(), out=tmp_path/"file")


# ---- notes

@pytest.mark.parametrize("rows,split,trained_on,says", [
    (ROWS, "test", "5"*64, []),
    (ROWS, "test", "6"*64, ["curated separately: whether its images were in training is not known"]),
    (ROWS, "valid", None, ["curated separately: whether its images were in training is not known"]),
    (ROWS, "train", "5"*64, ["trained on these images"]),
    (ROWS, "valid", "5"*64, ["validation split steers training"]),
    ([("a", "s"), ("b", "s")], "test", "5"*64, ["one source"]),
    ([("a", "s"), ("b", "t")], "test", "5"*64, ["Every source here holds one class"]),
    ([("a", "s"), ("b", "t")], "test", "", ["curated separately", "Every source here holds one class"])])
def test_notes_say_what_the_numbers_cannot(rows, split, trained_on, says):
    r = evaluate(ToyBundle(manifest_sha256=trained_on), manifest(rows, split), split)
    assert len(r.notes) == len(says) and all(s in note for s, note in zip(says, r.notes))
    for note in r.notes: assert note in str(r) and note in r.to_html() and note in r._repr_html_()


# ---- the terminal

def test_terminal_table_is_plain_text_of_headline_floors_and_classes(written):
    assert str(written.report) == """\
test split: 12 images, 3 classes, 2 sources

                    model  majority floor  source-only floor
accuracy           91.7 %          50.0 %             83.3 %
balanced accuracy  83.3 %          33.3 %             66.7 %
macro F1            0.863               -                  -
macro AUROC         0.889               -                  -

Accuracy is above the source-only floor by 8.3 points (1 of 12 images).

class  n  precision  recall     F1  AUROC
A      6      0.857   1.000  0.923  0.917
B      2      1.000   0.500  0.667  0.750
C      4      1.000   1.000  1.000  1.000"""


# ---- the files

def test_the_four_files_are_written_and_nothing_is_left_over(written):
    names = sorted(p.name for p in written.out.iterdir())
    assert names == ["confusion.png", "metrics.json", "predictions.csv", "report.html"]

def test_nothing_is_written_without_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evaluate(ToyBundle(), manifest())
    assert not list(tmp_path.iterdir())

def test_metrics_json_is_strict_sorted_and_the_report(written):
    text = (written.out/"metrics.json").read_text()
    def refuse(name): raise ValueError(name)
    d = json.loads(text, parse_constant=refuse)
    assert d == written.report.to_dict() and list(d) == sorted(d) and text.endswith("}\n")
    assert d["vocab"] == ABC and d["by_source"]["s1"]["n"] == 8

def test_metrics_json_is_strict_where_numbers_are_undefined(tmp_path):
    evaluate(ToyBundle(), manifest([("a", "s")]), out=tmp_path)
    text = (tmp_path/"metrics.json").read_text()
    assert "NaN" not in text and json.loads(text)["metrics"]["macro_auroc"] is None

def read_predictions(folder):
    with open(folder/"predictions.csv", newline="", encoding="utf-8") as f: return list(csv.DictReader(f))

def test_predictions_csv_has_a_row_an_image(written):
    rows = read_predictions(written.out)
    assert len(rows) == 12 and list(rows[6]) == ["path", "source", "group", "label", "predicted", "p_a", "p_b", "p_c"]
    assert list(rows[6].values())[:5] == ["b/6.png", "s1", "g6", "b", "a"]

def test_metrics_can_be_computed_again_from_predictions_csv(tmp_path):
    bundle, probs = ToyBundle(), np.random.default_rng(0).dirichlet(np.ones(3), 12).astype(np.float32)
    bundle.probs = lambda paths, bs: probs
    report, rows = evaluate(bundle, manifest(), out=tmp_path), read_predictions(tmp_path)
    again = np.array([[r[f"p_{c}"] for c in ABC] for r in rows]).astype(np.float32)
    assert np.array_equal(again, probs) and [r["predicted"] for r in rows] == [ABC[i] for i in probs.argmax(1)]
    assert classification_metrics([ABC.index(r["label"]) for r in rows], again, ABC) == report.metrics

def test_the_same_evaluation_writes_the_same_bytes(written, tmp_path):
    evaluate(ToyBundle(wrong={6: "a"}), manifest(), out=tmp_path)
    for p in tmp_path.iterdir(): assert p.read_bytes() == (written.out/p.name).read_bytes(), p.name

def test_report_html_is_one_page_that_fetches_nothing(written):
    page = (written.out/"report.html").read_text(encoding="utf-8")
    tags = Tags(page)
    assert page.startswith("<!DOCTYPE html>") and {"title", "table", "img"} <= tags.seen
    assert not tags.seen & {"script", "link", "iframe", "object", "form"}
    assert "@import" not in page and "url(" not in page
    assert len(tags.links) == 1 and tags.links[0].startswith("data:image/png;base64,")
    assert base64.b64decode(tags.links[0].split(",")[1]) == (written.out/"confusion.png").read_bytes()
    assert "Research only, not a medical device" in page and "source-only floor" in page

@pytest.mark.parametrize("page", [True, False])
def test_names_from_data_are_text_in_html_never_tags(page):
    vocab = ["a", EVIL.replace("/", "|")]  # a toy bundle reads the class from the folder's name
    rows = [("a", EVIL), (vocab[1], EVIL), (vocab[1], "t")]
    bundle = ToyBundle(vocab, display={"a": EVIL, vocab[1]: f"{EVIL} & \"more\""}, arch=EVIL)
    html = evaluate(bundle, manifest(rows, vocab=vocab)).to_html(page)
    assert "script" not in Tags(html).seen and "&lt;script&gt;alert(" in html and "&amp; &#34;more&#34;" in html

def test_notebook_html_is_a_part_of_a_page(written):
    html = written.report._repr_html_()
    assert not Tags(html).seen & {"html", "head", "body", "title", "script"} and "91.7 %" in html


# ---- the picture

@pytest.mark.parametrize("c", [2, 6, 9, 15])
def test_confusion_png_opens_and_grows_with_the_classes(c):
    names = [f"A rather long class name {i}" for i in range(c)]
    image = Image.open(io.BytesIO(confusion_png(np.eye(c, dtype=int)*1234, names, "title")))
    image.load()
    assert image.format == "PNG" and min(image.size) > 400 and max(image.size) < 2600

@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("names", [[r"$\frac$", "y$"], [EVIL, "ünïcode"], ["under_score^2", "%s {0}"]])
def test_any_class_name_can_be_drawn_and_a_class_without_images_too(names):
    assert confusion_png([[1, 0], [0, 0]], names, r"$\frac$").startswith(b"\x89PNG")

def test_written_confusion_png_opens(written):
    with Image.open(written.out/"confusion.png") as image: assert image.format == "PNG"

def test_drawing_leaves_the_users_matplotlib_backend_alone_and_needs_no_torch():
    code = ("import sys; from cxr_fastai.evaluation.report import confusion_png; confusion_png([[1]], ['a'], ''); "
            "sys.exit(sorted({'matplotlib.pyplot', 'torch'} & set(sys.modules)) or 0)")
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)

def test_report_can_be_built_by_hand():
    bare = evaluate(ToyBundle(), manifest())
    assert str(Report(bare.metrics, bare.floors, bare.sources, bare.n, bare.split, bare.names)) == str(bare)
