"""Predicting many files: a row a file whatever it holds, and neither fastai, pandas nor pickle on the way.

python -m pytest tests/serving/test_predict.py
"""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from recording_progress import RecordingProgress

from cxr_fastai import core
from cxr_fastai.bundle import load_bundle, save_bundle
from cxr_fastai.images import NOTES
from cxr_fastai.models.networks import build_network
from cxr_fastai.serving.predict import (
    Row,
    find_images,
    format_rows,
    notes_line,
    predict_paths,
    worklist,
    write_csv,
)

VOCAB = ["covid_19", "normal"]
META = dict(
    arch="resnet18",
    vocab=VOCAB,
    display={"covid_19": "COVID-19", "normal": "Normal"},
    size=32,
    mean=0.5,
    std=0.25,
    recipe={"name": "toy"},
    manifest_sha256="0" * 64,
    trained={"epochs": 1},
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    torch.manual_seed(0)
    return save_bundle(
        tmp_path_factory.mktemp("run") / "bundle",
        build_network("resnet18", len(VOCAB)),
        META,
    )


@pytest.fixture(scope="module")
def bundle(made):
    return load_bundle(made, "cpu")


@pytest.fixture
def folder(tmp_path):
    "Two pictures, one of them deep down, one file that only looks like one, one that does not."
    root = tmp_path / "images"
    for name, seed in (("b.png", 1), ("sub/deep/a.PNG", 2)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 255, (40, 30), np.uint8)
        with open(root / name, "wb") as f:
            Image.fromarray(pixels).save(f, "PNG")
    (root / "sub" / "broken.png").write_bytes(b"<html>sign in</html>")
    (root / "notes.txt").write_text("no picture")
    return root


def row(path="a.png", label="normal", probs=(0.25, 0.75), **kw):
    plain = Row(
        path=path,
        label=label,
        risk=None,
        probs=dict(zip(VOCAB, probs)),
        abstained=False,
        reason="",
        error="",
        notes=[],
    )
    return plain | kw


def failed(path, error="damaged PNG"):
    return row(path, None, (), error=error)


# ---- find


def test_folders_are_searched_to_the_bottom_in_order(folder):
    assert find_images([folder]) == [
        folder / "b.png",
        folder / "sub" / "broken.png",
        folder / "sub" / "deep" / "a.PNG",
    ]


def test_files_are_taken_as_given_whatever_their_names(folder):
    assert find_images([str(folder / "notes.txt"), folder / "sub"]) == [
        folder / "notes.txt",
        folder / "sub" / "broken.png",
        folder / "sub" / "deep" / "a.PNG",
    ]


def test_linked_folders_are_left_out_so_that_loops_end(folder):
    os.symlink(folder, folder / "sub" / "loop")
    assert len(find_images([folder])) == 3


HIDDEN = (
    "._b.png",
    ".ipynb_checkpoints/b-checkpoint.png",
    "sub/__MACOSX/b.png",
    "@eaDir/b.png/thumb.jpg",
    "$RECYCLE.BIN/b.png",
    "System Volume Information/b.png",
    ".git/b.png",
)


def test_hidden_and_system_files_are_passed_over_and_counted(folder):
    for name in HIDDEN:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"no radiograph")
    progress = RecordingProgress()
    assert len(find_images([folder], progress)) == 3
    assert len(progress.lines) == 1 and progress.lines[0].startswith("passed over 7 images")


def test_a_hidden_file_or_folder_that_is_named_outright_is_read(folder):
    hidden = folder / ".hidden" / "x.png"
    hidden.parent.mkdir()
    hidden.write_bytes(b"x")
    assert find_images([hidden]) == [hidden] and find_images([hidden.parent]) == [hidden]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_systems_folder_that_may_not_be_read_stops_nobody(folder):
    (folder / "System Volume Information").mkdir(mode=0)
    assert len(find_images([folder])) == 3


def test_a_path_that_does_not_exist_is_a_usage_error(folder):
    with pytest.raises(core.UsageError, match="no such file or folder: .*typo.png") as e:
        find_images([folder, folder / "typo.png"])
    assert e.value.exit_code == 2


@pytest.mark.parametrize("paths", [[], ["empty"]])
def test_nothing_found_is_a_usage_error(tmp_path, monkeypatch, paths):
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    with pytest.raises(core.UsageError, match="no images in"):
        find_images(paths)


# ---- predict


def test_an_unreadable_file_becomes_a_row_and_the_others_carry_on(bundle, folder):
    paths = [*find_images([folder]), folder / "notes.txt", folder / "vanished.png"]
    rows = predict_paths(bundle, paths)
    assert [r["path"] for r in rows] == [str(p) for p in paths]
    assert [bool(r["error"]) for r in rows] == [False, True, False, True, True]
    for r in rows:
        keys = ["path", "label", "risk", "probs", "abstained", "reason", "error", "notes"]
        assert list(r) == keys
        if r["error"]:
            assert r["label"] is None and r["probs"] == {} and "\n" not in r["error"]
        else:
            assert r["label"] in VOCAB and sum(r["probs"].values()) == pytest.approx(1)


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
    shy = type(bundle)(
        bundle.net,
        {**bundle.meta, "thresholds": dict.fromkeys(VOCAB, 1.0)},
        bundle.path,
        bundle.device,
    )
    r = predict_paths(shy, [folder / "b.png"])[0]
    assert (
        r["label"] is None
        and r["abstained"]
        and "below its threshold" in r["reason"]
        and list(r["probs"]) == VOCAB
    )


