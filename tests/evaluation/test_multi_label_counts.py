"""pytest tests/evaluation/test_multi_label_counts.py

One way of counting for the images as they came and for each resample.
"""

import numpy as np
import pytest
from sklearn import metrics as sk
from toy_scores import draw_findings

from cxr_fastai.evaluation.multi_label_counts import (
    AVERAGES,
    HEADLINE_KEYS,
    SCORE_KEYS,
    SingleDraw,
    count_findings,
)
from cxr_fastai.intervals.bootstrap import Resampling


def test_a_single_draw_counts_each_image_once():
    values = np.arange(6.0).reshape(3, 2)
    assert SingleDraw().totals(values).tolist() == [[6, 9]]


@pytest.mark.parametrize("seed", range(3))
def test_rankings_of_a_single_draw_are_scikit_learns_of_what_counts(seed):
    targs, probs, *_ = draw_findings(seed)
    among = np.arange(len(targs)) % 3 > 0
    positive, scores = targs[:, 0] == 1, probs[:, 0]
    assert SingleDraw().aurocs(positive, scores, among) == pytest.approx(
        [sk.roc_auc_score(positive[among], scores[among])]
    )
    assert SingleDraw().average_precisions(positive, scores, among) == pytest.approx(
        [sk.average_precision_score(positive[among], scores[among])]
    )
    assert np.isnan(SingleDraw().aurocs(positive, scores, positive)).all()


def test_every_number_has_a_row_a_draw():
    targs, probs, preds, _, groups = draw_findings(0, unknown=0.2)
    counts = count_findings(Resampling(groups, 7), targs, probs, preds)
    assert set(counts.headline) == set(HEADLINE_KEYS) and tuple(counts.averages) == AVERAGES
    assert all(tuple(scores) == SCORE_KEYS for scores in counts.averages.values())
    assert {values.shape for values in counts.headline.values()} == {(7,)}
    assert {values.shape for values in counts.per_class.values()} == {(7, 4)}


@pytest.mark.parametrize("seed", range(3))
def test_a_resample_is_counted_as_its_images_would_be(seed):
    targs, probs, preds, _, groups = draw_findings(seed, n=60, unknown=0.2)
    resampling = Resampling(groups, 5, seed)
    counts = count_findings(resampling, targs, probs, preds)
    for r, images in enumerate(resampling.draws()):
        alone = count_findings(SingleDraw(), targs[images], probs[images], preds[images])
        for key in HEADLINE_KEYS:
            assert counts.headline[key][r] == pytest.approx(alone.headline[key][0], nan_ok=True)
        for key, values in counts.per_class.items():
            assert values[r] == pytest.approx(alone.per_class[key][0], nan_ok=True), key
