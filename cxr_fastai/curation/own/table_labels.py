"""What the label cells of a user's csv say: one label, several, or a yes or no for each finding.

Texts of cells -> TableLabels: labels in one form, and how they were read. Where it is not certain
whether a cell holds one label or several, it is refused with the way to say so. It reads no file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from cxr_fastai.core import UsageError, printable
from cxr_fastai.curation.sources.cells import OPPOSITES, is_blank, whole_number

__all__ = [
    "TableLabels",
    "read_labels",
    "labels_of",
    "separator_of",
    "is_one_hot",
    "APART",
    "ONE_LABEL",
    "SURPLUS_LABEL",
]

# That part labels in one cell, in the order in which they are tried. No class has a bar in it.
APART = {"|": "a bar", ";": "a semicolon", ",": "a comma", "/": "a slash"}
ONE_LABEL = "none"  # what says that no cell holds several labels
LISTED = re.compile(r"\[(.*)\]", re.DOTALL)  # as Python prints a list: ['a', 'b']
# Above them texts are as those of names or ages, not as those of labels.
MAX_LABELS, MAX_SHARE = 10, 0.5  # different texts; of all rows with a label
YES = frozenset((*OPPOSITES, "x"))
NO = frozenset(OPPOSITES.values())
ANSWERS = ("1", "0", "-1", "")  # in one form: yes, no, left open, unknown
BLANK = "blank"  # what a catalogue calls an empty cell: no label
SURPLUS_LABEL = "(more cells than columns)"  # stands for what a row says that cannot be read


def labels_of(
    text: str,  # of a cell, without blanks around it
    separator: str,  # of APART; '': the cell is one label
) -> tuple[str, ...]:
    """Return the labels of a cell, each once, 1 for 1.0; none where it is blank."""
    if not separator:
        return (whole_number(text),) if text else ()
    parts = [part.strip() for part in _unlisted(text).split(separator)]
    named = [whole_number(part) for part in parts if not is_blank(part)]
    return tuple(dict.fromkeys(named))


def _unlisted(
    text: str,  # of a cell
) -> str:
    """Return what stands in the brackets of a list, without its quotes; another text as it is."""
    found = LISTED.fullmatch(text)
    return re.sub(r"['\"]", "", found[1]) if found else text


# ---- all rows


@dataclass(frozen=True)
class TableLabels:
    """What the labels of all rows are."""

    where: str  # the column, or several
    cells: list[tuple[str, ...]]  # of each row, in one form: as the rules of a source have them
    counts: Counter[str]  # label, or column of a finding -> rows that have it
    left: Counter[str]  # text of a cell that is no label -> rows
    separator: str = ""  # of several labels in one cell
    is_by_column: bool = False  # a column a finding
    is_one_hot: bool = False  # of these each row has one: they are classes

    @property
    def is_multi_label(self) -> bool:
        """Whether an image may have several labels."""
        return bool(self.separator) or (self.is_by_column and not self.is_one_hot)


def read_labels(
    rows: Sequence[Sequence[str]],  # of each row its cell, or one for each finding
    columns: Sequence[str],  # of these cells
    name: str,  # of the csv, for errors
    separator: str = "",  # of labels in one cell, or ONE_LABEL; '': to be told from the cells
    spoken: Collection[str] = (),  # labels that the user names: these are labels, blank or not
) -> TableLabels:
    """Read the labels of all rows. Raises `UsageError` for what is not clear, or no label."""
    if len(columns) > 1:
        return _by_column(rows, columns)
    where = f"{name}, column {columns[0]!r}"
    texts = [row[0] for row in rows]
    labelled = {text: None for text in texts if _is_label(text, spoken)}
    apart = separator_of(labelled, separator, where)
    of_text: dict[str, tuple[str, ...]] = {}
    for text in labelled:  # a blank word is among them where the user names it as a label
        of_text[text] = (text,) if is_blank(text) else labels_of(text, apart)
    counts: Counter[str] = Counter()
    left: Counter[str] = Counter()
    cells: list[tuple[str, ...]] = []
    for text in texts:
        labels = of_text.get(text, ())
        counts.update(labels)
        if not labels:
            left[text] += 1
        cells.append(("|".join(labels) or text,))
    check_are_labels(counts, where)
    return TableLabels(columns[0], cells, counts, left, apart)


def _is_label(
    text: str,  # of a cell
    spoken: Collection[str],  # labels that the user names
) -> bool:
    """Tell whether a cell is a label: no blank word, unless the user names it as a label."""
    if text == SURPLUS_LABEL or text.casefold() == BLANK:
        return False
    return text in spoken or not is_blank(text)


def _by_column(
    rows: Sequence[Sequence[str]],  # of each row its cells
    columns: Sequence[str],  # of these cells, a finding each
) -> TableLabels:
    """Read one column a finding."""
    cells = [tuple(map(answer_in_one_form, row)) for row in rows]
    counts: Counter[str] = Counter({column: 0 for column in columns})
    left: Counter[str] = Counter()
    for row in cells:
        for column, cell in zip(columns, row):
            counts[column] += cell == "1"
            if cell not in ANSWERS:
                left[f"{column}={cell}"] += 1
    return TableLabels(
        where=", ".join(columns),
        cells=cells,
        counts=counts,
        left=left,
        is_by_column=True,
        is_one_hot=is_one_hot(cells),
    )


# ---- one label a cell, or several


def separator_of(
    texts: Collection[str],  # different ones, that are not blank
    asked: str,  # of APART, or ONE_LABEL; '': to be told from the texts
    where: str,  # csv and column, for errors
) -> str:
    """Return what parts labels in one cell; '' where each cell holds one.

    It is taken where each part is a label elsewhere too: alone, or beside others. Of a bar one such
    part is enough. Raises `UsageError` where some parts are and some are not.
    """
    if asked == ONE_LABEL:
        _check_no_bar(texts, where)
        return ""
    if asked:
        if asked not in APART:
            raise UsageError(
                f"unknown separator of labels {asked!r}: expected one of "
                f"{' '.join(APART)} or {ONE_LABEL}."
            )
        return asked
    if all(map(LISTED.fullmatch, texts)) and texts:
        return ","
    for separator in APART:
        if _parts_labels(texts, separator, where):
            return separator
    return ""


def _check_no_bar(
    texts: Collection[str],  # different ones, that are not blank
    where: str,  # names the csv in errors
) -> None:
    """Raise `UsageError` for a bar in a label, which parts labels in every file that is written."""
    barred = sorted(text for text in texts if "|" in text)
    if barred:
        raise UsageError(f"{where}: the label {barred[0]!r} holds a bar: write it without.")


def _parts_labels(
    texts: Collection[str],  # different ones, that are not blank
    separator: str,  # of APART
    where: str,  # names the csv in errors
) -> bool:
    """Tell whether a separator parts labels. Raises `UsageError` where it is not certain."""
    joined = sorted(text for text in texts if separator in text)
    if not joined:
        return False
    alone = {text.casefold() for text in texts if separator not in text}
    in_texts: Counter[str] = Counter()  # part -> in how many different texts
    for text in joined:
        parts = map(str.casefold, labels_of(text, separator))
        in_texts.update(set(parts))
    recurring = {part for part, n in in_texts.items() if n > 1 or part in alone}
    once = sorted(in_texts.keys() - recurring)
    is_bar = separator == "|"
    if not alone.isdisjoint(in_texts) and (is_bar or not once):
        return True
    if not recurring and not is_bar:
        return False
    odd = once[0] if once else min(in_texts, default=separator)
    raise UsageError(
        f"{where}: is {joined[0]!r} one label, or several parted by {APART[separator]}? "
        f"{_why(odd, odd in recurring)} Say --label-separator {separator!r} (Python: "
        "label_separator), or none where each cell is one label."
    )


def _why(
    part: str,  # of a cell
    recurs: bool,  # it stands elsewhere too
) -> str:
    """Say why it is not certain."""
    if recurs:
        return f"{printable(part)!r} never stands alone."
    return f"{printable(part)!r} stands in no other cell."


def check_are_labels(
    counts: Mapping[str, int],  # label -> rows
    where: str,  # csv and column, for errors
) -> None:
    """Raise `UsageError` where texts are too many to be labels, or one alone."""
    rows = sum(counts.values())
    if len(counts) > MAX_LABELS and len(counts) > MAX_SHARE * rows:
        raise UsageError(
            f"{where} holds {len(counts):,} different texts in {rows:,} rows, "
            f"{next(iter(counts))!r} the first: these are no labels. Name the column of labels."
        )


# ---- one column a finding


def answer_in_one_form(
    cell: str,  # without blanks around it
) -> str:
    """Return 1 for yes, 0 for no, -1 for uncertain, '' for a blank word; else the cell as it is."""
    word = whole_number(cell).casefold()
    if word in YES:
        return "1"
    if word in NO:
        return "0"
    return "" if is_blank(cell) else whole_number(cell)


def is_one_hot(
    rows: Sequence[Sequence[str]],  # of answers in one form, one for each finding
) -> bool:
    """Tell whether each row says yes to one finding and no to all others: these are classes.

    Rows that say nothing, or cannot be read, are passed over.
    """
    told = [row for row in rows if any(row) and SURPLUS_LABEL not in row]
    if not told:
        return False
    one_of_all = ["0"] * (len(told[0]) - 1) + ["1"]
    return all(sorted(row) == one_of_all for row in told)
