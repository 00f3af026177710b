"""Films decoded in processes of their own: the same as here, whatever one of them does to its process.

python -m pytest tests/app/test_decoders.py
"""

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hostile import hostile_files
from toy_bundles import picture, png

from cxr_fastai import images
from cxr_fastai.app import decoders, landlock
from cxr_fastai.app.decoders import LOST_REASONS, Decoders
from cxr_fastai.core import ImageRejected, StorageError

BAD = Path(__file__).with_name("bad_decoder.py")
FILM = png(picture(0))
HAS_PYDICOM = importlib.util.find_spec("pydicom") is not None
HAS_GDCM = importlib.util.find_spec("gdcm") is not None
POSIX = pytest.mark.skipif(not hasattr(os, "killpg"), reason="limits are those of POSIX")


@contextlib.contextmanager
def started(**options):
    pool = Decoders(**options)
    pool.start()
    try:
        yield pool
    finally:
        pool.close()


@pytest.fixture(scope="module")
def good():
    with started() as pool:
        yield pool


@pytest.fixture
def bad():
    "One child that does what it is told."
    with started(children=1, script=BAD) as pool:
        yield pool


def rejection(pool, data, name="a.png"):
    with pytest.raises(ImageRejected) as e:
        pool.read(data, name)
    return e.value


def is_alive(pid):
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def is_asleep(pid):
    "Whether a child is at a film that sleeps."
    return Path(f"/proc/{pid}/comm").read_text() == "asleep\n"


def wait_until(is_so, seconds=60):
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


# ---- the same as in this process


def outcome(read, data, name):
    "All that comes of a file."
    try:
        film = read(data, name)
    except ImageRejected as e:
        return e.reason, str(e)
    facts = {f.name: getattr(film, f.name) for f in fields(film) if f.name != "pixels"}
    return film.pixels.tobytes(), film.pixels.shape, film.pixels.flags.writeable, facts


def test_a_film_comes_back_as_it_is_read_here(good):
    for name in ("a.png", "a.jpg", "", "\udcff\u202e.png", "x" * 3000):
        assert outcome(good.read, FILM, name) == outcome(images.read, FILM, name)
    assert outcome(good.read, FILM, "a.jpg")[3]["notes"] == ("extension_mismatch", "tiny")


@pytest.mark.medium
def test_every_hostile_file_is_told_as_it_is_here(good):
    told = 0
    for _reason, what, data in hostile_files():
        assert outcome(good.read, data, "a") == outcome(images.read, data, "a"), what
        told += 1
    assert told > 50
    assert good.lost == decoders.Lost()


@pytest.mark.skipif(not (HAS_PYDICOM and HAS_GDCM), reason="reads DICOM with pydicom and gdcm")
def test_dicom_that_needs_a_process_of_its_own_is_decoded_within_the_limits(good):
    from toy_dicoms import coded, dicom, film

    for way in ("JPEGLSLossless", "JPEG2000Lossless"):
        data = coded(dicom(film(12)), way)
        assert outcome(good.read, data, "a.dcm") == outcome(images.read, data, "a.dcm")
        assert outcome(good.read, data, "a.dcm")[3]["format"] == "DICOM"


def test_films_of_many_threads_are_not_mixed_up(good):
    films = [png(picture(seed, size=(40 + seed, 50))) for seed in range(24)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(good.read, films, [f"{i}.png" for i in range(24)]))
    for data, film in zip(films, found):
        assert np.array_equal(film.pixels, images.decode(data))


# ---- what costs one film


def test_a_child_is_kept_for_the_next_film(bad):
    (pid,) = bad.pids
    for _ in range(3):
        bad.read(FILM, "a.png")
    assert bad.pids == [pid]


@POSIX
@pytest.mark.parametrize(
    "data, how",
    [(b"abort", "SIGABRT"), (b"exit", "exit code 3"), (b"raise", "exit code 1")],
)
def test_a_film_that_ends_its_process_costs_itself_alone(bad, data, how):
    (pid,) = bad.pids
    e = rejection(bad, data)
    assert e.reason == "crashed" and e.reason in LOST_REASONS
    assert str(e) == f"a.png: the process that decoded it ended: {how}"
    assert not is_alive(pid) and bad.pids != [pid]
    assert bad.read(FILM, "b.png").width == 50
    assert bad.lost == decoders.Lost(crashed=1)


@POSIX
def test_a_child_that_is_killed_over_a_film_costs_that_film(bad):
    (pid,) = bad.pids
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(rejection, bad, b"sleep")
        wait_until(lambda: is_asleep(pid))
        os.kill(pid, signal.SIGKILL)
        e = told.result()
    assert e.reason == "crashed" and str(e).endswith("ended: SIGKILL")
    assert bad.read(FILM, "b.png").width == 50


