"""What tells the classes of a folder that need not be the disease: probes P1 to P7 of the audit.

A curated folder -> a Probe each, with its verdict, sentence and numbers. Train and valid only: the
test films are never fitted on nor looked at. A FAIL within one source may be disease, since
consolidation is bright and reaches 8x8 pixels; only films of several sources can tell (P8, P9).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cxr_fastai.cohort.counts import Cohort, gather
from cxr_fastai.manifest import Manifest, Record
from cxr_fastai.probes import features
from cxr_fastai.probes.classifier import LINEAR, TREE
from cxr_fastai.probes.films import Films, measure_films
from cxr_fastai.probes.targets import Targets, Told, class_targets, told_by
from cxr_fastai.probes.verdict import Verdict, judge
from cxr_fastai.progress import SILENT, Progress
from cxr_fastai.recipes import NONE
from cxr_fastai.reporting.text import decimal, span

__all__ = ["Probe", "probe_shortcuts", "probe_films", "fitting_rows", "targets_of", "PROBES"]

MAX_NAMED = 4  # classes that a sentence names


@dataclass(frozen=True)
class Kind:
    """A probe: what the cheap model is given, and what it means where that tells."""

    id: str  # P1 to P12
    title: str
    given: str  # what the model sees, in words
    features: Callable[[Films], np.ndarray]
    model: str  # of classifier
    is_control: bool  # it has no verdict
    worst: Verdict  # it can come to: where the disease itself may tell, no FAIL
    do: str  # what helps
    source: str  # the study that did it


@dataclass(frozen=True)
class Probe:
    """What one probe found."""

    id: str
    title: str
    verdict: Verdict | None  # None: a control, or a floor that other numbers are held against
    says: str
    do: str
    source: str
    told: Told

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as strict JSON."""
        return {
            "id": self.id,
            "title": self.title,
            "verdict": str(self.verdict) if self.verdict else None,
            "says": self.says,
            "do": self.do,
            "source": self.source,
            "auroc": self.told.auroc,
            "interval": self.told.interval,
            "films": self.told.films,
            "groups": self.told.groups,
            "per_class": self.told.per_class,
            "left_out": self.told.left_out,
        }


def _gray8(films: Films) -> np.ndarray:
    return features.gray(films, 8)


def _gray16(films: Films) -> np.ndarray:
    return features.gray(films, 16)


def _facts(films: Films) -> np.ndarray:
    return features.facts(films.rows)


SOURCES_REMEDY = (
    "Take all classes from one source, or several sources for each class, and believe a score that "
    "holds on a source that the model never saw."
)
PROBES = (
    Kind(
        id="P1",
        title="File facts",
        given="size, shape, pixel format and compression of the file",
        features=_facts,
        model=TREE,
        is_control=False,
        worst=Verdict.FAIL,
        do="No radiograph is ill by its file: " + SOURCES_REMEDY[0].lower() + SOURCES_REMEDY[1:],
        source="Zech 2018, doi 10.1371/journal.pmed.1002683",
    ),
    Kind(
        id="P2",
        title="Border of the film",
        given="the outer tenth of the film on each side",
        features=features.ring,
        model=LINEAR,
        is_control=False,
        worst=Verdict.FAIL,
        do=SOURCES_REMEDY,
        source="Maguolo and Nanni 2021, doi 10.1016/j.inffus.2021.04.008",
    ),
    Kind(
        id="P3",
        title="Corners, where markers stand",
        given="the four corners of the film",
        features=features.corners,
        model=LINEAR,
        is_control=False,
        worst=Verdict.FAIL,
        do=SOURCES_REMEDY,
        source="DeGrave 2021, doi 10.1038/s42256-021-00338-7",
    ),
    Kind(
        id="P4",
        title="Middle of the film, a control",
        given="the middle 60 % of each side",
        features=features.centre,
        model=LINEAR,
        is_control=True,
        worst=Verdict.FAIL,
        do="",
        source="Maguolo and Nanni 2021, doi 10.1016/j.inffus.2021.04.008",
    ),
    Kind(
        id="P5",
        title="Pixel floor, 8x8",
        given="the film as 64 gray squares",
        features=_gray8,
        model=LINEAR,
        is_control=True,
        worst=Verdict.FAIL,
        do="A network is worth its price above this floor (cxr evaluate).",
        source="Dagaev 2023, doi 10.1016/j.patrec.2022.12.010",
    ),
    Kind(
        id="P5b",
        title="Pixel floor, 16x16",
        given="the film as 256 gray squares",
        features=_gray16,
        model=LINEAR,
        is_control=True,
        worst=Verdict.FAIL,
        do="A network is worth its price above this floor (cxr evaluate).",
        source="Dagaev 2023, doi 10.1016/j.patrec.2022.12.010",
    ),
    Kind(
        id="P6",
        title="Gray levels without their places",
        given="how often each gray level occurs",
        features=features.histogram,
        model=LINEAR,
        is_control=False,
        worst=Verdict.WARN,
        do="Train with augmentation of contrast and brightness, and hold the score against this.",
        source="Ong Ly 2024, doi 10.1038/s41746-024-01118-4",
    ),
    Kind(
        id="P7",
        title="Sharpness and noise",
        given="how much of the film is coarse and how much is fine",
        features=features.spectrum,
        model=LINEAR,
        is_control=False,
        worst=Verdict.FAIL,
        do=SOURCES_REMEDY,
        source="doi 10.1038/s41598-023-39855-3",
    ),
)


