"""All that is to be measured on one GPU, in a few minutes.

.venv/bin/python benchmarks/gpu.py [DATA ..] --out DIR [--minutes 9] [--arch resnet50] [--size 224]
    [--bs 256] [--steps speed,score,ladder] [--device cuda] [--quick]

DATA are curated folders; without any, films of two sources are drawn and curated into DIR.
1. speed: train images/s on the first folder, pixels resident on the GPU: this library in bf16,
   channels last, plain and compiled, beside its ceiling (the same step on random tensors that lie
   there; to reach: 95 %) and stock fastai in fp32 and fp16 (to reach: 3 times), and how long the
   GPU idles meanwhile.
2. score: benchmarks/time_to_score.py on the first folder, all its films, one seed.
3. ladder: each folder trained by its own recipe, until a share of the time that is left.

DIR/gpu.json and gpu.md are written anew after each step; what stands in gpu.json is not measured
again, and what no time is left for is named. Exit code 2 and one line where there is no GPU;
`--device cpu --quick` goes the whole road at toy size.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

if "--device=cpu" in sys.argv or "cpu" in sys.argv:
    os.environ["CUDA_VISIBLE_DEVICES"] = ""  # before torch looks

import torch
import train as speed_of_steps
from gpu_use import gpu_use
from told import told

from cxr_fastai.core import CxrError
from cxr_fastai.curation.pipeline import curate
from cxr_fastai.manifest import read_manifest
from cxr_fastai.models.imagenet import is_at_hand
from cxr_fastai.phantom import write_like
from cxr_fastai.train_request import FROM_SCRATCH
from cxr_fastai.training.precision import keep_memory
from cxr_fastai.training.run import train

STEPS = ("speed", "score", "ladder")
SCORE = Path(__file__).with_name("time_to_score.py")
DRAWN = {"pneumonia": "kermany_kaggle", "triage": "nih_tfrecords"}  # recipe -> source
OF_CEILING = 0.95  # to reach
OF_STOCK = 3.0
LEAST_SECONDS = 20  # for which a step is begun

Numbers = dict[str, Any]


@dataclass(frozen=True)
class Sizes:
    """How large all is."""

    arch: str
    size: int  # px
    bs: int
    rounds: int
    steps: int  # timed, a round
    drawn: int  # films of each drawn source
    score_train: int  # films of train in time to score; 0: all
    score_aim: float | None  # of time to score; None: the plateau that stock comes to
    own: dict[str, Any]  # settings of the ladder in place of a recipe's


@dataclass(frozen=True)
class Job:
    """What is to be done, and until when."""

    folders: list[Path]
    out: Path
    sizes: Sizes
    end: float  # of time.monotonic()

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.end - time.monotonic()


# ---- 1. images a second


def speed(job: Job) -> Numbers:
    """Measure images a second, in turns, and the GPU's idle share."""
    sizes = job.sizes
    manifest = read_manifest(job.folders[0])
    with tempfile.TemporaryDirectory() as films:
        contest = speed_of_steps.Contest(
            manifest=manifest,
            folder=speed_of_steps.linked(manifest, Path(films)),
            arch=sizes.arch,
            size=sizes.size,
            bs=sizes.bs,
            rounds=sizes.rounds,
            steps=_steps_of(manifest.rows, sizes),
            warm=2,
        )
        rates: dict[str, list[float]] = {}
        idle: dict[str, float | None] = {}
        for name, make in _contenders(contest).items():
            if job.left < LEAST_SECONDS:
                break
            run = make()
            with gpu_use() as use:
                rates[name] = _rates(contest, run)
            idle[name] = use.idle
    median = {name: round(statistics.median(found), 1) for name, found in rates.items()}
    return dict(images_a_second=median, idle=idle, verdict=_speed_verdict(median))


def _steps_of(rows: list[Any], sizes: Sizes) -> int:
    """Return how many batches of an epoch are timed: all but the warm ones, at most `steps`."""
    batches = sum(row.split == "train" for row in rows) // sizes.bs
    return max(1, min(sizes.steps, batches - 2))


def _contenders(contest: Any) -> dict[str, Callable[[], Callable[[], float]]]:
    """Return what is measured; stock first, since kept memory is the process's."""
    stock = partial(speed_of_steps.stock_fastai, contest)
    library = partial(_kept, speed_of_steps.this_library, contest, "bf16")
    ceiling = partial(_kept, speed_of_steps.ceiling, contest, "bf16")
    return {
        "stock fastai, fp32": stock,
        "stock fastai, fp16": partial(stock, half=True),
        "library": library,
        "ceiling": ceiling,
        "library, compiled": partial(library, compiled=True),
        "ceiling, compiled": partial(ceiling, compiled=True),
    }


