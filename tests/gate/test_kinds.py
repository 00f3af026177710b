"""pytest tests/gate/test_kinds.py"""

import numpy as np
import pytest

from cxr_fastai.gate import made
from cxr_fastai.gate.kinds import KINDS, PASSES, RIGHTED, judgement_of, right

PICTURE = np.arange(24, dtype=np.uint8).reshape(4, 6)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_picture_is_righted_to_itself(quarters):
    turned = np.rot90(PICTURE, quarters)
    judgement = judgement_of(f"turned_{90 * quarters}", 1.0)
    assert np.array_equal(right(turned, judgement), PICTURE)


def test_the_kinds_turn_as_the_made_pictures_do():
    small = np.arange(64 * 64, dtype=np.uint16).astype(np.uint8).reshape(1, 64, 64)
    for quarters in (1, 2, 3):
        judgement = judgement_of(f"turned_{90 * quarters}", 1.0)
        assert np.array_equal(right(made.turned(small, quarters)[0], judgement), small[0])


def test_an_inverted_picture_is_righted_and_others_are_left():
    assert np.array_equal(right(255 - PICTURE, judgement_of("inverted", 1.0)), PICTURE)
    assert np.array_equal(right(PICTURE, judgement_of("lateral", 1.0)), PICTURE)


def test_what_passes_has_no_reason_and_every_kind_has_one():
    assert judgement_of(PASSES, -1.0).passes and not judgement_of(PASSES, -1.0).reason
    for kind in KINDS:
        found = judgement_of(kind, 1.0)
        assert not found.passes and found.reason == KINDS[kind]
        assert found.can_be_righted == (kind in RIGHTED)
