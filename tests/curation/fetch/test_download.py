"""pytest tests/curation/fetch/test_download.py

Downloads from a real server on the loopback that does what bad networks and bad servers do. No other network."""

import gzip
import hashlib
import json
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
import traceback
from email.utils import formatdate
from pathlib import Path

import pytest
from loopback import chunked, file, page, redirect, serve, silent, status
from recording_progress import RecordingMeter, RecordingProgress

from cxr_fastai.core import IntegrityError, SourceUnavailable, StorageError, UsageError
from cxr_fastai.curation.fetch import exchange
from cxr_fastai.curation.fetch.download import download

DATA = random.Random(1).randbytes(600_000)
OTHER = random.Random(2).randbytes(600_000)
SECRET = "s3cr3t"
ROOT = Path(__file__).parents[3]


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


def get(web, store, path="/a.zip", **kw):
    "Download with short pauses; `path` may carry a query."
    return download(
        web.url + path,
        store,
        kw.pop("name", "one: a.zip"),
        **{"pause": 0.001, "timeout": (2, 2), **kw},
    )


def is_whole(d, store, data=DATA):
    "The file is in the store under its name, and nothing else is."
    assert (d.sha256, d.size, d.path) == (sha(data), len(data), store / sha(data))
    assert d.path.read_bytes() == data and left(store) == [d.path.name]
    return True


def left(store) -> list[str]:
    return sorted(p.name for p in store.iterdir())


def ranges(web, path="/a.zip") -> list[str]:
    return [s.headers.get("Range", "") for s in web.asked(path)]


def leave_cut(web, store, at=300_000, **how):
    "A first run that gives up with `at` bytes of DATA."
    web.routes["/a.zip"] = file(DATA, cut=at, **how)
    with pytest.raises(SourceUnavailable, match="bytes are kept|Run it again later"):
        get(web, store, tries=1)


# ---- a good server


def test_a_file_arrives_under_its_checksum(store):
    with serve({"/a.zip": DATA}) as web:
        d = get(web, store)
        assert is_whole(d, store) and (d.etag, d.resumed) == ('"1"', 0)
        assert web.log[0].headers["Accept-Encoding"] == "identity"


def test_a_pinned_file_that_stands_in_the_store_is_not_asked_for(store):
    with serve({"/a.zip": DATA}) as web:
        get(web, store, pin=sha(DATA))
        again = get(web, store, pin=sha(DATA).upper())
        assert is_whole(again, store) and len(web.log) == 1


def test_an_empty_file_in_the_place_of_the_pinned_one_is_fetched_again(store):
    store.mkdir()
    (store / sha(DATA)).touch()
    with serve({"/a.zip": DATA}) as web:
        assert is_whole(get(web, store, pin=sha(DATA)), store)


def test_a_pin_that_is_no_checksum_is_refused_before_anything_is_looked_up(store):
    with serve({}) as web:
        with pytest.raises(UsageError, match="64 hex digits"):
            get(web, store, pin="../../etc/passwd")
        assert not web.log and not store.exists()


def test_a_redirect_is_followed(store):
    with serve({"/a.zip": redirect("/there/b.zip?x=1"), "/there/b.zip": DATA}) as web:
        assert is_whole(get(web, store), store)


def test_a_body_without_a_stated_length_is_taken_whole(store):
    with serve({"/a.zip": chunked(DATA, 7001)}) as web:
        assert is_whole(get(web, store), store)


def test_a_body_that_is_compressed_all_the_same_is_stored_plain(store):
    packed = gzip.compress(DATA[:1000] * 100)
    with serve({"/a.csv": file(packed, Content_Encoding="gzip")}) as web:
        assert is_whole(get(web, store, "/a.csv"), store, DATA[:1000] * 100)


def test_a_compressed_body_that_is_cut_is_never_resumed(store):
    plain = DATA[:1000] * 100
    packed = gzip.compress(random.Random(3).randbytes(100_000))
    with serve({"/a.csv": [file(packed, Content_Encoding="gzip", cut=60_000), plain]}) as web:
        assert is_whole(get(web, store, "/a.csv"), store, plain) and ranges(web, "/a.csv") == [
            "",
            "",
        ]


