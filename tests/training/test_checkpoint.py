"""pytest tests/training/test_checkpoint.py

Runs that end early: killed and resumed, each in processes of its own, on one thread."""

import shutil
import signal
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
import toy
from runs import history, python, same, timeless, weights

from cxr_fastai.core import IntegrityError, UsageError
from cxr_fastai.recipes import Train
from cxr_fastai.training import checkpoint
from cxr_fastai.training.checkpoint import CHECKPOINT, State, read_state, same_run
from cxr_fastai.training.learner import start_network
from cxr_fastai.training.run import train


@pytest.fixture(scope="module", autouse=True)
def module_cache(tmp_path_factory):
    "For fixtures of this file, which begin before own_cache does."
    with pytest.MonkeyPatch.context() as m:
        m.setenv("CXR_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        yield


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    "Weights to start from, so that the run has stages."
    file = tmp_path_factory.mktemp("start") / "start.pth"
    torch.save(start_network("resnet18", 2, "none", 1).net.state_dict(), file)
    return file


RUN = """
import os, signal, sys
from fastai.callback.core import Callback
from cxr_fastai.training import fit, run
data, out, start, at = sys.argv[1:]
class Killer(Callback):
    order = 90
    def after_batch(self):
        bare = getattr(self.learn.dls.train, "dl", self.learn.dls.train)
        if at and bare.epoch - 1 == int(at) and self.learn.iter == 1: os.kill(os.getpid(), signal.SIGKILL)
steps = fit.step_callbacks
fit.step_callbacks = lambda s: [*steps(s), Killer()]
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
    assert timeless(history(out)) == timeless(history(whole))
    assert same(weights(out), weights(whole))
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
    with pytest.raises(UsageError, match=r"epochs 5 \(given: 9\)"):
        train(folder, broken_off, resume=True, epochs=9)
    with pytest.raises(UsageError, match=r"seed 3 \(given: 4\)"):
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


def test_a_finished_run_is_not_taken_for_one_of_other_settings(folder, whole):
    with pytest.raises(UsageError, match=r"epochs 5 \(given: 9\), seed 3 \(given: 4\)"):
        train(folder, whole, resume=True, epochs=9, seed=4)
    with pytest.raises(UsageError, match="is a run with .*given: "):
        train(folder, whole, resume=True, recipe="six_class")


def state(**changes) -> State:
    "A checkpoint as a run of the defaults has it."
    known = dict(
        version=1,
        settings=asdict(Train()),
        rate=0.001,
        started="none",
        seed=0,
        manifest_sha256="a" * 64,
        stage=0,
        epoch=1,
        rows=[],
        best={},
        seconds=1.0,
        model={},
        opt={},
        smooth=[0.0, 0],
        average={},
    )
    return State(**{**known, **changes})


def test_a_checkpoint_of_another_version_is_refused(tmp_path):
    torch.save({**vars(state()), "version": 2}, tmp_path / CHECKPOINT)
    with pytest.raises(IntegrityError, match="has format 2, this library reads 1"):
        read_state(tmp_path)


def test_a_folder_without_a_checkpoint_has_no_state(tmp_path):
    assert read_state(tmp_path) is None


def test_the_same_settings_are_the_same_run():
    same_run(state(), Train(), 0, "a" * 64, Path("run"))
    with pytest.raises(UsageError, match=r"bs 32 \(given: 64\), seed 0 \(given: 1\)"):
        same_run(state(), Train(bs=64), 1, "a" * 64, Path("run"))


def test_numpys_numbers_become_pythons():
    plain = checkpoint._plain({"lr": np.float64(0.5), "betas": (np.float32(0.5), 1)})
    assert plain == {"lr": 0.5, "betas": (0.5, 1)} and type(plain["lr"]) is float
