"""fastai, imported without warnings that a user can do nothing about. Import this before any name of fastai.

Only the warnings listed here are off, and only inside `quietly`; a user's own filters stay as they are.
"""
import warnings
from contextlib import contextmanager

__all__ = ["quietly"]

# message (a regular expression for its start), category: where it comes from
FOREIGN = (
    ("`torch.jit.script", FutureWarning),           # fastai/layers.py compiles its activations when imported
    ("`torch.jit.script", DeprecationWarning),
    ("numpy.core", DeprecationWarning),             # fastai's pickling helpers
    ("Couldn't retrieve source code", UserWarning), # torch.save on classes of a notebook
)

@contextmanager
def quietly():
    "Run a block with the warnings of `FOREIGN` off."
    with warnings.catch_warnings():
        for message, category in FOREIGN: warnings.filterwarnings("ignore", message, category)
        yield

with quietly():
    import fastai.learner, fastai.metrics, fastai.callback.schedule, fastai.vision.augment, fastai.vision.core  # noqa: F401
