"""The rows of a folder as they may be seen by all: by split, and without what curation hides.

A Manifest -> its Records with other paths, and which file each is. Of a folder of somebody's own,
names of files go, patients are numbered anew and ages from 90 are one. Reads no pixel.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace

from cxr_fastai.manifest import Manifest, Record

__all__ = ["MOST_IN_A_FOLDER", "OLDEST_TOLD", "Released", "released"]

MOST_IN_A_FOLDER = 10_000  # files; of more the Hub takes none (its page Repository limitations)
# Years from which an age tells who somebody is: 45 CFR 164.514 (b)(2)(i)(C), Safe Harbor
OLDEST_TOLD = 90


@dataclass(frozen=True)
class Released:
    """The rows of a folder on the Hub."""

    rows: list[Record]  # in the order of their paths
    file_of: dict[str, str]  # path on the Hub -> path in the folder here


def released(
    data: Manifest,
    hidden: Collection[str],  # sources that are a folder of somebody's own
    most_in_a_folder: int = MOST_IN_A_FOLDER,
) -> Released:
    """Return the rows as they go: an image stands in the folder of its split, then of its class."""
    paths = _paths(data.rows, most_in_a_folder)
    numbers = _numbers([row for row in data.rows if row.source in hidden])
    rows = []
    for row in data.rows:
        shown_before = paths.get(row.repeat_of, "")
        row_there = replace(row, path=paths[row.path], repeat_of=shown_before)
        if row.source in hidden:
            row_there = _without_names(row_there, numbers)
        rows.append(row_there)
    rows.sort(key=lambda row: row.path)
    file_of = {there: here for here, there in paths.items()}
    return Released(rows, file_of)


def _paths(
    rows: list[Record],
    most_in_a_folder: int,
) -> dict[str, str]:  # path in the folder here -> on the Hub
    """Put each image below its split; a folder of too many is parted by the names of its files."""
    paths = {row.path: _below_split(row) for row in rows}
    folders = Counter(path.rpartition("/")[0] for path in paths.values())
    parted = {}
    for here, there in paths.items():
        folder, _, name = there.rpartition("/")
        if folders[folder] > most_in_a_folder:
            there = f"{folder}/{name[:2]}/{name}"
        parted[here] = there
    return parted


def _below_split(
    row: Record,
) -> str:
    """Return SPLIT/CLASS/NAME of an image, as the layout of splits has it."""
    parts = row.path.split("/")
    if len(parts) > 2 and parts[0] == row.split:
        return row.path
    return f"{row.split}/{row.path}"


def _numbers(
    rows: list[Record],  # of sources that are hidden
) -> dict[str, str]:  # patient -> his number
    """Give the patients new numbers, in the order of their images' hashes: source:1, source:2, ..

    The order tells nothing of who they are, and the same folder gives the same numbers.
    """
    numbers: dict[str, str] = {}
    of_source: Counter[str] = Counter()
    for row in sorted(rows, key=lambda row: (row.pixel_sha256, row.path)):
        if row.patient and row.patient not in numbers:
            of_source[row.source] += 1
            numbers[row.patient] = f"{row.source}:{of_source[row.source]}"
    return numbers


def _without_names(
    row: Record,
    numbers: dict[str, str],  # patient -> his number
) -> Record:
    """Return a row without the names that a hospital gives files, patients and findings."""
    return replace(
        row,
        original_path="",
        source_label="",
        patient=numbers.get(row.patient, ""),
        age=_age(row.age),
    )


def _age(
    age: str,  # years; '' where unknown
) -> str:
    """Return an age that tells nobody: from OLDEST_TOLD on they are one."""
    if age and float(age) >= OLDEST_TOLD:
        return str(OLDEST_TOLD)
    return age
