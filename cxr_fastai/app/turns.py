"""Whose turn it is: how many requests are in the house, and how often one client may come.

Numbers in, a place or a `Refusal` out. A place is given before the body is read, so that waiting
bodies are bounded in number and bytes.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from cxr_fastai.app.limits import Limits
from cxr_fastai.app.refusals import refusal

__all__ = ["Turns", "Visits"]

RETRY_SECONDS = 2  # after which a place is likely to be free: some films' time
MINUTE = 60.0
MOST_CLIENTS = 10_000  # that are remembered for a minute


class Turns:
    """The queue of requests with films."""

    def __init__(self, limits: Limits):
        self.limits = limits
        self.inside = 0  # requests that have a place
        self.in_work = 0  # of these, that are being answered
        self.bytes = 0  # of bodies of those that have a place
        self._work = asyncio.Semaphore(limits.at_once)

    @property
    def waiting(self) -> int:
        """How many have a place and are not yet answered: coming in, or waiting."""
        return self.inside - self.in_work

    @contextmanager
    def place(
        self,
        n: int,  # bytes of the body that is to come
    ) -> Iterator[None]:
        """Hold a place in the queue. Raises `Refusal` where it is full."""
        limits = self.limits
        is_full = self.inside >= limits.at_once + limits.waiting
        is_heavy = self.inside > 0 and self.bytes + n > limits.bytes_in_flight
        if is_full or is_heavy:
            retry = {"Retry-After": str(RETRY_SECONDS)}
            raise refusal("busy", retry, seconds=RETRY_SECONDS)
        self.inside += 1
        self.bytes += n
        try:
            yield
        finally:
            self.inside -= 1
            self.bytes -= n

    @asynccontextmanager
    async def work(self) -> AsyncIterator[None]:
        """Wait for one's turn, and hold it."""
        async with self._work:
            self.in_work += 1
            try:
                yield
            finally:
                self.in_work -= 1


class Visits:
    """How often each client came within the last minute."""

    def __init__(
        self,
        per_minute: int,  # 0: as often as it likes
        now: Callable[[], float] = time.monotonic,
    ):
        self.per_minute = per_minute
        self._now = now
        self._times: dict[str, deque[float]] = {}  # client -> its visits; the oldest client first

    def count(
        self,
        client: str,  # address
    ) -> None:
        """Note a visit. Raises `Refusal` for one too many."""
        if not self.per_minute:
            return
        now = self._now()
        key = _network_of(client)
        times = self._times.pop(key, deque())
        while times and times[0] <= now - MINUTE:
            times.popleft()
        self._times[key] = times  # now the youngest
        if len(times) >= self.per_minute:
            seconds = max(1, round(times[0] + MINUTE - now + 0.5))
            retry = {"Retry-After": str(seconds)}
            raise refusal("too_often", retry, per_minute=self.per_minute, seconds=seconds)
        times.append(now)
        while len(self._times) > MOST_CLIENTS:
            del self._times[next(iter(self._times))]


def _network_of(client: str) -> str:
    """Return what one client has: an address, of IPv6 the 64 bits that it can choose behind."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    if address.version == 4:
        return client
    return str(ipaddress.ip_network((address, 64), strict=False))
