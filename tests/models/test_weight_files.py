"""Files of weights: every usual form is read, and nothing in one is ever run.

python -m pytest tests/models/test_weight_files.py
"""

import pickle
import re

import pytest
import torch
import torchvision
from toy_networks import fresh, saved, whole

from cxr_fastai import core
from cxr_fastai.models.networks import build_network
from cxr_fastai.models.weight_files import _body_state, body_names, existing_file, joined, read_body
from cxr_fastai.models.weights import load_weights, match_body


def test_densenets_files_of_old_names_are_read():
    net = build_network("densenet121", 2, 3)
    old = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))(\d+\.)", r"\1.\2", k): v
        for k, v in torchvision.models.densenet121(weights=None).state_dict().items()
    }
    assert any("norm.1." in k for k in old)
    assert match_body(_body_state(old, "densenet121"), net[0], "densenet121", "old").keys()


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_a_malicious_file_is_refused_and_its_code_never_runs(tmp_path, how):
    trace, file = tmp_path / "ran", tmp_path / "a.pth"
    state = {**whole().state_dict(), "z": Bomb(trace)}
    if how == "torch":
        torch.save(state, file)
    else:
        file.write_bytes(pickle.dumps({"z": Bomb(trace)}, protocol=2))
    with pytest.raises(core.IntegrityError, match="nothing in it was run") as e:
        load_weights(fresh(), file, "resnet18")
    assert e.value.exit_code == 4 and not trace.exists() and "weights_only" not in str(e.value)


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
@pytest.mark.parametrize(
    "data", [b"", b"<html>sign in</html>", bytes(range(256)) * 8, b"PK\x03\x04" + bytes(64)]
)
def test_a_file_of_other_bytes_is_refused(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(core.IntegrityError, match="no plain state dict"):
        load_weights(fresh(), tmp_path / name, "resnet18")


def test_a_truncated_checkpoint_is_refused(tmp_path):
    file = saved(tmp_path / "a.pth", whole().state_dict())
    file.write_bytes(file.read_bytes()[:-50_000])
    with pytest.raises(core.IntegrityError):
        load_weights(fresh(), file, "resnet18")


def test_our_own_keys_and_torchvisions_name_the_same_layers(tmp_path):
    net = fresh()
    ours = saved(tmp_path / "ours.safetensors", net.state_dict())
    state = read_body(ours, "resnet18", "ours")
    assert state.keys() == {k for k in whole().state_dict() if not k.startswith("fc.")}
    assert torch.equal(state["layer1.0.conv1.weight"], net[0][4][0].conv1.weight)


def test_keys_of_layers_that_a_body_does_not_have_are_left_aside():
    tensors = {"0.0.weight": 1, "0.99.weight": 2, "1.8.weight": 3, "0.x.weight": 4, "0": 5}
    assert _body_state(tensors, "resnet18") == {"conv1.weight": 1}


def test_a_whole_network_stands_without_a_name():
    assert body_names("vit_b_16") == ["", "map"]
    assert joined("", "conv.weight") == "conv.weight" and joined("a", "b") == "a.b"


def test_a_file_that_is_there_is_its_own_path(tmp_path):
    (tmp_path / "a.pth").write_bytes(b"")
    assert existing_file(str(tmp_path / "a.pth")) == tmp_path / "a.pth"


def test_a_file_that_cannot_be_read_is_a_storage_error(tmp_path):
    with pytest.raises(core.StorageError, match="cannot read .*gone.pth"):
        read_body(tmp_path / "gone.pth", "resnet18", "gone")
