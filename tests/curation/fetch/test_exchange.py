"""pytest tests/curation/fetch/test_exchange.py

One question and its answer, where test_download does not look: addresses, log records, titles, rates."""

import logging

import pytest
from loopback import file, serve, status

from cxr_fastai.core import SourceUnavailable, UsageError
from cxr_fastai.curation.fetch.exchange import (
    Exchange,
    RetryLater,
    bare,
    coding,
    new_session,
    no_query,
    validator,
)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


def exchange(where, name="one: a.zip"):
    return Exchange(where, name, (2, 2))


def ask(web, path="/a.zip", **headers):
    with new_session() as session:
        return exchange(web.url + path).ask(session, headers)


@pytest.mark.parametrize(
    "url,shown",
    [
        ("https://h/a.zip?sig=1#x", "https://h/a.zip"),
        ("https://user:pa55@h:8/a", "https://h:8/a"),
        ("https://h/a\x1b[31m", "https://h/a\\x1b[31m"),
    ],
)
def test_of_an_address_its_place_alone_is_shown(url, shown):
    assert bare(url) == shown


def test_an_address_is_asked_of_the_function_each_time_and_its_headers_are_copied():
    mine = {"X-Key": "1"}
    urls = iter(["https://h/1", "https://h/2"])
    asked = exchange(lambda: (next(urls), mine))
    first = asked.address()
    assert first == ("https://h/1", mine) and first[1] is not mine
    assert asked.address()[0] == "https://h/2" and asked.page == "https://h/2"


def test_an_address_of_no_web_is_refused_by_its_scheme():
    with pytest.raises(UsageError, match="only http and https addresses are fetched, not ftp"):
        exchange("ftp://h/a").address()
    with pytest.raises(UsageError, match="not this one"):
        exchange("a.zip").address()


def test_an_open_answer_is_taken_as_it_is():
    with serve({"/a.zip": b"data"}) as web:
        answer = ask(web)
        again = exchange(lambda: (answer, {"Authorization": "x"}))
        assert again.ask(None, {}) is answer and again.page == f"{web.url}/a.zip"
        assert b"".join(again.body(answer)) == b"data"


@pytest.mark.parametrize(
    "headers,kind",
    [
        (dict(etag='"1"'), '"1"'),
        (dict(etag='W/"1"'), ""),
        (dict(etag="", modified="then"), "then"),
        (dict(etag='W/"1"', modified="then"), "then"),
        (dict(etag='"1"', Content_Encoding="gzip"), ""),
        (dict(etag=""), ""),
    ],
)
def test_only_a_strong_validator_of_plain_bytes_vouches_for_a_part(headers, kind):
    with serve({"/a.zip": file(b"data", **headers)}) as web:
        assert validator(ask(web)) == kind


def test_a_body_is_identity_unless_it_says_otherwise():
    with serve({"/a": b"x", "/b": file(b"x", Content_Encoding=" GZIP ")}) as web:
        assert coding(ask(web, "/a")) == "identity" and coding(ask(web, "/b")) == "gzip"


@pytest.mark.parametrize(
    "code,after,error",
    [
        (503, "5", RetryLater),
        (202, "0", RetryLater),
        (503, "601", SourceUnavailable),
        (404, "0", SourceUnavailable),
    ],
)
def test_what_may_pass_is_told_from_what_does_not(code, after, error):
    with serve({"/a.zip": status(code, b"<title>No &amp; no</title>", Retry_After=after)}) as web:
        trouble = exchange(web.url + "/a.zip").refused(ask(web))
    assert type(trouble) is error
    if error is RetryLater:
        assert trouble.wait == float(after)


def test_a_log_record_loses_every_query_and_keeps_the_rest():
    record = logging.LogRecord("n", 10, "p", 1, "%s %s %d", ("https://h/a?sig=1", "x?y=2", 7), None)
    assert no_query(record) and record.getMessage() == "https://h/a?... x?... 7"
    plain = logging.LogRecord("n", 10, "p", 1, "nothing", None, None)
    assert no_query(plain) and plain.getMessage() == "nothing"


def test_a_web_page_is_wanted_where_name_or_address_says_so():
    page = b"<!doctype html><title>Sign in</title>"
    with pytest.raises(SourceUnavailable, match=r"a web page \('Sign in'\) instead"):
        list(exchange("https://h/a.zip").no_page(iter([page[:5], page[5:]])))
    assert b"".join(exchange("https://h/a", "x.HTM").no_page(iter([page]))) == page
    assert b"".join(exchange("https://h/a").no_page(iter([b"PK", b"34"]))) == b"PK34"
    assert b"".join(exchange("https://h/a").no_page(iter([]))) == b""
