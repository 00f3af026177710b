"""pytest tests/test_road.py; the whole demo and the real radiographs: pytest -m slow tests/test_road.py

The whole road through the command line: phantoms -> curate -> train -> evaluate -> predict."""

import csv
import json
import os
from collections import Counter
from pathlib import Path

import pytest
from command import cxr
from toy_sources import read_rows

from cxr_fastai import demo, phantom
from cxr_fastai.core import IntegrityError
from cxr_fastai.demo import check_planted

PACK = Path(os.environ.get("CXR_PACK") or Path(__file__).parents[2] / "shared" / "cxr")
needs_pack = pytest.mark.skipif(
    not (PACK / "mirror").is_dir(),
    reason="real radiographs not here: set CXR_PACK or place ../shared/cxr",
)


@pytest.fixture(scope="module")
def road(tmp_path_factory):
    "Curated phantoms and a bundle that was trained on them for one epoch."
    at = tmp_path_factory.mktemp("road")
    planted = phantom.write_sources(at / "raw", n_per_class=12, size=64, seed=3)
    done = cxr(
        "curate",
        "--manifest",
        planted.catalog,
        "--mirror",
        planted.mirror,
        "--out",
        "six",
        "--workers",
        1,
        cwd=at,
    )
    assert done.returncode == 0, done.stderr
    trained = cxr(
        "train",
        "six",
        "--arch",
        "resnet18",
        "--size",
        32,
        "--epochs",
        1,
        "--bs",
        16,
        "--weights",
        "none",
        cwd=at,
    )
    assert trained.returncode == 0, trained.stderr
    return at, planted, trained


def test_every_planted_flaw_is_found(road):
    at, planted, _ = road
    flaws = (
        ("copies", len(planted.copies)),
        ("label conflicts", 1),
        ("damaged files", 1),
        ("CT and lateral images", len(planted.filtered)),
    )
    assert check_planted(planted, at / "six") == [
        f"planted {what} found: {n} of {n}" for what, n in flaws
    ]


def test_a_missed_flaw_stops_the_demo(road, tmp_path):
    at, planted, _ = road
    for f in ("duplicates.csv", "conflicts.csv", "rejects.csv", "manifest.csv"):
        (tmp_path / f).write_bytes((at / "six" / f).read_bytes())
    (tmp_path / "conflicts.csv").write_text(
        (tmp_path / "conflicts.csv").read_text().splitlines()[0] + "\n"
    )
    with pytest.raises(IntegrityError, match="missed label conflicts: found 0 of 1"):
        check_planted(planted, tmp_path)


def test_training_says_where_the_bundle_lies_and_nothing_else_on_stdout(road):
    at, _, trained = road
    assert trained.stdout == "runs/six_class/bundle\n" and "epoch 1/1" in trained.stderr
    files = {p.name for p in (at / "runs/six_class/bundle").iterdir()}
    assert files == {
        "model.safetensors",
        "gate.safetensors",
        "bundle.json",
        "learner.pkl",
        "README.md",
        "trained_on.txt",
    }
    assert [r["epoch"] for r in read_rows(at / "runs/six_class/history.csv")] == ["1"]


def test_evaluation_prints_metrics_beside_the_floors(road):
    at, *_ = road
    text = cxr("evaluate", "runs/six_class", "six", "--out", "report", cwd=at)
    assert (
        text.returncode == 0 and "source-only" in text.stdout and "balanced accuracy" in text.stdout
    ), text.stderr
    d = json.loads(cxr("evaluate", "runs/six_class", "six", "--json", cwd=at).stdout)
    rows = [r for r in read_rows(at / "six/manifest.csv") if r["split"] == "test"]
    assert d["n"] == len(rows)
    top = Counter(r["label"] for r in rows).most_common(1)[0][1]
    by = {
        s: Counter(r["label"] for r in rows if r["source"] == s).most_common(1)[0][1]
        for s in {r["source"] for r in rows}
    }
    floors = d["floors"]
    assert floors["majority"]["accuracy"] == pytest.approx(top / len(rows))
    assert floors["source_only"]["accuracy"] == pytest.approx(sum(by.values()) / len(rows))
    said = list(csv.DictReader(open(at / "report/predictions.csv")))
    assert d["metrics"]["accuracy"] == pytest.approx(
        sum(r["label"] == r["predicted"] for r in said) / len(said)
    )
    assert (at / "report/report.html").stat().st_size > 10_000 and (
        at / "report/confusion.png"
    ).stat().st_size > 1_000


