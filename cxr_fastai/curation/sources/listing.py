"""Which images a source holds, and what it says of each.

A source's rules and its files -> Items and Rejects, from folder names, file names, csv tables, npz
arrays and shards. It decodes no image and changes no file.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import PurePosixPath

from cxr_fastai.catalog import Rule, Source, split_bar, split_list
from cxr_fastai.core import IntegrityError, csv_rows
from cxr_fastai.curation.sources.arrays import list_arrays
from cxr_fastai.curation.sources.item import (
    REJECT_COLUMNS,
    Fields,
    Item,
    Reject,
    fields_in,
    fill,
    findings_of,
    make_item,
    reject_file,
)
from cxr_fastai.curation.sources.official_splits import (
    Lists,
    list_warnings,
    official_split,
    read_lists,
)
from cxr_fastai.curation.sources.shards import list_shards
from cxr_fastai.curation.sources.tree import Tree
from cxr_fastai.images import is_image_name

__all__ = ["Item", "Reject", "REJECT_COLUMNS", "Listing", "list_source", "is_junk", "is_text"]

JUNK_FOLDERS = {"__MACOSX"}
JUNK_NAMES = {".DS_Store", "Thumbs.db", "desktop.ini"}
# Reasons of Rejects that do not stand for one image.
NO_IMAGE_REASONS = ("missing_file", "unreadable_shard")
GLOB_PARTS = {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}  # glob -> regular expression

Table = dict[str, list[Fields]]  # file name, stem or path -> the rows that speak of it


@dataclass(frozen=True)
class Listing:
    """What a source holds."""

    items: list[Item]
    rejects: list[Reject]
    warnings: list[str]  # one sentence each


# ---- files


@lru_cache(maxsize=256)
def glob_regex(glob: str) -> re.Pattern[str]:
    """Compile a glob over / paths: * and ? stay within a folder, **/ crosses any number of them."""
    parts = re.split(r"(\*\*/|\*|\?)", glob)
    return re.compile("".join(GLOB_PARTS.get(part, re.escape(part)) for part in parts))


def is_junk(path: str) -> bool:
    """Tell whether an operating system left such a file in an archive."""
    file = PurePosixPath(path)
    if file.name in JUNK_NAMES or file.name.startswith("._"):
        return True
    return not JUNK_FOLDERS.isdisjoint(file.parts)


def is_text(path: str) -> bool:
    """Tell whether a name is valid UTF-8, so that a manifest can hold it."""
    try:
        return bool(path.encode())
    except UnicodeEncodeError:
        return False


def meets(globs: Iterable[str], path: str) -> bool:
    """Tell whether a path meets one of the globs."""
    return any(glob_regex(glob).fullmatch(path) for glob in globs)


def shallowest(glob: str, paths: Iterable[str]) -> str:
    """Return the path in the fewest folders that meets a glob, the first by name, or ''."""
    found = [path for path in paths if meets([glob], path)]
    return min(found, key=lambda path: (path.count("/"), path), default="")


# ---- tables


def read_table(tree: Tree, rule: Rule, paths: list[str]) -> Table:
    """Read the shallowest file that meets `rule.table`.

    Raises `IntegrityError` where there is none, or where it lacks a column that the rule names.
    """
    path = shallowest(rule.table, paths)
    if not path:
        raise IntegrityError(
            f"{rule.source}: no table {rule.table!r} in {tree.where} (catalogue row {rule.row}). "
            "Fetch the source whole, or mend the row."
        )
    file = tree.file(path)
    where = f"{file} (catalogue row {rule.row}, column encoding)"
    encoding = rule.encoding if rule.encoding == "latin-1" else "utf-8-sig"
    columns, rows = csv_rows(file.read_bytes(), where, encoding)
    for column in sorted(_columns_named(rule).difference(columns)):
        raise IntegrityError(
            f"{file}: no column {column!r} (catalogue row {rule.row}); it has {', '.join(columns)}."
        )
    table: Table = {}
    for row in rows:
        key = fill(rule.table_key, row)
        if key:
            table.setdefault(key, []).append(_stripped(row))
    return table


def _columns_named(rule: Rule) -> set[str]:
    columns = set(fields_in(rule.table_key))
    if rule.label_from == "column":
        columns.add(rule.label_key)
    return columns


def _stripped(row: Fields) -> Fields:
    """Return a row's cells without blanks around them, and no cells beyond the columns."""
    cells = {}
    for column, cell in row.items():
        if cell is None or isinstance(cell, str):
            cells[column] = (cell or "").strip()
    return cells


