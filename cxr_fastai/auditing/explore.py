"""What a curated folder holds, before anything is trained on it.

A folder that `cxr curate` wrote -> an Exploration and, where a folder is given, eda.html and
eda.json there. Never changes the curated folder, and never shows an image of valid or test unless
that split is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cxr_fastai.advice import flag
from cxr_fastai.auditing.exploration import About, Exploration, Shot
from cxr_fastai.auditing.pixels import choose_shown, map_pixels, mean_gray, shown_thumbnail
from cxr_fastai.auditing.tables import Table
from cxr_fastai.catalog import Source, load_catalog
from cxr_fastai.cohort.attributes import score_attributes
from cxr_fastai.cohort.confounds import find_confounds
from cxr_fastai.cohort.counts import (
    Cohort,
    class_counts,
    gather,
    patient_counts,
    sampled,
    tally,
)
from cxr_fastai.cohort.shapes import SourceCounts
from cxr_fastai.cohort.source_confounds import cohort_floors
from cxr_fastai.cohort.source_counts import finding_counts, source_counts
from cxr_fastai.core import (
    SPLITS,
    UnknownName,
    make_folder,
    unknown_name,
    write_json,
    write_text,
)
from cxr_fastai.manifest import Manifest, Record, read_manifest
from cxr_fastai.outputs import check_outside, check_own_files
from cxr_fastai.progress import SILENT, Progress

__all__ = ["explore", "Exploration", "Table"]

PAGE, NUMBERS = "eda.html", "eda.json"


def explore(
    data: str | Path | Manifest,  # a folder that `cxr curate` wrote, or its Manifest
    out: str | Path | None = None,  # folder for eda.html and eda.json; None: write nothing
    seed: int = 0,  # of the radiographs shown
    progress: Progress | None = None,  # None: silence
    split: str = "all",  # all | train | valid | test: images to count; of all, train's are shown
    manifest: str | Path | None = None,  # the folder's catalogue; None: the library's own
) -> Exploration:
    """Count a curated folder and say what tells its classes that is not the disease.

    The brightness of a sample of the images is measured. The same folder gives the same bytes.
    Raises `NotCurated`, `UnknownName` for no such split, `UsageError` for one without images, and
    `IntegrityError` for an image that cannot be read.
    """
    progress = progress or SILENT
    if split not in ("all", *SPLITS):
        raise UnknownName(unknown_name("split", split, ("all", *SPLITS)))
    folder = read_manifest(data)
    catalog = load_catalog(manifest)
    cohort = gather(folder.root, folder.rows, folder.recipe, catalog, split)
    if out is not None:
        check_outside(out, folder.root, flag("out"))
        check_own_files(out, PAGE, [NUMBERS], flag("out"))
        make_folder(out)  # an --out that cannot be written is told before the long part
    shown = "train" if split == "all" else split
    chosen = {}
    for label in cohort.names:
        chosen[label] = choose_shown(cohort.rows_of(label), shown, seed)
    brightness = _measure_brightness(cohort, progress)
    thumbs = _draw_thumbnails(cohort, chosen, progress)
    found = Exploration(
        about=_about(folder, cohort, split, shown, seed),
        classes={label: class_counts(cohort, label, brightness) for label in cohort.names},
        sources=_count_sources(cohort, catalog),
        findings=finding_counts(cohort.rows),
        floors=_floor_numbers(cohort),
        alone=score_attributes(cohort),
        warnings=find_confounds(cohort, brightness),
        notes=[] if folder.curation.get("own") else _notes(cohort, catalog),
        grid={label: _shots(rows) for label, rows in chosen.items()},
        thumbs=thumbs,
    )
    if out is not None:
        write_text(Path(out) / PAGE, found.to_html())
        write_json(Path(out) / NUMBERS, found.to_dict())  # last: where it stands, the page does
    return found


# ---- pixels


def _measure_brightness(
    cohort: Cohort,
    progress: Progress,
) -> dict[str, float]:  # path -> mean gray, 0-255
    """Measure the sample of each class and source."""
    rows: list[Record] = []
    for label in cohort.names:
        for sample in sampled(cohort, label).values():
            rows += sample.rows
    return map_pixels(mean_gray, cohort.root, rows, "measuring brightness", progress)


def _draw_thumbnails(
    cohort: Cohort,
    chosen: Mapping[str, list[Record]],  # class -> the radiographs shown
    progress: Progress,
) -> dict[str, tuple[str, int, int]]:  # path -> (data URI, width, height)
    """Draw the radiographs that the page shows."""
    rows: list[Record] = []
    for of_class in chosen.values():
        rows += of_class
    return map_pixels(shown_thumbnail, cohort.root, rows, "drawing thumbnails", progress)


# ---- parts of the record


def _about(folder: Manifest, cohort: Cohort, split: str, shown: str, seed: int) -> About:
    return About(
        title=folder.recipe.title,
        recipe=folder.recipe.name,
        task=folder.recipe.task.value,
        split=split,
        shown=shown,
        seed=seed,
        images=len(cohort.rows),
        ages_known=sum(bool(row.age) for row in cohort.rows),
        patients=patient_counts(cohort.rows),
        manifest_sha256=folder.sha256,
    )


def _count_sources(
    cohort: Cohort,
    catalog: Mapping[str, Source],
) -> dict[str, SourceCounts]:  # source -> its counts, the largest first
    """Count each source that gave images."""
    sources = tally(row.source for row in cohort.rows)
    counts = {}
    for source in sources:
        counts[source] = source_counts(cohort, source, catalog)
    return counts


def _floor_numbers(
    cohort: Cohort,
) -> dict[str, Any]:  # FloorNumbers, or empty
    """Return the floors with class names; empty where an image may have several classes."""
    floors = cohort_floors(cohort)
    if floors is None:
        return {}
    vocab = list(cohort.names)
    return dict(floors.to_dict(vocab))


def _notes(
    cohort: Cohort,
    catalog: Mapping[str, Source],
) -> list[str]:
    """Name the sources that the catalogue does not know."""
    sources = tally(row.source for row in cohort.rows)
    strangers = [source for source in sources if source not in catalog]
    if not strangers:
        return []
    return [
        f"The catalogue does not know {', '.join(strangers)}: title, age group and leave to share "
        "are unknown. Give the catalogue that the folder was curated with: "
        f"{flag('manifest', 'CSV')}."
    ]


def _shots(rows: list[Record]) -> list[Shot]:
    """Return what the page shows of each radiograph."""
    shots = []
    for row in rows:
        shot = Shot(
            path=row.path,
            source=row.source,
            age=row.age,
            sex=row.sex,
            view=row.view,
            split=row.split,
        )
        shots.append(shot)
    return shots
