"""pytest tests/models/test_known.py"""

import subprocess
import sys

import pytest

from cxr_fastai.core import UnknownName
from cxr_fastai.models import known
from cxr_fastai.models.architectures import FAMILIES, TIMM, is_arch
from cxr_fastai.models.known import check_arch, timm_names, torchvision_names
from cxr_fastai.models.names import BASELINE, LITES


def test_the_names_are_those_that_can_be_built():
    built = set()
    for family in FAMILIES[:-1]:
        built.update(family.names())
    assert {BASELINE, *LITES, *torchvision_names()} == built


def test_timms_names_are_those_of_its_registry():
    assert timm_names() >= set(TIMM.names())


@pytest.mark.parametrize("arch", ["cnn", "resnet18", "vit_b_16", "convnext_tiny"])
def test_a_network_that_can_be_built_passes(arch):
    check_arch(arch)
    assert is_arch(arch)


def test_an_unknown_one_is_told_with_the_nearest():
    with pytest.raises(UnknownName, match="unknown architecture 'resnet35'. Closest: .*resnet34"):
        check_arch("resnet35")


def test_where_the_source_cannot_be_read_nothing_is_refused(monkeypatch):
    monkeypatch.setattr(known, "torchvision_names", frozenset)
    check_arch("resnet35")


def test_torch_is_not_loaded():
    code = (
        "import sys; from cxr_fastai.models.known import check_arch; check_arch('resnet18');"
        "print('torch' in sys.modules, 'timm' in sys.modules)"
    )
    got = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert got.stdout.split() == ["False", "False"]
