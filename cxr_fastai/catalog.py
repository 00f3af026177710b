"""The catalogue, data_manifest.csv: which sources exist and what each of their labels means.

A csv -> Sources made of Rules (catalog_rule.py). It never looks at an image. One row is one rule; a
cell left blank takes the source's first row's, but for OWN; `-` is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxr_fastai.advice import command, flag
from cxr_fastai.catalog_rule import (
    COLUMNS,
    LABEL_FROM,
    LIST_SPLIT,
    OWN,
    TRANSPORTS,
    Rule,
    check_columns_form,
    check_rule,
    split_bar,
    split_list,
)
from cxr_fastai.core import (
    CatalogError,
    StrPath,
    UnknownName,
    package_file,
    unknown_name,
)
from cxr_fastai.csv_cells import SURPLUS, csv_table, nfc
from cxr_fastai.inputs import readable_path

__all__ = [
    "Rule",
    "Source",
    "load_catalog",
    "depths",
    "choose",
    "split_bar",
    "split_list",
    "COLUMNS",
    "LABEL_FROM",
    "LIST_SPLIT",
    "TRANSPORTS",
]


@dataclass(frozen=True)
class Source:
    """A source: its rules in file order. What belongs to the whole stands in its first row."""

    id: str
    rules: tuple[Rule, ...]

    @property
    def source(self) -> str:
        """The id again, as its rows have it."""
        return self.rules[0].source

    @property
    def on(self) -> str:
        """`yes` where it is curated when nobody names sources, else `no`."""
        return self.rules[0].on

    @property
    def transport(self) -> str:
        """How it is fetched, of `TRANSPORTS`."""
        return self.rules[0].transport

    @property
    def handle(self) -> str:
        """owner/name and pin, an id without host, or a local folder, by the transport."""
        return self.rules[0].handle

    @property
    def download(self) -> str:
        """The URLs of an http source, joined by `;`."""
        return self.rules[0].download

    @property
    def pin(self) -> str:
        """SHA-256 of each file to download, joined by `;`."""
        return self.rules[0].pin

    @property
    def title(self) -> str:
        """What people call it."""
        return self.rules[0].title

    @property
    def glob(self) -> str:
        """The images of its first rule; those of all rules are `globs`."""
        return self.rules[0].glob

    @property
    def label_from(self) -> str:
        """Where its labels stand, of `LABEL_FROM`."""
        return self.rules[0].label_from

    @property
    def table(self) -> str:
        """Glob of the csv that has a row an image, or empty."""
        return self.rules[0].table

    @property
    def encoding(self) -> str:
        """Of its tables; empty: UTF-8."""
        return self.rules[0].encoding

    @property
    def split(self) -> str:
        """Its official split, as its first rule states it."""
        return self.rules[0].split

    @property
    def age_group(self) -> str:
        """child, adult or mixed; empty: unknown."""
        return self.rules[0].age_group

    @property
    def derived_from(self) -> str:
        """Pipe-joined ids of what it may copy; `derived` has them apart."""
        return self.rules[0].derived_from

    @property
    def licence(self) -> str:
        """The licence, in words."""
        return self.rules[0].licence

    @property
    def redistribute(self) -> str:
        """Whether it may be shared on: yes, no or unknown."""
        return self.rules[0].redistribute

    @property
    def citation(self) -> str:
        """How to cite it."""
        return self.rules[0].citation

    @property
    def url(self) -> str:
        """Its home page."""
        return self.rules[0].url

    @property
    def expected_total(self) -> str:
        """Images that the globs should meet, or empty."""
        return self.rules[0].expected_total

    @property
    def size(self) -> str:
        """The size of its download, as 1.2 GB, or empty."""
        return self.rules[0].size

    @property
    def unconfirmed(self) -> str:
        """Pipe-joined columns of the first row that nobody has checked against the files."""
        return self.rules[0].unconfirmed

    @property
    def notes(self) -> str:
        """What else is known of it."""
        return self.rules[0].notes

    @property
    def derived(self) -> tuple[str, ...]:
        """Ids of the sources that it may copy; `*` is any."""
        return split_bar(self.derived_from)

    @property
    def globs(self) -> list[str]:
        """The globs of all rules, each once, in file order."""
        found: dict[str, None] = {}
        for rule in self.rules:
            found.update(dict.fromkeys(split_list(rule.glob)))
        return list(found)

    def to_dict(self) -> dict[str, Any]:
        """Return what `cxr sources --json` prints: the first row's cells, and the rules."""
        first = self.rules[0]
        whole = {column: getattr(first, column) for column in COLUMNS if column not in OWN}
        return {
            **whole,
            "derived_from": list(self.derived),
            "rules": [_rule_dict(rule) for rule in self.rules],
        }


