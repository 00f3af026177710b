"""What of a request is read before any film is: forms, names, addresses, headers, drawn at random.

python -m pytest tests/fuzz/test_requests.py
"""

from __future__ import annotations

from fuzz_settings import fuzz
from hypothesis import given
from hypothesis import strategies as st
from toy_app import form

from cxr_fastai.app.checks import check_host, check_origin, headers_of, host_name
from cxr_fastai.app.limits import Limits
from cxr_fastai.app.refusals import Refusal
from cxr_fastai.app.tokens import bearer_of, is_token, session_of
from cxr_fastai.app.uploads import LONGEST_NAME, clean_name, uploads_of

B = "xx"
TYPE = f"multipart/form-data; boundary={B}"
# pieces that forms are made of, so that drawn ones come near to a form
PIECES = st.sampled_from(
    [
        b"--xx",
        b"--xx--",
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b"\r",
        b"--",
        b"\x00",
        b'Content-Disposition: form-data; name="files"; filename="a.png"',
        b'Content-Disposition: form-data; name="files"',
        b"Content-Type: image/png",
        b"Content-Length: 99",
        b": ",
        b";",
        b'"',
    ]
)
NEARLY = st.lists(PIECES | st.binary(max_size=6), max_size=14).map(b"".join)
NAMES = st.text(max_size=200).filter(lambda name: not set(name) & set('"\\\r\n'))


def read(content_type: str, body: bytes):
    "The films, or the refusal."
    try:
        return uploads_of(content_type, body, Limits(max_files=4))
    except Refusal as e:
        return e


@given(st.lists(st.tuples(NAMES, st.binary(max_size=80)), min_size=1, max_size=4))
@fuzz(150)
def test_what_a_form_holds_comes_out_byte_for_byte(films):
    body, headers = form(
        *[(name.encode("utf-8", "replace").decode(), data) for name, data in films]
    )
    found = read(headers["Content-Type"], body)
    kept = [data for name, data in films if name or data]
    if not kept:
        assert found.code == "no_film"
    else:
        assert [upload.data for upload in found] == kept


@given(NEARLY)
@fuzz(600)
def test_what_is_nearly_a_form_is_read_or_refused(body):
    found = read(TYPE, body)
    if isinstance(found, Refusal):
        assert found.status in (400, 413) and found.code in ("form_broken", "no_film", "files_many")
    else:
        assert found and all(upload.data in body for upload in found)


@given(st.text(max_size=120), st.binary(max_size=60))
@fuzz(300)
def test_any_content_type_is_understood_or_refused(content_type, body):
    found = read(content_type, body)
    assert isinstance(found, tuple) or found.status in (400, 415)


@given(st.text(max_size=400))
@fuzz(400)
def test_any_name_is_one_printable_line_that_leads_nowhere(name):
    shown = clean_name(name)
    assert shown.isprintable() and len(shown) <= LONGEST_NAME
    assert ".." not in shown.split("/") and not shown.startswith("/")


LATIN = st.text(st.characters(max_codepoint=255), max_size=60)


@given(LATIN, LATIN, LATIN, LATIN)
@fuzz(400)
def test_any_headers_let_in_or_refuse(host, origin, site, cookie):
    headers = {"host": host, "origin": origin, "sec-fetch-site": site, "cookie": cookie}
    for check in (
        lambda: check_host(headers, "127.0.0.1", ("films.example.org",)),
        lambda: check_origin(headers, ("films.example.org",)),
    ):
        try:
            check()
        except Refusal as e:
            assert e.status in (400, 403, 421)
    assert host_name(host) == host_name(host).lower()
    assert isinstance(session_of(headers), str)
    assert not is_token(bearer_of({"authorization": cookie}) or "", "a-token-of-this-test")


@given(st.lists(st.tuples(st.binary(max_size=12), st.binary(max_size=20)), max_size=6))
@fuzz(300)
def test_any_pairs_are_headers_or_refused(pairs):
    try:
        headers = headers_of(pairs)
    except Refusal as e:
        assert e.code == "header_twice"
        return
    assert set(headers) == {name.decode("latin-1").lower() for name, _ in pairs}