@POSIX
def test_a_child_that_is_killed_while_it_waits_costs_no_film(bad):
    (pid,) = bad.pids
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert bad.read(FILM, "a.png").width == 50
    assert bad.pids != [pid] and bad.lost == decoders.Lost()


def test_a_film_that_takes_too_long_is_given_up():
    with started(children=1, script=BAD, seconds=0.5) as pool:
        (pid,) = pool.pids
        e = rejection(pool, b"sleep")
        assert e.reason == "timed_out"
        assert str(e) == "a.png: decoding it took more than 0.5 seconds"
        assert not is_alive(pid) and pool.lost == decoders.Lost(timed_out=1)


@POSIX
@pytest.mark.medium
def test_a_film_that_uses_up_its_processor_seconds_is_given_up():
    with started(children=1, script=BAD, seconds=1) as pool:
        pool.seconds = 1000  # of the parent's clock; the child keeps its own
        e = rejection(pool, b"spin")
    assert e.reason == "timed_out"


@POSIX
def test_a_film_that_fills_the_memory_is_rejected(bad):
    assert rejection(bad, b"bomb").reason == "crashed"
    assert bad.read(FILM, "b.png").width == 50


@POSIX
def test_a_picture_that_needs_more_memory_than_a_child_has_is_too_large():
    pixels = np.zeros((7000, 7000), np.uint8)
    pixels[0, 0] = 255
    data = png(pixels)
    with started(children=1, memory=60 << 20) as pool:
        assert rejection(pool, data).reason in ("too_large", "crashed")
        assert pool.read(FILM, "b.png").width == 50


@POSIX
def test_what_a_child_started_ends_with_it(bad):
    (pid,) = bad.pids
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(rejection, bad, b"grandchild")
        wait_until(lambda: is_asleep(pid))
        (grandchild,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        os.kill(pid, signal.SIGKILL)
        assert told.result().reason == "crashed"
    wait_until(lambda: not is_alive(int(grandchild)))
    assert not is_alive(int(grandchild))


def test_an_answer_that_is_none_is_not_believed(bad):
    (pid,) = bad.pids
    e = rejection(bad, b"nonsense")
    assert e.reason == "crashed" and "answer that is none" in str(e)
    assert bad.read(FILM, "b.png").width == 50 and bad.pids != [pid]


# ---- children come and go


def test_it_tells_whether_the_system_confines_children(good):
    assert good.is_confined == (landlock.version() > 0)


def test_a_child_that_held_much_memory_is_replaced_after_its_answer(bad):
    (pid,) = bad.pids
    assert bad.read(b"great", "a.png").width == 50
    assert bad.pids != [pid] and not is_alive(pid)
    assert bad.lost == decoders.Lost()


def test_films_wait_for_a_child_that_is_free(bad):
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(bad.read, [FILM] * 12, ["a.png"] * 12))
    assert len(found) == 12 and len(bad.pids) == 1


def test_closed_it_ends_all_and_rejects():
    with started(children=2) as pool:
        pids = pool.pids
        assert len(pids) == 2
    assert not any(is_alive(pid) for pid in pids) and pool.pids == []
    e = rejection(pool, FILM)
    assert e.reason == "crashed" and "the server is being stopped" in str(e)


@POSIX
def test_closed_over_a_film_it_gives_that_up():
    with started(children=1, script=BAD) as pool, ThreadPoolExecutor(1) as threads:
        (pid,) = pool.pids
        told = threads.submit(rejection, pool, b"sleep")
        wait_until(lambda: is_asleep(pid))
        pool.close()
        assert told.result().reason == "crashed"


@POSIX
def test_children_end_with_a_server_that_is_killed_whatever_they_are_at():
    code = (
        "from cxr_fastai.app.decoders import Decoders; from pathlib import Path; import sys; "
        "pool = Decoders(script=Path(sys.argv[1])); pool.start(); print(*pool.pids, flush=True); "
        "pool.read(b'sleep', 'a.png')"
    )
    command = [sys.executable, "-c", code, str(BAD)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    pids = [int(pid) for pid in server.stdout.readline().split()]
    assert len(pids) == 2
    wait_until(lambda: any(is_asleep(pid) for pid in pids))
    server.kill()
    server.wait()
    server.stdout.close()
    wait_until(lambda: not any(is_alive(pid) for pid in pids))
    assert not any(is_alive(pid) for pid in pids)


def test_a_decoder_that_cannot_start_is_told_at_the_start(tmp_path):
    pool = Decoders(children=1, script=tmp_path / "none.py")
    with pytest.raises(StorageError, match="no process that decodes films can be started"):
        pool.start()
    pool.close()


def test_no_thread_is_left_behind():
    before = threading.active_count()
    with started(children=1) as pool:
        for _ in range(5):
            pool.read(FILM, "a.png")
    wait_until(lambda: threading.active_count() <= before)
    assert threading.active_count() <= before
