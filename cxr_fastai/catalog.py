"""data_manifest.csv: which sources exist and what each of their labels means. Reads the csv, returns Sources made of
Rules; never looks at an image. One row is one rule; a cell left blank takes the source's first row's, but for OWN;
`-` is none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from pathlib import Path

from cxr_fastai.core import (
    FINDINGS,
    SURPLUS,
    CatalogError,
    UnknownName,
    csv_rows,
    package_file,
    unknown_name,
)

__all__ = ["Rule", "Source", "load_catalog", "depths", "LABEL_FROM", "TRANSPORTS"]

TRANSPORTS = (
    "kaggle",
    "github",
    "http",
    "local",
    "reference",
)  # reference: a node of the graph that is never fetched
LABEL_FROM = ("folder", "name", "column", "source", "array", "shard")
CHOICES = {
    "on": ("yes", "no"),
    "transport": TRANSPORTS,
    "label_from": LABEL_FROM,
    "encoding": ("utf-8", "latin-1"),
    "age_group": ("child", "adult", "mixed"),
    "redistribute": ("yes", "no", "unknown"),
}
OWN = ("label_value", "findings", "expected", "unconfirmed", "notes")  # never inherited


@dataclass(frozen=True)
class Rule:
    """A row: images of `source` that `glob` meets and that are labelled `label_value` show `findings`."""

    row: int  # of the csv, the header being 1
    source: str  # id
    on: str  # yes | no: curated when nobody names sources
    transport: str
    handle: (
        str  # owner/name, pinned by @version or @commit; http: an id without host; local: a folder
    )
    download: str  # http: the URLs of its files and archives, joined by " ; "
    pin: str  # SHA-256 of each file to download, in the order of `download`, joined by " ; "
    title: str
    glob: str  # of the images, relative to the source; several joined by " ; "
    label_from: str  # folder: the parent's name | name: group `label` of name_regex
    # | column | source | array | shard: int64 features of 0 or 1, beside `image` and `image_id`
    label_key: str  # the column's name
    label_value: str  # exactly; `blank` for an empty cell; shard: the feature's name
    findings: str  # pipe-joined; blank = unknown
    name_regex: str  # searched in the relative path, shard: in `image_id`; its groups are fields
    patient: str  # template of fields and table columns, as nih:{pid}
    radiograph: str  # template of an identity that several sources share
    table: str  # glob of the csv that has a row an image
    encoding: str
    table_key: str  # template: the file name, or stem, that a row speaks of
    view: str  # template or constant
    view_keep: str  # pipe-joined, `blank` for empty; blank = all
    modality: str
    modality_keep: str
    age: str
    sex: str
    split: str  # official: path:REGEX with groups test|valid|train, array, or list:FILE, whose images are the
    # test; list?:FILE where it may be absent; list:FILE|FILE: the second has all others, and what
    # is in neither or both is told. Or train: never tested on
    age_group: str
    derived_from: str  # pipe-joined source ids; * = may copy any
    licence: str
    redistribute: str
    citation: str
    url: str
    expected_total: str  # images that the globs should meet
    expected: str  # images that this rule should label
    unconfirmed: str  # pipe-joined columns of this row that nobody has checked against the files
    notes: str


COLUMNS = tuple(f.name for f in fields(Rule))[1:]


@dataclass(frozen=True)
class Source:
    """A source: its rules in file order; what belongs to the whole source stands in its first row."""

    id: str
    rules: tuple[Rule, ...]

    def __getattr__(self, name):
        if name in COLUMNS:
            return getattr(self.rules[0], name)
        raise AttributeError(name)

    @property
    def derived(self) -> tuple[str, ...]:
        return split_bar(self.derived_from)

    @property
    def globs(self) -> list[str]:
        return list(dict.fromkeys(g for r in self.rules for g in split_list(r.glob)))

    def to_dict(self) -> dict:
        """As `cxr sources --json` prints it: the first row's cells, and the rules."""
        whole = {c: getattr(self, c) for c in COLUMNS if c not in OWN}
        return {
            **whole,
            "derived_from": list(self.derived),
            "rules": [
                {"row": r.row, "glob": r.glob, **{c: getattr(r, c) for c in OWN}}
                for r in self.rules
            ],
        }


