"""Predicting many files: a row a file whatever it holds, and neither fastai, pandas nor pickle on the way.

python -m pytest tests/serving/test_predict.py
"""

import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from toy_rows import KEYS, META, VOCAB, read_csv

import cxr_fastai
from cxr_fastai import core
from cxr_fastai.bundle import load_bundle, save_bundle
from cxr_fastai.core import Prediction
from cxr_fastai.images import NOTES
from cxr_fastai.models.networks import build_network
from cxr_fastai.serving.predict import (
    find_images,
    notes_line,
    predict,
    predict_paths,
    worklist,
)

# ---- predict


def test_an_unreadable_file_becomes_a_row_and_the_others_carry_on(bundle, folder):
    paths = [*find_images([folder]), folder / "notes.txt", folder / "vanished.png"]
    rows = predict_paths(bundle, paths)
    assert [r["path"] for r in rows] == [str(p) for p in paths]
    assert [bool(r["error"]) for r in rows] == [False, True, False, True, True]
    for r in rows:
        assert list(r) == KEYS
        if r["error"]:
            assert r["label"] is None and r["probs"] == {} and "\n" not in r["error"]
            assert r["decision"] == "" and r["threshold"] is None
        else:
            assert r["label"] in VOCAB and sum(r["probs"].values()) == pytest.approx(1)
            shown = META["display"][r["label"]]
            share = f"{r['probs'][r['label']]:.2f}"
            assert r["decision"] == f"{shown}: the most probable of 2 classes, {share}"


def test_rows_say_what_predict_says_and_batches_do_not_matter(bundle, folder):
    paths = find_images([folder])
    single = bundle.predict(paths[2])
    for bs in (1, 2, 32):
        r = predict_paths(bundle, paths, bs=bs)[2]
        assert r["label"] == single.label and r["probs"] == pytest.approx(single.probs, abs=1e-5)


def test_a_batch_without_a_readable_file_is_no_problem(bundle, folder):
    assert [r["label"] for r in predict_paths(bundle, [folder / "notes.txt"] * 2)] == [None, None]


class Shown:
    "A Progress that keeps what it was asked to show."

    def __init__(self):
        self.bars = []

    def bar(self, items, total, what):
        items = list(items)
        self.bars.append((len(items), total, what))
        yield from items

    def meter(self, total, done, what):
        raise AssertionError("no bytes are fetched here")

    def say(self, text):
        raise AssertionError("rows say what there is to say")


def test_progress_is_shown_batches(bundle, folder):
    shown = Shown()
    rows = predict_paths(bundle, iter(find_images([folder])), progress=shown, bs=2)
    assert shown.bars == [(2, 2, "predicting 3 images")] and len(rows) == 3


def test_rows_are_plain_json(bundle, folder):
    rows = predict_paths(bundle, find_images([folder]))
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows


def test_abstaining_is_carried_into_the_row(bundle, folder):
    meta = {**bundle.meta, "thresholds": dict.fromkeys(VOCAB, 1.0)}
    shy = replace(bundle, meta=meta)
    r = predict_paths(shy, [folder / "b.png"])[0]
    assert (
        r["label"] is None
        and r["abstained"]
        and "below its own threshold" in r["reason"]
        and r["decision"] == f"no answer: {r['reason']}"
        and list(r["probs"]) == VOCAB
    )


def deciding(bundle, negative: str, threshold: float = 0.5):
    "The same network where one class means nothing found."
    meta = {**bundle.meta, "decision": dict(negative=negative, threshold=threshold)}
    return replace(bundle, meta=meta)


def test_a_worklist_begins_with_what_could_not_be_read_and_goes_on_from_the_highest_risk(
    bundle, folder
):
    rows = predict_paths(deciding(bundle, VOCAB[0]), find_images([folder]))
    order = worklist(rows)
    assert sorted(r["path"] for r in order) == [r["path"] for r in rows]
    risks = [1 - r["probs"][VOCAB[0]] for r in order[1:]]
    assert order[0]["error"] and len(risks) == 2 and risks[0] > risks[1]
    assert [r["risk"] for r in order[1:]] == pytest.approx(risks)


def test_a_bundle_without_a_class_for_nothing_found_has_no_worklist(bundle, folder):
    with pytest.raises(core.UsageError, match="no risk to order a worklist by"):
        worklist(predict_paths(bundle, find_images([folder])))


