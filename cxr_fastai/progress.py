"""How a long step shows on stderr: a bar in a terminal, a plain line in a pipe. Nothing goes to stdout."""
from __future__ import annotations
import sys, time

__all__ = ["bar", "say"]


def say(text:str): print(text, file=sys.stderr, flush=True)

def bar(
    items,       # iterable
    total:int,   # how many it has
    what:str,    # "scanning images"
):
    "The items, as they come; a tqdm bar when stderr is a terminal, else one line when all are done."
    if sys.stderr.isatty():
        from tqdm import tqdm
        yield from tqdm(items, total=total, desc=what, file=sys.stderr, dynamic_ncols=True, leave=True)
        return
    begun = time.monotonic()
    yield from items
    say(f"{what}: {time.monotonic() - begun:.1f} s")
