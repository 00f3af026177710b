"""Reading ahead: in order, bounded, and nothing that is in hand is shared between threads.

python -m pytest tests/serving/test_read_ahead.py
"""

import io
import threading

import numpy as np
import pytest

from cxr_fastai import images
from cxr_fastai.serving import read_ahead as module
from cxr_fastai.serving.read_ahead import read_ahead


def named(n):
    return [(f"{i}.png", str(i)) for i in range(n)]


@pytest.mark.parametrize("n, bs", [(0, 2), (1, 2), (2, 2), (7, 3), (9, 3), (5, 100)])
def test_batches_come_in_order_and_whole(n, bs):
    found = list(read_ahead(lambda source, name: (source, name), named(n), bs))
    wanted = named(n)
    assert found == [wanted[i : i + bs] for i in range(0, n, bs)]


def test_the_next_batch_is_read_while_one_is_in_hand():
    begun = {name: threading.Event() for _, name in named(6)}

    def read(source, name):
        begun[name].set()
        return name

    batches = read_ahead(read, named(6), 2)
    assert next(batches) == ["0", "1"]
    assert begun["2"].wait(10) and begun["3"].wait(10), "nobody asked for the second batch yet"
    assert not begun["4"].is_set(), "memory is bounded by two batches"
    assert list(batches) == [["2", "3"], ["4", "5"]]


def test_what_is_in_hand_is_read_in_the_callers_thread():
    threads = {}

    def read(source, name):
        threads[name] = threading.current_thread()

    sources = [("a.png", "path"), (b"data", "bytes"), (io.BytesIO(), "file"), (object(), "other")]
    sources.append((images.read(np.eye(40, dtype=np.uint8)), "read before"))
    list(read_ahead(read, sources, 5))
    here = threading.current_thread()
    assert threads["file"] is here and threads["other"] is here
    for name in ("path", "bytes", "read before"):
        assert threads[name] is not here


@pytest.mark.parametrize("source", ["path.png", io.BytesIO()])
def test_what_reading_raises_is_raised_at_its_batch(source):
    def read(given, name):
        if name == "bad":
            raise MemoryError("too large")
        return name

    batches = read_ahead(read, [("a", "a"), ("b", "b"), (source, "bad"), ("c", "c")], 2)
    assert next(batches) == ["a", "b"]
    with pytest.raises(MemoryError, match="too large"):
        next(batches)


def test_ended_early_it_leaves_no_thread(monkeypatch):
    made = []
    real = module.ThreadPoolExecutor

    def kept(*args, **kwargs):
        made.append(real(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(module, "ThreadPoolExecutor", kept)
    read = []
    batches = read_ahead(lambda source, name: read.append(name), named(100), 2)
    next(batches)
    batches.close()
    assert len(read) <= 4
    with pytest.raises(RuntimeError):
        made[0].submit(print)
