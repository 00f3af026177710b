"""One row of the catalogue, data_manifest.csv: its cells, and whether each is what it may be.

Cells of a row -> a Rule, or a `CatalogError` that names row, column, value and what is allowed. It
never looks at an image, and at another row only as far as rows of one source must agree.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields

from cxr_fastai.core import FINDINGS, CatalogError, is_finding, unknown_name
from cxr_fastai.inputs import is_whole_number

__all__ = [
    "Rule",
    "COLUMNS",
    "OWN",
    "TRANSPORTS",
    "LABEL_FROM",
    "LIST_SPLIT",
    "check_rule",
    "check_columns_form",
    "check_choice",
    "split_bar",
    "split_list",
]

# reference: a node of the graph that is never fetched
TRANSPORTS = ("kaggle", "github", "http", "local", "reference")
LABEL_FROM = ("folder", "name", "column", "columns", "source", "array", "shard")
CHOICES = {
    "on": ("yes", "no"),
    "transport": TRANSPORTS,
    "label_from": LABEL_FROM,
    "encoding": ("utf-8", "latin-1"),
    "age_group": ("child", "adult", "mixed"),
    "redistribute": ("yes", "no", "unknown"),
}
OWN = ("label_value", "findings", "expected", "unconfirmed", "notes")  # never inherited
SOURCE_WIDE = (  # columns in which all rows of a source agree
    "on",
    "transport",
    "handle",
    "download",
    "pin",
    "title",
    "age_group",
    "derived_from",
    "licence",
    "redistribute",
    "citation",
    "url",
    "expected_total",
    "size",
)
SIZE = re.compile(r"[0-9]+(\.[0-9]+)? (kB|MB|GB|TB)")
LIST_SPLIT = re.compile(r"list(?P<optional>\??):(?P<test>[^|]+)(?:\|(?P<rest>[^|]+))?")
SOURCE_ID = re.compile(r"[a-z0-9_]+")
OWNER_AND_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*(@[\w.-]+)?")
HTTP_ID = re.compile(r"[\w-][\w.-]*")


@dataclass(frozen=True)
class Rule:
    """Images of `source` that `glob` meets and that are labelled `label_value` show `findings`."""

    row: int  # of the csv, the header being 1
    source: str  # id
    on: str  # yes | no: curated when nobody names sources
    transport: str
    # owner/name, pinned by @version or @commit; http: an id without host; local: a folder
    handle: str
    download: str  # http: the URLs of its files and archives, joined by " ; "
    pin: str  # SHA-256 of each file to download, in the order of `download`, joined by " ; "
    title: str
    glob: str  # of the images, relative to the source; several joined by " ; "
    # folder: the parent's name | name: group `label` of name_regex | column | source | array
    # | columns: one for each finding, 1 present, 0 absent, -1 and blank unknown
    # | shard: int64 features of 0 or 1, beside `image` and `image_id`
    label_from: str
    label_key: str  # the column's name; of `columns` a row has its own
    label_value: str  # exactly; `blank` for an empty cell; shard: the feature's name
    findings: str  # pipe-joined; blank = unknown
    name_regex: str  # searched in the relative path, shard: in `image_id`; its groups are fields
    patient: str  # template of fields and table columns, as nih:{pid}
    radiograph: str  # template of an identity that several sources share
    # glob of the csv that has a row an image; several joined by " ; ": the first that meets a file
    table: str
    encoding: str
    table_key: str  # template: the file name, or stem, that a row speaks of
    view: str  # template or constant
    view_keep: str  # pipe-joined, `blank` for empty; blank = all
    modality: str
    modality_keep: str
    age: str
    sex: str
    # official: path:REGEX with groups test|valid|train, array, or list:FILE, whose images are the
    # test; list?:FILE where it may be absent; list:FILE|FILE: the second has all others, and what
    # is in neither or both is told. Or train: never tested on
    split: str
    age_group: str
    derived_from: str  # pipe-joined source ids; * = may copy any
    licence: str
    redistribute: str
    citation: str
    url: str
    expected_total: str  # images that the globs should meet
    size: str  # of its download, as 1.2 GB; blank = unknown
    expected: str  # images that this rule should label
    unconfirmed: str  # pipe-joined columns of this row that nobody has checked against the files
    notes: str


COLUMNS = tuple(f.name for f in fields(Rule))[1:]


def split_bar(text: str) -> tuple[str, ...]:
    """Return the parts of a pipe-joined cell."""
    return tuple(part for part in text.split("|") if part)


def split_list(text: str) -> list[str]:
    """Return the parts of a cell joined by " ; ", as globs and URLs are."""
    parts = [part.strip() for part in text.split(" ; ")]
    return [part for part in parts if part]


# ---- what a row may hold


def check_rule(
    rule: Rule,
    first: Rule | None,  # the first row of its source; None: this is it
    where: str,  # file and row, for errors
) -> None:
    """Raise `CatalogError` for the first cell that is not what it may be."""
    if not SOURCE_ID.fullmatch(rule.source):
        raise CatalogError(
            f"{where}, column source: {rule.source!r} is no id: "
            "use lower-case letters, digits and underscores."
        )
    if first is not None:
        _check_agreement(rule, first, where)
    _check_vocabulary(rule, where)
    _check_counts(rule, where)
    if rule.transport != "reference":
        _check_reading(rule, where)


def check_columns_form(
    rules: Sequence[Rule],  # of one source
    file_name: str,  # for errors
) -> None:
    """Raise `CatalogError` where the rows of a source do not agree on what a column tells.

    Under `column` one column holds the label of a file, under `columns` each tells of one finding.
    """
    first_key: dict[tuple[str, ...], Rule] = {}  # which files -> the first rule that reads a column
    first_cell: dict[tuple[str, ...], Rule] = {}  # which files, column and cell -> the first rule
    first = rules[0]
    for rule in rules:
        where = f"{file_name}, row {rule.row}"
        if "columns" in (rule.label_from, first.label_from) and rule.label_from != first.label_from:
            raise CatalogError(
                f"{where}, column label_from: {rule.label_from!r} differs from row {first.row}'s "
                f"{first.label_from!r}: all rows of a source have columns, or none."
            )
        files = (rule.glob, rule.table, rule.name_regex)
        if rule.label_from == "column":
            other = first_key.setdefault(files, rule)
            if other.label_key != rule.label_key:
                raise CatalogError(
                    f"{where}, column label_key: {rule.label_key!r} differs from row {other.row}'s "
                    f"{other.label_key!r}: of one column a finding, label_from is columns."
                )
        if rule.label_from == "columns":
            other = first_cell.setdefault((*files, rule.label_key, rule.label_value), rule)
            if other is not rule:
                raise CatalogError(
                    f"{where}, column label_value: {rule.label_value!r} of {rule.label_key!r} "
                    f"stands in row {other.row} already: join the findings there with |."
                )


def check_choice(
    value: str,
    allowed: Collection[str],
    column: str,
    where: str,  # file and row, for errors
) -> None:
    """Raise `CatalogError` for a value that is none of those allowed."""
    if value not in allowed:
        place = f"{where}, column {column}"
        raise CatalogError(unknown_name(column, value, allowed, place))


def _check_agreement(rule: Rule, first: Rule, where: str) -> None:
    """Check that a row says of its source what the first row says."""
    for column in SOURCE_WIDE:
        own = getattr(rule, column)
        agreed = getattr(first, column)
        if own != agreed:
            raise CatalogError(
                f"{where}, column {column}: {own!r} differs from row {first.row}'s {agreed!r}: "
                "it belongs to the whole source. Leave it blank here."
            )


def _check_vocabulary(rule: Rule, where: str) -> None:
    """Check the cells that hold a word of a list."""
    for column, allowed in CHOICES.items():
        value = getattr(rule, column)
        if value or column in ("on", "transport"):
            check_choice(value, allowed, column, where)
    findings = split_bar(rule.findings)
    for finding in findings:
        if not is_finding(finding):
            check_choice(finding, FINDINGS, "findings", where)
    if "no_finding" in findings and len(set(findings)) > 1:
        raise CatalogError(
            f"{where}, column findings: {rule.findings!r} contradicts itself: "
            "no_finding stands alone."
        )
    for column in split_bar(rule.unconfirmed):
        check_choice(column, COLUMNS, "unconfirmed", where)


def _check_counts(rule: Rule, where: str) -> None:
    """Check the cells that hold a number of images, or the size of a download."""
    for column in ("expected_total", "expected"):
        value = getattr(rule, column)
        if value and not is_whole_number(value):
            raise CatalogError(
                f"{where}, column {column}: {value!r}: expected a whole number of images, or blank."
            )
    if rule.size and not SIZE.fullmatch(rule.size):
        raise CatalogError(
            f"{where}, column size: {rule.size!r}: expected the size of its download, as 1.2 GB, "
            "or blank."
        )


def _check_reading(rule: Rule, where: str) -> None:
    """Check what is needed to fetch a source and to read its labels."""
    for column in ("handle", "glob", "label_from"):
        if not getattr(rule, column):
            raise CatalogError(
                f"{where}, column {column}: empty: a {rule.transport} source needs it."
            )
    _check_handle(rule, where)
    _check_downloads(rule, where)
    _check_table(rule, where)
    label_groups = ("label",) if rule.label_from == "name" else ()
    _check_regex(rule.name_regex, label_groups, "name_regex", where)
    _check_split(rule.split, where)


def _check_handle(rule: Rule, where: str) -> None:
    """Check the form of a handle, by transport."""
    handle = rule.handle
    if rule.transport in ("kaggle", "github") and not OWNER_AND_NAME.fullmatch(handle):
        raise CatalogError(
            f"{where}, column handle: {handle!r}: expected owner/name, and @version to pin it."
        )
    if rule.transport == "http" and not HTTP_ID.fullmatch(handle):
        raise CatalogError(
            f"{where}, column handle: {handle!r}: "
            "expected an id of letters, digits, dots and hyphens."
        )


def _check_downloads(rule: Rule, where: str) -> None:
    """Check URLs and their SHA-256."""
    urls = split_list(rule.download)
    pins = split_list(rule.pin)
    for url in urls:
        if not re.match(r"https?://[^/\s]+/", url):
            raise CatalogError(
                f"{where}, column download: {url!r}: expected an http or https URL of a file."
            )
    if urls and rule.transport != "http":
        raise CatalogError(
            f"{where}, column download: a {rule.transport} source is fetched by its handle; "
            "leave it blank."
        )
    for pin in pins:
        if not re.fullmatch("[0-9a-f]{64}", pin):
            raise CatalogError(
                f"{where}, column pin: {pin!r}: expected a SHA-256 of 64 hex digits."
            )
    files = max(len(urls), 1)
    if pins and len(pins) != files:
        raise CatalogError(
            f"{where}, column pin: {len(pins)} of them for {files} files: give each its own."
        )


def _check_table(rule: Rule, where: str) -> None:
    """Check that a table can be joined to images and labels."""
    if rule.table and not rule.table_key:
        raise CatalogError(_needed_key("table_key", rule, where))
    if rule.label_from not in ("column", "columns"):
        return
    if not rule.label_key:
        raise CatalogError(_needed_key("label_key", rule, where))
    if not rule.table:
        raise CatalogError(
            f"{where}, column table: empty: label_from {rule.label_from} needs the glob of a csv."
        )
    if rule.label_from == "columns" and not rule.label_value:
        raise CatalogError(
            f"{where}, column label_value: empty: label_from columns needs the cell that says "
            f"that {rule.label_key!r} is present, as 1."
        )


def _needed_key(column: str, rule: Rule, where: str) -> str:
    """Say that a table needs a key."""
    reason = f"label_from {rule.label_from} with table {rule.table!r}"
    return f"{where}, column {column}: empty: {reason} needs it."


def _check_regex(
    regex: str,
    groups: tuple[str, ...],  # of these names it must have one; empty: it need have none
    column: str,
    where: str,
) -> None:
    """Check a regular expression and its named groups."""
    try:
        found = re.compile(regex).groupindex
    except re.error as e:
        raise CatalogError(
            f"{where}, column {column}: {regex!r} is no regular expression: {e}."
        ) from e
    if groups and found.keys().isdisjoint(groups):
        raise CatalogError(
            f"{where}, column {column}: {regex!r} has no group named {' or '.join(groups)}: "
            f"write (?P<{groups[0]}>...)."
        )


def _check_split(split: str, where: str) -> None:
    """Check how a source states its official split."""
    if split.startswith("path:"):
        regex = split.removeprefix("path:")
        _check_regex(regex, ("test", "valid", "train"), "split", where)
    elif split not in ("", "array", "train") and not LIST_SPLIT.fullmatch(split):
        raise CatalogError(
            f"{where}, column split: {split!r}: expected one of path:REGEX, list:FILE, list?:FILE, "
            "list:FILE|FILE, array, train, or blank."
        )
