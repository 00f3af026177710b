"""pytest tests/curation/fetch/test_archives.py

Archives as people publish them, what is left out of them, full disks and kills. What is refused: its neighbour."""

import io
import os
import random
import resource
import shutil
import stat
import struct
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from recording_progress import RecordingProgress
from toy_archives import (
    END,
    FILES,
    NOISE,
    ONE,
    STORED,
    TAR,
    ZIP,
    blobs,
    blocks,
    check_store,
    entry,
    header,
    members_of,
    packed,
    put,
    reasons,
    run,
    sha,
    sparse,
    tar_of,
    unix,
    zip_of,
)

from cxr_fastai.core import StorageError
from cxr_fastai.curation.fetch import blob_store
from cxr_fastai.curation.fetch.archives import Member, unpack

# ---- archives as they should be

GOOD = {
    "stored": zip_of(FILES, zipfile.ZIP_STORED),
    "deflate": ZIP,
    "bzip2": zip_of(FILES, zipfile.ZIP_BZIP2),
    "lzma": zip_of(FILES, zipfile.ZIP_LZMA),
    "zip64": zip_of(FILES, force_zip64=True),
    "comment": put(ZIP + b"a comment", len(ZIP) - 2, struct.pack("<H", 9)),
    "tar": TAR,
    "tar, GNU": tar_of(FILES, fmt=tarfile.GNU_FORMAT),
    "tar, ustar": tar_of(FILES, fmt=tarfile.USTAR_FORMAT),
    "gz": tar_of(FILES, "gz"),
    "bz2": tar_of(FILES, "bz2"),
    "xz": tar_of(FILES, "xz"),
    "gz of two parts": packed("gz", TAR[:5000]) + packed("gz", TAR[5000:]),
    "bz2 of two parts": packed("bz2", TAR[:5000]) + packed("bz2", TAR[5000:]),
    "gz, then zeros": tar_of(FILES, "gz") + bytes(512),
}


@pytest.mark.parametrize("kind", GOOD)
def test_every_kind_gives_the_same_files_whatever_its_name(tmp_path, kind):
    assert run(tmp_path, GOOD[kind]) == (members_of(FILES), [])
    assert blobs(tmp_path) == sorted({sha(v) for v in FILES.values()})


def test_a_zip64_directory_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(
        zipfile, "ZIP_FILECOUNT_LIMIT", 2
    )  # its writer then thinks that five files are too many
    data = zip_of(FILES)
    assert b"PK\6\6" in data and run(tmp_path, data) == (members_of(FILES), [])


def test_a_zip_streamed_without_sizes_in_its_headers(tmp_path):
    class Pipe(io.RawIOBase):
        def __init__(self):
            self.data = b""

        def writable(self):
            return True

        def write(self, b):
            self.data += bytes(b)
            return len(b)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as z:
        for k, v in FILES.items():
            z.writestr(k, v)
    assert run(tmp_path, pipe.data) == (members_of(FILES), [])


ODD_NAMES = [
    "Ünïcödé/胸.png",
    "NFD/e\u0301.png",
    "new\nline.png",
    "-rf.png",
    ".hidden.png",
    "case.png",
    "CASE.png",
    "x" * 250 + ".png",
    "CON.png",
    "a b/\u202egnp.exe",
    "🩻.png",
    "=1+1.csv",
    "...",
    "a/.../b",
    "a..b/c..",
]


@pytest.mark.parametrize("build", [zip_of, tar_of], ids=["zip", "tar"])
def test_a_name_may_be_any_text_since_no_file_is_called_so(tmp_path, build):
    files = {n: n.encode() for n in ODD_NAMES}
    assert run(tmp_path, build(files)) == (members_of(files), [])


@pytest.mark.parametrize(
    "name,path",
    [
        ("./a/x.png", "a/x.png"),
        ("a//x.png", "a/x.png"),
        ("a/./x.png", "a/x.png"),
        ("a\\b\\x.png", "a/b/x.png"),
    ],
)
@pytest.mark.parametrize("build", [zip_of, tar_of], ids=["zip", "tar"])
def test_paths_have_one_form(tmp_path, build, name, path):
    assert run(tmp_path, build({name: b"1"}))[0][0].path == path


