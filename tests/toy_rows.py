"""Rows of predictions for tests, and the toy bundle's classes."""

import csv

from cxr_fastai.serving.rows import Row
from cxr_fastai.serving.rows_csv import write_csv

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

KEYS = [
    "path",
    "label",
    "risk",
    "probs",
    "abstained",
    "reason",
    "error",
    "notes",
    "decision",
    "threshold",
]


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
        decision=f"{label}: because",
        threshold=None,
    )
    return plain | kw


def failed(path, error="damaged PNG"):
    return row(path, None, (), error=error, decision="")


def read_csv(rows, tmp_path):
    "Rows as they are read back from a csv."
    write_csv(rows, tmp_path / "out.csv")
    with open(tmp_path / "out.csv", newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))
