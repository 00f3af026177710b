"""Decide whether a folder may be written: an empty one, or one that the same request wrote before.

A folder and a Request -> nothing, or an error. Reads its curation.json, changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cxr_fastai.advice import flag
from cxr_fastai.core import UsageError, check_writable
from cxr_fastai.curation.folder.result import Request
from cxr_fastai.curation.folder.write import is_ours
from cxr_fastai.manifest import CURATION, read_curation
from cxr_fastai.recipes import Recipe

__all__ = ["check_out"]

# Keys of a recipe that shape a folder; how it trains does not.
SHAPING = ("classes", "task", "yields", "exclude", "sources", "filters")
# What a curation.json of an earlier version meant where it lacks a key.
EARLIER = {
    "manifest_version": 1,
    "on_conflict": "drop",
    "folds": 0,
    "split_rule": 1,
    "right": False,
}
# A catalogue, or a folder of one's own, may grow: what was made of it then follows it.
NOT_COMPARED = ("catalog_sha256", "own")


def check_out(out: Path, request: Request) -> None:
    """Refuse a folder that is not ours to write in, before anything is read.

    Raises `UsageError`, `StorageError`, or `NotCurated` for a damaged curation.json.
    """
    check_writable(out)
    if not out.exists() or all(is_ours(file.name) for file in out.iterdir()):
        return
    if not (out / CURATION).is_file():
        raise UsageError(
            f"{out} is not empty and holds no {CURATION}: `cxr curate` did not write it. "
            f"Choose an empty folder for {flag('out')}."
        )
    before = {**EARLIER, **read_curation(out)}
    _check_salt(out, before, request)
    asked = {"right": False, **request.to_dict()}
    for key, was, now in _shaping_values(before, asked):
        if was != now:
            raise UsageError(
                f"{out} was curated with another {key} ({was}, now {now}). "
                f"Choose another {flag('out')}."
            )


def _check_salt(
    out: Path,
    before: dict[str, Any],  # the curation.json that stands
    request: Request,
) -> None:
    """Raise `UsageError` where patients of DICOM files would have other names than they have."""
    was, now = _salt_of(before.get("own")), _salt_of(request.own)
    if was and now and was != now:
        raise UsageError(
            f"{out} was curated with another salt of patients' ids: all would have other names, "
            f"and other splits. Name its salt with {flag('salt', 'FILE')}, or choose another "
            f"{flag('out')}."
        )


def _salt_of(own: object) -> str:
    """Return what tells one salt from another, of key `own` of curation.json; '' without one."""
    dicom = own.get("dicom") if isinstance(own, dict) else None
    return str(dicom.get("salt", "")) if isinstance(dicom, dict) else ""


def _shaping_values(
    before: dict[str, Any],  # the curation.json that stands
    request: dict[str, Any],  # that of this run
) -> Iterator[tuple[str, Any, Any]]:
    """Yield (key, value then, value now) of all that shapes a folder.

    Of a recipe only the keys in SHAPING; a key that is missing then is None.
    """
    for key, now in request.items():
        if key == "recipe":
            yield from _recipe_values(before.get("recipe"), now)
        elif key not in NOT_COMPARED:
            yield key, before.get(key), now


def _recipe_values(
    before: object,  # the recipe then; keys may be missing
    now: dict[str, Any],  # the recipe now
) -> Iterator[tuple[str, Any, Any]]:
    """Yield (key, value then, value now) of what shapes a folder in a recipe.

    A key that is missing then has the value of an empty recipe.
    """
    was = asdict(Recipe("", "", {}))
    if isinstance(before, dict):
        was.update(before)
    yield "recipe", was["name"], now["name"]
    for key in SHAPING:
        yield f"recipe's {key}", was[key], now[key]
