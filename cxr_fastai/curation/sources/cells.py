"""What a cell of a source's table says, whoever wrote it: nothing, a number, a label.

Texts of cells -> texts in one form. It knows no source and reads no file.
"""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["is_blank", "known", "whole_number", "label_in_one_form", "answer_of", "BLANK_WORDS"]

# What programs and people write into a cell of which nothing is known, in lower case: the words of
# pandas.read_csv (na_values) that no label or name is likely to be, and those that people write.
BLANK_WORDS = frozenset(
    (
        "",
        "nan",
        "-nan",
        "na",
        "n/a",
        "n.a.",
        "#na",
        "#n/a",
        "<na>",
        "nat",
        "nil",
        "none",
        "null",
        "unknown",
        "unk",
        "not known",
        "not available",
        "missing",
        "?",
        "-",
        "--",
        "\N{EN DASH}",
        "\N{EM DASH}",
        # the same in other languages
        "unbekannt",
        "k.a.",
        "keine angabe",
        "inconnu",
        "desconocido",
        "desconhecido",
        "sconosciuto",
    )
)
WHOLE_NUMBER = re.compile(r"([+-]?\d+)\.0*")  # as a spreadsheet or pandas writes one
# What says that something is present, in lower case, and what then says that it is absent.
OPPOSITES = {
    "1": "0",
    "true": "false",
    "t": "f",
    "yes": "no",
    "y": "n",
    "positive": "negative",
    "pos": "neg",
    "present": "absent",
}
UNCERTAIN = "-1"  # CheXpert's label for a finding that the report leaves open (Irvin et al. 2019)


def is_blank(
    cell: str,  # without blanks around it
) -> bool:
    """Tell whether a cell says that nothing is known."""
    return cell.casefold() in BLANK_WORDS


def whole_number(
    cell: str,  # without blanks around it
) -> str:
    """Return 7 for 7.0, and any other text as it is; 07 and 7 stay two."""
    found = WHOLE_NUMBER.fullmatch(cell)
    return found[1] if found else cell


def known(
    cell: str,  # without blanks around it
) -> str:
    """Return what is known by a cell: '' for a blank word, 7 for 7.0, else its text."""
    return "" if is_blank(cell) else whole_number(cell)


def label_in_one_form(
    cell: str,  # a label, or several joined by |
    values: tuple[str, ...],  # the labels that rules name
) -> str:
    """Return a label as the rules of its source write it: 1 for 1.0, '' for a blank word.

    A blank word that a rule names, in any case, is a label. What no rule names stays as it is.
    """
    if is_blank(cell) and cell.casefold() not in _folded(values):
        return ""
    parts = [part.strip() for part in cell.split("|")]
    numbers = _numbers(values)
    named = [part if part in values else numbers.get(whole_number(part), part) for part in parts]
    return "|".join(part for part in named if part)


@lru_cache(maxsize=256)
def _folded(values: tuple[str, ...]) -> frozenset[str]:
    """Return texts without regard to case."""
    return frozenset(value.casefold() for value in values)


@lru_cache(maxsize=256)
def _numbers(values: tuple[str, ...]) -> dict[str, str]:
    """Return whole number -> how the first rule that names it writes it."""
    numbers: dict[str, str] = {}
    for value in values:
        numbers.setdefault(whole_number(value), value)
    return numbers


def answer_of(
    cell: str,  # of a column that tells of one finding
    value: str,  # that says that it is present
) -> str:
    """Return what a cell says of a finding: present, absent, uncertain, blank; '' for another text.

    1 and 1.0 are one, and of words the case does not count.
    """
    said = whole_number(cell).casefold()
    yes = whole_number(value).casefold()
    if said == yes:
        return "present"
    if said in ("0", OPPOSITES.get(yes)):
        return "absent"
    if said == UNCERTAIN:
        return "uncertain"
    return "blank" if is_blank(cell) else ""
