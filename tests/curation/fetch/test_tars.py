"""pytest tests/curation/fetch/test_tars.py

A tar as one stream, as its reader gives it. Kinds, and what is refused: test_archives, test_hostile_archives."""

import tarfile

import pytest
from toy_archives import FILES, NOISE, TAR, blocks, cut, entry, header, packed, tar_of

from cxr_fastai.core import IntegrityError
from cxr_fastai.curation.fetch.archives import UNPACK_LIMITS
from cxr_fastai.curation.fetch.containers import PIECE_BYTES, Archive, Dropped
from cxr_fastai.curation.fetch.tars import METHODS, TarReader


@pytest.fixture
def reader(tmp_path):
    "reader(bytes, kind): the reader of that tar, whose file stays open for the test."
    files = []

    def read(data, kind="tar"):
        (tmp_path / "a.tar").write_bytes(data)
        files.append(open(tmp_path / "a.tar", "rb"))
        return TarReader(Archive(files[-1], tmp_path / "a.tar", "x", UNPACK_LIMITS), kind)

    yield read
    for file in files:
        file.close()


def content(reader):
    return {e.path: b"".join(e.pieces) for e in reader.entries()}


@pytest.mark.parametrize("method,kind", [("gz", "gzip"), ("bz2", "bzip2"), ("xz", "xz")])
def test_every_compression_gives_the_plain_tars_files(reader, method, kind):
    assert content(reader(packed(method, TAR), kind)) == FILES
    assert packed(method, TAR).startswith(METHODS[kind].magic)


def test_a_plain_tar_is_read_in_its_order(reader):
    assert list(content(reader(TAR))) == list(FILES)


def test_what_nobody_reads_is_read_over(reader):
    assert [e.path for e in reader(TAR).entries()] == list(FILES)


def test_pieces_are_never_larger_than_a_piece(reader):
    for found in reader(tar_of({"a": NOISE * 12})).entries():
        assert max(map(len, found.pieces)) <= PIECE_BYTES


def test_links_are_dropped_and_folders_are_no_entry(reader):
    data = tar_of(
        [
            (entry("l", tarfile.SYMTYPE, "/etc"), b""),
            (entry("d", tarfile.DIRTYPE), b""),
            ("f", b"1"),
        ]
    )
    found = list(reader(data).entries())
    assert [f.path for f in found] == ["l", "f"]
    assert isinstance(found[0], Dropped) and found[0].message == "a link to /etc"


@pytest.mark.parametrize(
    "kind,data,words",
    [
        ("tar", cut(TAR), "a damaged tar: unexpected end of data"),
        ("tar", header("f", size=1) + blocks(b"1"), "a tar file without its end"),
        ("gzip", cut(packed("gz", TAR)), "a gzip file without its end"),
    ],
)
def test_a_tar_that_is_cut_is_told_as_cut(reader, kind, data, words):
    with pytest.raises(IntegrityError, match=words):
        content(reader(data, kind))


def test_a_compressed_file_of_something_else_is_no_tar(reader):
    with pytest.raises(IntegrityError, match="a gzip file, but of no tar"):
        content(reader(packed("gz", b"text" * 999), "gzip"))
