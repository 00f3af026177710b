"""A server of `cxr app` in a process of its own, attacked: what it answered, said, wrote and held.

with attacked(bundle, folder, "--max-files", "3") as server:
    server.url, server.said(), server.memory_mb()
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from hostile_requests import Hostile, Maker
from raw_http import Talk, talk

AT_ONCE = 16  # connections; more than the server answers at once
CODE = """
import json, sys
from functools import partial
from cxr_fastai.app import limits
limits.Limits = partial(limits.Limits, **json.loads(sys.argv[1]))  # those that have no flag
from cxr_fastai.cli import main
sys.exit(main(sys.argv[2:]))
"""


@dataclass
class Attacked:
    "A server that runs."

    url: str
    process: subprocess.Popen
    stderr: Path
    folder: Path  # where it runs, and its home, cache and temporary folder lie

    def said(self) -> str:
        "All that it printed."
        return self.stderr.read_text(encoding="utf-8", errors="replace")

    def memory_mb(self) -> float:
        "Of the process and its children."
        return sum(_resident(pid) for pid in _family(self.process.pid)) / 1e6

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def files(self) -> dict[str, int]:
        "name -> bytes, of all that lies where it might write."
        found = {}
        for path in self.folder.rglob("*"):
            if path.is_file() and path != self.stderr:
                found[path.relative_to(self.folder).as_posix()] = path.stat().st_size
        return found


@contextlib.contextmanager
def attacked(bundle, folder: Path, *options: str, **limits: float):
    "Start `cxr app BUNDLE OPTIONS` in a folder of its own, with limits of seconds."
    home = folder / "home"
    for name in ("tmp", "cache", "work"):
        (home / name).mkdir(parents=True)
    own = {"HOME": home, "TMPDIR": home / "tmp", "CXR_CACHE": home / "cache", "OMP_NUM_THREADS": 1}
    environment = {**os.environ, **{name: str(value) for name, value in own.items()}}
    verb = ["app", str(bundle), "--port", "0", *options]
    command = [sys.executable, "-c", CODE, json.dumps(limits), *verb]
    stderr = folder / "stderr.txt"
    with open(stderr, "wb") as out:
        process = subprocess.Popen(
            command, cwd=home / "work", env=environment, stdout=out, stderr=out
        )
    server = Attacked("", process, stderr, home)
    try:
        server.url = _address(server)
        _wait_until_ready(server)
        yield server
    finally:
        process.terminate()
        process.wait(30)


def _address(server: Attacked) -> str:
    "Wait for the line that says where it listens."
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert server.is_alive(), server.said()
        found = re.search(r"http://127\.0\.0\.1:\d+(?=\D)", server.said())
        if found:
            return found[0]
        time.sleep(0.05)
    raise AssertionError(f"it never listened: {server.said()}")


def _wait_until_ready(server: Attacked) -> None:
    end = time.monotonic() + 60
    host = server.url.removeprefix("http://").encode()
    while time.monotonic() < end:
        with contextlib.suppress(ConnectionError):
            got = talk(
                server.url, b"GET /ready HTTP/1.1\r\nHost: " + host + b"\r\n\r\n", quiet=0.01
            )
            if got.status == 200:
                return
        time.sleep(0.05)
    raise AssertionError(f"it never was ready: {server.said()}")


def _family(pid: int) -> list[int]:
    "A process and all below it."
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text().split():
                found += _family(int(child))
    return found


def _resident(pid: int) -> int:
    "Bytes of memory of its own: what a forked child shares with its parent counts once."
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


# ---- many requests, and the table of their answers


def hostile(url: str, film: bytes, sections: dict) -> list[Hostile]:
    "All requests of some sections, name -> maker, for this server."
    make = Maker(url.removeprefix("http://").encode(), film)
    found = []
    for kind, section in sections.items():
        for what, data, may, *more in section(make):
            found.append(Hostile(kind, what, data, frozenset(may), **(more[0] if more else {})))
    return found


def decoders(server: Attacked) -> list[int]:
    "Process ids of the children that decode films."
    found = []
    for pid in _family(server.process.pid)[1:]:
        with contextlib.suppress(OSError):
            if b"decoder_child" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


def send_all(url: str, requests: list[Hostile]) -> list[Talk]:
    "Talk of each request, in order; a few at once."

    def send(request: Hostile) -> Talk:
        return talk(url, request.data, half_close=request.half_close)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(send, requests))


def complaints(request: Hostile, got: Talk) -> list[str]:
    "What is wrong with an answer; empty: nothing."
    wrong = []
    if got.status not in request.may:
        wrong.append(f"answered {got.status}, not {sorted(request.may)}")
    if len(got.answers) > request.most:
        wrong.append(f"{len(got.answers)} answers: {[a.status for a in got.answers]}")
    for answer in got.answers:
        if answer.status >= 500 and answer.status != 503:
            wrong.append(f"a {answer.status}")
        if b"unexpected" in answer.body or b"Traceback" in answer.body:
            wrong.append(f"a mistake of the server: {answer.body[:200]!r}")
        if answer.status >= 400 and not _is_refusal(answer, request.data):
            wrong.append(f"a refusal in other words: {answer.body[:200]!r}")
        if "content-security-policy" not in answer.headers:
            wrong.append(f"a {answer.status} without the security headers")
        if "html" in answer.headers.get("content-type", "") and _runs(answer.body):
            wrong.append("a page that runs what was sent")
        if b"root:" in answer.body:
            wrong.append("a file of this machine")
    if got.rest:
        wrong.append(f"half an answer: {got.rest[:100]!r}")
    return wrong


def _runs(page: bytes) -> bool:
    "Whether a page holds markup that a request held."
    return b"<script>alert" in page or b"<img src=x" in page


def _is_refusal(answer, sent: bytes) -> bool:
    if sent.lstrip()[:5] == b"HEAD " or "text/html" in answer.headers.get("content-type", ""):
        return True
    try:
        whole = answer.json()
        if {"row", "heat"} & set(whole):  # a film that could not be read, as the page is told
            return bool(whole.get("why") or whole["row"]["error"])
        told = whole["error"]
    except (ValueError, KeyError, TypeError):
        return False
    return told["status"] == answer.status and bool(told["code"] and told["says"] and told["do"])


def table(counts: dict[str, Counter]) -> str:
    "Lines of a table: kind of request x status -> number."
    codes = sorted({code for each in counts.values() for code in each})
    names = {0: "closed", -1: "waits"}
    head = ["sent", *[names.get(code, str(code)) for code in codes], "all"]
    rows = [head]
    for kind, each in counts.items():
        cells = [str(each[code] or ".") for code in codes]
        rows.append([kind, *cells, str(each.total())])
    total: Counter = sum(counts.values(), Counter())
    rows.append(["all", *[str(total[code]) for code in codes], str(total.total())])
    widths = [max(len(row[at]) for row in rows) for at in range(len(head))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths)) for row in rows
    )


def counted(requests: list[Hostile], talks: list[Talk]) -> dict[str, Counter]:
    "kind -> how often each status."
    counts: dict[str, Counter] = defaultdict(Counter)
    for request, got in zip(requests, talks):
        counts[request.kind][got.status] += 1
    return dict(counts)