def _rule_dict(rule: Rule) -> dict[str, Any]:
    """Return what of a rule is its own."""
    own = {column: getattr(rule, column) for column in OWN}
    return {"row": rule.row, "glob": rule.glob, "label_key": rule.label_key, **own}


# ---- reading the csv


def load_catalog(
    path: StrPath | None = None,  # a csv like data_manifest.csv; None: the library's own
) -> dict[str, Source]:
    """Read and check the catalogue: id -> Source, in file order.

    Raises `CatalogError` naming row, column, value and what is allowed.
    """
    path = readable_path(path, "catalogue") if path else package_file("data_manifest.csv")
    rules: dict[str, list[Rule]] = {}
    for number, row in _read(path):
        earlier = rules.setdefault((row["source"] or "").strip(), [])
        first = earlier[0] if earlier else None
        earlier.append(_rule(row, first, number, path.name))
    if not rules:
        raise CatalogError(
            f"{path.name}: no rows. Start from the library's own: "
            f"{command('cxr sources --json', 'catalog.load_catalog()')} shows it."
        )
    catalog = {name: Source(name, tuple(own)) for name, own in rules.items()}
    for source in catalog.values():
        check_columns_form(source.rules, path.name)
        _check_graph(source, catalog, path.name)
    return catalog


def _read(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """Return the numbered rows of a csv whose columns are known, and whose rows not longer."""
    try:
        data = path.read_bytes()
    except OSError as e:
        raise CatalogError(
            f"cannot read the catalogue {path}: {e.strerror}. Give {flag('manifest')} a csv file."
        ) from e
    columns, rows = csv_table(data, path, error=CatalogError)
    for column in columns:
        if column not in COLUMNS:
            raise CatalogError(unknown_name("column", column, COLUMNS, f"{path.name}, row 1"))
    if "source" not in columns:
        raise CatalogError(f"{path.name}, row 1: no column source.")
    for number, row in rows:
        if SURPLUS in row:
            raise CatalogError(
                f"{path.name}, row {number}: more cells than columns: "
                "quote a cell that holds a comma."
            )
    return rows


def _rule(row: dict[str, Any], first: Rule | None, number: int, file_name: str) -> Rule:
    """Return a checked row, its blank cells filled from the first row of its source."""
    cells = {column: nfc(row.get(column) or "").strip() for column in COLUMNS}
    if first is not None:
        for column in COLUMNS:
            if not cells[column] and column not in OWN:
                cells[column] = getattr(first, column)
    for column, value in cells.items():
        if value == "-":
            cells[column] = ""
    rule = Rule(row=number, **cells)
    check_rule(rule, first, f"{file_name}, row {number}")
    return rule


# ---- the graph of copies


def _check_graph(source: Source, catalog: dict[str, Source], file_name: str) -> None:
    """Raise `CatalogError` where a source copies itself, or one that does not exist."""
    where = f"{file_name}, row {source.rules[0].row}"
    for upstream in source.derived:
        if upstream == source.id:
            raise CatalogError(f"{where}, column derived_from: {upstream!r} names itself.")
        if upstream not in ("*", *catalog):
            place = f"{where}, column derived_from, column source id"
            raise CatalogError(unknown_name("source id", upstream, catalog, place))


def depths(catalog: dict[str, Source]) -> dict[str, int]:
    """Return how far each source stands from an original: 0 is one, a copy of copies has more.

    Raises `CatalogError` where the copies run in a circle.
    """
    known: dict[str, int] = {}
    for name in catalog:
        _depth(name, catalog, known, ())
    return known


def _depth(
    name: str,  # a source id
    catalog: dict[str, Source],
    known: dict[str, int],  # depths found so far; filled
    path: tuple[str, ...],  # from the source that was asked for to what it copies
) -> int:
    """Return the depth of one source. Raises `CatalogError` for a circle."""
    if name in path:
        raise CatalogError(f"derived_from runs in a circle: {' -> '.join([*path, name])}.")
    if name not in known:
        derived = catalog[name].derived
        depth = 0
        for upstream in derived:
            if upstream != "*":
                above = _depth(upstream, catalog, known, (*path, name))
                depth = max(depth, above + 1)
        known[name] = len(catalog) if "*" in derived else depth
    return known[name]


def choose(
    catalog: dict[str, Source],
    only: Sequence[str] = (),  # ids asked for; empty: the defaults
    defaults: Sequence[str] = (),  # ids that a recipe names; empty: those that are on
) -> list[Source]:
    """Return the sources to curate, in catalogue order. Raises `UnknownName`."""
    switched_on = [source.id for source in catalog.values() if source.on == "yes"]
    names = only or defaults or switched_on
    fetched = [source.id for source in catalog.values() if source.transport != "reference"]
    for name in names:
        if name not in fetched:
            raise UnknownName(unknown_name("source id", name, fetched))
    return [source for source in catalog.values() if source.id in names]
