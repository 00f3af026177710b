"""What the machine does best: the numbers a network computes in, the layout of its images, the memory it keeps.

A device in, a Precision out, and what applies it to a Learner. Decides by what the processor says it can do, and tells
why; changes no result beyond rounding.
"""

from __future__ import annotations

import ctypes
import platform
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from fastai.callback.fp16 import AMPMode, MixedPrecision

from cxr_fastai.core import UsageError

__all__ = ["Precision", "choose_precision", "computing", "keep_memory"]


@dataclass(frozen=True)
class Precision:
    name: str  # bf16 | fp16 | fp32
    why: str  # for people


def choose_precision(
    device: torch.device,
    wanted: str = "auto",  # auto | bf16 | fp16 | fp32
) -> Precision:
    """Half precision where the device computes in it, weights and sums in fp32 all the same. Raises `UsageError`."""
    if wanted == "fp16" and device.type == "cpu":
        raise UsageError(
            "precision fp16 needs a GPU: a CPU computes in bf16 or fp32. Leave --precision away."
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
    if _cpu_has("avx512_bf16"):
        return Precision("bf16", "the CPU has AVX512-bf16")
    return Precision("fp32", "the CPU has no instructions for bf16")


def _cpu_has(what: str) -> bool:
    """Torch's own look at the processor; a torch without it says no."""
    return bool(getattr(torch.cpu, f"_is_{what}_supported", lambda: False)())


@contextmanager
def computing(
    net: torch.nn.Module,
    precision: Precision,
    device: torch.device,
):
    """Inside, `net` computes in bf16 and answers in fp32; fastai's own callback for this turns itself off on a CPU, and
    leaves torch in bf16 where a step is interrupted. bf16 has fp32's range, so no gradient needs scaling. Yields the
    callbacks that fp16, which has not, needs: fastai's own.
    """
    if precision.name != "bf16":
        yield [MixedPrecision(AMPMode.FP16)] if precision.name == "fp16" else []
        return
    forward = net.forward

    def in_bf16(x):
        with torch.autocast(device.type, torch.bfloat16):
            return forward(x).float()

    net.forward = in_bf16
    try:
        yield []
    finally:
        del net.forward


def keep_memory() -> bool:
    """Let glibc keep what a step frees: by default it gives blocks above 32 MB back to the kernel, which clears each
    page of them anew at every step. ResNet34 at 224 px on two cores: 24 -> 31 images/s in bf16. True where it was done.

    The process holds on to its peak. Constants of glibc's malloc.h: M_TRIM_THRESHOLD -1, M_MMAP_THRESHOLD -3.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(-3, 1 << 30) and mallopt(-1, 2**31 - 1))
