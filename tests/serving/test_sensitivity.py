"""Grad-CAM: the heat lies where the answer hangs on the film, for every kind of network.

python -m pytest tests/serving/test_sensitivity.py
"""

import copy
import threading

import numpy as np
import pytest
import torch
from torch import nn
from toy_heat import film, hand_made, prepared

from cxr_fastai.core import UsageError
from cxr_fastai.models.networks import build_network
from cxr_fastai.serving.sensitivity import LEAST_PLACES, _recording, sensitivity

# One of each family of models/architectures.py, as small as it has.
QUICK = ["cnn", "resnet18", "tf_efficientnet_lite0"]
SLOW = [
    "squeezenet1_1",
    "densenet121",
    "efficientnet_b0",
    "convnext_tiny",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "vgg11",
    "vit_b_16",
    "resnext50_32x4d",
]
TIMM = [
    "vit_tiny_patch16_224",
    "deit_tiny_distilled_patch16_224",
    "swin_tiny_patch4_window7_224",
    "convnext_atto",
    "mobilenetv3_small_050",
    "mixer_s32_224",
    "poolformer_s12",
    "xcit_nano_12_p16_224",
    "cait_xxs24_224",
    "resmlp_12_224",
]


def first_class(logits):
    return logits[0, 0]


def found(net, x, score=first_class):
    return sensitivity(net, x, score)


def test_the_heat_is_the_channels_by_their_mean_gradient():
    net = hand_made()
    x = prepared(film("left"))
    heat = found(net, x)
    maps = net.eval()[0](x)
    # out = mean over the 64 places of channel 0: each gradient is 1/64
    assert np.allclose(heat, (maps[0, 0] / 64).detach().numpy(), atol=1e-6)
    assert heat.shape == (8, 8) and heat[1:3, 1:3].min() > 0
    heat[1:3, 1:3] = 0
    assert heat.max() == 0


def test_where_the_head_takes_the_largest_the_slope_is_spread_over_all_places():
    net = hand_made()
    net[1][0] = nn.AdaptiveMaxPool2d(1)  # its slope is 1 at one place, which is not the first
    x = prepared(film("right"))
    maps = net.eval()[0](x)
    assert np.allclose(found(net, x), (maps[0, 0] / 64).detach().numpy(), atol=1e-6)


def test_another_class_has_another_heat():
    net = hand_made()
    x = prepared(film("left"))
    dark = found(net, x, lambda logits: logits[0, 1])
    assert dark[1:3, 1:3].max() == 0 and dark.max() > 0


def test_what_speaks_against_a_class_is_no_heat():
    against = found(hand_made(), prepared(film("left")), lambda logits: -logits[0, 0])
    assert against.max() == 0


def state_of(net):
    "All that a network holds: weights, buffers, gradients, switches, hooks."
    tensors = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    params = [(p.requires_grad, p.grad) for p in net.parameters()]
    hooks = [len(module._forward_hooks) for module in net.modules()]
    return tensors, params, hooks


def assert_untouched(net, x):
    for number, p in enumerate(net.parameters()):
        p.requires_grad_(number % 2 == 0)
    tensors, params, hooks = state_of(net)
    before = x.clone()
    first = found(net, x)
    again = found(net, x)
    after = state_of(net)
    assert all(torch.equal(after[0][name], tensor) for name, tensor in tensors.items())
    assert after[1:] == (params, hooks)
    assert torch.equal(x, before) and not x.requires_grad
    assert np.array_equal(first, again)
    return first


@pytest.mark.parametrize("arch", QUICK)
def test_a_network_is_left_as_it_was(arch):
    torch.manual_seed(0)
    net = build_network(arch, 2)
    net.train()  # as a caller may have left it: batch statistics must not move
    heat = assert_untouched(net, torch.randn(1, 1, 64, 64))
    assert min(heat.shape) >= LEAST_PLACES and heat.min() >= 0 and np.isfinite(heat).all()