def test_a_coding_that_cannot_be_undone_is_an_error(store):
    with serve({"/a.zip": file(DATA, Content_Encoding="br")}) as web:
        with pytest.raises(SourceUnavailable, match="'br'"):
            get(web, store)
        assert left(store) == []


def test_progress_counts_every_byte_once_over_cuts_and_new_starts(store):
    progress = RecordingProgress()
    with serve(
        {"/a.zip": [file(DATA, cut=200_000), file(DATA, cut=100_000), file(OTHER, etag='"2"')]}
    ) as web:
        get(web, store, progress=progress)
    one, two = progress.meters
    assert one.what == "one: a.zip"
    assert (one.total, one.done, one.closed) == (600_000, 300_000, True)
    assert (two.total, two.done, two.closed) == (600_000, 600_000, True)


# ---- cut connections and lies about length


def test_cut_connections_go_on_where_they_ended(store):
    with serve({"/a.zip": file(DATA, cut=80_000)}) as web:
        assert is_whole(get(web, store, tries=2), store)
        assert ranges(web) == ["", *(f"bytes={n}-" for n in range(80_000, 600_000, 80_000))]
        assert {s.headers["If-Range"] for s in web.log[1:]} == {'"1"'}


def test_cuts_that_bring_nothing_new_come_to_an_end(store):
    with serve({"/a.zip": file(DATA, etag="", cut=500_000)}) as web:
        with pytest.raises(
            SourceUnavailable, match=r"gave up after 3 attempts in [\d.]+ s: the connection was cut"
        ):
            get(web, store, tries=3)
        assert ranges(web) == [""] * 3 and left(store) == []


def test_last_modified_serves_where_there_is_no_etag(store):
    with serve({"/a.zip": file(DATA, etag="", modified=True, cut=200_000)}) as web:
        assert is_whole(get(web, store), store)
        assert {s.headers["If-Range"] for s in web.log[1:]} == {formatdate(1e9, usegmt=True)}


@pytest.mark.parametrize("etag", ["", 'W/"1"'])
def test_without_a_strong_validator_every_attempt_starts_over(store, etag):
    with serve({"/a.zip": [file(DATA, etag=etag, cut=200_000), file(OTHER, etag=etag)]}) as web:
        assert is_whole(get(web, store), store, OTHER)
        assert ranges(web) == ["", ""] and "If-Range" not in web.log[1].headers


@pytest.mark.parametrize("how", [True, "blindly"], ids=["heeds If-Range", "ignores If-Range"])
def test_a_file_that_changes_between_attempts_starts_over(store, how):
    with serve({"/a.zip": [file(DATA, cut=200_000), file(OTHER, etag='"2"', ranges=how)]}) as web:
        d = get(web, store)
        assert is_whole(d, store, OTHER) and d.etag == '"2"' and ranges(web)[1] == "bytes=200000-"


def test_a_server_that_ignores_range_starts_over(store):
    with serve({"/a.zip": [file(DATA, cut=200_000), file(DATA, ranges=False)]}) as web:
        assert is_whole(get(web, store), store) and len(web.log) == 2


@pytest.mark.parametrize(
    "said",
    [
        "bytes 0-599999/600000",
        "bytes 200001-599999/600000",
        "bytes 200000-599999/*",
        "bytes 200000-699999/700000",
        "nonsense",
        None,
    ],
)
def test_a_part_that_is_not_the_one_asked_for_is_never_glued_on(store, said):
    with serve({"/a.zip": [file(DATA, cut=200_000), file(OTHER, Content_Range=said), DATA]}) as web:
        assert is_whole(get(web, store), store) and ranges(web) == ["", "bytes=200000-", ""]


def test_a_range_that_ends_early_is_continued(store):
    def meager(call):
        begin = int(call.headers["Range"][6:-1])
        part = DATA[begin : begin + 100_000]
        call.answer(
            206,
            part,
            {"Content-Range": f"bytes {begin}-{begin + len(part) - 1}/600000", "ETag": '"1"'},
        )

    with serve({"/a.zip": [file(DATA, cut=200_000), meager]}) as web:
        assert is_whole(get(web, store), store) and len(web.log) == 5


