"""Which images a source holds and what it says of each. Reads folder names, file names, csv tables and what `packed`
reads by the source's rules, returns Items and Rejects; decodes no image and changes no file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import PurePosixPath

from cxr_fastai.catalog import Rule, Source, split_bar, split_list
from cxr_fastai.core import IntegrityError, csv_rows
from cxr_fastai.curation.sources.arrays import array_pairs, shard_pairs
from cxr_fastai.curation.sources.item import (
    REJECT_COLUMNS,
    Item,
    Reject,
    fields_in,
    fill,
    findings_of,
    make_item,
    reject,
)
from cxr_fastai.curation.sources.official_splits import list_warnings, official, read_lists
from cxr_fastai.curation.sources.tree import Tree
from cxr_fastai.images import is_image_name

__all__ = ["Item", "Reject", "REJECT_COLUMNS", "Listing", "list_source"]

JUNK_FOLDERS = {"__MACOSX"}
JUNK_NAMES = {".DS_Store", "Thumbs.db", "desktop.ini"}
NO_IMAGES = (
    "missing_file",
    "unreadable_shard",
)  # reasons of Rejects that do not stand for one image


@dataclass(frozen=True)
class Listing:
    items: list[Item]
    rejects: list[Reject]
    warnings: list[str]


# ---- files


@lru_cache(maxsize=256)
def glob_regex(glob: str) -> re.Pattern:
    """A glob over / paths: * and ? stay within a folder, **/ crosses any number of them."""
    parts = re.split(r"(\*\*/|\*|\?)", glob)
    return re.compile(
        "".join({"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}.get(p, re.escape(p)) for p in parts)
    )


def is_junk(path: str) -> bool:
    """What an operating system leaves in archives."""
    p = PurePosixPath(path)
    return bool(JUNK_FOLDERS & set(p.parts)) or p.name in JUNK_NAMES or p.name.startswith("._")


def is_text(path: str) -> bool:
    """Whether a name is valid UTF-8, so that a manifest can hold it."""
    try:
        return bool(path.encode())
    except UnicodeEncodeError:
        return False


def match(globs, paths) -> list[str]:
    return [p for p in paths if any(glob_regex(g).fullmatch(p) for g in globs)]


def shallowest(glob: str, paths) -> str:
    """Of the paths that meet a glob the one in the fewest folders, the first of these by name; '' where there is none."""
    return min(match([glob], paths), key=lambda p: (p.count("/"), p), default="")


# ---- tables


def read_table(tree: Tree, rule: Rule, paths: list[str]) -> dict[str, list[dict]]:
    """File name, or stem, -> the rows that speak of it. The shallowest file that meets `rule.table` is read."""
    found = shallowest(rule.table, paths)
    if not found:
        raise IntegrityError(
            f"{rule.source}: no table {rule.table!r} in {tree.where} (catalogue row {rule.row}). "
            "Fetch the source whole, or mend the row."
        )
    file = tree.file(found)
    encoding = rule.encoding if rule.encoding == "latin-1" else "utf-8-sig"
    columns, table = csv_rows(
        file.read_bytes(), f"{file} (catalogue row {rule.row}, column encoding)", encoding
    )
    rows: dict[str, list[dict]] = {}
    _check_columns(rule, columns, file)
    for row in table:
        key = fill(rule.table_key, row)
        if not key:
            continue
        cells = {k: (v or "").strip() for k, v in row.items() if isinstance(v, str) or v is None}
        rows.setdefault(key, []).append(cells)
    return rows


def _check_columns(rule: Rule, have, file):
    named = set(fields_in(rule.table_key)) | (
        {rule.label_key} if rule.label_from == "column" else set()
    )
    for col in sorted(named - set(have)):
        raise IntegrityError(
            f"{file}: no column {col!r} (catalogue row {rule.row}); it has {', '.join(have)}."
        )


# ---- one source


def list_source(source: Source, tree: Tree) -> Listing:
    """All images of a source.
    Raises `IntegrityError` where a glob or a table meets nothing: the files are not what the rows describe.
    """
    every = list(tree.files)
    paths = [p for p in every if not is_junk(p) and is_text(p)]
    rejects = [
        reject(source, p, "list", "junk", "left by an operating system in the archive")
        for p in every
        if is_junk(p)
    ]
    rejects += [
        reject(source, ascii(p)[1:-1], "list", "name_not_utf8", "its name is no UTF-8: rename it")
        for p in every
        if not is_text(p)
    ]
    rejects += [
        reject(source, p if is_text(p) else ascii(p)[1:-1], "list", reason, message)
        for p, reason, message in tree.dropped
    ]
    for g in source.globs:
        if not match([g], paths):
            seen = f"{len(paths)} other files, {paths[0]} the first" if paths else "no file at all"
            row = next(r.row for r in source.rules if g in split_list(r.glob))
            raise IntegrityError(
                f"{source.id}: nothing in {tree.where} meets the glob {g!r} "
                f"(catalogue row {row}); there is {seen}. "
                "Fetch the source whole, or mend the row."
            )
    met = match(source.globs, paths)
    outside = set(paths) - set(met)
    rejects += [
        reject(source, p, "list", "outside_globs", "no glob of the catalogue meets it")
        for p in sorted(outside)
        if is_image_name(p)
    ]
    lists = read_lists(source, tree, partial(shallowest, paths=paths))
    found = list(_pairs(source, tree, met, paths, lists))
    items = [x for x in found if isinstance(x, Item)]
    rejects += [x for x in found if isinstance(x, Reject)]
    return Listing(
        items, rejects, [*_count_warnings(source, found), *list_warnings(source, items, lists)]
    )


def _pairs(source: Source, tree: Tree, met: list[str], paths: list[str], lists: dict):
    if source.label_from == "array":
        return array_pairs(source, tree, met)
    if source.label_from == "shard":
        return shard_pairs(source, tree, met, lists)
    return _file_pairs(source, tree, met, paths, lists)


def _file_pairs(source: Source, tree: Tree, met: list[str], paths: list[str], lists: dict):
    tables = {
        r.table: read_table(tree, r, paths)
        for r in {r.table: r for r in source.rules if r.table}.values()
    }
    used = set()
    for path in met:
        name, stem = PurePosixPath(path).name, PurePosixPath(path).stem
        keys = {
            t: next((k for k in (name, stem, path) if k in rows), None)
            for t, rows in tables.items()
        }
        used |= set(keys.items())
        rows = {t: tables[t].get(k, []) for t, k in keys.items()}
        yield _label(source, tree, path, rows, lists)
    for t, rows in tables.items():
        for key in rows:
            if (t, key) not in used:
                yield reject(
                    source,
                    key,
                    "table",
                    "missing_file",
                    f"{t} has a row for it, but there is no such file",
                )


def _label(source: Source, tree: Tree, path: str, rows: dict, lists: dict) -> Item | Reject:
    """The first rule that applies to the file makes it an Item; where none does, a Reject says what label was found."""
    p = PurePosixPath(path)
    said, missing = [], False
    for rule in source.rules:
        if not any(glob_regex(g).fullmatch(path) for g in split_list(rule.glob)):
            continue
        if rule.table and not rows.get(rule.table):
            missing = True
            continue
        m = re.search(rule.name_regex, path) if rule.name_regex else None
        if rule.name_regex and not m:
            continue
        table_rows = rows.get(rule.table) or [{}]
        groups = {k: v or "" for k, v in m.groupdict().items()} if m else {}
        fields = [{**row, **groups, "name": p.name, "stem": p.stem} for row in table_rows]
        labels = {_said(rule, f, p) for f in fields}
        if len(labels) > 1:
            return reject(
                source,
                path,
                "table",
                "ambiguous_row",
                f"rows of {rule.table} call it {' and '.join(sorted(labels))}",
            )
        said.append(labels.pop())
        if (findings := findings_of(source, rule, said[-1])) is not None:
            split = official(source, rule, path, lists)
            return make_item(
                source, rule, tree.files[path], path, None, said[-1], findings, fields, split
            )
    if missing:
        return reject(source, path, "table", "no_row", f"{source.table} has no row for it")
    why = f"for the label {said[0]!r}" if said else "fits its name"
    return reject(source, path, "label", "unknown_label", f"no rule of {source.id} {why}")


def _said(rule: Rule, fields: dict, p: PurePosixPath) -> str:
    if rule.label_from == "folder":
        return p.parent.name
    if rule.label_from == "name":
        return fields.get("label", "")
    if rule.label_from == "column":
        return fields.get(rule.label_key, "")
    return rule.label_value


def _count_warnings(source: Source, found: list) -> list[str]:
    """Counts that differ from the catalogue's, with both numbers; what was left out for its label or for damage."""
    images = sum(not (isinstance(x, Reject) and x.reason in NO_IMAGES) for x in found)
    said: dict[str, int] = {}
    for x in found:
        if isinstance(x, Item):
            for part in split_bar(x.source_label) or ("blank",):
                said[part] = said.get(part, 0) + 1
    counts = [
        ("images", images, source.expected_total, "expected_total" in split_bar(source.unconfirmed))
    ]
    counts += [
        (
            repr(r.label_value),
            said.get(r.label_value, 0),
            r.expected,
            "expected" in split_bar(r.unconfirmed),
        )
        for r in source.rules
    ]
    off = [
        f"{what} {have} of {want}{' (unconfirmed)' if doubt else ''}"
        for what, have, want, doubt in counts
        if want and have != int(want)
    ]
    out = [f"{source.id}: found, of what the catalogue expects: {', '.join(off)}"] if off else []
    by: dict[str, list[Reject]] = {}
    for x in found:
        if isinstance(x, Reject) and x.stage in ("label", "scan"):
            by.setdefault(x.reason, []).append(x)
    for reason, of in by.items():
        lost = "shards not read to their end" if reason == "unreadable_shard" else "images left out"
        out.append(f"{source.id}: {len(of)} {lost}: {of[0].message} ({of[0].path} the first)")
    return out
