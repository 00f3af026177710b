"""The door of a user's csv: a row an image, no catalogue, no recipe file.

A csv, the names of its columns and a folder of images -> OwnData: a source whose table this is, and
a recipe of its labels. What was read into it is said; what cannot be told is refused, or counted by
its own text. What the csv does not tell is taken of DICOM headers. It decodes no image and changes
no file.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cxr_fastai.catalog import Source
from cxr_fastai.core import FolderWarning, StorageError, StrPath, Task, UsageError, usable_path
from cxr_fastai.csv_of_others import CsvFile, read_csv_of_others
from cxr_fastai.curation.own.class_names import joined_names, name_classes, names_meant
from cxr_fastai.curation.own.dicom_headers import DicomHeaders, read_headers
from cxr_fastai.curation.own.own_data import OwnData, own_source, source_id
from cxr_fastai.curation.own.own_recipe import OwnClasses, meet_recipe, own_recipe
from cxr_fastai.curation.own.table_columns import OwnColumns, choose_columns, file_columns
from cxr_fastai.curation.own.table_labels import TableLabels, read_labels
from cxr_fastai.curation.own.table_rows import OwnRows, as_csv, column_names, read_rows_of
from cxr_fastai.curation.own.table_words import (
    Read,
    counted_texts,
    inferred_of,
    table_command,
    table_warnings,
)
from cxr_fastai.curation.own.user_folder import UserFolder, user_tree
from cxr_fastai.curation.sources.listing import list_source
from cxr_fastai.curation.sources.table_keys import match_keys
from cxr_fastai.curation.sources.tree import Tree
from cxr_fastai.inputs import refuse_url
from cxr_fastai.junk import is_junk
from cxr_fastai.progress import SILENT, Progress
from cxr_fastai.recipes import Recipe

__all__ = ["read_own_table"]

LEFT_OUT = "-"  # in the place of a class: images of this label stay out
PLAIN_NAME = re.compile(r"[\w][\w .()+-]*\.(csv|tsv|txt)", re.IGNORECASE)  # one that a glob can be


def read_own_table(
    table: StrPath,  # a csv with a row an image
    file: str,  # its column of files
    label: str,  # its column of labels; A,B,C: several, one a finding
    patient: str = "",  # its column of patients
    age: str = "",  # of ages
    sex: str = "",  # of sexes
    view: str = "",  # of views
    folder: StrPath | None = None,  # where the files lie; None: beside the csv
    same: Sequence[str] = (),  # A=B,C: the labels B and C are the class A
    take_as: Mapping[str, str] | None = None,  # label -> its class; - leaves it out
    recipe: Recipe | None = None,  # that was asked for; None: the labels as they are
    label_separator: str = "",  # of labels in one cell, or none; '': as the cells tell
    progress: Progress = SILENT,
    salt: StrPath | None = None,  # a file: the salt of patients' ids in DICOM; None: the usual one
) -> OwnData:
    """Read a csv of the user's own. Raises `UsageError` for what is not clear, `StorageError`."""
    path, take_as = Path(table), take_as or {}
    asked = dict(file=file, label=label, patient=patient, age=age, sex=sex, view=view)
    csv_file = read_csv_of_others(_bytes_of(path), path.name, UsageError)
    found = _user_folder(path, folder)
    columns = choose_columns(csv_file, path.name, asked, found.images)
    rows = read_rows_of(csv_file, columns, found.images)
    spoken_of = _files_named(rows, csv_file, columns, found, path.name)
    spoken = {*take_as, *_names_in(same)}
    labels = read_labels(rows.labels, columns.label, path.name, label_separator, spoken)
    own, told = _classes(labels, recipe, same, take_as, path)
    files = {each: found.tree.files[each] for each in spoken_of}
    headers = read_headers(files, rows.others.keys(), salt, progress)
    source, tree = _source(path, columns, rows, labels, own, found.tree, headers)
    read = Read(
        name=path.name,
        csv=csv_file,
        columns=columns,
        rows=rows,
        labels=labels,
        own=own,
        images=len(found.images),
        where=tree.where,
        listing=list_source(source, tree),
        headers=headers,
    )
    command = table_command(read, table, folder, same, take_as, recipe, salt)
    warnings = [*found.warnings, *told, *table_warnings(read), *headers.warnings]
    return OwnData(source, own.recipe, tree, warnings, inferred_of(read), command)


