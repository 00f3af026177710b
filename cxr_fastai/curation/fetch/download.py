"""One address -> one verified file in a content store. Takes a URL, or a function that gives one, a store folder and,
where known, the file's SHA-256; returns a Download that lies under its SHA-256. Resumes what was cut, retries what may
pass. Never follows anything but http(s), never shows a query string or a header, never lets a file into the store that
is not what it should be.

A body that ends with its connection, with neither a stated length nor chunks, may have been cut: only a pin tells.
"""

from __future__ import annotations

import random
import re
import shutil
import time
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from cxr_fastai.core import IntegrityError, SourceUnavailable, StorageError, UsageError, printable
from cxr_fastai.curation.fetch.exchange import Again, Exchange, bare, coding, new_session, validator
from cxr_fastai.curation.fetch.partial import MEND, Partial, disk

__all__ = ["Download", "download", "MAX_DOWNLOAD"]

MAX_DOWNLOAD = 200 << 30  # bytes
MAX_PAUSE = 60.0  # seconds: the longest backoff
GAIN = 64 << 10  # bytes: an attempt that brought fewer new ones was in vain
MOST = 100  # attempts in all, times `tries`: a server that gives a little each time has an end too
DECODED = ("gzip", "x-gzip", "deflate")  # codings that urllib3 undoes without further packages
RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")
END = re.compile(r"bytes \*/(\d+)")


@dataclass(frozen=True)
class Download:
    """A file that came whole."""

    path: Path  # store/<sha256>
    sha256: str
    size: int  # bytes
    etag: str  # as the server gave it, or ''
    resumed: int  # bytes of it that an earlier run had left


def download(
    where,  # a URL, or a function that gives (url, headers) anew for each attempt: a signed link runs out
    store: Path,  # folder of finished files, named by their SHA-256; made where it is not
    name: str,  # what messages and progress call it: "kermany_kaggle: chest-xray-pneumonia.zip"
    key: str = "",  # identity of the thing across runs, for resuming; '' the URL without its query
    pin: str = "",  # SHA-256 that it must have, 64 hex digits; '' whatever comes
    max_bytes: int = MAX_DOWNLOAD,
    room: float = 1.1,  # free disk wanted before the first byte, times the bytes that are missing
    tries: int = 6,  # attempts in a row that may bring nothing new
    timeout=(10, 60),  # seconds to connect; seconds without a byte
    pause=1.0,  # seconds before the second attempt; doubles, with jitter
    progress=None,  # progress(total bytes or None, bytes there, name) -> object with .update(n) and .close()
) -> Download:
    """Fetch the file; at once, and without network, where the pinned one stands in the store.
    Raises `SourceUnavailable` (network, refused, a web page instead), `IntegrityError` (not the pin, over the cap),
    `StorageError` (no room, no permission), `UsageError` (no http(s) address, no SHA-256).
    """
    pin, store = _checked_pin(pin, name), Path(store)
    kept = store / pin
    if pin and kept.is_file() and (size := kept.stat().st_size):
        return Download(kept, pin, size, "", 0)
    http = Exchange(where, name, timeout)
    job = _Job(http, store, max_bytes, room, tries, pause, progress)
    key = key or bare(http.address()[0])
    with disk(store):
        store.mkdir(parents=True, exist_ok=True)
    for adopt in (True, False):  # what is not its pin is fetched once more, from nothing
        with Partial(store, key, adopt) as part:
            job.fill(part)
            if pin in ("", actual := part.sha256):
                return Download(part.finish(), actual, part.done, part.etag, part.resumed)
            bad = part.reject()
    raise IntegrityError(
        f"{name}: downloaded twice, its SHA-256 is {actual}, expected {pin}. It is kept as {bad}."
    )


def _checked_pin(pin: str, name: str) -> str:
    if pin and not re.fullmatch(r"[0-9a-fA-F]{64}", pin):
        raise UsageError(f"{name}: the pin {pin!r} is no SHA-256: give 64 hex digits, or none.")
    return pin.lower()


