"""Names of architectures, and names of the room, without torch.

python -m pytest tests/models/test_names.py
"""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from cxr_fastai import models
from cxr_fastai.models import networks, weights
from cxr_fastai.models.names import COMMON


def test_common_names_are_known_without_torch():
    script = (
        "import sys, cxr_fastai.models; from cxr_fastai.models.names import COMMON; "
        "print(len(COMMON), 'torch' in sys.modules)"
    )
    house = Path(models.__file__).parents[2]
    printed = subprocess.check_output([sys.executable, "-c", script], cwd=house, text=True)
    assert printed.split() == [str(len(COMMON)), "False"]


def test_the_room_gives_its_names_when_they_are_asked_for():
    assert models.build_network is networks.build_network
    assert models.load_weights is weights.load_weights


def test_a_class_of_an_old_pickle_is_found():
    data = b"ccxr_fastai.models\nAdaptiveConcatPool2d\n."
    assert pickle.loads(data) is networks.AdaptiveConcatPool2d


def test_a_name_that_the_room_does_not_have_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        models.nothing
