"""The server itself: one process, one port, uvicorn with h11.

A site and a bound socket in; it runs until it is told to stop: SIGTERM and SIGINT let it finish
what it answers, a second SIGINT does not. Writes no file.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from cxr_fastai.app.http import Front
from cxr_fastai.app.protocol import Protocol
from cxr_fastai.app.site import Site
from cxr_fastai.core import StorageError

__all__ = ["bound", "address_of", "Server", "server_for", "ALL_ADDRESSES"]

# What listens at all addresses of a machine -> where that machine itself reaches it
ALL_ADDRESSES = {"0.0.0.0": "127.0.0.1", "::": "::1"}
MOST_HEADER_BYTES = 16_384  # of a request; browsers send 1 to 2 kB


def bound(
    host: str,  # an address
    port: int,  # 0: any that is free
) -> socket.socket:
    """Bind a port. Raises `StorageError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if host == "::":
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # all addresses, of both kinds
    try:
        sock.bind((host, port))
        sock.listen()  # so that a port of another server is told here
    except OSError as e:
        sock.close()
        raise StorageError(
            f"cannot listen at {host}, port {port}: {e.strerror}. Give another: --port 0 takes "
            "one that is free."
        ) from e
    return sock


def address_of(
    sock: socket.socket,
) -> str:  # http://127.0.0.1:8000
    """Return the address that a browser is given."""
    host, port = sock.getsockname()[:2]
    if host in ALL_ADDRESSES:
        host = ALL_ADDRESSES[host]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"


class Server(uvicorn.Server):
    """A server that warms its service up while it already answers /health."""

    def __init__(self, config: uvicorn.Config, site: Site, when_warm: Callable[[], None]):
        super().__init__(config)
        self.site = site
        self.when_warm = when_warm

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Run until it is told to stop. Raises what the service raises when it starts."""
        warming = asyncio.create_task(self.site.service.start())
        warming.add_done_callback(self._warmed)
        try:
            await super().serve(sockets)
        finally:
            warming.cancel()
            await self.site.service.close()
        if warming.done() and not warming.cancelled():
            warming.result()

    def _warmed(self, warming: asyncio.Task[None]) -> None:
        """Tell that films are answered now, or stop where there is nothing to answer with."""
        if warming.cancelled():
            return
        if warming.exception() is not None:
            self.should_exit = True
            return
        self.when_warm()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:  # type: ignore[override]
        """Take signals. uvicorn raises them once more at the end: SIGTERM was all it should be."""
        with super().capture_signals():
            try:
                yield
            finally:
                left = [each for each in self._captured_signals if each != signal.SIGTERM]
                self._captured_signals[:] = left


def _silent() -> None:
    """Tell nobody."""


def server_for(
    site: Site,
    when_warm: Callable[[], None] = _silent,  # is called once films are answered
) -> Server:
    """Set up the server."""
    limits = site.limits
    config = uvicorn.Config(
        Front(site),
        interface="asgi3",
        loop="asyncio",
        http=Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",  # uvicorn's own lines name addresses; ours stand in request_log.py
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=int(limits.keep_alive_seconds),
        timeout_graceful_shutdown=int(limits.stop_seconds),
        h11_max_incomplete_event_size=MOST_HEADER_BYTES,
    )
    return Server(config, site, when_warm)
