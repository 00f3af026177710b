"""Runs of training in processes of their own, and what tests read off a run's folder."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import safetensors.torch
import torch

HOUSE = Path(__file__).parents[1]


def python(code: str, *args, **env: str) -> subprocess.CompletedProcess:
    "Run `code` in a fresh process, its streams in pipes; it may fail."
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(HOUSE), **env}
    command = [sys.executable, "-c", code, *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, env=env)


def history(run) -> list[dict]:
    "The rows of history.csv, as texts."
    with open(Path(run) / "history.csv", newline="") as f:
        return list(csv.DictReader(f))


def timeless(rows: list[dict]) -> list[dict]:
    "Rows of a history without what differs from run to run."
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def weights(run) -> dict:
    "The tensors of a run's bundle."
    return safetensors.torch.load_file(Path(run) / "bundle" / "model.safetensors")


def same(a: dict, b: dict) -> bool:
    "Whether two state dicts are equal to the bit."
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)
