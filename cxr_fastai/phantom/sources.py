"""A mirror of five fake sources with known flaws, and the answer sheet.

A folder -> files, catalogue and `Planted`: copies, conflicts, damage, shared patients, what
archives leave. Needs no download; never deletes a file.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from cxr_fastai.core import UsageError, make_folder, write_json, write_text
from cxr_fastai.phantom.clinics import children, hospital, tuberculosis_clinic
from cxr_fastai.phantom.mirror import csv_text
from cxr_fastai.phantom.open_collection import open_collection
from cxr_fastai.phantom.planted import CatalogRow, Planted, Writer
from cxr_fastai.phantom.republication import republication

__all__ = ["MIN_IMAGES_PER_CLASS", "write_sources"]

MIN_IMAGES_PER_CLASS = 6  # below that not every flaw finds its image
COLUMNS = """source on transport handle title glob label_from label_key label_value findings
name_regex patient radiograph table encoding table_key view view_keep modality modality_keep age sex
split age_group derived_from licence redistribute citation url expected_total expected unconfirmed
notes""".split()
# In the order in which they are drawn; the last copies from those before it.
SOURCES = (children, open_collection, hospital, tuberculosis_clinic, republication)
# The sheet's own paths are not absolute: same seed, same bytes.
RELATIVE_PATHS = {"root": ".", "mirror": "mirror", "catalog": "data_manifest.csv"}


def write_sources(
    out: str | Path,  # folder to write; empty, or written before by the same call
    n_per_class: int = 90,  # images a class, without copies and re-publications
    size: int = 128,  # width and height of every image, pixels
    seed: int = 0,  # same seed, same bytes under the same Pillow
) -> Planted:
    """Write `out/mirror`, `out/data_manifest.csv` and, last, `out/planted.json`.

    Never deletes a file. Raises `UsageError` for fewer than MIN_IMAGES_PER_CLASS images, and for a
    folder that holds other phantoms.
    """
    if n_per_class < MIN_IMAGES_PER_CLASS:
        raise UsageError(
            f"n_per_class is {n_per_class}: give at least {MIN_IMAGES_PER_CLASS}, "
            "to hide every flaw"
        )
    root = make_folder(out)
    arguments = {"n_per_class": n_per_class, "size": size, "seed": seed}
    sheet = root / "planted.json"
    if sheet.exists() and _arguments_of(sheet) != arguments:
        raise UsageError(f"{root} holds other phantoms: choose another folder, or remove it")
    writer = Writer(root, size, seed)
    rows: list[CatalogRow] = []
    for source in SOURCES:
        rows += source(writer, n_per_class)
    planted = writer.planted
    write_text(planted.catalog, csv_text(COLUMNS, rows))
    write_json(sheet, {"made": arguments, **asdict(planted), **RELATIVE_PATHS})
    return planted


def _arguments_of(sheet: Path) -> object:
    """Read the arguments that an answer sheet was written with; None where it is none."""
    try:
        return json.loads(sheet.read_text(encoding="utf-8"))["made"]
    except (ValueError, KeyError, TypeError):
        return None
