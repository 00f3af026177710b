"""pytest tests/test_flag_values.py. The settings of training: test_flags.py."""

import argparse

import pytest

from cxr_fastai.flag_values import above_zero, ids, name_and_class, port, whole


def test_lists_are_read_without_blanks_and_empty_parts():
    assert ids(" a, b,,c ,") == ["a", "b", "c"] and ids(None) == ids("") == []


def test_a_whole_number_is_above_0():
    assert whole("12") == 12
    for text in ("0", "-1", "1.5", "two", ""):
        with pytest.raises(argparse.ArgumentTypeError, match="whole number above 0"):
            whole(text)


def test_a_port_is_one_that_there_is_or_0():
    assert [port("0"), port("8000"), port("65535")] == [0, 8000, 65535]
    for text in ("-1", "65536", "1.5", "http", "", "\u0661"):
        with pytest.raises(argparse.ArgumentTypeError, match="0 to 65535"):
            port(text)


def test_a_number_is_above_0():
    assert above_zero("2.5") == 2.5
    for text in ("0", "-1", "nan", "inf", "two", ""):
        with pytest.raises(argparse.ArgumentTypeError, match="number above 0"):
            above_zero(text)


def test_a_name_and_its_class_are_parted_at_the_last_equals_sign():
    assert name_and_class("a=b = c") == ("a=b", "c")
    for text in ("a", "=b", "a=", " = "):
        with pytest.raises(argparse.ArgumentTypeError, match="NAME=CLASS"):
            name_and_class(text)
