"""pytest tests/evaluation/test_multi_label_panels.py

A panel shows a finding on the images where it is known.
"""

import numpy as np
from toy_findings_reports import report

from cxr_fastai.evaluation.multi_label_panels import roc_panels
from cxr_fastai.intervals.interval_trees import branch


def test_a_panel_holds_the_known_images_of_its_finding_and_the_numbers_of_the_table():
    r = report()
    intervals = branch(r.intervals, "metrics", "per_class")
    first, _, last = roc_panels(r.metrics, r.names, intervals, r.predictions, {})
    numbers = r.metrics["per_class"]["a"]
    assert (first.name, len(first.scores), np.count_nonzero(first.present)) == ("A", 20, 8)
    assert (first.auroc, first.sensitivity) == (numbers["auroc"], numbers["recall"])
    assert first.interval == intervals["a"]["auroc"] and last.auroc is None is last.interval
