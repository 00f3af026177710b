"""Requests that no browser sends, each made here, as bytes for a socket: `requests_for(host, film)`.

Each says what may come of it. None is answered twice, but where it says so: whatever follows in the
same bytes is no request. Sections yield (what, bytes, statuses), and what else a `Hostile` has.
"""

import random
from dataclasses import dataclass

from hostile_multiparts import multiparts, sound

CRLF = b"\r\n"
INNER = b"GET /metrics HTTP/1.1\r\nHost: inner\r\n\r\n"  # that must not be answered


@dataclass(frozen=True)
class Hostile:
    "A request, and the statuses that may answer it."

    kind: str
    what: str
    data: bytes
    may: frozenset[int]  # 0: the connection is closed without a word
    most: int = 1  # answers
    half_close: bool = False  # our side ends with the last byte


def statuses(*codes: int) -> frozenset[int]:
    return frozenset(codes)


REFUSED = statuses(400, 404, 405, 411, 413, 414, 415, 421, 422, 431, 501, 505)
BAD = statuses(400)
NO_CHUNKS = statuses(400, 411)  # a body must say its length; what breaks h11 as well is 400
NO_HTTP = statuses(400, 408)  # 408: it waits for the end of a head, as long as a head may take


class Maker:
    "Makes requests for one server and one film."

    def __init__(self, host: bytes, film: bytes):
        self.host, self.film = host, film
        self.kind, self.form = sound(film)

    def head(self, line: bytes, *headers: bytes, host=True) -> bytes:
        own = [b"Host: " + self.host] if host else []
        return CRLF.join([line, *own, *headers]) + CRLF * 2

    def get(self, path=b"/health", *headers, method=b"GET", version=b"HTTP/1.1") -> bytes:
        return self.head(method + b" " + path + b" " + version, *headers)

    def post(self, *headers, body=None, path=b"/predict", length=True) -> bytes:
        body = self.form if body is None else body
        own = [b"Content-Length: %d" % len(body)] if length else []
        kinds = [header for header in headers if header.lower().startswith(b"content-type")]
        if not kinds:
            own.append(b"Content-Type: " + self.kind)
        return self.head(b"POST " + path + b" HTTP/1.1", *own, *headers) + body

    def chunked(self, chunks: bytes, *headers, coding=b"Transfer-Encoding: chunked") -> bytes:
        return self.post(coding, *headers, body=chunks, length=False)


def chunk(data: bytes, size=None, ext=b"") -> bytes:
    return (size or b"%x" % len(data)) + ext + CRLF + data + CRLF


LAST = b"0\r\n\r\n"


def lengths(make: Maker):
    "Lengths that lie, or are none."
    n = b"%d" % len(make.form)
    for value in (
        b"-1", b"-5", b"+" + n, b"0x1f", n + b".0", n + b" " + n, b"", b"1_000", b"1e3", b"NaN",
        n + b", " + n, n + b"," + n, n + b", 3", n + b";", b'"' + n + b'"', b"\xd9\xa5",
        n + b"\x00", b"\x0b" + n, b"0" * 4_000 + n, n + b"\x0c",
    ):  # fmt: skip
        header = b"Content-Length: " + value
        may = BAD | {413, 415, 422, 411, 431}
        if value == b"0" * 4_000 + n or b", " + n in value or b"," + n in value:
            may |= {200}  # a number after all, said oddly
        yield f"Content-Length {value[:30]!r}", make.post(header, length=False), may
    for size in (10**7, 2**31, 2**32 + 7, 2**63, 2**64 + 7, 10**30):
        header = b"Content-Length: %d" % size
        sent = make.post(header, length=False)
        yield f"Content-Length of {size:,}", sent, statuses(400, 413), {"half_close": True}
    yield "Content-Length twice, unlike", make.post(b"Content-Length: 3"), BAD
    yield "Content-Length twice, alike", make.post(b"Content-Length: " + n), BAD | {200}
    yield "no length at all", make.post(length=False), statuses(411)
    yield "a length of nothing", make.post(b"Content-Length: 0", length=False, body=b""), REFUSED
    short = make.post(b"Content-Length: 40", length=False)
    yield "a length that is short", short, BAD, {"most": 2}  # what is left over is no request


