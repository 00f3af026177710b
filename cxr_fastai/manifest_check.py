"""A row of manifest.csv: what it holds, and what is promised of all rows together.

Records -> Faults. The promises: cells of the right form, names that are known, no path twice, no
image twice but in a source's own official test set, no group or patient in two splits. It opens no
file and looks at no pixels.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, fields

from cxr_fastai.core import FINDINGS, SPLITS, NotCurated, is_finding, unknown_name
from cxr_fastai.recipes import Recipe

__all__ = [
    "Record",
    "COLUMNS",
    "REQUIRED",
    "Fault",
    "check_rows",
    "find_faults",
    "is_inside",
    "shown",
]


@dataclass(frozen=True)
class Record:
    """A row of manifest.csv. All text; an empty cell is unknown."""

    path: str  # of the image, relative to the folder, with /
    sha256: str  # of the source file's bytes, 64 hex digits
    # of width, height and the upright 8-bit gray pixels, 64 hex digits; its start names the file
    pixel_sha256: str
    phash: str  # 64-bit perceptual hash, 16 hex digits
    source: str  # source id of the catalogue
    upstream: str  # the sources it re-publishes, pipe-joined, * = any; empty: it is the original
    original_path: str  # where the file lay in the source; arrays: file.npz#split/row
    source_label: str  # the source's own words
    label: str  # class slug of the recipe; multi-label: labels.present, labels.unknown read it
    findings: str  # pipe-joined, as core.is_finding tells; blank = unknown
    patient: str  # namespace:id, blank = unknown
    group: str  # connected by same patient or same radiograph; no split cuts it
    split: str  # train | valid | test
    view: str  # PA | AP | L | the source's word
    age: str  # years
    sex: str  # F | M
    width: str  # px, upright
    height: str  # px, upright
    mode: str  # of the source file: Pillow's mode and bit depth, as L/8, I;16/12
    licence: str
    # path of the row whose radiograph this one shows again: both are of one source's official test
    # set, which is kept whole; empty for all others
    repeat_of: str = ""
    fold: str = ""  # of cross-validation, a whole number from 0; empty: none, or officially tested
    format: str = ""  # of the source file, one of images.FORMATS or array
    bytes: str = ""  # size of the source file's image
    jpeg_tables: str = ""  # what is told of a JPEG's quantisation tables; empty: it has none
    study: str = ""  # of DICOM: its study's place among its patient's by date, from 1
    # how the source's picture lay, as "inverted|turned_90", before it was turned and inverted back
    # to what stands in the folder; empty: it is shown as the source has it
    righted: str = ""


COLUMNS = tuple(f.name for f in fields(Record))
REQUIRED = ("path", "sha256", "pixel_sha256", "source", "label", "group", "split")

SHOWN_CHARACTERS = 80  # of a cell, in a message


@dataclass(frozen=True)
class Fault:
    """A promise that a row breaks."""

    row: int  # of the csv, the header being 1
    column: str  # empty: the whole row
    wrong: str  # what is wrong, without a full stop

    def sentence(
        self,
        file: str,  # names the manifest
    ) -> str:
        """Return the fault and its place, as one sentence."""
        return f"{_place(self, file)}: {self.wrong}."


@dataclass(frozen=True)
class UnknownNameFault(Fault):
    """A cell that names what does not exist; `wrong` is the name."""

    kind: str  # of name, as unknown_name says it
    allowed: Collection[str]

    def sentence(self, file: str) -> str:
        """Return the fault, its place and the names that exist, as one sentence."""
        return unknown_name(self.kind, self.wrong, self.allowed, _place(self, file))


def _place(fault: Fault, file: str) -> str:
    """Return where a fault stands: file, row and column."""
    row = f"{file}, row {fault.row}"
    if not fault.column:
        return row
    return f"{row}, column {fault.column}"


def shown(cell: str) -> str:
    """Return a cell as a message quotes it, cut where it is long."""
    if len(cell) > SHOWN_CHARACTERS:
        cell = cell[:SHOWN_CHARACTERS] + ".."
    return repr(cell)


# ---- the form of a cell

# a drive, a backslash, an empty part, . or ..
BAD_PATH = re.compile(r"^[A-Za-z]:|\\|\0|(?:^|/)\.{0,2}(?:/|$)")
SOURCE_ID = re.compile(r"[a-z0-9_]+")
SHA256 = re.compile(r"[0-9a-f]{64}")
PHASH = re.compile(r"[0-9a-f]{16}")
AGE = re.compile(r"[0-9]{1,3}(\.[0-9]+)?")
WHOLE = re.compile(r"[1-9][0-9]{0,17}")  # as many digits as always fit into 64 bits
MAX_AGE = 120  # years
RIGHTED = re.compile(r"(inverted|turned_(90|180|270))(\|(inverted|turned_(90|180|270)))*")


def is_inside(path: str) -> bool:
    """Tell whether a path stays within its folder, on every operating system."""
    return not BAD_PATH.search(path)


def _is_sha256(cell: str) -> bool:
    """Tell whether a cell is 64 lower-case hex digits."""
    return SHA256.fullmatch(cell) is not None


def _is_phash(cell: str) -> bool:
    """Tell whether a cell is 16 lower-case hex digits."""
    return PHASH.fullmatch(cell) is not None


def _is_source_id(cell: str) -> bool:
    """Tell whether a cell is a source id."""
    return SOURCE_ID.fullmatch(cell) is not None


def _are_source_ids(cell: str) -> bool:
    """Tell whether a cell is source ids and *, joined by |."""
    return all(part == "*" or _is_source_id(part) for part in cell.split("|"))


def _is_age(cell: str) -> bool:
    """Tell whether a cell is an age in years."""
    return AGE.fullmatch(cell) is not None and float(cell) <= MAX_AGE


def _is_sex(cell: str) -> bool:
    """Tell whether a cell is a sex."""
    return cell in ("F", "M")


def _is_fold(cell: str) -> bool:
    """Tell whether a cell is the number of a fold."""
    return cell == "0" or WHOLE.fullmatch(cell) is not None


def _is_count(cell: str) -> bool:
    """Tell whether a cell is a whole number, at least 1."""
    return WHOLE.fullmatch(cell) is not None


def _is_righted(cell: str) -> bool:
    """Tell whether a cell says how a picture lay before it was righted."""
    return RIGHTED.fullmatch(cell) is not None


# Column -> (whether a cell that is not empty has its form, what is allowed). A column without a row
# here is free text, or a name (see _name_fault).
FORMS: dict[str, tuple[Callable[[str], bool], str]] = {
    "path": (is_inside, "a path within the folder, with / and without .., as normal/0a1b.png"),
    "sha256": (_is_sha256, "64 lower-case hex digits"),
    "pixel_sha256": (_is_sha256, "64 lower-case hex digits"),
    "phash": (_is_phash, "16 lower-case hex digits"),
    "source": (_is_source_id, "an id of lower-case letters, digits and underscores"),
    "upstream": (_are_source_ids, "source ids joined by |, or empty"),
    "age": (_is_age, "years from 0 to 120, as 54 or 0.5, or empty"),
    "sex": (_is_sex, "F, M, or empty"),
    "width": (_is_count, "a whole number of pixels, at least 1"),
    "height": (_is_count, "a whole number of pixels, at least 1"),
    "repeat_of": (is_inside, "the path of another row, or empty"),
    "fold": (_is_fold, "a whole number from 0, or empty"),
    "bytes": (_is_count, "a whole number of bytes, at least 1, or empty"),
    "study": (_is_count, "a whole number, at least 1, or empty"),
    "righted": (_is_righted, "inverted, turned_90, turned_180, turned_270, joined by |, or empty"),
}


# ---- all rows


def check_rows(
    rows: Sequence[Record],
    recipe: Recipe | None,  # that a label must be of; None: any text is a label
    file: str,  # names the manifest in errors
) -> None:
    """Raise `NotCurated` naming row and column of the first promise that is broken."""
    faults = find_faults(rows, recipe)
    if faults:
        raise NotCurated(f"{faults[0].sentence(file)} Curate the folder again.")


def find_faults(
    rows: Sequence[Record],
    recipe: Recipe | None,  # that a label must be of; None: any text is a label
    numbers: Sequence[int] | None = None,  # each row's in the file; None: they are all of it
) -> list[Fault]:
    """Return all faults, in the order of the rows."""
    if numbers is None:
        numbers = range(2, len(rows) + 2)  # row 1 is the header
    faults: list[Fault] = []
    for column in COLUMNS:
        faults += _cell_faults(column, rows, numbers, recipe)
    faults += _path_faults(rows, numbers)
    faults += _repeat_faults(rows, numbers)
    faults += _split_faults(rows, numbers)
    return sorted(faults, key=lambda fault: fault.row)


def _cell_faults(
    column: str,
    rows: Sequence[Record],
    numbers: Sequence[int],  # of these rows in the file
    recipe: Recipe | None,
) -> Iterator[Fault]:
    """Yield the cells of a column that have not its form; each value is judged once."""
    cells = [getattr(row, column) for row in rows]
    wrong = {cell for cell in set(cells) if _cell_fault(0, column, cell, recipe)}
    if not wrong:
        return
    for number, cell in zip(numbers, cells):
        fault = _cell_fault(number, column, cell, recipe) if cell in wrong else None
        if fault is not None:
            yield fault


def _cell_fault(
    number: int,  # of its row in the file
    column: str,
    cell: str,
    recipe: Recipe | None,
) -> Fault | None:
    """Return what is wrong with a cell, or None."""
    if not cell:
        return Fault(number, column, "empty") if column in REQUIRED else None
    if column in ("label", "split", "findings"):
        return _name_fault(number, column, cell, recipe)
    if column not in FORMS:
        return None
    fits, allowed = FORMS[column]
    if fits(cell):
        return None
    return Fault(number, column, f"{shown(cell)}: expected {allowed}")


def _name_fault(
    number: int,  # of its row in the file
    column: str,  # label | split | findings
    cell: str,
    recipe: Recipe | None,
) -> Fault | None:
    """Return what is wrong with a cell of names: a label, a split, findings."""
    if column == "label":
        if recipe is None or recipe.is_label(cell):
            return None
        return _unknown(number, column, cell, "class", recipe.vocab)
    if column == "split":
        return None if cell in SPLITS else _unknown(number, column, cell, "split", SPLITS)
    for finding in cell.split("|"):
        if not is_finding(finding):
            return _unknown(number, column, finding, "finding", FINDINGS)
    return None


def _unknown(
    number: int,  # of its row in the file
    column: str,
    name: str,  # that does not exist
    kind: str,  # of name, as unknown_name says it
    allowed: Collection[str],
) -> Fault:
    """Return the fault of a name that does not exist."""
    return UnknownNameFault(
        row=number, column=column, wrong=name[:SHOWN_CHARACTERS], kind=kind, allowed=allowed
    )


def _path_faults(rows: Sequence[Record], numbers: Sequence[int]) -> Iterator[Fault]:
    """Yield paths, and images, that stand twice; of one row the first fault only.

    An image may stand again where its row says so, in `repeat_of`.
    """
    first_of_path: dict[str, int] = {}  # -> row number
    first_of_folded: dict[str, int] = {}
    first_of_image: dict[str, int] = {}
    for number, row in zip(numbers, rows):
        same_path = first_of_path.setdefault(row.path, number)
        same_folded = first_of_folded.setdefault(row.path.casefold(), number)
        same_image = number
        if not row.repeat_of:
            same_image = first_of_image.setdefault(row.pixel_sha256, number)
        path = shown(row.path)
        if same_path != number:
            yield Fault(number, "path", f"{path} stands twice, in row {same_path} too")
        elif same_folded != number:
            wrong = (
                f"{path} differs from row {same_folded}'s in upper and lower case only: "
                "one file on many disks"
            )
            yield Fault(number, "path", wrong)
        elif same_image != number:
            wrong = f"that of row {same_image}: the image stands twice"
            yield Fault(number, "pixel_sha256", wrong)


def _repeat_faults(rows: Sequence[Record], numbers: Sequence[int]) -> Iterator[Fault]:
    """Yield rows that say they repeat another one, and do not."""
    by_path = {row.path: row for row in rows}
    for number, row in zip(numbers, rows):
        if not row.repeat_of:
            continue
        first = by_path.get(row.repeat_of)
        named = shown(row.repeat_of)
        if first is None:
            yield Fault(number, "repeat_of", f"{named}: no row has this path")
        elif first.repeat_of:
            yield Fault(number, "repeat_of", f"{named} repeats another row itself: name that one")
        elif (first.source, first.group) != (row.source, row.group):
            yield Fault(number, "repeat_of", f"{named} is of another source or group")
        elif row.split != "test":
            wrong = (
                f"only images of an official test set are kept twice; this one is in {row.split}"
            )
            yield Fault(number, "repeat_of", wrong)


def _split_faults(rows: Sequence[Record], numbers: Sequence[int]) -> Iterator[Fault]:
    """Yield rows whose group, or whose patient, is in another split before them."""
    split_of_group: dict[str, str] = {}
    split_of_patient: dict[str, str] = {}
    for number, row in zip(numbers, rows):
        homes = (
            ("group", row.group, split_of_group),
            ("patient", row.patient, split_of_patient),
        )
        for column, name, split_of in homes:
            first = split_of.setdefault(name, row.split)
            if name and first != row.split:
                wrong = (
                    f"{shown(name)} is in {first} and in {row.split}: a model would be tested on "
                    "what it was trained on"
                )
                yield Fault(number, column, wrong)
