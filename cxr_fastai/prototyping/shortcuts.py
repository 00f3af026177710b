"""What tells the classes of a curated folder that is not the disease.

A Curation and its Manifest -> FolderWarnings; what merely limits a score is told apart from them.
"""

from __future__ import annotations

from collections.abc import Sequence

from cxr_fastai.core import FolderWarning
from cxr_fastai.curation.folder.result import Curation

__all__ = ["find_shortcuts", "is_shortcut", "LIMITS"]

# Kinds that say how far a score reaches, not what tells the classes.
LIMITS = ("single_source", "class_absent", "class_scarce", "unknown_age")


def find_shortcuts(curation: Curation) -> list[FolderWarning]:
    """Return what tells the classes and is not the disease, gravest first."""
    return [warning for warning in curation.summary.confounds if is_shortcut(warning)]


def is_shortcut(warning: FolderWarning) -> bool:
    """Tell whether a warning is of something that tells the classes."""
    return warning.kind not in LIMITS


def limits_of(warnings: Sequence[FolderWarning]) -> list[FolderWarning]:
    """Return the warnings that say how far a score reaches."""
    return [warning for warning in warnings if not is_shortcut(warning)]
