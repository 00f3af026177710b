"""Fingerprinting many images: real workers, poisoned images, local and Ray."""

import hashlib
import shutil

import poison
import pytest
from toy_items import toy_item
from toy_sources import put, read_rows, rule, write_catalog

from cxr_fastai.curation import engines
from cxr_fastai.curation.copies import scan as scanning
from cxr_fastai.curation.copies import scan_cache as remembering
from cxr_fastai.curation.copies.fingerprint import Fingerprint, Unreadable
from cxr_fastai.curation.copies.scan import scan
from cxr_fastai.curation.engines import open_engine
from cxr_fastai.curation.pipeline import curate
from cxr_fastai.progress import SILENT


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(engines, "CHUNK_SECONDS", 8)
    monkeypatch.setattr(engines, "THING_SECONDS", 6)


def items(tmp_path, n):
    files = [str(put(tmp_path / "src" / f"{i}.png", i)) for i in range(n)]
    return [toy_item(f) for f in files]


class Counter:
    "A Progress that keeps how many images each scan had to read."

    def __init__(self):
        self.asked = []
        self.meter = SILENT.meter
        self.say = SILENT.say

    def bar(self, results, total, what):
        self.asked.append(total)
        return results


class Interrupter(Counter):
    "A Progress that is interrupted after 100 images."

    def bar(self, results, total, what):
        for i, result in enumerate(results):
            if i == 100:
                raise KeyboardInterrupt
            yield result


@pytest.mark.parametrize("engine", ["local", "ray"])
def test_a_poisonous_image_is_named_and_the_manifest_is_that_of_the_others(
    tmp_path, monkeypatch, engine, request
):
    if engine == "ray":
        request.getfixturevalue("ray_here")
    monkeypatch.setattr(scanning, "fingerprint_many", poison.fingerprint_poisoned)
    for i in range(60):
        put(tmp_path / "one" / ("tb" if i % 2 else "norm") / f"{i}.png", i)
    c = write_catalog(
        tmp_path / "c.csv",
        rule(label_value="norm", findings="no_finding"),
        rule(first=False, label_value="tb", findings="tuberculosis"),
    )
    curate(tmp_path / "clean", manifest=c, workers=2)
    for k, name in enumerate(("poison", "tarpit", "bug")):
        put(tmp_path / "one" / "tb" / f"{name}.png", 100 + k)
    done = curate(tmp_path / "out", manifest=c, workers=2, engine=engine)
    bad = {r["path"]: r for r in read_rows(tmp_path / "out" / "rejects.csv")}
    assert {p: (r["stage"], r["reason"]) for p, r in bad.items()} == {
        "tb/poison.png": ("scan", "crashed"),
        "tb/tarpit.png": ("scan", "timed_out"),
        "tb/bug.png": ("scan", "decoder_failed"),
    }
    assert (
        bad["tb/poison.png"]["sha256"]
        == hashlib.sha256((tmp_path / "one/tb/poison.png").read_bytes()).hexdigest()
    )
    assert bad["tb/bug.png"]["message"] == "RuntimeError: a bug of the decoder"
    assert len(done.records) == 60
    assert (tmp_path / "out" / "manifest.csv").read_bytes() == (
        tmp_path / "clean" / "manifest.csv"
    ).read_bytes()


def test_a_scan_that_is_cut_goes_on_from_its_journal(tmp_path, monkeypatch):
    monkeypatch.setattr(remembering, "SECONDS_BETWEEN_WRITES", 0)
    its = items(tmp_path, 200)

    with open_engine("local", 2) as e:
        with pytest.raises(KeyboardInterrupt):
            scan(its, e, progress=Interrupter())
        counter = Counter()
        got = scan(its, e, progress=counter)
        assert 0 < counter.asked[0] <= 100
        shutil.rmtree(tmp_path / "cache")
        assert got == scan(its, e) and all(isinstance(p, Fingerprint) for p in got)


def test_what_was_seen_is_not_read_again_until_it_changes(tmp_path):
    its, counter = items(tmp_path, 5), Counter()
    with open_engine("local", 1) as e:
        first = scan(its, e, progress=counter)
        put(tmp_path / "src" / "3.png", 33)
        second = scan(its, e, progress=counter)
    assert counter.asked == [5, 1] and [a == b for a, b in zip(first, second)] == [True] * 3 + [
        False
    ] + [True]


def test_what_may_pass_is_asked_again_by_the_next_run(tmp_path, monkeypatch):
    put(tmp_path / "src" / "poison.png", 1)
    f = str(tmp_path / "src" / "poison.png")
    its, counter = (
        [toy_item(f, path="poison.png")],
        Counter(),
    )
    with open_engine("local", 1) as e:
        monkeypatch.setattr(scanning, "fingerprint_many", poison.fingerprint_poisoned)
        assert isinstance(scan(its, e, progress=counter)[0], Unreadable)
        monkeypatch.undo()
        monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))
        assert isinstance(scan(its, e, progress=counter)[0], Fingerprint)
    assert counter.asked == [1, 1]


def test_a_cache_that_cannot_be_used_costs_time_only(tmp_path, monkeypatch):
    its = items(tmp_path, 3)
    (tmp_path / "file").write_text("")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "scan.sqlite").write_bytes(b"no database" * 100)
    with open_engine("local", 1) as e:
        good = scan(its, e)
        for c in ("file", "bad"):
            monkeypatch.setenv("CXR_CACHE", str(tmp_path / c))
            assert scan(its, e) == good
        counter = Counter()
        scan(its, e, progress=counter)
        assert counter.asked == [0]  # the damaged one was begun anew
