"""The server's token and the sessions that it opens.

python -m pytest tests/app/test_tokens.py
"""

import os

import pytest

from cxr_fastai.app.tokens import (
    Sessions,
    bearer_of,
    is_token,
    read_token,
    session_cookie,
    session_of,
)
from cxr_fastai.core import StorageError, UsageError

TOKEN = "0123456789abcdef"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "token"
    path.touch(mode=0o600)
    return path


def test_a_token_is_one_line(file):
    said = []
    file.write_text(f"{TOKEN}\n")
    assert read_token(str(file), said.append) == TOKEN and said == []


def test_a_token_that_others_can_read_is_said(file):
    said = []
    file.write_text(TOKEN)
    file.chmod(0o644)
    read_token(str(file), said.append)
    assert len(said) == 1 and "chmod 600" in said[0] and TOKEN not in said[0]


@pytest.mark.parametrize(
    "data,words",
    [
        (b"", "found 0"),
        (b"short", "16 to 1,000 characters, found 5"),
        (b"a" * 5000, "found 1,00"),
        (b"two lines of a\ntoken that is", "one line of ASCII"),
        (b"with blanks in it, all", "one line of ASCII"),
        ("sixteen ümläuts!".encode(), "one line of ASCII"),
        (b"\x00" * 20, "one line of ASCII"),
    ],
)
def test_what_is_no_token_is_one_line_that_does_not_show_it(file, data, words):
    file.write_bytes(data)
    with pytest.raises(UsageError, match=words) as e:
        read_token(str(file), print)
    assert "token_urlsafe" in str(e.value) and "lines of" not in str(e.value)


def test_a_token_that_is_not_there_is_usage_and_one_that_cannot_be_read_is_not(tmp_path, file):
    for path in (tmp_path / "gone", tmp_path, file / "below"):
        with pytest.raises(UsageError, match="--token-file"):
            read_token(str(path), print)
    file.chmod(0)
    if os.access(file, os.R_OK):
        pytest.skip("root reads everything")
    with pytest.raises(StorageError):
        read_token(str(file), print)


def test_a_token_is_compared_whole():
    assert is_token(TOKEN, TOKEN)
    assert not any(
        is_token(given, TOKEN) for given in ("", TOKEN[:-1], f"{TOKEN} ", TOKEN.upper(), "\udcff")
    )


@pytest.mark.parametrize(
    "header,token",
    [
        (f"Bearer {TOKEN}", TOKEN),
        (f"bearer  {TOKEN}", TOKEN),
        ("Bearer", ""),
        (f"Basic {TOKEN}", None),
        ("", None),
    ],
)
def test_a_program_shows_its_token_in_a_header(header, token):
    assert bearer_of({"authorization": header}) == token


def test_a_session_is_random_and_ends():
    now = [0.0]
    sessions = Sessions(seconds=10, now=lambda: now[0])
    one, two = sessions.open(), sessions.open()
    assert one != two and len(one) > 40 and sessions.holds(one) and sessions.holds(two)
    assert not sessions.holds("") and not sessions.holds(one + "x")
    assert one not in repr(vars(sessions))  # only its hash is kept
    now[0] = 10.0
    assert not sessions.holds(one) and not sessions.holds(one)


def test_sessions_are_bounded_and_the_oldest_ends():
    sessions = Sessions(most=2)
    names = [sessions.open() for _ in range(3)]
    assert [sessions.holds(name) for name in names] == [False, True, True]


def test_the_cookie_is_for_this_server_alone_and_no_script_reads_it():
    cookie = session_cookie("abc", https=False)
    assert cookie == "cxr_session=abc; Path=/; HttpOnly; SameSite=Strict"
    secure = session_cookie("abc", https=True)
    assert secure.startswith("__Host-cxr_session=abc;") and secure.endswith("; Secure")
    for given in (cookie, secure, "other=1; cxr_session=abc"):
        assert session_of({"cookie": given.split("; Path")[0]}) == "abc"
    assert session_of({}) == session_of({"cookie": "xcxr_session=abc; a"}) == ""
