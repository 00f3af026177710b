"""Leave one source out, with the network: trained on the others, scored on what it never saw.

A Manifest, functions that train and score, and a folder for the runs -> an Unseen a source: its
classes by a network of all sources on its test films, and by one that lacks it on all its films.
Runs lie in OUT/loso/SOURCE and OUT/loso_pooled, and go on where they stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from cxr_fastai.core import sha256_text
from cxr_fastai.manifest import Manifest, Record
from cxr_fastai.probes.shortcuts import targets_of
from cxr_fastai.probes.sources import Unseen, unseen_of
from cxr_fastai.probes.targets import told_of
from cxr_fastai.probes.verdict import Verdict
from cxr_fastai.progress import SILENT, Progress
from cxr_fastai.reporting.text import count

__all__ = ["Trained", "leave_sources_out", "without_source", "trained_films", "LOSO", "POOLED"]

LOSO = "loso"  # folder of the runs that lack a source
POOLED = "loso_pooled"  # run of all sources; outside LOSO, where a source may have any name

# rows -> class -> (n,) score
Scorer: TypeAlias = "Callable[[Sequence[Record]], Mapping[str, np.ndarray]]"


@dataclass(frozen=True)
class Trained:
    """What trains a network and what it costs: handed in, so that nothing here needs torch."""

    train: Callable[[Manifest, Path], Scorer]  # into a run's folder, or on with the run in it
    minutes: Callable[[int], float]  # that a network takes on so many train films
    pooled: Scorer | None = None  # a network of all sources that is there already


def without_source(
    manifest: Manifest,
    source: str,
) -> Manifest:
    """Return train and valid films of the other sources, without groups that the source shares."""
    shared = {row.group for row in manifest.rows if row.source == source}
    rows = []
    for row in manifest.rows:
        if row.group not in shared and row.split != "test":  # a source's own groups are shared
            rows.append(row)
    sha256 = sha256_text(f"{manifest.sha256} without {source}")
    return replace(manifest, rows=rows, sha256=sha256)


def trained_films(manifest: Manifest) -> int:
    """Count the films that a network would learn from."""
    splits = [row.split for row in manifest.rows]
    return splits.count("train")


def leave_sources_out(
    manifest: Manifest,
    asked: Sequence[Unseen],  # by the cheap model: which sources share classes with others
    trained: Trained,
    out: Path,
    seed: int = 0,
    progress: Progress = SILENT,
) -> list[Unseen]:  # a source each, in their order
    """Train a network without each source that shares classes, and one with all."""
    names = [each.source for each in asked if each.unseen is not None]
    parts = {name: without_source(manifest, name) for name in names}
    if not names:
        return [_not_asked(each) for each in asked]
    sizes = [trained_films(part) for part in parts.values()]
    if trained.pooled is None:
        sizes.append(trained_films(manifest))
    minutes = sum(trained.minutes(films) for films in sizes)
    progress.say(
        f"leave one source out: {count(len(sizes), 'network')} to train, about "
        f"{max(minutes, 1):.0f} min of computing if none is there yet; an interrupted run goes on"
    )
    pooled = trained.pooled or trained.train(manifest, out / POOLED)
    found = []
    for each in asked:
        if each.source not in parts:
            found.append(_not_asked(each))
            continue
        progress.say(f"without {each.source}: {names.index(each.source) + 1} of {len(names)}")
        unseen = trained.train(parts[each.source], out / LOSO / each.source)
        found.append(_scored(manifest, each.source, pooled, unseen, seed))
    return found


def _not_asked(each: Unseen) -> Unseen:
    """Return a source that no network was trained without."""
    return replace(
        each,
        classes=[],
        left_out=[*each.classes, *each.left_out],
        per_class={},
        seen=None,
        seen_interval=None,
        unseen=None,
        unseen_interval=None,
        groups=0,
        verdict=Verdict.CANNOT_TELL,
    )


def _scored(
    manifest: Manifest,
    source: str,
    pooled: Scorer,
    unseen: Scorer,
    seed: int,
) -> Unseen:
    """Score the films of a source: all by the network that lacks it, test films by that of all.

    Classes are those that the network could learn elsewhere, told with enough groups here.
    """
    rows = [row for row in manifest.rows if row.source == source and not row.repeat_of]
    targets = targets_of(manifest, rows, seed)
    elsewhere = targets_of(manifest, without_source(manifest, source).rows, seed)
    asked = [name for name in targets.judged if elsewhere.has[name].any()]
    scores = unseen(rows)
    told = told_of({name: scores[name] for name in asked}, targets)
    seen = told_of(_of_test_films(rows, pooled, list(told.per_class)), targets)
    common = list(seen.per_class)
    if common and common != list(told.per_class):  # one mean over the same classes
        told = told_of({name: scores[name] for name in common}, targets)
    everywhere = np.ones(len(rows), bool)
    return unseen_of(source, everywhere, targets, seen, told)


def _of_test_films(
    rows: Sequence[Record],  # of a source
    pooled: Scorer,  # the network of all sources, which learned from train films
    names: Sequence[str],  # classes that are told
) -> dict[str, np.ndarray]:  # class -> (n,) scores; nan where a film is none of test
    """Score the test films of a source by the network of all."""
    is_test = np.array([row.split == "test" for row in rows])
    if not is_test.any():
        return {}
    scores = pooled([row for row in rows if row.split == "test"])
    spread = {}
    for name in names:
        if name in scores:
            spread[name] = np.full(len(rows), np.nan)
            spread[name][is_test] = scores[name]
    return spread