def test_prediction_names_the_files_it_could_not_read_and_answers_the_rest(road):
    at, *_ = road
    images = sorted((at / "six/normal").glob("*.png"))[:2]
    (at / "broken.png").write_bytes(images[0].read_bytes()[:100])
    got = cxr("predict", "runs/six_class", *images, "broken.png", "--json", cwd=at)
    rows = json.loads(got.stdout)
    assert got.returncode == 0 and [bool(r["error"]) for r in rows] == [False, False, True]
    assert "1 of 3 files could not be read" in got.stderr
    assert all(sum(r["probs"].values()) == pytest.approx(1, abs=1e-4) for r in rows[:2])
    assert cxr("predict", "runs/six_class", "broken.png", cwd=at).returncode == 4
    assert cxr("predict", "runs/six_class", "six/normal", "--csv", "p.csv", cwd=at).returncode == 0
    assert len(read_rows(at / "p.csv")) == len(list((at / "six/normal").glob("*.png")))


def test_a_tampered_bundle_and_a_used_run_folder_are_refused(road):
    at, *_ = road
    again = cxr("train", "six", "--out", "runs/six_class", "--weights", "none", cwd=at)
    assert again.returncode == 2 and "not empty" in again.stderr
    weights = at / "runs/six_class/bundle/model.safetensors"
    kept = weights.read_bytes()
    try:
        weights.write_bytes(kept[:-1] + b"!")
        got = cxr("predict", "runs/six_class", next((at / "six/normal").glob("*.png")), cwd=at)
        assert (
            got.returncode == 4
            and "Traceback" not in got.stderr
            and len(got.stderr.strip().splitlines()) == 1
        )
    finally:
        weights.write_bytes(kept)


def test_a_class_without_images_stops_training_with_the_remedy(road, tmp_path):
    at, planted, _ = road
    done = cxr(
        "curate",
        "--manifest",
        planted.catalog,
        "--mirror",
        planted.mirror,
        "--out",
        tmp_path / "few",
        "--only",
        "phantom_hospital,phantom_tb",
        cwd=at,
    )
    assert done.returncode == 0 and "no image for class covid_19" in done.stderr
    got = cxr("train", tmp_path / "few", "--weights", "none", cwd=at)
    assert got.returncode == 2 and len(got.stderr.strip().splitlines()) == 1
    assert "covid_19" in got.stderr and "--allow-missing-classes" in got.stderr


@needs_pack
@pytest.mark.slow
def test_the_real_mirror_curates_as_it_stands(tmp_path):
    done = cxr(
        "curate", "--mirror", PACK / "mirror", "--out", "six", "--check", "--json", cwd=tmp_path
    )
    d = json.loads(done.stdout)
    assert done.returncode == 0 and d["images"] > 6000 and d["duplicates"]["bytes"] >= 20, (
        done.stderr
    )
    assert {c["class"] for c in d["counts"]} == {
        "bacterial_pneumonia",
        "covid_19",
        "normal",
        "other_findings",
        "tuberculosis",
        "viral_pneumonia",
    }
    assert d["rejects"]["filter/modality"] == 63 and d["rejects"]["list/outside_globs"] == 20
    test = {
        c["class"]: c["images"]
        for c in d["counts"]
        if c["source"] == "kermany_kaggle" and c["split"] == "test"
    }
    # the official test images that are there, and no others
    assert test == {"bacterial_pneumonia": 16, "viral_pneumonia": 16, "normal": 16}


@pytest.mark.slow
def test_the_demo_finds_everything_and_its_model_beats_four_fifths(tmp_path):
    assert demo.demo(tmp_path / "demo") == 0
    d = json.loads((tmp_path / "demo/report/metrics.json").read_text())
    assert d["metrics"]["accuracy"] > 0.8
