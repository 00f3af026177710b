"""pytest tests/prototyping/test_counts.py"""

import pytest
import toy_prototypes as toys

from cxr_fastai.curation.pipeline import curate
from cxr_fastai.prototyping.counts import counts_of


@pytest.mark.parametrize("check", [True, False])
def test_a_folder_is_counted(tmp_path, check):
    folder = toys.own_folder(tmp_path / "films", n=6)
    found = counts_of(curate(tmp_path / "out", folder=folder, check=check, workers=1))
    assert (found.images, found.copies, found.conflicts, found.left_out) == (11, 1, 1, 1)
    assert found.classes == {"Normal": 5, "Sick": 6} and sum(found.splits.values()) == 11
    assert found.patients == 0
