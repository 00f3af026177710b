"""pytest tests/curation/fetch/test_containers.py

What an archive may cost, and which names it may use. Whole archives: test_hostile_archives."""

import zlib
from dataclasses import replace

import pytest

from cxr_fastai.core import IntegrityError
from cxr_fastai.curation.fetch.archives import UNPACK_LIMITS
from cxr_fastai.curation.fetch.containers import BY_HAND, Archive, Deflate, unwanted


@pytest.fixture
def archive(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"0123456789")
    with open(tmp_path / "a.zip", "rb") as file:
        yield Archive(file, tmp_path / "a.zip", "one: a.zip", UNPACK_LIMITS)


def with_limits(archive, **limits):
    archive.limits = replace(UNPACK_LIMITS, **limits)
    return archive


def test_bytes_are_taken_in_turn_or_from_a_place(archive):
    assert (archive.size, archive.take(3), archive.take(3)) == (10, b"012", b"345")
    assert archive.take(9, start=8) == b"89" and archive.take(1) == b""


def test_what_is_refused_is_named_with_its_member_and_remedy(archive):
    e = archive.refuse("damaged\nbadly", "a\x1b.png", BY_HAND)
    assert str(e) == (
        f"one: a.zip: 'a\\\\x1b.png': damaged badly. If you trust {archive.path}, "
        "unpack it by hand into the mirror."
    )


@pytest.mark.parametrize("name", ["../a", "a/..", "/a", "C:a", "..\\a", "\\a"])
def test_a_name_that_leads_out_is_hostile(archive, name):
    with pytest.raises(IntegrityError, match="leads out.*from its publisher alone"):
        archive.place(name)


@pytest.mark.parametrize("name,path", [("./a//b", "a/b"), ("a\\b", "a/b"), ("a..b", "a..b")])
def test_a_name_has_one_path(archive, name, path):
    assert archive.place(name) == path


def test_a_member_is_held_against_its_cap_the_whole_cap_and_the_ratio(archive):
    with_limits(archive, member=5)
    assert b"".join(archive.within([b"123", b"45"], "a", 5)) == b"12345"
    with pytest.raises(IntegrityError, match="more than 5 bytes"):
        list(archive.within([b"123", b"456"], "a", 5))
    with_limits(archive, total=12)
    with pytest.raises(IntegrityError, match="more than 12 bytes"):
        list(archive.within([b"12"], "b", 5))  # 11 came before
    with_limits(archive, ratio=2, ratio_floor=3)
    with pytest.raises(IntegrityError, match="a decompression bomb"):
        list(archive.within([b"12345"], "a", 2))


def test_members_and_the_stream_are_counted(archive):
    with_limits(archive, members=2)
    archive.count_member("a")
    archive.count_member("b")
    with pytest.raises(IntegrityError, match="more than 2 members"):
        archive.count_member("c")
    with pytest.raises(IntegrityError, match="more than 3 bytes"):
        with_limits(archive, total=3).count_stream(4)


def test_cpu_that_no_bytes_explain_is_not_spent(archive):
    archive.begun -= 100
    with pytest.raises(IntegrityError, match="took more than 60 s of CPU for 0 bytes"):
        archive.check_time("a")
    archive.read = 60 * UNPACK_LIMITS.pace
    archive.check_time("a")


@pytest.mark.parametrize(
    "path,reason",
    [
        ("a/b.png", None),
        ("__MACOSX/a", "junk"),
        ("a\0b", "name_not_utf8"),
        ("\udce9", "name_not_utf8"),
    ],
)
def test_some_names_are_not_wanted(path, reason):
    dropped = unwanted(path)
    assert (dropped.reason if dropped else None) == reason


def test_deflate_gives_no_more_than_is_asked_for_and_says_when_it_ends():
    packed = zlib.compress(bytes(1000)) + b"behind"
    d = Deflate(15)
    out = d.decompress(packed, 400)
    assert len(out) == 400 and not d.needs_input and not d.eof
    while not d.eof:
        out += d.decompress(b"", 400)
    assert out == bytes(1000) and d.unused_data == b"behind"