LIST_SPLIT = re.compile(r"list(?P<optional>\??):(?P<test>[^|]+)(?:\|(?P<rest>[^|]+))?")


def split_bar(text: str) -> tuple[str, ...]:
    return tuple(t for t in text.split("|") if t)


def split_list(text: str) -> list[str]:
    return [g.strip() for g in text.split(" ; ") if g.strip()]


def load_catalog(
    path=None,  # a csv like data_manifest.csv; None: the library's own
) -> dict[str, Source]:
    """Read and check the catalogue: id -> Source, in file order.
    Raises `CatalogError` naming row, column, value and what is allowed.
    """
    path = Path(path) if path else package_file("data_manifest.csv")
    rows = _read(path)
    rules: dict[str, list[Rule]] = {}
    for i, row in enumerate(rows, 2):
        first = rules[row["source"]][0] if row["source"] in rules else None
        rules.setdefault(row["source"], []).append(_rule(row, first, i, path.name))
    if not rules:
        raise CatalogError(
            f"{path.name}: no rows. Start from the library's own: cxr sources --json shows it."
        )
    catalog = {id: Source(id, tuple(rs)) for id, rs in rules.items()}
    for source in catalog.values():
        _check_graph(source, catalog, path.name)
    return catalog


def _read(path: Path) -> list[dict]:
    try:
        data = path.read_bytes()
    except OSError as e:
        raise CatalogError(
            f"cannot read the catalogue {path}: {e.strerror}. Give --manifest a csv file."
        ) from e
    columns, rows = csv_rows(data, path, error=CatalogError)
    for col in columns:
        if col not in COLUMNS:
            raise CatalogError(unknown_name("column", col, COLUMNS, f"{path.name}, row 1"))
    if "source" not in columns:
        raise CatalogError(f"{path.name}, row 1: no column source.")
    for i, row in enumerate(rows, 2):
        if SURPLUS in row:
            raise CatalogError(
                f"{path.name}, row {i}: more cells than columns: quote a cell that holds a comma."
            )
    return rows


def _rule(row: dict, first: Rule | None, i: int, where: str) -> Rule:
    cells = {c: (row.get(c) or "").strip() for c in COLUMNS}
    for c in COLUMNS if first else ():
        if not cells[c] and c not in OWN:
            cells[c] = getattr(first, c)
    rule = Rule(row=i, **{c: "" if v == "-" else v for c, v in cells.items()})
    _check_rule(rule, first, f"{where}, row {i}")
    return rule


SOURCE_WIDE = (
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
)


def _check_rule(r: Rule, first: Rule | None, at: str):
    if not re.fullmatch(r"[a-z0-9_]+", r.source):
        raise CatalogError(
            f"{at}, column source: {r.source!r} is no id: "
            "use lower-case letters, digits and underscores."
        )
    for c in SOURCE_WIDE if first else ():
        mine, its = getattr(r, c), getattr(first, c)
        if mine != its:
            raise CatalogError(
                f"{at}, column {c}: {mine!r} differs from row {first.row}'s {its!r}: "
                "it belongs to the whole source. Leave it blank here."
            )
    for c, allowed in CHOICES.items():
        _check_choice(getattr(r, c), allowed, c, at, needed=c in ("on", "transport"))
    for c in ("findings", "unconfirmed"):
        for v in split_bar(getattr(r, c)):
            _check_choice(v, FINDINGS if c == "findings" else COLUMNS, c, at)
    for c in ("expected_total", "expected"):
        if getattr(r, c) and not getattr(r, c).isdigit():
            raise CatalogError(
                f"{at}, column {c}: {getattr(r, c)!r}: expected a whole number of images, or blank."
            )
    if r.transport != "reference":
        _check_how(r, at)


def _check_choice(value: str, allowed, column: str, at: str, needed=True):
    if (value or needed) and value not in allowed:
        raise CatalogError(unknown_name(column, value, allowed, f"{at}, column {column}"))


