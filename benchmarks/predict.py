"""How soon one answer comes from a cold start, and how many films a second many have.

    python benchmarks/predict.py [--arch resnet18] [--size 224] [--films 128] [--sides 224,1024]
                                 [--rounds 3] [--threads 2] [--out FILE]

A network with random weights, drawn films (JPEG), and a gate that is fitted on them. In each round
every row is measured once, one after another, so that other programs on the machine meet all alike;
the best of the rounds counts. Cold start: a fresh process each, from the call to its end, and the
seconds of processors that it takes. Throughput: `predict` of files in batches of 32, beside the
bare runtime's forward pass over batches that lie in memory, and fastai's `load_learner().predict`
and `get_preds` over the same files.
"""

from __future__ import annotations

import argparse
import io
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

ARGS = argparse.ArgumentParser(description=__doc__.splitlines()[0])
ARGS.add_argument("--arch", default="resnet18")
ARGS.add_argument("--size", type=int, default=224)
ARGS.add_argument("--films", type=int, default=128)
ARGS.add_argument("--sides", default="224,1024")
ARGS.add_argument("--rounds", type=int, default=3)
ARGS.add_argument("--threads", type=int, default=2)
ARGS.add_argument("--out", type=Path)

BS = 32
VOCAB = ["covid_19", "normal", "tuberculosis"]
FASTAI_FILMS = 16  # that fastai's predict is asked of, one by one

FASTAI = (
    "import sys, warnings; warnings.simplefilter('ignore'); "
    "from fastai.learner import load_learner; "
    "print(load_learner(sys.argv[1]).predict(sys.argv[2])[0])"
)


def main() -> None:
    """Measure, and print two tables."""
    args = ARGS.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    before = os.getloadavg()[0]
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name:
        text = "\n\n".join(_tables(args, Path(name)))
    head = _machine(args, before)
    text = f"# benchmarks/predict.py\n\n```\n{head}\n\n{text}\n```\n"
    print(text)
    if args.out:
        args.out.write_text(text, encoding="utf-8")


def _machine(args: argparse.Namespace, load: float) -> str:
    """Say what was measured, and on what."""
    import onnxruntime
    import torch

    return (
        f"{date.today()}, {os.cpu_count()} cores, torch {torch.__version__}, ONNX Runtime "
        f"{onnxruntime.__version__}\n{args.arch}, {args.size} px, {args.threads} threads, best of "
        f"{args.rounds} rounds\nload of the machine before: {load:.1f} (0 is quiet)"
    )


def _tables(args: argparse.Namespace, folder: Path) -> list[str]:
    """Prepare all, and measure."""
    sides = [int(side) for side in args.sides.split(",")]
    films = {side: drawn_films(folder / str(side), side, args.films) for side in sides}
    bundle = drawn_bundle(args.arch, args.size, folder / "bundle", films[sides[0]])
    pickle = _learner(args, folder, films[sides[0]])
    cold = _cold(args, bundle, pickle, films[sides[0]][0])
    parts = [_cold_table(cold)]
    for side in sides:
        parts.append(_throughput_table(args, bundle, pickle, side, films[side]))
    return parts


# ---- what is measured on


def drawn_films(folder: Path, side: int, n: int) -> list[Path]:
    """Draw films and write them as JPEG."""
    from PIL import Image

    from cxr_fastai.phantom.film import draw

    folder.mkdir()
    made = []
    for i in range(n):
        file = folder / f"{i}.jpg"
        Image.fromarray(draw("normal", i, side)).save(file, quality=90)
        made.append(file)
    return made


