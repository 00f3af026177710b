"""Where a source's files come from: a mirror folder, the catalogue's own folder, or a download that is unpacked into
the cache. Takes Sources, returns each one's Tree and why the others are absent; never changes a mirror.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from cxr_fastai.catalog import Source, split_list
from cxr_fastai.core import (
    CxrError,
    IntegrityError,
    SourceUnavailable,
    StorageError,
    UsageError,
    cache_dir,
    make_folder,
    one_line,
    sha256_text,
    size_text,
    write_json,
    write_text,
)
from cxr_fastai.curation.fetch.archives import unpack
from cxr_fastai.curation.fetch.download import download
from cxr_fastai.curation.fetch.transports import Check, check_all, how_to_get, mirror_path, plan
from cxr_fastai.curation.sources.tree import Tree, folder_tree
from cxr_fastai.manifest import read_rows, write_rows

__all__ = ["Fetched", "fetch", "first_at_hand", "passed_over", "survey", "LOCK_FILE"]

LOCK_FILE = "sources.lock.json"  # beside manifest.csv: version and SHA-256 of what was downloaded


@dataclass
class Fetched:
    """What could be had."""

    trees: dict[str, Tree] = field(default_factory=dict)  # source id -> its files
    failed: dict[str, CxrError] = field(default_factory=dict)  # source id -> why it is absent
    versions: dict[str, dict] = field(
        default_factory=dict
    )  # source id -> its entry in the lock file


def fetch(
    sources: list[Source],
    out: Path
    | None,  # of the curation; the lock file of a download is written there; None: nowhere
    mirror=None,  # folder in the mirror layout; given, nothing is downloaded
    beside=Path(),  # the catalogue's folder: a local handle may be a path relative to it
    must=False,  # every source was named by the user, or --strict: one that is absent is an error
    update_pins=False,  # accept other bytes than those of the lock file
    progress=None,  # progress(total bytes, done bytes, what) -> object with update(n) and close()
) -> Fetched:
    """Files of all sources; one that fails leaves the others running.
    Raises `UsageError` for a missing mirror, the first failure where `must` or where nothing could be had.
    """
    if mirror is not None and not Path(mirror).is_dir():
        raise UsageError(
            f"no mirror folder {mirror}: "
            "give --mirror a folder that holds kaggle/, github/, http/ or local/."
        )
    got = Fetched()
    for s in sources:
        if root := _root(s, mirror, beside):
            got.trees[s.id] = folder_tree(root)
    rest = [s for s in sources if s.id not in got.trees]
    if mirror is None:
        _download_all(rest, out, got, must, update_pins, progress)
    else:
        for s in rest:
            got.failed[s.id] = SourceUnavailable(
                f"{s.id} is not in {mirror}: {how_to_get(s)}, or leave --mirror out."
            )
    if got.failed and (must or not got.trees):
        raise _several(list(got.failed.values()))
    return got


def survey(
    sources: list[Source],
    mirror=None,  # as for `fetch`
    beside=Path(),
) -> dict[str, Check]:
    """Source id -> what is missing to have it, asked for all at once; nothing is downloaded."""
    here = {}
    for s in sources:
        if root := _root(s, mirror, beside):
            here[s.id] = Check("here", f"in {root}")
        elif mirror:
            here[s.id] = Check(
                "no_download", f"not in {mirror}", f"{how_to_get(s)}, or leave --mirror out."
            )
        elif _cached(s, _read_pins(cache_dir() / LOCK_FILE).get(s.id)):
            here[s.id] = Check("here", "downloaded before")
    asked = check_all([s for s in sources if s.id not in here])
    return {s.id: here.get(s.id) or asked[s.id] for s in sources}


def first_at_hand(
    either: str,  # ids joined by |, as a recipe names sources that have the same radiographs
    catalog,  # id -> Source
    mirror,
    beside,  # as for `fetch`
) -> str:
    """The first id that a mirror holds; the first of all, where none does or there is no mirror."""
    ids = either.split("|")
    return next((id for id in ids if _root(catalog[id], mirror, beside)), ids[0])


def passed_over(
    named: list[str],  # of a recipe, each an `either` of `first_at_hand`
    taken: list[Source],
    catalog,
    mirror,
    beside,
) -> list[str]:
    """A warning for each source that was left aside although it is at hand."""
    ids = {s.id for s in taken}
    spare = [
        (either.split("|"), id) for either in named for id in either.split("|") if id not in ids
    ]
    return [
        f"{id} is at hand too, and was left aside for {next(x for x in either if x in ids)}: --only {id} takes it"
        for either, id in spare
        if _root(catalog[id], mirror, beside)
    ]


def _root(source: Source, mirror, beside) -> Path | None:
    places = [Path(mirror) / mirror_path(source)] if mirror else []
    if source.transport == "local":
        places.append(Path(beside) / source.handle)
    return next((p for p in places if p.is_dir()), None)


def _several(errors: list[CxrError]) -> CxrError:
    if len(errors) == 1:
        return errors[0]
    kind = IntegrityError if isinstance(errors[0], IntegrityError) else SourceUnavailable
    return kind(f"{errors[0]} (and {len(errors) - 1} other sources: cxr sources --check)")


# ---- downloads


def _download_all(sources, out: Path | None, got: Fetched, must, update_pins, progress):
    """All checks before the first byte; then one source after the other, the lock file written after each."""
    pins, here = (
        ({}, {})
        if update_pins
        else (_read_pins(f / LOCK_FILE) if f else {} for f in (out, cache_dir()))
    )
    pins = {s.id: pins[s.id] for s in sources if s.id in pins and _speaks_of(pins[s.id], s)}
    todo = []
    for s in sources:
        entry = pins.get(s.id) or here.get(s.id)
        if tree := _cached(s, entry):
            _keep(out, got, s, tree, entry)
        else:
            todo.append(s)
    checks = check_all(todo)
    for s in todo:
        if (c := checks[s.id]).state != "ready":
            got.failed[s.id] = SourceUnavailable(f"{s.id}: {c.message}. {c.remedy}")
    if got.failed and must:
        return
    todo = [s for s in todo if s.id not in got.failed]
    _check_room([checks[s.id].size or 0 for s in todo])
    for s in todo:
        try:
            _keep(out, got, s, *_download(s, pins.get(s.id, {}), update_pins, progress))
        except (SourceUnavailable, IntegrityError) as e:
            if isinstance(e, IntegrityError) and s.id in pins:
                raise
            got.failed[s.id] = e
            if must:
                return


def _keep(out: Path | None, got: Fetched, s: Source, tree: Tree, entry: dict):
    """Note what a source was, beside the output and for later runs on this machine."""
    got.trees[s.id], got.versions[s.id] = tree, entry
    for folder in filter(None, (out, cache_dir())):
        _write_pins(folder / LOCK_FILE, {**_read_pins(folder / LOCK_FILE), s.id: entry})


def _check_room(sizes: list[int]):
    """Archives and what is in them stand side by side while they are unpacked."""
    need, have = int(2.2 * sum(sizes)), shutil.disk_usage(make_folder(cache_dir())).free
    if need > have:
        raise StorageError(
            f"cannot download into {cache_dir()}: about {size_text(need)} are needed, "
            f"{size_text(have)} are free. Free some, set CXR_CACHE to another disk, or choose sources "
            "by --only."
        )


def _download(s: Source, known: dict, update_pins: bool, progress) -> tuple[Tree, dict]:
    """Fetch and unpack one source, once for all runs on this machine; its tree and its entry for the lock file."""
    from filelock import FileLock

    store, blobs = make_folder(cache_dir() / "downloads"), make_folder(cache_dir() / "blobs")
    with FileLock(store / f".{s.id}.lock"):
        entry = known or ({} if update_pins else _read_pins(cache_dir() / LOCK_FILE).get(s.id))
        if tree := _cached(s, entry):
            return tree, entry  # another run has just fetched it
        asked = plan(s, known.get("version", ""))
        pinned = {p["name"]: p["sha256"] for p in known.get("parts", ())}
        rows, parts, notes = [], [], []
        for part in asked.parts:
            what = f"{s.id}: {part.name}"
            pin = pinned.get(part.name) or ("" if update_pins else part.pin)
            came = (
                store / f"{sha256_text(part.key)[:32]}.came"
            )  # so that a kill while it is unpacked costs no download
            stands = (
                "" if update_pins or pin or not came.is_file() else came.read_text(encoding="ascii")
            )
            try:
                file = download(part.where, store, what, part.key, pin or stands, progress=progress)
            except IntegrityError as e:
                if not pin:
                    raise
                raise IntegrityError(
                    f"{e} If {s.id} was re-published, accept it with --update-pins."
                ) from e
            write_text(came, file.sha256)
            parts.append(dict(name=part.name, sha256=file.sha256, size=file.size))
            notes.append(came)
            rows += _rows_of(part, file, blobs, what, progress)
        entry = dict(handle=s.handle, download=s.download, version=asked.version, parts=parts)
        make_folder(_index(entry).parent)
        write_rows(_index(entry), rows, INDEX_COLUMNS)
        for gone in (*notes, *(store / p["sha256"] for p in parts)):
            gone.unlink(missing_ok=True)  # unpacked
    return _tree(s, rows, blobs), entry


def _rows_of(part, file, blobs: Path, what: str, progress) -> list[dict]:
    """Index rows of one download: of each member, and of what was dropped."""
    if not part.archive:
        to = blobs / file.sha256[:2] / file.sha256
        make_folder(to.parent)
        file.path.replace(to)
        return [
            dict(path=part.name, sha256=file.sha256, size=str(file.size), reason="", message="")
        ]
    members, dropped = unpack(file.path, blobs, what, part.strip, progress=progress)
    return [
        *(
            dict(path=m.path, sha256=m.sha256, size=str(m.size), reason="", message="")
            for m in members
        ),
        *(
            dict(path=d.path, sha256="", size="", reason=d.reason, message=d.message)
            for d in dropped
        ),
    ]


# ---- the index of what is unpacked: one csv a set of downloads

INDEX_COLUMNS = ("path", "sha256", "size", "reason", "message")


def _index(entry: dict) -> Path:
    """Where the index of a lock entry stands: its name follows from the bytes that were unpacked."""
    name = sha256_text("|".join(f"{p['name']}={p['sha256']}" for p in entry["parts"]))
    return cache_dir() / "trees" / f"{name}.csv"


def _speaks_of(entry: dict, s: Source) -> bool:
    """Whether a lock entry is of what the catalogue names now, not of another version or address."""
    return (entry["handle"], entry["download"]) == (s.handle, s.download)


def _cached(s: Source, entry: dict | None) -> Tree | None:
    """The tree of a lock entry that is unpacked here already, whole; None where it has to be fetched."""
    if not entry or not _speaks_of(entry, s):
        return None
    if s.pin and split_list(s.pin) != [p["sha256"] for p in entry["parts"]]:
        return None
    if not (file := _index(entry)).is_file():
        return None
    blobs = cache_dir() / "blobs"
    try:
        rows = [{c: r[c] for c in INDEX_COLUMNS} for r in read_rows(file)]
    except (IntegrityError, KeyError):
        return None
    for r in rows:
        if not r["sha256"]:
            continue
        blob = blobs / r["sha256"][:2] / r["sha256"]
        if not blob.is_file() or str(blob.stat().st_size) != r["size"]:
            return None
    return _tree(s, rows, blobs)


def _tree(s: Source, rows: list[dict], blobs: Path) -> Tree:
    files = {r["path"]: str(blobs / r["sha256"][:2] / r["sha256"]) for r in rows if r["sha256"]}
    dropped = tuple(sorted((r["path"], r["reason"], r["message"]) for r in rows if not r["sha256"]))
    return Tree(f"the download of {s.id}", dict(sorted(files.items())), dropped)


# ---- the lock file


def _read_pins(file: Path) -> dict[str, dict]:
    if not file.is_file():
        return {}
    try:
        pins = json.loads(file.read_text(encoding="utf-8"))["sources"]
        return {
            id: {
                **{k: str(e[k]) for k in ("handle", "download", "version")},
                "parts": [
                    dict(name=str(p["name"]), sha256=str(p["sha256"]), size=int(p["size"]))
                    for p in e["parts"]
                ],
            }
            for id, e in pins.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise IntegrityError(
            f"{file}: no lock file of this library: {one_line(repr(e))}. "
            "Restore it, or delete it to accept what is downloaded next."
        ) from e


def _write_pins(file: Path, pins: dict):
    make_folder(file.parent)
    write_json(file, {"format": 1, "sources": dict(sorted(pins.items()))})
