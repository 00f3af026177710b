"""pytest tests/curation/test_kill.py

Real processes, killed by SIGKILL while they download, unpack, scan and write; started again, they end with the same
bytes as a run that nobody disturbed."""

import os
import random
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from loopback import serve
from toy_sources import put, rule, tree, write_catalog

TESTS = Path(__file__).parents[1]
CHAIN = 5  # runs that are killed one after the other before one may end


def run(
    at: int, out: Path, cache: Path, catalog: Path, kill_after=None
) -> subprocess.CompletedProcess:
    "`cxr curate`, killed at a change of the file system (0: never) or after some seconds."
    cmd = [
        sys.executable,
        str(TESTS / "killed.py"),
        str(at),
        "curate",
        "--manifest",
        str(catalog),
        "--out",
        str(out),
        "--workers",
        "2",
    ]
    env = {**os.environ, "CXR_CACHE": str(cache)}
    p = subprocess.Popen(cmd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        stdout, stderr = p.communicate(timeout=kill_after)
    except subprocess.TimeoutExpired:
        p.kill()
        stdout, stderr = p.communicate()
    return subprocess.CompletedProcess(cmd, p.returncode, stdout, stderr)


def finished(*a, **kw):
    p = run(*a, **kw)
    assert p.returncode == 0, p.stderr
    return p


@pytest.fixture
def sources(tmp_path):
    "A folder and a zip behind HTTP, with copies of each other, patients in common and a damaged file."
    for i in range(36):
        put(tmp_path / "src" / "one" / ("norm" if i % 2 else "tb") / f"p{i // 3}_{i}.png", i)
    (tmp_path / "src" / "one" / "norm" / "p0_bad.png").write_bytes(b"\x89PNG\r\n\x1a\n cut")
    for i in range(24):
        put(tmp_path / "zip" / ("norm" if i % 2 else "tb") / f"p{i // 3}_{i}.png", i + 30)
    archive = tmp_path / "two.zip"
    with zipfile.ZipFile(archive, "w") as z:
        for f in sorted((tmp_path / "zip").rglob("*.png")):
            z.write(f, f.relative_to(tmp_path / "zip").as_posix())
    with serve({"/two.zip": archive.read_bytes()}) as server:
        rows = []
        for s, more in (
            ("one", {}),
            ("two", dict(transport="http", download=f"{server.url}/two.zip")),
        ):
            rows += [
                rule(
                    s,
                    label_value="norm",
                    findings="no_finding",
                    name_regex=r"p(?P<pid>\d+)_",
                    patient=s + ":{pid}",
                    **more,
                ),
                rule(s, first=False, label_value="tb", findings="tuberculosis"),
            ]
        yield write_catalog(tmp_path / "src" / "catalog.csv", *rows)


@pytest.mark.parametrize("kill_points", [10, pytest.param(200, marks=pytest.mark.slow)])
def test_a_run_killed_at_any_moment_and_started_again_ends_with_the_same_bytes(
    tmp_path, sources, kill_points
):
    begun = time.monotonic()
    whole = finished(0, tmp_path / "whole", tmp_path / "cache", sources)
    seconds = time.monotonic() - begun
    changes, want = int(whole.stderr.rsplit("changes: ", 1)[1]), tree(tmp_path / "whole")
    assert changes > 100 and {"manifest.csv", "sources.lock.json"} <= set(want)
    rng, kills = random.Random(kill_points), 0
    for n in range(kill_points):
        if kills >= kill_points:
            break
        out, cache = tmp_path / f"out{n}", tmp_path / f"cache{n}"
        for k in range(CHAIN):
            at_change = (
                k % 2 == 0
            )  # and else at a time: workers have states that the driver's changes do not show
            p = run(
                rng.randint(1, changes) if at_change else 0,
                out,
                cache,
                sources,
                None if at_change else rng.uniform(0.2, 1) * seconds,
            )
            kills += p.returncode == -9
        finished(0, out, cache, sources)
        assert tree(out) == want, f"differs after kills in out{n}"
    assert kills >= kill_points


def test_a_run_killed_while_it_mends_an_older_folder_leaves_nothing_of_it(tmp_path, sources):
    out, cache, rng = tmp_path / "out", tmp_path / "cache", random.Random(4)
    finished(0, out, cache, sources)
    old = set(tree(out))
    for f in sorted((tmp_path / "src" / "one" / "tb").glob("*.png")):
        f.unlink()
    put(tmp_path / "src" / "one" / "tb" / "p99_99.png", 99)
    changes = int(
        finished(0, tmp_path / "whole", tmp_path / "c2", sources).stderr.rsplit("changes: ", 1)[1]
    )
    want = tree(tmp_path / "whole")
    for _ in range(6):
        run(rng.randint(changes // 3, changes), out, cache, sources)
    put(tmp_path / "src" / "one" / "tb" / "p98_98.png", 98)  # and what was planned is changed again
    for copy in ("out", "cache"):
        shutil.copytree(tmp_path / copy, tmp_path / "trial" / copy)
    trial = finished(0, tmp_path / "trial" / "out", tmp_path / "trial" / "cache", sources)
    late = int(trial.stderr.rsplit("changes: ", 1)[1])
    assert run(late - 10, out, cache, sources).returncode == -9  # its image is written by then
    assert not (out / "manifest.csv").exists()
    (tmp_path / "src" / "one" / "tb" / "p98_98.png").unlink()
    finished(0, out, cache, sources)
    assert tree(out) == want and old - set(want)
