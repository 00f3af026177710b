"""pytest tests/prototyping/test_counts.py"""

import pytest
import toy_prototypes as toys

from cxr_fastai.curation.pipeline import curate
from cxr_fastai.prototyping.counts import counts_of
from cxr_fastai.prototyping.page import _count_rows


@pytest.mark.parametrize("check", [True, False])
def test_a_folder_is_counted(tmp_path, check):
    folder = toys.own_folder(tmp_path / "films", n=6)
    found = counts_of(curate(tmp_path / "out", folder=folder, check=check, workers=1))
    assert (found.images, found.copies, found.conflicts, found.left_out) == (11, 1, 1, 1)
    assert found.classes == {"Normal": 5, "Sick": 6} and sum(found.splits.values()) == 11
    assert found.patients == 0


def test_images_of_none_of_several_labels_are_counted_and_shown_by_the_csvs_own_word(tmp_path):
    folder = toys.own_folder(tmp_path / "films", n=6)
    lines = ["file,label"]
    for i in range(6):
        lines.append(f"Normal/p{i}{toys.ENDINGS[i % 3]},Normal")
        lines.append(f"Sick/p{i}{toys.ENDINGS[i % 3]},{'Mass|Edema' if i % 2 else 'Mass'}")
    (tmp_path / "l.csv").write_text("\n".join(lines))
    asked = dict(table=tmp_path / "l.csv", file="file", label="label", folder=folder)
    curation = curate(tmp_path / "out", workers=1, **asked)
    found = counts_of(curation)
    assert found.several and found.no_finding == 6 and set(found.classes) == {"Edema", "Mass"}
    rows = dict(_count_rows(curation, list(found.classes)))
    assert rows["none of these (Normal)"][-1] == found.no_finding
    assert rows["all"][-1] == found.images
