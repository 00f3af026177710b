"""pytest tests/curation/test_survive.py

Disks that are full or read-only, two runs at once, odd names, links and foreign files: real processes, real mounts."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from toy_sources import put, read_rows, rule, tree, write_catalog

from cxr_fastai.curation.folder.lock import MARKER
from cxr_fastai.manifest import read_manifest


def start(tmp_path, *args, out="out", manifest=None):
    cmd = [
        sys.executable,
        "-m",
        "cxr_fastai",
        "curate",
        "--manifest",
        manifest or tmp_path / "c.csv",
        "--out",
        out,
        "--workers",
        "1",
        *args,
    ]
    return subprocess.Popen(
        list(map(str, cmd)),
        cwd=tmp_path,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "CXR_CACHE": str(tmp_path / "cache")},
    )


def end(p):
    out, err = p.communicate(timeout=120)
    assert "Traceback" not in err
    return p.returncode, out, err


@pytest.fixture
def source(tmp_path):
    for i in range(40):
        put(tmp_path / "one" / ("norm" if i % 2 else "tb") / f"{i}.png", i)
    write_catalog(
        tmp_path / "c.csv",
        rule(label_value="norm", findings="no_finding"),
        rule(first=False, label_value="tb", findings="tuberculosis"),
    )
    return tmp_path


@pytest.fixture
def disk(tmp_path):
    "mount(options): a file system of its own below tmp_path."
    at = tmp_path / "disk"
    at.mkdir()

    def mount(options):
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(at)], capture_output=True
        )
        if done.returncode:
            pytest.skip("mounting needs root")
        return at

    yield mount
    while subprocess.run(["umount", str(at)], capture_output=True).returncode == 0:
        pass


@pytest.mark.parametrize("room", [8, 60])
def test_a_full_disk_ends_with_5_and_the_same_command_goes_on_when_there_is_room(
    source, disk, room
):
    assert end(start(source, out="whole"))[0] == 0
    at = disk(f"size={room}k")
    code, _, err = end(start(source, out=at / "out"))
    assert code == 5 and ("No space left" in err or "are free" in err), err
    assert not (at / "out" / "manifest.csv").exists() and not list(at.rglob("*.part"))
    subprocess.run(["mount", "-o", "remount,size=4m", str(at)], check=True)
    assert end(start(source, out=at / "out"))[0] == 0
    assert tree(at / "out") == tree(source / "whole")


def test_a_read_only_output_ends_with_5_and_a_read_only_input_works(source, disk):
    at = disk("size=4m")
    shutil.copytree(source / "one", at / "one")
    shutil.copy(source / "c.csv", at / "c.csv")
    subprocess.run(["mount", "-o", "remount,ro", str(at)], check=True)
    code, _, err = end(start(source, out=at / "out"))
    assert code == 5 and "Read-only" in err or "permission" in err.lower()
    assert end(start(source, manifest=at / "c.csv"))[0] == 0


def wait_for_holder(marker):
    "Until the marker names its process and host: it is empty for a moment after it was made."
    for _ in range(1200):
        if marker.exists() and marker.read_text().count("\n") >= 1:
            return
        time.sleep(0.01)
    raise AssertionError(f"{marker} names no holder after 12 s")


def test_the_second_of_two_runs_names_the_first_or_waits_for_it(source):
    assert end(start(source, out="alone"))[0] == 0
    first = start(source)
    wait_for_holder(source / "out" / MARKER)
    first.send_signal(signal.SIGSTOP)
    code, _, err = end(start(source))
    assert (
        code == 2
        and f"process {first.pid} on {os.uname().nodename}, begun 20" in err
        and err.count("\n") == 1
    )
    third = start(source, "--wait")
    time.sleep(2)
    assert third.poll() is None
    first.send_signal(signal.SIGCONT)
    assert end(first)[0] == 0
    code, _, err = end(third)
    assert code == 0 and "waiting: another run" in err and "up to date" in err
    assert tree(source / "out") == tree(source / "alone")


def test_a_lock_that_a_killed_run_left_does_not_stop_the_next(source):
    p = start(source)
    wait_for_holder(source / "out" / MARKER)
    p.kill()
    p.wait()
    assert (
        (source / "out" / MARKER).exists()
        and end(start(source))[0] == 0
        and not (source / "out" / MARKER).exists()
    )


ODD = [
    "a b.png",
    "Ä.png",
    "A\u0308.png",
    "x" * 251 + ".png",
    "new\nline.png",
    "-dash.png",
    "=1+2.png",
    "@a.png",
    "'q\".png",
    "Case.png",
    "case.png",
    "con.png",
    "\u202egnp.png",
    "🫁.png",
    "comma,.png",
    "cr\rx.png",
]


def test_every_name_is_kept_as_a_cell_and_none_becomes_a_name_on_disk(source):
    for i, n in enumerate(ODD):
        put(source / "one" / "tb" / n, 100 + i)
    put(source / "one" / "=1+cmd|' C calc'!A0" / "0.png", 200)  # no rule knows its label
    assert end(start(source))[0] == 0
    rows = read_manifest(source / "out").rows
    assert {f"tb/{n}" for n in ODD} <= {r.original_path for r in rows}
    names = [f.name for f in (source / "out").rglob("*.png")]
    assert len(names) == len(set(names)) == 40 + len(ODD) and all(
        n.isascii() and len(n) == 36 for n in names
    )
    assert {"=1+cmd|' C calc'!A0/0.png"} == {
        r["path"] for r in read_rows(source / "out" / "rejects.csv")
    }
    for f in (source / "out").glob("*.csv"):
        with open(f, newline="", encoding="utf-8") as text:
            assert not [c for row in csv.reader(text) for c in row if c and c[0] in "=+-@\t\r"]


def test_links_that_lead_out_or_round_are_rejected_by_name(source):
    put(source / "away" / "secret.png", 200)
    os.symlink(source / "away" / "secret.png", source / "one" / "tb" / "out.png")
    os.symlink("round.png", source / "one" / "tb" / "round.png")
    os.symlink("..", source / "one" / "tb" / "up")
    os.symlink("0.png", source / "one" / "tb" / "in.png")
    assert end(start(source))[0] == 0
    bad = {r["path"]: r["reason"] for r in read_rows(source / "out" / "rejects.csv")}
    assert bad == {
        "tb/out.png": "link_outside",
        "tb/round.png": "dangling_link",
        "tb/up": "link_to_folder",
    }
    assert {r["path"] for r in read_rows(source / "out" / "duplicates.csv")} == {
        "tb/0.png",
        "tb/in.png",
    }


def test_foreign_files_are_told_and_never_touched(source):
    assert end(start(source))[0] == 0
    mine = [
        put(source / "out" / "normal" / "mine.png", 300),
        source / "out" / "notes.txt",
        source / "out" / "normal" / ".hidden.part",
    ]
    for f in mine[1:]:
        f.write_text("mine")
    before = {f: f.read_bytes() for f in mine}
    for f in (source / "one" / "norm").glob("*.png"):
        f.unlink()
    put(source / "one" / "norm" / "new.png", 301)
    code, _, err = end(start(source))
    assert code == 0 and "not in the manifest and stay" in err
    assert {f: f.read_bytes() for f in mine} == before


def test_a_plan_that_names_files_elsewhere_is_not_believed(source):
    assert end(start(source))[0] == 0
    mine = put(source / "mine.png", 300)
    (source / "out" / ".images.txt").write_text(
        "../mine.png\n/etc/passwd\nnormal/../../mine.png\nREADME.md\n"
    )
    (source / "one" / "norm" / "1.png").unlink()
    code, _, err = end(start(source))
    assert (
        code == 0
        and "removed 1 image " in err
        and mine.exists()
        and not (source / "out" / ".images.txt").exists()
    )


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_says_so_in_one_line_and_goes_on_later(source, stop):
    for i in range(400):
        put(source / "one" / "tb" / f"more{i}.png", 1000 + i)
    p = start(source)
    for _ in range(1000):
        if (source / "out" / "tuberculosis").exists():
            break
        time.sleep(0.01)
    p.send_signal(stop)
    code, _, err = end(p)
    assert code in ((130, 0) if stop == signal.SIGINT else (-15, 143, 0))
    assert end(start(source))[0] == 0 and end(start(source, out="whole"))[0] == 0
    assert tree(source / "out") == tree(source / "whole")
