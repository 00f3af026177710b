"""How soon the server answers one film, and how many it answers under load.

    python benchmarks/app.py [--archs resnet18,resnet34] [--size 224] [--films 24] [--side 1024]
                             [--requests 60] [--clients 1,2,4,8] [--seconds 30] [--threads 2]
                             [--out FILE]

Networks with random weights, drawn films, a gate that is fitted on them; `cxr app` in a process of
its own, asked over the loopback by connections that are kept. Latency: one film after another, from
the first byte sent to the last byte of the answer. Load: so many clients, each with the next film
as soon as the last is answered. Beside it `predict` of the same films and bundle, in batches of 32,
in a process that has loaded both, before and after each row of the load, for a third of its seconds
each time: the machine's other programs meet both. Memory is that of the server and its decoders
together (Pss).
"""

from __future__ import annotations

import argparse
import http.client
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from statistics import median, quantiles

from process_memory import cpu_seconds, descendants, pss_mb

ARGS = argparse.ArgumentParser(description=__doc__.splitlines()[0])
ARGS.add_argument("--archs", default="resnet18,resnet34")
ARGS.add_argument("--size", type=int, default=224)
ARGS.add_argument("--films", type=int, default=24)
ARGS.add_argument("--side", type=int, default=1024)
ARGS.add_argument("--requests", type=int, default=60)
ARGS.add_argument("--clients", default="1,2,4,8")
ARGS.add_argument("--seconds", type=float, default=30)
ARGS.add_argument("--threads", type=int, default=2)
ARGS.add_argument("--out", type=Path)

RUNTIMES = ("onnx", "torch")
PNG_SIDE = 2000  # px, of the film that is sent as PNG
SETTLED = 3.0  # seconds of a load after which memory is looked at first

PREDICT = """
import sys, time, warnings
warnings.simplefilter("ignore")
from pathlib import Path
from cxr_fastai.bundle import load_bundle
from cxr_fastai.serving.predict import predict_paths
model = load_bundle(sys.argv[1], runtime=sys.argv[2])
films = sorted(Path(sys.argv[3]).iterdir())
predict_paths(model, films)
for line in sys.stdin:
    n = 0
    begun = time.perf_counter()
    busy = time.process_time()
    while time.perf_counter() < begun + float(line):
        rows = predict_paths(model, films)
        assert not any(row["error"] for row in rows)
        n += len(rows)
    busy = time.process_time() - busy
    print(n / (time.perf_counter() - begun), busy / n, flush=True)
"""


def main() -> None:
    """Measure, and print two tables."""
    args = ARGS.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    before = os.getloadavg()[0]
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name:
        text = "\n\n".join(_tables(args, Path(name)))
    head = _machine(args, before)
    text = f"# benchmarks/app.py\n\n```\n{head}\n\n{text}\n```\n"
    print(text)
    if args.out:
        args.out.write_text(text, encoding="utf-8")


def _machine(args: argparse.Namespace, load: float) -> str:
    """Say on what was measured."""
    import onnxruntime
    import torch

    return (
        f"{date.today()}, {os.cpu_count()} cores, torch {torch.__version__}, ONNX Runtime "
        f"{onnxruntime.__version__}\n{args.size} px, {args.threads} threads; {args.requests} "
        f"requests a row of the first table, {args.seconds:g} s a row of the second\n"
        f"load of the machine before: {load:.1f} (0 is quiet)"
    )


def _tables(args: argparse.Namespace, folder: Path) -> Iterator[str]:
    """Prepare all, and measure."""
    from predict import drawn_bundle, drawn_films

    films = drawn_films(folder / "films", args.side, args.films)
    large = _large(folder / "large.png")
    bundles = {}
    for arch in args.archs.split(","):
        bundles[arch] = drawn_bundle(arch, args.size, folder / arch, films)
    yield _latency_table(args, bundles, [films[0], large])
    first = next(iter(bundles))
    yield _load_table(args, first, bundles[first], films)


