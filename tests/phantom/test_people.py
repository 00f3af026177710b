"""People: dealt to images, and numbered so that families never meet.

python -m pytest tests/phantom/test_people.py
"""

from collections import Counter

import pytest

from cxr_fastai.phantom.people import IMAGES_EACH, first_drawing, visits


def test_patients_have_as_many_images_as_the_pattern_says():
    dealt = list(visits(24))
    assert len(dealt) == 24
    counts = Counter(visit.patient for visit in dealt)
    assert [counts[i] for i in range(10)] == [*IMAGES_EACH, *IMAGES_EACH]
    assert [(v.patient, v.image) for v in dealt[:5]] == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)]


def test_the_last_patient_may_be_cut_short():
    assert [v.patient for v in visits(1)] == [0] and list(visits(0)) == []


def test_families_and_seeds_lie_far_apart():
    numbers = [first_drawing(s, f) for s in (0, 1) for f in ("kermany", "radiography", "nih")]
    assert numbers == [10**6, 2 * 10**6, 6 * 10**6, 101 * 10**6, 102 * 10**6, 106 * 10**6]
    with pytest.raises(ValueError):
        first_drawing(0, "nobody")
