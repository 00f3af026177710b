"""A connection that is closed so that the other side still reads its last answer.

Who is refused while still sending would see a broken connection instead of the reason: a socket
closed with unread bytes resets. So what is to be sent is sent, the sending side is closed, and what
still comes is thrown away for some seconds. A slow reader is waited for as long as it takes some.
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
        linger_seconds: float,  # that it throws away what still comes
        write_seconds: float,  # that the other side may take nothing of what is sent
    ):
        super().__init__()
        self._transport = transport
        self._linger_seconds = linger_seconds
        self._write_seconds = write_seconds
        self._watch: asyncio.TimerHandle | None = None
        self.is_ending = False  # what comes in is to be thrown away
        self.is_heard_out = True  # whether the other side has sent all that it announced

    def close(self) -> None:
        """End the connection: at once where nothing more can come, and all is taken."""
        if self.is_ending or self._transport.is_closing():
            return
        self.is_ending = True
        self.watch()
        if self.is_heard_out or not self._transport.can_write_eof():
            self._transport.close()  # once all is taken
            return
        self._transport.resume_reading()
        self._transport.write_eof()  # once all is taken

    def abort(self) -> None:
        """End it now, and leave unsent what is unsent."""
        self.is_ending = True
        self.forget()
        self._transport.abort()

    # ---- who takes nothing

    def watch(self) -> None:
        """End the connection in a while, unless the other side goes on taking what is sent."""
        self.forget()
        unsent = self._transport.get_write_buffer_size()
        seconds = self._write_seconds if unsent else self._linger_seconds
        self._watch = asyncio.get_running_loop().call_later(seconds, self._judge, unsent)

    def forget(self) -> None:
        """Watch no more."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def _judge(
        self,
        unsent_before: int,  # bytes, when the watch began
    ) -> None:
        """End the connection, or watch on where some was taken."""
        self._watch = None
        if 0 < self._transport.get_write_buffer_size() < unsent_before:
            self.watch()
        else:
            self.abort()

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
