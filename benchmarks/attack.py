"""python benchmarks/attack.py BUNDLE [BENT]: what `cxr app` answers to whatever is sent to it.

Starts the real server twice in a process of its own, without and with a token, on this machine
alone, and sends it the hostile requests and files that the tests make (tests/hostile_requests.py,
hostile_paths.py, hostile_multiparts.py, hostile_films.py): raw bytes over sockets, 16 connections.
BENT is how many good requests are bent at random, beside the 300 of the tests; default: none.

Prints the answers by status, what was wrong with any (nothing is expected), whether a good film is
answered as before, what was written to disk, what the server printed beside its log, and its memory
with that of its decoders at the start, while it reads eight of the greatest films, and at the end.
"""

import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path.insert(0, str(TESTS))

import hostile_paths  # noqa: E402
import hostile_requests  # noqa: E402
from attacked import attacked, complaints, counted, hostile, send_all, table  # noqa: E402
from hostile_films import film, films, saved  # noqa: E402
from hostile_requests import Hostile, Maker  # noqa: E402
from raw_http import talk  # noqa: E402

SECTIONS = {
    **hostile_requests.SECTIONS,
    **hostile_paths.SECTIONS,
    "multipart": hostile_requests.uploads,
    "bent": hostile_requests.bent,
}
TOKEN = "a-token-of-the-benchmark-that-is-long"
RAW = b"Content-Type: application/octet-stream"
SECONDS = {"header_seconds": 1, "body_seconds": 1, "linger_seconds": 1, "keep_alive_seconds": 2}
AT_ONCE = 8  # of the greatest films
GREATEST_SIDE = 7_900  # px
A_SEED = 1_000  # bent requests
ANY = frozenset({200, 400, 415, 422})  # of a file; a bent one may be read


def files_for(url, paths=(b"/predict", b"/look", b"/heat")):
    """Every hostile file, sent to every address that takes one."""
    make = Maker(url.removeprefix("http://").encode(), film())
    found = []
    for path in paths:
        for kind, some in films().items():
            for what, data in some:
                sent = make.post(RAW, body=data, path=path)
                found.append(Hostile(f"{kind} {path.decode()}", what, sent, ANY))
    return found


def judge(title, server, requests, also=()):
    """Send requests and print what came of them."""
    began = time.monotonic()
    talks = send_all(server.url, requests)
    seconds = time.monotonic() - began
    print(f"\n{title}: {len(requests):,} in {seconds:.0f} s")
    print(table(counted(requests, talks)))
    wrong = 0
    for request, got in zip(requests, talks):
        found = complaints(request, got)
        if got.status in also:
            found = [each for each in found if not each.startswith("answered")]
        for each in found:
            print(f"  WRONG: {request.kind}, {request.what}: {each}")
        wrong += bool(found)
    print(f"answered otherwise than expected: {wrong}")


def greatest_film():
    """Draw the greatest film that is read: 62 megapixels in colour, which pack well."""
    row = np.tile(np.arange(250, dtype=np.uint8), 32)[:GREATEST_SIDE]
    gray = np.tile(row, (GREATEST_SIDE, 1))
    return saved(Image.fromarray(np.dstack([gray] * 3)), "PNG", compress_level=1)


def judge_greatest(server):
    """Send the greatest films together, and print what the server held meanwhile."""
    make = Maker(server.url.removeprefix("http://").encode(), film())
    data = greatest_film()
    one = Hostile("greatest", "62 megapixels", make.post(RAW, body=data), frozenset({200}))
    held = [server.memory_mb()]
    began = time.monotonic()
    with ThreadPoolExecutor(1) as sender:
        sent = sender.submit(send_all, server.url, [one] * AT_ONCE)
        while not sent.done():
            held.append(server.memory_mb())
            time.sleep(0.05)
    seconds = time.monotonic() - began
    statuses = sorted(got.status for got in sent.result())
    print(f"\n{AT_ONCE} films of 62 megapixels at once ({len(data) / 1e6:.1f} MB each as PNG)")
    print(f"answered {statuses} in {seconds:.0f} s")
    print(f"memory: {held[0]:.0f} MB before, {max(held):.0f} MB at the peak")
    print(f"and {server.memory_mb():.0f} MB after")


def good(server, *headers):
    """Ask for a good film; (status, body)."""
    make = Maker(server.url.removeprefix("http://").encode(), film())
    (answer,) = talk(server.url, make.post(*headers)).answers
    return answer.status, answer.body


def report(server, before, held, *headers):
    """Print what is left of it all."""
    same = "as before" if good(server, *headers) == before else "OTHERWISE THAN BEFORE"
    alive = "is there" if server.is_alive() else "DIED"
    print(f"\na good film is answered {same}; the server {alive}")
    said = server.said()
    print(f"tracebacks printed: {said.count('Traceback')}; mistakes: {said.count('unexpected')}")
    print(f"files written: {len(server.files())}")
    print(f"memory: {held:.0f} MB at the start, {server.memory_mb():.0f} MB at the end")


def bent_requests(url, n):
    """Bend good requests at random, with another seed than the tests."""
    requests = []
    for seed in range(n // A_SEED):
        bent = partial(hostile_requests.bent, n=A_SEED, seed=1_000 + seed)
        requests += hostile(url, film(), {"bent": bent})
    return requests


def main(bundle, n_bent=0):
    with (
        tempfile.TemporaryDirectory() as folder,
        attacked(bundle, Path(folder), **SECONDS) as server,
    ):
        before, held = good(server), server.memory_mb()
        judge("requests", server, hostile(server.url, film(), SECTIONS))
        judge("files", server, files_for(server.url))
        if n_bent:
            judge("bent at random", server, bent_requests(server.url, n_bent))
        judge_greatest(server)
        report(server, before, held)
    with tempfile.TemporaryDirectory() as folder:
        token = Path(folder) / "token"
        token.write_text(TOKEN)
        token.chmod(0o600)
        with attacked(bundle, Path(folder), "--token-file", str(token), **SECONDS) as server:
            header = b"Authorization: Bearer " + TOKEN.encode()
            before, held = good(server, header), server.memory_mb()
            sent = hostile(server.url, film(), SECTIONS)
            judge("requests without the token", server, sent, also={401, 429})
            report(server, before, held, header)


if __name__ == "__main__":
    main(sys.argv[1], *(int(n) for n in sys.argv[2:3]))
