"""The scale of what networks are given here, and of what others were trained on.

Constants; needs no torch.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["GRAY_MEAN", "GRAY_STD", "IMAGENET", "INCEPTION", "OURS", "InputScale"]

# Of gray values scaled to 0-1. Round numbers near those of curated radiographs, and constants, so
# that no statistic of one data set is baked into a network; they travel in the bundle.
GRAY_MEAN = 0.5
GRAY_STD = 0.25


@dataclass(frozen=True)
class InputScale:
    """How a network's images were normalised: (value / 255 - mean) / std of each channel."""

    mean: tuple[float, ...]  # of red, green, blue; or of gray
    std: tuple[float, ...]

    @property
    def gains(self) -> list[float]:
        """What an input of this library's is multiplied by, for each channel."""
        return [GRAY_STD / std for std in self.std]

    @property
    def shifts(self) -> list[float]:
        """What is added then."""
        return [(GRAY_MEAN - mean) / std for mean, std in zip(self.mean, self.std)]


# Of this library's own.
OURS = InputScale(mean=(GRAY_MEAN,), std=(GRAY_STD,))
# Of torchvision's networks, and most of timm's.
IMAGENET = InputScale(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
# -1 to 1. Of EfficientNet-Lite as timm states it (models/efficientnet.py, tf_efficientnet_lite0);
# its makers subtracted 127 of 255 and divided by 128 (efficientnet_lite_builder.py of tensorflow/
# tpu): 0.4 % less.
INCEPTION = InputScale(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
