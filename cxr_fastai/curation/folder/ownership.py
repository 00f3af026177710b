"""Whether a folder may be written by what was asked for: an empty one, or one that the same request wrote before. Reads
its curation.json, changes nothing.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from cxr_fastai.core import UsageError, check_writable
from cxr_fastai.curation.folder.write import is_ours
from cxr_fastai.manifest import CURATION, read_curation
from cxr_fastai.recipes import Recipe

__all__ = ["check_out"]

SHAPING = ("classes", "task", "yields", "exclude", "sources", "filters")  # keys of a recipe


def check_out(out: Path, request: dict):
    """Refuse a folder that is not ours to write in, before anything is read."""
    check_writable(out)
    if not out.exists() or all(is_ours(f.name) for f in out.iterdir()):
        return
    if not (out / CURATION).is_file():
        raise UsageError(
            f"{out} is not empty and holds no {CURATION}: `cxr curate` did not write it. "
            "Choose an empty folder for --out."
        )
    before = {"manifest_version": 1, "on_conflict": "drop", "split_rule": 1, **read_curation(out)}
    for key, was, now in _asked(before, request):
        if was != now:
            raise UsageError(
                f"{out} was curated with another {key} ({was}, now {now}). Choose another --out."
            )


def _asked(before: dict, request: dict):
    """(key, value then, value now) of all that shapes a folder; how a recipe trains does not."""
    shape = asdict(Recipe("", "", {}))
    for key, now in request.items():
        if key != "recipe":
            yield key, before.get(key), now
        else:
            was = {**shape, **(before["recipe"] if isinstance(before.get("recipe"), dict) else {})}
            yield "recipe", was["name"], now["name"]
            yield from ((f"recipe's {k}", was[k], now[k]) for k in SHAPING)