def test_zip_names_without_the_utf8_flag_are_utf8_where_they_can_be(tmp_path):
    def unflagged(name):  # a letter each for a byte of `name`
        plain = zip_of({"q" * len(name): b"1"})
        return plain.replace(b"q" * len(name), name)

    assert (
        run(tmp_path, unflagged("é胸.png".encode()))[0][0].path == "é胸.png"
    )  # as macOS writes them
    assert run(tmp_path, unflagged(b"\x82.png"))[0][0].path == "é.png"  # code page 437


def test_sparse_files_have_their_holes_as_zeros(tmp_path):
    want = bytes(1024) + b"data" * 128 + bytes(1536)
    assert run(tmp_path, sparse(len(want), b"data" * 128, 1024))[0] == [
        Member("sparse.raw", sha(want), len(want))
    ]


def test_strip_takes_leading_folders_off(tmp_path):
    files = [
        ("repo-1f/README", b"r"),
        ("repo-1f/img/a.png", b"a"),
        ("pax.txt", b"p"),
        ("other/README", b"o"),
        ("repo-1f/__MACOSX/x", b"x"),
    ]
    members, dropped = run(tmp_path, zip_of(files), strip=1)
    assert [(m.path, m.sha256) for m in members] == [
        ("README", sha(b"r")),
        ("img/a.png", sha(b"a")),
    ]
    assert reasons(dropped) == {
        "pax.txt": "outside",
        "other/README": "duplicate_name",
        "repo-1f/__MACOSX/x": "junk",
    }


def test_progress_is_told_of_the_archives_bytes(tmp_path):
    for data in (STORED, tar_of(FILES, "gz")):
        progress = RecordingProgress()
        run(tmp_path, data, progress=progress)
        (meter,) = progress.meters
        assert (meter.total, meter.what) == (len(data), "unpacking src: archive.bin")
        assert meter.closed and 0.9 * len(data) < sum(meter.updates) <= len(data)
        assert meter.done == sum(meter.updates)


# ---- what is left out

