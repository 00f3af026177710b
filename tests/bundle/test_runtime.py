"""What computes a bundle's network, and a bundle that does not know what.

python -m pytest tests/bundle/test_runtime.py
"""

from dataclasses import replace

import numpy as np
import pytest
from toy_bundles import VOCAB, picture

from cxr_fastai.bundle.store import load_bundle
from cxr_fastai.core import UsageError


class Fixed:
    "Answers the same of every image, and has no network of torch."

    name = "fixed"

    def logits(self, batch):
        return np.array([[0.0, 2.0, 1.0]] * len(batch), np.float32)

    def features(self, batch):
        return batch.reshape(len(batch), -1)


def test_a_bundle_answers_by_whatever_computes_it(loaded):
    bundle = replace(loaded, runtime=Fixed())
    assert bundle.predict(picture()).label == VOCAB[1]
    weights = np.exp([0.0, 2.0, 1.0])
    np.testing.assert_allclose(bundle.probs([picture()])[0], weights / weights.sum(), atol=1e-6)


@pytest.mark.parametrize("name", ["net", "device"])
def test_what_is_of_torch_is_refused_of_another(loaded, name):
    with pytest.raises(UsageError, match='fixed computes it: load_bundle.*runtime="torch"'):
        getattr(replace(loaded, runtime=Fixed()), name)


def test_a_tensor_is_made_by_torch_alone(loaded):
    with pytest.raises(UsageError, match="fixed computes it"):
        replace(loaded, runtime=Fixed()).tensor(picture())


def test_an_unknown_runtime_lists_those_there_are(made):
    with pytest.raises(UsageError, match="unknown runtime 'tensorrt': expected torch or onnx"):
        load_bundle(made, runtime="tensorrt")
