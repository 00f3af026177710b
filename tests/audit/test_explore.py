"""pytest tests/curation/test_eda.py: what `cxr eda` counts and warns of, in folders whose every number is known"""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from toy import FINDINGS_COUNTS, curated, curated_findings
from toy_sources import rule, tree, write_catalog

from cxr_fastai.audit.explore import explore
from cxr_fastai.cohort import counts as counting
from cxr_fastai.cohort.confounds import TITLES, alone, auroc_alone, floors, warn
from cxr_fastai.cohort.counts import class_counts, finding_counts, gather, sampled
from cxr_fastai.core import IntegrityError, NotCurated, StorageError, UnknownName, UsageError
from cxr_fastai.evaluation import single_label as metrics
from cxr_fastai.images import write_png
from cxr_fastai.manifest import COLUMNS, Manifest, Record, read_manifest
from cxr_fastai.recipes import Recipe

EVIL = "<script>alert('x')</script>\x1b[31m"  # a terminal would turn red
SAFE = EVIL.replace("\x1b", r"\x1b")
CATALOG = {
    s: SimpleNamespace(id=s, title=s, age_group=g, redistribute="yes")
    for s, g in dict(one="adult", two="adult", kids="child", all="mixed", some="").items()
}


def cohort_of(data, split="all"):
    return gather(data.root, data.rows, data.recipe, CATALOG, split)


# ---- folders


def row(label="a", source="one", split="train", **cells) -> Record:
    "A record whose identity is that of all its cells."
    cells = (
        dict(
            label=label,
            source=source,
            split=split,
            width="100",
            height="80",
            mode="L/8",
            licence="CC0",
        )
        | cells
    )
    sha = hashlib.sha256(repr(cells).encode()).hexdigest()
    own = dict(path=f"{sha[:16]}.png", pixel_sha256=sha, group=sha)
    return Record(**{**dict.fromkeys(COLUMNS, ""), **own, **cells})


def folder(rows, root="", task="single_label", vocab="abc", **recipe) -> Manifest:
    recipe = Recipe("toy", "Toy classes", {c: [] for c in vocab}, task=task, **recipe)
    return Manifest(root, list(rows), recipe, "0" * 64)


def drawn(rows, root, gray=None, size=(8, 10), **kw) -> Manifest:
    "The same folder with images, of the brightness that `gray` gives a row."
    for i, r in enumerate(rows):
        pixels = np.full(size, 100 if gray is None else gray(r), np.uint8)
        pixels[0, :2] += np.array([i % 50, 1], np.uint8)
        write_png(pixels, root / r.path)
    return folder(rows, root, **kw)


