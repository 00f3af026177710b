"""One address -> one verified file in a content store.

A URL, or a function that gives one, a store folder and, where known, the file's SHA-256 -> a
Download that lies under its SHA-256. Resumes what was cut, retries what may pass. Never follows
anything but http(s), never shows a query string or a header, never lets a file into the store
that is not what it should be.

A body that ends with its connection, with neither a stated length nor chunks, may have been cut:
only a pin tells.
"""

from __future__ import annotations

import random
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from cxr_fastai.core import IntegrityError, SourceUnavailable, StorageError, UsageError, printable
from cxr_fastai.curation.fetch.exchange import (
    Exchange,
    RetryLater,
    bare,
    coding,
    new_session,
    validator,
)
from cxr_fastai.curation.fetch.partial import REMEDY, Partial, disk_errors
from cxr_fastai.curation.fetch.plan import Where
from cxr_fastai.progress import SILENT, Meter, Progress

__all__ = ["Download", "download", "MAX_DOWNLOAD"]

MAX_DOWNLOAD = 200 << 30  # bytes
MAX_PAUSE = 60.0  # seconds: the longest backoff
MIN_GAIN = 64 << 10  # bytes: an attempt that brought fewer new ones was in vain
# Attempts in all, times `tries`: a server that gives a little each time has an end too.
MAX_ATTEMPTS_PER_TRY = 100
DECODED = ("gzip", "x-gzip", "deflate")  # codings that urllib3 undoes without further packages
CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")
UNSATISFIED_RANGE = re.compile(r"bytes \*/(\d+)")


@dataclass(frozen=True)
class Download:
    """A file that came whole."""

    path: Path  # store/<sha256>
    sha256: str
    size: int  # bytes
    etag: str  # as the server gave it, or ''
    resumed: int  # bytes of it that an earlier run had left


def download(
    where: Where,
    store: Path,  # folder of finished files, named by their SHA-256; made where it is not
    name: str,  # what messages and progress call it: "kermany_kaggle: chest-xray-pneumonia.zip"
    key: str = "",  # identity of the thing across runs, for resuming; '' the URL without its query
    pin: str = "",  # SHA-256 that it must have, 64 hex digits; '' whatever comes
    max_bytes: int = MAX_DOWNLOAD,
    room: float = 1.1,  # free disk wanted before the first byte, times the bytes that are missing
    tries: int = 6,  # attempts in a row that may bring nothing new
    timeout: tuple[float, float] = (10, 60),  # seconds to connect; seconds without a byte
    pause: float = 1.0,  # seconds before the second attempt; doubles, with jitter
    progress: Progress = SILENT,
) -> Download:
    """Fetch the file; at once, and without network, where the pinned one stands in the store.

    The caller holds a lock of `key`: nobody else fetches the same thing into this store
    meanwhile. Raises `SourceUnavailable` (network, refused, a web page instead), `IntegrityError`
    (not the pin, over the cap), `StorageError` (no room, no permission), `UsageError` (no http(s)
    address, no SHA-256).
    """
    store = Path(store)
    pin = _checked_pin(pin, name)
    kept = _in_store(store, pin)
    if kept:
        return kept
    exchange = Exchange(where, name, timeout)
    job = _Job(
        exchange=exchange,
        store=store,
        max_bytes=max_bytes,
        room=room,
        tries=tries,
        pause=pause,
        progress=progress,
    )
    key = key or bare(exchange.address()[0])
    with disk_errors(store):
        store.mkdir(parents=True, exist_ok=True)
    return _fetch_pinned(job, key, pin)


def _fetch_pinned(job: _Job, key: str, pin: str) -> Download:
    """Fetch the file; once more, from nothing, where it is not its pin."""
    for _ in range(2):
        with Partial(job.store, key) as part:
            job.fill(part)
            actual = part.sha256
            if not pin or pin == actual:
                return Download(
                    path=part.finish(),
                    sha256=actual,
                    size=part.done,
                    etag=part.etag,
                    resumed=part.resumed,
                )
            corrupt = part.reject()
    raise IntegrityError(
        f"{job.exchange.name}: downloaded twice, its SHA-256 is {actual}, expected {pin}. "
        f"It is kept as {corrupt}."
    )