def test_a_body_shorter_than_stated_is_asked_for_again(store):
    with serve({"/a.zip": [file(DATA[:500_000], Content_Length=600_000), DATA]}) as web:
        assert is_whole(get(web, store), store) and ranges(web)[1] == "bytes=500000-"


def test_a_body_longer_than_stated_ends_where_it_was_said_to(store):
    "The surplus is never read; that the file is not what it should be, only a pin can tell."
    with serve({"/a.zip": file(DATA, Content_Length=1000)}) as web:
        with pytest.raises(IntegrityError, match=sha(DATA[:1000])):
            get(web, store, pin=sha(DATA))
        assert get(web, store).size == 1000


def test_a_part_longer_than_the_whole_starts_over(store):
    def fat(call):
        call.answer(
            206, b"x" * 500_000, {"Content-Range": "bytes 200000-599999/600000", "ETag": '"1"'}
        )

    with serve({"/a.zip": [file(DATA, cut=200_000), fat, DATA]}) as web:
        assert is_whole(get(web, store), store)


def test_a_chunked_body_that_is_cut_goes_on(store):
    with serve({"/a.zip": [chunked(DATA, 50_000, cut=4, ETag='"1"'), DATA]}) as web:
        assert is_whole(get(web, store), store) and ranges(web)[1] == "bytes=200000-"


def test_an_empty_answer_is_no_file(store):
    with serve({"/a.zip": b""}) as web:
        with pytest.raises(SourceUnavailable, match="an empty answer"):
            get(web, store, tries=2)
        assert left(store) == []


def test_a_server_that_falls_silent_is_left_and_asked_again(store):
    with serve({"/a.zip": [silent, file(DATA, hold=(200_000, threading.Event())), DATA]}) as web:
        assert is_whole(get(web, store, timeout=(1, 0.2)), store)
        assert ranges(web) == ["", "", "bytes=200000-"]


def test_silence_to_the_end_is_told_in_seconds(store):
    with serve({"/a.zip": silent}) as web:
        with pytest.raises(
            SourceUnavailable, match=r"2 attempts in 0\.\d s: nothing came for 0.1 s"
        ):
            get(web, store, timeout=(1, 0.1), tries=2)


def test_a_trickle_that_never_pauses_long_is_cut(store, monkeypatch):
    monkeypatch.setattr(exchange, "MIN_RATE", 100_000)
    with serve({"/a.zip": [file(DATA, rate=(1000, 0.02)), DATA]}) as web:
        assert is_whole(get(web, store, timeout=(1, 0.2)), store) and len(web.log) == 2


def test_nobody_there_is_told_in_words_and_without_the_query(store):
    with serve({}) as web:
        url = web.url
    with pytest.raises(SourceUnavailable, match="Connection refused") as e:
        download(f"{url}/a.zip?token={SECRET}", store, "one", tries=2, pause=0.001)
    assert SECRET not in "".join(traceback.format_exception(e.value))


# ---- answers that are no file


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(store, code):
    with serve({"/a.zip": [status(code), status(code, b"busy", Retry_After="soon"), DATA]}) as web:
        assert is_whole(get(web, store), store) and len(web.log) == 3


@pytest.mark.parametrize("after", ["1", "date"])
def test_the_server_says_how_long_to_wait(store, after, monkeypatch):
    waits = []
    monkeypatch.setattr("cxr_fastai.curation.fetch.download.time.sleep", waits.append)
    if after == "date":
        after = formatdate(time.time() + 2, usegmt=True)  # whole seconds: 1 to 2 from now
    with serve({"/a.zip": [status(429, Retry_After=after), DATA]}) as web:
        assert is_whole(get(web, store), store) and len(waits) == 1
        assert 0 < waits[0] <= 2 and (after != "1" or waits == [1])


