"""pytest tests/curation/fetch/test_blob_store.py

A content store: what is put into it, what is taken back, and what killed writers leave."""

import hashlib
import os
import platform
import shutil

import pytest

from cxr_fastai.core import StorageError
from cxr_fastai.curation.fetch import blob_store
from cxr_fastai.curation.fetch.blob_store import BlobStore, NoStore


def names(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def sha(data):
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("held", [1, 4, 1 << 20], ids=["spilled", "in part", "held"])
def test_bytes_stand_under_their_checksum(tmp_path, monkeypatch, held):
    monkeypatch.setattr(blob_store, "SPILL_BYTES", held)
    store = BlobStore(tmp_path)
    assert store.put(iter([b"abc", b"", b"def"])) == (sha(b"abcdef"), 6)
    assert store.put([]) == (sha(b""), 0)
    assert names(tmp_path) == sorted(f"{sha(d)[:2]}/{sha(d)}" for d in (b"abcdef", b""))


def test_pieces_that_fail_leave_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(blob_store, "SPILL_BYTES", 1)

    def pieces():
        yield b"abc"
        raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"):
        BlobStore(tmp_path).put(pieces())
    assert names(tmp_path) == []


def test_what_came_is_forgotten_and_what_stood_before_stays(tmp_path):
    BlobStore(tmp_path).put([b"old"])
    store = BlobStore(tmp_path)
    store.put([b"old"])
    store.put([b"new"])
    store.forget()
    assert names(tmp_path) == [f"{sha(b'old')[:2]}/{sha(b'old')}"]


def test_where_nothing_is_to_be_kept_bytes_are_read_and_told_all_the_same(tmp_path):
    store = NoStore()
    store.check_room(1 << 60, "x")
    assert store.put([b"a", b"bc"]) == (sha(b"abc"), 3) == BlobStore(tmp_path).put([b"abc"])
    store.forget()


def test_temporary_files_of_the_dead_go_and_those_of_the_living_stay(tmp_path):
    host = "".join(c for c in platform.node() if c.isalnum())
    dead = tmp_path / f".{host}.{2**22 + 1}.x.part"  # above the highest number that Linux gives
    alive = tmp_path / f".{host}.{os.getppid()}.x.part"
    elsewhere = tmp_path / f".not{host}.{2**22 + 1}.x.part"
    for part in (dead, alive, elsewhere):
        part.touch()
    BlobStore(tmp_path)
    assert not dead.exists() and alive.exists() and elsewhere.exists()


def test_room_is_asked_for_with_a_margin(tmp_path, monkeypatch):
    store = BlobStore(tmp_path)
    store.put([b"x" * 50])
    free = shutil.disk_usage(tmp_path)._replace(free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: free)
    store.check_room(90, "x")
    store.check_room(130, "x")  # what stands may be part of it
    with pytest.raises(StorageError, match="x: unpacking needs 170 bytes in .*, 100 are free"):
        store.check_room(200, "x")