def test_no_gradient_need_be_wanted_by_any_weight():
    net = hand_made()
    plain = found(net, prepared(film("left")))
    net.requires_grad_(False)
    with torch.inference_mode():
        frozen = found(net, prepared(film("left")))
    assert np.array_equal(plain, frozen)


def test_two_threads_do_not_hear_each_other():
    torch.manual_seed(0)
    net = build_network("cnn", 2).eval()
    inputs = [torch.randn(1, 1, 64, 64) for _ in range(8)]
    alone = [found(net, x) for x in inputs]
    together = [None] * len(inputs)

    def fill(number):
        together[number] = found(net, inputs[number])

    threads = [threading.Thread(target=fill, args=(number,)) for number in range(len(inputs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.allclose(a, b, rtol=1e-4, atol=1e-8) for a, b in zip(alone, together))


def test_what_other_threads_compute_is_not_kept():
    net = hand_made()
    with _recording(net) as given:
        other = threading.Thread(target=net, args=(torch.randn(1, 1, 64, 64),))
        other.start()
        other.join()
        assert given == []
        net(torch.randn(1, 1, 64, 64))
        assert len(given) > 1


class Tokens(nn.Module):
    "Patches and a class token that looks at one of them through attention alone."

    def __init__(self, before=1):
        super().__init__()
        self.num_prefix_tokens = before
        self.patches = nn.Conv2d(1, 4, 8, stride=8)
        self.norm = nn.LayerNorm(4)
        self.last = nn.Identity()

    def forward(self, x):
        patches = self.patches(x).flatten(2).transpose(1, 2)
        first = torch.zeros(len(x), self.num_prefix_tokens, 4)
        tokens = self.norm(torch.cat([first, patches], 1))
        weights = torch.zeros(tokens.shape[1])
        weights[self.num_prefix_tokens + 9] = 1.0  # row 1, column 1
        read = (tokens * weights[None, :, None]).sum(1, keepdim=True)
        return self.last(torch.cat([read, tokens[:, 1:].detach()], 1))[:, 0]


@pytest.mark.parametrize("before", [1, 2, 5])
def test_of_tokens_the_last_layer_counts_whose_places_the_answer_hangs_on(before):
    torch.manual_seed(1)
    body = nn.Sequential(Tokens(before), nn.Unflatten(1, (4, 1, 1)))
    head = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
    net = nn.Sequential(body, head).eval()
    x = prepared(film("left"))
    heat = found(net, x)
    # the slope is that of one place: the weights of the head, shared out over 64 places
    tokens = body[0].norm(body[0].patches(x).flatten(2).transpose(1, 2))[0]
    expected = (tokens @ net[1][1].weight[0] / 64).clamp_min(0).reshape(8, 8)
    assert np.allclose(heat, expected.detach().numpy(), atol=1e-6) and heat.max() > 0


def test_a_network_without_places_is_refused_in_words():
    body = nn.Sequential(nn.Flatten(), nn.Linear(64 * 64, 4), nn.Unflatten(1, (4, 1, 1)))
    net = nn.Sequential(body, nn.Sequential(nn.Flatten(), nn.Linear(4, 2)))
    with pytest.raises(UsageError, match="no layer of this network has places"):
        found(net, torch.randn(1, 1, 64, 64))


@pytest.mark.slow
@pytest.mark.parametrize("arch, size", [(arch, 64) for arch in SLOW] + [(a, 224) for a in TIMM])
def test_every_family_has_a_heat(arch, size):
    if arch in TIMM:
        pytest.importorskip("timm")
    torch.manual_seed(0)
    net = build_network(arch, 2).eval()
    x = torch.randn(1, 1, size, size)
    heats = [assert_untouched(copy.deepcopy(net), x)]
    heats.append(found(net, x, lambda logits: -logits[0, 0]))
    for heat in heats:
        assert heat.ndim == 2 and min(heat.shape) >= LEAST_PLACES
        assert heat.min() >= 0 and np.isfinite(heat).all()
    # a random network has heat for its answer, or against it
    assert max(heat.max() for heat in heats) > 0