def _large(file: Path) -> Path:
    """Draw a film and write it as PNG."""
    from PIL import Image

    from cxr_fastai.phantom.film import draw

    Image.fromarray(draw("normal", 0, PNG_SIDE)).save(file)
    return file


# ---- the server, and who asks it


@contextmanager
def _served(bundle: Path, runtime: str) -> Iterator[_Server]:
    """Run `cxr app` until the block ends."""
    command = [sys.executable, "-m", "cxr_fastai", "app", str(bundle)]
    process = subprocess.Popen(
        [*command, "--runtime", runtime, "--port", "0"], stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        found = None
        while found is None:
            line = process.stderr.readline()
            if not line:
                sys.exit("the server did not start")
            found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        threading.Thread(target=process.stderr.read, daemon=True).start()
        server = _Server(process.pid, int(found[1]))
        server.wait_until_ready()
        yield server
    finally:
        process.terminate()
        process.wait()


@dataclass(frozen=True)
class _Server:
    """A server that runs."""

    pid: int
    port: int

    def connection(self) -> http.client.HTTPConnection:
        """Open a connection."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def wait_until_ready(self) -> None:
        """Wait until the model is warm."""
        while True:
            connection = self.connection()
            try:
                connection.request("GET", "/ready")
                if connection.getresponse().status == 200:
                    return
            except OSError:  # it does not listen yet
                pass
            finally:
                connection.close()
            time.sleep(0.05)

    def memory(self) -> float:
        """MB that it and its decoders hold."""
        return sum(pss_mb(pid) for pid in (self.pid, *descendants(self.pid)))


def _asked(connection: http.client.HTTPConnection, film: bytes) -> tuple[float, int]:
    """Send one film; return the seconds to its answer, and the status."""
    begun = time.perf_counter()
    connection.request("POST", "/predict", film, {"Content-Type": "application/octet-stream"})
    answer = connection.getresponse()
    answer.read()
    return time.perf_counter() - begun, answer.status


# ---- one film


def _latency_table(
    args: argparse.Namespace,
    bundles: dict[str, Path],
    films: Sequence[Path],
) -> str:
    """Measure one film after another, and set the table."""
    from cxr_fastai.reporting.text import table

    rows: list[tuple[object, ...]] = [("upload to answer, ms", "film", "first", "p50", "p95")]
    for arch, bundle in bundles.items():
        for runtime in RUNTIMES:
            with _served(bundle, runtime) as server:
                for film in films:
                    rows.append(_latency_row(args, f"{arch}, {runtime}", server, film))
    return "\n".join(table(rows))


def _latency_row(
    args: argparse.Namespace,
    name: str,
    server: _Server,
    film: Path,
) -> tuple[object, ...]:
    """Measure one film after another."""
    data = film.read_bytes()
    connection = server.connection()
    taken = []
    for _ in range(args.requests + 1):
        seconds, status = _asked(connection, data)
        if status != 200:
            sys.exit(f"{name}, {film.name}: status {status}")
        taken.append(1000 * seconds)
    connection.close()
    first, *others = taken
    what = f"{film.suffix[1:]} of {len(data) / 1000:,.0f} kB"
    return (name, what, f"{first:.0f}", f"{median(others):.0f}", f"{_p95(others):.0f}")


def _p95(values: Sequence[float]) -> float:
    return quantiles(values, n=20)[-1]


# ---- load


@dataclass
class _Load:
    """What clients met."""

    taken: list[float] = field(default_factory=list)  # seconds each
    errors: int = 0
    settled: float = 0  # MB soon after its begin
    ended: float = 0  # MB at its end
    seconds: float = 0
    server_cpu: float = 0
    client_cpu: float = 0


def _load_table(args: argparse.Namespace, arch: str, bundle: Path, films: Sequence[Path]) -> str:
    """Measure `predict` and the load in turns, and set the table."""
    from cxr_fastai.reporting.text import table

    title = f"{arch}, {args.side} px"
    rows: list[tuple[object, ...]] = [
        (
            title,
            "requests",
            "p50 ms",
            "p95 ms",
            "errors",
            "MB at start",
            "MB at end",
            "films a second",
            "predict",
            "ratio",
            "processor ms a film",
            "predict",
            "clients",
        )
    ]
    for runtime in RUNTIMES:
        with _served(bundle, runtime) as server, _predicts(bundle, runtime, films) as predicts:
            before = predicts.rate(args.seconds / 3)
            for clients in (int(n) for n in args.clients.split(",")):
                load = _loaded(server, films, clients, args.seconds)
                after = predicts.rate(args.seconds / 3)
                rows.append(_load_row(f"{runtime}, {clients}", load, before, after))
                before = after
    return "\n".join(table(rows))


def _load_row(
    name: str,
    load: _Load,
    before: tuple[float, float],  # of `_Predicts.rate`, before the load and after it
    after: tuple[float, float],
) -> tuple[object, ...]:
    """Write a row."""
    n = len(load.taken)
    rate = n / load.seconds
    predicted, predict_cpu = ((one + other) / 2 for one, other in zip(before, after))
    return (
        name,
        n,
        f"{1000 * median(load.taken):.0f}",
        f"{1000 * _p95(load.taken):.0f}",
        load.errors,
        f"{load.settled:.0f}",
        f"{load.ended:.0f}",
        f"{rate:.1f}",
        f"{predicted:.1f}",
        f"{rate / predicted:.2f}",
        f"{1000 * load.server_cpu / n:.1f}",
        f"{1000 * predict_cpu:.1f}",
        f"{1000 * load.client_cpu / n:.1f}",
    )


def _loaded(server: _Server, films: Sequence[Path], clients: int, seconds: float) -> _Load:
    """Have clients ask for so long."""
    data = [film.read_bytes() for film in films]
    load = _Load(server_cpu=-cpu_seconds(server.pid), client_cpu=-time.process_time())
    begun = time.perf_counter()
    until = begun + seconds
    threads = []
    for number in range(clients):
        asks = threading.Thread(target=_ask_until, args=(server, data, number, until, load))
        threads.append(asks)
    for asks in threads:
        asks.start()
    time.sleep(min(SETTLED, seconds / 3))
    load.settled = server.memory()
    time.sleep(max(until - time.perf_counter() - 0.2, 0))
    load.ended = server.memory()
    for asks in threads:
        asks.join()
    load.seconds = time.perf_counter() - begun
    load.server_cpu += cpu_seconds(server.pid)
    load.client_cpu += time.process_time()
    return load


def _ask_until(
    server: _Server,
    films: Sequence[bytes],
    number: int,  # of the client
    until: float,
    load: _Load,  # is added to
) -> None:
    """Be one client."""
    connection = server.connection()
    at = number
    while time.perf_counter() < until:
        try:
            seconds, status = _asked(connection, films[at % len(films)])
        except (OSError, http.client.HTTPException):
            status = 0
            connection.close()
        if status == 200:
            load.taken.append(seconds)
        else:
            load.errors += 1
        at += 1
    connection.close()


# ---- beside it


@contextmanager
def _predicts(bundle: Path, runtime: str, films: Sequence[Path]) -> Iterator[_Predicts]:
    """Run `predict` in a process that has loaded all, until the block ends."""
    command = [sys.executable, "-c", PREDICT, str(bundle), runtime, str(films[0].parent)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield _Predicts(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()


@dataclass(frozen=True)
class _Predicts:
    """A process that predicts a folder when it is told to."""

    process: subprocess.Popen[str]

    def rate(
        self,
        seconds: float,  # to predict for
    ) -> tuple[float, float]:  # films a second; processor seconds a film
        """Have it predict."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        rate, busy = self.process.stdout.readline().split()
        return float(rate), float(busy)


if __name__ == "__main__":
    main()
