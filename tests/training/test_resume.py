"""pytest tests/training/test_resume.py

Runs that end early: killed, resumed, spread over processes. Each in processes of its own, on one thread."""

import csv
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch
import toy
from fastai.callback.core import Callback

from cxr_fastai.bundle.store import load_bundle
from cxr_fastai.cli import main
from cxr_fastai.core import IntegrityError, UsageError
from cxr_fastai.training import run as running
from cxr_fastai.training.checkpoint import CHECKPOINT, read_state
from cxr_fastai.training.learner import start_network
from cxr_fastai.training.run import train

HOUSE = Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def quiet_machine(tmp_path_factory):
    with pytest.MonkeyPatch.context() as m:
        m.setenv("CXR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        m.setenv("OMP_NUM_THREADS", "1")
        m.setenv("PYTHONPATH", str(HOUSE))
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return toy.curated(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    "Weights to start from, so that the run has stages."
    file = tmp_path_factory.mktemp("start") / "start.pth"
    torch.save(start_network("resnet18", 2, "none", 1).state_dict(), file)
    return file


def python(code: str, *args) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, args)], capture_output=True, text=True
    )


def weights(run) -> dict:
    return safetensors.torch.load_file(run / "bundle" / "model.safetensors")


def history(run) -> list[dict]:
    return [
        {k: v for k, v in r.items() if k != "seconds"}
        for r in csv.DictReader(open(run / "history.csv"))
    ]


RUN = """
import os, signal, sys
from fastai.callback.core import Callback
from cxr_fastai.training import run
data, out, start, at = sys.argv[1:]
class Killer(Callback):
    order = 90
    def after_batch(self):
        bare = getattr(self.learn.dls.train, "dl", self.learn.dls.train)
        if at and bare.epoch - 1 == int(at) and self.learn.iter == 1: os.kill(os.getpid(), signal.SIGKILL)
steps = run.step_callbacks
run.step_callbacks = lambda s: [*steps(s), Killer()]
run.train(data, out, weights=start, epochs=5, ema=0.9, accumulate=2, mix="mixup", augment="strong", erase=0.5,
          seed=3, resume=not at and os.path.exists(out))
"""


