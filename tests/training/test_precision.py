"""pytest tests/training/test_precision.py"""

import os

import pytest
import torch
from fastai.callback.fp16 import MixedPrecision

from cxr_fastai.core import UsageError
from cxr_fastai.models.networks import build_network
from cxr_fastai.training import precision
from cxr_fastai.training.precision import (
    Precision,
    choose_precision,
    computing,
    depthwise_share,
    keep_memory,
)

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    "amx, bf16, name", [(True, False, "bf16"), (False, True, "bf16"), (False, False, "fp32")]
)
def test_a_cpu_computes_in_bf16_where_it_can(monkeypatch, amx, bf16, name):
    monkeypatch.setattr(precision, "_cpu_has", dict(amx_tile=amx, avx512_bf16=bf16).get)
    assert choose_precision(CPU).name == name and choose_precision(CPU, "fp32").name == "fp32"


@pytest.mark.parametrize(
    "arch, amx, name",
    [
        ("resnet18", False, "bf16"),
        ("densenet121", False, "bf16"),
        ("cnn", False, "bf16"),
        ("convnext_tiny", False, "bf16"),
        ("efficientnet_b0", False, "fp32"),
        ("mobilenet_v2", False, "fp32"),
        ("tf_efficientnet_lite0", False, "fp32"),
        ("tf_efficientnet_lite0", True, "bf16"),
    ],
)
def test_a_cpu_without_amx_trains_depthwise_networks_in_fp32(monkeypatch, arch, amx, name):
    monkeypatch.setattr(precision, "_cpu_has", dict(amx_tile=amx, avx512_bf16=True).get)
    with torch.device("meta"):
        net = build_network(arch, 2)
    assert choose_precision(CPU, "auto", net).name == name
    assert choose_precision(CPU, "bf16", net).name == "bf16"


def test_a_cpu_without_bf16_says_so_of_depthwise_networks_too(monkeypatch):
    monkeypatch.setattr(precision, "_cpu_has", dict(amx_tile=False, avx512_bf16=False).get)
    net = torch.nn.Conv2d(4, 4, 3, groups=4)
    assert depthwise_share(net) == 1.0 and depthwise_share(torch.nn.ReLU()) == 0.0
    assert choose_precision(CPU, "auto", net).why == "the CPU has no instructions for bf16"


def test_fp16_on_a_cpu_is_refused():
    with pytest.raises(UsageError, match="fp16 needs a GPU"):
        choose_precision(CPU, "fp16")


def test_bf16_reaches_the_network_and_ends_with_it_also_after_an_interrupt():
    net, seen = torch.nn.Linear(2, 2), []
    net.register_forward_hook(lambda m, args, out: seen.append(out.dtype))
    with pytest.raises(KeyboardInterrupt), computing(net, Precision("bf16", ""), CPU) as cbs:
        assert cbs == [] and net(torch.ones(1, 2)).dtype == torch.float32
        raise KeyboardInterrupt
    assert seen == [torch.float32] or seen == [torch.bfloat16]
    assert "forward" not in net.__dict__ and not torch.is_autocast_enabled("cpu")


def test_memory_is_kept_where_glibc_is():
    assert keep_memory() == (
        os.confstr("CS_GNU_LIBC_VERSION") is not None if hasattr(os, "confstr") else False
    )


def test_fp16_asks_for_fastais_scaling_and_fp32_for_nothing():
    net = torch.nn.Linear(2, 2)
    with computing(net, Precision("fp16", ""), CPU) as cbs:
        assert [type(cb) for cb in cbs] == [MixedPrecision]
    with computing(net, Precision("fp32", ""), CPU) as cbs:
        assert cbs == [] and net(torch.ones(1, 2)).dtype == torch.float32
