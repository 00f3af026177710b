"""What tells the classes of a curated folder that is not the disease.

The warnings of a curated folder and its Manifest -> Shortcuts: those of cohort, and what the probes
find, which cheap models answer. What merely limits how far a score reaches is told apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cxr_fastai.core import FolderWarning
from cxr_fastai.manifest import Manifest
from cxr_fastai.probes.shortcuts import Probe, probe_shortcuts
from cxr_fastai.probes.verdict import Verdict
from cxr_fastai.progress import Progress

__all__ = ["Shortcuts", "Probed", "find_shortcuts", "limits_of", "LIMITS"]

# Kinds of cohort's warnings that say how far a score reaches, not what tells the classes.
LIMITS = ("single_source", "class_absent", "class_scarce", "unknown_age")
TELLING = (Verdict.FAIL, Verdict.WARN)
PROBE_KIND = "probe"  # of a warning that a probe gave; its id stands in the numbers


@dataclass(frozen=True)
class Probed:
    """What one probe found, in words."""

    id: str  # P1 to P7
    title: str
    verdict: str  # FAIL | WARN | PASS | CANNOT TELL; empty: a control, or a floor
    says: str


@dataclass(frozen=True)
class Shortcuts:
    """What was asked, and what was found to tell the classes."""

    found: tuple[FolderWarning, ...]
    probed: tuple[Probed, ...] = ()


def find_shortcuts(
    confounds: Sequence[FolderWarning],  # of the folder's Summary
    manifest: Manifest,
    seed: int,
    progress: Progress,
) -> Shortcuts:
    """Return what tells the classes and is not the disease; train and valid alone are looked at."""
    telling_classes = [warning for warning in confounds if warning.kind not in LIMITS]
    probes = probe_shortcuts(manifest, progress, seed)
    telling = [_warning(probe) for probe in probes if probe.verdict in TELLING]
    return Shortcuts(
        found=(*telling_classes, *telling),
        probed=tuple(_probed(probe) for probe in probes),
    )


def limits_of(warnings: Sequence[FolderWarning]) -> list[FolderWarning]:
    """Return the warnings that say how far a score reaches."""
    return [warning for warning in warnings if warning.kind in LIMITS]


def _warning(probe: Probe) -> FolderWarning:
    """Return a probe that tells the classes as a warning."""
    numbers = {"probe": probe.id, "auroc": probe.told.auroc, "interval": probe.told.interval}
    return FolderWarning(PROBE_KIND, probe.says, probe.do, probe.title, numbers)


def _probed(probe: Probe) -> Probed:
    """Keep what a probe found in words."""
    verdict = str(probe.verdict) if probe.verdict else ""
    return Probed(probe.id, probe.title, verdict, probe.says)
