"""Paths, queries, hosts, origins, cookies and types that lie, each made here: (what, request, statuses)."""

import hostile_multiparts as multipart
from hostile_requests import BAD, REFUSED, Maker, statuses

CLIMBS = (
    "/static/../etc/passwd", "/static/../../etc/passwd", "/static/%2e%2e/%2e%2e/etc/passwd", "/static/..%2f..%2fetc%2fpasswd",
    "/static/%252e%252e/app.js", "/static/..%5c..%5cetc", "/static/....//....//etc/passwd", "/static//etc/passwd",
    "/static/%2fetc%2fpasswd", "/static/\\etc\\passwd", "/static/style.css/../../secret", "/static/.", "/static/..", "/static/",
    "/static", "/static/%00", "/static/style.css%00.png", "/static/.git/config", "/static/style.css/", "/static/STYLE.CSS",
    "/static/%c0%ae%c0%ae/etc/passwd", "/static/%uff0e%uff0e/", "/static/~root", "/static/C:/Windows", "/static/../openapi.py",
    "/static/__init__.py", "/static/..;/app.js", "/static/%ff%fe", "//static/style.css", "/./static/../static/x", "/static/" + "../" * 500,
    "/static/" + "a/" * 2000, "/static/file:///etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%c1%9cetc", "/.env", "/.git/HEAD",
    "/wp-login.php", "/actuator/env", "/server-status", "/docs", "/redoc", "/admin", "/bundle.json", "/model.safetensors",
    "/.sesskey", "/predict/", "/predict/../metrics", "//predict", "/Predict", "/health%00", "/health/", "/health%2f", "/;/health",
    "/\u202ehtlaeh".encode().decode("latin-1"), "/%e2%80%aehealth", "/{of}", "/%7B%7B7*7%7D%7D", "/<script>", "/'", "/%", "/%zz", "/%0d%0aX:y",
    "/look", "/heat", "/sign-in", "/predict", "/metrics/../predict",
)  # fmt: skip

QUERIES = (
    "", "of=", "of=nothing", "of=" + "x" * 5_000, "of=a&of=b", "of[]=a", "of[x]=a", "of=%00", "of=%zz", "of=%ff%fe", "of=..%2f..%2fetc",
    "of=%0d%0aX:y", "of=<script>", "of=__proto__", "of=normal%20", "OF=normal", "of=normal;of=x", "&&&&", "=", "=&=", "a" * 5_000,
    "right=", "right=2", "right=yes", "right=%00", "right=1&right=0", "of=\u202e".encode().decode("latin-1"), "of=normal#x",
    "%6ff=normal", "of=+", "threshold=0", "bundle=/etc/passwd", "path=/etc/passwd", "file=/etc/passwd", "url=http://127.0.0.1/",
    "_method=DELETE", "callback=x", "debug=1", "&".join(f"a{n}=b" for n in range(2_000)),
)  # fmt: skip

HOSTS = (
    b"evil.example", b"evil.example:80", b"127.0.0.1.evil.example", b"127.0.0.1:1", b"127.0.0.1@evil.example", b"evil.example#127.0.0.1",
    b"localhost.evil.example", b"127.0.0.1,evil.example", b"127.0.0.1 evil.example", b"[::ffff:7f00:1]:x", b"[", b"[]", b"]", b"::1",
    b"0x7f.1", b"2130706433", b"0.0.0.0", b"127.1", b"127.0.0.1:99999", b"127.0.0.1:-1", b"127.0.0.1:", b":80", b"", b" ", b"\xff",
    b"xn--", b"127.0.0.1/", b"127.0.0.1\\", b"127.0.0.1?", b"127.0.0.1%00", b"\xe2\x93\x9bocalhost", b"a" * 5_000, b"localhost.", b"LOCALHOST..",
    b"user:pass@127.0.0.1", b"'", b"<script>", b"127.0.0.1:80:80", b"127.0.0.1:8 0",
)  # fmt: skip

# Whatever the port: no name server has a say in these.
OF_THIS_MACHINE = (b"127.0.0.1:1", b"127.0.0.1:", b"localhost.", b"::1", b"127.0.0.1:99999")

