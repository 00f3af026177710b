"""pytest tests/training/test_run.py"""

import io
import json
import pickletools
import shutil
import zipfile

import pytest
import safetensors.torch
import torch
import toy
from fastai.callback.core import Callback
from fastai.learner import load_learner
from runs import HOUSE, history, python, same

from cxr_fastai.bundle.store import load_bundle
from cxr_fastai.cli import main
from cxr_fastai.core import IntegrityError, NotCurated, RecipeError, UsageError
from cxr_fastai.manifest import read_manifest
from cxr_fastai.training import fit as fitting
from cxr_fastai.training.history import columns
from cxr_fastai.training.learner import start_network
from cxr_fastai.training.run import train


@pytest.fixture(scope="module", autouse=True)
def module_cache(tmp_path_factory):
    "For fixtures of this file, which begin before own_cache does."
    with pytest.MonkeyPatch.context() as m:
        m.setenv("CXR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        yield


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    "A run of its own process through a pipe, from weights of a file, so that all three stages happen."
    out = tmp_path_factory.mktemp("run")
    torch.save(start_network("resnet18", 2, "none", 1).net.state_dict(), out / "start.pth")
    data, run, start = map(str, (folder, out / "run", out / "start.pth"))
    code = f"from cxr_fastai.training.run import train; train({data!r}, {run!r}, epochs=4, weights={start!r})"
    process = python(code, CXR_CACHE=str(out / "cache"))
    assert not process.returncode, process.stderr
    return out / "run", process


# ---- what a run leaves


def test_a_run_tells_each_epoch_in_a_line_on_stderr_and_nothing_else(run):
    out, process = run
    lines = process.stderr.splitlines()
    assert process.stdout == ""
    starts = [
        "training resnet18 at 32 px",
        "weights: ",
        "warning: validation has too few groups",
        "decoding 32 images at 32 px: ",
        "features of 7 images (valid): ",
        "features of 17 images (view 1 of 1): ",
        "epoch 1/4 (head on cached features) train ",
        "epoch 2/4 (head and 1 of 2 body groups) train ",
        "epoch 3/4 (all layers) train ",
        "epoch 4/4 (all layers) train ",
        "validation, epoch ",
    ]
    warned = [line for line in lines if line.startswith("WARNING: ")]
    assert lines[-len(warned) :] == warned or not warned
    lines = lines[: len(lines) - len(warned)]
    assert [line[: len(start)] for line, start in zip(lines, starts, strict=True)] == starts
    assert "\r" not in process.stderr and "Warning" not in process.stderr


def test_history_has_a_row_an_epoch_over_all_stages(run):
    rows = history(run[0])
    assert tuple(rows[0]) == columns()
    assert [r["stage"] for r in rows] == [
        "head on cached features",
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
        "gate.safetensors",
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
        threads=1,
        date=facts["trained"]["date"],
        weights=facts["trained"]["weights"],
    )
    assert (
        facts["trained"]["weights"].startswith("start.pth: ")
        and facts["recipe"]["train"]["weights"] == "start.pth"
    )
    assert facts["metrics"]["valid"]["loss"] == pytest.approx(float(best["valid_loss"]), rel=1e-5)
    assert facts["libraries"]["fastai"] and facts["manifest_sha256"]


def test_a_bundle_knows_what_it_was_trained_on(run, folder):
    bundle, rows = load_bundle(run[0]), [vars(r) for r in read_manifest(folder).rows]
    assert [not seen for seen in bundle.saw(rows)] == [r["split"] == "test" for r in rows]
    names = (run[0] / "bundle" / "trained_on.txt").read_text().split()
    assert names == sorted(names) and all(len(n) == 16 for n in names)
    copied = shutil.copytree(run[0] / "bundle", run[0].parent / "changed")
    (copied / "trained_on.txt").write_text("")
    with pytest.raises(IntegrityError, match="not the list"):
        load_bundle(copied).saw(rows)


def test_the_exported_learner_gives_the_bundles_probabilities_in_a_fresh_process(run, folder):
    paths = sorted(map(str, folder.glob("*/*-valid-*.png")))
    code = (
        "import sys, json, warnings; warnings.simplefilter('ignore'); from fastai.learner import load_learner; "
        f"learn = load_learner({str(run[0] / 'bundle' / 'learner.pkl')!r}); "
        f"print(json.dumps([[str(a), b.tolist()] for a, _, b in map(learn.predict, {paths!r})]))"
    )
    process = python(code)
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
        str(HOUSE),
        "normal-train",
        "site-packages",
    ):
        assert told.encode() not in data
    assert len(data) < (run[0] / "bundle" / "model.safetensors").stat().st_size + 200_000


