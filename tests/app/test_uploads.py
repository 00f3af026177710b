"""The films of a request: cut from memory, names that open nothing, everything else refused.

python -m pytest tests/app/test_uploads.py
"""

import pytest
from toy_app import form

from cxr_fastai.app.limits import Limits
from cxr_fastai.app.refusals import Refusal
from cxr_fastai.app.uploads import check_type, clean_name, uploads_of

B = "multipart/form-data; boundary=xx"
HEAD = b'--xx\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'


def cut(body, content_type=B, **limits):
    return [(u.name, u.data) for u in uploads_of(content_type, body, Limits(**limits))]


def refused(body, content_type=B, **limits):
    with pytest.raises(Refusal) as e:
        uploads_of(content_type, body, Limits(**limits))
    return e.value


def test_a_form_gives_its_files_in_order_whatever_bytes_they_hold():
    films = [
        ("a.png", bytes(range(256))),
        ("b", b"\r\n--a-boundary"),
        ("c", b"\r\n\r\n--\r\n"),
        ("d.dcm", b""),
    ]
    body, headers = form(*films)
    assert cut(body, headers["Content-Type"]) == films


@pytest.mark.parametrize(
    "kind", ["image/png", "IMAGE/JPEG; x=1", "application/dicom", "application/octet-stream"]
)
def test_a_raw_body_is_one_film(kind):
    assert cut(b"abc", kind) == [("film", b"abc")]
    assert refused(b"", kind).code == "no_film"


@pytest.mark.parametrize(
    "kind",
    ["", "text/plain", "application/json", "multipart/mixed; boundary=xx", "image", "x" * 500],
)
def test_another_content_type_is_refused_and_named_in_short(kind):
    why = refused(b"abc", kind)
    assert (why.status, why.code) == (415, "type_wrong") and len(why.says) < 150
    with pytest.raises(Refusal):
        check_type(kind)


def test_an_empty_field_of_a_browser_is_no_film():
    empty = (
        b'--xx\r\nContent-Disposition: form-data; name="files"; filename=""\r\n\r\n\r\n--xx--\r\n'
    )
    assert refused(empty).code == "no_film"
    assert cut(empty[: -len(b"--xx--\r\n")] + HEAD + b"1\r\n--xx--") == [("a.png", b"1")]


@pytest.mark.parametrize(
    "body,content_type,said",
    [
        (b"", B, "does not begin with its boundary"),
        (HEAD + b"1\r\n--xx--", "multipart/form-data", "names no boundary"),
        (HEAD + b"1\r\n--xx--", f"{B}; boundary=xx", "names no boundary"),
        (
            HEAD + b"1\r\n--xx--",
            "multipart/form-data; boundary=\u80a5",
            "does not begin with its boundary",
        ),
        (HEAD + b"1\r\n--xx--", "multipart/form-data; boundary=" + "x" * 71, "names no boundary"),
        (HEAD + b"1\r\n--xx--", 'multipart/form-data; boundary="x\ty"', "names no boundary"),
        (HEAD + b"1", B, "last boundary is missing"),
        (HEAD + b"1\r\n--xx", B, "something else than a new line"),
        (HEAD + b"1\r\n--xxy\r\n\r\n--xx--", B, "something else than a new line"),
        (HEAD + b"1\r\n--xx--\r\n" + HEAD, B, "stands behind its last boundary"),
        (b"--xx\r\n\r\n1\r\n--xx--", B, "header that is none"),
        (b"--xx\r\nno header\r\n\r\n1\r\n--xx--", B, "header that is none"),
        (b"--xx\r\n" + b"A: b\r\n" * 2 + b"\r\n1\r\n--xx--", B, "one twice"),
        (b"--xx\r\nA: " + b"b" * 5000 + b"\r\n\r\n1\r\n--xx--", B, "no headers, or too many"),
        (HEAD.replace(b"files", b"right") + b"1\r\n--xx--", B, "not named files"),
        (HEAD.replace(b"form-data", b"attachment") + b"1\r\n--xx--", B, "not named files"),
        (HEAD[:-2] + b"Content-Transfer-Encoding: base64\r\n\r\nMQ==\r\n--xx--", B, "encoded"),
    ],
)
def test_a_form_that_can_be_read_in_two_ways_is_refused(body, content_type, said):
    why = refused(body, content_type)
    assert (why.status, why.code) == (400, "form_broken") and said in why.says


def test_files_are_counted_and_so_are_empty_parts():
    body, headers = form(*[(f"{i}.png", b"1") for i in range(3)])
    assert len(cut(body, headers["Content-Type"], max_files=3)) == 3
    assert refused(body, headers["Content-Type"], max_files=2).code == "files_many"
    empty = b'--xx\r\nContent-Disposition: form-data; name="files"; filename=""\r\n\r\n\r\n'
    assert refused(empty * 50 + b"--xx--", max_files=2).code == "files_many"


@pytest.mark.parametrize(
    "given,shown",
    [
        ("a.png", "a.png"),
        ("study 1/im 2.dcm", "study 1/im 2.dcm"),
        ("../../etc/passwd", "etc/passwd"),
        ("/etc//passwd", "etc/passwd"),
        ("C:\\films\\a.png", "C:/films/a.png"),
        ("Thorax_Müller 肺.png", "Thorax_Müller 肺.png"),
        ("a\x00b\x1b[2J\u202eg", "a\\x00b\\x1b[2J\\u202eg"),
        ("..", ""),
        ("", ""),
    ],
)
def test_a_name_is_words_and_no_way_out_of_a_folder(given, shown):
    assert clean_name(given) == shown


def test_a_long_name_keeps_its_ends():
    assert clean_name("a" * 500 + ".png").endswith("aa.png") and len(clean_name("a" * 500)) == 120


def test_names_come_as_browsers_send_them_and_a_film_without_one_has_a_number():
    body, headers = form(("Müller %22x%22.png", b"1"), ("", b"2"))
    assert cut(body, headers["Content-Type"]) == [('Müller "x".png', b"1"), ("film 2", b"2")]


def test_what_is_refused_quotes_nothing_of_the_films():
    why = refused(HEAD + b"SECRET" * 10)
    assert "SECRET" not in str(why.to_dict()) and "a.png" not in str(why.to_dict())


def test_64_mb_of_what_is_almost_a_boundary_is_one_find():
    body = HEAD + b"\r\n--x-" * (64_000_000 // 7) + b"\r\n--xx--"
    ((_, data),) = cut(body)
    assert len(data) == 64_000_000 // 7 * 6 and "SECRET" not in repr(
        uploads_of("image/png", b"SECRET", Limits())
    )
