"""A connection that is closed so that the other side still reads its last answer.

python -m pytest tests/app/test_transport.py
"""

import asyncio

import pytest

from cxr_fastai.app.transport import LingeringTransport


class Recording(asyncio.Transport):
    "A transport that notes what is asked of it."

    def __init__(self, halves=True):
        super().__init__()
        self.calls = []
        self.halves = halves
        self.unsent = [0]  # bytes, each time that it is asked; the last for ever

    def get_write_buffer_size(self):
        return self.unsent.pop(0) if len(self.unsent) > 1 else self.unsent[0]

    def is_closing(self):
        return "close" in self.calls or "abort" in self.calls

    def can_write_eof(self):
        return self.halves

    def get_extra_info(self, name, default=None):
        return {"peername": "here"}.get(name, default)

    def close(self):
        self.calls.append("close")

    def abort(self):
        self.calls.append("abort")

    def write(self, data):
        self.calls.append(("write", bytes(data)))

    def write_eof(self):
        self.calls.append("write_eof")

    def pause_reading(self):
        self.calls.append("pause_reading")

    def resume_reading(self):
        self.calls.append("resume_reading")


def calls_of(do, linger=10.0, write=10.0, halves=True, unsent=(0,)):
    "What is asked of a transport while `do` uses the lingering one."

    async def run():
        under = Recording(halves)
        under.unsent = list(unsent)
        transport = LingeringTransport(under, linger, write)
        await do(transport)
        return under.calls

    return asyncio.run(run())


def test_where_nothing_more_can_come_it_is_closed_at_once():
    async def do(transport):
        transport.close()
        transport.close()
        assert transport.is_closing()

    assert calls_of(do) == ["close"]


def test_where_more_may_come_its_own_side_ends_and_the_rest_is_waited_for():
    async def do(transport):
        transport.is_heard_out = False
        transport.write(b"why")
        transport.close()
        assert transport.is_closing() and transport.is_ending

    assert calls_of(do) == [("write", b"why"), "resume_reading", "write_eof"]


def test_it_waits_only_so_long():
    async def do(transport):
        transport.is_heard_out = False
        transport.close()
        await asyncio.sleep(0.05)

    assert calls_of(do, linger=0.01)[-1] == "abort"


def test_it_can_be_ended_at_once():
    async def do(transport):
        transport.is_heard_out = False
        transport.abort()
        assert transport.is_ending

    assert calls_of(do) == ["abort"]


@pytest.mark.parametrize(
    "unsent",
    [
        [9, 9],  # nothing was taken
        [9, 8, 8, 7, 7, 7],  # some was, and then no more
        [9, 8, 8, 0],  # all was: the other side has had its time
    ],
)
def test_who_takes_nothing_more_is_ended(unsent):
    async def do(transport):
        transport.watch()
        await asyncio.sleep(0.3)

    assert calls_of(do, linger=0.01, write=0.01, unsent=unsent) == ["abort"]


def test_a_watch_can_be_given_up():
    async def do(transport):
        transport.watch()
        transport.forget()
        await asyncio.sleep(0.05)

    assert calls_of(do, linger=0.01) == []


def test_who_takes_some_each_time_is_waited_for():
    async def do(transport):
        transport.watch()
        await asyncio.sleep(0.1)
        transport.forget()

    assert calls_of(do, write=0.01, unsent=range(1000, 0, -1)) == []


def test_a_transport_without_halves_is_closed():
    async def do(transport):
        transport.is_heard_out = False
        transport.close()

    assert calls_of(do, halves=False) == ["close"]


def test_all_else_is_that_of_the_transport():
    async def do(transport):
        assert transport.get_extra_info("peername") == "here"
        assert transport.get_extra_info("gone", 3) == 3
        transport.pause_reading()
        transport.resume_reading()
        assert not transport.is_closing()

    assert calls_of(do) == ["pause_reading", "resume_reading"]
