"""pytest tests/training/test_run.py"""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch
import toy
from fastai.callback.core import Callback

from cxr_fastai.bundle.store import load_bundle
from cxr_fastai.core import CxrError, IntegrityError, NotCurated, StorageError, UsageError
from cxr_fastai.manifest import read_manifest
from cxr_fastai.training import history as tracking
from cxr_fastai.training import run as running
from cxr_fastai.training.data import Draws, build_dataloaders
from cxr_fastai.training.learner import build_learner, start_network
from cxr_fastai.training.run import default_out, fit, train


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return toy.curated(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    "A run of its own process through a pipe, from weights of a file, so that all three stages happen."
    out = tmp_path_factory.mktemp("run")
    torch.save(start_network("resnet18", 2, "none", 1).state_dict(), out / "start.pth")
    data, run, start = map(str, (folder, out / "run", out / "start.pth"))
    code = f"from cxr_fastai.training.run import train; train({data!r}, {run!r}, epochs=4, weights={start!r})"
    return out / "run", python(code, out / "cache")


def python(code: str, cache) -> subprocess.CompletedProcess:
    "Run `code` in a fresh process, its streams in pipes."
    env = {
        **os.environ,
        "CXR_CACHE": str(cache),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True
    )


def history(out) -> list[dict]:
    return [*csv.DictReader(open(out / "history.csv"))]


def same(a: dict, b: dict) -> bool:
    return all(torch.equal(a[k], b[k]) for k in a)


# ---- what a run leaves


def test_a_run_tells_each_epoch_in_a_line_on_stderr_and_nothing_else(run):
    out, process = run
    lines = process.stderr.splitlines()
    assert process.stdout == ""
    starts = [
        "training resnet18 at 32 px",
        "decoding 32 images at 32 px: ",
        "epoch 1/4 (head) train ",
        "epoch 2/4 (head and 1 of 2 body groups) train ",
        "epoch 3/4 (all layers) train ",
        "epoch 4/4 (all layers) train ",
    ]
    assert [line[: len(start)] for line, start in zip(lines, starts, strict=True)] == starts
    assert "\r" not in process.stderr and "Warning" not in process.stderr


def test_history_has_a_row_an_epoch_over_all_stages(run):
    rows = history(run[0])
    assert tuple(rows[0]) == tracking.columns()
    assert [r["stage"] for r in rows] == [
        "head",
        "head and 1 of 2 body groups",
        "all layers",
        "all layers",
    ]
    assert [r["epoch"] for r in rows] == ["1", "2", "3", "4"]
    for r in rows:
        assert (
            float(r["train_loss"]) > 0 and float(r["valid_loss"]) > 0 and float(r["seconds"]) >= 0
        )
        assert 0 <= float(r["accuracy"]) <= 1 and 0 <= float(r["balanced_accuracy"]) <= 1
        assert float(r["lr_max"]) == 1e-3


def test_a_run_holds_history_checkpoint_and_bundle_and_no_leftovers(run):
    out = run[0]
    assert sorted(p.name for p in out.iterdir()) == [
        "best.safetensors",
        "bundle",
        "history.csv",
        "history.png",
    ]
    bundle = sorted(p.name for p in (out / "bundle").iterdir())
    assert bundle == [
        "README.md",
        "bundle.json",
        "learner.pkl",
        "model.safetensors",
        "trained_on.txt",
    ]


def test_the_bundle_tells_where_it_comes_from(run):
    facts, rows = json.loads((run[0] / "bundle" / "bundle.json").read_text()), history(run[0])
    best = min(rows, key=lambda r: float(r["valid_loss"]))
    assert facts["vocab"] == list(toy.CLASSES) and facts["display"]["covid_19"] == "COVID-19"
    assert facts["trained"] | {"seconds": 0} == dict(
        epochs=4,
        best_epoch=int(best["epoch"]),
        seconds=0,
        seed=0,
        precision=facts["trained"]["precision"],
        weights=facts["trained"]["weights"],
    )
    assert (
        facts["trained"]["weights"].startswith("start.pth: ")
        and facts["recipe"]["train"]["weights"] == "start.pth"
    )
    assert facts["metrics"]["valid"]["loss"] == pytest.approx(float(best["valid_loss"]), rel=1e-5)
    assert facts["libraries"]["fastai"] and facts["manifest_sha256"]


def test_the_exported_learner_gives_the_bundles_probabilities_in_a_fresh_process(run, folder):
    paths = sorted(map(str, folder.glob("*/*-valid-*.png")))
    code = (
        "import sys, json, warnings; warnings.simplefilter('ignore'); from fastai.learner import load_learner; "
        f"learn = load_learner({str(run[0] / 'bundle' / 'learner.pkl')!r}); "
        f"print(json.dumps([[str(a), b.tolist()] for a, _, b in map(learn.predict, {paths!r})]))"
    )
    process = python(code, run[0].parent / "cache")
    found = json.loads(process.stdout)
    bundle = load_bundle(run[0])
    for (label, probs), path in zip(found, paths, strict=True):
        wanted = bundle.predict(path)
        assert probs == pytest.approx([*wanted.probs.values()], abs=1e-4) and label == wanted.label


def test_the_exported_learner_holds_no_path_and_no_pixels(run, folder):
    pickled = run[0] / "bundle" / "learner.pkl"
    data = pickled.read_bytes()
    for told in (
        str(folder),
        str(run[0].parent),
        str(Path(__file__).parents[2]),
        "normal-train",
        "site-packages",
    ):
        assert told.encode() not in data
    assert len(data) < (run[0] / "bundle" / "model.safetensors").stat().st_size + 200_000


def test_a_terminal_shows_a_bar_and_keeps_the_lines(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    learn = build_learner(build_dataloaders(folder, 32, 8, device="cpu"), "resnet18", "none")
    fit(learn, toy.recipe(epochs=1).train, tmp_path / "run")
    captured = capsys.readouterr()
    assert (
        "epoch 1/1:" in captured.err
        and "\nepoch 1/1 (all layers) train" in captured.err.replace("\r", "\n")
    )
    assert captured.out == ""


# ---- what is promised of training


class Vandal(Callback):
    "Spoils the network in the second epoch, so that the first is the best."

    def before_validate(self):
        if self.learn.epoch == 1:
            torch.nn.init.constant_(self.learn.model[1][-1].weight[0], 50.0)


def test_the_best_epochs_weights_are_kept_and_exported_not_the_last_ones(folder, tmp_path):
    learn = build_learner(build_dataloaders(folder, 32, 8, device="cpu"), "resnet18", "none")
    learn.add_cb(Vandal())
    fitted = fit(learn, toy.recipe().train, tmp_path / "run", quiet=True)
    learn.remove_cb(Vandal)
    assert (
        fitted.best["epoch"] == 1
        and fitted.history[1]["valid_loss"] > fitted.history[0]["valid_loss"]
    )
    best = safetensors.torch.load_file(tmp_path / "run" / "best.safetensors")
    assert same(best, learn.model.state_dict()) and not (best["1.8.weight"] == 50).any()
    with learn.no_bar():
        assert learn.validate()[0] == pytest.approx(fitted.best["valid_loss"], rel=1e-2)  # bf16


def test_the_same_seed_gives_the_same_weights_in_an_absent_and_in_an_empty_folder(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    bundles = [
        train(folder, tmp_path / name, epochs=1, seed=7, quiet=True) for name in ("absent", "empty")
    ]
    assert same(*(safetensors.torch.load_file(b / "model.safetensors") for b in bundles))


def test_each_epoch_of_all_stages_draws_its_own_images_whatever_was_looked_at_before(
    folder, tmp_path, monkeypatch
):
    learn = build_learner(build_dataloaders(folder, 32, 8, device="cpu"), "resnet18", "none")
    learn.model.pretrained, draw, drawn = True, Draws.epoch, []
    learn.dls.train.one_batch()
    monkeypatch.setattr(Draws, "epoch", lambda self, e: drawn.append(e) or draw(self, e))
    fit(learn, toy.recipe(epochs=3).train, tmp_path / "run", quiet=True)
    assert drawn == [0, 1, 2]


def test_frozen_groups_keep_their_weights_while_the_head_learns(folder, tmp_path):
    learn = build_learner(build_dataloaders(folder, 32, 8, device="cpu"), "resnet18", "none")
    learn.model.pretrained = True
    seen = []

    class Look(Callback):
        def before_fit(self):
            seen.append(state(learn))

        def after_fit(self):
            seen.append(state(learn))

    learn.add_cb(Look())
    fit(learn, toy.recipe(epochs=3).train, tmp_path / "run", quiet=True)
    moved = [
        [not torch.equal(a, b) for a, b in zip(before, after)]
        for before, after in zip(seen[::2], seen[1::2])
    ]
    assert moved == [[False, False, True], [False, True, True], [True, True, True]]


def state(learn) -> list:  # a weight of each group
    body, head = learn.model
    return [m.weight.clone() for m in (body[0], body[7][0].conv1, head[-1])]


def test_a_loss_that_is_no_number_stops_the_run_with_one_line(folder, tmp_path):
    learn = build_learner(build_dataloaders(folder, 32, 8, device="cpu"), "resnet18", "none")
    torch.nn.init.constant_(learn.model[1][-1].weight, float("nan"))
    with pytest.raises(CxrError) as e:
        fit(learn, toy.recipe().train, tmp_path / "run", quiet=True)
    assert str(e.value) == (
        "the loss became nan in stage 'all layers', epoch 1 of 2, train batch 1, at a rate of 4e-05. "
        "Lower --lr (it is 0.001) or set --clip 1, and train again."
    )


class Poison(Callback):
    "Spoils the network at one batch of the second epoch."

    def before_batch(self):
        if self.learn.epoch == 1 and self.learn.iter == 1 and self.learn.training:
            torch.nn.init.constant_(self.learn.model[1][-1].weight, float("nan"))


def test_a_loss_that_turns_bad_names_batch_and_rate_and_the_weights_that_are_left(folder, tmp_path):
    learn = build_learner(build_dataloaders(folder, 32, 8, device="cpu"), "resnet18", "none")
    learn.add_cb(Poison())
    with pytest.raises(
        CxrError,
        match=r"epoch 2 of 2, train batch 2, at a rate of .*The weights of epoch 1 stand in",
    ):
        fit(learn, toy.recipe().train, tmp_path / "run", quiet=True)
    assert len(history(tmp_path / "run")) == 1 and (tmp_path / "run" / "best.safetensors").is_file()


def test_a_full_gpu_is_told_with_a_smaller_batch(folder, tmp_path):
    class Full(Callback):
        def after_pred(self):
            raise torch.OutOfMemoryError("CUDA out of memory")

    learn = build_learner(build_dataloaders(folder, 32, 8, device="cpu"), "resnet18", "none")
    learn.add_cb(Full())
    with pytest.raises(
        CxrError, match="memory is full with batches of 8 images of 32 px.*--bs 4 --accumulate 2"
    ):
        fit(learn, toy.recipe().train, tmp_path / "run", quiet=True)


class Impatient(Callback):
    "Ctrl-C in the middle of an epoch."

    def __init__(self, epoch: int):
        self.at = epoch

    def after_batch(self):
        if self.learn.epoch == self.at and self.learn.iter == 1:
            raise KeyboardInterrupt


def test_an_interrupt_before_the_first_epoch_is_over_passes_through(folder, tmp_path):
    learn = build_learner(build_dataloaders(folder, 32, 8, device="cpu"), "resnet18", "none")
    learn.add_cb(Impatient(0))
    with pytest.raises(KeyboardInterrupt):
        fit(learn, toy.recipe().train, tmp_path / "run", quiet=True)


def test_an_interrupt_exports_the_best_so_far_and_the_run_can_go_on(
    folder, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(running, "step_callbacks", lambda s: [Impatient(1)])
    with pytest.raises(KeyboardInterrupt):
        train(folder, tmp_path / "run", epochs=3)
    assert "has epoch 1, the best of 1" in capsys.readouterr().err
    assert load_bundle(tmp_path / "run").meta["trained"]["epochs"] == 1
    monkeypatch.undo()
    bundle = train(folder, tmp_path / "run", resume=True)
    assert load_bundle(bundle).meta["trained"]["epochs"] == 3
    assert same(
        safetensors.torch.load_file(bundle / "model.safetensors"),
        safetensors.torch.load_file(
            train(folder, tmp_path / "whole", epochs=3) / "model.safetensors"
        ),
    )


def test_an_error_of_the_disk_reaches_people_as_it_was_said(folder, tmp_path, monkeypatch):
    learn = build_learner(build_dataloaders(folder, 32, 8, device="cpu"), "resnet18", "none")
    write = tracking.write_text

    def full(file, text):
        if file.exists():
            raise StorageError("the disk is full.")
        write(file, text)

    monkeypatch.setattr(tracking, "write_text", full)
    with pytest.raises(StorageError) as e:
        fit(learn, toy.recipe().train, tmp_path / "run", quiet=True)
    assert str(e.value) == "the disk is full."


# ---- what is refused


def test_a_folder_that_holds_something_is_not_written_into(folder, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("keep")
    with pytest.raises(UsageError, match="not empty.*--out"):
        train(folder, tmp_path / "run", weights="no/such.pth")
    with pytest.raises(UsageError, match="not empty"):
        fit(None, toy.recipe().train, tmp_path / "run")
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["mine.txt"]


def test_the_default_folder_is_the_first_that_is_free(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert default_out("toy") == Path("runs/toy")
    for name in ("toy", "toy-2"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "x").touch()
    assert default_out("toy") == Path("runs/toy-3")


def test_a_missing_class_is_told_before_anything_is_written(tmp_path):
    folder = toy.curated(tmp_path / "data", {"normal": (5, 2, 0), "tuberculosis": (4, 2, 0)})
    with pytest.raises(UsageError, match="no train image of covid_19"):
        train(folder, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "wrong, match",
    [
        (dict(arch="resnet35"), "resnet34"),
        (dict(bs=1), "bs = 1"),
        (dict(lr=0.0), "lr = 0"),
        (dict(seed=-1), "seed"),
        (dict(sampling="some"), "oversample"),
        (dict(recipe="sixclass"), "six_class"),
        (dict(weights="no/such.pth"), "imagenet"),
    ],
)
def test_a_wrong_setting_is_refused_before_anything_is_written(folder, tmp_path, wrong, match):
    with pytest.raises(UsageError, match=match):
        train(folder, tmp_path / "run", **wrong)
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_not_curated_is_refused(tmp_path):
    with pytest.raises(NotCurated):
        train(tmp_path, tmp_path / "run")


# ---- side by side


def test_a_recipes_baseline_trains_beside_from_scratch_with_the_same_settings(tmp_path):
    folder = toy.curated(tmp_path / "data")
    curation = json.loads((folder / "curation.json").read_text())
    curation["recipe"]["beside"] = ["cnn", "resnet18"]  # the second is the run's own
    (folder / "curation.json").write_text(json.dumps(curation))
    bundle = train(folder, tmp_path / "run", quiet=True, epochs=1, size=48, seed=3)
    beside = [
        p.parent.parent.name for p in (tmp_path / "run" / "beside").glob("*/bundle/bundle.json")
    ]
    facts = json.loads((tmp_path / "run" / "beside" / "cnn" / "bundle" / "bundle.json").read_text())
    assert bundle == tmp_path / "run" / "bundle" and beside == ["cnn"]
    assert (
        facts["arch"],
        facts["size"],
        facts["trained"]["seed"],
        facts["recipe"]["train"]["weights"],
    ) == ("cnn", 48, 3, "none")
    shutil.rmtree(tmp_path / "run" / "beside")
    stood = (bundle / "bundle.json").stat().st_mtime_ns
    assert train(folder, tmp_path / "run", quiet=True, resume=True) == bundle, (
        "without naming the settings again"
    )
    again = json.loads((tmp_path / "run" / "beside" / "cnn" / "bundle" / "bundle.json").read_text())
    assert (
        again["weights_sha256"] == facts["weights_sha256"]
        and (bundle / "bundle.json").stat().st_mtime_ns == stood
    )
    other = toy.curated(tmp_path / "other", {**toy.COUNTS, "normal": (10, 3, 1)})
    with pytest.raises(UsageError, match="came to its end on another curated folder"):
        train(other, tmp_path / "run", quiet=True, resume=True)


def test_an_unknown_baseline_is_told_before_anything_trains(folder, tmp_path):
    with pytest.raises(UsageError, match="unknown architecture 'cnnn'"):
        train(folder, tmp_path / "run", quiet=True, beside=["cnnn"])
    assert not (tmp_path / "run").exists()


def test_the_latest_run_of_a_recipe_is_none_of_another_whose_name_begins_alike(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for name in ("toymnist", "toy", "toy-2", "toy-extra"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "history.csv").touch()
        os.utime(
            tmp_path / "runs" / name / "history.csv",
            (0, 100 if name in ("toymnist", "toy-extra") else 50 + len(name)),
        )
    assert running._latest("toy") == Path("runs/toy-2")


def test_a_bundle_knows_what_it_was_trained_on(run, folder):
    bundle, rows = load_bundle(run[0]), [vars(r) for r in read_manifest(folder).rows]
    assert [not seen for seen in bundle.saw(rows)] == [r["split"] == "test" for r in rows]
    names = (run[0] / "bundle" / "trained_on.txt").read_text().split()
    assert names == sorted(names) and all(len(n) == 16 for n in names)
    copied = shutil.copytree(run[0] / "bundle", run[0].parent / "changed")
    (copied / "trained_on.txt").write_text("")
    with pytest.raises(IntegrityError, match="not the list"):
        load_bundle(copied).saw(rows)
