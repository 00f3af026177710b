"""Networks: layer for layer those of fastai's vision_learner, in three groups.

python -m pytest tests/models/test_networks.py
"""

import pytest
import torch
import torchvision

from cxr_fastai import core
from cxr_fastai.models import architectures, networks
from cxr_fastai.models.networks import build_network, param_groups


@pytest.fixture(scope="module")
def fastai_twin():
    learner = pytest.importorskip("fastai.vision.learner")
    return learner, learner.create_vision_model(
        torchvision.models.resnet34, 6, pretrained=False, n_in=1
    ).eval()


def test_keys_order_and_shapes_are_those_of_fastais_vision_learner(fastai_twin):
    theirs, ours = fastai_twin[1].state_dict(), build_network("resnet34", 6).state_dict()
    assert [(k, v.shape, v.dtype) for k, v in theirs.items()] == [
        (k, v.shape, v.dtype) for k, v in ours.items()
    ]


def test_with_equal_weights_the_outputs_equal_fastais(fastai_twin):
    net = build_network("resnet34", 6).eval()
    net.load_state_dict(fastai_twin[1].state_dict())
    x = torch.randn(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    assert torch.equal(net(x), fastai_twin[1](x))


def test_dropout_rates_and_layers_of_the_head_are_fastais(fastai_twin):
    theirs, ours = fastai_twin[1][1], build_network("resnet34", 6)[1]
    assert [type(m).__name__ for m in theirs] == [type(m).__name__ for m in ours]
    assert [getattr(m, "p", None) for m in theirs] == [getattr(m, "p", None) for m in ours]


def test_the_head_starts_with_the_weights_that_fastai_would_draw(fastai_twin):
    from fastai.torch_core import apply_init

    torch.manual_seed(3)
    theirs = fastai_twin[0].create_head(512, 6)
    apply_init(theirs, torch.nn.init.kaiming_normal_)
    torch.manual_seed(3)
    ours = networks._head(512, 6)
    assert all(
        torch.equal(a, b)
        for a, b in zip(theirs.state_dict().values(), ours.state_dict().values(), strict=True)
    )


def test_parameter_groups_are_fastais_split(fastai_twin):
    net = build_network("resnet34", 6)
    groups, split = param_groups(net, "resnet34"), fastai_twin[0]._resnet_split(fastai_twin[1])
    assert [[p.shape for p in g] for g in groups] == [[p.shape for p in g] for g in split]


@pytest.mark.parametrize("arch", [*architectures.COMMON, "resnext50_32x4d", "mobilenet_v3_small"])
def test_three_groups_hold_every_parameter_once(arch):
    with torch.device("meta"):
        net = build_network(arch, 3)
    groups = param_groups(net, arch)
    assert (
        len(groups) == 3
        and all(groups)
        and [id(p) for g in groups for p in g] == [id(p) for p in net.parameters()]
    )


@pytest.mark.parametrize("arch, channels", [("resnet18", 1), ("resnet18", 3), ("resnet50", 1)])
def test_networks_map_a_batch_to_logits(arch, channels):
    assert build_network(arch, 4, channels).eval()(torch.zeros(2, channels, 32, 32)).shape == (2, 4)


def test_a_network_without_classes_is_refused():
    with pytest.raises(core.UsageError, match="at least one class"):
        build_network("resnet18", 0)


def test_building_a_network_fetches_nothing(monkeypatch):
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda *a, **k: pytest.fail("fetched"))
    build_network("resnet18", 2)


def test_a_learner_that_was_pickled_with_its_name_on_the_network_still_finds_its_groups():
    net = build_network("cnn", 2)
    sizes = [len(group) for group in param_groups(net, "cnn")]
    net.arch = "cnn"  # as networks carried it before
    assert [len(group) for group in param_groups(net)] == sizes


def test_a_new_network_carries_nothing_that_torch_does_not_know():
    assert vars(build_network("cnn", 2)).keys() == vars(torch.nn.Sequential()).keys()


def test_pooling_gives_the_largest_value_and_the_mean_of_each_channel():
    x = torch.tensor([[[[1.0, 3.0]], [[0.0, -4.0]]]])
    assert networks.AdaptiveConcatPool2d()(x).flatten().tolist() == [3.0, 0.0, 2.0, -2.0]


def test_a_body_without_a_convolution_is_no_body():
    with pytest.raises(core.UsageError, match="without a convolution"):
        networks.first_convolution(torch.nn.Sequential(torch.nn.ReLU()))


@pytest.mark.parametrize(
    ("arch", "layers", "kept", "features"),
    [
        ("tf_efficientnet_lite0", 8, 8, 112),
        ("resnet18", 6, 6, 128),
        ("resnet18", 1, 1, 64),  # what follows the first has weights: batch norm
        ("resnet18", 2, 4, 64),  # ReLU and pooling have none
        ("densenet121", 8, 8, 256),
    ],
)
def test_a_cut_body_is_the_first_layers_and_its_tensors_tell_how_many(arch, layers, kept, features):
    cut = build_network(arch, 2, layers=layers).eval()
    whole = build_network(arch, 2).eval()
    assert len(cut[0]) == kept < len(whole[0])
    assert cut[1][2].num_features == 2 * features
    again = build_network(arch, 2, like=cut.state_dict()).eval()
    again.load_state_dict(cut.state_dict())
    x = torch.linspace(-1, 1, 64 * 64).view(1, 1, 64, 64)
    assert torch.equal(again(x), cut(x))
    cut[0].load_state_dict(whole[0].state_dict(), strict=False)
    assert torch.equal(cut[0](x), whole[0][:kept](x))


@pytest.mark.parametrize("arch", ["tf_efficientnet_lite0", "resnet18", "cnn"])
def test_names_of_a_whole_network_cut_nothing(arch):
    whole = build_network(arch, 2)
    assert len(build_network(arch, 2, like=whole.state_dict())[0]) == len(whole[0])


def test_more_layers_than_a_body_has_are_refused():
    with pytest.raises(core.UsageError, match=r"layers = 9: the body of resnet18 has 8 \(0: all"):
        build_network("resnet18", 2, layers=9)