# ---- learner.pkl names classes by their import path: none of them may move


SINGLE_LABEL_GLOBALS = {
    "cxr_fastai.models.networks.AdaptiveConcatPool2d",
    "cxr_fastai.models.networks.param_groups",
    "cxr_fastai.models.resnets.BasicBlock",
    "cxr_fastai.training.augment.Augment",
    "cxr_fastai.training.data.CachedDL",
    "cxr_fastai.training.data.ReadRadiograph",
    "cxr_fastai.training.data.TensorRadiograph",
    "cxr_fastai.training.learner._adam",
    "cxr_fastai.training.learner.agreement",
    "cxr_fastai.training.learner.balanced_accuracy",
    "cxr_fastai.training.losses.CrossEntropy",
    "cxr_fastai.training.losses._Loss",
}


MULTI_LABEL_GLOBALS = {
    "cxr_fastai.models.networks.AdaptiveConcatPool2d",
    "cxr_fastai.models.networks.param_groups",
    "cxr_fastai.training.augment.Augment",
    "cxr_fastai.training.data.CachedDL",
    "cxr_fastai.training.data.Findings",
    "cxr_fastai.training.data.ReadRadiograph",
    "cxr_fastai.training.data.TensorRadiograph",
    "cxr_fastai.training.learner._adam",
    "cxr_fastai.training.learner.macro_ap",
    "cxr_fastai.training.learner.macro_auroc",
    "cxr_fastai.training.losses.BinaryCrossEntropy",
    "cxr_fastai.training.losses._Loss",
}


def pickled_globals(learner: bytes) -> set[str]:
    "The names of this library that loading the pickle would import."
    with zipfile.ZipFile(io.BytesIO(learner)) as z:
        (member,) = [name for name in z.namelist() if name.endswith("data.pkl")]
        ops = list(pickletools.genops(z.read(member)))
    named = {arg.replace(" ", ".") for op, arg, _ in ops if op.name == "GLOBAL"}
    return {name for name in named if name.startswith("cxr_fastai")}


def test_a_learners_pickle_names_what_it_always_named(run):
    found = pickled_globals((run[0] / "bundle" / "learner.pkl").read_bytes())
    assert found == SINGLE_LABEL_GLOBALS


def test_a_pickle_of_findings_names_no_more_than_it_always_did(findings_bundle):
    found = pickled_globals((findings_bundle.path / "learner.pkl").read_bytes())
    assert found == MULTI_LABEL_GLOBALS


def as_pickled_before(learner: bytes) -> bytes:
    "The same pickle with the names that networks had when they were one module."
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(learner)) as z, zipfile.ZipFile(out, "w") as old:
        for info in z.infolist():
            data = z.read(info)
            if info.filename.endswith("data.pkl"):
                data = data.replace(b"ccxr_fastai.models.networks\n", b"ccxr_fastai.models\n")
            old.writestr(info, data)
    return out.getvalue()


def test_a_learner_that_was_pickled_before_networks_moved_still_answers(run, folder, tmp_path):
    before = as_pickled_before((run[0] / "bundle" / "learner.pkl").read_bytes())
    assert "cxr_fastai.models.param_groups" in pickled_globals(before)
    (tmp_path / "old.pkl").write_bytes(before)
    path = next(folder.glob("normal/*-test-*.png"))
    learn, wanted = load_learner(tmp_path / "old.pkl"), load_bundle(run[0]).predict(path)
    with learn.no_bar():
        probs = learn.predict(path)[2]
    assert probs.tolist() == pytest.approx([*wanted.probs.values()], abs=1e-4)


