"""pytest tests/curation/fetch/test_fetch_one.py

One source into the cache, by real processes: two at once, and killed by SIGKILL at many moments."""

import io
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest
from loopback import file, serve
from toy_sources import remote, tree

from cxr_fastai.core import IntegrityError, sha256_text
from cxr_fastai.curation.fetch.fetch_one import fetch_source
from cxr_fastai.curation.fetch.lock_file import LockedPart, LockEntry

TESTS = Path(__file__).parents[2]
FILES = {f"set/{i}.png": random.Random(i).randbytes(60_000) for i in range(8)}


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as z:
        for path, data in files.items():
            z.writestr(zipfile.ZipInfo(path), data)
    return out.getvalue()


ARCHIVE = zipped(FILES)
CHILD = """
import json, sys
sys.path.insert(0, {tests!r})
import killed
from toy_sources import remote
from cxr_fastai.curation.fetch import partial
from cxr_fastai.curation.fetch.fetch_one import fetch_source

partial.CHECKPOINT_SECONDS = 0
source_id, url, number = sys.argv[1:]
killed.kill_at_change(int(number))
got = fetch_source(remote("http", "set", id=source_id, download=url), None)
print(json.dumps([sorted(got.tree.files), got.entry["parts"][0]["sha256"], killed.count]))
"""


def start(web, cache, source_id="one", kill_at=0):
    "A process that fetches a source; `kill_at`: the change of the file system at which it dies."
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            CHILD.format(tests=str(TESTS)),
            source_id,
            f"{web.url}/a.zip",
            str(kill_at),
        ],
        env={**os.environ, "CXR_CACHE": str(cache), "NO_PROXY": "127.0.0.1"},
        cwd=TESTS.parent,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def end(process):
    "What the process had: names, SHA-256 of the archive, changes that it made."
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return json.loads(out)


def wait_for(what, seconds=20):
    for _ in range(int(seconds / 0.01)):
        if what():
            return
        time.sleep(0.01)
    raise AssertionError("waited in vain")


def gets(web):
    return [s for s in web.asked("/a.zip") if s.method == "GET"]


def left_in(cache):
    "What is left of downloads, but for locks."
    return [f.name for f in (cache / "downloads").iterdir() if f.suffix != ".lock"]


def is_unpacked(cache):
    "All files of the archive stand in the cache, and nothing of the download does."
    stored = sorted(f.read_bytes() for f in (cache / "blobs").glob("??/*"))
    return stored == sorted(FILES.values()) and left_in(cache) == []


def checkpoint(cache):
    "Bytes that the unfinished file's sidecar vouches for."
    try:
        (sidecar,) = (cache / "downloads").glob(".*.json")
        return json.loads(sidecar.read_text())["done"]
    except (OSError, ValueError):
        return 0


def cached(cache):
    "Every file of the cache, but for locks, and temporary files that a kill leaves beside small ones."
    return {k: v for k, v in tree(cache).items() if not k.endswith((".lock", ".part"))}


def killed_midway(web, cache, at=300_000):
    "A process that dies by SIGKILL when `at` bytes have come."
    web.routes["/a.zip"] = file(ARCHIVE, hold=(at, threading.Event()))
    process = start(web, cache)
    wait_for(lambda: checkpoint(cache) == at)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    web.routes["/a.zip"] = ARCHIVE
    web.log.clear()


def test_two_processes_that_fetch_one_source_at_once_make_one_download(tmp_path):
    go = threading.Event()
    with serve({"/a.zip": file(ARCHIVE, hold=(200_000, go))}) as web:
        first = start(web, tmp_path / "c")
        wait_for(lambda: checkpoint(tmp_path / "c") == 200_000)
        second = start(web, tmp_path / "c")
        time.sleep(1)  # the second waits for the lock, or would ask the server by now
        assert second.poll() is None and len(list((tmp_path / "c/downloads").glob(".*.part"))) == 1
        go.set()
        assert end(first)[:2] == end(second)[:2]
        assert len(gets(web)) == 1 and is_unpacked(tmp_path / "c")


def test_of_two_processes_that_find_what_a_killed_one_left_one_goes_on(tmp_path):
    cache = tmp_path / "c"
    go = threading.Event()
    with serve({}) as web:
        killed_midway(web, cache)
        web.routes["/a.zip"] = file(ARCHIVE, hold=(10, go))
        both = [start(web, cache), start(web, cache)]
        wait_for(lambda: gets(web))
        go.set()
        assert end(both[0])[:2] == end(both[1])[:2]
        assert [s.headers["Range"] for s in gets(web)] == ["bytes=300000-"] and is_unpacked(cache)