# ---- one source


def list_source(source: Source, tree: Tree) -> Listing:
    """List all images of a source.

    Raises `IntegrityError` where a glob or a table meets nothing: the files are not what the rows
    describe.
    """
    paths = [path for path in tree.files if not is_junk(path) and is_text(path)]
    rejects = _unusable(source, tree)
    _check_globs(source, tree, paths)
    globs = source.globs
    met = [path for path in paths if meets(globs, path)]
    rejects += _outside(source, set(paths).difference(met))
    lists = read_lists(source, tree, partial(shallowest, paths=paths))
    found = list(_list(source, tree, met, paths, lists))
    items = [one for one in found if isinstance(one, Item)]
    rejects += [one for one in found if isinstance(one, Reject)]
    warnings = [*_count_warnings(source, found), *list_warnings(source, items, lists)]
    return Listing(items, rejects, warnings)


def _unusable(source: Source, tree: Tree) -> list[Reject]:
    """Reject what an operating system left, names that no manifest can hold, and no plain files."""
    junk = [path for path in tree.files if is_junk(path)]
    unnamed = [path for path in tree.files if not is_text(path)]
    left = "left by an operating system in the archive"
    rename = "its name is no UTF-8: rename it"
    return [
        *(reject_file(source.id, path, "list", "junk", left) for path in junk),
        *(reject_file(source.id, _ascii(p), "list", "name_not_utf8", rename) for p in unnamed),
        *(
            reject_file(source.id, path if is_text(path) else _ascii(path), "list", reason, message)
            for path, reason, message in tree.dropped
        ),
    ]


def _ascii(path: str) -> str:
    return ascii(path)[1:-1]


def _check_globs(source: Source, tree: Tree, paths: list[str]) -> None:
    """Raise `IntegrityError` where a glob of the source meets none of the paths."""
    for glob in source.globs:
        if any(glob_regex(glob).fullmatch(path) for path in paths):
            continue
        others = f"{len(paths)} other files, {paths[0]} the first" if paths else "no file at all"
        row = next(rule.row for rule in source.rules if glob in split_list(rule.glob))
        raise IntegrityError(
            f"{source.id}: nothing in {tree.where} meets the glob {glob!r} "
            f"(catalogue row {row}); there is {others}. "
            "Fetch the source whole, or mend the row."
        )


def _outside(source: Source, paths: Collection[str]) -> list[Reject]:
    images = [path for path in sorted(paths) if is_image_name(path)]
    message = "no glob of the catalogue meets it"
    return [reject_file(source.id, path, "list", "outside_globs", message) for path in images]


def _list(
    source: Source, tree: Tree, met: list[str], paths: list[str], lists: dict[str, Lists]
) -> Iterator[Item | Reject]:
    if source.label_from == "array":
        return list_arrays(source, tree, met)
    if source.label_from == "shard":
        return list_shards(source, tree, met, lists)
    return _list_files(source, tree, met, paths, lists)


# ---- files that are one image each


def _list_files(
    source: Source, tree: Tree, met: list[str], paths: list[str], lists: dict[str, Lists]
) -> Iterator[Item | Reject]:
    """Yield an Item or a Reject for each file, and a Reject for each row that speaks of none."""
    rule_of_table = {rule.table: rule for rule in source.rules if rule.table}
    tables = {name: read_table(tree, rule, paths) for name, rule in rule_of_table.items()}
    used: set[tuple[str, str]] = set()  # (table, key)
    for path in met:
        rows: dict[str, list[Fields]] = {}
        for name, table in tables.items():
            key = _key_in(table, path)
            if key is not None:
                used.add((name, key))
                rows[name] = table[key]
        yield _label_file(source, tree, path, rows, lists)
    for name, table in tables.items():
        message = f"{name} has a row for it, but there is no such file"
        for key in table:
            if (name, key) not in used:
                yield reject_file(source.id, key, "table", "missing_file", message)


def _key_in(table: Table, path: str) -> str | None:
    """Return the key under which a table speaks of a file: its name, its stem or its path."""
    file = PurePosixPath(path)
    for key in (file.name, file.stem, path):
        if key in table:
            return key
    return None


