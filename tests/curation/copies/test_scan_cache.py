"""The cache of earlier runs: what it gives back, and what it does where it cannot."""

import sqlite3

import pytest

from cxr_fastai.curation.copies import scan_cache as remembering
from cxr_fastai.curation.copies.fingerprint import Fingerprint, Unreadable
from cxr_fastai.curation.copies.geometry import Match
from cxr_fastai.curation.copies.scan_cache import ScanCache
from cxr_fastai.progress import SILENT

FINGERPRINT = Fingerprint(
    sha256="a" * 64,
    pixel_sha256="b" * 64,
    phash="0" * 16,
    width=30,
    height=20,
    mode="L/8",
    notes=("tiny",),
    brightness=99.5,
    sketch=b"sketch \x00",
)
MATCH = Match(
    kind="near",
    score=0.9,
    evidence=1.3,
    inliers=20,
    matrix=(1.5, 0.0, 0.0, 0.0, 1.5, 0.0),
    inverted=False,
    overlap=1.0,
)


class Listener:
    "A Progress that keeps what it is told."

    def __init__(self):
        self.lines = []
        self.bar = SILENT.bar
        self.meter = SILENT.meter

    def say(self, text):
        self.lines.append(text)


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path))
    return tmp_path / "scan.sqlite"


def fill():
    with ScanCache() as m:
        m.keep_fingerprint("k", FINGERPRINT)
        m.keep_fingerprint("bad", Unreadable("", "damaged", "why"))
        m.keep_pair("p", MATCH)
        m.keep_pair("q", None)


def known(listener=SILENT):
    with ScanCache(listener) as m:
        return {**m.fingerprints(["k", "bad", "no"]), **m.pairs(["p", "q", "no"])}


def test_prints_and_pairs_come_back_as_they_were():
    fill()
    assert known() == {
        "k": FINGERPRINT,
        "bad": Unreadable("", "damaged", "why"),
        "p": MATCH,
        "q": None,
    }
    with ScanCache() as m:
        assert m.fingerprints(["k"])["k"].sketch == FINGERPRINT.sketch


def test_what_may_pass_is_not_remembered():
    with ScanCache() as m:
        m.keep_fingerprint("k", Unreadable("", "timed_out", "why"))
    assert known() == {}


def test_an_index_of_another_version_is_begun_anew_in_one_line(file, monkeypatch):
    fill()
    monkeypatch.setattr(remembering, "VERSION", remembering.VERSION + 1)
    listener = Listener()
    assert known(listener) == {} and known(listener) == {}
    assert listener.lines == [
        f"the index {file} is of another version: begun anew, every image is read again"
    ]


def test_the_index_of_an_older_release_is_begun_anew(file):
    with sqlite3.connect(file) as db:
        db.execute("create table scan (key text primary key, row text)")
    listener = Listener()
    assert known(listener) == {} and len(listener.lines) == 1
    fill()
    assert known()["k"] == FINGERPRINT


def test_a_damaged_index_is_begun_anew_in_one_line(file):
    file.write_bytes(b"no database" * 1000)
    listener = Listener()
    assert known(listener) == {}
    assert listener.lines == [f"the index {file} is damaged: begun anew, every image is read again"]


def test_a_cache_folder_that_cannot_be_used_costs_time_only(tmp_path, monkeypatch):
    (tmp_path / "a_file").write_text("")
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "a_file" / "cache"))
    fill()
    assert known() == {}