LEFT_OUT = {  # what -> (archive, paths that stay, path -> reason)
    "zip link": (
        zip_of([(unix("a", stat.S_IFLNK | 0o777), b"/etc/passwd"), ("b", b"1")]),
        ["b"],
        {"a": "link"},
    ),
    "zip pipe": (
        zip_of([(unix("a", stat.S_IFIFO | 0o777), b""), (unix("b", stat.S_IFREG | 0o4755), b"1")]),
        ["b"],
        {"a": "device"},
    ),
    "zip device": (zip_of([(unix("a", stat.S_IFCHR | 0o777), b"")]), [], {"a": "device"}),
    "tar link": (
        tar_of([(entry("a", tarfile.SYMTYPE, "/etc/passwd"), b""), ("b", b"1")]),
        ["b"],
        {"a": "link"},
    ),
    "tar link to a folder": (
        tar_of([(entry("a", tarfile.SYMTYPE, "../.."), b""), ("a/b", b"1")]),
        ["a/b"],
        {"a": "link"},
    ),
    "tar hard link": (
        tar_of([("b", b"1"), (entry("a", tarfile.LNKTYPE, "b"), b"")]),
        ["b"],
        {"a": "link"},
    ),
    "tar devices": (
        tar_of(
            [
                (entry("c", tarfile.CHRTYPE), b""),
                (entry("d", tarfile.BLKTYPE), b""),
                (entry("p", tarfile.FIFOTYPE), b""),
                ("b", b"1"),
            ]
        ),
        ["b"],
        {"c": "device", "d": "device", "p": "device"},
    ),
    "tar of no known type": (
        header("a", b"Q", 600) + bytes(1024) + header("b", size=1) + blocks(b"1") + END,
        ["b"],
        {"a": "device"},
    ),
    "junk": (
        zip_of(
            {
                "__MACOSX/a.png": b"1",
                "a/._b.png": b"2",
                ".DS_Store": b"3",
                "a/Thumbs.db": b"4",
                "desktop.ini": b"5",
                "a/b.png": b"6",
            }
        ),
        ["a/b.png"],
        dict.fromkeys(
            ["__MACOSX/a.png", "a/._b.png", ".DS_Store", "a/Thumbs.db", "desktop.ini"], "junk"
        ),
    ),
    "folders": (
        zip_of([("a/", b""), ("w\\", b""), ("a/b", b"1"), (unix("d", stat.S_IFDIR | 0o755), b"")]),
        ["a/b"],
        {},
    ),
    "tar name of other bytes": (
        tar_of({"caf\xe9.png": b"1", "b": b"2"}, fmt=tarfile.GNU_FORMAT, encoding="latin-1"),
        ["b"],
        {"caf\\udce9.png": "name_not_utf8"},
    ),
    "zip name with NUL": (
        zip_of({"aQb.png": b"1", "b": b"2"}).replace(b"aQb.png", b"a\0b.png"),
        ["b"],
        {"a\\x00b.png": "name_not_utf8"},
    ),
    "archives": (
        zip_of(
            {
                "z.zip": ONE,
                "t.dat": TAR,
                "t.tgz": tar_of(FILES, "gz"),
                "7.png": b"7z\xbc\xaf\x27\x1c..",
                "r.rar": b"Rar!\x1a\7\0",
                "a.npz": ONE,
                "t.XLSX": STORED,
                "b": b"1",
            }
        ),
        ["a.npz", "b", "t.XLSX"],
        dict.fromkeys(["z.zip", "t.dat", "t.tgz", "7.png", "r.rar"], "nested_archive"),
    ),
    "second copies": (
        zip_of(
            {
                "x/x/train/a.png": b"1",
                "x/x/train/b.png": b"2",
                "x/train/a.png": b"1",
                "x/train/b.png": b"other",
                "o/x/x/c": b"3",
                "o/x/c": b"3",
                "y/y": b"1",
                "y": b"1",
            }
        ),
        ["o/x/c", "x/train/a.png", "x/train/b.png", "x/x/train/b.png", "y", "y/y"],
        {"x/x/train/a.png": "nested_copy", "o/x/x/c": "nested_copy"},
    ),
    "a doubled folder alone": (
        zip_of({"ChinaSet/ChinaSet/x.png": b"1"}),
        ["ChinaSet/ChinaSet/x.png"],
        {},
    ),
    "a thrice doubled folder": (
        tar_of({"a/a/a/x": b"1", "a/a/x": b"1", "a/x": b"1"}),
        ["a/x"],
        {"a/a/a/x": "nested_copy", "a/a/x": "nested_copy"},
    ),
}


@pytest.mark.parametrize("what", LEFT_OUT)
def test_what_is_left_out_is_named_with_its_reason(tmp_path, what):
    data, stay, out = LEFT_OUT[what]
    members, dropped = run(tmp_path, data)
    assert [m.path for m in members] == stay and reasons(dropped) == out
    assert all(d.message and "\n" not in d.message for d in dropped)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("build", [zip_of, tar_of], ids=["zip", "tar"])
def test_of_two_files_with_one_name_the_first_stays(tmp_path, build):
    members, dropped = run(tmp_path, build([("a", b"1"), ("a", b"1"), ("./a", b"2")]))
    assert members == members_of({"a": b"1"})
    assert [(d.path, d.reason, d.message.rpartition(": ")[2]) for d in dropped] == [
        ("a", "duplicate_name", "its bytes differ"),
        ("a", "duplicate_name", "the same bytes"),
    ]


# ---- disk, and being killed


def test_a_second_run_writes_nothing_and_says_the_same(tmp_path):
    first = run(tmp_path, ZIP)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "store").rglob("*")}
    assert run(tmp_path, ZIP) == first and before == {p: p.stat().st_mtime_ns for p in before}