def deciding(bundle, negative: str, threshold: float = 0.5):
    "The same network where one class means nothing found."
    meta = {**bundle.meta, "decision": dict(negative=negative, threshold=threshold)}
    return type(bundle)(bundle.net, meta, bundle.path, bundle.device)


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


def test_where_nothing_is_odd_nothing_is_said():
    assert notes_line([row(), failed("b.png")]) == ""


# ---- show


def read_csv(rows, tmp_path):
    write_csv(rows, tmp_path / "out.csv")
    with open(tmp_path / "out.csv", newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))


def test_csv_has_one_column_a_class(tmp_path):
    good, bad = read_csv([row(), failed("b.png")], tmp_path)
    assert good == dict(
        path="a.png",
        label="normal",
        abstained="false",
        reason="",
        error="",
        prob_covid_19="0.250000",
        prob_normal="0.750000",
        notes="",
    )
    assert bad["error"] == "damaged PNG" and bad["label"] == bad["prob_normal"] == ""


@pytest.mark.parametrize(
    "name", ["=cmd|' /C calc'!A0.png", "+1.png", "-1.png", "@SUM(A1).png", "\tx.png"]
)
def test_csv_cells_that_a_spreadsheet_would_compute_are_neutralised(tmp_path, name):
    cells = read_csv([row(name), failed("x", "=1+1"), row("y", reason="@a")], tmp_path)
    assert (
        cells[0]["path"] == "'" + name
        and cells[1]["error"] == "'=1+1"
        and cells[2]["reason"] == "'@a"
    )


@pytest.mark.parametrize("name", ["a,b.png", 'say "x".png', "two\nlines.png", "Röntgen 胸.png"])
def test_csv_keeps_odd_names_whole(tmp_path, name):
    assert read_csv([row(name)], tmp_path)[0]["path"] == name


@pytest.mark.parametrize(
    "name, cell", [(os.fsdecode(b"a\xff.png"), r"a\udcff.png"), ("a\rb.png", "a\rb.png")]
)
def test_csv_keeps_what_could_break_its_reader(tmp_path, name, cell):
    assert [r["path"] for r in read_csv([row(name), row()], tmp_path)] == [cell, "a.png"]


def test_csv_goes_to_an_open_file_too():
    out = io.StringIO()
    write_csv([row()], out)
    assert out.getvalue().splitlines()[1] == "a.png,normal,false,,,0.250000,0.750000,"


def test_lines_are_aligned_and_use_display_names():
    rows = [
        row("long/name.png", "covid_19", (0.9, 0.1)),
        row(),
        failed("c.png"),
        row(
            "d.png",
            None,
            abstained=True,
            reason="Normal leads with 0.400, below its threshold of 0.500",
        ),
    ]
    assert format_rows(rows, META["display"]).splitlines() == [
        "long/name.png  COVID-19   0.900",
        "a.png          Normal     0.750",
        "c.png          not read   damaged PNG",
        "d.png          no answer  Normal leads with 0.400, below its threshold of 0.500",
    ]


def test_lines_without_display_names_show_the_classes_and_no_rows_give_no_lines():
    assert (
        format_rows([row("a.png", "covid_19|normal", (0.9, 0.8))])
        == "a.png  covid_19, normal  0.900, 0.800"
    )
    assert format_rows([]) == ""


def test_a_file_name_cannot_command_the_terminal():
    text = format_rows([row("\x1b[2Jclear\n\u202egnp.png"), failed("b", "see \x07")])
    assert len(text.splitlines()) == 2 and not any(c in text for c in "\x1b\u202e\x07")


# ---- what the way to an answer never touches

SCRIPT = """
import pickle, sys, _pickle
from cxr_fastai.bundle import load_bundle
from cxr_fastai.serving.predict import find_images, format_rows, predict_paths, worklist, write_csv
import torch
def refuse(*a, **k): raise SystemExit("unpickled")
pickle.load = pickle.loads = pickle.Unpickler = _pickle.load = _pickle.loads = torch.load = refuse
bundle = load_bundle(sys.argv[1], "cpu")
rows = predict_paths(bundle, find_images(sys.argv[2:]))
bundle.predict(rows[0]["path"])
write_csv(rows, sys.stdout)
format_rows(rows, bundle.display)
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


def test_a_risk_and_findings_are_shown_behind_the_answer():
    rows = [
        row("a", "normal", risk=0.25),
        row("b", "none", (0.2, 0.1)),
    ]
    assert format_rows(rows).splitlines() == [
        "a  normal                0.750; risk 0.250",
        "b  none of the findings  0.200 at most",
    ]


def test_a_folder_that_cannot_be_listed_is_a_storage_error(monkeypatch, tmp_path):
    def walk(folder, onerror):
        onerror(PermissionError(13, "Permission denied", str(folder)))
        return []

    monkeypatch.setattr(os, "walk", walk)
    with pytest.raises(core.StorageError, match="cannot read .*Permission denied"):
        find_images([tmp_path])


def test_predicting_writes_nothing_beside_the_images(bundle, folder):
    before = sorted(folder.rglob("*"))
    predict_paths(bundle, find_images([folder]))
    assert sorted(folder.rglob("*")) == before
