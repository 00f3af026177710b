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
from cxr_fastai.reporting.text import count, table

__all__ = ["sources"]

CHECK_HEADER = ("source", "on", "share", "size", "state", "what was found")  # of the check


def sources(args: Namespace) -> int:
    """Print what `cxr sources` was asked for; return the exit code."""
    if args.check and args.manifest and _is_curated(Path(args.manifest)):
        return _check_curated(Path(args.manifest), args.pixels)
    if args.pixels:
        raise UsageError(
            "--pixels verifies the images of a curated folder: give --check --manifest FOLDER too."
        )
    unheard = [name for name in ("only", "mirror") if getattr(args, name)]
    if unheard and not args.check:
        raise UsageError(f"--{unheard[0]} is of --check: give that too, or leave it out.")
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
    n = len(manifest.rows)
    images = count(n, "image")
    if not pixels:
        print(f"{path}: sound: {images}, all there. Their pixels were not verified: give --pixels")
        return 0
    wrong = pixel_faults(manifest, progress=progress)
    for line in wrong:
        print(line)
    if wrong:
        are = "is not that" if len(wrong) == 1 else "are not those"
        progress.say(f"cxr sources: {len(wrong):,} of {images} {are} of the manifest")
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
        print("\n".join(_check_lines(rows, args.mirror)))
    return _tell_missing(rows, only_on=not args.only)


def _check_row(source: Source, check: dict[str, Any]) -> dict[str, Any]:
    """Return what is told of a source that was asked."""
    return {
        "source": source.id,
        "on": source.on,
        **check,
        "catalogue_size": source.size,
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
    of_all = f"{len(missing):,} of {count(len(needed), 'source')}"
    print(f"cxr sources: {of_all} cannot be had: {', '.join(missing)}", file=sys.stderr)
    return 3


def _check_lines(
    rows: Sequence[dict[str, Any]],
    mirror: str | None,  # where it was looked
) -> list[str]:
    """Return the check for a terminal: what the columns are, a line a source, what they mean.

    The mirror is named once, in the head; in the lines it is MIRROR, as in every advice.
    """
    lines = []
    if mirror:
        lines.append(f"MIRROR is {mirror}")
    cells = [CHECK_HEADER, *(_check_cells(row, mirror) for row in rows)]
    header, *told = table(cells, left=len(CHECK_HEADER))
    lines.append(header)
    for line, row in zip(told, rows):
        lines.append(line)
        if row["remedy"]:
            lines.append(f"    {_at_mirror(row['remedy'], mirror)}")
    lines.append("share: whether its images may be shared on; `cxr sources` has the licence")
    if mirror and any(row["state"] == "no_download" for row in rows):
        lines.append(
            "with --mirror nothing is downloaded; leave it out to download what is missing"
        )
    return lines


def _check_cells(
    row: dict[str, Any],
    mirror: str | None,
) -> tuple[str, ...]:
    """Return a source's cells under CHECK_HEADER."""
    size = size_text(row["size"]) if row["size"] else row["catalogue_size"]
    share = row["redistribute"] or "unknown"
    found = _at_mirror(row["message"], mirror)
    return (row["source"], row["on"], share, size or "?", row["state"], found)


def _at_mirror(
    text: str,
    mirror: str | None,
) -> str:
    """Write MIRROR for the folder that was named in the head."""
    return text.replace(str(mirror).rstrip("/"), "MIRROR") if mirror else text


# ---- the catalogue in lines


def _source_lines(source: Source) -> list[str]:
    """Return what is told of a source, and a blank line."""
    from cxr_fastai.curation.fetch.transports import how_to_get

    copies = f"   copies of {', '.join(source.derived)}" if source.derived else ""
    if source.transport == "reference":
        return [f"{source.id}   (named by others, never fetched)   {source.title}{copies}", ""]
    switch = "on" if source.on == "yes" else "off"
    shared = f"licence {source.licence}; may be shared on: {source.redistribute}"
    ages = source.age_group or "ages unknown"
    lines = [
        f"{source.id}   {switch}   {source.title}",
        f"    {shared}; {_images_and_size(source)}; {ages}{copies}",
        f"    {how_to_get(source)}",
    ]
    if source.notes:
        lines.append(f"    {source.notes}")
    unconfirmed = _unconfirmed(source)
    if unconfirmed:
        lines.append(f"    UNCONFIRMED: {', '.join(unconfirmed)}")
    lines += [_rule_line(rule) for rule in source.rules]
    return [*lines, ""]


def _images_and_size(source: Source) -> str:
    """Say how many images a source has, and how large its download is."""
    total = source.expected_total
    images = count(int(total), "image") if total else "number of images unknown"
    if source.transport == "local":
        return images
    return f"{images}; download {source.size or 'of unknown size'}"


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
