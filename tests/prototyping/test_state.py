"""pytest tests/prototyping/test_state.py"""

import os

import pytest
import toy_prototypes as toys

from cxr_fastai.core import IntegrityError, UsageError
from cxr_fastai.prototyping.state import (
    STATE,
    State,
    listing_of,
    read_state,
    take_back,
    write_state,
)


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.mkdir()], ids=["absent", "empty"])
def test_a_free_folder_begins(tmp_path, make):
    make(tmp_path / "out")
    assert read_state(tmp_path / "out", toys.request()) == State(toys.request())


def test_what_was_written_is_read(tmp_path):
    state = State(toys.request(seed=2), "l", toys.plan(), "m", {"title": "x"})
    write_state(tmp_path, state)
    assert read_state(tmp_path, toys.request(seed=2)) == state


def test_another_request_is_refused_with_what_differs(tmp_path):
    write_state(tmp_path, State(toys.request()))
    with pytest.raises(UsageError, match=r"another prototype \(--seed 0, now 1\): choose another"):
        read_state(tmp_path, toys.request(seed=1))


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.doc").touch()
    with pytest.raises(UsageError, match="holds no prototype .thesis.doc"):
        read_state(tmp_path, toys.request())


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 9}', '{"version": 1}', "\x00"])
def test_a_damaged_file_is_one_line(tmp_path, text):
    (tmp_path / STATE).write_text(text)
    with pytest.raises(IntegrityError, match="cannot be read") as refused:
        read_state(tmp_path, toys.request())
    assert "\n" not in str(refused.value)


def test_a_file_that_came_went_or_changed_is_seen(tmp_path):
    (tmp_path / "a").mkdir()
    file = tmp_path / "a" / "1.png"
    file.write_bytes(b"1")
    request = toys.request(folder=str(tmp_path))
    before = listing_of(request)
    assert listing_of(request) == before
    os.utime(file, ns=(1, 1))
    touched = listing_of(request)
    (tmp_path / "a" / "2.png").write_bytes(b"2")
    more = listing_of(request)
    assert len({before, touched, more}) == 3


def test_a_csv_and_the_files_beside_it_are_looked_at(tmp_path):
    (tmp_path / "t.csv").write_text("a")
    request = toys.request(folder="", table=str(tmp_path / "t.csv"))
    before = listing_of(request)
    (tmp_path / "t.csv").write_text("ab")
    assert listing_of(request) != before


@pytest.mark.parametrize("held, stays", [((), False), (("curated",), True)])
def test_what_was_refused_before_anything_was_written_leaves_nothing(tmp_path, held, stays):
    write_state(tmp_path, State(toys.request()))
    for name in held:
        (tmp_path / name).mkdir()
    take_back(tmp_path)
    assert (tmp_path / STATE).exists() is stays
