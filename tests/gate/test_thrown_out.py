"""pytest tests/gate/test_thrown_out.py"""

import numpy as np
import pytest

from cxr_fastai.core import UsageError
from cxr_fastai.gate.thrown_out import Negatives

SMALL = np.zeros((1, 64, 64), np.uint8)


def test_none_is_no_picture():
    assert len(Negatives()) == 0


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (dict(small=SMALL, kinds=["knee"], sources=["s"], patients=[""]), "kind 'knee'"),
        (dict(small=SMALL, kinds=["ct"], sources=[], patients=[""]), "0 sources for 1 pictures"),
        (dict(small=SMALL[:, :32]), "expected uint8"),
    ],
)
def test_what_fits_not_is_refused_in_one_line(given, says):
    with pytest.raises(UsageError, match=says):
        Negatives(**given)
