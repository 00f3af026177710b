"""`cxr sources`: the catalogue in lines, and what is missing to have each source.

A catalogue -> lines or JSON on stdout. With --check it asks every source; with --check and a
curated folder it checks the folder's manifest, with --pixels its images too, and says what it did
not look at. Nothing is downloaded.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cxr_fastai.catalog import Rule, Source, choose, load_catalog, split_bar
from cxr_fastai.core import IntegrityError, UsageError, size_text
from cxr_fastai.flags import ids
from cxr_fastai.manifest import MANIFEST, check_manifest, read_manifest
from cxr_fastai.reporting.text import count

__all__ = ["sources"]


def sources(args: Namespace) -> int:
    """Print what `cxr sources` was asked for; return the exit code."""
    if args.check and args.manifest and _is_curated(Path(args.manifest)):
        return _check_curated(Path(args.manifest), args.pixels)
    if args.pixels:
        raise UsageError(
            "--pixels verifies the images of a curated folder: give --check --manifest FOLDER too."
        )
    catalog = load_catalog(args.manifest)
    if args.check:
        return _check_sources(args, catalog)
    if args.json:
        everything = [source.to_dict() for source in catalog.values()]
        print(json.dumps(everything, indent=2, ensure_ascii=False))
        return 0
    for source in catalog.values():
        print("\n".join(_source_lines(source)))
    return 0


# ---- checks


def _is_curated(path: Path) -> bool:
    """Tell whether a path is a curated folder or its manifest, not a catalogue."""
    return path.is_dir() or path.name == MANIFEST


def _check_curated(
    path: Path,  # a curated folder or its manifest
    pixels: bool,  # verify them too
) -> int:
    """Print every fault of a curated folder, or what was found sound and what was not looked at.

    Returns 2 where the manifest has a fault, 4 where an image is not that of its row.
    """
    from cxr_fastai import progress
    from cxr_fastai.manifest_pixels import pixel_faults

    faults = check_manifest(path)
    if faults:
        for line in faults:
            print(line)
        told = f"{path} has {count(len(faults), 'fault')}"
        if pixels:
            told += "; no pixels were verified: the manifest comes first"
        progress.say(f"cxr sources: {told}")
        return 2
    folder = path if path.is_dir() else path.parent
    manifest = read_manifest(folder)
    images = f"{len(manifest.rows)} images"
    if not pixels:
        print(f"{path}: sound: {images}, all there. Their pixels were not verified: give --pixels")
        return 0
    wrong = pixel_faults(manifest, progress=progress)
    for line in wrong:
        print(line)
    if wrong:
        progress.say(f"cxr sources: {len(wrong)} of {images} are not those of the manifest")
        return IntegrityError.exit_code
    print(f"{path}: sound: {images}, all with the pixels that the manifest names")
    return 0


def _check_sources(args: Namespace, catalog: dict[str, Source]) -> int:
    """Print what is missing to have each source; return 3 where one that is on cannot be had."""
    from cxr_fastai.curation.fetch import survey

    fetched = [s.id for s in catalog.values() if s.transport != "reference"]
    chosen = choose(catalog, ids(args.only), fetched)
    catalog_folder = Path(args.manifest).parent if args.manifest else Path()
    checks = survey(chosen, args.mirror, catalog_folder, catalog)
    rows = [_check_row(source, vars(checks[source.id])) for source in chosen]
    if args.json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        print("\n".join(_check_line(row) for row in rows))
    return _tell_missing(rows, only_on=not args.only)


def _check_row(source: Source, check: dict[str, Any]) -> dict[str, Any]:
    """Return what is told of a source that was asked."""
    return {
        "source": source.id,
        "on": source.on,
        **check,
        "licence": source.licence,
        "redistribute": source.redistribute,
    }


def _tell_missing(rows: Sequence[dict[str, Any]], only_on: bool) -> int:
    """Say which sources cannot be had; return the exit code."""
    from cxr_fastai.curation.fetch import AT_HAND

    needed = list(rows)
    if only_on:
        needed = [row for row in rows if row["on"] == "yes"]
    missing = [row["source"] for row in needed if row["state"] not in AT_HAND]
    if not missing:
        return 0
    count = f"{len(missing)} of {len(needed)} sources cannot be had"
    print(f"cxr sources: {count}: {', '.join(missing)}", file=sys.stderr)
    return 3


def _check_line(row: dict[str, Any]) -> str:
    """Return a row of the check for a terminal."""
    place = f"{row['source']:<24}{row['on']:<5}"
    line = f"{place}{row['state']:<12} {row['message']}"
    if row["size"]:
        line += f", {size_text(row['size'])}"
    if row["redistribute"] != "yes":
        line += f"; for local use only (licence: {row['licence']})"
    if row["remedy"]:
        line += f"\n{'':24}{row['remedy']}"
    return line


# ---- the catalogue in lines


def _source_lines(source: Source) -> list[str]:
    """Return what is told of a source, and a blank line."""
    from cxr_fastai.curation.fetch.transports import how_to_get

    copies = f"   copies of {', '.join(source.derived)}" if source.derived else ""
    if source.transport == "reference":
        return [f"{source.id}   (named by others, never fetched)   {source.title}{copies}", ""]
    switch = "on" if source.on == "yes" else "off"
    shared = f"licence {source.licence}; may be shared on: {source.redistribute}"
    images = source.expected_total or "?"
    ages = source.age_group or "unknown"
    lines = [
        f"{source.id}   {switch}   {source.title}",
        f"    {shared}; {images} images; {ages}{copies}",
        f"    {how_to_get(source)}",
    ]
    if source.notes:
        lines.append(f"    {source.notes}")
    unconfirmed = _unconfirmed(source)
    if unconfirmed:
        lines.append(f"    UNCONFIRMED: {', '.join(unconfirmed)}")
    lines += [_rule_line(rule) for rule in source.rules]
    return [*lines, ""]


def _unconfirmed(source: Source) -> list[str]:
    """Return the columns that nobody has checked against the files, of any rule."""
    columns: set[str] = set()
    for rule in source.rules:
        columns.update(split_bar(rule.unconfirmed))
    return sorted(columns)


def _rule_line(rule: Rule) -> str:
    """Return what a rule makes of a label."""
    findings = rule.findings.replace("|", ", ") or "left out"
    expected = f" ({rule.expected})" if rule.expected else ""
    label = rule.label_value
    if rule.label_from == "columns":
        label = f"{rule.label_key}={label}"
    return f"    {rule.label_from} {label!r} -> {findings}{expected}"
