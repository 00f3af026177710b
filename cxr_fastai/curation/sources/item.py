"""What a listing is made of: an Item for each image of a source, a Reject for each that stays out.

A rule's templates and a row's fields -> Items and Rejects, with views, ages and sexes in one form.
It reads no file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from cxr_fastai.catalog import COLUMNS, Rule, Source, split_bar
from cxr_fastai.core import CatalogError, FolderWarning, in_order, one_line, unknown_name
from cxr_fastai.curation.sources.cells import is_blank, known
from cxr_fastai.curation.sources.tfrecord import Place

__all__ = [
    "Item",
    "PlaceInFile",
    "Reject",
    "REJECT_COLUMNS",
    "Fields",
    "make_item",
    "undescribed_item",
    "reject_file",
    "findings_of",
    "fill",
    "fill_known",
    "fields_in",
    "check_templates",
    "templates",
    "view_of",
    "LATERAL",
    "STUDY_FIELD",
    "years",
    "sex_of",
    "listing_warning",
    "LISTING_DIFFERS",
]

# Where an image lies in its file. None: it is the whole file; (key, row): in an array of an npz;
# Place: in a shard.
PlaceInFile = tuple[str, int] | Place | None
Fields = Mapping[str, str | None]  # what templates may name: columns of a row, parts of a name

# Kind of a warning: a source holds other images, or says other of them, than the catalogue expects.
LISTING_DIFFERS = "listing_differs"
REJECT_COLUMNS = ("path", "sha256", "source", "stage", "reason", "message")
FIELD = re.compile(r"\{([^{}]+)\}")
NO_RULE = Rule(row=0, **dict.fromkeys(COLUMNS, ""))  # of images that no catalogue describes
MAX_AGE = 120  # years; above that a number is no age
LATERAL = "L"  # the view of a lateral, in the one form
LATERALS = ("L", "LL", "RL", "LAT", "LLAT", "RLAT", "LATERAL")  # what sources call it
STUDY_FIELD = "dicom study"  # of Fields: the place of a DICOM's study among its patient's
UNITS_A_YEAR = {"M": 12, "W": 365.25 / 7, "D": 365.25}


@dataclass(frozen=True, slots=True)
class Item:
    """An image of a source, with what the source says of it."""

    source: str  # id
    file: str  # on disk; its name may be a hash
    # in the source, with /; arrays: file.npz#train/0; shards: file.tfrec#image_id
    path: str
    array: PlaceInFile
    source_label: str
    findings: tuple[str, ...]
    patients: tuple[str, ...]  # the first is the manifest's; more where two rows speak of one file
    radiograph: str  # declared identity, or ''
    view: str
    age: str  # years
    sex: str
    official: str  # split that the source fixes, or ''
    rule: Rule  # that labelled it
    # What a source with one column a finding says beside `findings`, of which it has more to say.
    absent: tuple[str, ...] = ()  # findings that are known to be absent
    unknown: tuple[str, ...] = ()  # findings of which the row says nothing, or that it leaves open
    uncertain: tuple[str, ...] = ()  # those of `unknown` that it leaves open in words: -1
    study: str = ""  # of DICOM: its study's place among those of its patient by date, from 1


@dataclass(frozen=True, slots=True)
class Reject:
    """A file, or a table's row, that does not reach the folder: a row of rejects.csv."""

    path: str
    sha256: str
    source: str  # id
    stage: str  # list | table | label | filter | scan | recipe | split | quick
    reason: str
    message: str
    text: str = ""  # of the source, that no rule has; not a column
    # Of a lateral or a CT slice, which the gate learns from: what it is, by its source, and the
    # Item that it would be; no columns.
    shows: str = ""  # one of negatives.KINDS
    item: Item | None = None

    def row(self) -> dict[str, str]:
        """Return the cells of REJECT_COLUMNS."""
        return {column: getattr(self, column) for column in REJECT_COLUMNS}


def reject_file(
    source: str,  # id
    path: str,
    stage: str,
    reason: str,
    message: str,  # line breaks are folded
    sha256: str = "",
    text: str = "",  # of the source, that no rule has
) -> Reject:
    """Make the Reject of a file."""
    return Reject(
        path=path,
        sha256=sha256,
        source=source,
        stage=stage,
        reason=reason,
        message=one_line(message),
        text=one_line(text),
    )


def listing_warning(
    source: str,  # id
    what: str,  # a reader must know of it
) -> FolderWarning:
    """Say of a source what differs, or what was chosen."""
    return FolderWarning(kind=LISTING_DIFFERS, says=f"{source}: {what}", numbers={"source": source})


def make_item(
    source: Source,
    rule: Rule,  # that labels it
    file: str,  # on disk
    path: str,  # in the source
    array: PlaceInFile,
    label: str,  # the source's
    findings: tuple[str, ...],
    fields: list[Fields],  # of each row that speaks of the image; one at least
    official: str,  # split, or ''
    absent: tuple[str, ...] = (),  # findings
    unknown: tuple[str, ...] = (),  # findings
    uncertain: tuple[str, ...] = (),  # findings
) -> Item | Reject:
    """Make an Item, or a Reject where its view or modality is none of those to keep."""
    first = fields[0]
    patients = [fill_known(rule.patient, row) for row in fields]
    item = Item(
        source=source.id,
        file=file,
        path=path,
        array=array,
        source_label=label,
        findings=findings,
        patients=tuple(dict.fromkeys(patient for patient in patients if patient)),
        radiograph=fill_known(rule.radiograph, first),
        view=view_of(fill_known(rule.view, first)),
        age=years(fill_known(rule.age, first)),
        sex=sex_of(fill_known(rule.sex, first)),
        official=official,
        rule=rule,
        absent=absent,
        unknown=unknown,
        uncertain=uncertain,
        study=first.get(STUDY_FIELD) or "",
    )
    refused = _refused(rule, first)
    if not refused:
        return item
    reject = reject_file(source.id, path, "filter", *refused)
    shows = _shows(rule, fields)
    return replace(reject, shows=shows, item=item) if shows else reject


