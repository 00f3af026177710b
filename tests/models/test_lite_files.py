"""pytest tests/models/test_lite_files.py"""

import pytest
import torch

from cxr_fastai.models.lite_files import timm_named

ARCH = "tf_efficientnet_lite0"
NAMES = [
    ("_conv_stem.weight", "conv_stem.weight"),
    ("_bn0.running_mean", "bn1.running_mean"),
    ("_blocks.0._depthwise_conv.weight", "blocks.0.0.conv_dw.weight"),
    ("_blocks.0._project_conv.weight", "blocks.0.0.conv_pw.weight"),
    ("_blocks.0._bn2.bias", "blocks.0.0.bn2.bias"),
    ("_blocks.1._expand_conv.weight", "blocks.1.0.conv_pw.weight"),
    ("_blocks.2._bn0.bias", "blocks.1.1.bn1.bias"),
    ("_blocks.15._bn2.running_var", "blocks.6.0.bn3.running_var"),
    ("_conv_head.weight", "conv_head.weight"),
    ("_bn1.bias", "bn2.bias"),
    ("_fc.weight", "_fc.weight"),
    ("_blocks.16._bn0.bias", "_blocks.16._bn0.bias"),
]


def test_each_name_of_the_makers_is_one_of_timms_and_others_stay():
    given = {theirs: torch.tensor(float(i)) for i, (theirs, _) in enumerate(NAMES)}
    assert timm_named(given, ARCH) == {timms: given[theirs] for theirs, timms in NAMES}


def test_a_deeper_network_counts_its_blocks_on():
    given = {"_conv_stem.weight": torch.ones(1), "_blocks.3._bn0.bias": torch.ones(1)}
    assert "blocks.1.2.bn1.bias" in timm_named(given, "tf_efficientnet_lite1")
    assert "blocks.2.0.bn1.bias" in timm_named(given, ARCH)


@pytest.mark.parametrize("name", ["conv_stem.weight", "0.0.weight"])
def test_other_names_are_left_as_they_are(name):
    given = {name: torch.ones(1)}
    assert timm_named(given, ARCH) is given
