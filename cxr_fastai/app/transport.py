"""A connection that is closed so that the other side still reads its last answer.

Who is refused while still sending would see a broken connection instead of the reason: a socket
closed with unread bytes resets. So what is to be sent is sent, the sending side is closed, and what
still comes is thrown away for some seconds; then it ends, whoever still reads or sends.
"""

from __future__ import annotations

import asyncio
from typing import Any

__all__ = ["LingeringTransport"]


class LingeringTransport(asyncio.Transport):
    """A transport whose `close` waits for the other side, within limits."""

    def __init__(
        self,
        transport: asyncio.Transport,
        seconds: float,  # that it lingers at most
    ):
        super().__init__()
        self._transport = transport
        self._seconds = seconds
        self.is_ending = False  # what comes in is to be thrown away
        self.is_heard_out = True  # whether the other side has sent all that it announced

    def close(self) -> None:
        """End the connection, at once where nothing more can come."""
        if self.is_ending or self._transport.is_closing():
            return
        self.is_ending = True
        loop = asyncio.get_running_loop()
        loop.call_later(self._seconds, self._transport.abort)
        if self.is_heard_out or not self._transport.can_write_eof():
            self._transport.close()
            return
        self._transport.resume_reading()
        self._transport.write_eof()  # once all is written

    def end(self) -> None:
        """End it now."""
        self.is_ending = True
        self._transport.close()

    def abort(self) -> None:
        """End it now, and leave unsent what is unsent."""
        self.is_ending = True
        self._transport.abort()

    # ---- as it is

    def is_closing(self) -> bool:
        """Tell whether it is being closed."""
        return self.is_ending or self._transport.is_closing()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes."""
        self._transport.write(data)

    def pause_reading(self) -> None:
        """Take nothing more in."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take in what comes."""
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Tell what is known of the connection."""
        return self._transport.get_extra_info(name, default)
