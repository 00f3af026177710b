"""How soon training begins.

.venv/bin/python benchmarks/startup.py DATA [--size 224] [--rounds 3]

DATA is a folder that `cxr curate` wrote, its pixels in the cache. Seconds of a fresh process up to
the end of the imports, and from there to the first train batch's step; and of `cxr --help`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time

# What a fresh process runs: prints both numbers at the end of the first step, and stops.
CODE = """
import sys, tempfile, time
begun = time.perf_counter()
from cxr_fastai.training import fit, run
from fastai.callback.core import Callback
imported = time.perf_counter()

class First(Callback):
    order = 90
    def after_batch(self):
        print(imported - begun, time.perf_counter() - imported)
        raise KeyboardInterrupt

fit.step_callbacks = lambda settings: [First()]
with tempfile.TemporaryDirectory() as out:
    try:
        run.train(sys.argv[1], out, size=int(sys.argv[2]), weights="none", quiet=True)
    except KeyboardInterrupt:
        pass
"""


def first_step(
    data: str,
    size: int,
    env: dict[str, str],
) -> tuple[float, float]:  # seconds of the imports, and from there to the end of the first step
    """Start a training in a fresh process."""
    process = subprocess.run(
        [sys.executable, "-c", CODE, data, str(size)], env=env, capture_output=True, text=True
    )
    numbers = process.stdout.split()
    if len(numbers) != 2:
        sys.exit(f"the training did not reach its first step:\n{process.stderr}")
    return float(numbers[0]), float(numbers[1])


def help_text(env: dict[str, str]) -> float:
    """Return the seconds of `cxr --help`."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-m", "cxr_fastai", "--help"], env=env, capture_output=True)
    return time.perf_counter() - begun


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("data")
    p.add_argument("--size", type=int, default=224)
    p.add_argument("--rounds", type=int, default=3)
    args = p.parse_args()
    env = {name: s for name, s in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    first_step(args.data, args.size, env)  # the first one fills the caches
    imports, steps, helps = [], [], []
    for _ in range(args.rounds):
        imported, stepped = first_step(args.data, args.size, env)
        imports.append(imported)
        steps.append(stepped)
        helps.append(help_text(env))
    print(
        f"imports {statistics.median(imports):.2f} s, from there to the end of the first step "
        f"{statistics.median(steps):.2f} s, cxr --help {statistics.median(helps):.2f} s"
    )


if __name__ == "__main__":
    main()
