"""Can a score on this folder mean disease? All probes of a curated folder, and of a model if given.

A Manifest, and answers of a model and networks that others made -> an Audit and, where a folder is
given, audit.html and audit.json there. Fits on train and valid alone. Imports no network: whoever
can load a bundle hands its answers in (model_audit).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cxr_fastai.auditing.asked import Asked, of_probe
from cxr_fastai.auditing.audited import SUSPECTS, Audit
from cxr_fastai.auditing.model_asked import OVERRULED, FloorGain, ModelSide, ask_model
from cxr_fastai.auditing.of_sources import ask_unseen, ask_within_classes
from cxr_fastai.auditing.overall import is_void, sum_up
from cxr_fastai.auditing.pictures import Rung, weight_maps
from cxr_fastai.auditing.subgroups import ask_subgroups
from cxr_fastai.auditing.suspects_shown import ShownSuspects, show_suspects, suspects_of_model
from cxr_fastai.core import UsageError, make_folder, write_json, write_text
from cxr_fastai.manifest import Manifest, Record
from cxr_fastai.probes.by_source import is_balanced, told_by_source
from cxr_fastai.probes.features import has_facts
from cxr_fastai.probes.films import Films, measure_films
from cxr_fastai.probes.kinds import GRAY_8, GRAY_16
from cxr_fastai.probes.label_noise import find_suspects, suspects_csv
from cxr_fastai.probes.shortcuts import (
    NO_FACTS,
    Probe,
    fitting_rows,
    probe_films,
    probe_sources,
    targets_of,
)
from cxr_fastai.probes.sources import Unseen, source_within_class, unseen_sources
from cxr_fastai.probes.targets import Targets, Told, told_of
from cxr_fastai.probes.verdict import Verdict
from cxr_fastai.progress import SILENT, Progress
from cxr_fastai.reporting.text import count, decimal

__all__ = ["ask_folder", "write_audit", "PAGE", "NUMBERS"]

PAGE = "audit.html"
NUMBERS = "audit.json"
BALANCED = "This does not count: the source alone tells little of the classes."
CHEAP = "16x16 gray squares"
SQUARES = {GRAY_8: "8x8 gray squares", GRAY_16: CHEAP}  # probe -> its rung
NETWORK = "the network"
BORDER = "P2"  # the probe of the border of the film
CHANCE = 0.5  # AUROC
# Of border to whole film, above chance: six sources have .92, NIH alone .78 (no study set it).
MIN_TELLING_RATIO = 0.8
MIN_ABOVE_CHANCE = 0.05  # AUROC of the whole film, below which a ratio of it says nothing


def ask_folder(
    manifest: Manifest,
    seed: int = 0,
    progress: Progress = SILENT,
    answer: Callable[[], ModelSide] | None = None,  # a model's answers to the test films
    leave_out: Callable[[Sequence[Unseen]], Sequence[Unseen]] | None = None,  # trains networks
    notes: Sequence[str] = (),  # what else a reader must know
) -> Audit:
    """Ask all probes of a folder, and of a model where one answers."""
    rows = fitting_rows(manifest)
    if not rows:
        raise UsageError(f"{manifest.root} has no train and no valid images: nothing to audit.")
    films = measure_films(manifest.root, rows, progress)
    targets = targets_of(manifest, rows, seed)
    probes = probe_films(films, targets, progress, seed=seed)
    sources = [row.source for row in rows]
    within = source_within_class(films, targets, seed)
    by_source = told_by_source(sources, targets)
    told = {probe.id: probe.told for probe in probes}
    unseen = unseen_sources(films, targets, told[GRAY_16])
    asked = [of_probe(probe) for probe in probes]
    asked += [_of_sources(probe, by_source) for probe in probe_sources(films, seed)]
    asked.sort(key=_place)
    asked.append(ask_within_classes(within, by_source, len(set(sources))))
    asked.append(ask_unseen(unseen, bool(within)))
    all_unseen: dict[str, Sequence[Unseen]] = {CHEAP: unseen}
    if leave_out is not None:
        networks = leave_out(unseen)
        asked.append(ask_unseen(networks, bool(within), "P9n", NETWORK))
        all_unseen[NETWORK] = networks
    asked.append(ask_subgroups(rows, told[GRAY_16].scores, targets))
    model = answer() if answer is not None else None
    if model is not None:
        asked += _of_model(model, manifest, films, targets, asked, seed, progress)
    facts_note = [] if has_facts(rows) else [NO_FACTS]
    return Audit(
        about=_about(manifest, rows, sources, seed, model),
        overall=sum_up(asked, len(set(sources)), not is_balanced(by_source)),
        asked=asked,
        ladder=_ladder(by_source, probes, model),
        ladder_of=_ladder_of(model),
        ratio_words=_ratio_words(told),
        within=within,
        counts=_group_counts(rows, targets),
        unseen=all_unseen,
        maps=weight_maps(films, targets),
        notes=[*notes, *facts_note, *(model.notes if model else ())],
        suspects=_suspects(manifest, films, targets, model, progress),
    )


def _suspects(
    manifest: Manifest,
    films: Films,  # of train and valid
    targets: Targets,  # of them
    model: ModelSide | None,
    progress: Progress,
) -> list[ShownSuspects]:
    """List the labels most likely wrong: by a cheap model, and of test by the model, if there."""
    found = find_suspects(films, targets, progress)
    lists = [show_suspects(found, manifest.root, films.rows, progress)]
    if model is None:
        return lists
    by_model = suspects_of_model(model)
    if by_model is not None:
        lists.append(show_suspects(by_model, manifest.root, model.rows, progress))
    return lists


def write_audit(found: Audit, out: Path) -> None:
    """Write the page and the labels to review; audit.json last: where it stands, they do."""
    make_folder(out)
    write_text(out / PAGE, found.to_html())
    if found.suspects:
        write_text(out / SUSPECTS, suspects_csv([each.found for each in found.suspects]))
    write_json(out / NUMBERS, found.to_dict())


def _of_sources(
    probe: Probe,
    by_source: Told,  # what the source alone tells of the classes
) -> Asked:
    """Return what tells the sources; it counts where the source tells the class."""
    line = of_probe(probe)
    if probe.verdict is Verdict.FAIL and is_balanced(by_source):
        return line.overruled(BALANCED)
    return line


def _place(asked: Asked) -> tuple[int, str]:
    """Return what orders lines: P1, P1s, P2, .."""
    digits = "".join(sign for sign in asked.id if sign.isdigit())
    return int(digits), asked.id


def _about(
    manifest: Manifest,
    rows: Sequence[Record],
    sources: Sequence[str],
    seed: int,
    model: ModelSide | None,
) -> dict[str, Any]:
    """Say what was looked at."""
    return {
        "title": manifest.recipe.title,
        "recipe": manifest.recipe.name,
        "films": len(rows),
        "groups": len({row.group for row in rows}),
        "sources": sorted(set(sources)),
        "model": model.name if model else None,
        "test_films": len(model.rows) if model else 0,
        "seed": seed,
        "manifest_sha256": manifest.sha256,
    }


def _of_model(
    model: ModelSide,
    manifest: Manifest,
    films: Films,
    targets: Targets,
    asked: Sequence[Asked],  # of the folder
    seed: int,
    progress: Progress,
) -> list[Asked]:
    """Ask P10 to P12 of a model; what P8 or P9 void does not count."""
    test = measure_films(manifest.root, model.rows, progress)
    found = [ask_subgroups(model.rows, model.scores, model.targets, "P10m", "the model on test")]
    for each in ask_model(model, films, targets, test, seed, progress):
        if each.id == "P11" and each.number is not None and is_void(asked):
            each = each.overruled(OVERRULED)
        found.append(each)
    return found


# ---- numbers of the pictures


def _ladder(
    by_source: Told,
    probes: Sequence[Probe],
    model: ModelSide | None,
) -> list[Rung]:
    """Return the ladder from chance to the model; with a model all of it on the test films."""
    if model is None:
        return _folder_ladder(by_source, probes)
    if isinstance(model.floor, FloorGain):
        return _test_ladder(model, model.floor)
    rungs = _folder_ladder(by_source, probes)
    own = told_of(model.scores, model.targets)
    if own.auroc is not None:
        rungs.append(Rung("the model, on test", own.auroc, own.interval, is_model=True))
    return rungs


def _folder_ladder(
    by_source: Told,
    probes: Sequence[Probe],
) -> list[Rung]:
    """Return the rungs of train and valid films."""
    rungs = _first_rungs(by_source)
    for probe in probes:
        told = probe.told
        if probe.id in SQUARES and told.auroc is not None:
            rungs.append(Rung(SQUARES[probe.id], told.auroc, told.interval))
    return rungs


def _test_ladder(
    model: ModelSide,
    floor: FloorGain,  # of it
) -> list[Rung]:
    """Return the rungs of the test films."""
    sources = [row.source for row in model.rows]
    rungs = _first_rungs(told_by_source(sources, model.targets))
    for name, auroc in floor.others.items():
        rungs.append(Rung(name, auroc, None))
    rungs.append(Rung(floor.squares, floor.floor, floor.floor_interval))
    rungs.append(Rung("the model", floor.model, floor.model_interval, is_model=True))
    return rungs


def _first_rungs(
    by_source: Told,  # what the source alone tells
) -> list[Rung]:
    """Return chance, and the rung of knowing the source alone where it could be told."""
    rungs = [Rung("always the same answer", CHANCE, None)]
    if by_source.auroc is None:
        return rungs
    low, high = by_source.interval or (0.0, 0.0)
    interval = by_source.interval if low < high else None
    rungs.append(Rung("source only", by_source.auroc, interval))
    return rungs


def _ladder_of(model: ModelSide | None) -> str:
    """Say which films the ladder is of."""
    if model is not None and isinstance(model.floor, FloorGain):
        return f"{count(model.floor.films, 'test film')}; gray squares fitted on train"
    return "train and valid films, each answered by a model that never saw its patient"


def _ratio_words(told: Mapping[str, Told]) -> str:
    """Say how much of what the whole film tells lies outside the lungs."""
    ring, whole = told[BORDER].auroc, told[GRAY_8].auroc
    if ring is None or whole is None:
        return ""
    beside = ring - CHANCE
    above = whole - CHANCE
    if above < MIN_ABOVE_CHANCE:
        return ""
    words = "Border against whole film, above chance:"
    if beside <= 0:
        return f"{words} nothing ({decimal(beside)}) of {decimal(above)}."
    ratio = beside / above
    words += f" {decimal(beside)} of {decimal(above)}, a ratio of {decimal(ratio, places=2)}."
    if ratio >= MIN_TELLING_RATIO:
        words += " What lies outside the lungs tells nearly as much as the whole film."
    return words


def _group_counts(
    rows: Sequence[Record],
    targets: Targets,
) -> dict[str, dict[str, int]]:  # class -> source -> groups
    """Count the groups of each class and source."""
    sources = np.array([row.source for row in rows])
    counts = {}
    for label, has in targets.has.items():
        own = has & targets.known[label]
        groups_of: dict[str, set[str]] = {}  # source -> its groups
        for source, group in zip(sources[own].tolist(), targets.groups[own].tolist()):
            groups_of.setdefault(source, set()).add(group)
        counts[label] = {source: len(groups_of[source]) for source in sorted(groups_of)}
    return counts
