"""Multipart bodies as no browser sends them, each made here: (what, content type, body)."""

import base64
import quopri

EDGE = b"edge7MA4YWxk"
FORM = b"multipart/form-data; boundary=" + EDGE


def part(name=b'form-data; name="file"; filename="a.png"', data=b"", *headers, kind=b"image/png"):
    lines = [b"Content-Disposition: " + name] if name is not None else []
    if kind is not None:
        lines.append(b"Content-Type: " + kind)
    head = b"\r\n".join([*lines, *headers])
    return head + b"\r\n\r\n" + data


def named(filename: bytes, data: bytes) -> bytes:
    return part(b'form-data; name="file"; filename="' + filename + b'"', data)


def body(*parts: bytes, edge=EDGE, end=True) -> bytes:
    whole = b"".join(b"--" + edge + b"\r\n" + each + b"\r\n" for each in parts)
    return whole + (b"--" + edge + b"--\r\n" if end else b"")


def sound(data: bytes, filename=b"film.png") -> tuple[bytes, bytes]:
    "(content type, body) of an upload as a browser sends it."
    return FORM, body(named(filename, data))


ODD_FILENAMES = {
    "of a folder above": b"../../etc/passwd",
    "absolute": b"/etc/passwd",
    "of Windows": b"C:\\Windows\\system32\\a.png",
    "of a share": b"\\\\host\\share\\a.png",
    "with NUL": b"a\x00.png",
    "with CR alone": b"a\rSet-Cookie: x=1.png",
    "with LF alone": b"a\nSet-Cookie: x=1.png",
    "with CR LF": b"a\r\nSet-Cookie: x=1\r\n\r\n.png",
    "with CR LF in percents": b"a%0d%0aSet-Cookie:x=1.png",
    "that turns text": "\u202egpj.exe.png".encode(),
    "with separators of lines": "a\u2028b\u2029.png".encode(),
    "of control characters": b"\x1b[2J\x07\x08\x7f.png",
    "of 10 kB": b"x" * 10_000 + b".png",
    "of 60 kB": b"x" * 60_000 + b".png",
    "of bytes that are no UTF-8": b"\xff\xfe\xc3\x28.png",
    "of lone surrogates": b"\xed\xa0\x80.png",
    "of overlong UTF-8": b"\xc0\xae\xc0\xae/a.png",
    "of HTML": b"<img src=x onerror=alert(1)>.png",
    "of a formula": b"=cmd|' /C calc'!A0.png",
    "of a template": b"{{7*7}}${7*7}.png",
    "with quotes escaped": b'a\\".png',
    "with an open quote": b'a".png; x="',
    "of nothing": b"",
    "of spaces": b"   ",
    "of dots": b"..",
    "of a device": b"CON.png",
    "of a file's URL": b"file:///etc/passwd",
    "of emoji": "\U0001f480.png".encode(),
    "of combining marks": b"a" + "\u0301".encode() * 2000,
    "coded as RFC 2047": b"=?utf-8?b?YS5wbmc=?=",
}


def odd_names(film: bytes):
    for what, name in ODD_FILENAMES.items():
        yield f"a name {what}", FORM, body(named(name, film))
    for what, value in {
        "in UTF-8": b"UTF-8''%e2%82%ac.png",
        "of no coding": b"a.png",
        "of a coding that is none": b"klingon''a.png",
        "of bad percents": b"UTF-8''%zz%",
        "that climbs": b"UTF-8''..%2f..%2fetc%2fpasswd",
        "with CR LF": b"UTF-8''a%0d%0aX: y",
        "with NUL": b"UTF-8''a%00.png",
        "in UTF-7": b"utf-7''+ADw-.png",
        "of punycode": b"punycode''a-b.png",
    }.items():
        name = b'form-data; name="file"; filename*=' + value
        yield f"filename* {what}", FORM, body(part(name, film))
    both = b'form-data; name="file"; filename="a.png"; filename*=UTF-8\'\'..%2fb.png'
    yield "filename and filename*", FORM, body(part(both, film))
    twice = b'form-data; name="file"; filename="a.png"; filename="../b.png"'
    yield "filename twice", FORM, body(part(twice, film))
    pieces = b'form-data; name="file"; filename*0="a"; filename*1=".png"'
    yield "filename in pieces", FORM, body(part(pieces, film))


