"""Fingerprint many images at once, remembering what was seen. Takes Items, returns a Fingerprint or Unreadable for
each; the memory is a cache that may be deleted at any time."""
from __future__ import annotations
import json, os, sqlite3, time
from contextlib import closing

from ..core import cache_dir, one_line, sha256_file
from ..images import DECODER_VERSION
from .engines import Lost, spread
from .fingerprint import Fingerprint, Unreadable, fingerprint
from .listing import Item

__all__ = ["scan"]

UNSURE = ("crashed", "timed_out", "decoder_failed", "unreadable")  # asked again by the next run
EVERY = 2.0  # seconds between writes to the journal: what a killed run may lose


def scan(
    items:list[Item],
    engine,         # as `engines.open_engine` yields
    progress=None,  # wraps an iterable: progress(iterable, total, what)
)->list[Fingerprint|Unreadable]:
    """A result an item, in the order of `items`. Every result is journaled as it comes, so that a run that was killed,
    or whose machine was lost, goes on from there; a file whose size and time of change are those of an earlier scan is
    not read again."""
    keys = [_key(it) for it in items]
    with closing(_open_memory()) as db:
        known = _recall(db, keys)
        todo = [i for i, k in enumerate(keys) if k not in known]
        results = spread(engine, fingerprint_many, [(items[i].file, items[i].array, items[i].path) for i in todo])
        if progress: results = progress(results, len(todo), f"scanning images: {len(todo)}")
        fresh, written = [], time.monotonic()
        try:
            for at, result in results:
                key = keys[todo[at]]
                known[key] = _unreadable(items[todo[at]], result) if isinstance(result, Lost) else result
                fresh.append((key, known[key]))
                if time.monotonic() - written >= EVERY:
                    _remember(db, fresh)
                    fresh, written = [], time.monotonic()
        finally: _remember(db, fresh)
    return [known[k] for k in keys]

def fingerprint_many(todo:list)->list:
    "In a worker. What no decoder should raise costs its image, not the run."
    out = []
    for file, array, name in todo:
        try: out.append(fingerprint(file, array, name))
        except Exception as e: out.append(Unreadable("", "decoder_failed", one_line(f"{type(e).__name__}: {e}")))
    return out

def _unreadable(it:Item, lost:Lost)->Unreadable:
    try: sha = sha256_file(it.file) if it.array is None else ""
    except OSError: sha = ""
    return Unreadable(sha, lost.reason, f"{it.path}: {lost.message}")

def _key(it:Item)->str:
    try: s = os.stat(it.file)
    except OSError: return f"{it.file}|{it.array}|missing"
    file = it.file if it.file.startswith("/") else os.path.abspath(it.file)
    return f"{file}|{it.path}|{s.st_size}|{s.st_mtime_ns}|{DECODER_VERSION}"

def _open_memory()->sqlite3.Connection:
    "The cache's table; a damaged one is begun anew; one in memory where the cache folder cannot be used."
    file = cache_dir()/"scan.sqlite"
    for _ in range(2):
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            return _with_table(sqlite3.connect(file, timeout=30))
        except sqlite3.OperationalError: break  # locked, read-only, no room
        except sqlite3.DatabaseError: file.unlink(missing_ok=True)
        except OSError: break
    return _with_table(sqlite3.connect(":memory:"))

def _with_table(db):
    db.execute("create table if not exists scan (key text primary key, row text)")
    return db

def _recall(db, keys:list[str])->dict:
    out, asked = {}, list(dict.fromkeys(keys))
    if not db.execute("select 1 from scan limit 1").fetchone(): return out
    for i in range(0, len(asked), 500):
        part = asked[i:i + 500]
        for key, row in db.execute(f"select key, row from scan where key in ({','.join('?' * len(part))})", part):
            d = json.loads(row)
            out[key] = (Unreadable if "reason" in d else Fingerprint)(**d)
    return out

def _remember(db, pairs:list):
    rows = [(k, json.dumps(vars(r))) for k, r in pairs
            if not k.endswith("|missing") and getattr(r, "reason", "") not in UNSURE]
    try:
        with db: db.executemany("insert or replace into scan values (?, ?)", rows)
    except sqlite3.Error: pass  # a full or locked cache costs the next run time, this one nothing
