"""What a listing is made of: an Item for each image of a source, a Reject for each that does not reach the folder, and
how a rule's templates and a source's words become one. Takes rules and fields, returns Items or Rejects; reads no file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from cxr_fastai.catalog import Rule, Source, split_bar
from cxr_fastai.core import FINDINGS, one_line
from cxr_fastai.curation.sources.tfrecord import Place

__all__ = [
    "Item",
    "Reject",
    "REJECT_COLUMNS",
    "make_item",
    "reject",
    "findings_of",
    "fill",
    "fields_in",
    "view_of",
    "years",
    "sex_of",
]

# Where an image lies in its file. None: it is the whole file; (key, row): in an array of an npz;
# Place: in a shard.
PlaceInFile = tuple[str, int] | Place | None


@dataclass(frozen=True, slots=True)
class Item:
    """An image of a source, with what the source says of it."""

    source: str
    file: str  # on disk; its name may be a hash
    path: (
        str  # relative to the source, with /; arrays: file.npz#train/0; shards: file.tfrec#image_id
    )
    array: (
        tuple[str, int] | Place | None
    )  # None: the whole file; (key, row) of an npz; Place in a shard
    source_label: str
    findings: tuple[str, ...]
    patients: tuple[str, ...]  # the first is the manifest's; more where two rows speak of one file
    radiograph: str  # declared identity, or ''
    view: str
    age: str
    sex: str
    official: str  # split that the source fixes, or ''
    rule: Rule


@dataclass(frozen=True, slots=True)
class Reject:
    """A file, or a table's row, that does not reach the folder: a row of rejects.csv."""

    path: str
    sha256: str
    source: str
    stage: str  # list | table | label | filter | scan | recipe | split | quick
    reason: str
    message: str


REJECT_COLUMNS = ("path", "sha256", "source", "stage", "reason", "message")


def reject(source: Source, path: str, stage: str, reason: str, message: str) -> Reject:
    return Reject(path, "", source.id, stage, reason, one_line(message))


def make_item(
    source: Source,
    rule: Rule,  # that labels it
    file: str,  # on disk
    path: str,  # in the source
    array,  # as in `Item`
    said: str,  # the source's label
    findings,
    fields: list[dict],  # what templates may name: of each row that speaks of the image
    official: str,  # split, or ''
) -> Item | Reject:
    """An Item, or a Reject where its view or modality is none of those to keep."""
    f = fields[0]
    patients = tuple(dict.fromkeys(p for x in fields if (p := fill(rule.patient, x))))
    for what in ("modality", "view"):
        value, keep = fill(getattr(rule, what), f), getattr(rule, f"{what}_keep")
        if keep and (value or "blank").lower() not in keep.lower().split("|"):
            return reject(
                source,
                path,
                "filter",
                what,
                f"{what} {value or 'blank'!r} is none of {keep.replace('|', ', ')}",
            )
    view, age, sex = (fill(template, f) for template in (rule.view, rule.age, rule.sex))
    return Item(
        source.id,
        file,
        path,
        array,
        said,
        findings,
        patients,
        fill(rule.radiograph, f),
        view_of(view),
        years(age),
        sex_of(sex),
        official,
        rule,
    )


def findings_of(source: Source, rule: Rule, said: str) -> tuple[str, ...] | None:
    """Findings of a label that this rule begins; several labels joined by | each need a rule of their own."""
    parts = split_bar(said) or ("blank",)
    if parts[0] != rule.label_value:
        return None
    if len(parts) == 1:
        return split_bar(rule.findings)
    by = {r.label_value: split_bar(r.findings) for r in reversed(source.rules)}
    if not all(p in by for p in parts):
        return None
    found = {f for p in parts for f in by[p]}
    return tuple(f for f in FINDINGS if f in found)


FIELD = re.compile(r"\{([^{}]+)\}")


@lru_cache(maxsize=1024)
def fields_in(template: str) -> tuple[str, ...]:
    return tuple(FIELD.findall(template))


def fill(template: str, fields: dict) -> str:
    """The template with its {fields} put in; '' where one is unknown."""
    names = fields_in(template)
    if not names:
        return template
    if any(not (fields.get(n) or "").strip() for n in names):
        return ""
    return FIELD.sub(lambda m: fields[m[1]].strip(), template)


# ---- words of the sources in one form


def view_of(said: str) -> str:
    """PA, AP or L where the word says so, else the word."""
    up = said.upper()
    if up.startswith(("AP", "PA")):
        return up[:2]
    return "L" if up in ("L", "LL", "LATERAL") else said


def years(said: str) -> str:
    """Age in years from 065Y, 001D, 14 M, 65, 50+; '' where unknown or above 120."""
    m = re.match(r"\s*(\d+(?:\.\d+)?)\s*([YMWD]?)", said.upper())
    if not m:
        return ""
    n = float(m[1]) / {"M": 12, "W": 365.25 / 7, "D": 365.25}.get(m[2], 1)
    return f"{round(n, 2):g}" if n <= 120 else ""


def sex_of(said: str) -> str:
    return said[:1].upper() if said[:1].upper() in ("F", "M") else ""