def _checked_pin(pin: str, name: str) -> str:
    """Return the pin in lower case. Raises `UsageError` where it is no SHA-256."""
    if pin and not re.fullmatch(r"[0-9a-fA-F]{64}", pin):
        raise UsageError(f"{name}: the pin {pin!r} is no SHA-256: give 64 hex digits, or none.")
    return pin.lower()


def _in_store(store: Path, pin: str) -> Download | None:
    """Find the pinned file among the finished ones."""
    path = store / pin
    if not pin or not path.is_file():
        return None
    size = path.stat().st_size
    if not size:
        return None
    return Download(path=path, sha256=pin, size=size, etag="", resumed=0)


@dataclass
class _Job:
    """A download's settings, and what it has seen of the server."""

    exchange: Exchange
    store: Path
    max_bytes: int
    room: float
    tries: int
    pause: float
    progress: Progress
    meter: Meter | None = None  # open while bytes come
    ask_whole: bool = False  # the last answer to a Range was of no use
    misfits: int = 0  # such answers

    # ---- attempts

    def fill(self, part: Partial) -> None:
        """Make attempt after attempt, until `part` is whole. Raises `SourceUnavailable`."""
        self.ask_whole = False
        self.misfits = 0
        try:
            with new_session() as session:
                self._attempt_until_whole(session, part)
        finally:
            if self.meter:
                self.meter.close()
            self.meter = None

    def _attempt_until_whole(self, session: Any, part: Partial) -> None:
        """Try, wait and try again; give up after `tries` attempts in a row that were in vain."""
        begun = time.monotonic()
        attempts = 0
        in_vain = 0  # attempts in a row
        best = part.done
        while True:
            try:
                self._attempt(session, part)
                return
            except RetryLater as e:
                trouble = e
            attempts += 1
            if part.done >= best + MIN_GAIN:
                in_vain = 0
                best = part.done
            in_vain += 1
            if in_vain >= self.tries or attempts >= MAX_ATTEMPTS_PER_TRY * self.tries:
                seconds = time.monotonic() - begun
                raise self._gave_up(part, trouble, attempts, seconds)
            time.sleep(max(trouble.wait, self._backoff(in_vain)))

    def _gave_up(
        self, part: Partial, trouble: RetryLater, attempts: int, seconds: float
    ) -> SourceUnavailable:
        """Say what was tried, and whether a later run can go on."""
        advice = "Run it again later."
        if part.done and part.validator:
            advice = f"{part.done:,} bytes are kept: run it again to go on from there."
        return SourceUnavailable(
            f"{self.exchange.name}: gave up after {attempts} attempts in {seconds:.1f} s: "
            f"{trouble} ({self.exchange.page}). {advice}"
        )

    def _backoff(self, in_vain: int) -> float:
        """Return the seconds to wait after so many attempts in vain, with jitter."""
        seconds: float = min(self.pause * 2 ** (in_vain - 1), MAX_PAUSE)
        return seconds * random.uniform(0.5, 1.5)

    def _attempt(self, session: Any, part: Partial) -> None:
        """Ask once and take the answer. Returns where `part` is whole; raises `RetryLater`."""
        begin = 0
        headers = {}
        can_go_on = part.done and part.validator
        if can_go_on and not self.ask_whole:
            begin = part.done
            headers = {"Range": f"bytes={begin}-", "If-Range": part.validator}
        with self.exchange.ask(session, headers) as answer:
            if answer.status_code == 416 and begin:
                self._past_the_end(answer, part)
                return
            begin, size = self._place(answer, part, begin)
            self._check_room(size, part, begin)
            self._take_body(answer, part, begin, size)
        if part.size is not None and part.done < part.size:
            raise RetryLater(f"{part.done:,} of {part.size:,} bytes came")

    def _take_body(self, answer: Any, part: Partial, begin: int, size: int | None) -> None:
        """Write the body behind the first `begin` bytes of `part`."""
        chunks = self.exchange.body(answer)
        if not begin:
            chunks = self.exchange.no_page(chunks)
        # looked at before what is there is thrown away: it may be a page that asks to sign in
        first: bytes = next(chunks, b"")
        if not begin:
            if not first:
                raise RetryLater("an empty answer")
            part.restart(validator(answer), answer.headers.get("ETag", ""), size)
            self.ask_whole = self.misfits > 1
        part.size = size
        self._show(part)
        self._write(part, chain([first], chunks))

    def _write(self, part: Partial, chunks: Iterator[bytes]) -> None:
        """Add chunks, held against the sizes that are allowed and stated."""
        for chunk in chunks:
            have = part.done + len(chunk)
            if have > self.max_bytes:
                raise self._too_large(have)
            if part.size is not None and have > part.size:
                raise self._misfit(f"more bytes came than the {part.size:,} that were stated")
            part.write(chunk)
            if self.meter:
                self.meter.update(len(chunk))

    def _show(self, part: Partial) -> None:
        """Open a meter, or leave the open one where the bytes go on."""
        if self.meter and part.done:
            return
        if self.meter:
            self.meter.close()
        self.meter = self.progress.meter(part.size, part.done, self.exchange.name)

    # ---- the answer

    def _place(self, answer: Any, part: Partial, begin: int) -> tuple[int, int | None]:
        """Return (byte that the body begins with, bytes of the whole file or None).

        Raises where the answer is not what was asked for.
        """
        if answer.status_code == 200:
            return 0, self._size_of_whole(answer)
        if answer.status_code != 206:
            raise self.exchange.refused(answer)
        stated = answer.headers.get("Content-Range", "").strip()
        match = CONTENT_RANGE.fullmatch(stated)
        if match and int(match[1]) == begin and coding(answer) == "identity":
            size = int(match[2])
            if not begin or self._is_same_file(answer, part, size):
                return begin, size
        raise self._misfit("the part that came is not the one that was asked for")

    def _size_of_whole(self, answer: Any) -> int | None:
        """Return the bytes that an answer of the whole file states. Raises for a strange coding."""
        how = coding(answer)
        stated: int | None = answer.raw.length_remaining
        if how == "identity":
            return stated
        is_framed = answer.raw.chunked or stated is not None
        if how in DECODED and is_framed:
            return None  # what is stated is the packed size
        raise SourceUnavailable(
            f"{self.exchange.name}: {self.exchange.page} answers in the coding {printable(how)!r}, "
            "though the plain file was asked for. Download it by hand into a mirror."
        )

    def _is_same_file(self, answer: Any, part: Partial, size: int | None) -> bool:
        """Tell whether the answer speaks of the file that `part` is the beginning of."""
        is_same_version = validator(answer) in ("", part.validator)
        is_same_size = part.size in (None, size)
        return is_same_version and is_same_size

    def _past_the_end(self, answer: Any, part: Partial) -> None:
        """Return where `part` is the whole file: nothing of it was left to ask for."""
        stated = answer.headers.get("Content-Range", "").strip()
        match = UNSATISFIED_RANGE.fullmatch(stated)
        size = int(match[1]) if match else part.size
        if size == part.done and self._is_same_file(answer, part, size):
            part.size = size
            return
        raise self._misfit(f"the server cannot go on from byte {part.done:,}")

    def _misfit(self, why: str) -> RetryLater:
        """Note an answer to a Range that is of no use: the next question is for the whole."""
        self.ask_whole = True
        self.misfits += 1
        return RetryLater(why)

    # ---- room

    def _check_room(self, size: int | None, part: Partial, begin: int) -> None:
        """Raise where the file is over the cap or has no room on the disk."""
        if size is None:
            return
        if size > self.max_bytes:
            raise self._too_large(size)
        with disk_errors(self.store):
            free = shutil.disk_usage(self.store).free + part.done - begin
        need = int((size - begin) * self.room)
        if need <= free:
            return
        raise StorageError(
            f"{self.exchange.name}: no room in {self.store}: {need:,} bytes are needed "
            f"({self.room:g} times what is missing), {free:,} are free. {REMEDY}"
        )

    def _too_large(self, size: int) -> IntegrityError:
        """Make the error for a file over the cap, as stated or as it comes."""
        return IntegrityError(
            f"{self.exchange.name}: {size:,} bytes, more than the {self.max_bytes:,} that are "
            f"allowed. See whether {self.exchange.page} is what it should be."
        )