@pytest.mark.parametrize("after", ["86400", "Fri, 31 Dec 2199 23:59:59 GMT"])
def test_a_wait_of_a_day_is_not_waited_for(store, after):
    with serve({"/a.zip": status(503, Retry_After=after)}) as web:
        with pytest.raises(SourceUnavailable, match=r"503.*asks to wait \d+ s.*Run it again after"):
            get(web, store)
        assert len(web.log) == 1


def test_an_error_without_end_tells_attempts_and_seconds(store):
    with serve({"/a.zip": status(500)}) as web:
        with pytest.raises(
            SourceUnavailable,
            match=r"gave up after 3 attempts in [\d.]+ s: HTTP 500 Internal Server",
        ):
            get(web, store, tries=3)
        assert len(web.log) == 3 and left(store) == []


@pytest.mark.parametrize(
    "does,said",
    [
        (
            page(code=403),
            r"HTTP 403 Forbidden \('Kaggle: sign in'\)\. Sign in, or accept .*, at http://127.*/a\.zip,",
        ),
        (status(401), "HTTP 401 Unauthorized. Sign in"),
        (status(404), "HTTP 404 Not Found. It has moved or is gone"),
        (status(410), "HTTP 410 Gone. It has moved"),
        (status(418), "HTTP 418.*Look at http"),
        (status(304), "HTTP 304"),
    ],
)
def test_a_refusal_is_told_at_once_with_what_to_do(store, does, said):
    with serve({"/a.zip": does}) as web:
        with pytest.raises(SourceUnavailable, match=said):
            get(web, store, f"/a.zip?token={SECRET}")
        assert len(web.log) == 1 and left(store) == []


def test_a_web_page_in_place_of_the_file_is_named_by_its_title(store):
    with serve({"/a.zip": page("Kaggle: sign&nbsp;in &amp; go \x1b[31m")}) as web:
        with pytest.raises(
            SourceUnavailable,
            match=r"one: a\.zip: the server answered with a web page "
            r"\('Kaggle: sign in & go .*x1b\[31m'\) instead of the file\. Open .* sign in",
        ):
            get(web, store)
        assert len(web.log) == 1 and left(store) == []


@pytest.mark.parametrize(
    "start",
    [b"\xef\xbb\xbf\n<HTML>", b"<!-- a -->\n<!doctype HTML><p>", b"<?xml version='1.0'?><html>"],
)
def test_a_web_page_is_told_by_its_bytes_whatever_it_is_called(store, start):
    with serve({"/a.zip": file(start, Content_Type="application/zip")}) as web:
        with pytest.raises(SourceUnavailable, match="a web page instead"):
            get(web, store)


def test_a_web_page_that_was_asked_for_is_a_file(store):
    with serve({"/about.html": page()}) as web:
        assert get(web, store, "/about.html").size > 2000


def test_a_page_that_asks_to_sign_in_again_leaves_what_was_there(store):
    with serve({}) as web:
        leave_cut(web, store)
        web.routes["/a.zip"] = page()
        with pytest.raises(SourceUnavailable, match="sign in"):
            get(web, store)
        web.routes["/a.zip"] = DATA
        d = get(web, store)
        assert is_whole(d, store) and d.resumed == 300_000


# ---- addresses and secrets


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://example.org/a.zip", "/etc/passwd", "http://[::1/a", ""]
)
def test_only_http_addresses_are_asked(store, url):
    with pytest.raises(UsageError, match="only http and https"):
        download(url, store, "one")
    assert not store.exists()


@pytest.mark.parametrize(
    "to", ["file:///etc/passwd", "ftp://127.0.0.1/a", "gopher://127.0.0.1/", "http://[::1/a"]
)
def test_a_redirect_to_anything_but_http_is_refused(store, to):
    with serve({"/a.zip": redirect(to)}) as web:
        with pytest.raises(SourceUnavailable, match="sends on to (file|ftp|gopher|nonsense)"):
            get(web, store)
        assert left(store) == []


