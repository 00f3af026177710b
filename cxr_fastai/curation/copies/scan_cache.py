"""What earlier runs found out, so that no image is decoded twice and no pair is compared twice.

Keys -> the Fingerprints and Matches that are kept under them, in one SQLite file in the cache
folder. It may be deleted at any time; a damaged file, or one of another version, is begun anew.
It reads no image and raises nothing where the cache cannot be used: that costs time only.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from cxr_fastai.core import cache_dir
from cxr_fastai.curation.copies.features import FEATURES_VERSION
from cxr_fastai.curation.copies.fingerprint import Fingerprint, Unreadable
from cxr_fastai.curation.copies.geometry import Match
from cxr_fastai.images import DECODER_VERSION
from cxr_fastai.progress import SILENT, Progress

__all__ = ["ScanCache"]

LAYOUT_VERSION = 4  # of the tables and of what a row holds; under 3 DICOM was rejected
VERSION = LAYOUT_VERSION * 10_000 + DECODER_VERSION * 100 + FEATURES_VERSION
# Reasons that may pass: the next run looks at such an image again.
PASSING_REASONS = ("crashed", "timed_out", "decoder_failed", "unreadable", "missing_extra")
SECONDS_BETWEEN_WRITES = 2.0  # what a killed run may lose
KEYS_A_QUERY = 500
TABLES = {
    "scan": "key text primary key, row text, sketch blob",
    "pairs": "key text primary key, row text",
}


class ScanCache:
    """The results of earlier runs; opened with `with`."""

    file: Path
    progress: Progress  # is told of a cache that had to be begun anew
    unwritten: dict[str, list[tuple[Any, ...]]]  # table -> rows that are not in the file yet
    written_at: float  # time.monotonic() of the last write
    db: sqlite3.Connection

    def __init__(self, progress: Progress = SILENT):
        """Open the cache, or begin a new one."""
        self.file = cache_dir() / "scan.sqlite"
        self.progress = progress
        self.unwritten = {}
        self.written_at = time.monotonic()
        self.db = self._open()

    def __enter__(self) -> ScanCache:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write what is kept, and close the file."""
        self.flush()
        self.db.close()

    # ---- what is known

    def fingerprints(
        self,
        keys: list[str],  # of rows
    ) -> dict[str, Fingerprint | Unreadable]:
        """Return key -> result for those of the keys that an earlier scan kept."""
        known: dict[str, Fingerprint | Unreadable] = {}
        for key, row, sketch in self._rows("scan", "key, row, sketch", keys):
            cells = json.loads(row)
            if "reason" in cells:
                known[key] = Unreadable(**cells)
            else:
                known[key] = Fingerprint(**cells, sketch=sketch)
        return known

    def pairs(
        self,
        keys: list[str],  # of rows
    ) -> dict[str, Match | None]:
        """Return key -> what comparing two images gave, for the pairs that were compared.

        None: they do not match.
        """
        known: dict[str, Match | None] = {}
        for key, row in self._rows("pairs", "key, row", keys):
            cells = json.loads(row)
            known[key] = Match.from_json(cells) if cells else None
        return known

    def _rows(
        self,
        table: str,  # a key of TABLES
        columns: str,  # to be read, as SQL
        keys: list[str],  # of rows
    ) -> Iterator[tuple[Any, ...]]:
        """Yield the rows that have one of the keys; an empty table is not asked."""
        if not self.db.execute(f"select 1 from {table} limit 1").fetchone():
            return
        unique = list(dict.fromkeys(keys))
        for start in range(0, len(unique), KEYS_A_QUERY):
            part = unique[start : start + KEYS_A_QUERY]
            marks = ", ".join("?" * len(part))
            query = f"select {columns} from {table} where key in ({marks})"
            yield from self.db.execute(query, part)

    # ---- what is kept

    def keep_fingerprint(
        self,
        key: str,
        result: Fingerprint | Unreadable,  # of a scan
    ) -> None:
        """Keep the result of a scan, unless the reason that it failed for may pass."""
        if isinstance(result, Unreadable):
            if result.reason not in PASSING_REASONS:
                self._keep("scan", (key, json.dumps(vars(result)), b""))
            return
        cells = dict(vars(result))
        sketch = cells.pop("sketch")
        self._keep("scan", (key, json.dumps(cells), sketch))

    def keep_pair(
        self,
        key: str,
        found: Match | None,  # None: they do not match
    ) -> None:
        """Keep what comparing two images gave; None where they do not match."""
        self._keep("pairs", (key, json.dumps(vars(found) if found else None)))

    def _keep(
        self,
        table: str,  # a key of TABLES
        row: tuple[Any, ...],  # its cells, the key first
    ) -> None:
        """Rows reach the file every SECONDS_BETWEEN_WRITES, and at the end."""
        self.unwritten.setdefault(table, []).append(row)
        if time.monotonic() - self.written_at >= SECONDS_BETWEEN_WRITES:
            self.flush()

    def flush(self) -> None:
        """Write all that is kept to the file.

        A full or locked cache costs the next run time, this one nothing.
        """
        unwritten = self.unwritten
        self.unwritten = {}
        self.written_at = time.monotonic()
        try:
            with self.db:
                for table, rows in unwritten.items():
                    marks = ", ".join("?" * len(rows[0]))
                    self.db.executemany(f"insert or replace into {table} values ({marks})", rows)
        except sqlite3.Error:
            pass

    # ---- the file

    def _open(self) -> sqlite3.Connection:
        """Open the file, or a database in memory where the cache folder cannot be used."""
        for _ in range(2):  # the second time after a damaged file was removed
            try:
                self.file.parent.mkdir(parents=True, exist_ok=True)
                return self._with_tables(sqlite3.connect(self.file, timeout=30))
            except sqlite3.OperationalError:
                break  # locked, read-only, no room
            except sqlite3.DatabaseError:
                self._tell("is damaged")
                self.file.unlink(missing_ok=True)
            except OSError:
                break
        return self._with_tables(sqlite3.connect(":memory:"))

    def _with_tables(self, db: sqlite3.Connection) -> sqlite3.Connection:
        """Make the tables where they are missing, and begin anew those of another version."""
        version = db.execute("pragma user_version").fetchone()[0]
        if version != VERSION:
            self._empty(db)
        for table, columns in TABLES.items():
            db.execute(f"create table if not exists {table} ({columns})")
        return db

    def _empty(self, db: sqlite3.Connection) -> None:
        """Drop the tables of another version."""
        query = "select name from sqlite_master where type = 'table'"
        tables = [name for (name,) in db.execute(query)]
        if tables:
            self._tell("is of another version")
        with db:
            for table in tables:
                db.execute(f'drop table "{table}"')
            db.execute(f"pragma user_version = {VERSION}")
        db.execute("vacuum")

    def _tell(
        self,
        what: str,  # is the matter
    ) -> None:
        """Tell that the cache is begun anew, and why."""
        self.progress.say(f"the index {self.file} {what}: begun anew, every image is read again")