def test_the_risk_has_a_column_where_there_is_one(bundle, folder, tmp_path):
    rows = predict_paths(deciding(bundle, VOCAB[0]), find_images([folder]))
    cells = [r["risk"] for r in read_csv(rows, tmp_path)]
    assert cells == ["" if r["risk"] is None else f"{r['risk']:.6f}" for r in rows] and "" in cells
    assert "risk" not in read_csv(predict_paths(bundle, find_images([folder])), tmp_path)[0]


def test_what_is_odd_about_a_file_is_told_and_no_answer_changes(bundle, tmp_path):
    levels = np.random.default_rng(3).uniform(-0.02, 1.02, (80, 70)).astype(np.float32)
    Image.fromarray(levels).save(tmp_path / "over.tiff")
    Image.fromarray(levels).save(tmp_path / "over.png.tif")
    Image.fromarray((levels[:40].clip(0, 1) * 255).astype(np.uint8)).save(tmp_path / "tiny.png")
    (tmp_path / "x.png").write_bytes(b"x")
    rows = predict_paths(bundle, find_images([tmp_path]))
    assert [r["notes"] for r in rows] == [["overshoot"], ["overshoot"], ["tiny"], []]
    assert bundle.predict(tmp_path / "over.tiff").notes == ("overshoot",)
    assert bundle.predict(levels).probs == pytest.approx(rows[0]["probs"])
    assert [cells["notes"] for cells in read_csv(rows, tmp_path)] == ["overshoot"] * 2 + [
        "tiny",
        "",
    ]
    assert notes_line(rows) == (
        f"noted of 3 of 4 files: overshoot 2 ({NOTES['overshoot'][:-1]}); "
        f"tiny 1 ({NOTES['tiny'][:-1]})"
    )


# ---- predict(bundle, sources)


def forms(folder):
    "One radiograph in every form that it can be given in."
    file = folder / "b.png"
    opened = Image.open(file)
    pixels = np.array(opened)
    return {
        "path": file,
        "text": str(file),
        "bytes": file.read_bytes(),
        "open file": io.BytesIO(file.read_bytes()),
        "image": opened,
        "array": pixels,
        "floats": pixels.astype(np.float32) / 255,
        "three channels": np.stack([pixels] * 3, axis=2),
        "tensor": torch.tensor(pixels),
        "tensor of floats": torch.tensor(pixels)[None].expand(3, -1, -1) / 255,
    }


def test_one_radiograph_has_one_answer_in_whatever_form_it_comes(bundle, folder):
    wanted = bundle.predict(folder / "b.png")
    for form, source in forms(folder).items():
        found = predict(bundle, source)
        assert isinstance(found, Prediction), form
        assert found.probs == pytest.approx(wanted.probs, abs=1e-6), form
        assert (found.label, found.decision) == (wanted.label, wanted.decision), form


def test_a_list_of_all_forms_has_an_answer_each(bundle, folder):
    sources = forms(folder)
    found = predict(bundle, list(sources.values()))
    assert [answer.label for answer in found] == [found[0].label] * len(sources)
    assert [bool(answer.source) for answer in found] == [True] * len(sources)


def test_a_folder_has_an_answer_a_file_and_what_is_unreadable_says_why(bundle, folder):
    found = predict(bundle, folder)
    assert [Path(answer.source).name for answer in found] == ["b.png", "broken.png", "a.PNG"]
    unread = found[1]
    assert unread.label is None and unread.probs == {} and not unread.abstained
    assert "broken.png" in unread.error and unread.decision == f"not read: {unread.error}"
    assert [answer.error for answer in (found[0], found[2])] == ["", ""]


def test_one_that_cannot_be_read_raises_and_a_path_that_is_not_there_too(bundle, folder):
    with pytest.raises(core.ImageRejected, match="broken.png"):
        predict(bundle, folder / "sub" / "broken.png")
    with pytest.raises(core.UsageError, match="no such file or folder"):
        predict(bundle, [folder / "b.png", folder / "gone.png"])


def test_the_package_predicts_with_a_bundles_folder(made, bundle, folder):
    found = cxr_fastai.predict(made, str(folder / "b.png"))
    assert found.probs == pytest.approx(bundle.predict(folder / "b.png").probs, abs=1e-6)
    assert found.source == str(folder / "b.png")