def odd_boundaries(film: bytes):
    whole = body(named(b"a.png", film))
    kind = b"multipart/form-data"
    yield "no boundary", kind, whole
    yield "an empty boundary", kind + b"; boundary=", whole
    yield 'a boundary of ""', kind + b'; boundary=""', whole
    yield "another boundary", kind + b"; boundary=other", whole
    yield "a boundary twice", FORM + b"; boundary=other", whole
    yield (
        "a boundary of 10 kB",
        kind + b"; boundary=" + b"x" * 10_000,
        body(named(b"a.png", film), edge=b"x" * 10_000),
    )
    yield (
        "a boundary of 71 letters",
        kind + b"; boundary=" + b"x" * 71,
        body(named(b"a.png", film), edge=b"x" * 71),
    )
    yield "a boundary with CR LF in percents", kind + b"; boundary=a%0d%0ab", whole
    yield (
        "a boundary of bytes above 127",
        kind + b"; boundary=\xe2\x82\xac",
        body(named(b"a.png", film), edge=b"\xe2\x82\xac"),
    )
    yield (
        "a boundary with spaces",
        kind + b'; boundary="a b "',
        body(named(b"a.png", film), edge=b"a b "),
    )
    yield "a boundary with an open quote", kind + b'; boundary="' + EDGE, whole
    yield (
        "a boundary of dashes",
        kind + b"; boundary=----",
        body(named(b"a.png", film), edge=b"----"),
    )
    yield (
        "a boundary that the film holds",
        kind + b"; boundary=IDAT",
        body(named(b"a.png", b"--IDAT\r\n" + film), edge=b"IDAT"),
    )
    yield "no final boundary", FORM, body(named(b"a.png", film), end=False)
    yield "a final boundary alone", FORM, body()
    yield "a boundary alone", FORM, b"--" + EDGE
    yield "a boundary and CR LF", FORM, b"--" + EDGE + b"\r\n"
    yield "a boundary without dashes", FORM, whole.replace(b"--" + EDGE, EDGE)
    yield "LF for CR LF", FORM, whole.replace(b"\r\n", b"\n")
    yield "CR for CR LF", FORM, whole.replace(b"\r\n", b"\r")
    yield "words before the first part", FORM, b"hello\r\n" * 99 + whole
    yield "a megabyte before the first part", FORM, b"x" * 1_000_000 + b"\r\n" + whole
    yield "words after the last part", FORM, whole + b"hello\r\n" * 99
    yield "another form after the last part", FORM, whole + whole
    yield "no body", FORM, b""
    yield "noise", FORM, bytes(range(256)) * 40
    yield "cut in a header", FORM, whole[:60]
    yield "cut in a film", FORM, whole[: len(whole) // 2]
    yield "cut in the final boundary", FORM, whole[:-5]


def odd_parts(film: bytes):
    plain = named(b"a.png", film)
    yield "5,000 parts", FORM, body(*[named(b"a.png", b"x")] * 5_000)
    yield "5,000 empty parts", FORM, body(*[b"\r\n"] * 5_000)
    yield "5,000 fields", FORM, body(*[part(b'form-data; name="a"', b"x", kind=None)] * 5_000)
    yield "a part without headers", FORM, body(b"\r\n" + film)
    yield "a part without a disposition", FORM, body(part(None, film))
    yield "a part without a name", FORM, body(part(b'form-data; filename="a.png"', film))
    yield (
        "a part with an empty name",
        FORM,
        body(part(b'form-data; name=""; filename="a.png"', film)),
    )
    yield "another disposition", FORM, body(part(b'attachment; filename="a.png"', film))
    yield "an empty disposition", FORM, body(part(b"", film))
    yield "a disposition of 60 kB", FORM, body(part(b"form-data; " + b"a=b; " * 12_000, film))
    yield (
        "a disposition twice",
        FORM,
        body(
            part(
                b'form-data; name="file"; filename="a.png"',
                film,
                b'Content-Disposition: form-data; name="x"; filename="b.png"',
            )
        ),
    )
    yield "a film as a field", FORM, body(part(b'form-data; name="file"', film, kind=None))
    yield (
        "a field of a megabyte",
        FORM,
        body(part(b'form-data; name="a"', b"x" * 1_000_000, kind=None), plain),
    )
    yield (
        "a field beside the film",
        FORM,
        body(part(b'form-data; name="threshold"', b"0.0", kind=None), plain),
    )
    yield (
        "a field called __proto__",
        FORM,
        body(part(b'form-data; name="__proto__"', b"{}", kind=None), plain),
    )
    yield "one film twice", FORM, body(plain, plain)
    yield "an empty file", FORM, body(named(b"a.png", b""))
    yield "an empty file beside the film", FORM, body(named(b"e.png", b""), plain)
    yield (
        "a name of another field",
        FORM,
        body(part(b'form-data; name="../x"; filename="a.png"', film)),
    )
    yield (
        "a form in the form",
        FORM,
        body(
            part(
                b'form-data; name="file"',
                body(named(b"a.png", film), edge=b"inner"),
                kind=b"multipart/mixed; boundary=inner",
            )
        ),
    )
    inner = film
    for depth in range(30):
        edge = b"in%d" % depth
        inner = body(part(b'form-data; name="file"; filename="a.png"', inner), edge=edge)
    yield "thirty forms in one another", FORM, body(named(b"a.png", inner))
    yield (
        "a form of its own boundary",
        FORM,
        body(part(b'form-data; name="file"', body(plain), kind=FORM)),
    )


def odd_codings(film: bytes):
    coded = {
        b"base64": base64.encodebytes(film),
        b"quoted-printable": quopri.encodestring(film),
        b"binary": film,
        b"x-uuencode": film,
        b"chunked": film,
    }
    for coding, data in coded.items():
        header = b"Content-Transfer-Encoding: " + coding
        disposition = b'form-data; name="file"; filename="a.png"'
        yield f"a part in {coding.decode()}", FORM, body(part(disposition, data, header))
    for kind in (
        b"text/html",
        b"application/x-python",
        b"image/svg+xml",
        b"multipart/form-data",
        b"image/png; charset=utf-7",
        b"image/png\x00",
        b"\xff\xfe",
        b"",
        b"x" * 30_000,
        b"application/zip",
    ):
        yield (
            f"a part of type {kind[:24]!r}",
            FORM,
            body(part(b'form-data; name="file"; filename="a.png"', film, kind=kind)),
        )
    for charset in (b"utf-7", b"utf-16", b"klingon", b"punycode", b"idna", b"x" * 5_000):
        field = part(b'form-data; name="_charset_"', charset, kind=None)
        yield f"_charset_ of {charset[:12].decode()}", FORM, body(field, named(b"a.png", film))
        yield (
            f"charset {charset[:12].decode()}",
            FORM + b"; charset=" + charset,
            body(named(b"a.png", film)),
        )


def odd_part_headers(film: bytes):
    disposition = b'form-data; name="file"; filename="a.png"'

    def with_header(*headers):
        return body(part(disposition, film, *headers))

    yield "1,000 headers in a part", FORM, with_header(*[b"X-%d: y" % n for n in range(1_000)])
    yield "100,000 headers in a part", FORM, with_header(*[b"X: y"] * 100_000)
    yield "a header of 1 MB in a part", FORM, with_header(b"X: " + b"y" * 1_000_000)
    yield "a name of a header of 1 MB", FORM, with_header(b"y" * 1_000_000 + b": x")
    yield "a header without a colon", FORM, with_header(b"hello")
    yield "a header of nothing", FORM, with_header(b": x")
    yield "a header folded", FORM, with_header(b"X: a\r\n b")
    yield "a header with NUL", FORM, with_header(b"X: a\x00b")
    yield "a header with CR alone", FORM, with_header(b"X: a\rb")
    yield "a length in a part that lies", FORM, with_header(b"Content-Length: 999999999")
    yield "a part that is chunked", FORM, with_header(b"Transfer-Encoding: chunked")
    yield "a part that is gzip", FORM, with_header(b"Content-Encoding: gzip")
    yield "headers without an end", FORM, b"--" + EDGE + b"\r\n" + b"X: y\r\n" * 50_000


def multiparts(film: bytes) -> list[tuple[str, bytes, bytes]]:
    "(what, content type, body) of all of them, round one film."
    made = []
    for maker in (
        odd_names,
        odd_boundaries,
        odd_parts,
        odd_codings,
        odd_part_headers,
    ):
        made += maker(film)
    return made