def _check_how(r: Rule, at: str):
    for c in ("handle", "glob", "label_from"):
        if not getattr(r, c):
            raise CatalogError(f"{at}, column {c}: empty: a {r.transport} source needs it.")
    if r.transport in ("kaggle", "github") and not re.fullmatch(
        r"[\w-][\w.-]*/[\w-][\w.-]*(@[\w.-]+)?", r.handle
    ):
        raise CatalogError(
            f"{at}, column handle: {r.handle!r}: expected owner/name, and @version to pin it."
        )
    if r.transport == "http" and not re.fullmatch(r"[\w-][\w.-]*", r.handle):
        raise CatalogError(
            f"{at}, column handle: {r.handle!r}: expected an id of letters, digits, dots and hyphens."
        )
    _check_downloads(r, at)
    for c in ("table_key", "label_key"):
        if (r.table if c == "table_key" else r.label_from == "column") and not getattr(r, c):
            raise CatalogError(
                f"{at}, column {c}: empty: label_from {r.label_from} with table {r.table!r} needs it."
            )
    if r.label_from == "column" and not r.table:
        raise CatalogError(f"{at}, column table: empty: label_from column needs the glob of a csv.")
    _check_regex(r.name_regex, ("label",) if r.label_from == "name" else (), "name_regex", at)
    _check_split(r.split, at)


def _check_downloads(r: Rule, at: str):
    urls, pins = split_list(r.download), split_list(r.pin)
    for u in urls:
        if not re.match(r"https?://[^/\s]+/", u):
            raise CatalogError(
                f"{at}, column download: {u!r}: expected an http or https URL of a file."
            )
    if urls and r.transport != "http":
        raise CatalogError(
            f"{at}, column download: a {r.transport} source is fetched by its handle; leave it blank."
        )
    for p in pins:
        if not re.fullmatch("[0-9a-f]{64}", p):
            raise CatalogError(f"{at}, column pin: {p!r}: expected a SHA-256 of 64 hex digits.")
    if pins and len(pins) != max(len(urls), 1):
        raise CatalogError(
            f"{at}, column pin: {len(pins)} of them for {max(len(urls), 1)} files: give each its own."
        )


def _check_regex(regex: str, groups, column: str, at: str):
    try:
        have = re.compile(regex).groupindex
    except re.error as e:
        raise CatalogError(
            f"{at}, column {column}: {regex!r} is no regular expression: {e}."
        ) from e
    if groups and not set(groups) & set(have):
        raise CatalogError(
            f"{at}, column {column}: {regex!r} has no group named {' or '.join(groups)}: "
            f"write (?P<{groups[0]}>...)."
        )


def _check_split(split: str, at: str):
    if split.startswith("path:"):
        return _check_regex(split[5:], ("test", "valid", "train"), "split", at)
    if split not in ("", "array", "train") and not LIST_SPLIT.fullmatch(split):
        raise CatalogError(
            f"{at}, column split: {split!r}: expected one of path:REGEX, list:FILE, list?:FILE, "
            "list:FILE|FILE, array, train, or blank."
        )


def _check_graph(source: Source, catalog: dict, where: str):
    at = f"{where}, row {source.rules[0].row}, column derived_from"
    for up in source.derived:
        if up == source.id:
            raise CatalogError(f"{at}: {up!r} names itself.")
        if up != "*":
            _check_choice(up, catalog, "source id", at)


def depths(catalog: dict[str, Source]) -> dict[str, int]:
    """How far each source stands from an original: 0 is one, a copy of copies has more.
    Raises `CatalogError` on a cycle.
    """
    out: dict[str, int] = {}

    def depth(id, seen):
        if id in seen:
            raise CatalogError(f"derived_from runs in a circle: {' -> '.join([*seen, id])}.")
        if id not in out:
            ups = [depth(u, (*seen, id)) + 1 for u in catalog[id].derived if u != "*"]
            out[id] = len(catalog) if "*" in catalog[id].derived else max(ups, default=0)
        return out[id]

    for id in catalog:
        depth(id, ())
    return out


def choose(
    catalog: dict[str, Source],
    only=(),  # ids asked for; empty: the defaults
    defaults=(),  # ids that a recipe names; empty: those that are on
) -> list[Source]:
    """The sources to curate, in catalogue order. Raises `UnknownName`."""
    names = list(only) or list(defaults) or [s.id for s in catalog.values() if s.on == "yes"]
    fetched = [s.id for s in catalog.values() if s.transport != "reference"]
    for n in names:
        if n not in fetched:
            raise UnknownName(unknown_name("source id", n, fetched))
    return [s for s in catalog.values() if s.id in names]