def _kept(make: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Keep memory, as the library does, then make a contender ready."""
    keep_memory()
    return make(*args, **kwargs)


def _rates(contest: Any, run: Callable[[], float]) -> list[float]:
    """Run once for nothing, which compiles and tunes, then the rounds."""
    speed_of_steps.images_a_second(contest, run)
    found = []
    for _ in range(contest.rounds):
        found.append(speed_of_steps.images_a_second(contest, run))
    return found


def _speed_verdict(median: dict[str, float]) -> Numbers:
    """Hold the best of the library against its own ceiling and the best of stock."""
    shares = {}
    for name in ("library", "library, compiled"):
        own_ceiling = median.get(name.replace("library", "ceiling"))
        if name in median and own_ceiling:
            shares[name] = round(median[name] / own_ceiling, 3)
    stocks = [rate for name, rate in median.items() if name.startswith("stock")]
    ours = [median[name] for name in shares]
    of_stock = round(max(ours) / max(stocks), 2) if ours and stocks else None
    return dict(of_ceiling=shares, of_stock=of_stock)


# ---- 2. time to score


def score(job: Job) -> Numbers:
    """Run the contest in a process that the clock ends."""
    tasks = ["scratch"]
    if is_at_hand("tf_efficientnet_lite0"):
        tasks.append("pretrained")
    out = job.out / "score"
    command = [
        *(sys.executable, str(SCORE), str(job.folders[0]), "--out", str(out)),
        *("--seeds", "0", "--tasks", ",".join(tasks)),
        *("--train", str(job.sizes.score_train), "--size", str(min(job.sizes.size, 128))),
    ]
    if job.sizes.score_aim is not None:
        aims = [f"{task}={job.sizes.score_aim}" for task in tasks]
        command += ["--aims", ",".join(aims)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=job.left)
    except subprocess.TimeoutExpired:
        return dict(cut="the time was over: " + _lines_there(out))
    if done.returncode:
        return dict(failed=done.stderr[-500:])
    numbers: Numbers = json.loads((out / "time_to_score.json").read_text())
    return dict(lines=numbers["lines"], table=(out / "time_to_score.md").read_text())


def _lines_there(out: Path) -> str:
    """Say what a contest that was cut has left."""
    file = out / "lines.jsonl"
    runs = len(file.read_text().splitlines()) if file.exists() else 0
    return f"runs that were over then: {runs} ({file})"


# ---- 3. the recipes


def ladder(job: Job) -> Numbers:
    """Train each folder as its recipe says, each with its share of what is left."""
    rows = []
    for place, folder in enumerate(job.folders):
        seconds = job.left / (len(job.folders) - place)
        if seconds < LEAST_SECONDS:
            rows.append(dict(folder=folder.name, left_out="no time was left"))
            continue
        rows.append(_trained(folder, job, time.monotonic() + seconds))
    return dict(rows=rows)


def _trained(folder: Path, job: Job, deadline: float) -> Numbers:
    """Train one folder; a GPU that idles is told."""
    manifest = read_manifest(folder)
    settings = manifest.recipe.train
    own = dict(job.sizes.own)
    weights = own.get("weights", settings.weights)
    if weights == "imagenet" and not is_at_hand(own.get("arch", settings.arch)):
        own |= FROM_SCRATCH
    begun = time.monotonic()
    run = job.out / "ladder" / f"{folder.name}_{int(time.time())}"
    try:
        with gpu_use() as use:
            bundle = train(folder, run, quiet=True, beside=(), deadline=deadline, **own)
    except CxrError as e:
        return dict(folder=folder.name, recipe=manifest.recipe.name, failed=str(e))
    meta = json.loads((bundle / "bundle.json").read_text())
    return dict(
        folder=folder.name,
        recipe=manifest.recipe.name,
        arch=meta["arch"],
        weights=own.get("weights", settings.weights),
        epochs=meta["trained"]["epochs"],
        of_epochs=own.get("epochs", settings.epochs),
        auroc=meta["metrics"]["valid"].get("macro_auroc"),
        seconds=round(time.monotonic() - begun, 1),
        idle=use.idle,
    )


# ---- drawn films


def drawn(out: Path, n: int, size: int) -> list[Path]:
    """Draw and curate films of two sources, where they are not there yet."""
    folders = []
    for recipe, source in DRAWN.items():
        folder = out / "data" / recipe
        if not (folder / "manifest.csv").exists():
            mirror = out / "mirror" / recipe
            write_like(mirror, source, n, size)
            curate(folder, recipe, mirror=mirror)
        folders.append(folder)
    return folders


# ---- the page


def page(numbers: Numbers) -> str:
    """Write down what was measured, for people."""
    told = [f"{numbers['machine']}", ""]
    if "speed" in numbers:
        told += _speed_lines(numbers["speed"])
    if "score" in numbers:
        found = numbers["score"]
        told += ["## Time to score", ""]
        told += [found[key] for key in ("table", "cut", "failed") if key in found]
    if "ladder" in numbers:
        told += _ladder_lines(numbers["ladder"]["rows"])
    for step, why in numbers.get("left_out", {}).items():
        told += [f"Not measured: {step}: {why}.", ""]
    return "\n".join(told)


def _speed_lines(found: Numbers) -> list[str]:
    """Tell images a second."""
    told = ["## Train images a second", "", "| | images/s | GPU idle |", "| --- | ---: | ---: |"]
    for name, rate in found["images_a_second"].items():
        told.append(f"| {name} | {rate:.1f} | {_percent(found['idle'].get(name))} |")
    verdict = found["verdict"]
    told.append("")
    for name, share in verdict["of_ceiling"].items():
        reached = "reached" if share >= OF_CEILING else "not reached"
        told.append(f"{name}: {100 * share:.1f} % of its ceiling (95 %: {reached}).")
    if verdict["of_stock"] is not None:
        reached = "reached" if verdict["of_stock"] >= OF_STOCK else "not reached"
        told.append(f"The best of both: {verdict['of_stock']:.2f} times stock (3: {reached}).")
    return [*told, ""]


def _ladder_lines(rows: list[Numbers]) -> list[str]:
    """Tell a recipe a row."""
    told = [
        "## Recipes, as they stand",
        "",
        "| folder | recipe | network | weights | epochs | validation AUROC | s | GPU idle |",
        "| --- | --- | --- | --- | --- | ---: | ---: | ---: |",
    ]
    for row in rows:
        if "seconds" not in row:
            why = row.get("failed", row.get("left_out"))
            told.append(f"| {row['folder']} | {row.get('recipe', '')} | {why} | | | | | |")
            continue
        auroc = "" if row["auroc"] is None else f"{row['auroc']:.4f}"
        told.append(
            f"| {row['folder']} | {row['recipe']} | {row['arch']} | {row['weights']} "
            f"| {row['epochs']} of {row['of_epochs']} | {auroc} | {row['seconds']:.1f} "
            f"| {_percent(row['idle'])} |"
        )
    return [*told, ""]


def _percent(share: float | None) -> str:
    """Write a share."""
    return "" if share is None else f"{100 * share:.0f} %"


# ---- the road


def main() -> int:
    """Measure what was not measured yet, as far as the time goes."""
    asked = _asked()
    if asked.device == "cuda" and not torch.cuda.is_available():
        print(
            "no GPU: torch sees no CUDA device here. --device cpu --quick goes the road at toy "
            "size.",
            file=sys.stderr,
        )
        return 2
    warnings.simplefilter("ignore")
    end = time.monotonic() + 60 * asked.minutes
    asked.out.mkdir(parents=True, exist_ok=True)
    sizes = _sizes(asked)
    folders = asked.data or drawn(asked.out, sizes.drawn, max(sizes.size, 64))
    job = Job(folders=folders, out=asked.out, sizes=sizes, end=end)
    file = asked.out / "gpu.json"
    numbers: Numbers = json.loads(file.read_text()) if file.exists() else {}
    numbers["machine"] = speed_of_steps.machine(sizes.arch)
    numbers["left_out"] = {}
    for name in asked.steps:
        if name in numbers:
            continue
        if job.left < LEAST_SECONDS:
            numbers["left_out"][name] = "the time was over"
        else:
            print(f"{name} .. ({job.left:.0f} s are left)", file=sys.stderr, flush=True)
            numbers[name] = _WAYS[name](_with_share(job, name, asked.steps))
        file.write_text(json.dumps(numbers, indent=1) + "\n")
        (asked.out / "gpu.md").write_text(page(numbers))
    print(page(numbers))
    return 0


_WAYS: dict[str, Callable[[Job], Numbers]] = {"speed": speed, "score": score, "ladder": ladder}


def _with_share(job: Job, name: str, steps: list[str]) -> Job:
    """Give a step an even share of what is left."""
    still = len(steps) - steps.index(name)
    return Job(job.folders, job.out, job.sizes, time.monotonic() + job.left / still)


def _sizes(asked: argparse.Namespace) -> Sizes:
    """Return how large all is; toys where it is to be quick."""
    if not asked.quick:
        return Sizes(
            arch=asked.arch,
            size=asked.size,
            bs=asked.bs,
            rounds=3,
            steps=20,
            drawn=3000,
            score_train=0,
            score_aim=None,
            own={},
        )
    return Sizes(
        arch="resnet18",
        size=32,
        bs=8,
        rounds=1,
        steps=1,
        drawn=60,
        score_train=24,
        score_aim=0.0,
        own=dict(arch="cnn", size=32, epochs=1, bs=8, **FROM_SCRATCH),
    )


def _asked() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="*", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=9)
    parser.add_argument("--arch", default="resnet50")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--bs", type=int, default=256)
    parser.add_argument("--steps", type=_steps, default=list(STEPS))
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--quick", action="store_true")
    return parser.parse_args()


def _steps(text: str) -> list[str]:
    """Split at commas. Raises `argparse.ArgumentTypeError` for a step that there is not."""
    names = text.split(",")
    for name in names:
        if name not in STEPS:
            raise argparse.ArgumentTypeError(f"{name}: expected {', '.join(STEPS)}")
    return names


if __name__ == "__main__":
    sys.exit(told(main))
