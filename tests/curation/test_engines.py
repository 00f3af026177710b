"""The engines: real processes, and a real Ray of two CPUs."""

import os
import signal
import subprocess
import sys
import threading
import time

import poison
import pytest

from cxr_fastai.core import UnknownName, UsageError
from cxr_fastai.curation import engines
from cxr_fastai.curation.engines import Lost, open_engine, spread


@pytest.fixture(autouse=True)
def short_patience(monkeypatch):
    monkeypatch.setattr(engines, "CHUNK_SECONDS", 6)
    monkeypatch.setattr(
        engines, "THING_SECONDS", 5
    )  # Ray may take more than 2 s to start a worker beside other work


@pytest.fixture(scope="module", params=["local", "ray"])
def engine(request):
    if request.param == "ray":
        request.getfixturevalue("ray_here")
    with open_engine(request.param, 2) as e:
        yield e


def test_a_result_for_each_thing_whatever_the_order(engine):
    assert dict(spread(engine, poison.square_many, list(range(100, 300)))) == {
        i: (100 + i) ** 2 for i in range(200)
    }
    assert list(spread(engine, poison.square_many, [])) == []


@pytest.mark.parametrize(
    "engine", ["local", pytest.param("ray", marks=pytest.mark.slow)], indirect=True
)
def test_a_worker_that_dies_or_hangs_costs_one_thing_which_is_named(engine):
    got = dict(spread(engine, poison.square_many, list(range(120))))
    lost = {i: r for i, r in got.items() if isinstance(r, Lost)}
    assert {i: r.reason for i, r in lost.items()} == {37: "crashed", 77: "timed_out"}
    assert "died" in lost[37].message and "more than 5 s" in lost[77].message
    assert {i: r for i, r in got.items() if i not in lost} == {
        i: i * i for i in range(120) if i not in lost
    }


def test_a_worker_that_dies_by_chance_costs_nothing(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "THING_SECONDS", 60)  # a busy machine starts workers slowly
    marks = [str(tmp_path / f"{i}") for i in range(3)]
    assert dict(spread(engine, poison.die_once, marks)) == dict(enumerate(marks))


def test_an_error_of_the_function_ends_the_run(engine):
    with pytest.raises(ValueError, match="wrong on purpose"):
        list(spread(engine, poison.square_many, [*range(50), "wrong", *range(50)]))


def test_memory_beyond_what_an_image_needs_is_refused_in_the_worker():
    with open_engine("local", 1) as e, pytest.raises(MemoryError):
        list(spread(e, poison.square_many, ["huge"]))


def test_chunks_are_taken_only_as_workers_become_free():
    taken = []

    def chunks():
        for i in range(100):
            taken.append(i)
            yield [i + 200]

    with open_engine("local", 2) as e:
        results = e.map(poison.square_many, chunks(), 30)
        next(results)
        time.sleep(1)
        assert len(taken) < 20
        results.close()


def test_workers_end_with_their_parent(tmp_path):
    mark = tmp_path / "pid"
    code = (
        "import sys, poison; from cxr_fastai.curation.engines import open_engine, spread\n"
        "with open_engine('local', 1) as e: list(spread(e, poison.linger, [sys.argv[1]]))"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    driver = subprocess.Popen([sys.executable, "-c", code, str(mark)], env=env)
    for _ in range(300):
        if mark.exists() and mark.read_text():
            break
        time.sleep(0.1)
    worker = int(mark.read_text())
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    for _ in range(50):
        if not os.path.exists(f"/proc/{worker}"):
            break
        time.sleep(0.1)
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


def test_an_interrupt_while_the_workers_are_started_is_an_interrupt(monkeypatch):
    begin, begun = threading.Thread.start, []

    def start(thread):
        ours = getattr(getattr(thread, "_target", None), "__qualname__", "") == "Local._feed"
        if ours and begun:
            raise KeyboardInterrupt
        if ours:
            begun.append(thread)
        begin(thread)

    with pytest.raises(KeyboardInterrupt), open_engine("local", 2) as engine:
        monkeypatch.setattr(threading.Thread, "start", start)
        list(spread(engine, poison.square_many, list(range(50))))
    assert len(begun) == 1


def test_an_unknown_engine_is_named():
    with pytest.raises(UnknownName, match="unknown engine 'spark': expected one of local, ray"):
        with open_engine("spark"):
            pass


def test_a_cluster_that_is_not_there_is_told_in_one_line(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(UsageError, match="cannot reach the Ray cluster at 127.0.0.1:1: .*refused"):
        engines._start(pytest.importorskip("ray"), 2)


@pytest.mark.parametrize("workers", [-1, 0, 10**9])
def test_workers_that_cannot_be_are_refused(workers):
    with pytest.raises(UsageError, match=f"workers is {workers}: expected 1 to 4,096"):
        with open_engine("local", workers):
            pass
