"""pytest tests/cohort/test_shapes.py"""

import json

from toy_cohort import cohort_of, folder, row, toy_catalog

from cxr_fastai.cohort import shapes
from cxr_fastai.cohort.counts import class_counts
from cxr_fastai.cohort.source_counts import finding_counts, source_counts


def test_the_keys_of_eda_json_stand_in_their_order():
    cohort = cohort_of(folder([row(patient="p", findings="mass", age="3")]))
    counts = class_counts(cohort, "a", {each.path: 7.0 for each in cohort.rows})
    assert list(counts) == list(shapes.ClassCounts.__annotations__)
    assert list(counts["ages"]) == list(shapes.AgeCounts.__annotations__)
    assert list(counts["patients"]) == list(shapes.PatientCounts.__annotations__)
    assert list(counts["brightness"]) == list(shapes.BrightnessCounts.__annotations__)
    of_source = source_counts(cohort, "one", toy_catalog())
    assert list(of_source) == list(shapes.SourceCounts.__annotations__)
    assert list(finding_counts(cohort.rows)) == list(shapes.FindingCounts.__annotations__)
    json.dumps([counts, of_source], allow_nan=False)
