"""pytest tests/app/test_heads.py"""

import pytest

from cxr_fastai.app.heads import MAX_HEAD_BYTES, fault_of, head_of

GOOD = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize(
    "data, head",
    [
        (GOOD, GOOD),
        (GOOD + b"body", GOOD),
        (b"\r\n" + GOOD, GOOD),
        (GOOD + GOOD, GOOD),
        (GOOD[:-2], b""),
        (b"", b""),
        (b"GET / HTTP/1.1\nHost: a\n\nx", b"GET / HTTP/1.1\nHost: a\n\n"),
    ],
)
def test_a_head_ends_with_its_empty_line(data, head):
    assert head_of(data) == head


@pytest.mark.parametrize(
    "head, fault",
    [
        (GOOD, ""),
        (b"", ""),
        (GOOD.replace(b"1.1", b"1.0"), ""),
        (GOOD.replace(b"1.1", b"2.0"), "not_http"),
        (GOOD.replace(b"1.1", b"9.9"), "not_http"),
        (GOOD.replace(b"HTTP", b"ICY"), "not_http"),
        (GOOD.replace(b"\r\n", b"\n"), "not_http"),
        (GOOD.replace(b"a\r\n", b"a\r\n b\r\n"), "not_http"),
        (GOOD.replace(b"a\r\n", b"a\r\n\tTransfer-Encoding: chunked\r\n"), "not_http"),
        (GOOD.replace(b"a\r\n", b"a\nTransfer-Encoding: chunked\r\n"), "not_http"),
        (GOOD.replace(b"a\r\n", b"a" * MAX_HEAD_BYTES + b"\r\n"), "headers_large"),
    ],
)
def test_what_two_servers_may_read_in_two_ways_is_no_head(head, fault):
    assert fault_of(head) == fault