def test_the_body_of_a_redirect_is_not_read(store):
    sent = []

    def long(call):
        call.head(302, {"Location": "/b.zip", "Content-Length": 1000 << 16})
        for _ in range(1000):
            sent.append(call.wfile.write(bytes(1 << 16)))

    with serve({"/a.zip": long, "/b.zip": DATA}) as web:
        assert is_whole(get(web, store), store) and len(sent) < 500


def test_redirects_in_a_circle_end(store):
    with serve({"/a.zip": redirect("/a.zip")}) as web:
        with pytest.raises(SourceUnavailable, match="sends on more than 10 times"):
            get(web, store)


def test_headers_stay_with_the_host_that_they_are_for(store):
    mine = {"Authorization": f"Bearer {SECRET}", "X-Api-Key": SECRET, "Cookie": SECRET}
    with serve({"/b.zip": DATA}) as bucket:
        away = bucket.url.replace("127.0.0.1", "localhost") + "/b.zip"
        with serve({"/a.zip": redirect("/c.zip"), "/c.zip": redirect(away)}) as web:
            download(lambda: (web.url + "/a.zip", mine), store, "one", timeout=(2, 2))
        for at in web.log:
            assert [at.headers[k] for k in mine] == list(mine.values())
        (at,) = bucket.log
        assert not [k for k in mine if k in at.headers] and SECRET not in str(at.headers)


