"""pytest tests/cohort/test_source_counts.py: what sources gave, and the findings that they name"""

import numpy as np
from toy_cohort import folder, row, toy_catalog

from cxr_fastai.cohort.counts import gather
from cxr_fastai.cohort.source_counts import finding_counts, source_counts


def test_a_source_is_counted_and_the_catalogues_words_stand_beside():
    rows = [row(width=str(w), phash=str(i)) for i, w in enumerate([1, 1, 1, 2, 2, 3, 4])]
    cohort = gather("", rows + [row(source="new")], folder(rows).recipe, toy_catalog())
    one = source_counts(cohort, "one", toy_catalog())
    assert one["images"] == 7 and one["sizes"] == 4 and one["licences"] == {"CC0": 7}
    assert list(one["common_sizes"].items()) == [("1 x 80", 3), ("2 x 80", 2), ("3 x 80", 1)]
    assert (one["title"], one["age_group"], one["redistribute"]) == ("one", "adult", "yes")
    new = source_counts(cohort, "new", toy_catalog())
    assert new["images"] == 1 and not new["title"] + new["age_group"] + new["redistribute"]


def test_findings_that_stand_together_equal_a_plain_loop():
    rng = np.random.default_rng(0)
    names = ["mass", "nodule", "edema", "hernia"]
    named = [sorted(rng.choice(names, rng.integers(0, 4), replace=False)) for _ in range(60)]
    rows = [row(findings="|".join(some), phash=str(i)) for i, some in enumerate(named)]
    found = finding_counts(rows)
    for i, one in enumerate(found["names"]):
        for j, other in enumerate(found["names"]):
            both = sum(one in some and other in some for some in named)
            assert found["counts"][i][j] == both
    diagonal = np.diag(found["counts"]).tolist()
    assert found["unknown"] == named.count([]) and diagonal == sorted(diagonal, reverse=True)