def _names_in(same: Sequence[str]) -> set[str]:
    """Return the labels that the user joins to a class."""
    names: set[str] = set()
    for said in same:
        names.update(name.strip() for name in said.partition("=")[2].split(","))
    return names


# ---- files


def _bytes_of(path: Path) -> bytes:
    """Return the bytes of a csv. Raises `UsageError` where there is none, `StorageError`."""
    refuse_url(path, "csv")
    usable_path(path, "csv")
    if path.is_dir():
        raise UsageError(f"{path} is a folder: name a csv, and the folder of its files beside it.")
    if not path.exists():
        raise UsageError(f"{path}: there is no such csv.")
    if not path.is_file():
        raise UsageError(f"{path} is a device or pipe: name a csv file.")
    try:
        return path.read_bytes()
    except OSError as e:
        raise StorageError(f"cannot read the csv {path}: {e.strerror}.") from e


def _user_folder(
    table: Path,
    folder: StrPath | None,  # None: that of the csv
) -> UserFolder:
    """Return the images of the folder; the csv is none of the files that are left out."""
    where = usable_path(table.parent if folder is None else folder, "folder")
    if not where.exists():
        raise UsageError(f"{where}: there is no such folder: name that of the files.")
    found = user_tree(where)
    itself = os.path.relpath(os.path.realpath(table), os.path.realpath(where))
    dropped = tuple(row for row in found.tree.dropped if row[0] != Path(itself).as_posix())
    return replace(found, tree=replace(found.tree, dropped=dropped))


def _files_named(
    rows: OwnRows,
    table: CsvFile,
    columns: OwnColumns,
    found: UserFolder,
    name: str,  # of the csv
) -> list[str]:
    """Return the images that rows name. Raises `UsageError` where none names one that is there."""
    row_of: dict[str, int] = {}
    for number, file in zip(rows.numbers, rows.files):
        if file:
            row_of.setdefault(file, number)
    matched = match_keys(row_of, found.images, _are_no_copies)
    if matched.key_of or matched.unclear:
        return sorted({*matched.key_of, *matched.unclear})
    if not row_of:
        raise UsageError(f"{name}: column {columns.file!r} is blank in all rows.")
    key, number = next(iter(row_of.items()))
    others = [column for column in file_columns(table, found.images) if column != columns.file]
    remedy = f"Column {others[0]!r} does." if others else "Name the folder of its files."
    near = matched.missing.get(key) or f"an image there is {found.images[0]!r}"
    raise UsageError(
        f"{name}: column {columns.file!r} names no image in {found.tree.where}: row {number} has "
        f"{key!r}, {near}. {remedy}"
    )


def _are_no_copies(paths: Sequence[str]) -> bool:
    """Take no files for copies: none is read."""
    return False


# ---- classes


def _classes(
    labels: TableLabels,
    recipe: Recipe | None,
    same: Sequence[str],
    take_as: Mapping[str, str],
    path: Path,  # of the csv
) -> tuple[OwnClasses, list[FolderWarning]]:
    """Give each label its findings under a recipe; those that are to be left out get none."""
    out = {label for label, own in take_as.items() if own == LEFT_OUT}
    counts = {label: n for label, n in labels.counts.items() if label not in out}
    named_as = {label: own for label, own in take_as.items() if own != LEFT_OUT}
    if not counts:
        raise UsageError(
            f"{path.name}: no row has a label in column {labels.where!r}: "
            f"{counted_texts(labels.left)}."
        )
    if recipe is None:
        named = name_classes(counts, same, named_as)
        task = Task.MULTI_LABEL if labels.is_multi_label else Task.SINGLE_LABEL
        return own_recipe(named.class_of, f"Labels of {path.name}", task), named.warnings
    return _under_recipe(recipe, counts, same, named_as, source_id(path.stem)), []


