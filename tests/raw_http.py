"""Bytes to a server by a socket, and its answers read back: for requests that no client library would send.

    talk(address, b"GET / HTTP/1.1\\r\\n..", 0.5, b"..") -> Talk(answers, closed)

A number between the bytes is a pause in seconds. Sends to 127.0.0.1 alone.
"""

import json
import socket
import time
from dataclasses import dataclass

HOST = "127.0.0.1"
NEVER = 20.0  # seconds: a server that has said nothing by then hangs
QUIET = 0.15  # seconds of silence after a whole answer, on a connection that stays open


@dataclass(frozen=True)
class Answer:
    "One answer of the server."

    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes

    def json(self):
        return json.loads(self.body)


@dataclass(frozen=True)
class Talk:
    "What a connection brought."

    answers: tuple[Answer, ...]
    closed: bool  # by the server
    rest: bytes = b""  # what was no whole answer

    @property
    def status(self) -> int:  # of the first answer; 0: it closed without one; -1: it hung
        if self.answers:
            return self.answers[0].status
        return 0 if self.closed else -1


def port_of(url: str) -> int:
    return int(url.rsplit(":", 1)[1].strip("/"))


def talk(url: str, *pieces, half_close=False, wait=NEVER, quiet=QUIET, expects=1) -> Talk:
    """Send pieces, and read answers until the server closes, or is quiet after `expects` of them.

    `half_close` ends our side once all is sent. A server that closes while we still send is read.
    """
    with socket.create_connection((HOST, port_of(url)), timeout=wait) as wire:
        _send(wire, pieces)
        if half_close:
            _end(wire)
        return _read(wire, wait, quiet, expects, method=_method(pieces))


def _method(pieces) -> bytes:
    first = next((piece for piece in pieces if isinstance(piece, bytes)), b"")
    return first.lstrip().split(b" ", 1)[0]


def _send(wire: socket.socket, pieces) -> None:
    for piece in pieces:
        if not isinstance(piece, bytes):
            time.sleep(piece)
            continue
        try:
            wire.sendall(piece)
        except (ConnectionError, TimeoutError):
            return  # it has had enough; what it said is still to be read


def _end(wire: socket.socket) -> None:
    try:
        wire.shutdown(socket.SHUT_WR)
    except OSError:
        return  # it is gone already


def _read(wire, wait, quiet, expects, method) -> Talk:
    data, answers, closed = b"", [], False
    end = time.monotonic() + wait
    while not closed:
        whole = len(answers) >= expects and not data
        wire.settimeout(quiet if whole else max(end - time.monotonic(), 0.01))
        try:
            more = wire.recv(1 << 16)
        except TimeoutError:
            break
        except ConnectionError:
            more = b""
        closed = not more
        data += more
        found, data = parsed(data, closed, method)
        answers += found
    return Talk(tuple(answers), closed, data)


def parsed(data: bytes, closed: bool, method=b"GET") -> tuple[list[Answer], bytes]:
    "Whole answers at the head of what came, and what is left; interim ones (100) are passed over."
    answers = []
    while data.startswith(b"HTTP/1.") and b"\r\n\r\n" in data:
        head, body = data.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        pairs = [line.split(":", 1) for line in lines[1:]]
        headers = {name.lower(): value.strip() for name, value in pairs}
        if 100 <= status < 200:
            data = body
            continue
        taken = _body(headers, body, closed, bodiless=status in (204, 304) or method == b"HEAD")
        if taken is None:
            break
        content, data = taken
        answers.append(Answer(status, headers, content))
    return answers, data


def _body(headers, body: bytes, closed: bool, bodiless: bool):
    "(content, what is left), or None where it is not whole."
    if bodiless:
        return b"", body
    if "content-length" in headers:
        n = int(headers["content-length"])
        return (body[:n], body[n:]) if len(body) >= n else None
    if headers.get("transfer-encoding") == "chunked":
        return _chunks(body)
    return (body, b"") if closed else None


def _chunks(body: bytes):
    content = b""
    while b"\r\n" in body:
        size, body = body.split(b"\r\n", 1)
        n = int(size, 16)
        if len(body) < n + 2:
            return None
        content, body = content + body[:n], body[n + 2 :]
        if not n:
            return content, body
    return None
