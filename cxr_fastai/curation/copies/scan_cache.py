"""What earlier runs found out, so that no image is decoded twice and no pair compared twice: an SQLite file in the
cache. It may be deleted at any time; a damaged one, or one of another version, is begun anew.
"""

from __future__ import annotations

import json
import sqlite3
import time

from cxr_fastai.core import cache_dir
from cxr_fastai.curation.copies.features import FEATURES_VERSION
from cxr_fastai.curation.copies.fingerprint import Fingerprint, Unreadable
from cxr_fastai.images import DECODER_VERSION

__all__ = ["ScanCache"]

LAYOUT = 2  # of the tables
VERSION = LAYOUT * 10_000 + DECODER_VERSION * 100 + FEATURES_VERSION
UNSURE = ("crashed", "timed_out", "decoder_failed", "unreadable")  # asked again by the next run
EVERY = 2.0  # seconds between writes: what a killed run may lose
AT_ONCE = 500  # keys a question
TABLES = {
    "scan": "key text primary key, row text, sketch blob",
    "pairs": "key text primary key, row text",
}


class ScanCache:
    """Open with `with`; `say` hears of one that had to be begun anew."""

    def __init__(self, say=None):
        self.file, self.say, self.fresh, self.written = (
            cache_dir() / "scan.sqlite",
            say,
            {},
            time.monotonic(),
        )
        self.db = self._open()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.flush()
        self.db.close()

    def fingerprints(self, keys: list[str]) -> dict[str, Fingerprint | Unreadable]:
        """Those of the keys that were seen."""
        out = {}
        for key, row, sketch in self._rows("scan", "key, row, sketch", keys):
            d = json.loads(row)
            out[key] = Unreadable(**d) if "reason" in d else Fingerprint(**d, sketch=sketch)
        return out

    def pairs(self, keys: list[str]) -> dict[str, dict | None]:
        """What comparing two images gave, of those pairs that were compared."""
        return {key: json.loads(row) for key, row in self._rows("pairs", "key, row", keys)}

    def keep(self, table: str, key: str, *cells):
        """Remembered for good every EVERY seconds, and at the end."""
        self.fresh.setdefault(table, []).append((key, *cells))
        if time.monotonic() - self.written >= EVERY:
            self.flush()

    def keep_fingerprint(self, key: str, p: Fingerprint | Unreadable):
        if getattr(p, "reason", "") in UNSURE:
            return
        self.keep(
            "scan",
            key,
            json.dumps({k: v for k, v in vars(p).items() if k != "sketch"}),
            getattr(p, "sketch", b""),
        )

    def keep_pair(self, key: str, found: dict | None):
        self.keep("pairs", key, json.dumps(found))

    def flush(self):
        fresh, self.fresh, self.written = self.fresh, {}, time.monotonic()
        try:
            with self.db:
                for table, rows in fresh.items():
                    marks = ", ".join("?" * len(rows[0]))
                    self.db.executemany(f"insert or replace into {table} values ({marks})", rows)
        except sqlite3.Error:
            pass  # a full or locked cache costs the next run time, this one nothing

    def _rows(self, table: str, columns: str, keys: list[str]):
        if not self.db.execute(f"select 1 from {table} limit 1").fetchone():
            return
        asked = list(dict.fromkeys(keys))
        for i in range(0, len(asked), AT_ONCE):
            part = asked[i : i + AT_ONCE]
            yield from self.db.execute(
                f"select {columns} from {table} where key in ({', '.join('?' * len(part))})", part
            )

    def _open(self) -> sqlite3.Connection:
        """In memory where the cache folder cannot be used."""
        for _ in range(2):
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

    def _with_tables(self, db) -> sqlite3.Connection:
        found = db.execute("pragma user_version").fetchone()[0]
        if found != VERSION:
            there = [
                t for (t,) in db.execute("select name from sqlite_master where type = 'table'")
            ]
            if there:
                self._tell("is of another version")
            with db:
                for t in there:
                    db.execute(f'drop table "{t}"')
                db.execute(f"pragma user_version = {VERSION}")
            db.execute("vacuum")
        for table, columns in TABLES.items():
            db.execute(f"create table if not exists {table} ({columns})")
        return db

    def _tell(self, what: str):
        if self.say:
            self.say(f"the index {self.file} {what}: begun anew, every image is read again")