def test_a_given_sign_in_goes_before_that_of_netrc(store, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login x password y\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with serve({"/a.zip": DATA}) as web:
        download(lambda: (web.url + "/a.zip", {"authorization": "Bearer mine"}), store, "one")
        download(web.url + "/a.zip", store, "one")
        assert [s.headers["Authorization"].split()[0] for s in web.log] == ["Bearer", "Basic"]


def test_each_attempt_asks_for_a_new_link_and_goes_on_with_the_same_file(store):
    n = iter(range(99))
    with serve({"/signed/*": file(DATA, cut=250_000)}) as web:
        d = download(
            lambda: (f"{web.url}/signed/{next(n)}?sig={SECRET}", {}),
            store,
            "one",
            key="k",
            pause=0.001,
        )
        assert is_whole(d, store)
        assert [(s.path, s.headers.get("Range", "")) for s in web.log] == [
            ("/signed/0", ""),
            ("/signed/1", "bytes=250000-"),
            ("/signed/2", "bytes=500000-"),
        ]


def test_no_secret_stands_in_a_message_a_log_or_a_file(store, caplog):
    caplog.set_level(logging.DEBUG)
    answers = [
        file(DATA, cut=300_000),
        status(500),
        silent,
        redirect("http://127.0.0.1:9/?token=" + SECRET),
    ]
    with serve({"/a.zip": answers}) as web:
        where = web.url.replace("//", f"//user:{SECRET}@") + f"/a.zip?token={SECRET}#{SECRET}"
        with pytest.raises(SourceUnavailable, match="300,000 bytes are kept") as e:
            download(
                lambda: (where, {"Authorization": SECRET}),
                store,
                "one",
                tries=4,
                pause=0.001,
                timeout=(1, 0.1),
            )
        assert len(web.log) >= 4 and SECRET in str(web.log[0].query)
    shown = "".join(traceback.format_exception(e.value)) + caplog.text + repr(e.value.__context__)
    files = b"".join(p.name.encode() + p.read_bytes() for p in store.iterdir())
    assert (
        "300000" in files.decode("latin-1") and SECRET not in shown and SECRET.encode() not in files
    )


# ---- pins


def test_a_file_that_is_not_its_pin_is_set_aside_and_fetched_once_more(store):
    with serve({"/a.zip": [OTHER, DATA]}) as web:
        assert is_whole(get(web, store, pin=sha(DATA)), store)


def test_a_file_that_is_never_its_pin_does_not_enter_the_store(store):
    with serve({"/a.zip": OTHER}) as web:
        with pytest.raises(IntegrityError, match=f"{sha(OTHER)}, expected {sha(DATA)}.*corrupt"):
            get(web, store, pin=sha(DATA))
        (kept,) = left(store)
        assert (
            kept.endswith(".corrupt") and (store / kept).read_bytes() == OTHER and len(web.log) == 2
        )
        web.routes["/a.zip"] = DATA
        assert is_whole(get(web, store, pin=sha(DATA)), store)


def test_a_resumed_file_that_is_not_its_pin_is_fetched_from_the_first_byte(store):
    with serve({"/a.zip": [file(OTHER[:200_000] + DATA[200_000:], cut=200_000), DATA]}) as web:
        assert is_whole(get(web, store, pin=sha(DATA)), store) and ranges(web) == [
            "",
            "bytes=200000-",
            "",
        ]


# ---- room


@pytest.mark.parametrize(
    "does,asked", [(DATA, r"600,000 bytes, more than the 1,000"), (chunked(DATA), r"\d,\d+ bytes")]
)
def test_more_than_is_allowed_is_not_taken_whatever_was_stated(store, does, asked):
    with serve({"/a.zip": does}) as web:
        with pytest.raises(IntegrityError, match=asked):
            get(web, store, max_bytes=1000)
        assert left(store) == []


def test_a_compressed_bomb_ends_at_the_cap(store):
    with serve({"/a.zip": file(gzip.compress(bytes(50_000_000)), Content_Encoding="gzip")}) as web:
        with pytest.raises(IntegrityError, match="more than the 3,000,000"):
            get(web, store, max_bytes=3_000_000)
        assert left(store) == []


def test_no_room_is_told_before_the_first_byte_and_what_is_there_is_kept(store):
    with serve({}) as web:
        leave_cut(web, store)
        web.routes["/a.zip"] = DATA
        with pytest.raises(
            StorageError, match=r"no room in .*: 300(,000){5} bytes are needed .*, [\d,]+ are free"
        ):
            get(web, store, room=1e12)
        assert get(web, store).resumed == 300_000


def test_a_disk_that_fills_up_leaves_no_file(store):
    "A real refusal: the process may not write files of more than 200,000 bytes."
    with serve({"/a.zip": DATA}) as web:
        done = child(
            web,
            store,
            "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))",
        )
    assert (
        "StorageError: cannot write in" in done.stderr
        and "CXR_CACHE" in done.stderr
        and left(store) == []
    )


def test_a_store_that_cannot_be_written_is_told_before_any_network(tmp_path):
    (tmp_path / "f").touch()
    with serve({"/a.zip": DATA}) as web:
        for store in (tmp_path / "f", tmp_path / "f/x"):
            with pytest.raises(StorageError, match="cannot write in"):
                get(web, store)
        assert not web.log


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
def test_a_read_only_store_is_told_before_any_network(store):
    store.mkdir(mode=0o500)
    with serve({"/a.zip": DATA}) as web:
        with pytest.raises(StorageError, match="Permission denied"):
            get(web, store)
        assert not web.log


# ---- from one run to the next

CHILD = """
import json, sys
from pathlib import Path
from cxr_fastai.curation.fetch import partial
from cxr_fastai.curation.fetch.download import download
partial.CHECKPOINT_SECONDS = 0
{first}
d = download(sys.argv[1], Path(sys.argv[2]), "one", pause=.001)
print(json.dumps([d.sha256, d.resumed]))
"""


def start(web, store, first="") -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD.format(first=first), web.url + "/a.zip", str(store)],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def child(web, store, first="") -> subprocess.CompletedProcess:
    p = start(web, store, first)
    out, err = p.communicate(timeout=30)
    return subprocess.CompletedProcess(p.args, p.returncode, out, err)


def wait_for(what, seconds=10):
    for _ in range(int(seconds / 0.01)):
        if what():
            return
        time.sleep(0.01)
    raise AssertionError("waited in vain")


def vouched(store) -> int:
    "Bytes that the sidecars vouch for."
    try:
        return max((json.loads(p.read_text())["done"] for p in store.glob(".*.json")), default=0)
    except (OSError, ValueError):
        return 0