def _shows(
    rule: Rule,
    rows: Sequence[Fields],  # that speak of the image
) -> str:  # one of negatives.KINDS, or ''
    """Tell a lateral and a CT slice by what all rows say."""
    modalities = {fill_known(rule.modality, row).upper().split(" ")[0] for row in rows}
    if modalities == {"CT"}:
        return "ct"
    views = {view_of(fill_known(rule.view, row)) for row in rows}
    return "lateral" if views == {LATERAL} else ""


def undescribed_item(
    file: str,  # on disk
    source: str = "",  # a name for it
    label: str = "",
    path: str = "",  # in the source; '': the file itself
) -> Item:
    """Make an Item of a file that no catalogue describes: nothing is known but its label."""
    return Item(
        source=source,
        file=file,
        path=path or file,
        array=None,
        source_label=label,
        findings=(),
        patients=(),
        radiograph="",
        view="",
        age="",
        sex="",
        official="",
        rule=NO_RULE,
    )


def _refused(
    rule: Rule,
    fields: Fields,  # of the row that speaks of the image
) -> tuple[str, str] | None:
    """Return (reason, message) where a rule does not keep an image of such modality or view.

    A blank value is told, and kept, as `blank`.
    """
    filters = (
        ("modality", rule.modality, rule.modality_keep),
        ("view", rule.view, rule.view_keep),
    )
    for name, template, keep in filters:
        kept = keep.lower().split("|")
        value = fill(template, fields) or "blank"
        passes = value.lower() in kept or ("blank" in kept and is_blank(value))
        if keep and not passes:
            return name, f"{name} {value!r} is none of {keep.replace('|', ', ')}"
    return None


def findings_of(
    source: Source,
    rule: Rule,
    label: str,  # one, or several joined by |
) -> tuple[str, ...] | None:
    """Return the findings of a label that this rule begins, or None where it does not.

    Several labels joined by | each need a rule of their own.
    """
    parts = split_bar(label) or ("blank",)
    if parts[0] != rule.label_value:
        return None
    if len(parts) == 1:
        return split_bar(rule.findings)
    by_label = {r.label_value: r.findings for r in reversed(source.rules)}
    found: set[str] = set()
    for part in parts:
        if part not in by_label:
            return None
        found.update(split_bar(by_label[part]))
    return in_order(found)


def templates(rule: Rule) -> dict[str, str]:
    """Return column -> template, of the columns of a rule that hold one and are no key."""
    columns = ("patient", "radiograph", "view", "modality", "age", "sex")
    return {column: getattr(rule, column) for column in columns}


def check_templates(
    rule: Rule,
    fields: Sequence[str],  # that can be filled: columns of the table, groups of the name
) -> None:
    """Raise `CatalogError` for a template of a rule that names another field."""
    for column, template in templates(rule).items():
        for name in fields_in(template):
            if name not in fields:
                place = f"column {column} (catalogue row {rule.row}, {template!r})"
                known = list(dict.fromkeys(fields))
                raise CatalogError(unknown_name("field", f"{{{name}}}", known, place))


@lru_cache(maxsize=1024)
def fields_in(
    template: str,  # constant text with {fields}
) -> tuple[str, ...]:
    """Return the names of the {fields} of a template."""
    return tuple(FIELD.findall(template))


def fill(
    template: str,  # constant text with {fields}
    fields: Fields,  # of the row that speaks of the image
) -> str:
    """Return the template with its {fields} put in; '' where one is unknown."""
    names = fields_in(template)
    if not names:
        return template
    values = {}
    for name in names:
        values[name] = (fields.get(name) or "").strip()
        if not values[name]:
            return ""
    return FIELD.sub(lambda found: values[found[1]], template)


def fill_known(
    template: str,  # constant text with {fields}
    fields: Fields,  # of the row that speaks of the image
) -> str:
    """Return the template filled with what is known: nan and - are unknown, 7.0 is 7."""
    names = fields_in(template)
    return fill(template, {name: known((fields.get(name) or "").strip()) for name in names})


# ---- words of the sources in one form


def view_of(
    text: str,  # as the source writes it
) -> str:
    """Return PA, AP or L where the text says so, else the text."""
    upper = text.upper()
    if upper.startswith(("AP", "PA")):
        return upper[:2]
    return LATERAL if upper in LATERALS or upper.endswith(" LATERAL") else text


def years(
    text: str,  # as the source writes it
) -> str:
    """Return the age in years of 065Y, 001D, 14 M, 65, 50+; '' where unknown or above MAX_AGE."""
    found = re.match(r"\s*(\d+(?:\.\d+)?)\s*([YMWD]?)", text.upper())
    if not found:
        return ""
    number, unit = found.groups()
    age = float(number) / UNITS_A_YEAR.get(unit, 1)
    return f"{round(age, 2):g}" if age <= MAX_AGE else ""


def sex_of(
    text: str,  # as the source writes it
) -> str:
    """Return F or M where the text begins with it, else ''."""
    first = text[:1].upper()
    return first if first in ("F", "M") else ""
