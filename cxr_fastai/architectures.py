"""Where a learner.pkl of before 0.2 finds its vision transformer; the rooms are in `models`.

Pickles name classes by their module: this one stays for theirs, and holds nothing of its own.
"""

from cxr_fastai.models.free_vit import FreeViT

__all__ = ["FreeViT"]