def drawn_bundle(arch: str, size: int, folder: Path, films: Sequence[Path]) -> Path:
    """Make a bundle with a gate and model.onnx."""
    import numpy as np
    import torch

    from cxr_fastai.bundle import export_onnx, load_bundle, save_bundle
    from cxr_fastai.gate import fit_gate, thumbnail
    from cxr_fastai.images import decode
    from cxr_fastai.models.networks import build_network

    meta = {
        "arch": arch,
        "vocab": VOCAB,
        "size": size,
        "mean": 0.5,
        "std": 0.25,
        "recipe": {"name": "drawn"},
        "manifest_sha256": "0" * 64,
        "trained": {"epochs": 1},
    }
    torch.manual_seed(0)
    small = np.stack([thumbnail(decode(file)) for file in films])
    names = [str(i) for i in range(len(films))]
    gate = fit_gate(small, names, ["drawn"] * len(films))
    save_bundle(folder, build_network(arch, len(VOCAB)), meta, gate=gate)
    export_onnx(load_bundle(folder, "cpu"))
    return folder


def _learner(args: argparse.Namespace, folder: Path, films: Sequence[Path]) -> Path:
    """Export fastai's own Learner of the same architecture, over its own loaders."""
    from fastai.vision.all import (
        CategoryBlock,
        DataBlock,
        ImageBlock,
        Learner,
        Normalize,
        PILImageBW,
        RandomSplitter,
        Resize,
    )

    from cxr_fastai.models.networks import build_network

    block = DataBlock(
        blocks=(ImageBlock(PILImageBW), CategoryBlock(vocab=VOCAB)),
        splitter=RandomSplitter(seed=0),
        get_y=_label,
        item_tfms=Resize(args.size, method="squish"),
        batch_tfms=Normalize.from_stats([0.5], [0.25], cuda=False),
    )
    loaders = block.dataloaders(list(films), bs=BS, num_workers=0)
    learn = Learner(loaders, build_network(args.arch, len(VOCAB)))
    learn.export(folder.absolute() / "learner.pkl")
    return folder / "learner.pkl"


def _label(file: Path) -> str:
    """Give every film some class."""
    return VOCAB[int(file.stem) % len(VOCAB)]


# ---- cold start


def _cold(
    args: argparse.Namespace,
    bundle: Path,
    pickle: Path,
    film: Path,
) -> dict[str, tuple[float, float]]:  # row -> seconds, and seconds of processors
    """Measure fresh processes, the best of the rounds of each."""
    cxr = [sys.executable, "-m", "cxr_fastai", "predict", str(bundle), str(film)]
    rows = {
        "cxr predict --runtime onnx": [*cxr, "--runtime", "onnx"],
        "cxr predict": cxr,
        "load_learner().predict of fastai": [sys.executable, "-c", FASTAI, str(pickle), str(film)],
        "python -c 'import onnxruntime'": [sys.executable, "-c", "import onnxruntime"],
        "python -c 'import torch'": [sys.executable, "-c", "import torch"],
        "python -c 'import torchvision'": [sys.executable, "-c", "import torchvision"],
    }
    best: dict[str, tuple[float, float]] = {}
    for round_ in range(args.rounds + 1):
        for name, command in rows.items():
            found = _process(command)
            if round_:  # the first compiles and fills the disk's cache
                before = best.get(name, found)
                best[name] = (min(before[0], found[0]), min(before[1], found[1]))
    return best


def _process(command: Sequence[str]) -> tuple[float, float]:
    """Run a process; return its seconds, and those of processors."""
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    seconds = time.perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(command)}:\n{done.stderr}")
    busy = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    return seconds, busy


def _cold_table(cold: dict[str, tuple[float, float]]) -> str:
    """Set the table of cold starts."""
    from cxr_fastai.reporting.text import table

    other = cold["load_learner().predict of fastai"]
    rows: list[tuple[object, ...]] = [
        ("one film, cold start", "seconds", "of fastai's", "processor seconds", "of fastai's")
    ]
    for name, (seconds, busy) in cold.items():
        rows.append(
            (
                name,
                f"{seconds:.2f}",
                f"{seconds / other[0]:.2f}",
                f"{busy:.2f}",
                f"{busy / other[1]:.2f}",
            )
        )
    return "\n".join(table(rows))


# ---- many films


