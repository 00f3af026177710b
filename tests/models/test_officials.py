"""pytest tests/models/test_officials.py"""

import pytest

from cxr_fastai.core import UnknownName
from cxr_fastai.models.at_hand import OFFICIAL_LITES, hash_start
from cxr_fastai.models.input_scale import IMAGENET, INCEPTION
from cxr_fastai.models.names import LITES
from cxr_fastai.models.officials import official_record, scale_of_file


@pytest.mark.parametrize(
    "arch, scale",
    [("resnet18", IMAGENET), ("efficientnet_v2_l", INCEPTION), (LITES[0], INCEPTION)],
)
def test_a_record_names_file_address_and_scale(arch, scale):
    record = official_record(arch)
    assert record.scale == scale and record.url.endswith("/" + record.official.file)
    assert hash_start(record.official.file)


def test_timm_states_what_its_networks_saw_and_fetches_them_itself():
    pytest.importorskip("timm", reason="an extra: pip install 'cxr_fastai[timm]'")
    record = official_record("resnet26")
    assert record.scale == IMAGENET and record.url == ""
    assert record.official.repo == "timm/resnet26.bt_in1k"


def test_the_lites_are_those_that_timm_knows():
    timm = pytest.importorskip("timm", reason="an extra: pip install 'cxr_fastai[timm]'")
    assert tuple(OFFICIAL_LITES) == LITES
    for arch, official in OFFICIAL_LITES.items():
        stated = timm.get_pretrained_cfg(arch)
        assert stated.url.endswith("/" + official.file) and stated.hf_hub_id == official.repo
        assert (stated.mean, stated.std) == (INCEPTION.mean, INCEPTION.std)


@pytest.mark.parametrize(
    "name, arch, scale",
    [
        ("resnet50-0676ba61.pth", "resnet50", IMAGENET),  # an earlier one than the default
        ("resnet50-00000000.pth", "resnet50", None),
        ("efficientnet-lite0-57934424.pth", LITES[0], INCEPTION),
        ("efficientnet-lite0-57934424.pth", LITES[1], None),
        ("resnet50-0676ba61.pth", "cnn", None),
    ],
)
def test_an_official_file_is_known_by_its_name(name, arch, scale):
    assert scale_of_file(name, arch) == scale


def test_nobody_has_weights_of_an_unknown_network():
    with pytest.raises(UnknownName):
        official_record("resnet17b")
