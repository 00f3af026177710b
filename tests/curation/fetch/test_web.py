"""pytest tests/curation/fetch/test_web.py

Plain http, against a loopback server."""

import re

import pytest
from toy_sources import remote

from cxr_fastai.catalog import Source
from cxr_fastai.core import CatalogError
from cxr_fastai.curation.fetch.transports import Check, check, plan

OLD, NEW = b"PK-old" * 50, b"PK-new" * 60
SET = "https://example.org/set"


def files(web, *paths, **cells) -> Source:
    return remote("http", "set", download=" ; ".join(web.url + p for p in paths), url=SET, **cells)


@pytest.mark.parametrize(
    "path,name,archive",
    [
        ("/a/x.zip", "x.zip", True),
        ("/x.tar", "x.tar", True),
        ("/x.tar.gz", "x.tar.gz", True),
        ("/x.TGZ", "x.TGZ", True),
        ("/x.tar.bz2", "x.tar.bz2", True),
        ("/x.tar.xz", "x.tar.xz", True),
        ("/x.npz", "x.npz", False),
        ("/x.zip?download=1", "x.zip", True),
        ("/get/17/file_downloaded#scans.zip", "scans.zip", True),
        ("/a%20b.png", "a b.png", False),
    ],
)
def test_a_url_tells_its_file(web, path, name, archive):
    p = plan(files(web, path)).parts[0]
    assert (p.name, p.archive, p.strip, p.where) == (name, archive, 0, web.url + path.split("#")[0])
    assert p.key == web.url + re.split("[?#]", path)[0]


def test_pins_stand_in_the_order_of_the_downloads(web):
    assert [
        p.pin for p in plan(files(web, "/a.zip", "/b.zip", pin=f"{'a' * 64} ; {'b' * 64}")).parts
    ] == ["a" * 64, "b" * 64]


@pytest.mark.parametrize(
    "download,pin,words",
    [
        ("file:///etc/passwd", "", "scheme 'file'"),
        ("ftp://h/x.zip", "", "scheme 'ftp'"),
        ("https:///x.zip", "", "HOST"),
        ("https://h/", "", "names no file"),
        ("https://h/..", "", "names no file"),
        ("https://h/a#..%2Fb", "", "names no"),
        ("https://user:pa55@h/x.zip", "", "password"),
        ("https://h/a ; https://h/b", "a" * 64, "1 for 2"),
        ("https://h/1/a.csv ; https://h/2/a.csv", "", "two files"),
        ("https://[h/x.zip", "", "no URL"),
    ],
)
def test_a_wrong_download_is_an_error_of_the_catalogue(download, pin, words):
    bad = remote("http", "set", download=download, pin=pin)
    with pytest.raises(CatalogError, match=words) as e:
        plan(bad)
    assert "pa55" not in str(e.value) and words in check(bad).message


def test_sizes_are_summed_and_nothing_is_read(web):
    web.files |= {"/a.zip": OLD, "/b.npz": NEW}
    assert check(files(web, "/a.zip", "/b.npz")) == Check(
        "ready", "2 files", "", len(OLD) + len(NEW)
    )
    assert {s.method for s in web.seen} == {"HEAD"}


@pytest.mark.parametrize("status", [400, 403, 405, 501])
def test_a_server_that_refuses_head_is_asked_for_one_byte(web, status):
    web.files["/a.zip"] = OLD
    web.say("/a.zip", (status,))
    assert check(files(web, "/a.zip")).size == len(OLD)
    assert [(s.method, s.headers.get("Range")) for s in web.seen] == [
        ("HEAD", None),
        ("GET", "bytes=0-0"),
    ]


def test_an_unknown_size_is_no_fault(web):
    web.say("/a.zip", (200, {"Content-Length": "0"}))
    assert check(files(web, "/a.zip")) == Check("ready", "1 file", "", None)


@pytest.mark.parametrize(
    "answers,state",
    [
        ([(404,)], "moved"),
        ([(410,)], "moved"),
        ([(401,)] * 2, "sign_in"),
        ([(403,)] * 2, "forbidden"),
        ([(200, {"Content-Type": "text/html; charset=utf-8"})], "moved"),
        ([(302, {"Location": "ftp://h/x"})], "unreachable"),
        ([(302, {"Location": "/a.zip"})] * 99, "unreachable"),
        ([(503,)] * 9, "unreachable"),
        ([(503,), (200, {"Content-Length": "9"})], "ready"),
    ],
)
def test_what_a_server_refuses_becomes_a_state(web, answers, state):
    web.say("/a.zip", *answers)
    c = check(files(web, "/a.zip"))
    assert c.state == state and (state in ("ready", "unreachable") or SET in c.remedy)


def test_a_server_whose_tls_is_wrong_is_named_so(web):
    c = check(remote("http", "set", download=web.url.replace("http:", "https:") + "/a.zip"))
    assert c.state == "unreachable" and "certificate" in c.message
