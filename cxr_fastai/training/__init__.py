"""The wing that trains: a curated folder in, a run's folder with a bundle out.

fastai is imported here first, without a warning of its own that nobody here can do anything about.
Only that one warning is off, and only while fastai is imported; a user's filters stay as they are.
"""

import warnings

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated", FutureWarning)
    import fastai.callback.schedule  # noqa: F401
    import fastai.learner  # noqa: F401
    import fastai.metrics  # noqa: F401
    import fastai.vision.augment  # noqa: F401
    import fastai.vision.core  # noqa: F401
