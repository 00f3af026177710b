"""What the machine does best: the numbers a network computes in and the memory it keeps.

A device in, a Precision out, and what applies it to a Learner. Decides by what the processor says
it can do, and tells why; changes no result beyond rounding.
"""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from fastai.callback.core import Callback
from fastai.callback.fp16 import AMPMode, MixedPrecision

from cxr_fastai.advice import flag
from cxr_fastai.core import UsageError

__all__ = [
    "Precision",
    "check_precision",
    "choose_precision",
    "computing",
    "depthwise_share",
    "keep_memory",
]


# benchmarks/results/precision.md: AVX512-bf16 computes the backward pass of a depthwise convolution
# up to 2.4 times slower than fp32 (5x5). Networks with a share of 2.9 % and more train 1.4 to 2.1
# times slower in bf16, those with 1.5 % and less 1.3 to 1.8 times faster. Not measured with AMX.
MAX_DEPTHWISE_SHARE = 0.02
BODY_AND_HEAD = 2  # parts of a network of this library


@dataclass(frozen=True)
class Precision:
    """The numbers that a network computes in."""

    name: str  # bf16 | fp16 | fp32
    why: str  # for people


def choose_precision(
    device: torch.device,
    wanted: str = "auto",  # auto | bf16 | fp16 | fp32
    net: torch.nn.Module | None = None,  # that is to train; None: any
) -> Precision:
    """Choose half precision where the device computes in it; weights and sums stay in fp32.

    Raises `UsageError` for fp16 on a CPU.
    """
    if wanted == "fp16" and device.type == "cpu":
        raise UsageError(
            "precision fp16 needs a GPU: a CPU computes in bf16 or fp32. "
            f"Leave {flag('precision')} away."
        )
    if wanted != "auto":
        return Precision(wanted, "as asked for")
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return Precision("bf16", "the GPU computes in it")
        return Precision("fp16", "the GPU has no bf16")
    if device.type != "cpu":
        return Precision("fp32", f"not tried on {device.type}")
    if _cpu_has("amx_tile"):
        return Precision("bf16", "the CPU has AMX")
    if not _cpu_has("avx512_bf16"):
        return Precision("fp32", "the CPU has no instructions for bf16")
    if net is not None and depthwise_share(net) > MAX_DEPTHWISE_SHARE:
        return Precision("fp32", "a CPU without AMX trains depthwise convolutions faster in it")
    return Precision("bf16", "the CPU has AVX512-bf16")


def check_precision(
    wanted: str,  # auto | bf16 | fp16 | fp32
) -> None:
    """Raise `UsageError` for numbers that this machine does not train in."""
    choose_precision(torch.device("cuda" if torch.cuda.is_available() else "cpu"), wanted)


def depthwise_share(net: torch.nn.Module) -> float:  # 0 to 1
    """Return which share of a body's weights is of convolutions of each channel by itself.

    Normalisation and biases do not count; of a network that is no body and head all of it does.
    """
    if isinstance(net, torch.nn.Sequential) and len(net) == BODY_AND_HEAD:
        net = net[0]
    counted = (torch.nn.Conv2d, torch.nn.Linear)
    layers = [layer for layer in net.modules() if isinstance(layer, counted)]
    weights = sum(layer.weight.numel() for layer in layers)
    depthwise = [layer for layer in layers if _is_depthwise(layer)]
    return sum(layer.weight.numel() for layer in depthwise) / max(weights, 1)


def _is_depthwise(layer: torch.nn.Module) -> bool:
    """Tell whether a convolution takes each channel by itself."""
    return isinstance(layer, torch.nn.Conv2d) and layer.groups == layer.in_channels > 1


def _cpu_has(feature: str) -> bool:
    """Ask torch what the processor can do; a torch without this question says no."""
    is_supported = getattr(torch.cpu, f"_is_{feature}_supported", None)
    return is_supported is not None and bool(is_supported())


@contextmanager
def computing(
    net: torch.nn.Module,
    precision: Precision,
    device: torch.device,
) -> Iterator[list[Callback]]:
    """Let `net` compute in bf16 inside and answer in fp32; yield the callbacks that fp16 needs.

    fastai's own callback for bf16 turns itself off on a CPU, and leaves torch in bf16 where a step
    is interrupted. bf16 has fp32's range, so no gradient needs scaling; fp16 has not, and fastai's
    own callback scales.
    """
    if precision.name == "fp16":
        yield [MixedPrecision(AMPMode.FP16)]
        return
    if precision.name != "bf16":
        yield []
        return
    forward = net.forward

    def in_bf16(x: torch.Tensor) -> torch.Tensor:
        """Compute in bf16, answer in fp32."""
        with torch.autocast(device.type, torch.bfloat16):
            return forward(x).float()

    net.forward = in_bf16
    try:
        yield []
    finally:
        del net.forward


# Constants of glibc's malloc.h, and what they are set to.
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
MAX_KEPT_BLOCK = 1 << 30  # bytes
NEVER_TRIM = 2**31 - 1


def keep_memory() -> bool:
    """Let glibc keep what a step frees; return whether that was done.

    By default it gives blocks above 32 MB back to the kernel, which clears each page of them anew
    at every step. ResNet34 at 224 px on two cores: 24 -> 31 images/s in bf16. The process holds on
    to its peak.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    kept = mallopt(M_MMAP_THRESHOLD, MAX_KEPT_BLOCK) and mallopt(M_TRIM_THRESHOLD, NEVER_TRIM)
    return bool(kept)
