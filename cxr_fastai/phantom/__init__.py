"""Drawn radiographs, and mirrors of sources made of them: demo and tests need no download. `draw` and `draw_findings`
give pixels, `write_sources` five fake sources with known flaws and their answer sheet, `write_like` files laid out as a
source of the catalogue has them. Nothing here reads a real radiograph, stands for one or deletes a file.
"""

from cxr_fastai.phantom.chest import AGES
from cxr_fastai.phantom.clinics import LEAST, Planted, write_sources
from cxr_fastai.phantom.film import CLASSES, KINDS, draw, draw_findings
from cxr_fastai.phantom.layouts import LAYOUTS, Drawn, write_like

__all__ = [
    "CLASSES",
    "KINDS",
    "AGES",
    "LAYOUTS",
    "LEAST",
    "Planted",
    "Drawn",
    "draw",
    "draw_findings",
    "write_sources",
    "write_like",
]
