"""A bundle's network in torch: what it answers, and what its last layer is given.

python -m pytest tests/bundle/test_torch_runtime.py
"""

import numpy as np
import pytest
import torch
from torch import nn
from toy_bundles import META, VOCAB, picture
from toy_networks import with_shift

from cxr_fastai.bundle import torch_runtime
from cxr_fastai.bundle.store import load_bundle, save_bundle
from cxr_fastai.models.networks import build_network


def batch_of(loaded, n=3):
    return np.stack([loaded.read(picture(seed))[0] for seed in range(n)])


def test_logits_are_those_of_the_network(loaded):
    batch = batch_of(loaded)
    with torch.inference_mode():
        wanted = loaded.net(torch.tensor(batch)).numpy()
    np.testing.assert_array_equal(loaded.runtime.logits(batch), wanted)


def test_features_are_what_the_last_layer_is_given(loaded):
    batch = batch_of(loaded)
    features = loaded.runtime.features(batch)
    assert features.shape == (3, 512) and features.dtype == np.float32
    last = loaded.net[1][-1].weight.detach().numpy()
    np.testing.assert_allclose(features @ last.T, loaded.runtime.logits(batch), atol=1e-4)


def test_a_tensor_of_a_bundle_is_its_array_and_can_be_written_to(loaded):
    tensor = loaded.tensor(picture())
    np.testing.assert_array_equal(tensor.numpy(), loaded.read(picture())[0])
    tensor += 1
    assert tensor.dtype == torch.float32 and loaded.read(picture())[0].max() < tensor.max()


def test_arrays_that_cannot_be_written_to_are_taken(loaded):
    batch = batch_of(loaded)
    frozen = batch.copy()
    frozen.setflags(write=False)
    np.testing.assert_array_equal(loaded.runtime.logits(frozen), loaded.runtime.logits(batch))


def test_on_a_processor_weights_lie_with_channels_last(loaded, net):
    last = torch.channels_last
    kernels = [t for t in loaded.net.state_dict().values() if t.ndim == 4]
    assert kernels and all(t.is_contiguous(memory_format=last) for t in kernels)
    batch = batch_of(loaded)
    with torch.inference_mode():
        wanted = net.eval()(torch.tensor(batch)).numpy()
    np.testing.assert_allclose(loaded.runtime.logits(batch), wanted, atol=1e-5)


class Shifted(nn.Module):
    "Holds a tensor that no state has, as timm's swin its positions."

    def __init__(self):
        super().__init__()
        self.register_buffer("shift", torch.arange(3.0), persistent=False)

    def forward(self, x):
        return x + self.shift


def test_a_network_with_tensors_of_no_state_is_built_whole(tmp_path, monkeypatch):
    def built(arch, n_out, in_channels=1, like=()):
        net = build_network(arch, n_out, in_channels)
        net[1].append(Shifted())
        return net

    monkeypatch.setattr(torch_runtime, "build_network", built)
    net = built("cnn", len(VOCAB))
    folder = save_bundle(tmp_path / "b", net, {**META, "arch": "cnn"})
    before = torch.get_rng_state()
    bundle = load_bundle(folder, "cpu")
    assert torch.equal(torch.get_rng_state(), before)
    batch = batch_of(bundle)
    with torch.inference_mode():
        wanted = net.eval()(torch.tensor(batch)).numpy()
    np.testing.assert_allclose(bundle.runtime.logits(batch), wanted, atol=1e-5)


@pytest.mark.parametrize("arch", ["resnet18", "tf_efficientnet_lite0"])
def test_a_shift_of_the_first_layer_comes_back(tmp_path, arch):
    net = with_shift(arch)
    bundle = load_bundle(save_bundle(tmp_path / "b", net, {**META, "arch": arch}), "cpu")
    assert bundle.net.state_dict().keys() == net.state_dict().keys()
    batch = batch_of(bundle)
    with torch.inference_mode():
        wanted = net.eval()(torch.tensor(batch)).numpy()
    np.testing.assert_allclose(bundle.runtime.logits(batch), wanted, atol=1e-5, rtol=1e-4)


def test_a_lite_that_timm_built_answers_as_before(tmp_path):
    pytest.importorskip("timm", reason="an extra: pip install 'cxr_fastai[timm]'")
    arch = "tf_efficientnet_lite0"
    net = build_network(arch, len(VOCAB), like=["0.0.conv_stem.weight"])
    assert "0.0.conv_stem.weight" in net.state_dict()
    bundle = load_bundle(save_bundle(tmp_path / "b", net, {**META, "arch": arch}), "cpu")
    batch = batch_of(bundle)
    with torch.inference_mode():
        wanted = net.eval()(torch.tensor(batch)).numpy()
    np.testing.assert_allclose(bundle.runtime.logits(batch), wanted, atol=1e-5, rtol=1e-4)