@pytest.mark.parametrize("bs", [0, -1])
def test_a_batch_of_none_is_a_usage_error(bundle, folder, bs):
    with pytest.raises(core.UsageError, match="expected 1 or more"):
        predict(bundle, [folder / "b.png"], bs=bs)


def test_a_notebook_shows_what_a_bundle_is(bundle):
    shown = deciding(bundle, VOCAB[1], 0.8)._repr_html_()
    for words in ("COVID-19", "resnet18", "32 x 32 px", "risk of 0.8", "not a medical device"):
        assert words in shown, words
    assert "<html" not in shown


# ---- what the way to an answer never touches

SCRIPT = """
import pickle, sys, _pickle
import cxr_fastai.bundle.torch_runtime  # torch defines classes of pickle's
from cxr_fastai.bundle import load_bundle
from cxr_fastai.serving.predict import find_images, format_rows, predict_paths, worklist, write_csv
import torch
def refuse(*a, **k): raise SystemExit("unpickled")
pickle.load = pickle.loads = pickle.Unpickler = _pickle.load = _pickle.loads = torch.load = refuse
bundle = load_bundle(sys.argv[1], "cpu")
rows = predict_paths(bundle, find_images(sys.argv[2:]))
bundle.predict(rows[0]["path"])
write_csv(rows, sys.stdout)
format_rows(rows)
print(sorted({"fastai", "pandas", "sklearn", "matplotlib"} & set(sys.modules)))
"""


def test_loading_and_predicting_import_neither_fastai_nor_pandas_and_unpickle_nothing(made, folder):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, made, folder],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(core.__file__).parents[1])},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]" and len(done.stdout.splitlines()) == 1 + 3 + 1


def test_a_folder_that_cannot_be_listed_is_a_storage_error(monkeypatch, tmp_path):
    def walk(folder, onerror, followlinks):
        onerror(PermissionError(13, "Permission denied", str(folder)))
        return []

    monkeypatch.setattr(os, "walk", walk)
    with pytest.raises(core.StorageError, match="cannot read .*Permission denied"):
        find_images([tmp_path])


def test_predicting_writes_nothing_beside_the_images(bundle, folder):
    before = sorted(folder.rglob("*"))
    predict_paths(bundle, find_images([folder]))
    assert sorted(folder.rglob("*")) == before


# ---- prediction sets


@pytest.fixture(scope="module")
def promising(made, tmp_path_factory):
    "The bundle of the room, with scores of 19 groups a class: .95 is the greatest."
    kept = {"groups": 19, "scores": [round(0.05 * i, 6) for i in range(1, 20)]}
    record = {"sources": {"here": 38}, "scores": {"class": dict.fromkeys(VOCAB, kept)}}
    torch.manual_seed(0)
    net = build_network("resnet18", len(VOCAB))
    folder = tmp_path_factory.mktemp("promising") / "bundle"
    return load_bundle(save_bundle(folder, net, {**META, "conformal": record}), "cpu")


def test_a_coverage_adds_a_set_to_each_answer_and_to_the_csv(promising, folder, tmp_path):
    paths = find_images([folder])
    rows = predict_paths(promising, paths, coverage=0.95)
    one = predict(promising, paths[0], coverage=0.95)
    assert rows[0]["prediction_set"] == list(one.prediction_set.classes) == VOCAB
    assert rows[0]["coverage"] == 0.95 and json.dumps(rows)
    assert rows[0]["decision"].endswith("; at 95 % coverage COVID-19 or Normal")
    assert "prediction_set" not in rows[1], "of what could not be read nothing is said"
    lines = read_csv(rows, tmp_path)
    assert lines[0]["prediction_set"] == "covid_19|normal" and lines[0]["coverage"] == "0.95"
    assert list(lines[0])[-2:] == ["coverage", "prediction_set"] and not lines[1]["coverage"]
    plain = predict_paths(promising, paths)
    assert list(plain[0]) == KEYS and "coverage" not in read_csv(plain, tmp_path)[0]


def test_a_coverage_that_cannot_be_promised_is_refused_before_any_image(promising, bundle, folder):
    with pytest.raises(core.UsageError, match="covid_19 has 19 patients or groups"):
        predict(promising, folder, coverage=0.99)
    with pytest.raises(core.UsageError, match="Train again"):
        predict_paths(bundle, find_images([folder]), coverage=0.9)
