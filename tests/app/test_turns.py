"""Whose turn it is: places in the queue, and how often one client may come.

python -m pytest tests/app/test_turns.py
"""

import asyncio

import pytest

from cxr_fastai.app.limits import MB, Limits
from cxr_fastai.app.refusals import Refusal
from cxr_fastai.app.turns import Turns, Visits


def test_places_are_as_many_as_may_work_and_wait():
    turns = Turns(Limits(at_once=1, waiting=1))
    with turns.place(10), turns.place(20):
        assert (turns.inside, turns.waiting, turns.bytes) == (2, 2, 30)
        with pytest.raises(Refusal) as e, turns.place(0):
            pass
        assert (e.value.status, e.value.code) == (503, "busy") and int(
            e.value.headers["Retry-After"]
        ) > 0
    assert (turns.inside, turns.bytes) == (0, 0)


def test_bodies_that_wait_are_bounded_in_bytes_and_one_alone_is_always_taken():
    turns = Turns(Limits(max_mb=1))
    with turns.place(9 * MB):  # of an empty house
        with pytest.raises(Refusal), turns.place(1):
            pass
    with turns.place(MB), turns.place(MB), turns.place(MB), turns.place(MB):
        with pytest.raises(Refusal), turns.place(1):
            pass


def test_a_place_is_given_back_whatever_happens():
    turns = Turns(Limits())
    with pytest.raises(ZeroDivisionError), turns.place(5):
        1 / 0
    assert (turns.inside, turns.bytes) == (0, 0)


def test_only_so_many_work_at_once_and_a_turn_is_given_back():
    async def check():
        turns = Turns(Limits(at_once=2))
        most = 0

        async def one(fails):
            nonlocal most
            with turns.place(1):
                async with turns.work():
                    most = max(most, turns.in_work)
                    await asyncio.sleep(0.001)
                    if fails:
                        raise ValueError

        await asyncio.gather(*[one(i % 3 == 0) for i in range(9)], return_exceptions=True)
        return most, turns.in_work, turns.inside, turns.waiting

    assert asyncio.run(check()) == (2, 0, 0, 0)


def visited(visits, client):
    try:
        visits.count(client)
    except Refusal as e:
        return int(e.headers["Retry-After"])
    return 0


def test_a_client_comes_so_often_in_a_minute_and_is_told_when_again():
    now = [0.0]
    visits = Visits(2, now=lambda: now[0])
    assert [visited(visits, "10.0.0.1") for _ in range(2)] == [0, 0]
    now[0] = 20.0
    assert visited(visits, "10.0.0.1") == 40 and visited(visits, "10.0.0.2") == 0
    now[0] = 60.5
    assert visited(visits, "10.0.0.1") == 0


def test_a_client_of_ipv6_has_all_addresses_of_its_network():
    visits = Visits(1)
    assert visited(visits, "2001:db8::1") == 0 and visited(visits, "2001:db8::2") > 0
    assert visited(visits, "2001:db8:0:1::1") == 0


def test_without_a_number_nobody_is_counted_and_clients_are_forgotten(monkeypatch):
    free = Visits(0)
    assert [visited(free, "a") for _ in range(100)] == [0] * 100 and not free._times
    monkeypatch.setattr("cxr_fastai.app.turns.MOST_CLIENTS", 3)
    visits = Visits(5)
    for i in range(10):
        visits.count(f"10.0.0.{i}")
    assert len(visits._times) == 3
