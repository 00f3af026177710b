"""pytest tests/curation/fetch/test_hostile_archives.py

Every archive here is refused, in words that say why and what to do, and nothing of it stays in the store."""

import json
import lzma
import stat
import tarfile
import tracemalloc
import zipfile
from dataclasses import replace

import pytest
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
    both,
    cut,
    deep_tar,
    entry,
    flip,
    header,
    in_directory,
    in_end,
    many_names_for_one,
    overlapping_bomb,
    packed,
    pax,
    put,
    record,
    run,
    sha,
    sparse,
    tar_of,
    unix,
    zip_of,
)

from cxr_fastai.core import IntegrityError
from cxr_fastai.curation.fetch import blob_store
from cxr_fastai.curation.fetch.archives import UNPACK_LIMITS, UnpackLimits, unpack

SMALL = replace(UNPACK_LIMITS, ratio_floor=100_000)  # bombs that cost a test nothing


# ---- what is refused

OUTSIDE = [
    "../evil.png",
    "a/../../evil.png",
    "a/..",
    "/etc/passwd",
    "//host/x",
    "C:/x.png",
    "c:x.png",
    "..\\evil.png",
    "a\\..\\..\\x.png",
    "\\\\host\\share\\x.png",
    "\\x.png",
    "./../x",
]


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("build", [zip_of, tar_of], ids=["zip", "tar"])
def test_one_name_that_leads_out_refuses_the_whole_archive(tmp_path, build, name):
    with pytest.raises(IntegrityError) as e:
        run(tmp_path, build({**FILES, name: b"1"}))
    assert (
        "leads out of the archive" in str(e.value)
        and repr(name) in str(e.value)
        and "src: " in str(e.value)
    )
    assert blobs(tmp_path) == [] and list((tmp_path / "store").iterdir()) == []


def test_links_and_folders_that_lead_out_refuse_it_too(tmp_path):
    for data in (
        tar_of([(entry("../a", tarfile.SYMTYPE, "b"), b"")]),
        tar_of([(entry("/a", tarfile.DIRTYPE), b"")]),
        zip_of({"../a/": b""}),
        zip_of([(unix("../a", stat.S_IFLNK), b"b")]),
    ):
        with pytest.raises(IntegrityError, match="leads out"):
            run(tmp_path, data)


