"""fastai, imported without a warning that nobody here can do anything about: each room of this wing imports this first.

Only that one warning is off, and only while fastai is imported; a user's own filters stay as they are.
"""

import warnings

with warnings.catch_warnings():
    warnings.filterwarnings(
        "ignore", "`torch.jit.script` is deprecated", FutureWarning
    )  # of fastai/layers.py
    import fastai.callback.schedule, fastai.learner, fastai.metrics  # noqa: F401
    import fastai.vision.augment, fastai.vision.core  # noqa: F401
