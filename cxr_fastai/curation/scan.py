"""Fingerprint many images in parallel, remembering what was seen. Takes Items, returns a Fingerprint or Unreadable for
each; the memory is a cache that may be deleted at any time."""
from __future__ import annotations
import json, os, sqlite3
from contextlib import closing
from dataclasses import asdict

from ..core import cache_dir
from ..images import DECODER_VERSION
from .fingerprint import Fingerprint, Unreadable, fingerprint
from .listing import Item

__all__ = ["scan", "parallel"]

CHUNK = 64  # images a task: about a second of decoding


def parallel(
    fn,                # importable function of a list, returns a list
    things:list,
    workers=None,      # processes; None: one a core
    progress=None,     # wraps an iterable: progress(iterable, total, what)
    what="images",
)->list:
    "fn over chunks of `things` in worker processes; results in the order of `things`, whatever the number of workers."
    from joblib import Parallel, cpu_count, delayed
    chunks = [things[i:i + CHUNK] for i in range(0, len(things), CHUNK)]
    workers = min(workers or cpu_count(), max(len(chunks), 1))
    results = Parallel(n_jobs=workers, return_as="generator")(delayed(fn)(c) for c in chunks)
    if progress: results = progress(results, len(chunks), f"{what}: {len(things)}")
    return [r for chunk in results for r in chunk]

def scan(
    items:list[Item],
    workers=None,
    progress=None,
)->list[Fingerprint|Unreadable]:
    """A result an item, in the order of `items`.
    A file whose size and time of change are those of an earlier scan is not read again."""
    keys = [_key(it) for it in items]
    with closing(_open_memory()) as db:
        known = _recall(db, keys)
        todo = [i for i, k in enumerate(keys) if k not in known]
        jobs = [(str(items[i].file), items[i].array) for i in todo]
        fresh = parallel(_many, jobs, workers, progress, "scanning images")
        known.update((keys[i], r) for i, r in zip(todo, fresh))
        _remember(db, [(keys[i], r) for i, r in zip(todo, fresh)])
    return [known[k] for k in keys]

def _many(todo:list)->list: return [fingerprint(file, array) for file, array in todo]

def _key(it:Item)->str:
    try: s = os.stat(it.file)
    except OSError: return f"{it.file}|{it.array}|missing"
    return f"{os.path.abspath(it.file)}|{it.array}|{s.st_size}|{s.st_mtime_ns}|{DECODER_VERSION}"

def _open_memory()->sqlite3.Connection:
    "The cache's table; one in memory where the cache folder cannot be used."
    file = cache_dir()/"scan.sqlite"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(file, timeout=30)
        db.execute("create table if not exists scan (key text primary key, row text)")
    except (OSError, sqlite3.Error):
        db = sqlite3.connect(":memory:")
        db.execute("create table scan (key text primary key, row text)")
    return db

def _recall(db, keys:list[str])->dict:
    out, asked = {}, list(dict.fromkeys(keys))
    for i in range(0, len(asked), 500):
        part = asked[i:i + 500]
        for key, row in db.execute(f"select key, row from scan where key in ({','.join('?' * len(part))})", part):
            d = json.loads(row)
            out[key] = (Unreadable if "reason" in d else Fingerprint)(**d)
    return out

def _remember(db, pairs:list):
    rows = [(k, json.dumps(asdict(r))) for k, r in pairs if not k.endswith("|missing")]
    try:
        with db: db.executemany("insert or replace into scan values (?, ?)", rows)
    except sqlite3.Error: pass  # a full or locked cache costs the next run time, this one nothing