PAGE = b"<!DOCTYPE html>\n<html><head><title>\n  Kaggle: Sign in &amp; accept </title></head><body>..</body></html>"
LINK = "https://host/x?X-Amz-Signature=0123456789abcdef"
DAMAGED = {  # what -> (archive, words of the message)
    "an empty file": (b"", "an empty file"),
    "zeros": (bytes(5000), "zeros only"),
    "an HTML page": (PAGE, "an HTML page that says 'Kaggle: Sign in & accept'"),
    "an XML error": (
        b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
        "an XML file that says 'AccessDenied'",
    ),
    "JSON": (
        json.dumps({"code": 403, "message": f"Accept the rules at {LINK}"}).encode(),
        "JSON that says 'Accept the rules at ...'",
    ),
    "a list": (b'["x"]', "no archive but JSON"),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "a Git LFS pointer"),
    "a text": (b"Too many requests", "no archive but text"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + NOISE, "bytes of no known kind (they start with 89 50"),
    "7z": (
        b"7z\xbc\xaf\x27\x1c" + NOISE,
        "a 7-Zip archive, but only zip, tar, gzip, bzip2, xz are read",
    ),
    "rar": (b"Rar!\x1a\7\0" + NOISE, "a RAR archive"),
    "zst": (b"\x28\xb5\x2f\xfd" + NOISE, "a Zstandard archive"),
    "a zip of nothing": (zip_of({}), "holds no file"),
    "a zip of folders": (zip_of({"a/": b""}), "holds no file"),
    "a tar of nothing": (tar_of({}), "zeros only"),
    "a zip cut at 60 %": (cut(ZIP), "a zip without its end"),
    "a zip cut in its directory": (ZIP[: ZIP.index(b"PK\1\2") + 60], "a zip without its end"),
    "a zip cut in its end": (ZIP[:-5], "a zip without its end"),
    "a zip without its start": (b"PK\3\4" + ZIP[9000:], "damaged: it starts before the file does"),
    "deflate flipped": (flip(ONE, 1000), "'a.png': damaged"),
    "stored flipped": (flip(STORED, 1000), "'a.png': damaged: its checksum does not match"),
    "bzip2 flipped": (flip(zip_of({"a.png": NOISE}, zipfile.ZIP_BZIP2), 1000), "'a.png': damaged"),
    "lzma flipped": (flip(zip_of({"a.png": NOISE}, zipfile.ZIP_LZMA), 1000), "'a.png': damaged"),
    "lzma without properties": (
        put(zip_of({"a.png": b"1" * 99}, zipfile.ZIP_LZMA), 37, b"\xff" * 5),
        "wrong LZMA properties",
    ),
    "lzma with a huge dictionary": (
        put(zip_of({"a.png": b"1" * 99}, zipfile.ZIP_LZMA), 40, b"\xff" * 4),
        "needs more than 268,435,456 bytes of memory",
    ),
    "a wrong CRC": (in_directory(ONE, 16, "<L", 7), "'a.png': damaged: its checksum"),
    "a CRC flipped in the last of many": (
        flip(ZIP, ZIP.rindex(b"PK\1\2") + 16),
        "'c.jpg': damaged",
    ),
    "fewer bytes than stated": (in_directory(ONE, 24, "<L", 300_000), "200,000 of 300,000 bytes"),
    "more bytes than stated": (
        in_directory(ONE, 24, "<L", 1000),
        "more than the 1,000 bytes that it states",
    ),
    "stored, of two sizes": (in_directory(STORED, 24, "<L", 1000), "'a.png': damaged"),
    "no such directory": (
        put(ZIP, ZIP.index(b"PK\1\2"), b"XXXX"),
        "the list of its members cannot be read",
    ),
    "a directory cut": (in_end(ZIP, 12, 40), "a damaged zip"),
    "a directory of no such size": (in_end(ZIP, 12, 1 << 30, "<L"), "list of its members is cut"),
    "members missing": (in_end(ZIP, 10, 9), "9 members stated, 5 listed"),
    "a header missing": (put(ONE, 0, b"PK\5\6"), "its header is missing"),
    "two names for one": (put(ONE, 30, b"b.png"), "contradict each other"),
    "two methods for one": (put(ONE, 8, b"\0\0"), "contradict each other"),
    "a name that is no UTF-8": (
        zip_of({"é.png": b"1"}).replace("é".encode(), b"\xff\xfe"),
        "cannot be read",
    ),
    "encrypted": (both(ONE, 6, 8, 1), "'a.png': encrypted: it needs a password"),
    "encrypted in its header": (put(ONE, 6, b"\1\0"), "contradict each other"),
    "encrypted strongly": (both(ONE, 6, 8, 0x41), "encrypted"),
    "encrypted directory": (both(ONE, 6, 8, 0x2000), "encrypted"),
    "deflate64": (both(ONE, 8, 10, 9), "packed by method 9 (deflate64), which is not read"),
    "no such method": (both(ONE, 8, 10, 77), "packed by method 77, which is not read"),
    "patch data": (both(ONE, 6, 8, 0x20), "packed by method"),
    "a later zip version": (in_directory(ONE, 6, "<H", 99), "cannot be read: zip file version"),
    "the last of several": (in_end(ONE, 4, 3), "one part of a zip in several parts"),
    "members in other parts": (
        in_directory(ONE, 34, "<H", 2),
        "one part of a zip in several parts",
    ),
    "the first of several": (b"PK\7\10" + cut(ONE), "or one part of several"),
    "the last of several, alone": (
        put(ONE, 0, b"the middle of a picture"),
        "the last part of a zip in several parts",
    ),
    "overlapping members": (overlapping_bomb(), "a decompression bomb: it overlaps another member"),
    "one member, many names": (
        many_names_for_one(),
        "a decompression bomb: it overlaps another member",
    ),
    "a member over the directory": (
        in_directory(ONE, 20, "<L", len(ONE)),
        "it overlaps another member",
    ),
    "a tar cut at 60 %": (cut(TAR), "a damaged tar: unexpected end of data"),
    "a tar cut before a header": (TAR[: 512 + 70_144], "a tar file without its end"),
    "a tar cut in a header": (
        tar_of({"a": b"1"})[:1024] + header("b")[:300],
        "truncated header after 1 members",
    ),
    "a tar without an end mark": (tar_of({"a": b"1"})[:1024], "a tar file without its end"),
    "a tar with a broken header": (
        tar_of({"a": b"1", "b": b"2"}).replace(b"b\0", b"x\0", 1),
        "bad checksum after 1 members",
    ),
    "a tar of a negative size": (header("a", size=-512) + END, "a negative size"),
    "a pax size below zero": (pax(record("size", -512)) + header("a") + END, "a negative size"),
    "a size beyond the end": (
        header("a", size=1 << 33) + NOISE[:5120] + END,
        "unexpected end of data",
    ),
    "a long name of 1 GB": (
        header("././@LongLink", tarfile.GNUTYPE_LONGNAME, 1 << 30) + NOISE,
        "a header of 1,073,741,824 bytes",
    ),
    "a pax header of 1 TB": (
        header("pax", tarfile.XHDTYPE, 1 << 40) + NOISE,
        "a header of 1,099,511,627,776 bytes",
    ),
    "headers without end": (
        pax(record("comment", "x" * 30_000), tarfile.XGLTYPE) * 20 + END,
        "headers without end",
    ),
    "a thousand long names": (
        (header("././@LongLink", tarfile.GNUTYPE_LONGNAME, 2) + blocks(b"a\0")) * 1250
        + header("a")
        + END,
        "a damaged tar: maximum recursion depth",
    ),
    "a sparse file that takes 1 EB": (sparse(10, packed=1 << 60), "a tar file without its end"),
    "a sparse file in disorder": (sparse(2000, b"1" * 512, 1000, 0), "its pieces overlap"),
    "a sparse map of nonsense": (
        pax(record("GNU.sparse.major", 1) + record("GNU.sparse.minor", 0))
        + header("a", size=512)
        + blocks(b"99999\n0\n0\n")
        + END,
        "a damaged tar",
    ),
    "gz of one file": (packed("gz", NOISE), "a gzip file, but of no tar"),
    "bz2 of one file": (packed("bz2", b"text"), "a bzip2 file, but of no tar"),
    "xz of nothing": (packed("xz", b""), "a xz file, but of no tar"),
    **{f"{k} cut at 60 %": (cut(tar_of(FILES, k)), "without its end") for k in ("gz", "bz2", "xz")},
    **{
        f"{k} flipped": (flip(tar_of(FILES, k), 60_000), f"a damaged {name} file")
        for k, name in (("gz", "gzip"), ("bz2", "bzip2"), ("xz", "xz"))
    },
    "gz with a wrong checksum": (flip(tar_of(FILES, "gz"), -6), "a damaged gzip file"),
    "xz with a huge dictionary": (
        lzma.compress(TAR, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 29}]),
        "needs more than 268,435,456 bytes of memory",
    ),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_what_is_no_whole_archive_is_refused_in_words(tmp_path, what):
    data, words = DAMAGED[what]
    with pytest.raises(IntegrityError) as e:
        run(tmp_path, data)
    said = str(e.value)
    assert words in said and said.startswith("src: archive.bin:") and "\n" not in said
    assert (
        str(tmp_path / "in" / "archive.bin") in said.rpartition(". ")[2]
    )  # the last sentence says what to do with it
    assert blobs(tmp_path) == []


