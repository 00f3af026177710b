"""One line a request, and nothing of a film in it.

python -m pytest tests/app/test_request_log.py
"""

import logging
import re

import pytest

from cxr_fastai.app.request_log import LOG, log_request, log_to_stderr, log_unexpected


@pytest.fixture
def kept():
    "The log as it was, once a test is over."
    before = (LOG.level, LOG.propagate, list(LOG.handlers))
    yield
    LOG.setLevel(before[0])
    LOG.propagate = before[1]
    LOG.handlers[:] = before[2]


@pytest.mark.parametrize("films,words", [(0, ""), (1, ", 1 film"), (3, ", 3 films")])
def test_a_request_is_one_line(caplog, films, words):
    with caplog.at_level(logging.INFO, "cxr_fastai.app"):
        log_request("/predict", "POST", 200, 0.0415, films)
    assert caplog.messages == [f"POST /predict 200 42 ms{words}"]


def test_a_mistake_is_named_by_kind_and_place_not_by_its_words(caplog):
    try:
        int("SECRET of a film")
    except ValueError as e:
        log_unexpected(e)
    (line,) = caplog.messages
    assert re.fullmatch(
        r"unexpected ValueError at test_request_log.py, line \d+, in test_a_mist.*", line
    )
    log_unexpected(KeyError("SECRET"))
    assert "an unknown place" in caplog.messages[1] and "SECRET" not in caplog.text


def test_lines_have_their_time_on_stderr(kept, capsys):
    log_to_stderr()
    log_to_stderr()  # and each stands there once
    log_request("/", "GET", 200, 0.001, 0)
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ GET / 200 1 ms\n", capsys.readouterr().err
    )
