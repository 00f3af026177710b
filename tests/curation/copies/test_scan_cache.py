"""pytest tests/curation/test_memory.py"""

import sqlite3

import pytest

from cxr_fastai.curation.copies import scan_cache as remembering
from cxr_fastai.curation.copies.fingerprint import Fingerprint, Unreadable
from cxr_fastai.curation.copies.scan_cache import ScanCache

PRINT = Fingerprint("a" * 64, "b" * 64, "0" * 16, 30, 20, "L/8", ("tiny",), 99.5, b"sketch \x00")


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path))
    return tmp_path / "scan.sqlite"


def fill():
    with ScanCache() as m:
        m.keep_fingerprint("k", PRINT)
        m.keep_fingerprint("bad", Unreadable("", "damaged", "why"))
        m.keep_pair("p", dict(kind="near", matrix=[1.5, 0]))
        m.keep_pair("q", None)


def known(say=None):
    with ScanCache(say) as m:
        return {**m.fingerprints(["k", "bad", "no"]), **m.pairs(["p", "q", "no"])}


def test_prints_and_pairs_come_back_as_they_were():
    fill()
    assert known() == {
        "k": PRINT,
        "bad": Unreadable("", "damaged", "why"),
        "p": dict(kind="near", matrix=[1.5, 0]),
        "q": None,
    }
    with ScanCache() as m:
        assert m.fingerprints(["k"])["k"].sketch == PRINT.sketch


def test_what_may_pass_is_not_remembered():
    with ScanCache() as m:
        m.keep_fingerprint("k", Unreadable("", "timed_out", "why"))
    assert known() == {}


def test_an_index_of_another_version_is_begun_anew_in_one_line(file, monkeypatch):
    fill()
    monkeypatch.setattr(remembering, "VERSION", remembering.VERSION + 1)
    said = []
    assert known(said.append) == {} and known(said.append) == {}
    assert said == [
        f"the index {file} is of another version: begun anew, every image is read again"
    ]


def test_the_index_of_an_older_release_is_begun_anew(file):
    with sqlite3.connect(file) as db:
        db.execute("create table scan (key text primary key, row text)")
    said = []
    assert known(said.append) == {} and len(said) == 1
    fill()
    assert known()["k"] == PRINT


def test_a_damaged_index_is_begun_anew_in_one_line(file):
    file.write_bytes(b"no database" * 1000)
    said = []
    assert known(said.append) == {}
    assert said == [f"the index {file} is damaged: begun anew, every image is read again"]


def test_a_cache_folder_that_cannot_be_used_costs_time_only(tmp_path, monkeypatch):
    (tmp_path / "a_file").write_text("")
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "a_file" / "cache"))
    fill()
    assert known() == {}