ORIGINS = (
    b"http://evil.example", b"https://evil.example", b"null", b"", b"http://127.0.0.1.evil.example", b"file://", b"http://127.0.0.1:1",
    b"http://localhost:1", b"http://[::1", b"http://", b"x", b"chrome-extension://abc", b"http://127.0.0.1@evil.example", b"\xff",
    b"http://127.0.0.1:99999", b"http://127.0.0.1:x", b"a" * 5_000, b"http://evil.example http://127.0.0.1", b"javascript:alert(1)",
)  # fmt: skip

COOKIES = (
    b"", b"=", b";", b";;;;", b"a", b"session", b"session=", b"session=x", b"session=" + b"x" * 20_000, b"a=b;" * 4_000, b'a="', b'a="\\"',
    b"\xff\xfe", b"__Host-session=x", b"session=../../etc", b"session=%00", b"$Version=1; session=x", b"session=a; session=b", b"=x; =y",
    b"session=gAAAA.eyJhIjoxfQ.x", b"session=eyJhIjoxfQ==", b"a=b, c=d", b"expires=x; path=/", b"\x1b[2J", b"session=\xc3\xa9",
)  # fmt: skip

TOKENS = (
    b"", b"Bearer", b"Bearer ", b"bearer x", b"Bearer x", b"Basic eDp4", b"Basic !!!", b"Bearer x x", b"Bearer\tx", b"Bearer " + b"x" * 20_000,
    b"Bearer \xff", b"Bearer \xc3\xa9", b"Digest a=b", b"Token x", b"x", b"Bearer null", b"Bearer undefined", b"Bearer ''", b"Bearer %00", b"Negotiate x",
    b"Bearer x, Bearer y",
)  # fmt: skip

TYPES = (
    b"", b"/", b"image", b"image/", b"image/png; x", b"text/plain", b"text/html", b"application/json", b"application/x-www-form-urlencoded",
    b"multipart/mixed; boundary=x", b"multipart/form-data", b"MULTIPART/FORM-DATA", b"multipart/form-data; boundary", b"application/xml",
    b"application/octet-stream; charset=utf-7", b"\xff\xfe", b"x" * 20_000, b"image/png, multipart/form-data; boundary=x", b"*/*",
    b"application/zip", b"application/dicom; transfer-syntax=1", b"multipart/related; type=application/dicom; boundary=x", b"application/grpc",
    b"message/http", b"image/svg+xml", b"application/x-python-pickle",
)  # fmt: skip

CODINGS = (
    b"gzip",
    b"deflate",
    b"br",
    b"zstd",
    b"identity",
    b"gzip, gzip",
    b"compress",
    b"x",
    b"",
    b"\xff",
)


def encoded(text: str) -> bytes:
    return text.encode("latin-1")


def paths(make: Maker):
    "None opens a file, whatever it climbs."
    for path in CLIMBS:
        yield f"GET {path[:60]}", make.get(encoded(path)), REFUSED
        yield f"POST {path[:60]}", make.post(path=encoded(path)), REFUSED | {200}
    for path in ("*", "", "health", "?", "#", "/health#x", "/health?", "/health?x#y"):
        yield f"GET {path!r}", make.get(encoded(path)), REFUSED | {200}


def queries(make: Maker):
    "Nothing asked beside a film is believed."
    for query in QUERIES:
        for path in ("/predict", "/heat", "/look"):
            whole = encoded(f"{path}?{query}")
            yield f"{path}?{query[:40]}", make.post(path=whole), REFUSED | {200}


def hosts(make: Maker):
    "DNS rebinding and its kin: the page of another host that was made to point here."
    for host in HOSTS:
        head = b"GET /model HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"
        allowed = {200} if host in OF_THIS_MACHINE else set()
        yield f"Host {host[:30]!r}", head, statuses(400, 403, 421) | allowed
    two = make.get(b"/model", b"Host: evil.example")
    yield "two hosts", two, statuses(400, 403, 421)
    yield "no host", b"GET /model HTTP/1.1\r\n\r\n", BAD | {421, 403}
    for header in (b"X-Forwarded-Host: evil.example", b"X-Forwarded-For: 1.2.3.4", b"Forwarded: for=1.2.3.4;host=evil",
                   b"X-Original-URL: /metrics", b"X-Rewrite-URL: /metrics", b"X-HTTP-Method-Override: DELETE"):  # fmt: skip
        yield f"{header.decode()}", make.get(b"/health", header), statuses(200, 400)


