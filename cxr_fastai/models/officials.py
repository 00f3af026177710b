"""An architecture's name -> its official ImageNet weights: names, address, scale of its images.

torchvision's and timm's own records are asked; those of EfficientNet-Lite stand here. Reads no
weights, fetches nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from cxr_fastai.models.architectures import from_timm
from cxr_fastai.models.at_hand import OFFICIAL_LITES, Official
from cxr_fastai.models.input_scale import IMAGENET, INCEPTION, InputScale

__all__ = ["Record", "official_record", "scale_of_file"]

# Of the releases of timm's weights (models/efficientnet.py).
LITE_RELEASES = "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-weights/"


@dataclass(frozen=True)
class Record:
    """What is known of an architecture's ImageNet weights."""

    official: Official
    scale: InputScale
    url: str  # of official.file; empty: timm fetches it


def official_record(
    arch: str,  # but cnn, which has none
) -> Record:
    """Look up an architecture's official weights. Raises `UnknownName`."""
    if arch in OFFICIAL_LITES:
        official = OFFICIAL_LITES[arch]
        return Record(official, INCEPTION, LITE_RELEASES + official.file)
    if from_timm(arch):
        return _of_timm(arch)
    return _of_torchvision(arch, _torchvision_weights(arch).DEFAULT)


def scale_of_file(
    name: str,  # of a file whose hash is the one in its name
    arch: str,
) -> InputScale | None:  # None: nobody knows a file of that name
    """Look up the scale of images that an official file was trained on, by the file's name."""
    if arch == "cnn" or (arch not in OFFICIAL_LITES and from_timm(arch)):
        return None
    if arch in OFFICIAL_LITES:
        official = OFFICIAL_LITES[arch]
        return INCEPTION if name in (official.file, official.packed) else None
    for member in _torchvision_weights(arch):
        record = _of_torchvision(arch, member)
        if record.official.file == name:
            return record.scale
    return None


def _torchvision_weights(arch: str) -> Any:
    """Return torchvision's weights of an architecture."""
    import torchvision

    return torchvision.models.get_model_weights(arch)


def _of_torchvision(
    arch: str,
    weights: Any,  # one of torchvision's
) -> Record:
    """Read a record of torchvision's."""
    url = str(weights.url)
    transforms = getattr(weights, "transforms", None)
    made = transforms() if transforms else None
    scale = InputScale(tuple(made.mean), tuple(made.std)) if made else IMAGENET
    return Record(Official(arch, Path(urlparse(url).path).name), scale, url)


def _of_timm(arch: str) -> Record:
    """Read a record of timm's."""
    import timm

    stated = timm.get_pretrained_cfg(arch)
    scale = InputScale(tuple(stated.mean), tuple(stated.std))
    file = Path(urlparse(stated.url or "").path).name
    return Record(Official(arch, file, str(stated.hf_hub_id or "")), scale, "")