def kill_midway(web, store, at=300_000):
    "A process that dies by SIGKILL when `at` bytes have come."
    web.routes["/a.zip"] = file(DATA, hold=(at, threading.Event()))
    p = start(web, store)
    wait_for(lambda: vouched(store) == at)
    p.send_signal(signal.SIGKILL)
    p.communicate()
    web.routes["/a.zip"] = DATA


def test_a_killed_download_goes_on_in_the_next_process(store):
    with serve({}) as web:
        kill_midway(web, store)
        assert len(left(store)) == 2
        done = child(web, store)
        assert json.loads(done.stdout) == [sha(DATA), 300_000], done.stderr
        assert ranges(web) == ["", "bytes=300000-"] and web.log[1].headers["If-Range"] == '"1"'
        assert left(store) == [sha(DATA)] and (store / sha(DATA)).read_bytes() == DATA


def test_an_interrupt_leaves_what_came_for_the_next_run(store):
    class Impatient(RecordingMeter):
        def update(self, n):
            super().update(n)
            if self.done >= 300_000:
                raise KeyboardInterrupt

    with serve({"/a.zip": DATA}) as web:
        with pytest.raises(KeyboardInterrupt):
            get(web, store, progress=RecordingProgress(Impatient))
        d = get(web, store)
        assert (
            is_whole(d, store)
            and d.resumed >= 300_000
            and ranges(web) == ["", f"bytes={d.resumed}-"]
        )


def test_what_a_run_gave_up_is_changed_by_now_and_starts_over(store):
    with serve({}) as web:
        leave_cut(web, store)
        web.routes["/a.zip"] = file(OTHER, etag='"2"')
        d = get(web, store)
        assert is_whole(d, store, OTHER) and d.resumed == 0


def test_a_download_that_was_whole_but_not_yet_named_is_only_asked_about(store):
    with serve({}) as web:
        leave_cut(web, store, at=600_000, Content_Length=600_001)
        (side,) = store.glob(".*.json")
        side.write_text(json.dumps({**json.loads(side.read_text()), "size": 600_000}))
        web.routes["/a.zip"] = DATA
        d = get(web, store)
        assert is_whole(d, store) and (d.resumed, d.etag) == (600_000, '"1"') and len(web.log) == 2


def test_a_file_that_became_shorter_starts_over_after_416(store):
    with serve({}) as web:
        leave_cut(web, store)
        web.routes["/a.zip"] = file(DATA[:1000], ranges="blindly")
        assert is_whole(get(web, store), store, DATA[:1000]) and ranges(web) == [
            "",
            "bytes=300000-",
            "",
        ]


def damage_bytes(part, side):
    part.write_bytes(b"x" + part.read_bytes()[1:])


def shorten(part, side):
    part.write_bytes(part.read_bytes()[:1000])


def no_sidecar(part, side):
    side.unlink()


def half_a_sidecar(part, side):
    side.write_text(side.read_text()[:40])


def no_validator(part, side):
    side.write_text(json.dumps({**json.loads(side.read_text()), "validator": ""}))


def another_key(part, side):
    side.write_text(json.dumps({**json.loads(side.read_text()), "key": "0" * 64}))


def a_list(part, side):
    side.write_text("[1]")


@pytest.mark.parametrize(
    "harm", [damage_bytes, shorten, no_sidecar, half_a_sidecar, no_validator, another_key, a_list]
)
def test_a_leftover_that_cannot_be_vouched_for_is_thrown_away(store, harm):
    with serve({}) as web:
        leave_cut(web, store)
        (part,), (side,) = store.glob(".*.part"), store.glob(".*.json")
        harm(part, side)
        web.routes["/a.zip"] = DATA
        d = get(web, store)
        assert is_whole(d, store) and d.resumed == 0 and ranges(web)[1:] == [""]


def test_bytes_behind_the_last_checkpoint_are_asked_for_again(store):
    with serve({}) as web:
        leave_cut(web, store)
        with open(*store.glob(".*.part"), "ab") as f:
            f.write(bytes(5000))  # as a power cut may leave
        web.routes["/a.zip"] = DATA
        assert is_whole(get(web, store), store) and ranges(web)[1] == "bytes=300000-"