def framings(make: Maker):
    "Two lengths for one body: what a proxy and the server may read differently."
    whole = chunk(make.form) + LAST
    both = (b"Content-Length: 4", b"Content-Length: %d" % len(whole))
    for length in both:
        yield f"{length.decode()} and chunked", make.chunked(whole + INNER, length), NO_CHUNKS
        first = make.post(length, b"Transfer-Encoding: chunked", body=whole + INNER, length=False)
        yield f"{length.decode()} before chunked", first, NO_CHUNKS
    codings = (
        b"Transfer-Encoding: identity", b"Transfer-Encoding: gzip", b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: chunked, gzip", b"Transfer-Encoding: chunked, identity", b"Transfer-Encoding: xchunked",
        b"Transfer-Encoding: chunked;q=1", b'Transfer-Encoding: "chunked"', b"Transfer-Encoding : chunked",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", b"Transfer-Encoding:\x0bchunked",
        b"Transfer-Encoding: chunked\x00", b"Transfer-Encoding:\r\n chunked", b"Transfer-Encoding: chunked\r\n ,identity",
        b"X: y\nTransfer-Encoding: chunked", b"\x00Transfer-Encoding: chunked", b" Transfer-Encoding: chunked",
        b"Transfer_Encoding: chunked", b"Transfer-Encoding\t: chunked", b"Transfer-Encoding: chunked, chunked",
        b"Transfer-Encoding: ", b"Transfer-Encoding: chun ked", b"Transfer-Encoding: \xc3\xa7hunked",
    )  # fmt: skip
    for coding in codings:
        one = b"Content-Length: %d" % len(whole)
        sent = make.chunked(whole + INNER, coding=coding)
        yield f"{coding!r}", sent, NO_CHUNKS | {421}
        with_length = make.chunked(whole + INNER, one, coding=coding)
        # to all but a CGI program that header means nothing, and what follows is another request
        most = 2 if b"_" in coding else 1
        yield f"{coding!r} with a length", with_length, NO_CHUNKS, {"most": most}
    old = make.chunked(whole + INNER).replace(b"HTTP/1.1", b"HTTP/1.0", 1)
    yield "chunked in HTTP/1.0", old, NO_CHUNKS
    yield (
        "a request in the body of GET",
        make.get(b"/health", b"Content-Length: %d" % len(INNER)) + INNER,
        statuses(200, 400, 413),
    )
    yield "a request in the body of an unknown path", make.post(body=INNER, path=b"/x"), REFUSED


def chunks(make: Maker):
    "Chunks that are none."
    film = make.form
    for size in (b"-5", b"0x5", b"G", b"", b" 5", b"5 ", b"+5", b"5_0", b"f" * 20, b"f" * 200, b"7fffffffffffffff",
                 b"5\x00", b"\xd9\xa5", b"5;" + b"x" * 100_000, b"5;a=\x00", b"5;a\rb", b"5,5", b"00000000000000000005"):  # fmt: skip
        sent = make.chunked(chunk(film[:5], size) + LAST)
        yield f"a chunk of size {size[:20]!r}", sent, NO_CHUNKS
    yield "a chunk that is longer", make.chunked(chunk(film, b"5") + LAST + INNER), NO_CHUNKS
    yield (
        "chunks that end in LF",
        make.chunked(chunk(film).replace(CRLF, b"\n") + b"0\n\n"),
        NO_CHUNKS,
    )
    yield "chunks that end in CR", make.chunked(b"5\rhello\r0\r\r"), NO_CHUNKS
    yield "no CR LF after a chunk", make.chunked(b"5\r\nhello0\r\n\r\n"), NO_CHUNKS
    ones = b"".join(chunk(bytes([each])) for each in film)
    yield "chunks of one byte", make.chunked(ones + LAST), NO_CHUNKS
    yield (
        "a chunk with an extension",
        make.chunked(chunk(film, ext=b";a=b;c") + LAST),
        NO_CHUNKS,
    )
    trailer = b"0\r\nContent-Length: 5\r\nHost: evil\r\nAuthorization: Bearer x\r\n\r\n"
    yield "trailers that are headers", make.chunked(chunk(film) + trailer), NO_CHUNKS
    many = b"0\r\n" + b"X: y\r\n" * 20_000 + b"\r\n"
    yield "20,000 trailers", make.chunked(chunk(film) + many), NO_CHUNKS
    yield "chunks for ever", make.chunked(chunk(b"x" * 65_536) * 200), NO_CHUNKS


