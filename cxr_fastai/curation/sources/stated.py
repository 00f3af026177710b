"""What a source says of one image: its label, findings that it states, denies or leaves open.

A source's rules and the rows of its tables -> Stated, or Refused. It reads no file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cxr_fastai.catalog import Rule, Source, split_bar
from cxr_fastai.core import in_order
from cxr_fastai.curation.sources.cells import answer_of, is_blank, whole_number
from cxr_fastai.curation.sources.item import findings_of
from cxr_fastai.curation.sources.tables import Row, Table

__all__ = ["Stated", "Refused", "stated_by_label", "stated_by_columns", "unknown_label", "place_of"]

NO_FINDING = "no_finding"


@dataclass(frozen=True)
class Stated:
    """What a source says of an image. The fields but for `label` are findings, as of Item."""

    label: str  # in the source's words
    findings: tuple[str, ...]
    absent: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    uncertain: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refused:
    """Why an image stays out: the cells of its Reject."""

    stage: str
    reason: str
    why: str
    text: str = ""  # of the source, that no rule has


# ---- one label, or several joined by |


def stated_by_label(
    source: Source,
    rule: Rule,
    label: str,  # in the form of the rules
    place: str,  # of the rows that say so, in words, or ''
) -> Stated | Refused | None:
    """Return what a label says; None where the rule is not that of its first part."""
    findings = findings_of(source, rule, label)
    if findings is None:
        return None
    if NO_FINDING in findings and len(findings) > 1:
        return _contradictory(label.split("|"), place)
    return Stated(label, findings)


def _contradictory(
    labels: Iterable[str],  # of one image
    place: str,  # of the rows that say so, in words, or ''
) -> Refused:
    """Say that labels contradict each other."""
    why = f"its labels contradict each other: {' and '.join(labels)}{place}"
    return Refused("label", "contradictory", why)


def unknown_label(
    source: Source,
    text: str,  # as the source writes it
    place: str,  # of the rows that say so, in words, or ''
) -> Refused:
    """Say that no rule has a label, and which has it in another case."""
    why = f"no rule of {source.id} for the label {text!r}{place}"
    values = [rule.label_value for rule in source.rules]
    alike = [value for value in values if value.casefold() == text.casefold()]
    if alike:
        why += f"; it has {alike[0]!r}"
    return Refused("label", "unknown_label", why, text or "blank")


# ---- one column a finding


@dataclass(frozen=True)
class _Column:
    """A column that tells of findings, and what it says of one image."""

    rules: Sequence[Rule]  # that read it
    rows: Sequence[Row]  # that speak of the image


def stated_by_columns(
    rules: Sequence[Rule],  # that fit the file
    tables: Mapping[str, Table],  # cell of column table -> Table
    path: str,  # of the file
) -> Stated | Refused:
    """Unite what columns say: 1 present, 0 absent, -1 left open, blank unknown."""
    said: dict[str, set[str]] = {"present": set(), "absent": set(), "uncertain": set()}
    said["blank"] = set()
    words: list[str] = []  # COLUMN=CELL
    for column in _columns(rules, tables, path):
        answers = _answers(column)
        if isinstance(answers, Refused):
            return answers
        for answer, findings in answers.items():
            said[answer].update(findings)
        words += _words(column)
    if NO_FINDING in said["present"] and len(said["present"]) > 1:
        first = rules[0]
        place = place_of(tables[first.table], tables[first.table].rows_of(path))
        positive = [word for word in words if _is_present(word, rules)]
        return _contradictory(positive, place)
    return _united(said, "|".join(words))


def _columns(
    rules: Sequence[Rule],
    tables: Mapping[str, Table],
    path: str,
) -> list[_Column]:
    """Part rules by the column that they read, in their order."""
    parted: dict[tuple[str, str], list[Rule]] = {}
    for rule in rules:
        parted.setdefault((rule.table, rule.label_key), []).append(rule)
    return [_Column(own, tables[table].rows_of(path)) for (table, _), own in parted.items()]


def _answers(column: _Column) -> dict[str, set[str]] | Refused:
    """Return present, absent, uncertain or blank -> findings of which the column says so.

    Several rows on one file must agree.
    """
    key = column.rules[0].label_key
    first: dict[str, set[str]] | None = None
    for row in column.rows:
        cell = row.cells.get(key) or ""
        answers = _answers_of_cell(column.rules, cell)
        if not answers:
            values = ", ".join(rule.label_value for rule in column.rules)
            why = f"column {key!r} holds {cell!r} (row {row.number}): expected {values}, 0, -1"
            return Refused("label", "unknown_label", f"{why} or blank", f"{key}={cell}")
        if first is not None and answers != first:
            numbers = " and ".join(str(each.number) for each in column.rows)
            why = f"rows {numbers} do not say the same of {key!r}"
            return Refused("table", "ambiguous_row", why)
        first = answers
    return first or _answers_of_cell(column.rules, "")


def _answers_of_cell(
    rules: Sequence[Rule],  # of one column
    cell: str,
) -> dict[str, set[str]]:
    """Return answer -> findings, for a cell; empty where no rule has it.

    Where one rule finds its value, what the others stand for is absent.
    """
    answers = {rule.label_value: answer_of(cell, rule.label_value) for rule in rules}
    if "present" not in answers.values():
        if not all(answers.values()):
            return {}
    out: dict[str, set[str]] = {}
    for rule in rules:
        answer = answers[rule.label_value]
        if answer != "present" and "present" in answers.values():
            answer = "absent"
        out.setdefault(answer, set()).update(split_bar(rule.findings))
    if "present" in out and "absent" in out:
        out["absent"] -= out["present"]
    return out


def _words(column: _Column) -> list[str]:
    """Return COLUMN=CELL where a cell says something."""
    key = column.rules[0].label_key
    cells = [row.cells.get(key) or "" for row in column.rows[:1]]
    return [f"{key}={whole_number(cell)}" for cell in cells if not is_blank(cell)]


def _is_present(
    word: str,  # COLUMN=CELL
    rules: Sequence[Rule],
) -> bool:
    """Tell whether a rule says that such a cell means present."""
    key, _, cell = word.rpartition("=")
    of_column = [rule for rule in rules if rule.label_key == key]
    return any(answer_of(cell, rule.label_value) == "present" for rule in of_column)


def _united(
    said: Mapping[str, set[str]],  # present, absent, uncertain, blank -> findings
    label: str,
) -> Stated:
    """Make one statement of what columns say.

    A finding that one column denies and another leaves open is open. `no_finding` answers the blank
    cells; where something is found, it is absent.
    """
    present = said["present"]
    uncertain = said["uncertain"] - present
    blank = said["blank"] - present
    if NO_FINDING in present:
        blank = set()
    elif present:
        uncertain = uncertain - {NO_FINDING}
        blank = blank - {NO_FINDING}
    absent = (said["absent"] | said["blank"] | said["uncertain"]) - present - uncertain - blank
    return Stated(
        label=label,
        findings=in_order(present),
        absent=in_order(absent),
        unknown=in_order(uncertain | blank),
        uncertain=in_order(uncertain),
    )


# ---- words


def place_of(
    table: Table,
    rows: Sequence[Row],  # that speak of a file
) -> str:
    """Name rows, for the end of a sentence."""
    numbers = " and ".join(str(row.number) for row in rows)
    return f" (row{'s' if len(rows) > 1 else ''} {numbers} of {table.path})"