def test_no_signed_link_or_token_is_quoted(tmp_path):
    for said in (LINK, "bad token " + "t0ken" * 10):
        with pytest.raises(IntegrityError) as e:
            run(tmp_path, json.dumps({"message": said}).encode())
        assert "Signature" not in str(e.value) and "t0ken" not in str(e.value)


def test_what_was_in_the_store_before_a_refused_archive_stays(tmp_path):
    run(tmp_path, zip_of({"a": b"1"}))
    with pytest.raises(IntegrityError):
        run(tmp_path, tar_of({"a": b"1", "b": b"2", "../c": b"3"}))
    assert blobs(tmp_path) == [sha(b"1")]


# ---- limits

MEG = bytes(1_000_000)
BEYOND = {  # what -> (archive, limits, words)
    "zip ratio": (zip_of({"a": MEG}), SMALL, "'a': a decompression bomb: more than 200 bytes out"),
    "zip ratio of one": (zip_of({"a": MEG, "b": NOISE}), SMALL, "'a': a decompression bomb"),
    "zip ratio of many": (
        zip_of({f"{i}": bytes(9000) for i in range(300)}),
        replace(SMALL, ratio=20),
        "a decompression bomb",
    ),
    "bzip2 ratio": (zip_of({"a": MEG}, zipfile.ZIP_BZIP2), SMALL, "a decompression bomb"),
    "lzma ratio": (zip_of({"a": MEG}, zipfile.ZIP_LZMA), SMALL, "a decompression bomb"),
    **{
        f"{k} ratio": (tar_of({"a": MEG}, k), SMALL, "a decompression bomb")
        for k in ("gz", "bz2", "xz")
    },
    "zeros after the end mark": (
        packed("gz", tar_of({"a": b"1"}) + MEG),
        SMALL,
        "a decompression bomb",
    ),
    "zeros in what is left out": (tar_of({"__MACOSX/a": MEG}, "gz"), SMALL, "a decompression bomb"),
    "sparse ratio": (sparse(1 << 40), SMALL, "'sparse.raw': a decompression bomb"),
    "zip total": (
        zip_of({"a": NOISE, "b": NOISE}),
        replace(UNPACK_LIMITS, total=300_000),
        "to more than 300,000 bytes",
    ),
    "tar total": (
        tar_of({"a": NOISE, "b": NOISE}),
        replace(UNPACK_LIMITS, total=300_000),
        "to more than 300,000 bytes",
    ),
    "zip member": (
        zip_of({"a": NOISE}),
        replace(UNPACK_LIMITS, member=1000),
        "'a': unpacks to more than 1,000 bytes",
    ),
    "tar member": (
        tar_of({"a": NOISE}, "gz"),
        replace(UNPACK_LIMITS, member=1000),
        "'a': unpacks to more than 1,000 bytes",
    ),
    "zip members": (
        zip_of({f"{i}": b"" for i in range(9)}),
        replace(UNPACK_LIMITS, members=8),
        "more than 8 members",
    ),
    "zip members, understated": (
        in_end(zip_of({f"{i}": b"" for i in range(9)}), 10, 1),
        replace(UNPACK_LIMITS, members=8),
        "more than 8 members",
    ),
    "tar members": (
        tar_of([(entry(f"{i}", tarfile.DIRTYPE), b"") for i in range(9)]),
        replace(UNPACK_LIMITS, members=8),
        "more than 8 members",
    ),
    "zip depth": (zip_of({"d/" * 33 + "a": b"1"}), UNPACK_LIMITS, "33 folders deep"),
    "tar depth": (tar_of({"d/" * 33 + "a": b"1"}), UNPACK_LIMITS, "33 folders deep"),
    "zip path": (zip_of({"n" * 5000: b"1"}), UNPACK_LIMITS, "a path of 5,000 characters"),
    "tar path": (tar_of({"n" * 5000: b"1"}), UNPACK_LIMITS, "a path of 5,000 characters"),
    "zip time": (
        zip_of({f"{i}": b"1" for i in range(50)}),
        replace(UNPACK_LIMITS, seconds=0, pace=1 << 40),
        "s of CPU",
    ),
    "tar time": (
        tar_of({f"{i}": b"1" for i in range(50)}),
        replace(UNPACK_LIMITS, seconds=0, pace=1 << 40),
        "s of CPU",
    ),
}