FORGIVEN = (b"X: \xff\xfe", b"X: \x1b[2J", b"X: \x7f")  # values that change no meaning


def heads(make: Maker):
    "Heads that are none."
    good = make.get()
    yield "LF alone", good.replace(CRLF, b"\n"), BAD
    yield "CR alone", good.replace(CRLF, b"\r"), NO_HTTP
    yield "CR LF before", CRLF * 3 + good, BAD
    yield "spaces before", b"  " + good, BAD
    yield "NUL before", b"\x00" + good, BAD
    odd = (
        b"X: a\x00b", b"X\x00: a", b"X: a\r\n b", b"X: a\r\n\tb", b" X: a", b"X : a", b": a", b"hello", b"X: a\rb", b"X: a\nb",
        b"X\xc3\xa9: a", b"X(y): a", b"X: \xff\xfe", b"X: \x1b[2J", b"X: \x7f", b"X y: a", b"X;: a", b'"X": a', b"X: \x0b",
    )  # fmt: skip
    for header in odd:
        may = BAD | {200} if header in FORGIVEN else BAD
        yield f"a header {header!r}", make.get(b"/health", header), may
    big = statuses(400, 431)
    for n, size in ((1, 70_000), (1, 2_000_000), (2_000, 100), (10_000, 4), (100_000, 4)):
        headers = [b"X-%d: " % i + b"y" * size for i in range(n)]
        yield f"{n:,} headers of {size:,} bytes", make.get(b"/health", *headers), big
    yield "a name of 100 kB", make.get(b"/health", b"x" * 100_000 + b": y"), big
    yield "a path of 100 kB", make.get(b"/" + b"x" * 100_000), big | {404, 414}
    yield "a method of 100 kB", make.get(method=b"G" * 100_000), big | {405, 501}
    yield "a head without an end", good[:-2] + b"X: y\r\n" * 20_000, big
    for header in (b"Expect: 100-continue", b"Expect: 999", b"Expect: \x80"):
        yield f"{header!r}", make.post(header), statuses(200, 400, 417)


