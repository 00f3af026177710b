"""pytest tests/training/test_distributed.py

Several processes on this machine, each on one thread."""

import json
import os
import subprocess
import sys

import pytest
import torch
from runs import HOUSE, history

from cxr_fastai.bundle.store import load_bundle
from cxr_fastai.training.distributed import (
    first,
    rank,
    same_everywhere,
    shared,
    unwrapped_loader,
    unwrapped_network,
    world,
)

TWO = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]


def alone_on_a_thread() -> dict:
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(HOUSE)}


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
        env=alone_on_a_thread(),
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
        [*TWO, str(tmp_path / "drift.py")],
        capture_output=True,
        text=True,
        timeout=120,
        env=alone_on_a_thread(),
    )
    assert "drifted apart" in done.stdout


def test_one_process_alone_does_everything_itself():
    net = torch.nn.Linear(1, 1)
    loader = torch.utils.data.DataLoader([1])
    same_everywhere(net)
    assert (world(), rank(), shared(lambda: 3), first(lambda: 4)) == (1, 0, 3, 4)
    assert unwrapped_network(net) is net and unwrapped_loader(loader) is loader