@pytest.mark.parametrize("what", BEYOND)
def test_an_archive_beyond_a_limit_is_refused_and_leaves_nothing(tmp_path, what):
    data, limits, words = BEYOND[what]
    with pytest.raises(IntegrityError) as e:
        run(tmp_path, data, limits)
    assert words in str(e.value) and blobs(tmp_path) == []


def test_the_limits_let_these_through_at_their_edge(tmp_path):
    eight = zip_of({f"{i}": b"" for i in range(8)})
    for data, limits, count in (
        (zip_of({"d/" * 32 + "a": b"1"}), UNPACK_LIMITS, 1),
        (zip_of({"a": MEG}), UNPACK_LIMITS, 1),  # 1000:1, but small
        (eight, replace(UNPACK_LIMITS, members=8), 8),
        (tar_of({"a": NOISE}), UnpackLimits(member=len(NOISE)), 1),
    ):
        members, dropped = run(tmp_path, data, limits)
        assert len(members) == count and dropped == []


def test_a_tar_of_thousands_of_folders_in_each_other_is_refused_at_once(tmp_path):
    data = packed("gz", deep_tar())
    at_once = replace(UNPACK_LIMITS, seconds=2)  # of CPU: beyond these it is refused in other words
    with pytest.raises(IntegrityError, match="folders deep"):
        run(tmp_path, data, at_once)
    name = b"d/" * 200_000 + b"\0"
    one = (
        header("././@LongLink", tarfile.GNUTYPE_LONGNAME, len(name))
        + blocks(name)
        + header("d")
        + END
    )
    with pytest.raises(IntegrityError, match="a header of 400,001 bytes"):
        run(tmp_path, one, at_once)


@pytest.mark.parametrize(
    "what", ["zip bz2", "zip lzma", "tar.bz2", "tar.gz", "tar.xz", "zip stored"]
)
def test_memory_stays_flat_whatever_a_few_bytes_become(tmp_path, what):
    zeros = bytes(40 << 20)
    method = {
        "zip bz2": zipfile.ZIP_BZIP2,
        "zip lzma": zipfile.ZIP_LZMA,
        "zip stored": zipfile.ZIP_STORED,
    }.get(what)
    data = zip_of({"a": zeros}, method) if method is not None else tar_of({"a": zeros}, what[4:])
    (tmp_path / "a").write_bytes(data)
    tracemalloc.start()
    try:
        unpack(tmp_path / "a", tmp_path / "store", "a", limits=replace(UNPACK_LIMITS, ratio=1e9))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < blob_store.SPILL_BYTES + (12 << 20)  # 8 MiB of them are the dictionary of LZMA
