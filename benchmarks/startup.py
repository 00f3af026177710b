"""How soon training begins: .venv/bin/python benchmarks/startup.py DATA [--size 224] [--rounds 3]

DATA is a folder that `cxr curate` wrote, its pixels in the cache. Seconds of a fresh process up to the end of the
imports, and from there to the first train batch's step; and of `cxr --help`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time

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
fit.step_callbacks = lambda s: [First()]
with tempfile.TemporaryDirectory() as out:
    try: run.train(sys.argv[1], out, size=int(sys.argv[2]), weights="none", quiet=True)
    except KeyboardInterrupt: pass
"""


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("data")
    p.add_argument("--size", type=int, default=224)
    p.add_argument("--rounds", type=int, default=3)
    a = p.parse_args()
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    starts, helps = [], []
    for _ in range(a.rounds + 1):  # the first one fills the caches
        out = subprocess.run(
            [sys.executable, "-c", CODE, a.data, str(a.size)],
            env=env,
            capture_output=True,
            text=True,
        )
        starts.append([*map(float, out.stdout.split())])
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-m", "cxr_fastai", "--help"], env=env, capture_output=True)
        helps.append(time.perf_counter() - begun)
    imports, steps = (statistics.median(s) for s in zip(*starts[1:]))
    print(
        f"imports {imports:.2f} s, from there to the end of the first step {steps:.2f} s, cxr --help "
        f"{statistics.median(helps[1:]):.2f} s"
    )


if __name__ == "__main__":
    main()
