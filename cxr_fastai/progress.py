"""What a long step shows, on stderr: bars in a terminal and in a notebook, plain lines in a pipe.

`Progress` is the one protocol. This module itself follows it: pass `cxr_fastai.progress` to be
shown all, or nothing for silence. Nothing goes to stdout.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from typing import Any, Protocol, TypeVar

from cxr_fastai.core import size_text

__all__ = ["Progress", "Meter", "SILENT", "bar", "meter", "say", "shows_bars"]

T = TypeVar("T")


class Meter(Protocol):
    """Bytes that arrive."""

    def update(self, n: int) -> None:
        """`n` more bytes have come."""

    def close(self) -> None:
        """No more will come."""


class Progress(Protocol):
    """What a room is given to show how far it is."""

    def bar(self, items: Iterable[T], total: int, what: str) -> Iterator[T]:
        """Yield the items as they come; `total` of them are expected."""

    def meter(self, total: int | None, stored: int, what: str) -> Meter:
        """Show bytes: `total` of them, or None where nobody says; `stored` stand already."""

    def say(self, text: str) -> None:
        """One line."""


class _Silence:
    """A Progress that shows nothing; also the Meter that it gives."""

    def bar(self, items: Iterable[T], total: int, what: str) -> Iterator[T]:
        """Hand the items on."""
        yield from items

    def meter(self, total: int | None, stored: int, what: str) -> Meter:
        """Return a meter that shows nothing: itself."""
        return self

    def say(self, text: str) -> None:
        """Say nothing."""

    def update(self, n: int) -> None:
        """Count nothing."""

    def close(self) -> None:
        """End nothing."""


SILENT = _Silence()


def say(text: str) -> None:
    """Print one line to stderr."""
    print(text, file=sys.stderr, flush=True)


def bar(
    items: Iterable[T],
    total: int,  # how many there are
    what: str,  # "scanning images"
) -> Iterator[T]:
    """Yield the items as they come, under a bar; without a bar, one line when all are done."""
    tqdm = _tqdm()
    if tqdm is not None:
        yield from tqdm(items, total=total, desc=what, dynamic_ncols=True)
        return
    begun = time.monotonic()
    yield from items
    say(f"{what}: {time.monotonic() - begun:.1f} s")


def meter(
    total: int | None,  # bytes, or None where nobody says
    stored: int,  # bytes that stand already
    what: str,  # "kermany_kaggle: chest-xray-pneumonia.zip"
) -> Meter:
    """Show size, rate and time left under a bar; without a bar, a line at start and end."""
    tqdm = _tqdm()
    if tqdm is None:
        return _Lines(total, stored, what)
    bytes_bar: Meter = tqdm(
        total=total,
        initial=stored,
        desc=what,
        unit="B",
        unit_scale=True,
        unit_divisor=1000,
        dynamic_ncols=True,
    )
    return bytes_bar


class _Lines:
    """A Meter of two plain lines."""

    def __init__(self, total: int | None, stored: int, what: str):
        self.what = what
        self.came = 0  # bytes
        self.begun = time.monotonic()
        line = f"{what}: {size_text(total) if total else 'of unknown size'}"
        if stored:
            line += f", going on from {size_text(stored)}"
        say(line)

    def update(self, n: int) -> None:
        """Count bytes."""
        self.came += n

    def close(self) -> None:
        """Say how much came, and how fast."""
        seconds = time.monotonic() - self.begun
        came = size_text(self.came)
        rate = size_text(self.came / max(seconds, 0.1))
        say(f"{self.what}: {came} in {seconds:.1f} s ({rate}/s)")


# ---- where this process can draw


def shows_bars() -> bool:
    """Tell whether a bar can be drawn here: in a terminal or a notebook, not in a pipe."""
    return _tqdm() is not None


def _tqdm() -> Any:
    """Return the tqdm class that can draw here, or None where a bar would only fill a file."""
    if _in_notebook():
        if find_spec("ipywidgets"):
            from tqdm.notebook import tqdm as widget

            return widget
        from tqdm import tqdm as text

        return text
    if sys.stderr.isatty():
        from tqdm import tqdm as text

        return text
    return None


def _in_notebook() -> bool:
    """Tell whether a Jupyter kernel runs this process: no terminal, but bars show there."""
    if "ipykernel" not in sys.modules:
        return False
    from IPython import get_ipython

    shell = get_ipython()
    return shell is not None and hasattr(shell, "kernel")
