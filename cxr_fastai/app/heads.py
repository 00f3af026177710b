"""What h11 forgives in the head of a request, and this server does not.

The bytes of a head in, the code of a refusal out. A proxy before the server may read such a head
another way, and so take for one request what is two (RFC 9112, sections 2.2, 5.2 and 11.2).
"""

from __future__ import annotations

import re

__all__ = ["MAX_HEAD_BYTES", "head_of", "fault_of"]

# A browser sends 1 kB, with cookies of other servers on this host some more. h11 holds its limit
# only while a head is not whole: one that comes in a single segment passes at any size.
MAX_HEAD_BYTES = 16_384
END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
FOLDED_LINE = re.compile(rb"\n[ \t]")  # a line that goes on with the header above it
BARE_LF = re.compile(rb"(?<!\r)\n")
FIRST_LINE = re.compile(rb"[^\r\n]* HTTP/1\.[01]\r\n")


def head_of(
    data: bytes,  # that came in and was not read yet
) -> bytes:  # with its empty line; empty: it is not whole
    """Return the head of the request that the data begin with."""
    data = data.lstrip(b"\r\n")
    found = END_OF_HEAD.search(data)
    return data[: found.end()] if found else b""


def fault_of(
    head: bytes,  # of `head_of`
) -> str:  # code of refusals.REFUSALS; empty: none
    """Name what is wrong with a head that h11 would read."""
    if not head:
        return ""
    if len(head) > MAX_HEAD_BYTES:
        return "headers_large"
    if not FIRST_LINE.match(head):
        return "not_http"
    if FOLDED_LINE.search(head) or BARE_LF.search(head):
        return "not_http"
    return ""
