"""Drawn images laid out as sources of data_manifest.csv have theirs.

(mirror, source, n) -> files in the mirror layout and a list of `Drawn`: folders, names, tables and
what else lies there. For tests and trials where a source is not at hand; downloads and deletes
nothing. One radiograph is the same drawing in every source that holds it: kmader has Shenzhen's and
Montgomery's files, NIH's sample and shards are NIH's, some of COVID-19 Radiography are Kermany's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cxr_fastai.core import UnknownName, UsageError, unknown_name
from cxr_fastai.phantom.kermany import covid_radiography, kermany_kaggle
from cxr_fastai.phantom.mirror import Mirror
from cxr_fastai.phantom.nih import nih_full, nih_sample, nih_tfrecords
from cxr_fastai.phantom.people import Drawn
from cxr_fastai.phantom.tuberculosis import (
    belarus,
    kmader,
    montgomery,
    shenzhen,
    tb_database,
)

__all__ = ["LAYOUTS", "Layout", "write_like"]

MIN_IMAGES = 24  # of a source; below that not all that it is known for is there
# As many as the real ones have: their numbers end there.
MAX_IMAGES = {"shenzhen": 662, "montgomery": 138, "kmader": 800, "tb_database": 4200}


@dataclass(frozen=True)
class Layout:
    """How the images of a source lie."""

    folder: str  # in a mirror
    fill: Callable[[Mirror, int, int, int], list[Drawn]]  # mirror, n, size, seed -> what was drawn


LAYOUTS = {  # by source id
    "kermany_kaggle": Layout("kaggle/paultimothymooney/chest-xray-pneumonia", kermany_kaggle),
    "covid_radiography": Layout(
        "kaggle/tawsifurrahman/covid19-radiography-database", covid_radiography
    ),
    "kmader": Layout("kaggle/kmader/pulmonary-chest-xray-abnormalities", kmader),
    "shenzhen": Layout("http/nlm-shenzhen", shenzhen),
    "montgomery": Layout("http/nlm-montgomery", montgomery),
    "belarus": Layout("github/frapa/tbcnn", belarus),
    "tb_database": Layout("kaggle/tawsifurrahman/tuberculosis-tb-chest-xray-dataset", tb_database),
    "nih_sample": Layout("kaggle/nih-chest-xrays/sample", nih_sample),
    "nih_full": Layout("kaggle/nih-chest-xrays/data", nih_full),
    "nih_tfrecords": Layout("kaggle/nickuzmenkov/nih-chest-xrays-tfrecords", nih_tfrecords),
}


def write_like(
    mirror: str | Path,  # folder in the mirror layout; pass it to `curate`
    source: str,  # one of LAYOUTS
    n: int = 48,  # images, copies and masks not counted; at least MIN_IMAGES, at most MAX_IMAGES
    size: int = 96,  # width and height, pixels
    seed: int = 0,  # same seed, same bytes under the same Pillow
) -> list[Drawn]:
    """Draw `n` images laid out as `source` has its own.

    Writes over files of the same names and no others. Raises `UnknownName` for another source,
    `UsageError` for a number of images that it cannot have.
    """
    if source not in LAYOUTS:
        raise UnknownName(unknown_name("source that can be drawn", source, LAYOUTS))
    if n < MIN_IMAGES:
        raise UsageError(f"n is {n}: give at least {MIN_IMAGES} images, to have some of every kind")
    most = MAX_IMAGES.get(source, n)
    if n > most:
        raise UsageError(f"n is {n}: give at most {most} images, as {source} has")
    layout = LAYOUTS[source]
    return layout.fill(Mirror(Path(mirror) / layout.folder), n, size, seed)