def _under_recipe(
    recipe: Recipe,
    counts: Mapping[str, int],  # label -> rows
    same: Sequence[str],
    named_as: Mapping[str, str],  # label -> class of the recipe
    source: str,  # id
) -> OwnClasses:
    """Read labels as classes of a recipe. Raises `UsageError` where one cannot be placed."""
    joined = joined_names(counts, same)
    taken = {}
    for said, own in named_as.items():
        for label in names_meant(said, counts, joined):
            taken[joined[label]] = own
    try:
        met = meet_recipe(recipe, list(dict.fromkeys(joined.values())), taken, source)
    except UsageError as e:
        raise type(e)(f"{e} A label is left out by --as LABEL={LEFT_OUT} (Python: take_as).") from e
    findings = {label: met.findings[own] for label, own in joined.items()}
    class_of = {label: met.class_of[own] for label, own in joined.items()}
    return OwnClasses(met.recipe, findings, class_of)


# ---- source


def _source(
    path: Path,  # of the csv
    columns: OwnColumns,
    rows: OwnRows,
    labels: TableLabels,
    own: OwnClasses,
    tree: Tree,
    headers: DicomHeaders,
) -> tuple[Source, Tree]:
    """Return the source whose table the csv is, and the tree that holds the csv as it was read."""
    name = source_id(path.stem)
    plain = PLAIN_NAME.fullmatch(path.name) and not is_junk(path.name)
    table = path.name if plain else f"{name}.csv"
    names = column_names(columns)
    cells = {role: f"{{{names[role]}}}" for role in rows.others}
    if "patient" in rows.others:
        cells["patient"] = f"{name}:{cells['patient']}"
    cells.update(
        headers.cells(rows.others.keys()),
        label_from="columns" if labels.is_by_column else "column",
        label_key=names["label 0"],
        table=table,
        table_key=f"{{{names['file']}}}",
    )
    source = own_source(name, path.name, own.findings, cells)
    if labels.is_by_column:
        source = _by_column(source, columns, names)
    data = as_csv(rows, names, _agreeing(rows, labels, own))
    files = dict(sorted({**tree.files, table: str(path)}.items()))
    return source, replace(tree, files=files, tables={table: data}, fields=headers.fields)


def _agreeing(rows: OwnRows, labels: TableLabels, own: OwnClasses) -> list[tuple[str, ...]]:
    """Return the labels of all rows, in one word where several rows name one file.

    Labels that are one class, as the user joined them, do not contradict each other.
    """
    if labels.is_by_column:
        return labels.cells
    files = [rows.same_files.get(file, file) for file in rows.files]
    times = Counter(files)
    first: dict[tuple[str, ...], str] = {}  # findings -> the first label that has them
    for label, findings in sorted(own.findings.items()):
        first.setdefault(findings, label)
    word_of = {label: first[findings] for label, findings in own.findings.items()}
    cells: list[tuple[str, ...]] = []
    for file, (text,) in zip(files, labels.cells):
        parts = text.split("|") if labels.separator else [text]
        if times[file] > 1:
            parts = list(dict.fromkeys(word_of.get(part, part) for part in parts))
        cells.append(("|".join(parts),))
    return cells


def _by_column(
    source: Source,  # whose rules have a column as label
    columns: OwnColumns,
    names: Mapping[str, str],  # of column_names
) -> Source:
    """Return the source whose rules read a column each, in which 1 says that it is present."""
    key_of = {column: names[f"label {n}"] for n, column in enumerate(columns.label)}
    rules = [
        replace(rule, label_key=key_of[rule.label_value], label_value="1") for rule in source.rules
    ]
    return Source(source.id, tuple(rules))
