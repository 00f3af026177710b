"""TorchXRayVision's networks: converted, and seen as they saw.

python -m pytest tests/models/test_torchxrayvision.py
"""

from importlib.util import find_spec

import pytest
import safetensors.torch
import torch
import torchvision
from torch import nn

from cxr_fastai import core
from cxr_fastai.models.networks import build_network
from cxr_fastai.models.torchxrayvision import convert
from cxr_fastai.models.weights import load_weights


def stand_in(arch="densenet121"):
    "A network of TorchXRayVision's layers, names and 18 answers, with drawn weights."
    torch.manual_seed(3)
    net = torchvision.models.get_model(arch, weights=None)
    if arch == "densenet121":
        net.features.conv0 = nn.Conv2d(1, 64, 7, 2, 3, bias=False)
        net.classifier = nn.Linear(1024, 18)
    else:
        net.conv1 = nn.Conv2d(1, 64, 7, 2, 3, bias=False)
        net.fc = nn.Linear(2048, 18)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 1e3, 1e5)
            nn.init.normal_(module.running_mean, 0, 30)
    return net.eval()


def state_of(net, prefix=""):
    state = {f"{prefix}{key}": value for key, value in net.state_dict().items()}
    return {**state, "op_threshs": torch.full((18,), 0.5)}


def normalised(gray):
    "As xrv.datasets.normalize does with 8-bit values: 0-255 to -1024 to 1024."
    return (2 * (gray / 255) - 1.0) * 1024


def gray_films():
    values = torch.randint(0, 256, (2, 1, 64, 64), generator=torch.Generator().manual_seed(4))
    return values.float()


def test_its_densenet_fits_tensor_by_tensor_and_sees_what_it_saw(tmp_path):
    theirs = stand_in()
    file = convert(state_of(theirs), tmp_path / "xrv.safetensors")
    net = build_network("densenet121", 2).eval()
    assert load_weights(net, file, "densenet121") == (
        f"{file}: 725 of 725 body tensors, normalisation in the first layer"
    )
    assert torch.equal(net[0][0].weight, theirs.features.conv0.weight * 512)
    gray = gray_films()
    with torch.no_grad():
        ours = net[0]((gray / 255 - 0.5) / 0.25)
        wanted = theirs.features(normalised(gray)).relu()
    scale = float(wanted.abs().max())
    assert scale > 0.1
    torch.testing.assert_close(ours, wanted, atol=1e-4 * max(1.0, scale), rtol=0)


def test_its_resnet_too(tmp_path):
    theirs = stand_in("resnet50")
    file = convert(state_of(theirs, "model."), tmp_path / "xrv.safetensors")
    net = build_network("resnet50", 2).eval()
    assert load_weights(net, file, "resnet50").startswith(f"{file}: 318 of 318 body tensors")
    assert torch.equal(net[0][0].weight, theirs.conv1.weight * 512)


def test_what_was_not_converted_is_refused(tmp_path):
    torch.save(state_of(stand_in()), tmp_path / "raw.pth")
    with pytest.raises(core.IntegrityError, match=r"-1024 to 1024.*convert it first \(docs/weigh"):
        load_weights(build_network("densenet121", 2), tmp_path / "raw.pth", "densenet121")


@pytest.mark.parametrize(
    "state",
    [{}, {"features.conv0.weight": torch.zeros(64, 3, 7, 7)}, {"conv.weight": torch.ones(1)}],
)
def test_what_is_no_network_of_theirs_is_refused(tmp_path, state):
    with pytest.raises(core.UsageError, match=r"no state_dict\(\) of xrv.models.DenseNet"):
        convert(state, tmp_path / "a.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_one_of_safetensors(tmp_path):
    with pytest.raises(core.UsageError, match="writes NAME.safetensors, not a.pth"):
        convert(state_of(stand_in()), tmp_path / "a.pth")


def test_the_head_and_its_thresholds_stay_behind(tmp_path):
    file = convert(state_of(stand_in()), tmp_path / "xrv.safetensors")
    names = safetensors.torch.load_file(file)
    assert len(names) == 725 and all(name.startswith("features.") for name in names)


def test_the_real_one_has_the_layers_of_the_stand_in():
    if find_spec("torchxrayvision") is None:
        pytest.skip("pip install torchxrayvision")
    import torchxrayvision as xrv

    real = xrv.models.DenseNet(weights=None, num_classes=18).state_dict()
    drawn = stand_in().state_dict()
    assert {k: v.shape for k, v in real.items()} == {k: v.shape for k, v in drawn.items()}
