"""The lung field of a film: a small network of numpy, and the shares that are taken by it.

A film's pixels in, how surely each point of a 64 x 64 square is lung out. Needs no torch.
"""

from cxr_fastai.lungs.field import LungField, lung_field, share_outside

__all__ = ["LungField", "lung_field", "share_outside"]
