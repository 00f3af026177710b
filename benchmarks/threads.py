"""How long training takes alone and beside other programs, by how its threads wait.

.venv/bin/python benchmarks/threads.py [--size 128] [--steps 10] [--rounds 3] [--out FILE]

Steps of a ResNet18 on a batch that lies in memory, each in a fresh process, since how threads wait
is read once; beside 0, 1 and 3 processes that compute without end. In one round every way has its
turn under every load. Run it on a machine where nothing else runs: its first lines say how busy it
was before. Printed: seconds a step, the median of the rounds, and how many times as long as the
best way under that load. The last column of a line says whether the weights after the steps are
those of the first line.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import statistics
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version

LOADS = (0, 1, 3)  # processes beside
BUSY = "while True: pass"
CHOICES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "OMP_NUM_THREADS")

# What a fresh process runs: prints seconds a step and a sum over the weights.
CODE = """
import sys, time, warnings
warnings.simplefilter("ignore")
import torch
from cxr_fastai.models.networks import build_network
from cxr_fastai.training.precision import choose_precision, computing, keep_memory

size, steps, threads = map(int, sys.argv[1:])
if threads:
    torch.set_num_threads(threads)
keep_memory()
torch.manual_seed(0)
device = torch.device("cpu")
net = build_network("resnet18", 3).to(memory_format=torch.channels_last)
x, y = torch.randn(32, 1, size, size), torch.randint(3, (32,))
opt = torch.optim.AdamW(net.parameters(), 1e-3, fused=True)
loss = torch.nn.CrossEntropyLoss()

def step():
    loss(net(x), y).backward()
    opt.step()
    opt.zero_grad()

with computing(net, choose_precision(device), device):
    step()
    begun = time.perf_counter()
    for _ in range(steps):
        step()
    seconds = (time.perf_counter() - begun) / steps
print(seconds, sum(float(p.detach().double().abs().sum()) for p in net.parameters()))
"""


@dataclass(frozen=True)
class Way:
    """How the threads of a training wait, and how many there are."""

    name: str
    environment: dict[str, str]
    threads: int = 0  # 0: as torch has them, one a core


WAYS = (
    Way("libgomp's own: spins 300,000 times", {}),
    Way("spins 10,000 times", {"GOMP_SPINCOUNT": "10000"}),
    Way("spins 1,000 times", {"GOMP_SPINCOUNT": "1000"}),
    Way("passive, as cxr sets it", {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}),
    Way("one thread", {}, threads=1),
)


def seconds_a_step(
    way: Way,
    size: int,  # px
    steps: int,
) -> tuple[float, str]:  # seconds, the sum over the weights
    """Train in a fresh process."""
    env = {name: value for name, value in os.environ.items() if name not in CHOICES}
    command = [sys.executable, "-c", CODE, str(size), str(steps), str(way.threads)]
    done = subprocess.run(
        command, env={**env, **way.environment}, capture_output=True, text=True, check=True
    )
    seconds, total = done.stdout.split()
    return float(seconds), total


def measure(
    ways: tuple[Way, ...],
    loads: tuple[int, ...],
    size: int,
    steps: int,
    rounds: int,
) -> tuple[dict[tuple[str, int], list[float]], dict[str, set[str]]]:
    """Give every way its turn under every load: seconds a step, and sums over the weights."""
    seconds: dict[tuple[str, int], list[float]] = {}
    sums: dict[str, set[str]] = {way.name: set() for way in ways}
    for _ in range(rounds):
        for load in loads:
            beside = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(load)]
            try:
                for way in ways:
                    found, total = seconds_a_step(way, size, steps)
                    seconds.setdefault((way.name, load), []).append(found)
                    sums[way.name].add(total)
            finally:
                for process in beside:
                    process.kill()
                    process.wait()
    return seconds, sums


def table(
    ways: tuple[Way, ...],
    loads: tuple[int, ...],
    seconds: dict[tuple[str, int], list[float]],
    sums: dict[str, set[str]],
) -> str:
    """Make the lines that are printed."""
    median = {key: statistics.median(found) for key, found in seconds.items()}
    best = {load: min(median[way.name, load] for way in ways) for load in loads}
    header = "".join(f"{f'beside {load}':>20}" for load in loads)
    lines = [f"{'seconds a step':<36}{header}   weights"]
    for way in ways:
        cells = []
        for load in loads:
            own = median[way.name, load]
            cells.append(f"{own:>12.3f} ({own / best[load]:.1f}x)".rjust(20))
        same = "same" if sums[way.name] == sums[ways[0].name] else "others"
        lines.append(f"{way.name:<36}{''.join(cells)}   {same}")
    return "\n".join(lines)


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--size", type=int, default=128)
    p.add_argument("--steps", type=int, default=10)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--loads", default=",".join(map(str, LOADS)), help="processes beside: 0,1,3")
    p.add_argument("--out", help="append the table to this file")
    args = p.parse_args()
    loads = tuple(int(load) for load in args.loads.split(","))
    before = os.getloadavg()[0]
    seconds, sums = measure(WAYS, loads, args.size, args.steps, args.rounds)
    text = (
        f"{datetime.date.today()}, {len(os.sched_getaffinity(0))} cores, {platform.machine()}, "
        f"torch {version('torch')}, resnet18, {args.size} px, batches of 32, median of "
        f"{args.rounds} rounds of {args.steps} steps\n"
        f"load of the machine before: {before:.1f} (0 is quiet)\n\n"
        f"{table(WAYS, loads, seconds, sums)}\n"
    )
    print(text)
    if args.out:
        with open(args.out, "a", encoding="utf-8") as f:
            f.write(f"```\n{text}```\n\n")


if __name__ == "__main__":
    main()