def test_two_sources_that_name_one_address_never_write_its_file_at_the_same_time(tmp_path):
    active, most = [0], [0]

    def counted(call):
        if call.command == "GET":
            active[0] += 1
            most[0] = max(most[0], active[0])
            time.sleep(0.3)
            active[0] -= 1
        file(ARCHIVE)(call)

    with serve({"/a.zip": counted}) as web:
        both = [start(web, tmp_path / "c", name) for name in ("one", "two")]
        assert end(both[0])[:2] == end(both[1])[:2]
        assert most == [1] and len(gets(web)) in (1, 2) and is_unpacked(tmp_path / "c")


def test_threads_of_one_process_make_one_download_too(tmp_path, monkeypatch):
    from concurrent.futures import ThreadPoolExecutor

    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "c"))
    with serve({"/a.zip": file(ARCHIVE, rate=(100_000, 0.02))}) as web:
        source = remote("http", "set", download=f"{web.url}/a.zip")
        with ThreadPoolExecutor(4) as pool:
            had = list(pool.map(lambda _: fetch_source(source, None), range(4)))
        assert len(gets(web)) == 1 and is_unpacked(tmp_path / "c")
        assert all(one == had[0] for one in had)


@pytest.mark.parametrize("points", [5, pytest.param(60, marks=pytest.mark.slow)])
def test_killed_at_any_change_and_started_again_it_ends_the_same(tmp_path, points):
    with serve({"/a.zip": ARCHIVE}) as web:
        names, checksum, changes = end(start(web, tmp_path / "whole"))
        want = cached(tmp_path / "whole")
        assert changes > 30 and names == sorted(FILES)
        for point in range(1, changes, max(1, changes // points)):
            cache = tmp_path / f"c{point}"
            for kill_at in (point, max(1, point // 2)):  # and once more while it goes on
                process = start(web, cache, kill_at=kill_at)
                process.communicate(timeout=60)
                assert process.returncode == -9 or kill_at != point
            assert end(start(web, cache))[:2] == [names, checksum]
            assert cached(cache) == want and is_unpacked(cache), f"killed at change {point}"


def test_after_a_kill_the_download_goes_on_where_it_was(tmp_path):
    with serve({}) as web:
        killed_midway(web, tmp_path / "c", at=400_000)
        assert end(start(web, tmp_path / "c"))[0] == sorted(FILES)
        assert [s.headers["Range"] for s in gets(web)] == ["bytes=400000-"]


def entry(source, checksum):
    part = LockedPart(name="a.zip", sha256=checksum, size=1)
    return LockEntry(handle=source.handle, download=source.download, version="", parts=[part])


def test_other_bytes_than_the_lock_files_are_refused_and_update_pins_takes_them(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "c"))
    with serve({"/a.zip": ARCHIVE}) as web:
        source = remote("http", "set", download=f"{web.url}/a.zip", pin="0" * 64)
        with pytest.raises(IntegrityError, match="one was re-published.*--update-pins"):
            fetch_source(source, entry(source, "1" * 64))
        with pytest.raises(IntegrityError, match="0{64}.*--update-pins"):
            fetch_source(source, None)
        assert sorted(fetch_source(source, None, update_pins=True).tree.files) == sorted(FILES)


def test_a_file_that_is_no_archive_becomes_a_blob_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "c"))
    with serve({"/x.npz": b"arrays" * 99}) as web:
        source = remote("http", "set", download=f"{web.url}/x.npz")
        one = fetch_source(source, None)
    assert one.tree.file("x.npz").read_bytes() == b"arrays" * 99
    assert one.entry["parts"][0]["size"] == 6 * 99 and left_in(tmp_path / "c") == []


def test_a_damaged_archive_is_not_downloaded_again_only_to_be_refused_again(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "c"))
    with serve({"/a.zip": ARCHIVE[:-30]}) as web:
        source = remote("http", "set", download=f"{web.url}/a.zip")
        for _ in range(2):
            with pytest.raises(IntegrityError, match="a zip without its end"):
                fetch_source(source, None)
        assert len(gets(web)) == 1
        note = sha256_text(f"{web.url}/a.zip")[:32] + ".came"
        assert note in left_in(tmp_path / "c")