def origins(make: Maker):
    "A page of another origin that posts here."
    for origin in ORIGINS:
        sent = make.post(b"Origin: " + origin)
        own = {200} if origin == b"" else set()
        yield f"Origin {origin[:30]!r}", sent, statuses(400, 403) | own
    for site in (b"cross-site", b"same-site", b"none", b"x"):
        yield (
            f"Sec-Fetch-Site {site.decode()}",
            make.post(b"Sec-Fetch-Site: " + site),
            statuses(200, 400, 403),
        )
    twice = make.post(b"Origin: http://" + make.host, b"Origin: http://evil.example")
    yield "two origins", twice, statuses(400, 403)


def cookies(make: Maker):
    for cookie in COOKIES:
        for path in (b"/", b"/model"):
            sent = make.get(path, b"Cookie: " + cookie)
            yield (
                f"Cookie {cookie[:30]!r} at {path.decode()}",
                sent,
                statuses(200, 303, 400, 401, 431),
            )


def tokens(make: Maker):
    for token in TOKENS:
        sent = make.get(b"/model", b"Authorization: " + token)
        yield f"Authorization {token[:30]!r}", sent, statuses(200, 400, 401, 431)
    for body in (
        b"",
        b"token=",
        b"token=x",
        b"token=%00",
        b"token=" + b"x" * 100_000,
        b"\xff",
        b"token=a&token=b",
        b"{}",
    ):
        for kind in (b"application/x-www-form-urlencoded", b"application/json", b"multipart/form-data; boundary=x"):  # fmt: skip
            sent = make.post(b"Content-Type: " + kind, body=body, path=b"/sign-in")
            yield (
                f"sign-in of {body[:20]!r} as {kind.decode()[:20]}",
                sent,
                statuses(303, 400, 401, 413, 415, 429),
            )


def types(make: Maker):
    for kind in TYPES:
        sent = make.post(b"Content-Type: " + kind)
        yield f"type {kind[:40]!r}", sent, REFUSED | {200}
        bare = make.post(b"Content-Type: " + kind, body=make.film)
        yield f"type {kind[:40]!r} of a film", bare, REFUSED | {200}
    for coding in CODINGS:
        sent = make.post(b"Content-Encoding: " + coding)
        yield f"Content-Encoding {coding!r}", sent, REFUSED | {200}
    for accept in (
        b"image/gif",
        b"text/html;q=0",
        b"*",
        b"",
        b"\xff",
        b"application/json;q=2",
        b"a," * 9_000,
    ):
        yield f"Accept {accept[:20]!r}", make.post(b"Accept: " + accept), statuses(200, 431)


def shown(make: Maker):
    "What a browser is shown of a refusal: none of it runs."
    mark = b"<script>alert(1)</script>"
    html = b"Accept: text/html,*/*"
    for path in (b"/" + mark, b"/static/" + mark, b"/model?" + mark, b"/?a=" + mark):
        yield f"a page for {path[:40]!r}", make.get(path, html), REFUSED
    for header in (
        b"Content-Type: " + mark,
        b"Content-Type: text/" + mark,
        b"Content-Encoding: " + mark,
    ):
        yield f"a page for {header[:40]!r}", make.post(header, html), REFUSED
    for path in (
        b"/predict?" + mark,
        b"/heat?of=" + mark,
        b"/heat?of=%3Cscript%3Ealert(1)%3C/script%3E",
        b"/look?right=" + mark,
    ):
        yield f"a page for {path[:40]!r}", make.post(html, path=path), REFUSED
    for host in (mark, b"<img src=x onerror=alert(1)>"):
        head = b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n" + html + b"\r\n\r\n"
        yield f"a page for Host {host!r}", head, REFUSED
    yield "a page for a method", make.get(b"/predict", html, method=b"BREW"), REFUSED
    for name in (mark, b"a.png" + mark, b"<img src=x onerror=alert(1)>.png"):
        for film in (make.film, b"hello", b""):
            form = multipart.body(multipart.named(name, film))
            sent = make.post(html, b"Content-Type: " + multipart.FORM, body=form)
            yield f"a page for {len(film)} bytes called {name[:30]!r}", sent, REFUSED | {200}
            yield (
                f"the same for a look, {len(film)} bytes called {name[:30]!r}",
                make.post(html, b"Content-Type: " + multipart.FORM, body=form, path=b"/look"),
                REFUSED | {200},
            )


SECTIONS = {
    "paths": paths,
    "queries": queries,
    "hosts": hosts,
    "origins": origins,
    "cookies": cookies,
    "tokens": tokens,
    "types": types,
    "shown": shown,
}
