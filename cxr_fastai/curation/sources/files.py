"""Images that are a file each, with what folders, names and tables say of them.

A source's rules, files and tables -> Items, Rejects, and what a reader should know. It decodes no
image.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from cxr_fastai.catalog import Rule, Source, split_list
from cxr_fastai.core import FolderWarning, IntegrityError
from cxr_fastai.curation.sources.cells import label_in_one_form
from cxr_fastai.curation.sources.file_names import meets
from cxr_fastai.curation.sources.item import (
    Fields,
    Item,
    Reject,
    check_templates,
    make_item,
    reject_file,
)
from cxr_fastai.curation.sources.official_splits import Lists, official_split
from cxr_fastai.curation.sources.stated import (
    Refused,
    Stated,
    place_of,
    stated_by_columns,
    stated_by_label,
    unknown_label,
)
from cxr_fastai.curation.sources.tables import Row, Table, read_tables
from cxr_fastai.curation.sources.tree import Tree

__all__ = ["list_files"]

NO_ROW = [Row(0, {})]  # what is said of a file without a table: nothing


def list_files(
    source: Source,
    tree: Tree,  # its files
    met: Sequence[str],  # of those that a glob of images meets
    paths: list[str],  # of all files
    lists: dict[str, Lists],  # cell of column split -> the lists it names
) -> tuple[list[Item | Reject], list[FolderWarning]]:
    """Make an Item or a Reject for each file, and a Reject for each row that speaks of none.

    Returns them with what a reader should know. Raises `CatalogError` for a template that names
    what is no column and no group, and `IntegrityError` where no row of any table speaks of a file,
    so that no image is left.
    """
    tables = read_tables(source, tree, paths, met)
    _check_templates(source, tables, tree)
    files = _Files(source, tree, tables, lists)
    found = [files.label(path) for path in met]
    if not any(isinstance(one, Item) for one in found):
        _check_keys(source, tables, met)
    warnings: list[FolderWarning] = []
    for table in tables.values():
        found += _without_file(source, table)
        warnings += table.warnings
    return found, warnings


def _check_keys(
    source: Source,
    tables: Mapping[str, Table],  # cell of column table -> Table
    met: Sequence[str],  # paths of the images
) -> None:
    """Raise `IntegrityError` for a table of which no key is that of a file."""
    for table in tables.values():
        if table.matched.key_of or table.matched.unclear or not table.rows or not met:
            continue
        rule = next(rule for rule in source.rules if rule.table == table.name)
        missing = table.matched.missing
        key = next((key for key, near in missing.items() if near), next(iter(table.rows)))
        file = missing.get(key) or f"a file is {met[0]}"
        raise IntegrityError(
            f"{source.id}: no row of {table.path} speaks of a file that is there: "
            f"{rule.table_key} of row {table.rows[key][0].number} is {key!r}, and {file}. "
            f"Mend column table_key (catalogue row {rule.row}), or the table."
        )


def _check_templates(
    source: Source,
    tables: Mapping[str, Table],  # cell of column table -> Table
    tree: Tree,
) -> None:
    """Raise `CatalogError` for a template that names a field that nothing fills.

    What it tells would stay blank for all images: patients, for one, would be cut across splits.
    """
    known: set[str] = set()
    for fields in tree.fields.values():
        known.update(fields)
    for rule in source.rules:
        groups = list(re.compile(rule.name_regex).groupindex)
        columns = list(tables[rule.table].columns) if rule.table else []
        check_templates(rule, [*columns, *groups, *sorted(known), "name", "stem"])


def _without_file(
    source: Source,
    table: Table,
) -> list[Reject]:
    """Reject the rows that speak of no file."""
    rejects = []
    for key, near in table.matched.missing.items():
        why = near or "there is no such file"
        if near.startswith("the nearest"):
            why = f"there is no such file: {near}"
        message = f"{table.path} has a row for it, but {why}"
        rejects.append(reject_file(source.id, key, "table", "missing_file", message))
    return rejects


@dataclass(frozen=True)
class _Files:
    """What is needed to label the files of a source."""

    source: Source
    tree: Tree
    tables: Mapping[str, Table]  # cell of column table -> Table
    lists: dict[str, Lists]  # cell of column split -> the lists it names

    def label(self, path: str) -> Item | Reject:
        """Make an Item of a file, or the Reject that says why it stays out."""
        if self.source.label_from == "columns":
            return self._by_columns(path)
        return self._by_first_rule(path)

    # ---- one label

    def _by_first_rule(self, path: str) -> Item | Reject:
        """Label a file by the first rule that applies; where none does, say what was found."""
        refused: list[Refused] = []  # of rules that found a label that is not theirs
        without_row: list[Rule] = []
        for rule in self._rules(path):
            rows = self._rows(rule, path)
            if not rows:
                without_row.append(rule)
                continue
            fields = self._fields(rule, path, rows)
            if fields is None:
                continue
            stated = self._stated(rule, path, rows, fields)
            if isinstance(stated, Stated):
                return self._item(rule, path, fields, stated)
            if stated.reason != "unknown_label":
                return self._reject(path, stated)
            refused.append(stated)
        if without_row:
            return self._without_row(without_row[0], path)
        if refused:
            return self._reject(path, refused[0])
        why = f"no rule of {self.source.id} fits its name"
        return self._reject(path, Refused("label", "unknown_label", why))

    def _stated(
        self,
        rule: Rule,
        path: str,
        rows: Sequence[Row],  # that speak of it
        fields: Sequence[Fields],  # of each of these rows
    ) -> Stated | Refused:
        """Return what a rule finds said of a file."""
        texts = [_label(rule, row, path) for row in fields]
        labels = [self._in_one_form(rule, text) for text in texts]
        place = place_of(self.tables[rule.table], rows) if rule.table else ""
        if len({frozenset(label.split("|")) for label in labels}) > 1:
            numbers = " and ".join(str(row.number) for row in rows)
            called = " and ".join(sorted(set(map(_as_called, labels, texts))))
            why = f"rows {numbers} of {self.tables[rule.table].path} call it {called}"
            return Refused("table", "ambiguous_row", why)
        stated = stated_by_label(self.source, rule, labels[0], place)
        return stated or unknown_label(self.source, texts[0], place)

    def _in_one_form(self, rule: Rule, text: str) -> str:
        """Return a label in the form of the rules; names of folders and files are no cells."""
        if rule.label_from != "column":
            return text
        values = tuple(each.label_value for each in self.source.rules)
        return label_in_one_form(text, values)

    # ---- one column a finding

    def _by_columns(self, path: str) -> Item | Reject:
        """Label a file by all columns that tell of it."""
        rules = [rule for rule in self._rules(path) if self._fields(rule, path, NO_ROW) is not None]
        if not rules:
            why = f"no rule of {self.source.id} fits its name"
            return self._reject(path, Refused("label", "unknown_label", why))
        told = [rule for rule in rules if self._rows(rule, path)]
        if not told:
            return self._without_row(rules[0], path)
        stated = stated_by_columns(rules, self.tables, path)
        if isinstance(stated, Refused):
            return self._reject(path, stated)
        fields = self._fields(told[0], path, self._rows(told[0], path)) or [{}]
        return self._item(told[0], path, fields, stated)

    # ---- either

    def _rules(self, path: str) -> list[Rule]:
        """Return the rules whose glob a file meets."""
        return [rule for rule in self.source.rules if meets(split_list(rule.glob), path)]

    def _rows(self, rule: Rule, path: str) -> list[Row]:
        """Return the rows that speak of a file, an empty one where no table is needed."""
        return self.tables[rule.table].rows_of(path) if rule.table else NO_ROW

    def _fields(self, rule: Rule, path: str, rows: Sequence[Row]) -> list[Fields] | None:
        """Return what templates may name of a file; None where the rule does not fit its name."""
        return _fields(rule, path, rows, self.tree.fields.get(path, {}))

    def _item(
        self,
        rule: Rule,
        path: str,
        fields: list[Fields],  # of each row
        stated: Stated,
    ) -> Item | Reject:
        """Make the Item of a file."""
        return make_item(
            source=self.source,
            rule=rule,
            file=self.tree.files[path],
            path=path,
            array=None,
            label=stated.label,
            findings=stated.findings,
            fields=fields,
            official=official_split(self.source, rule, path, self.lists),
            absent=stated.absent,
            unknown=stated.unknown,
            uncertain=stated.uncertain,
        )

    def _without_row(self, rule: Rule, path: str) -> Reject:
        """Reject a file of which its table says nothing, or nothing that can be told."""
        matched = self.tables[rule.table].matched
        name = self.tables[rule.table].path
        if path in matched.unclear:
            why = f"{name}: {matched.unclear[path]}"
            return self._reject(path, Refused("table", "ambiguous_file", why))
        why = f"{name} has no row for it"
        if path in matched.near:
            why += f": the nearest is {matched.near[path]!r}"
        return self._reject(path, Refused("table", "no_row", why))

    def _reject(self, path: str, refused: Refused) -> Reject:
        """Make the Reject of a file."""
        return reject_file(
            self.source.id,
            path,
            refused.stage,
            refused.reason,
            refused.why,
            text=refused.text,
        )


def _fields(
    rule: Rule,
    path: str,  # relative to the source
    rows: Sequence[Row],  # of the tables, that speak of it
    known: Fields,  # of the file beside its name, as Tree.fields has it
) -> list[Fields] | None:
    """Return what templates may name, for each row; None where the rule does not fit the name.

    Fields are the columns of the row, the groups of the name, what else is known of the file, and
    `name` and `stem`.
    """
    names: dict[str, str] = {}
    if rule.name_regex:
        found = re.search(rule.name_regex, path)
        if not found:
            return None
        names = {name: part or "" for name, part in found.groupdict().items()}
    file = PurePosixPath(path)
    return [{**row.cells, **names, **known, "name": file.name, "stem": file.stem} for row in rows]


def _as_called(
    label: str,  # in the form of the rules
    text: str,  # of the cell
) -> str:
    """Return what a row calls an image, also where that is no label: "NaN", or nothing."""
    return label or text.strip() or "nothing"


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
