"""Colour and gray with alpha of 16 bits a channel, all of them.

Pillow keeps the upper byte of such a channel alone. Its decoder, run a second time, gives the lower
one: same limits, same refusals, any interlace and compression. A variant whose lower bytes cannot
be had so is rejected, not read by half. It turns and scales nothing.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFile, TiffImagePlugin

from cxr_fastai.images.radiograph import rejected

__all__ = ["OPAQUE", "DeepForm", "deep_form", "joined", "raw_mode_of", "set_raw_mode"]

OPAQUE = 0xFFFF  # alpha of 16 bits, as PNG and TIFF define it

# TIFF tags
BITS_PER_SAMPLE = 258
PLANAR_CONFIGURATION = 284
IN_PLANES = 2

COLOUR = (0, 1, 2)
COLOUR_ALPHA = (0, 1, 2, 3)
OTHER_ORDER = {"B": "L", "L": "B"}
NATIVE_ORDER = "L" if sys.byteorder == "little" else "B"


@dataclass(frozen=True)
class DeepForm:
    """How Pillow gives the bytes of 16-bit channels."""

    high: str  # its raw mode that gives the upper bytes
    low: str  # ... and the lower ones
    high_bands: tuple[int, ...]  # where the upper byte of each channel stands then
    low_bands: tuple[int, ...]  # ... and the lower one
    is_premultiplied: bool = False  # the channels are on black already


def deep_form(
    im: ImageFile.ImageFile,  # opened, not loaded
    name: str,  # for messages
) -> DeepForm | None:  # None: no channels of 16 bits, or gray alone, which Pillow keeps whole
    """Tell how to read 16-bit channels. Raises `ImageRejected` where there is no way."""
    if isinstance(im, TiffImagePlugin.TiffImageFile) and _has_deep_planes(im):
        text = "a TIFF of 16-bit channels in planes apart is not read; save it with its channels "
        raise rejected("format_not_allowed", name, text + "together, or as 16-bit gray")
    layout, _, order = raw_mode_of(im).partition(";16")
    if im.mode[0] == "I" or order not in ("B", "L", "N"):
        return None
    if order == "N":
        order = NATIVE_ORDER
    if layout == "LA":  # as 8-bit RGBA its four bytes come one by one
        return DeepForm(high="RGBA", low="RGBA", high_bands=(0, 2), low_bands=(1, 3))
    high = f";16{order}"
    low = f";16{OTHER_ORDER[order]}"
    if layout in ("RGB", "RGBX"):
        return DeepForm(layout + high, layout + low, COLOUR, COLOUR)
    if layout == "RGBA":
        return DeepForm(layout + high, layout + low, COLOUR_ALPHA, COLOUR_ALPHA)
    if layout == "RGBa":  # read as it lies: Pillow would divide by alpha
        return DeepForm("RGBA" + high, "RGBA" + low, COLOUR_ALPHA, COLOUR_ALPHA, True)
    text = f"a {im.format} of 16-bit {layout} is not read; save it as 16-bit gray or RGB"
    raise rejected("format_not_allowed", name, text)


def set_raw_mode(
    im: ImageFile.ImageFile,  # opened, not loaded
    raw_mode: str,
) -> None:
    """Have Pillow unpack a picture's pixels otherwise, when it loads them."""
    tiles = []
    for tile in im.tile:
        if isinstance(tile.args, tuple):
            tiles.append(tile._replace(args=(raw_mode, *tile.args[1:])))
        else:
            tiles.append(tile._replace(args=raw_mode))
    im.tile = tiles


def joined(
    high: Image.Image,  # loaded under the raw modes of `form`
    low: Image.Image,
    form: DeepForm,
) -> np.ndarray:  # (h, w, channels) uint16
    """Put the bytes of each channel together."""
    channels = len(form.high_bands)
    levels = np.empty((high.height, high.width, channels), np.uint16)
    for channel in range(channels):
        levels[..., channel] = np.asarray(high.getchannel(form.high_bands[channel]))
        levels[..., channel] <<= 8
        levels[..., channel] |= np.asarray(low.getchannel(form.low_bands[channel]))
    return levels


def raw_mode_of(im: ImageFile.ImageFile) -> str:
    """Return how the first tile is packed, in Pillow's words; "" where it does not say."""
    if not im.tile:
        return ""
    args: object = im.tile[0].args
    if isinstance(args, tuple):
        args = next(iter(args), "")
    return args if isinstance(args, str) else ""


def _has_deep_planes(im: TiffImagePlugin.TiffImageFile) -> bool:
    """Tell whether channels of 16 bits lie apart: Pillow takes such for 8 bits, or by half."""
    depths = im.tag_v2.get(BITS_PER_SAMPLE, (1,))
    if im.tag_v2.get(PLANAR_CONFIGURATION) != IN_PLANES or len(im.getbands()) < 2:
        return False
    return any(depth > 8 for depth in depths)
