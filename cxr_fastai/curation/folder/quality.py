"""quality.csv: images whose file had something to note, and films that do not lie as others do.

Records, fingerprints and looks -> the rows of the table. It reads no file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cxr_fastai.curation.folder.looks import FilmLook
from cxr_fastai.curation.folder.result import Row
from cxr_fastai.manifest import Record

__all__ = ["QUALITY_COLUMNS", "quality_rows"]

QUALITY_COLUMNS = ("path", "source", "original_path", "notes", "looks", "odds", "righted")


def quality_rows(
    records: Mapping[str, Record],  # path as it lay -> the row that is written
    before: Sequence[Record],  # the rows as they lay
    notes: Mapping[str, Sequence[str]],  # pixel_sha256 as it lay -> keys of images.NOTES
    looks: Mapping[str, FilmLook],  # pixel_sha256 as it lay -> of films that are told of
) -> list[Row]:  # by the path that is written
    """Make the rows: of each image that has a note, or does not look like an upright film."""
    rows = []
    for lay in before:
        sha = lay.pixel_sha256
        look = looks.get(sha)
        if not notes[sha] and look is None:
            continue
        written = records[lay.path]
        row = {
            "path": written.path,
            "source": written.source,
            "original_path": written.original_path,
            "notes": "|".join(notes[sha]),
            "looks": look.kind if look else "",
            "odds": "" if look is None or look.odds is None else f"{look.odds:.1f}",
            "righted": "yes" if written.righted else "",
        }
        rows.append(row)
    return sorted(rows, key=lambda row: row["path"])