def lines(make: Maker):
    "Request lines of other protocols, and of none."
    may = NO_HTTP | {404, 405, 421}
    for line in (b"GET /", b"GET  / HTTP/1.1", b"GET / HTTP/1.1 x", b"GET / HTTP/2.0", b"GET / HTTP/9.9", b"GET / HTTP/1.10",
                 b"GET / HTTP/1", b"GET / HTTP/", b"GET / http/1.1", b"GET / ICY/1.0", b"GET\t/\tHTTP/1.1", b"GET", b"/ HTTP/1.1",
                 b"GET / HTTP/1.1\x00", b"GET / HTTP/-1.1", b"GET / HTTP/1.1\x0b", b"G\x00T / HTTP/1.1", b"GET / RTSP/1.0", b"GET / HTTP/1.2"):  # fmt: skip
        yield f"{line!r}", make.head(line), BAD
    yield "HTTP/0.9", b"GET /\r\n", may
    yield "HTTP/1.0 without a host", b"GET /health HTTP/1.0\r\n\r\n", BAD
    yield "the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), may
    yield "TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(99), may
    yield "SSH", b"SSH-2.0-OpenSSH_9.2\r\n", may
    yield "SOCKS", b"\x05\x01\x00", may
    yield "the line of a proxy", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + make.get(), may
    yield "redis", b"*1\r\n$4\r\nPING\r\n", may
    yield "SMTP", b"HELO x\r\n", may
    yield "noise", bytes(range(255, -1, -1)) * 9, may
    yield "an association of DICOM", b"\x01\x00\x00\x00\x00\xcd\x00\x01" + bytes(99), may
    for method in (b"CONNECT", b"TRACE", b"TRACK", b"DEBUG", b"PUT", b"PATCH", b"DELETE", b"PROPFIND", b"BREW", b"get", b"OPTIONS",
                   b"M-SEARCH", b"SUBSCRIBE", b"PURGE", b"X" * 500, b"G(T", b"QUERY"):  # fmt: skip
        for path in (b"/predict", b"/health", b"*", b"inner:80"):
            yield f"{method[:20].decode()} {path.decode()}", make.get(path, method=method), REFUSED
    yield "HEAD of /predict", make.get(b"/predict", method=b"HEAD"), statuses(405)
    for path in (b"http://evil.example/health", b"http://" + make.host + b"/health", b"https://evil.example:99999/",
                 b"file:///etc/passwd", b"//evil.example/health", b"http:///health", b"gopher://x/"):  # fmt: skip
        yield f"the address {path.decode()}", make.get(path), REFUSED | {200}
    upgrades = (
        (b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", b"Sec-WebSocket-Version: 13"),
        (b"Upgrade: h2c", b"Connection: Upgrade, HTTP2-Settings", b"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA"),
        (b"Upgrade: TLS/1.0", b"Connection: Upgrade"),
    )  # fmt: skip
    for headers in upgrades:
        for path in (b"/", b"/predict", b"/health"):
            yield (
                f"{headers[0].decode()} at {path.decode()}",
                make.get(path, *headers),
                REFUSED | {200, 426, 403},
            )


SECTIONS = {
    "lengths": lengths,
    "framing": framings,
    "chunks": chunks,
    "heads": heads,
    "lines": lines,
}


def uploads(make: Maker):
    "Multipart as no browser sends it; as a film it must be answered or refused, never 500."
    for what, kind, body in multiparts(make.film):
        yield what, make.post(b"Content-Type: " + kind, body=body), REFUSED | {200}


PUT_IN = (b"\r\n", b"\0", b"\n", b" ", b"\r\n\r\n", b":", b"--", b'"', b";", b"%", b"\xff", b"0", b"9" * 20)  # fmt: skip


def bent(make: Maker, n=300, seed=19):
    "Good requests and odd forms with a few bytes changed, lost, put in or said twice at random."
    rng = random.Random(seed)
    forms = [
        make.post(b"Content-Type: " + kind, body=body) for _, kind, body in multiparts(make.film)
    ]
    good = [make.get(b"/"), make.get(b"/model"), make.post(), make.post(path=b"/look?right=0")]
    good += [make.post(b"Content-Type: image/png", body=make.film, path=b"/heat?of=normal")]
    good += [form for form in forms if len(form) < 60_000]
    whatever = REFUSED | {0, 200, 303, 401, 403, 408, 429}
    for number in range(n):
        data = bytearray(rng.choice(good))
        head = data.index(b"\r\n\r\n") + 4
        for _ in range(rng.randint(1, 8)):
            bend(data, head if rng.random() < 0.6 else len(data), rng)
        # a line that breaks in two may make several requests of it
        yield f"bent, number {number}", bytes(data), whatever, {"most": 99}


def bend(data: bytearray, end: int, rng: random.Random) -> None:
    "Change a request before `end`."
    at = rng.randrange(max(min(end, len(data)), 1))
    way = rng.random()
    if way < 0.5:
        data[at : at + 1] = bytes([rng.randrange(256)])
    elif way < 0.7:
        del data[at : at + rng.randint(1, 9)]
    elif way < 0.9:
        data[at:at] = rng.choice(PUT_IN)
    else:
        data[at:at] = data[at : at + rng.randint(1, 200)]
