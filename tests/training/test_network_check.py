"""pytest tests/training/test_network_check.py"""

from pathlib import Path

import pytest
import toy

from cxr_fastai.cli import main
from cxr_fastai.core import UsageError
from cxr_fastai.models.networks import build_network
from cxr_fastai.training.data import build_dataloaders
from cxr_fastai.training.learner import build_learner, start_network
from cxr_fastai.training.network_check import check_networks, check_sides


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def refused(folder, *args):
    """The one line, and what else stderr has."""
    assert main(["train", str(folder), "--weights", "none", "--out", "run", *args]) == 2
    assert not Path("run").exists()


def test_a_side_that_is_too_small_is_told_with_one_that_is_not():
    net = build_network("vgg11", 2)
    with pytest.raises(UsageError) as e:
        check_sides(net, "vgg11", [16])
    assert "vgg11 cannot take images of 16 px (" in str(e.value)
    assert (
        "it takes 32 px and more. Give --size 32 (Python: size=32), or another --arch (Python: arch)"
        in str(e.value)
    )
    check_sides(net, "vgg11", [32])


def test_of_several_sides_that_which_is_wrong_is_told():
    net = build_network("vgg11", 2)
    with pytest.raises(UsageError, match="leave 16 out of --resize"):
        check_sides(net, "vgg11", [16, 64])
    check_sides(net, "vgg11", [32, 64])
    check_sides(net, "vgg11", [])


def test_networks_that_train_later_are_built_and_looked_at():
    check_networks(["cnn", "resnet18"], 3, [16])
    with pytest.raises(UsageError, match="vgg11 cannot take"):
        check_networks(["cnn", "vgg11"], 3, [16])


@pytest.mark.parametrize("args", [["--arch", "vgg11"], ["--arch", "cnn", "--beside", "vgg11"]])
def test_the_command_refuses_in_one_line_before_decoding_and_leaves_nothing(folder, capsys, args):
    refused(folder, *args, "--size", "16")
    first, told = capsys.readouterr().err.splitlines()
    assert first.endswith("loading torch")
    assert told.startswith("cxr train: vgg11 cannot take images of 16 px")


def test_a_small_side_of_resize_is_refused_too(folder, capsys):
    refused(folder, "--arch", "vgg11", "--beside", "none", "--size", "64", "--resize", "16,48")
    assert "leave 16 out of --resize" in capsys.readouterr().err


def test_a_network_is_looked_at_before_its_weights_are_fetched():
    with pytest.raises(UsageError, match="cannot take"):
        start_network("vgg11", 2, "no/such.pth", seed=0, sides=[16])


def test_a_learner_made_by_hand_is_refused_too(tmp_path):
    dls = build_dataloaders(toy.curated(tmp_path / "data"), 16, 8, device="cpu")
    with pytest.raises(UsageError, match="vgg11 cannot take images of 16 px"):
        build_learner(dls, "vgg11", "none")


@pytest.mark.parametrize("arch", ["test_efficientnet", "mobilenetv3_small_050"])
def test_networks_of_timm_whose_last_layers_widen_train(arch):
    pytest.importorskip("timm", reason="an extra: pip install 'cxr_fastai[timm]'")
    check_sides(build_network(arch, 2), arch, [32])


def test_a_network_of_timm_for_one_side_is_refused_by_the_command(folder, capsys):
    pytest.importorskip("timm", reason="an extra: pip install 'cxr_fastai[timm]'")
    refused(folder, "--arch", "mixer_s32_224", "--size", "48")
    err = capsys.readouterr().err
    assert "Input height (48) doesn't match model (224)): it takes 224 px. Give --size 224" in err
