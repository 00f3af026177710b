"""The server itself: one process, one port, uvicorn with h11.

A site and a bound socket in; it runs until it is told to stop. Writes no file.
"""

from __future__ import annotations

import asyncio
import socket

import uvicorn

from cxr_fastai.app.http import Front
from cxr_fastai.app.protocol import Protocol
from cxr_fastai.app.site import Site
from cxr_fastai.core import StorageError

__all__ = ["bound", "address_of", "Server", "server_for"]


def bound(
    host: str,
    port: int,  # 0: any that is free
) -> socket.socket:
    """Bind a port. Raises `StorageError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as e:
        sock.close()
        raise StorageError(f"cannot listen at {host}, port {port}: {e.strerror}") from e
    return sock


def address_of(
    sock: socket.socket,
) -> str:  # http://127.0.0.1:8000
    """Return the address that a browser is given."""
    host, port = sock.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"


class Server(uvicorn.Server):
    """A server that warms its service up while it already answers /health."""

    def __init__(self, config: uvicorn.Config, site: Site):
        super().__init__(config)
        self.site = site

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Run until it is told to stop."""
        warming = asyncio.create_task(self.site.service.start())
        try:
            await super().serve(sockets)
        finally:
            warming.cancel()
            await self.site.service.close()


def server_for(site: Site) -> Server:
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
        h11_max_incomplete_event_size=16_384,
    )
    return Server(config, site)
