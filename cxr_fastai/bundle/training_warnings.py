"""What training warned of, as a bundle carries it: key `warnings` of bundle.json.

A checked record in, `FolderWarning` records out. Bundles of before have no such key: none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cxr_fastai.core import FolderWarning

__all__ = ["training_warnings"]


def training_warnings(
    meta: Mapping[str, Any],  # bundle.json
) -> list[FolderWarning]:
    """Return the warnings, in the order in which they were given; empty for an old bundle."""
    found = []
    for entry in meta.get("warnings") or []:
        says = str(entry.get("says", ""))
        if says:
            kind = str(entry.get("kind", "training"))
            found.append(FolderWarning(kind=kind, says=says, do=str(entry.get("do", ""))))
    return found
