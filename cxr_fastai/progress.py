"""How a long step shows on stderr: a bar in a terminal, a plain line in a pipe. Nothing goes to stdout."""

from __future__ import annotations

import sys
import time

from cxr_fastai.core import size_text

__all__ = ["bar", "meter", "say"]


def say(text: str):
    print(text, file=sys.stderr, flush=True)


def bar(
    items,  # iterable
    total: int,  # how many it has
    what: str,  # "scanning images"
):
    "The items, as they come; a tqdm bar when stderr is a terminal, else one line when all are done."
    if sys.stderr.isatty():
        from tqdm import tqdm

        yield from tqdm(
            items, total=total, desc=what, file=sys.stderr, dynamic_ncols=True, leave=True
        )
        return
    begun = time.monotonic()
    yield from items
    say(f"{what}: {time.monotonic() - begun:.1f} s")


class meter:
    "Bytes that arrive: a tqdm bar with size, rate and time left in a terminal, else a line at start and end."

    def __init__(
        self,
        total,  # bytes, or None where nobody says
        done: int,  # bytes that stand already
        what: str,  # "kermany_kaggle: chest-xray-pneumonia.zip"
    ):
        self.what, self.done, self.came, self.begun, self.bar = (
            what,
            done,
            0,
            time.monotonic(),
            None,
        )
        if sys.stderr.isatty():
            from tqdm import tqdm

            self.bar = tqdm(
                total=total,
                initial=done,
                desc=what,
                unit="B",
                unit_scale=True,
                unit_divisor=1000,
                file=sys.stderr,
                dynamic_ncols=True,
            )
        else:
            size = size_text(total) if total else "of unknown size"
            say(f"{what}: {size}{f', going on from {size_text(done)}' if done else ''}")

    def update(self, n: int):
        self.came += n
        if self.bar:
            self.bar.update(n)

    def close(self):
        if self.bar:
            return self.bar.close()
        seconds = time.monotonic() - self.begun
        say(
            f"{self.what}: {size_text(self.came)} in {seconds:.1f} s ({size_text(self.came / max(seconds, 0.1))}/s)"
        )
