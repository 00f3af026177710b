"""pytest tests/test_architectures.py"""

import pickle

from cxr_fastai.models.architectures import FreeViT


def test_a_pickle_of_before_finds_its_vision_transformer():
    named = b"ccxr_fastai.architectures\nFreeViT\n."  # protocol 0: a global, and no more
    assert pickle.loads(named) is FreeViT