def _throughput_table(
    args: argparse.Namespace,
    bundle: Path,
    pickle: Path,
    side: int,
    films: Sequence[Path],
) -> str:
    """Measure films a second of each way, and set the table."""
    from cxr_fastai.reporting.text import table

    ways = _ways(args, bundle, pickle, films)
    best: dict[str, tuple[float, float]] = {}  # seconds a film, and seconds of processors
    for round_ in range(args.rounds + 1):
        for name, (n, run) in ways.items():
            begun = time.perf_counter()
            busy = time.process_time()
            run()
            found = ((time.perf_counter() - begun) / n, (time.process_time() - busy) / n)
            if round_:
                before = best.get(name, found)
                best[name] = (min(before[0], found[0]), min(before[1], found[1]))
    title = f"{len(films)} films of {side} px"
    rows: list[tuple[object, ...]] = [
        (title, "films a second", "of the bare forward pass", "processor ms a film")
    ]
    for name, (seconds, busy) in best.items():
        bare = best["onnx: forward pass" if name.startswith("onnx") else "torch: forward pass"]
        share = bare[0] / seconds
        rows.append((name, f"{1 / seconds:.1f}", f"{share:.2f}", f"{1000 * busy:.1f}"))
    return "\n".join(table(rows))


def _ways(
    args: argparse.Namespace,
    bundle: Path,
    pickle: Path,
    films: Sequence[Path],
) -> dict[str, tuple[int, Callable[[], object]]]:  # row -> films, what is timed
    """Prepare each way of answering for many films."""
    import numpy as np
    import torch
    from fastai.learner import load_learner

    from cxr_fastai.bundle import load_bundle
    from cxr_fastai.serving.predict import predict_paths

    torch.set_num_threads(args.threads)
    ways: dict[str, tuple[int, Callable[[], object]]] = {}
    for runtime in ("onnx", "torch"):
        model = load_bundle(bundle, "cpu" if runtime == "torch" else None, runtime)
        batches = []
        for start in range(0, len(films), BS):
            batches.append(np.stack([model.read(film)[0] for film in films[start : start + BS]]))
        ways[f"{runtime}: forward pass"] = (len(films), _Forward(model.runtime, batches))
        ways[f"{runtime}: predict"] = (len(films), _Predict(predict_paths, model, films, True))
        ways[f"{runtime}: predict --no-gate"] = (
            len(films),
            _Predict(predict_paths, model, films, False),
        )
    learn = load_learner(io.BytesIO(pickle.read_bytes()))
    ways["fastai: predict, film by film"] = (FASTAI_FILMS, _ByFilm(learn, films[:FASTAI_FILMS]))
    ways["fastai: get_preds"] = (len(films), _GetPreds(learn, films))
    return ways


class _Forward:
    """The bare runtime over batches in memory."""

    def __init__(self, runtime: object, batches: list) -> None:
        self.runtime = runtime
        self.batches = batches

    def __call__(self) -> None:
        for batch in self.batches:
            self.runtime.logits(batch)


class _Predict:
    """`predict` over files."""

    def __init__(self, predict: Callable, model: object, films: Sequence[Path], gate: bool) -> None:
        self.predict = predict
        self.model = model
        self.films = films
        self.gate = gate

    def __call__(self) -> None:
        rows = self.predict(self.model, self.films, bs=BS, gate=self.gate)
        unread = [row["error"] for row in rows if row["error"]]
        if unread:
            sys.exit(unread[0])


class _ByFilm:
    """fastai's predict."""

    def __init__(self, learn: object, films: Sequence[Path]) -> None:
        self.learn = learn
        self.films = films

    def __call__(self) -> None:
        with self.learn.no_bar():
            for film in self.films:
                self.learn.predict(film)


class _GetPreds:
    """fastai's get_preds."""

    def __init__(self, learn: object, films: Sequence[Path]) -> None:
        self.learn = learn
        self.films = films

    def __call__(self) -> None:
        with self.learn.no_bar():
            self.learn.get_preds(dl=self.learn.dls.test_dl(list(self.films), num_workers=0))


if __name__ == "__main__":
    # what fastai pickles by its module's name must be found by the process that loads it
    from predict import main as named_main

    named_main()