def even(n=20, classes="ab", sources=("one", "two")):
    "n rows of each class, source and split, numbered in phash: ages, sexes and views alike in all."

    def one(i):
        return dict(
            age=("10", "40")[i % 2], sex="FM"[i // 2 % 2], view=("PA", "AP")[i % 2], phash=str(i)
        )

    return [
        row(c, s, split, **one(i))
        for c in classes
        for s in sources
        for split in ("train", "valid", "test")
        for i in range(n)
    ]


def seen(data, gray=lambda r: 100, catalog=CATALOG, split="all"):
    "(cohort, classes, warnings by kind) of a folder without images."
    cohort = gather(data.root, data.rows, data.recipe, catalog, split)
    classes = {
        c: class_counts(cohort, c, {r.path: gray(r) for r in cohort.rows}) for c in cohort.names
    }
    of = cohort.rows
    limits = (
        {} if cohort.several else floors([r.label for r in of], [r.source for r in of], data.vocab)
    )
    return cohort, classes, {w["kind"]: w for w in warn(cohort, classes, limits, alone(cohort))}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    "(folder, Exploration, where it was written) of 48 drawn images of two sources."
    root, out = tmp_path_factory.mktemp("films"), tmp_path_factory.mktemp("out")
    rows = [
        row(
            "ab"[i % 2],
            ("one", "two")[i % 3 == 0],
            ("train", "train", "valid", "test")[i % 4],
            age=str(i) if i % 5 else "",
            sex=("F", "M", "")[i % 3],
            view=("PA", "AP", EVIL)[i % 3],
            patient=f"p{i // 2}" if i < 30 else "",
            findings="mass|nodule" if i % 3 else "mass",
            licence=EVIL,
        )
        for i in range(48)
    ]
    data = drawn(
        rows, root, lambda r: 60 if r.source == "one" else 160, vocab="ab", display={"a": EVIL}
    )
    catalog = write_catalog(
        root / "c.csv", *(rule(s, title=EVIL, label_value="x") for s in ("one", "two"))
    )
    return data, explore(data, out, manifest=catalog), out


# ---- counts


@pytest.mark.parametrize("key", ["split", "source", "sex", "view"])
def test_counts_equal_those_of_pandas(found, key):
    data, e, _ = found
    want = pd.DataFrame(map(vars, data.rows)).groupby(["label", key]).size()
    got = {(c, v): n for c, x in e.classes.items() for v, n in x[key].items()}
    assert got == want.to_dict() and sum(got.values()) == 48


def test_ages_patients_and_sizes_equal_those_of_pandas(found):
    data, e, _ = found
    df = (
        pd.DataFrame(map(vars, data.rows))
        .replace("", np.nan)
        .astype({"age": float, "width": float, "height": float})
    )
    for c, of in df.groupby("label"):
        x, five = e.classes[c], [0, 0.25, 0.5, 0.75, 1]
        assert x["ages"]["quantiles"] == pytest.approx(of.age.quantile(five).tolist(), abs=1e-4)
        assert x["ages"]["known"] == of.age.count() == sum(x["ages"]["decades"].values())
        assert x["ages"]["decades"]["10-19"] == of.age.between(10, 19).sum()
        assert (
            x["patients"]["patients"] == of.patient.nunique()
            and x["patients"]["images"] == of.patient.count()
        )
        assert x["aspect"]["quantiles"] == pytest.approx(
            (of.width / of.height).quantile(five).tolist()
        )


def test_the_age_group_is_that_of_the_age_and_without_one_the_catalogues_word():
    given = dict(
        child=("17.9", "one"),
        adult=("18", "kids"),
        adult_source=("", "one"),
        child_source=("", "kids"),
        mixed_source=("", "all"),
    )
    rows = [
        row(age=age, source=s)
        for age, s in [*given.values(), ("0", "two"), ("", "some"), ("", "new")]
    ]
    columns = cohort_of(folder(rows)).columns
    assert columns["age_group"].tolist() == [*given, "child", "", ""]
    assert columns["group"].tolist() == ["child", "adult", "adult", "child", "", "child", "", ""]


def test_an_image_of_several_findings_counts_for_each_and_an_unknown_one_for_none():
    rows = [
        row("a|b", sex="F"),
        row("b|?a", sex="M"),
        row("none", sex="M"),
        row("none|?b", sex="F"),
    ]
    cohort, classes, _ = seen(folder(rows, task="multi_label", vocab="ab"))
    counts = {c: (x["images"], x["unknown"]) for c, x in classes.items()}
    assert (
        counts == {"a": (1, 1), "b": (2, 1), "none": (2, 0)}
        and cohort.names["none"] == "none of these"
    )
    assert classes["b"]["sex"] == {"F": 1, "M": 1}
    assert alone(cohort)["sex"]["a"] == dict(
        auroc=0.75, images=1, others=2
    )  # F has it and has not, M has not


def test_findings_that_stand_together_equal_a_plain_loop():
    rng = np.random.default_rng(0)
    names = ["mass", "nodule", "edema", "hernia"]
    said = [sorted(rng.choice(names, rng.integers(0, 4), replace=False)) for _ in range(60)]
    f = finding_counts([row(findings="|".join(fs), phash=str(i)) for i, fs in enumerate(said)])
    for i, one in enumerate(f["names"]):
        for j, other in enumerate(f["names"]):
            assert f["counts"][i][j] == sum(one in fs and other in fs for fs in said)
    assert (
        f["unknown"] == said.count([])
        and sorted(np.diag(f["counts"]))[::-1] == np.diag(f["counts"]).tolist()
    )


# ---- pixels


def test_brightness_is_the_mean_gray_of_the_pixels(found):
    _, e, _ = found
    for x in e.classes.values():
        one, two = x["brightness"]["by_source"]["one"], x["brightness"]["by_source"]["two"]
        assert (
            60 < one["quantiles"][0] <= one["quantiles"][4] < 61 and 160 < two["quantiles"][0] < 161
        )


def test_a_sample_is_measured_and_each_of_it_stands_for_the_rest_of_its_source(monkeypatch):
    monkeypatch.setattr(counting, "SAMPLE", 4)
    rows = [row("a", s, phash=str(i)) for s, n in (("one", 40), ("two", 3)) for i in range(n)]
    gray = {r.path: float(i) for i, r in enumerate(rows)}
    cohort = cohort_of(folder(rows))
    part = {s: (n, [r.path for r in of]) for s, (n, of) in sampled(cohort, "a").items()}
    assert {s: (n, len(of)) for s, (n, of) in part.items()} == {"one": (40, 4), "two": (3, 3)}
    want = np.quantile(
        [gray[p] for n, of in part.values() for p in of * (12 * n // len(of))],
        (0, 0.25, 0.5, 0.75, 1),
        method="inverted_cdf",
    )
    x = class_counts(cohort, "a", gray)["brightness"]
    assert x["quantiles"] == want.tolist() and x["images"] == 7
    assert part == {
        s: (n, [r.path for r in of])
        for s, (n, of) in sampled(cohort_of(folder(rows[::-1])), "a").items()
    }


def test_an_image_that_cannot_be_read_ends_the_run_and_is_named(tmp_path):
    data = drawn([row(phash=str(i)) for i in range(3)], tmp_path)
    (tmp_path / data.rows[1].path).write_bytes(b"")
    with pytest.raises(IntegrityError, match=f"{data.rows[1].path}.*curate the folder again"):
        explore(data)


# ---- floors


@pytest.mark.parametrize("seed", range(5))
def test_the_source_only_floor_is_that_of_cxr_evaluate(seed):
    rng, vocab = np.random.default_rng(seed), list("badc")
    targs, sources = rng.integers(0, 4, 30), rng.choice(["x", "y", "z"], 30).tolist()
    got, want = (
        floors([vocab[t] for t in targs], sources, vocab),
        metrics.floors(targs, sources, vocab),
    )
    assert (
        got["answers"] == want["source_only"]["answers"]
        and got["majority"] == want["majority"]["label"]
    )
    assert got["source_only_accuracy"] == pytest.approx(want["source_only"]["accuracy"])
    assert got["majority_accuracy"] == pytest.approx(want["majority"]["accuracy"])
    wrong = 1 - got["majority_accuracy"]
    assert got["righted"] == pytest.approx((wrong - (1 - got["source_only_accuracy"])) / wrong)


@pytest.mark.parametrize(
    "labels,sources,righted", [("aab", "xxy", 1), ("aabb", "xyxy", 0), ("aaa", "xyz", 0)]
)
def test_errors_righted_are_all_none_or_none_to_right(labels, sources, righted):
    assert floors(list(labels), list(sources), ["a", "b"])["righted"] == righted


@pytest.mark.parametrize("seed", range(5))
def test_the_auroc_of_one_attribute_equals_scikit_learn_on_its_prevalences(seed):
    rng = np.random.default_rng(seed)
    has, values = rng.random(80) < 0.3, rng.choice(list("uvwxyz"), 80)
    score = pd.Series(has).groupby(values).transform("mean")
    assert auroc_alone(has, values) == pytest.approx(roc_auc_score(has, score))


def test_no_ranking_by_one_attribute_is_better():
    rng = np.random.default_rng(1)
    has, values = rng.random(40) < 0.4, rng.integers(0, 3, 40)
    best = max(roc_auc_score(has, np.array(rank)[values]) for rank in np.ndindex(3, 3, 3))
    assert auroc_alone(has, values.astype(str)) == pytest.approx(best)


@pytest.mark.parametrize(
    "has,values,want",
    [
        ([1, 1], "xy", None),
        ([0, 0], "xy", None),
        ([], "", None),
        ([1, 0], "xy", 1),
        ([1, 0], "xx", 0.5),
    ],
)
def test_an_auroc_is_undefined_one_half_or_one(has, values, want):
    assert auroc_alone(np.array(has, bool), np.array(list(values), "<U1")) == want


# ---- warnings


def test_a_folder_where_nothing_tells_the_class_has_no_warning():
    assert seen(folder(even(), vocab="ab"))[2] == {}


def but(rows, change, **cells):
    "The rows, those for which `change` holds with other cells (a callable is given the row)."

    def new(r):
        return replace(r, **{k: v(r) if callable(v) else v for k, v in cells.items()})

    return [new(r) if change(r) else r for r in rows]


def is_a(r):
    return r.label == "a"


CASES = {
    "single_source": (even(sources=("one",)), "one", {}),
    "class_of_one_source": (
        even(classes="b") + even(classes="a", sources=("one",), n=40),
        "a, all 120 images from one",
        {
            "source_only_floor": "for 75.0 % .* for 50.0 %",
            "source_of_one_class": "two, all 60 images b",
        },
    ),
    "source_of_one_class": (
        even() + even(classes="a", sources=("kids",), n=2),
        "1 of 3 sources holds .*kids, all 6 images a",
        {},
    ),
    "source_only_floor": (
        but(even(), lambda r: int(r.phash) < 16, source=lambda r: "one" if is_a(r) else "two"),
        "right for 90.0 % of the images, always answering a for 50.0 %",
        {
            "class_of_one_source": "a, 90 % of 120 images from one; b, 90 % of 120 images from two",
            "source_of_one_class": "one, 90 % of 120 images a",
        },
    ),
    "class_of_one_age_group": (
        but(even(), is_a, age="9"),
        "a, all 120 images children. The age is given for all 120 images.$",
        {},
    ),
    "unknown_age": (
        but(even(), lambda r: int(r.phash) < 12, age=""),
        "unknown for 60 % of 240 images",
        {},
    ),
    "class_of_one_sex": (but(even(), is_a, sex="F"), "knowing the sex alone: a 0.75; b 0.75", {}),
    "class_of_one_view": (
        but(even(), lambda r: True, view=lambda r: "PA" if is_a(r) else "AP"),
        "knowing the view alone: a 1.00; b 1.00",
        {},
    ),
    "size_apart": (
        but(even(), is_a, width="200", height="160"),
        "1 pair .*b 80 to 80; a 160 to 160",
        {},
    ),
    "shape_apart": (but(even(), is_a, width="120"), "b 1.25 to 1.25; a 1.50 to 1.50", {}),
    "class_absent": ([r for r in even() if not is_a(r) or r.split != "valid"], "a in valid", {}),
    "class_scarce": (
        [r for r in even() if not is_a(r) or r.split != "test" or int(r.phash) < 7],
        "a in test, 14",
        {},
    ),
}


@pytest.mark.parametrize("kind", CASES)
def test_what_tells_the_class_is_warned_of_with_its_numbers(kind):
    rows, said, also = CASES[kind]
    got = seen(folder(rows, vocab="ab"))[2]
    assert set(got) == {kind, *also}
    for k, words in {kind: said, **also}.items():
        assert re.search(words, got[k]["says"]), got[k]["says"]
    assert all(w["do"] and w["numbers"] and w["title"] == TITLES[k] for k, w in got.items())


def test_brightness_that_tells_the_class_is_warned_of_and_a_slight_or_blurred_difference_is_not():
    def light(by, spread=1):
        return seen(
            folder(even(), vocab="ab"), lambda r: 100 + by * is_a(r) + spread * (int(r.phash) % 3)
        )[2]

    assert "b 100 to 102; a 140 to 142" in light(40)["brightness_apart"]["says"]
    assert not light(4) and not light(40, spread=30)


def test_classes_that_look_alike_are_named_in_the_order_of_their_names():
    rows = but(even(classes="hgfedcba"), lambda r: r.label < "e", width="200", height="160")
    said = seen(folder(rows, vocab="hgfedcba"))[2]["size_apart"]["says"]
    assert (
        re.findall("(.) [0-9]+ to", said.split(": ")[1]) == list("efghabcd") and "16 pairs" in said
    )


def test_every_kind_of_warning_has_a_case():
    assert {*CASES, "brightness_apart"} == set(TITLES)


def test_the_age_group_is_no_warning_where_no_class_has_the_other():
    assert (
        "class_of_one_age_group"
        not in seen(folder(but(even(), lambda r: True, age="40"), vocab="ab"))[2]
    )


def test_the_catalogues_word_counts_as_an_age_group_and_is_told_from_an_age():
    rows = but(even(sources=("kids", "one")), lambda r: True, age=lambda r: "" if is_a(r) else "40")
    rows = but(rows, is_a, source="kids")
    said = seen(folder(rows, vocab="ab"))[2]["class_of_one_age_group"]
    assert "a, all 120 images children; b, all 120 images adults" in said["says"]
    assert "given for 50 % of 240 images" in said["says"] and said["numbers"]["a"]["by_age"] == 0


def test_a_few_images_are_not_judged():
    few = but(
        even(n=3),
        lambda r: True,
        view=lambda r: "PA" if is_a(r) else "AP",
        height=lambda r: "160" if is_a(r) else "80",
        width=lambda r: "200" if is_a(r) else "100",
    )
    assert set(seen(folder(few, vocab="ab"))[2]) == {"class_scarce"}


def test_only_the_split_looked_at_can_lack_a_class():
    rows = [r for r in even(sources=("one", "two")) if r.split == "train"]
    assert set(seen(folder(rows, vocab="ab"))[2]) == {"class_absent"}
    assert not seen(folder(rows, vocab="ab"), split="train")[2]


def test_the_source_that_tells_a_finding_is_warned_of_by_its_auroc():
    rows = but(
        even(classes=("a|b", "a", "none"), sources=("one", "two")),
        lambda r: "b" in r.label,
        source="one",
    )
    got = seen(folder(rows, task="multi_label", vocab="ab"))[2]
    assert got["source_only_floor"]["numbers"] == {"b": pytest.approx(0.75)}
    assert "knowing the source alone: b 0.75." in got["source_only_floor"]["says"]
    assert "b, all 120 images from one" in got["class_of_one_source"]["says"]


# ---- what is shown


def test_radiographs_are_of_train_of_all_sources_and_drawn_by_the_seed(found):
    data, e, _ = found
    of = {r.path: r for r in data.rows}
    for c, shots in e.grid.items():
        assert len(shots) == len({s["path"] for s in shots}) == 8 and {
            of[s["path"]].label for s in shots
        } == {c}
        assert {s["split"] for s in shots} == {"train"}
        assert Counter(s["source"] for s in shots) == {"one": 4, "two": 4}
    assert explore(data).grid == e.grid != explore(data, seed=1).grid
    assert {s["split"] for shots in explore(data, split="valid").grid.values() for s in shots} == {
        "valid"
    }


class Page(HTMLParser):
    "Tags, attributes and words of a page."

    def __init__(self, html):
        super().__init__()
        self.tags, self.images, self.links, self.said = Counter(), [], [], []
        self.feed(html)
        self.text = " ".join(" ".join(self.said).split())

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        if tag == "img":
            self.images.append(dict(attrs))
        self.links += [v for k, v in attrs if k in ("href", "src")]

    def handle_data(self, data):
        self.said.append(data)


def test_the_page_fetches_nothing_runs_nothing_and_spells_foreign_text_out(found):
    data, e, out = found
    html = (out / "eda.html").read_text()
    page = Page(html)
    assert (
        not page.tags["script"]
        and "default-src 'none'" in html
        and SAFE in page.text
        and "\x1b" not in html
    )
    assert "http" not in page.text and "url(" not in html
    assert all(link.startswith(("#", "data:image/jpeg;base64,")) for link in page.links)
    assert len(page.images) == 16 == len(e.thumbs) and all(i["alt"] for i in page.images)
    assert max(int(i["height"]) for i in page.images) <= 128 and len(html) < 200_000


def test_the_page_holds_the_numbers_and_every_warning(found):
    _, e, out = found
    page = Page((out / "eda.html").read_text())
    for table in e.tables().values():
        for name, ns, of in table.rows:
            assert name.replace(EVIL, SAFE) in page.text and f"{of:,}" in page.text
    assert e.warnings and all(
        w["says"].replace(EVIL, SAFE) in page.text and w["do"] in page.text for w in e.warnings
    )
    assert (
        "at most 200 images of a class and source" in page.text
        and "split train, so that nobody" in page.text
    )
    assert f"given for {e.about['ages_known']} of 48 images" in page.text


def test_views_beyond_the_commonest_are_counted_together_whatever_they_are_called(tmp_path):
    views = ["odd", "other", "unknown", "", *(f"v{i}" for i in range(6))]
    e = explore(
        drawn(
            [row(view=v, phash=str(i)) for v in views for i in range(2 + (v == "other"))], tmp_path
        )
    )
    table = e.tables()["view"]
    assert table.head == ["other", "odd", "unknown", "v0", "v1", "v2", "other", "unknown"]
    assert table.rows[0] == ("a", [3, 2, 2, 2, 2, 2, 6, 2], 21)


def test_a_page_of_many_findings_is_whole(tmp_path):
    findings = [f"finding_{i}" for i in range(14)]
    rows = [
        row(
            "|".join(findings[i % 14 :: 5]) or "none",
            ("one", "two")[i % 2],
            findings="mass",
            phash=str(i),
        )
        for i in range(60)
    ]
    e = explore(drawn(rows, tmp_path, task="multi_label", vocab=findings))
    page = Page(e.to_html())
    assert (
        all(f in page.text for f in findings)
        and "unknown means that its source does not say" in page.text
    )
    assert e.tables()["source"].head == ["one", "two"] and e.tables()["split"].head[-1] == "unknown"
    assert not e.floors and json.loads(json.dumps(e.to_dict(), allow_nan=False))


def test_classes_without_images_and_rows_without_sizes_are_told_as_such(tmp_path):
    e = explore(drawn([row(width="", height="", phash=str(i)) for i in range(3)], tmp_path))
    assert (
        e.classes["b"]["width"]["quantiles"] is None
        and e.classes["a"]["height"]["quantiles"] is None
    )
    assert (
        e.alone["source"]["b"]["auroc"] is None
        and "No image in split train." in Page(e.to_html()).text
    )
    assert json.loads(json.dumps(e.to_dict(), allow_nan=False)) == e.to_dict()


def test_sources_that_the_catalogue_does_not_know_are_named(found):
    data, e, _ = found
    assert (
        not e.notes and "one, two" in explore(data).notes[0] and "--manifest" in str(explore(data))
    )


# ---- the command


def test_the_command_writes_what_python_writes_and_leaves_the_folder_alone(tmp_path):
    data = curated(tmp_path / "data")
    before = tree(data)
    e = explore(data, tmp_path / "here", seed=3)
    code = "from cxr_fastai.cli import main; import sys; sys.exit(main())"
    args = [
        sys.executable,
        "-c",
        code,
        "eda",
        str(data),
        "--out",
        str(tmp_path / "there"),
        "--seed",
        "3",
        "--json",
    ]
    done = subprocess.run(
        args, capture_output=True, text=True, env={**os.environ, "PYTHONHASHSEED": "1"}
    )
    assert done.returncode == 0 and json.loads(done.stdout) == e.to_dict(), done.stderr
    assert tree(tmp_path / "here") == tree(tmp_path / "there") and set(tree(tmp_path / "here")) == {
        "eda.html",
        "eda.json",
    }
    assert tree(data) == before and "eda.html" in done.stderr
    assert json.loads((tmp_path / "here/eda.json").read_text()) == e.to_dict()


def test_the_text_has_the_tables_and_the_warnings(found):
    _, e, _ = found
    text = str(e)
    assert all(f"! {w['title']}" in text for w in e.warnings) and all(
        str(t) in text for t in e.tables().values()
    )
    assert "AUROC of knowing only" in text and SAFE in text and "\x1b" not in text
    assert text.startswith(
        "toy, all splits: 48 radiographs, 2 classes, 2 sources, 15 named patients"
    )


@pytest.mark.parametrize(
    "kw,error,said",
    [
        (dict(split="tets"), UnknownName, "Did you mean 'test'"),
        (dict(out="file/out"), StorageError, "cannot write file/out"),
        (dict(data="gone"), NotCurated, "no folder"),
        (dict(manifest="gone.csv"), UsageError, "cannot read the catalogue"),
    ],
)
def test_bad_input_is_told_before_any_image_is_read(tmp_path, monkeypatch, kw, error, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    data = folder([row()], tmp_path)  # has no image
    with pytest.raises(error, match=said):
        explore(**{"data": data, **kw})


def test_an_empty_split_is_told(tmp_path):
    data = read_manifest(curated(tmp_path / "data", dict(normal=(2, 0, 1))))
    with pytest.raises(UsageError, match="'valid': it has train 2, valid 0, test 1"):
        explore(data, split="valid")


def test_none_is_no_class_where_an_image_may_have_several(tmp_path):
    n = sum(sum(of) for of in FINDINGS_COUNTS.values())
    e = explore(curated_findings(tmp_path))
    assert str(e).startswith(f"toy_findings, all splits: {n} radiographs, 3 classes, 1 source")
