"""pytest tests/curation/fetch/test_zips.py

A zip's directory and pieces, as its reader gives them. Kinds, and what is refused: test_archives, test_hostile_archives."""

import zipfile

import pytest
from toy_archives import FILES, NOISE, ZIP, flip, in_directory, zip_of

from cxr_fastai.core import IntegrityError
from cxr_fastai.curation.fetch.archives import UNPACK_LIMITS
from cxr_fastai.curation.fetch.containers import PIECE_BYTES, Archive, Dropped
from cxr_fastai.curation.fetch.zips import ZipReader


@pytest.fixture
def reader(tmp_path):
    "reader(bytes): the reader of that zip, whose file stays open for the test."
    files = []

    def read(data):
        (tmp_path / "a.zip").write_bytes(data)
        files.append(open(tmp_path / "a.zip", "rb"))
        return ZipReader(Archive(files[-1], tmp_path / "a.zip", "x", UNPACK_LIMITS))

    yield read
    for file in files:
        file.close()


def test_members_come_in_the_order_of_their_bytes_whatever_the_directory_says(reader):
    entries = list(reader(ZIP).entries())
    assert [e.path for e in entries] == list(FILES)


def test_the_size_is_what_the_directory_states(reader):
    assert reader(ZIP).size == sum(map(len, FILES.values()))


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_pieces_are_never_larger_than_a_piece(reader, method):
    data = NOISE * 12
    (entry,) = reader(zip_of({"a": data}, method)).entries()
    pieces = list(entry.pieces)
    assert b"".join(pieces) == data and max(map(len, pieces)) <= PIECE_BYTES and len(pieces) > 1


def test_a_folder_is_no_entry_and_junk_is_dropped(reader):
    entries = list(reader(zip_of([("a/", b""), ("__MACOSX/b", b"1"), ("c", b"2")])).entries())
    assert isinstance(entries[0], Dropped) and entries[0].reason == "junk"
    assert [e.path for e in entries] == ["__MACOSX/b", "c"]


def test_a_checksum_that_does_not_match_is_told_after_the_last_piece(reader):
    data = zip_of({"a": NOISE}, zipfile.ZIP_STORED)
    (entry,) = reader(flip(data, 5000)).entries()
    got = b""
    with pytest.raises(IntegrityError, match="its checksum does not match"):
        for piece in entry.pieces:
            got += piece
    assert len(got) == len(NOISE)


def test_a_method_that_is_not_read_is_told_before_the_first_byte(reader):
    with pytest.raises(IntegrityError, match=r"method 93 \(Zstandard\)"):
        reader(in_directory(zip_of({"a": b"1"}), 10, "<H", 93))