def _label_file(
    source: Source,
    tree: Tree,
    path: str,
    rows: dict[str, list[Fields]],  # table -> what it says of the file
    lists: dict[str, Lists],
) -> Item | Reject:
    """Make an Item by the first rule that applies; where none does, say what label was found."""
    labels: list[str] = []  # that rules found, and that they do not apply to
    row_is_missing = False
    for rule in source.rules:
        if not meets(split_list(rule.glob), path):
            continue
        if rule.table and not rows.get(rule.table):
            row_is_missing = True
            continue
        fields = _fields(rule, path, rows.get(rule.table) or [{}])
        if fields is None:
            continue
        found = {_label(rule, row, path) for row in fields}
        if len(found) > 1:
            message = f"rows of {rule.table} call it {' and '.join(sorted(found))}"
            return reject_file(source.id, path, "table", "ambiguous_row", message)
        label = found.pop()
        findings = findings_of(source, rule, label)
        if findings is not None:
            return make_item(
                source=source,
                rule=rule,
                file=tree.files[path],
                path=path,
                array=None,
                label=label,
                findings=findings,
                fields=fields,
                official=official_split(source, rule, path, lists),
            )
        labels.append(label)
    if row_is_missing:
        message = f"{source.table} has no row for it"
        return reject_file(source.id, path, "table", "no_row", message)
    why = f"for the label {labels[0]!r}" if labels else "fits its name"
    message = f"no rule of {source.id} {why}"
    return reject_file(source.id, path, "label", "unknown_label", message)


def _fields(rule: Rule, path: str, rows: list[Fields]) -> list[Fields] | None:
    """Return what templates may name, for each row; None where the rule does not fit the name."""
    names: dict[str, str] = {}
    if rule.name_regex:
        found = re.search(rule.name_regex, path)
        if not found:
            return None
        names = {name: part or "" for name, part in found.groupdict().items()}
    file = PurePosixPath(path)
    return [{**row, **names, "name": file.name, "stem": file.stem} for row in rows]


def _label(rule: Rule, fields: Fields, path: str) -> str:
    """Return the label that a rule finds in folder name, file name, table, or itself."""
    if rule.label_from == "folder":
        return PurePosixPath(path).parent.name
    if rule.label_from == "name":
        return fields.get("label") or ""
    if rule.label_from == "column":
        return fields.get(rule.label_key) or ""
    return rule.label_value


# ---- warnings


def _count_warnings(source: Source, found: list[Item | Reject]) -> list[str]:
    """Say which counts differ from the catalogue's, and what was left out for label or damage."""
    differing = _differing_counts(source, found)
    warnings = []
    if differing:
        counts = ", ".join(differing)
        warnings.append(f"{source.id}: found, of what the catalogue expects: {counts}")
    by_reason: dict[str, list[Reject]] = {}
    for one in found:
        if isinstance(one, Reject) and one.stage in ("label", "scan"):
            by_reason.setdefault(one.reason, []).append(one)
    for reason, rejects in by_reason.items():
        what = "shards not read to their end" if reason == "unreadable_shard" else "images left out"
        first = f"{rejects[0].message} ({rejects[0].path} the first)"
        warnings.append(f"{source.id}: {len(rejects)} {what}: {first}")
    return warnings


def _differing_counts(source: Source, found: list[Item | Reject]) -> list[str]:
    """Return 'WHAT HAVE of WANT' for each count that is not what the catalogue expects."""
    no_images = [x for x in found if isinstance(x, Reject) and x.reason in NO_IMAGE_REASONS]
    images = len(found) - len(no_images)
    by_label: dict[str, int] = {}
    for one in found:
        if isinstance(one, Item):
            for label in split_bar(one.source_label) or ("blank",):
                by_label[label] = by_label.get(label, 0) + 1
    unconfirmed = "expected_total" in split_bar(source.unconfirmed)
    counts = [_differing("images", images, source.expected_total, unconfirmed)]
    for rule in source.rules:
        unconfirmed = "expected" in split_bar(rule.unconfirmed)
        have = by_label.get(rule.label_value, 0)
        counts.append(_differing(repr(rule.label_value), have, rule.expected, unconfirmed))
    return [count for count in counts if count]


def _differing(what: str, have: int, want: str, unconfirmed: bool) -> str:
    """Return '' where `have` is the number wanted, or where no number is."""
    if not want or have == int(want):
        return ""
    return f"{what} {have} of {want}{' (unconfirmed)' if unconfirmed else ''}"
