"""Reading the next radiographs while the network computes those before.

Named sources and a function that reads one in, batches of what it returns out, in order. At most
two batches are in memory: that which is computed, and that which is read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from cxr_fastai.images import Radiograph

__all__ = ["Named", "read_ahead"]

Named = tuple[Any, str]  # a radiograph, and the name that messages give it
Read = TypeVar("Read")
# Threads. The decoder's switches belong to the process, so that it decodes one film at a time: a
# second thread resizes, normalises and judges another meanwhile.
READERS = 2
# What nobody else has in hand. An open file, or one Pillow image given twice, is read in the
# caller's thread, one after another.
APART = (str, os.PathLike, bytes, Radiograph)


def read_ahead(
    read: Callable[[Any, str], Read],  # source, name -> what is read of it
    named: Sequence[Named],
    bs: int,  # images at a time, 1 or more
) -> Generator[list[Read], None, None]:  # in order
    """Yield what is read of each batch, while the next is being read.

    What `read` raises is raised at its batch. Ended early, it waits for the films in hand alone.
    """
    if len(named) <= 1:
        for source, name in named:
            yield [read(source, name)]
        return
    pool = ThreadPoolExecutor(READERS, thread_name_prefix="cxr-read")
    try:
        coming = _begun(pool, read, named[:bs])
        for start in range(0, len(named), bs):
            batch = [each.result() for each in coming]
            coming = _begun(pool, read, named[start + bs : start + 2 * bs])
            yield batch
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begun(
    pool: ThreadPoolExecutor,
    read: Callable[[Any, str], Read],
    named: Sequence[Named],
) -> list[Future[Read]]:
    """Begin to read a batch; what must not be read beside is read here."""
    begun: list[Future[Read]] = []
    for source, name in named:
        if isinstance(source, APART):
            begun.append(pool.submit(read, source, name))
            continue
        done: Future[Read] = Future()
        try:
            done.set_result(read(source, name))
        except BaseException as e:
            done.set_exception(e)
        begun.append(done)
    return begun