@dataclass
class _Job:
    """A download's settings, and what it has seen of the server."""

    http: Exchange
    store: Path
    max_bytes: int
    room: float
    tries: int
    pause: float
    progress: object
    bar: object = None
    afresh: bool = False  # ask for the whole: the last answer to a Range was of no use
    misfits: int = 0  # such answers

    # ---- attempts

    def fill(self, part: Partial):
        """Attempt after attempt, until `part` is whole."""
        begun, asked, failed, best = time.monotonic(), 0, 0, part.done
        self.afresh, self.misfits = False, 0
        try:
            with new_session() as session:
                while again := self._try(session, part):
                    asked += 1
                    if part.done >= best + GAIN:
                        failed, best = 0, part.done
                    failed += 1
                    if failed >= self.tries or asked >= MOST * self.tries:
                        break
                    time.sleep(max(again.wait, self._backoff(failed)))
        finally:
            if self.bar:
                self.bar.close()
            self.bar = None
        if not again:
            return
        seconds = time.monotonic() - begun
        kept = (
            f" {part.done:,} bytes are kept: run it again to go on from there."
            if part.done and part.validator
            else " Run it again later."
        )
        raise SourceUnavailable(
            f"{self.http.name}: gave up after {asked} attempts in {seconds:.1f} s: {again} "
            f"({self.http.page}).{kept}"
        )

    def _backoff(self, failed: int) -> float:
        return min(self.pause * 2 ** (failed - 1), MAX_PAUSE) * random.uniform(0.5, 1.5)

    def _try(self, session, part: Partial) -> Again | None:
        try:
            self._attempt(session, part)
        except Again as e:
            return e

    def _attempt(self, session, part: Partial):
        """One question and its answer; returns where `part` is whole."""
        begin = part.done if part.validator and not self.afresh else 0
        more = {"Range": f"bytes={begin}-", "If-Range": part.validator} if begin else {}
        with self.http.ask(session, more) as answer:
            if answer.status_code == 416 and begin:
                return self._past_the_end(answer, part)
            begin, size = self._place(answer, part, begin)
            self._check_room(size, part, begin)
            chunks = self.http.body(answer)
            if not begin:
                chunks = self.http.no_page(chunks)
            first = next(
                chunks, b""
            )  # before what is there is thrown away: it may be a page that asks to sign in
            if not (begin or first):
                raise Again("an empty answer")
            if not begin:
                self._restart(answer, part, size)
            part.size = size
            self._show(part)
            for chunk in chain((first,), chunks):
                self._take(part, chunk)
        if part.size is not None and part.done < part.size:
            raise Again(f"{part.done:,} of {part.size:,} bytes came")

    def _restart(self, answer, part: Partial, size: int | None):
        part.restart(validator(answer), answer.headers.get("ETag", ""), size)
        self.afresh = self.misfits > 1

    def _misfit(self, why: str) -> Again:
        self.afresh, self.misfits = True, self.misfits + 1
        return Again(why)

    def _take(self, part: Partial, chunk: bytes):
        have = part.done + len(chunk)
        if have > self.max_bytes:
            raise self._too_large(have)
        if part.size is not None and have > part.size:
            raise self._misfit(f"more bytes came than the {part.size:,} that were stated")
        part.write(chunk)
        if self.bar:
            self.bar.update(len(chunk))

    def _show(self, part: Partial):
        if self.bar and not part.done:
            self.bar.close()
        if self.progress and not (self.bar and part.done):
            self.bar = self.progress(part.size, part.done, self.http.name)

    # ---- the answer

    def _place(self, answer, part: Partial, begin: int) -> tuple[int, int | None]:
        """(byte that the body begins with, bytes of the whole file or None). Raises where it is not what was asked for."""
        how = coding(answer)
        if answer.status_code == 200:
            if how == "identity":
                return 0, answer.raw.length_remaining
            framed = answer.raw.chunked or answer.raw.length_remaining is not None
            if how in DECODED and framed:
                return 0, None
            raise SourceUnavailable(
                f"{self.http.name}: {self.http.page} answers in the coding {printable(how)!r}, "
                "though the plain file was asked for. Download it by hand into a mirror."
            )
        if answer.status_code != 206:
            raise self.http.refused(answer)
        m = RANGE.fullmatch(answer.headers.get("Content-Range", "").strip())
        fits = m and int(m[1]) == begin and how == "identity"
        if fits and (not begin or self._same(answer, part, int(m[2]))):
            return begin, int(m[2])
        raise self._misfit("the part that came is not the one that was asked for")

    def _same(self, answer, part: Partial, size: int) -> bool:
        """Whether the answer speaks of the file that `part` is the beginning of."""
        return validator(answer) in ("", part.validator) and part.size in (None, size)

    def _past_the_end(self, answer, part: Partial):
        """Returns where `part` is the whole file: nothing of it was left to ask for."""
        m = END.fullmatch(answer.headers.get("Content-Range", "").strip())
        size = int(m[1]) if m else part.size
        if size == part.done and self._same(answer, part, size):
            part.size = size
            return
        raise self._misfit(f"the server cannot go on from byte {part.done:,}")

    def _check_room(self, size: int | None, part: Partial, begin: int):
        if size is None:
            return
        if size > self.max_bytes:
            raise self._too_large(size)
        with disk(self.store):
            free = shutil.disk_usage(self.store).free + part.done - begin
        need = int((size - begin) * self.room)
        if need <= free:
            return
        raise StorageError(
            f"{self.http.name}: no room in {self.store}: {need:,} bytes are needed ({self.room:g} times "
            f"what is missing), {free:,} are free. {MEND}"
        )

    def _too_large(self, size: int) -> IntegrityError:
        return IntegrityError(
            f"{self.http.name}: {size:,} bytes, more than the {self.max_bytes:,} that are allowed. "
            f"See whether {self.http.page} is what it should be."
        )