def test_a_file_in_the_store_that_lost_its_bytes_is_written_again(tmp_path):
    run(tmp_path, ZIP)
    blob = tmp_path / "store" / sha(FILES["c.jpg"])[:2] / sha(FILES["c.jpg"])
    blob.write_bytes(b"")
    run(tmp_path, ZIP)
    assert blob.read_bytes() == FILES["c.jpg"]


def test_no_room_is_said_before_the_first_byte(tmp_path, monkeypatch):
    free = shutil.disk_usage(tmp_path)._replace(free=100_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda p: free)
    with pytest.raises(StorageError, match="needs 220,000 bytes in .*store, 100,000 are free"):
        run(tmp_path, ONE)
    with pytest.raises(StorageError, match="100,000 are free"):
        run(tmp_path, tar_of({"a": NOISE}))
    assert blobs(tmp_path) == []


def test_what_an_earlier_attempt_wrote_needs_no_room(tmp_path, monkeypatch):
    first = run(tmp_path, ZIP)
    free = shutil.disk_usage(tmp_path)._replace(free=100_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda p: free)
    assert run(tmp_path, ZIP) == first


def test_a_disk_that_fills_up_ends_it_with_what_is_done_kept(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    files = {"a": NOISE[:1000], "b": NOISE}
    data = zip_of(files)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "archive.bin").write_bytes(data)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (100_000, hard)
    )  # the kernel refuses to write more to one file
    try:
        with pytest.raises(
            StorageError, match="cannot write to .*store: File too large. Free space"
        ):
            unpack(tmp_path / "in" / "archive.bin", tmp_path / "store", "x")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    check_store(tmp_path)
    assert blobs(tmp_path) == [sha(files["a"])]
    assert run(tmp_path, data) == (members_of(files), [])


def test_a_store_that_is_a_file_and_an_archive_that_is_missing(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        unpack(tmp_path / "file", tmp_path / "file", "x")
    with pytest.raises(StorageError, match="x: cannot read .*none: No such file"):
        unpack(tmp_path / "none", tmp_path / "s", "x")


ROOT = Path(__file__).parents[3]
KILLED = """
import os, signal, sys
from cxr_fastai.curation.fetch import archives, blob_store
blob_store.SPILL_BYTES = 50_000
class Killer:
    left = int(sys.argv[3])
    def meter(self, total, done, what):
        return self
    def update(self, n):
        self.left -= n
        if self.left < 0: os.kill(os.getpid(), signal.SIGKILL)
    def close(self): pass
archives.unpack(sys.argv[1], sys.argv[2], "x", progress=Killer())
"""


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_killed_anywhere_and_started_again_it_ends_the_same(tmp_path, kind):
    files = {f"{i}.png": random.Random(i).randbytes(300_000) for i in range(8)} | {
        "big.npz": NOISE * 20
    }
    data = zip_of(files) if kind == "zip" else tar_of(files)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "archive.bin").write_bytes(data)
    left = set()
    for part in (0.1, 0.5, 0.8):
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                KILLED,
                tmp_path / "in" / "archive.bin",
                tmp_path / "store",
                str(int(len(data) * part)),
            ],
            cwd=ROOT,
        )
        assert done.returncode == -9
        left |= {p.name for p in (tmp_path / "store").glob(".*.part")}
    assert left  # a killed process cannot tidy up
    assert run(tmp_path, data) == (members_of(files), [])
    assert blobs(tmp_path) == sorted(sha(v) for v in files.values())


def test_the_temporary_file_of_a_process_that_lives_is_left_alone(tmp_path):
    (tmp_path / "store").mkdir()
    mine = blob_store.BlobStore(tmp_path / "store")
    theirs = mine.part.with_name(mine.part.name.replace(f".{os.getpid()}.", f".{os.getppid()}."))
    for p in (mine.part, theirs):
        p.write_bytes(b"unfinished")
    (tmp_path / "a").write_bytes(ONE)
    unpack(tmp_path / "a", tmp_path / "store", "x")
    assert mine.part.exists() and theirs.exists()
