"""pytest tests/bundle/test_most_probable.py"""

import numpy as np
import pytest
import torch

from cxr_fastai.bundle.bundle import Bundle
from cxr_fastai.bundle.most_probable import most_probable, risk_besides
from cxr_fastai.training.losses import CrossEntropy

VOCAB = ["covid_19", "normal", "tuberculosis"]


def test_without_a_decision_it_is_the_highest_and_on_a_tie_the_first():
    probs = np.array([[0.2, 0.5, 0.3], [0.4, 0.2, 0.4]])
    assert most_probable(probs).tolist() == [1, 0]
    assert most_probable(probs[0]) == 1


@pytest.mark.parametrize("threshold, answers", [(0.5, [2, 2, 1]), (0.51, [1, 2, 1])])
def test_the_others_answer_where_together_they_reach_the_threshold(threshold, answers):
    probs = np.array([[0.125, 0.5, 0.375], [0.125, 0.25, 0.625], [0.125, 0.75, 0.125]])
    assert risk_besides(probs, 1).tolist() == [0.5, 0.75, 0.25]
    assert most_probable(probs, 1, threshold).tolist() == answers
    assert [int(most_probable(row, 1, threshold)) for row in probs] == answers


@pytest.mark.parametrize("decision", [{}, {"negative": "normal", "threshold": 0.37}])
def test_a_bundle_and_an_exported_learner_answer_alike_to_the_bit(tmp_path, decision):
    logits = torch.randn(4000, 3, generator=torch.Generator().manual_seed(0))
    probs = logits.softmax(1)
    edge = torch.tensor([[0.185, 0.63, 0.185], [0.1, 0.63, 0.27], [0.37, 0.63, 0.0]])
    probs = torch.cat([probs, edge])
    meta = {"vocab": VOCAB, "decision": decision, "temperature": 1.0, "offsets": {}}
    bundle = Bundle(None, meta, tmp_path)
    loss = CrossEntropy()
    loss.calibrate(meta, VOCAB)
    wanted = bundle.answers(probs.numpy())
    assert loss.decodes(probs).tolist() == wanted.tolist()
    one_by_one = [int(loss.decodes(row)) for row in probs[-50:]]
    assert one_by_one == wanted[-50:].tolist()
