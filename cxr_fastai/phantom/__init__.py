"""Drawn radiographs, and mirrors of sources made of them: demo and tests need no download.

`draw` and `draw_findings` give pixels, `write_sources` five fake sources with known flaws and their
answer sheet, `write_like` files laid out as a source of the catalogue has them. Nothing here reads
a real radiograph, stands for one or deletes a file.
"""

from cxr_fastai.phantom.chest import AGES
from cxr_fastai.phantom.film import CLASSES, KINDS, draw, draw_findings
from cxr_fastai.phantom.layouts import LAYOUTS, write_like
from cxr_fastai.phantom.people import Drawn
from cxr_fastai.phantom.planted import Planted
from cxr_fastai.phantom.sources import MIN_IMAGES_PER_CLASS, write_sources

__all__ = [
    "CLASSES",
    "KINDS",
    "AGES",
    "LAYOUTS",
    "MIN_IMAGES_PER_CLASS",
    "Planted",
    "Drawn",
    "draw",
    "draw_findings",
    "write_sources",
    "write_like",
]
