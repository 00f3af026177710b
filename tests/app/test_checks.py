"""Who may ask: names against DNS rebinding, origins against pages elsewhere.

python -m pytest tests/app/test_checks.py
"""

import pytest

from cxr_fastai.app.checks import (
    check_host,
    check_origin,
    headers_of,
    host_name,
    is_https,
    is_loopback,
)
from cxr_fastai.app.refusals import Refusal


def code_of(check, *args):
    try:
        check(*args)
    except Refusal as e:
        return e.code
    return ""


@pytest.mark.parametrize(
    "host,name",
    [
        ("localhost:8000", "localhost"),
        ("LOCALHOST", "localhost"),
        ("127.0.0.1:80", "127.0.0.1"),
        ("[::1]:8000", "::1"),
        ("[::1]", "::1"),
        ("films.example.org.", "films.example.org"),
        ("a:b", ""),
        ("a:123456", ""),
        ("a:", "a"),
        ("", ""),
    ],
)
def test_a_host_has_a_name_and_perhaps_a_port(host, name):
    assert host_name(host) == name


def test_loopback_is_no_question_of_name_servers():
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.9.9.9", "::1")))
    assert not any(
        map(is_loopback, ("localhost.evil.com", "127.0.0.1.nip.io", "0.0.0.0", "10.0.0.1", ""))
    )


@pytest.mark.parametrize(
    "host,own,names,code",
    [
        ("localhost:8000", "127.0.0.1", (), ""),
        ("127.0.0.1:8000", "127.0.0.1", (), ""),
        ("[::1]:8000", "::1", (), ""),
        ("10.0.0.5:8000", "10.0.0.5", (), ""),  # the address at which the connection came in
        ("10.0.0.6:8000", "10.0.0.5", (), "host_wrong"),
        ("evil.example:8000", "127.0.0.1", (), "host_wrong"),
        ("localhost.evil.example", "127.0.0.1", (), "host_wrong"),
        ("0.0.0.0:8000", "127.0.0.1", (), "host_wrong"),
        ("localhost@evil.example", "127.0.0.1", (), "host_wrong"),
        ("films.example.org", "10.0.0.5", ("films.example.org",), ""),
        ("Films.example.org:8443", "10.0.0.5", ("films.example.org:8443",), ""),
        ("", "127.0.0.1", (), "host_missing"),
        ("a:b", "", (), "host_wrong"),
    ],
)
def test_a_name_that_was_looked_up_is_answered_only_where_it_was_given(host, own, names, code):
    assert code_of(check_host, {"host": host}, own, names) == code


@pytest.mark.parametrize(
    "headers,code",
    [
        ({}, ""),  # a program
        ({"origin": "http://127.0.0.1:8000"}, ""),
        ({"origin": "https://127.0.0.1:8000"}, ""),  # behind a proxy that speaks https
        ({"origin": "https://films.example.org"}, ""),
        ({"origin": "http://127.0.0.1:3000"}, "other_site"),  # another server of this machine
        ({"origin": "http://evil.example"}, "other_site"),
        ({"origin": "null"}, "other_site"),
        ({"origin": "file://127.0.0.1:8000"}, "other_site"),
        ({"origin": ""}, "other_site"),
        ({"origin": "null", "sec-fetch-site": "same-origin"}, ""),
        ({"sec-fetch-site": "same-origin"}, ""),
        ({"sec-fetch-site": "none"}, ""),
        ({"sec-fetch-site": "same-site", "origin": "http://127.0.0.1:8000"}, "other_site"),
        ({"sec-fetch-site": "cross-site"}, "other_site"),
        ({"sec-fetch-site": "Same-Origin"}, "other_site"),
    ],
)
def test_only_own_pages_and_programs_post(headers, code):
    own = {"host": "127.0.0.1:8000", **headers}
    assert code_of(check_origin, own, ("films.example.org",)) == code


def test_a_header_that_decides_who_asks_stands_once():
    assert headers_of([(b"Accept", b"a"), (b"accept", b"b"), (b"Host", b"x")]) == {
        "accept": "a, b",
        "host": "x",
    }
    for name in (
        b"host",
        b"origin",
        b"authorization",
        b"cookie",
        b"content-type",
        b"sec-fetch-site",
    ):
        with pytest.raises(Refusal) as e:
            headers_of([(name, b"a"), (name.title(), b"a")])
        assert e.value.code == "header_twice" and name.decode() in e.value.says


def test_https_is_what_a_proxy_says():
    assert is_https({}, "https") and is_https({"x-forwarded-proto": "HTTPS"}, "http")
    assert not is_https({"x-forwarded-proto": "http"}, "http")
