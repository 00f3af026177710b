"""What cells of a user's csv say of patient, age, sex and view, or that they cannot be understood.

A text -> the same in one form, '' where nothing is known, None where it means something else. It
reads no file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable

from cxr_fastai.curation.sources.cells import is_blank, known
from cxr_fastai.curation.sources.item import MAX_AGE, view_of, years

__all__ = [
    "CellReader",
    "READERS",
    "EXPECTED",
    "read_cells",
    "age_in_years",
    "sex_in_words",
    "view_in_words",
]

CellReader = Callable[[str], str | None]
# A number, whole or with a decimal point or comma, and a unit in English, German, French, Spanish,
# Italian or Portuguese. Dates of birth and ranges as 50-60 are no age.
AGE = re.compile(r"0*(?P<number>\d+(?:[.,]\d+)?)\s*(?P<unit>[a-zäéñ]*)\.?\s*(?:old)?\+?", re.I)
UNITS = {
    "Y": "y yr yrs year years yo a ans an jahre jahr j años año anni anno anos ano",
    "M": "m mo mos mth mths month months mois monate monat mes meses mese mesi",
    "W": "w wk wks week weeks woche wochen semaine semaines semana semanas settimane",
    "D": "d day days tag tage t jour jours dia dias giorni giorno",
}
SEXES = {
    "F": "f female fem femme féminin feminin femenino feminino femenina feminina frau w weiblich "
    "woman women girl mujer donna femmina mulher",
    "M": "m male man men boy homme masculin masculino mann männlich hombre uomo maschio homem",
}
VIEWS = {
    "posteroanterior": "PA",
    "postero-anterior": "PA",
    "anteroposterior": "AP",
    "antero-posterior": "AP",
    "lat": "L",
    "lateral": "L",
    "l": "L",
    "ll": "L",
}


def _by_word(words_of: dict[str, str]) -> dict[str, str]:
    """Return word -> what it means, of what is written -> its words."""
    meaning_of: dict[str, str] = {}
    for meaning, words in words_of.items():
        meaning_of.update(dict.fromkeys(words.split(), meaning))
    return meaning_of


UNIT_OF = _by_word(UNITS)
SEX_OF = _by_word(SEXES)
BEGINS_WITH_VIEW = re.compile(r"(ap|pa)(?![a-z])", re.I)


def age_in_years(cell: str) -> str | None:
    """Return 65 for 065Y, 1.17 for 14 M, 45.5 for 45,5; None above MAX_AGE and for no age."""
    found = AGE.fullmatch(cell)
    if not found:
        return None
    word = found["unit"].casefold() or "y"
    if word not in UNIT_OF:
        return None
    number = found["number"].replace(",", ".")
    return years(number + UNIT_OF[word]) or None


def sex_in_words(cell: str) -> str | None:
    """Return F or M; None for other words, also for 0 and 1."""
    return SEX_OF.get(cell.casefold())


def view_in_words(cell: str) -> str | None:
    """Return PA, AP or L where the text says so, else the text; None where it would be misread."""
    view = VIEWS.get(cell.casefold())
    if view or BEGINS_WITH_VIEW.match(cell):
        return view or view_of(cell)
    return cell if view_of(cell) == cell else None


def _patient(cell: str) -> str:
    """Return 7 for 7.0, any other name as it is."""
    return known(cell)


READERS: dict[str, CellReader] = {
    "patient": _patient,
    "age": age_in_years,
    "sex": sex_in_words,
    "view": view_in_words,
}
EXPECTED = {
    "age": f"write years up to {MAX_AGE}, as 65, 065Y or 14 M",
    "sex": "write F, M, female or male",
    "view": "write PA, AP, lateral",
}


def read_cells(
    role: str,  # of READERS
    cells: Iterable[str],  # without blanks around them
) -> tuple[list[str], Counter[str]]:
    """Return the cells in one form, and texts that mean something else -> how often."""
    read = READERS[role]
    forms: list[str] = []
    odd: Counter[str] = Counter()
    for cell in cells:
        form = "" if is_blank(cell) else read(cell)
        if form is None:
            odd[cell] += 1
        forms.append(form or "")
    return forms, odd