# what a verdict means, as the end of a sentence
MEANINGS = {
    None: "",
    Verdict.FAIL: ", which tells the classes well",
    Verdict.WARN: ", which tells something of the classes",
    Verdict.PASS: ", which tells little of the classes",
    Verdict.CANNOT_TELL: ": too few films to say whether it tells the classes",
}


def probe_shortcuts(
    manifest: Manifest,
    progress: Progress = SILENT,
    seed: int = 0,
) -> list[Probe]:
    """Ask P1 to P7 of a folder's train and valid films.

    Raises `IntegrityError` for a film that is not that of its row.
    """
    rows = fitting_rows(manifest)
    films = measure_films(manifest.root, rows, progress)
    return probe_films(films, targets_of(manifest, rows, seed), progress)


def fitting_rows(manifest: Manifest) -> list[Record]:
    """Return the rows that a probe may fit on: those of train and valid, each radiograph once."""
    return [row for row in manifest.rows if row.split != "test" and not row.repeat_of]


def targets_of(
    manifest: Manifest,
    rows: Sequence[Record],  # of it
    seed: int = 0,
) -> Targets:
    """Return what the probes are to tell of a folder's rows: its classes."""
    cohort: Cohort = gather(manifest.root, list(rows), manifest.recipe, {})
    names = [name for name in cohort.names if name != NONE]
    labels = [row.label for row in rows]
    return class_targets(
        labels,
        {name: cohort.has[name] for name in names},
        {name: cohort.unknown[name] for name in names},
        [row.group for row in rows],
        seed,
    )


def probe_films(
    films: Films,
    targets: Targets,  # of the same films
    progress: Progress = SILENT,
    kinds: Sequence[Kind] = PROBES,
) -> list[Probe]:
    """Ask each probe; one whose facts the manifest lacks is left out."""
    asked = [kind for kind in kinds if kind.id != "P1" or features.has_facts(films.rows)]
    found = []
    for kind in progress.bar(asked, len(asked), "asking what tells the classes"):
        told = told_by(kind.features(films), targets, kind.model)
        found.append(_probe(kind, told))
    return found


def _probe(kind: Kind, told: Told) -> Probe:
    """Put a finding into words."""
    verdict = None if kind.is_control else _verdict(kind, told)
    return Probe(
        id=kind.id,
        title=kind.title,
        verdict=verdict,
        says=_says(kind, told, verdict),
        do=kind.do if verdict in (Verdict.FAIL, Verdict.WARN) or kind.is_control else "",
        source=kind.source,
        told=told,
    )


def _verdict(kind: Kind, told: Told) -> Verdict:
    """Return the verdict of a probe, no graver than its kind may come to."""
    verdict = judge(told.interval, told.groups)
    if verdict is Verdict.FAIL and kind.worst is Verdict.WARN:
        return Verdict.WARN
    return verdict


def _says(kind: Kind, told: Told, verdict: Verdict | None) -> str:
    """Say what was seen and how well it tells the classes."""
    if told.auroc is None:
        return f"By {kind.given}: no class has 20 patients or groups on both sides to be asked."
    number = f"AUROC {decimal(told.auroc)}"
    if told.interval is not None:
        number += f" ({span(told.interval, as_share=False)})"
    line = f"By {kind.given} alone: {number}{MEANINGS[verdict]}."
    if len(told.per_class) < 2:
        return line
    highest = sorted(told.per_class.items(), key=lambda item: (-item[1], item[0]))[:MAX_NAMED]
    return f"{line} Highest: {', '.join(f'{name} {decimal(auroc)}' for name, auroc in highest)}."