@pytest.fixture(scope="module")
def whole(folder, start, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "run"
    done = python(RUN, folder, out, start, "")
    assert not done.returncode, done.stderr
    return out


# in the first epoch, at a stage's begin, in the middle of the last stage
@pytest.mark.parametrize("at", [*(pytest.param(at, marks=pytest.mark.slow) for at in (0, 1)), 4])
def test_a_killed_run_goes_on_to_the_same_weights(folder, start, whole, tmp_path, at):
    out = tmp_path / "run"
    killed = python(RUN, folder, out, start, at)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(history(out)) == at and (out / CHECKPOINT).exists() == (at > 0)
    resumed = python(RUN, folder, out, start, "")
    assert not resumed.returncode, resumed.stderr
    assert (f"going on after epoch {at} of" if at else "no epoch of") in resumed.stderr
    assert history(out) == history(whole)
    assert all(torch.equal(v, weights(whole)[k]) for k, v in weights(out).items())
    assert not (out / CHECKPOINT).exists()


@pytest.fixture(scope="module")
def killed(folder, start, tmp_path_factory):
    out = tmp_path_factory.mktemp("killed") / "run"
    python(RUN, folder, out, start, 1)
    return out


@pytest.fixture
def broken_off(killed, tmp_path):
    return Path(shutil.copytree(killed, tmp_path / "run"))


def test_what_is_resumed_must_be_the_same_run(folder, start, broken_off, tmp_path):
    with pytest.raises(UsageError, match="epochs 5, not 9"):
        train(folder, broken_off, resume=True, epochs=9)
    with pytest.raises(UsageError, match="seed 3, not 4"):
        train(folder, broken_off, resume=True, seed=4)
    other = toy.curated(
        tmp_path / "other", {"tuberculosis": (3, 1, 0), "covid_19": (3, 1, 0), "normal": (3, 1, 0)}
    )
    with pytest.raises(UsageError, match="another curated folder"):
        train(other, broken_off, resume=True)
    with pytest.raises(UsageError, match="not empty.*--resume"):
        train(folder, broken_off)
    assert read_state(broken_off).epoch == 1


@pytest.mark.parametrize(
    "damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"\x80\x04cos\nsystem\n."]
)
def test_a_damaged_checkpoint_is_told_in_one_line(broken_off, damage):
    file = broken_off / CHECKPOINT
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(IntegrityError, match="no checkpoint of this library") as e:
        read_state(broken_off)
    assert "\n" not in str(e.value)


def test_a_finished_run_is_not_trained_again(folder, whole, capsys):
    before = (whole / "bundle" / "model.safetensors").stat().st_mtime_ns
    assert train(folder, whole, resume=True) == whole / "bundle"
    assert "nothing left to train" in capsys.readouterr().err
    assert (whole / "bundle" / "model.safetensors").stat().st_mtime_ns == before


def test_a_folder_with_something_else_is_not_resumed(folder, tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(UsageError, match="holds no run to resume: mine.txt"):
        train(folder, tmp_path, resume=True)


def test_without_a_folder_the_latest_run_is_resumed(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="no run to resume"):
        train(folder, resume=True)
    train(folder, arch="cnn", epochs=1, quiet=True), train(folder, arch="cnn", epochs=1, quiet=True)
    assert train(folder, resume=True) == Path("runs/toy-2/bundle")


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


def test_a_loss_that_is_no_number_ends_the_command_with_an_error(
    folder, tmp_path, capsys, monkeypatch
):
    class Spoil(Callback):
        def before_train(self):
            torch.nn.init.constant_(self.learn.model[1][-1].weight, float("inf"))

    monkeypatch.setattr(running, "step_callbacks", lambda s: [Spoil()])
    assert (
        main(
            ["train", str(folder), "--out", str(tmp_path / "run"), "--arch", "cnn", "--epochs", "1"]
        )
        == 2
    )
    assert capsys.readouterr().err.splitlines()[-1].startswith("cxr train: the loss became")


# ---- several processes

TWO = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]


def test_two_processes_train_one_model_and_one_of_them_writes(folder, tmp_path):
    run = tmp_path / "run"
    done = subprocess.run(
        [
            *TWO,
            "-m",
            "cxr_fastai",
            "train",
            str(folder),
            "--out",
            str(run),
            "--epochs",
            "2",
            "--ema",
            "0.9",
            "--bs",
            "4",
            "--precision",
            "fp32",
            "--beside",
            "cnn",
            "--json",
        ],
        capture_output=True,
        text=True,
    )
    assert not done.returncode, done.stderr
    found = json.loads(done.stdout)  # one process speaks
    assert done.stderr.count("epoch 1/2") == 2 and sorted(p.name for p in run.iterdir()) == [
        "beside",
        "best.safetensors",
        "bundle",
        "history.csv",
        "history.png",
    ]
    assert load_bundle(found["beside"]["cnn"]["bundle"]).meta["trained"]["epochs"] == 2, (
        "the group held for both"
    )
    bundle = load_bundle(found["bundle"])
    best = next(r for r in history(run) if int(r["epoch"]) == bundle.meta["trained"]["best_epoch"])
    assert _log_loss(bundle, folder) == pytest.approx(float(best["valid_loss"]), abs=1e-3), (
        "not of the whole split"
    )


def _log_loss(bundle, folder) -> float:
    "Of the seven validation images, one by one, uncalibrated."
    losses = []
    for path in sorted(folder.glob("*/*-valid-*.png")):
        with torch.inference_mode():
            logits = bundle.net(bundle.tensor(path)[None])[0]
        losses.append(-logits.log_softmax(0)[bundle.vocab.index(path.parent.name)].item())
    return sum(losses) / len(losses)


@pytest.mark.slow
def test_processes_that_drift_apart_are_told(tmp_path):
    (tmp_path / "drift.py").write_text("""
import torch
from cxr_fastai.core import CxrError
from cxr_fastai.training.distributed import begin, end, rank, same_everywhere
begin()
net = torch.nn.Linear(2, 2)
torch.nn.init.constant_(net.weight, 1.0), torch.nn.init.zeros_(net.bias)
same_everywhere(net)
if rank() == 1: torch.nn.init.constant_(net.weight, 2.0)
try: same_everywhere(net)
except CxrError as e: print("told:", e)
import os; os._exit(0)
""")
    done = subprocess.run(
        [*TWO, str(tmp_path / "drift.py")], capture_output=True, text=True, timeout=120
    )
    assert "drifted apart" in done.stdout