# ---- what is promised of training


def test_the_same_seed_gives_the_same_weights_in_an_absent_and_in_an_empty_folder(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    bundles = [
        train(folder, tmp_path / name, epochs=1, seed=7, quiet=True) for name in ("absent", "empty")
    ]
    assert same(*(safetensors.torch.load_file(b / "model.safetensors") for b in bundles))


class Impatient(Callback):
    "Ctrl-C in the middle of an epoch."

    def __init__(self, epoch: int):
        self.at = epoch

    def after_batch(self):
        if self.learn.epoch == self.at and self.learn.iter == 1:
            raise KeyboardInterrupt


def test_an_interrupt_exports_the_best_so_far_and_the_run_can_go_on(
    folder, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(fitting, "step_callbacks", lambda s: [Impatient(1)])
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


# ---- what is refused


def test_a_folder_that_holds_something_is_not_written_into(folder, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("keep")
    with pytest.raises(UsageError, match="not empty.*--out"):
        train(folder, tmp_path / "run", weights="no/such.pth")
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["mine.txt"]


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
        (dict(precision="fp16", weights="none"), "fp16 needs a GPU"),
    ],
)
def test_a_wrong_setting_is_refused_before_anything_is_written(
    folder, tmp_path, wrong, match, monkeypatch
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match=match):
        train(folder, tmp_path / "run", **wrong)
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_not_curated_is_refused(tmp_path):
    with pytest.raises(NotCurated):
        train(tmp_path, tmp_path / "run")


@pytest.mark.parametrize(
    "key, value, says",
    [
        ("resize", [8], "list of sides"),
        ("lr", "quick", "find"),
        ("ema", 1.0, "from 0 to below 1"),
        ("erase", -0.1, "from 0"),
        ("accumulate", 0, "at least 1"),
        ("patience", -1, "at least 0"),
        ("precision", "fp8", "bf16"),
        ("compile", 1, "true"),
        ("mix", "cutup", "cutmix"),
        ("bs", True, "whole number"),
    ],
)
def test_a_setting_out_of_its_range_is_refused_with_what_is_allowed(
    folder, tmp_path, key, value, says
):
    with pytest.raises(RecipeError, match=f"{key}.*{says}"):
        train(folder, tmp_path / "run", **{key: value})
    assert not (tmp_path / "run").exists()


def test_an_unknown_setting_is_answered_with_the_nearest(folder, tmp_path):
    with pytest.raises(UsageError, match="'epoch'.*Did you mean 'epochs'"):
        train(folder, tmp_path / "run", epoch=3)


# ---- side by side


def test_a_recipes_baseline_trains_beside_from_scratch_with_the_same_settings(tmp_path):
    folder = toy.curated(tmp_path / "data")
    curation = json.loads((folder / "curation.json").read_text())
    curation["recipe"]["beside"] = ["cnn", "resnet18"]  # the second is the run's own
    (folder / "curation.json").write_text(json.dumps(curation))
    told = []
    bundle = train(
        folder, tmp_path / "run", quiet=True, epochs=1, size=48, seed=3, on_epoch=told.append
    )
    rows = history(tmp_path / "run")
    assert [row["epoch"] for row in told] == [1] and list(told[0]) == list(rows[0]), (
        "of the run's own network alone"
    )
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


# ---- findings that do not exclude each other, from a folder to answers


@pytest.fixture(scope="module")
def findings_bundle(findings_folder, tmp_path_factory):
    how = dict(arch="cnn", epochs=16, lr=3e-3, augment="none", loss="weighted_bce")
    return load_bundle(
        train(findings_folder, tmp_path_factory.mktemp("runs") / "run", quiet=True, **how)
    )


def test_the_network_learns_findings_of_which_some_are_unknown(findings_bundle):
    rows = (findings_bundle.path.parent / "history.csv").read_text().splitlines()
    assert rows[0] == "stage,epoch,train_loss,valid_loss,macro_auroc,macro_ap,lr_max,seconds"
    facts = json.loads((findings_bundle.path / "bundle.json").read_text())
    assert facts["task"] == "multi_label" and facts["metrics"]["valid"]["macro_auroc"] > 0.9
    assert set(facts["thresholds"]) == set(findings_bundle.vocab) == set(facts["offsets"])
    assert (findings_bundle.path.parent / "history.png").is_file()


def test_thresholds_of_validation_answer(findings_bundle, findings_folder):
    rows = [r for r in read_manifest(findings_folder).rows if r.split == "valid"]
    probs = findings_bundle.probs([findings_folder / r.path for r in rows])
    for p in probs:
        answer = findings_bundle.decide(p)
        found = [
            c
            for c in findings_bundle.vocab
            if answer.probs[c] >= findings_bundle.meta["thresholds"][c]
        ]
        assert (
            answer.label == ("|".join(found) or "none")
            and not answer.abstained
            and answer.reason == ""
        )
    assert "none" in {findings_bundle.decide(p).label for p in probs}


def test_the_exported_learner_finds_what_the_bundle_finds(findings_bundle, findings_folder):
    path = next(
        findings_folder / r.path
        for r in read_manifest(findings_folder).rows
        if r.split == "test" and r.label == "effusion|mass"
    )
    learn, answer = (
        load_learner(findings_bundle.path / "learner.pkl"),
        findings_bundle.predict(path),
    )
    with learn.no_bar():
        said, _, probs = learn.predict(path)
    assert list(said) == [c for c in answer.label.split("|") if c != "none"]
    assert probs.tolist() == pytest.approx([*answer.probs.values()], abs=1e-5)


# ---- exit codes and output of the command


def test_the_command_prints_the_run_as_json(folder, tmp_path, capsys):
    assert (
        main(
            [
                "train",
                str(folder),
                "--out",
                str(tmp_path / "run"),
                "--arch",
                "cnn",
                "--epochs",
                "1",
                "--json",
            ]
        )
        == 0
    )
    found = json.loads(capsys.readouterr().out)
    assert found["bundle"] == str(tmp_path / "run" / "bundle") and found["trained"]["epochs"] == 1
    assert 0 <= found["metrics"]["valid"]["accuracy"] <= 1


def test_a_run_that_learned_nothing_is_loud_in_its_last_lines_its_bundle_and_its_card(
    folder, tmp_path, capsys
):
    run = tmp_path / "run"
    how = ["--arch", "cnn", "--epochs", "1", "--lr", "1e-7"]
    assert main(["train", str(folder), "--out", str(run), *how]) == 0
    *before, last = capsys.readouterr().err.splitlines()
    assert last == f"next: cxr evaluate {run} {folder} --out {run / 'report'}"
    scores = next(i for i, line in enumerate(before) if line.startswith("validation, epoch 1 of 1"))
    loud = before[scores + 1 :]
    assert loud and all(line.startswith("WARNING: ") for line in loud)
    assert any("cannot tell this network from a guess" in line for line in loud)
    meta = load_bundle(run).meta
    kinds = [warning["kind"] for warning in meta["warnings"]]
    assert "at_chance" in kinds and "class_of_few_groups" in kinds
    assert set(meta["metrics"]["valid_intervals"]) >= {"accuracy", "balanced_accuracy"}
    assert "cannot tell this network from a guess" in (run / "bundle" / "README.md").read_text()


def test_a_loss_that_is_no_number_ends_the_command_with_an_error(
    folder, tmp_path, capsys, monkeypatch
):
    class Spoil(Callback):
        def before_train(self):
            torch.nn.init.constant_(self.learn.model[1][-1].weight, float("inf"))

    monkeypatch.setattr(fitting, "step_callbacks", lambda s: [Spoil()])
    assert (
        main(
            ["train", str(folder), "--out", str(tmp_path / "run"), "--arch", "cnn", "--epochs", "1"]
        )
        == 2
    )
    assert capsys.readouterr().err.splitlines()[-1].startswith("cxr train: the loss became")
