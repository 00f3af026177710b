"""pytest tests/curation/fetch/test_lock_file.py

sources.lock.json: what is read of it, and that two processes which change the shared one lose no entry."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from toy_sources import remote

from cxr_fastai.core import IntegrityError
from cxr_fastai.curation.fetch.lock_file import (
    LockedPart,
    LockEntry,
    is_of,
    read_entries,
    read_shared_entries,
    record_entry,
    record_shared_entry,
)

ROOT = Path(__file__).parents[3]


def entry(version="1", handle="own/cxr"):
    part = LockedPart(name="a.zip", sha256="a" * 64, size=3)
    return LockEntry(handle=handle, download="", version=version, parts=[part])


def test_what_is_recorded_is_read_and_the_file_is_in_order_of_ids(tmp_path):
    assert record_entry(tmp_path, "b", entry("1")) == {"b": entry("1")}
    record_entry(tmp_path, "a", entry("2"))
    assert record_entry(tmp_path, "b", entry("3")) == {"a": entry("2"), "b": entry("3")}
    assert read_entries(tmp_path) == {"a": entry("2"), "b": entry("3")}
    stands = json.loads((tmp_path / "sources.lock.json").read_text())
    assert stands["format"] == 1 and list(stands["sources"]) == ["a", "b"]
    assert list(stands["sources"]["a"]) == ["handle", "download", "version", "parts"]


def test_no_folder_and_no_file_have_no_entries(tmp_path):
    assert read_entries(None) == {} and read_entries(tmp_path) == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"sources": {"web": 3}}',
        '{"sources": {"web": {"handle": "a", "download": "", "version": "1"}}}',
        '{"sources": {"web": {"handle": "a", "download": "", "version": "1", "parts": [{}]}}}',
    ],
)
def test_a_file_that_is_none_is_an_error_that_says_what_to_do(tmp_path, text):
    (tmp_path / "sources.lock.json").write_text(text)
    with pytest.raises(IntegrityError, match="no lock file of this library.*delete it") as e:
        read_entries(tmp_path)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    "handle,download,fits",
    [("own/cxr", "", True), ("own/cxr@2", "", False), ("own/cxr", "https://h/a.zip", False)],
)
def test_an_entry_is_of_one_handle_and_one_address(handle, download, fits):
    assert is_of(entry(), remote("kaggle", handle, download=download)) == fits


def test_the_shared_one_stands_in_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "deep" / "cache"))
    assert read_shared_entries() == {}
    record_shared_entry("one", entry())
    assert read_shared_entries() == read_entries(tmp_path / "deep" / "cache") == {"one": entry()}


WRITER = """
import sys, time
from cxr_fastai.curation.fetch.lock_file import LockEntry, record_shared_entry
while time.time() < float(sys.argv[2]):
    pass  # all begin at once
for i in range(60):
    entry = LockEntry(handle=str(i), download="", version="", parts=[])
    record_shared_entry(f"{sys.argv[1]}{i}", entry)
"""


def test_two_processes_that_write_it_at_once_lose_no_entry(tmp_path):
    import time

    begin = str(time.time() + 2)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, name, begin],
            env={**os.environ, "CXR_CACHE": str(tmp_path)},
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b")
    ]
    for writer in writers:
        _, err = writer.communicate(timeout=60)
        assert writer.returncode == 0, err
    wanted = {f"{name}{i}" for name in ("a", "b") for i in range(60)}
    assert set(read_entries(tmp_path)) == wanted
