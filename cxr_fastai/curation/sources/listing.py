"""Which images a source holds, and what it says of each.

A source's rules and its files -> Items and Rejects, from folder names, file names, csv tables, npz
arrays and shards. It decodes no image and changes no file.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath

from cxr_fastai.catalog import Rule, Source, split_list
from cxr_fastai.core import IntegrityError
from cxr_fastai.curation.sources.arrays import list_arrays
from cxr_fastai.curation.sources.counts import count_warnings
from cxr_fastai.curation.sources.file_names import (
    glob_regex,
    in_ascii,
    is_text,
    meets,
    shallowest,
)
from cxr_fastai.curation.sources.item import (
    REJECT_COLUMNS,
    Fields,
    Item,
    Reject,
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
from cxr_fastai.curation.sources.tables import key_in, read_table
from cxr_fastai.curation.sources.tree import Tree
from cxr_fastai.images import is_image_name
from cxr_fastai.junk import is_junk, is_left_in_archives, why_junk

__all__ = ["Item", "Reject", "REJECT_COLUMNS", "Listing", "list_source"]


@dataclass(frozen=True)
class Listing:
    """What a source holds."""

    items: list[Item]
    rejects: list[Reject]
    warnings: list[str]  # one sentence each


# ---- one source


def list_source(
    source: Source,
    tree: Tree,
) -> Listing:
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
    warnings = [*count_warnings(source, found), *list_warnings(source, items, lists)]
    return Listing(items, rejects, warnings)


def _unusable(
    source: Source,
    tree: Tree,
) -> list[Reject]:
    """Reject junk, names that no manifest can hold, and no plain files.

    Of hidden files and of those in a system's folders only images are told: a clone's .git holds
    thousands of others. Names are told in ASCII where no csv could hold them.
    """
    junk = [path for path in tree.files if _is_told_junk(path)]
    dropped = [row for row in tree.dropped if row[1] == "junk" or not is_junk(row[0])]
    unnamed = [path for path in tree.files if not is_text(path)]
    rename = "its name is no UTF-8: rename it"
    return [
        *(reject_file(source.id, path, "list", "junk", why_junk(path)) for path in junk),
        *(reject_file(source.id, in_ascii(p), "list", "name_not_utf8", rename) for p in unnamed),
        *(
            reject_file(
                source.id, path if is_text(path) else in_ascii(path), "list", reason, message
            )
            for path, reason, message in dropped
        ),
    ]


def _is_told_junk(path: str) -> bool:
    """Tell whether a file is junk and rejects.csv is to say so."""
    if is_left_in_archives(path):
        return True
    return is_junk(path) and is_image_name(path) and is_text(path)


def _check_globs(
    source: Source,
    tree: Tree,
    paths: list[str],  # of all files
) -> None:
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


def _outside(
    source: Source,
    paths: Collection[str],  # of all files
) -> list[Reject]:
    """Reject the images that no glob of the catalogue meets; other files are of no interest."""
    images = [path for path in sorted(paths) if is_image_name(path)]
    message = "no glob of the catalogue meets it"
    return [reject_file(source.id, path, "list", "outside_globs", message) for path in images]


def _list(
    source: Source,
    tree: Tree,
    met: list[str],  # of the files that a glob meets
    paths: list[str],  # of all files
    lists: dict[str, Lists],  # cell of column split -> the lists it names
) -> Iterator[Item | Reject]:
    """Choose how the source's images are listed: by arrays, shards or files."""
    if source.label_from == "array":
        return list_arrays(source, tree, met)
    if source.label_from == "shard":
        return list_shards(source, tree, met, lists)
    return _list_files(source, tree, met, paths, lists)


# ---- files that are one image each


def _list_files(
    source: Source,
    tree: Tree,
    met: list[str],  # of the files that a glob meets
    paths: list[str],  # of all files
    lists: dict[str, Lists],  # cell of column split -> the lists it names
) -> Iterator[Item | Reject]:
    """Yield an Item or a Reject for each file, and a Reject for each row that speaks of none.

    Names are looked up in a table as they are, without their ending, and with their folders.
    """
    rule_of_table = {rule.table: rule for rule in source.rules if rule.table}
    tables = {name: read_table(tree, rule, paths) for name, rule in rule_of_table.items()}
    used: set[tuple[str, str]] = set()  # (table, key)
    for path in met:
        rows: dict[str, list[Fields]] = {}
        for name, table in tables.items():
            key = key_in(table, path)
            if key is not None:
                used.add((name, key))
                rows[name] = table[key]
        yield _label_file(source, tree, path, rows, lists)
    for name, table in tables.items():
        message = f"{name} has a row for it, but there is no such file"
        for key in table:
            if (name, key) not in used:
                yield reject_file(source.id, key, "table", "missing_file", message)


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


def _fields(
    rule: Rule,
    path: str,  # relative to the source
    rows: list[Fields],  # of the tables, that speak of it
) -> list[Fields] | None:
    """Return what templates may name, for each row; None where the rule does not fit the name.

    Fields are the columns of the row, the groups of the name, and `name` and `stem`.
    """
    names: dict[str, str] = {}
    if rule.name_regex:
        found = re.search(rule.name_regex, path)
        if not found:
            return None
        names = {name: part or "" for name, part in found.groupdict().items()}
    file = PurePosixPath(path)
    return [{**row, **names, "name": file.name, "stem": file.stem} for row in rows]


def _label(
    rule: Rule,
    fields: Fields,
    path: str,  # relative to the source
) -> str:
    """Return the label that a rule finds in folder name, file name, table, or itself."""
    if rule.label_from == "folder":
        return PurePosixPath(path).parent.name
    if rule.label_from == "name":
        return fields.get("label") or ""
    if rule.label_from == "column":
        return fields.get(rule.label_key) or ""
    return rule.label_value
