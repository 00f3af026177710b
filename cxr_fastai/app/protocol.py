"""HTTP/1.1 on one connection: uvicorn's protocol over h11, and what it lacks.

Headers that dribble in, answers that nobody takes, more connections than there may be, and bytes
that are no HTTP, each with an answer in plain words where one can still be given.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from cxr_fastai.app.heads import fault_of, head_of
from cxr_fastai.app.http import OTHER, Front
from cxr_fastai.app.refusals import Refusal, refusal
from cxr_fastai.app.security_headers import SECURITY_HEADERS
from cxr_fastai.app.transport import LingeringTransport

__all__ = ["Protocol"]

HEADERS_TOO_LARGE = 431  # h11's hint for headers beyond their limit
RETRY_SECONDS = 5


class Protocol(H11Protocol):
    """One connection."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.front: Front = self.config.app  # type: ignore[assignment]
        self.limits = self.front.site.limits
        self.slow_headers: asyncio.TimerHandle | None = None

    # ---- of asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection, unless there are too many."""
        assert isinstance(transport, asyncio.Transport)
        self.lingering = LingeringTransport(
            transport, self.limits.linger_seconds, self.limits.write_seconds
        )
        super().connection_made(self.lingering)
        if len(self.connections) > self.limits.connections:
            retry = {"Retry-After": str(RETRY_SECONDS)}
            self.refuse(refusal("connections", retry, seconds=RETRY_SECONDS))
            return
        self.await_headers()

    def data_received(self, data: bytes) -> None:
        """Take bytes in."""
        if self.lingering.is_ending:
            return
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self.forget_headers()
        elif self.conn.trailing_data[0] and self.slow_headers is None:
            self.await_headers()  # of the next request on this connection

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """Hear that the other side sends no more; True keeps the connection for an answer."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete or not cycle.more_body:
            return None  # closes it, and with it whatever was asked for
        cycle.more_body = False  # the body ends here: http.py tells that it is short
        cycle.keep_alive = False
        self.lingering.is_heard_out = True
        cycle.message_event.set()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        self.forget_headers()
        self.lingering.forget()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Wait for the other side to take its answer, as long as it takes some."""
        super().pause_writing()
        self.lingering.watch()

    def resume_writing(self) -> None:
        """Go on: the other side takes its answer."""
        if not self.lingering.is_ending:
            self.lingering.forget()
        super().resume_writing()

    # ---- headers

    def await_headers(self) -> None:
        """Give the headers of a request their time."""
        self.slow_headers = self.loop.call_later(self.limits.header_seconds, self.end_slow_headers)

    def forget_headers(self) -> None:
        """Note that headers came, or need not come any more."""
        if self.slow_headers is not None:
            self.slow_headers.cancel()
            self.slow_headers = None

    def end_slow_headers(self) -> None:
        """End a connection whose headers take too long; without a word where none came at all."""
        self.slow_headers = None
        if self.conn.trailing_data[0]:
            self.refuse(refusal("headers_slow"))
        else:
            self.lingering.abort()

    # ---- of uvicorn

    def handle_events(self) -> None:
        """Hand on what came in, unless its head may be read in two ways."""
        if self.conn.their_state is h11.IDLE:
            fault = fault_of(head_of(self.conn.trailing_data[0]))
            if fault:
                self.refuse(refusal(fault))
                return
        super().handle_events()
        if not self.lingering.is_ending:
            self.lingering.is_heard_out = self.conn.their_state is not h11.SEND_BODY

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        error = sys.exc_info()[1]
        hint = getattr(error, "error_status_hint", 400)
        self.refuse(refusal("headers_large" if hint == HEADERS_TOO_LARGE else "not_http"))

    def refuse(self, why: Refusal) -> None:
        """Answer on a connection that has no request, and end it."""
        self.forget_headers()
        cycle = self.cycle
        in_progress = cycle is not None and not cycle.response_complete
        if in_progress:
            cycle.disconnected = True  # its handler is told, and answers nothing
            cycle.message_event.set()
        if not in_progress or not cycle.response_started:
            self.lingering.write(_written(why))
            site = self.front.site
            site.metrics.count_refusal(why.code)
            self.front.note(OTHER, OTHER, why.status, 0.0)
        self.lingering.is_heard_out = False
        self.lingering.close()

    def shutdown(self) -> None:
        """End the connection, once its answer is given."""
        if self.lingering.is_ending:
            self.lingering.abort()
            return
        super().shutdown()


def _written(why: Refusal) -> bytes:
    """Write an answer as the bytes that go over the wire."""
    body = json.dumps(why.to_dict()).encode()
    headers = {
        **SECURITY_HEADERS,
        **why.headers,
        "content-type": "application/json",
        "content-length": str(len(body)),
        "connection": "close",
    }
    lines = [f"HTTP/1.1 {why.status} "]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
