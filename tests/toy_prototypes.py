"""A class folder of drawn stripes with known flaws, a prototype of it in seconds, and made-up parts of one."""

from pathlib import Path

import numpy as np
import pytest
import toy
from PIL import Image

from cxr_fastai.evaluation.single_label import classification_metrics, floors, source_metrics
from cxr_fastai.evaluation.single_label_report import Report
from cxr_fastai.prototyping import plan as plan_module
from cxr_fastai.prototyping.asked import Request
from cxr_fastai.prototyping.counts import Counts
from cxr_fastai.prototyping.plan import Candidate, Choice, Images, Plan
from cxr_fastai.prototyping.record import Prototype
from cxr_fastai.prototyping.scores import Number, Scores

ENDINGS = (".png", ".JPG", ".bmp")


def own_folder(root: Path, n=24) -> Path:
    "Normal/ and Sick/ of n stripes each, mixed formats, one copy, one contradiction, one text named .jpg."
    for kind, name in enumerate(("Normal", "Sick")):
        for i in range(n):
            file = root / name / f"p{i}{ENDINGS[i % 3]}"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(toy.picture(kind, 100 * kind + i, 64)).save(file)
    copied = (root / "Normal" / "p0.png").read_bytes()
    (root / "Normal" / "again.png").write_bytes(copied)
    (root / "Sick" / "contradiction.png").write_bytes((root / "Normal" / "p3.png").read_bytes())
    (root / "Sick" / "notes.jpg").write_text("no picture\n")
    return root


def tiny_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    "Plans of one epoch of a small baseline, with no step timed."
    from cxr_fastai.prototyping import speed  # torch: not for who only makes up a plan

    monkeypatch.setattr(plan_module, "MAX_EPOCHS", {"none": 1})
    only = [Candidate("cnn", 32, 8, "none")]
    monkeypatch.setattr(plan_module, "candidates", lambda *a: only)
    monkeypatch.setattr(speed, "time_step", lambda *a: 0.001)


# ---- made up


def plan(**cells) -> Plan:
    settings = dict(arch="cnn", weights="none", size=32, bs=8, epochs=4, lr=3e-3, ema=0.0)
    settings |= {name: cells.pop(name) for name in [*cells] if name in settings}
    choices = tuple(Choice(name, value, f"why {name}") for name, value in settings.items())
    base = dict(
        choices=choices,
        seconds_a_step=0.1,
        seconds_an_epoch=1.0,
        planned_seconds=4.0,
        left_seconds=60.0,
        images=Images(32, 8),
    )
    return Plan(**{**base, **cells})


def scores(**cells) -> Scores:
    number = Number("accuracy", "Share answered right.", "90.0 % (80.0 to 95.0)", ("50.0 %",))
    base = dict(
        split="test",
        images=60,
        groups=50,
        numbers=(number,),
        floors=("majority floor",),
        always="Normal",
        too_few=False,
        at_chance=False,
        ranks=False,
        above_floor=True,
        verdict="above the source-only floor by 40.0 points",
    )
    return Scores(**{**base, **cells})


def request(**cells) -> Request:
    return Request(**{"folder": "/films of mine", **cells})


def counts(**cells) -> Counts:
    base = dict(
        images=48,
        splits={"train": 38, "valid": 5, "test": 5},
        classes={"Normal": 24, "Sick": 24},
        copies=1,
        conflicts=1,
        left_out=1,
        patients=0,
    )
    return Counts(**{**base, **cells})


def prototype(**cells) -> Prototype:
    base = dict(
        out=Path("out"),
        title="films",
        verdict="A verdict.",
        counts=counts(),
        plan=plan(),
        scores=(scores(),),
        shortcuts=(),
        probed=(),
        warnings=(),
        trouble=(),
        trained={"epochs": 4, "best_epoch": 3, "seconds": 5.0, "weights": "none"},
        next_steps=(),
        seconds={"all": 9.0},
    )
    return Prototype(**{**base, **cells})


def report(right=54, n=60, groups=60, sources=("one",), low=0.8):
    "Of two classes in turn, the first `right` of n answered right."
    targs = np.arange(n) % 2
    preds = np.where(np.arange(n) < right, targs, 1 - targs)
    probs = np.eye(2)[preds]
    names = [sources[i % len(sources)] for i in range(n)]
    vocab = ["normal", "sick"]
    return Report(
        metrics=classification_metrics(targs, probs, vocab, preds),
        floors=floors(targs, names, vocab),
        sources=source_metrics(targs, probs, names, vocab, preds),
        n=n,
        split="test",
        names={"normal": "Normal", "sick": "Sick"},
        intervals={
            "metrics": {"accuracy": [low, 0.95], "balanced_accuracy": [low, 0.95]},
            "gain": [low - 0.5, 0.45],
        },
        groups=groups,
        class_groups={"normal": groups // 2, "sick": groups // 2},
        resamples=10,
    )
