"""Networks for the tests of models: torchvision's own, ours to load into, and files of either."""

import copy
import functools

import safetensors.torch
import torch
import torchvision

from cxr_fastai.models.networks import build_network, first_convolution, set_shift


@functools.cache
def whole(arch="resnet18", seed=0):
    "torchvision's own network with random weights, the same one at every call."
    torch.manual_seed(seed)
    return torchvision.models.get_model(arch, weights=None).eval()


@functools.cache
def built(arch, channels):
    return build_network(arch, 2, channels)


def fresh(arch="resnet18", channels=1):
    "A network to load into. Drawing weights takes longer than copying them."
    return copy.deepcopy(built(arch, channels)).eval()


def spoiled(net):
    "`net` with other weights than a fresh one."
    for p in net.parameters():
        p.data.add_(0.01)
    return net


def body_equals(net, reference):
    "Whether every weight of the body is that of a torchvision network, the first convolution summed over channels."
    names = list(dict(reference.named_children()))
    for key, value in net[0].state_dict().items():
        index, rest = key.split(".", 1)
        want = reference.state_dict()[f"{names[int(index)]}.{rest}"]
        if value.ndim == 4 and value.shape[1] == 1:
            want = want.sum(1, keepdim=True)
        if not torch.equal(value, want):
            return False
    return True


def saved(path, state):
    safetensors.torch.save_file(state, path) if path.suffix == ".safetensors" else torch.save(
        state, path
    )
    return path


def with_shift(arch):
    "A network of three classes whose first layer adds something to each place."
    torch.manual_seed(2)
    net = build_network(arch, 3).eval()
    set_shift(net[0], torch.randn_like(first_convolution(net[0])[1].weight))
    return net
