"""Which numbers a training step is faster in, network by network.

.venv/bin/python benchmarks/precision.py [--archs A,B] [--size 128] [--bs 16] [--rounds 3]

Whole training steps (forward, backward, AdamW) on a batch that lies in memory, in fp32 and in bf16,
in turns. Printed: the median of the processor's seconds a step, of all threads together, which wait
passively, so that other programs beside count for little; how many times as fast bf16 is; what
`--precision auto` takes; what a step costs in it beside the first network's; and which share of the
body's weights is of depthwise convolutions. `training/precision.py` and `prototyping/plan.py` rest
on it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time

from told import told

from cxr_fastai.threads import wait_without_spinning

wait_without_spinning()  # as `cxr` does, before torch is imported, which looks once

import torch  # noqa: E402
from torch import nn  # noqa: E402

from cxr_fastai.models.networks import build_network  # noqa: E402
from cxr_fastai.training.precision import (  # noqa: E402
    choose_precision,
    computing,
    depthwise_share,
    keep_memory,
)

CPU = torch.device("cpu")
ARCHS = (
    "resnet18,resnet34,resnet50,densenet121,tf_efficientnet_lite0,cnn,mobilenet_v2,"
    "mobilenet_v3_large,efficientnet_b0,efficientnet_v2_s,convnext_tiny,resnext50_32x4d"
)
NUMBERS = ("fp32", "bf16")
CLASSES = 2


def main() -> None:
    """Time each network, and print a row as it is over."""
    asked = _asked()
    keep_memory()
    print(f"{asked.size} px, batches of {asked.bs}, {torch.get_num_threads()} threads\n")
    print(
        "| network | fp32, CPU s a step | bf16 | times as fast | auto takes | beside the first "
        "| depthwise |"
    )
    print("| --- | ---: | ---: | ---: | --- | ---: | ---: |")
    _timed(_network(asked.archs[0]), asked)  # a process that has just begun is slower: not told
    first = 0.0
    for arch in asked.archs:
        net = _network(arch)
        seconds = _timed(net, asked)
        chosen = choose_precision(CPU, "auto", net).name
        first = first or seconds[chosen]
        print(
            f"| `{arch}` | {seconds['fp32']:.3f} | {seconds['bf16']:.3f} "
            f"| {seconds['fp32'] / seconds['bf16']:.2f} | {chosen} "
            f"| {seconds[chosen] / first:.2f} | {100 * depthwise_share(net):.1f} % |",
            flush=True,
        )


def _asked() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--archs", type=_names, default=_names(ARCHS))
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--bs", type=int, default=16)
    parser.add_argument("--rounds", type=_positive, default=3)
    return parser.parse_args()


def _positive(text: str) -> int:
    """Read a number of rounds. Raises `argparse.ArgumentTypeError` below 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number of at least 1")
    return int(text)


def _names(text: str) -> list[str]:
    """Split at commas."""
    return text.split(",")


def _network(arch: str) -> nn.Module:
    """Build a network, laid out as a run lays it out."""
    return build_network(arch, CLASSES).to(memory_format=torch.channels_last)


def _timed(net: nn.Module, asked: argparse.Namespace) -> dict[str, float]:
    """Return the median of the processor's seconds a step in either; the first does not count."""
    opt = torch.optim.AdamW(net.parameters(), 1e-3, fused=True)
    x = torch.randn(asked.bs, 1, asked.size, asked.size).to(memory_format=torch.channels_last)
    y = torch.randint(CLASSES, (asked.bs,))
    seconds: dict[str, list[float]] = {name: [] for name in NUMBERS}
    for turn in range(1 + asked.rounds):
        for name in NUMBERS:
            with computing(net, choose_precision(CPU, name), CPU):
                begun = time.process_time()
                nn.functional.cross_entropy(net(x), y).backward()
                opt.step()
                opt.zero_grad()
            if turn:
                seconds[name].append(time.process_time() - begun)
    return {name: statistics.median(taken) for name, taken in seconds.items()}


if __name__ == "__main__":
    sys.exit(told(main))
