"""pytest tests/curation/fetch/test_unpacked.py

The cache's blobs and indexes: what is taken for whole, and what has to be fetched again."""

import pytest
from toy_sources import remote

from cxr_fastai.core import sha256_text
from cxr_fastai.curation.fetch.archives import Dropped, Member
from cxr_fastai.curation.fetch.lock_file import LockedPart, LockEntry
from cxr_fastai.curation.fetch.unpacked import (
    blob_path,
    dropped_row,
    member_row,
    tree_of,
    unpacked_tree,
    write_index,
)

SOURCE = remote("kaggle", "own/cxr")
PART = LockedPart(name="cxr.zip", sha256="a" * 64, size=9)
ENTRY = LockEntry(handle="own/cxr", download="", version="7", parts=[PART])


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))


def stored(text):
    blob = blob_path(sha256_text(text))
    blob.parent.mkdir(parents=True, exist_ok=True)
    blob.write_text(text)
    return blob


@pytest.fixture
def index():
    "Two files and what was dropped, unpacked."
    for text in ("one", "two"):
        stored(text)
    rows = [
        member_row(Member("b.png", sha256_text("two"), 3)),
        member_row(Member("a.png", sha256_text("one"), 3)),
        dropped_row(Dropped("z", "junk", "left by, a system")),
    ]
    return write_index(ENTRY, rows)


def test_what_stands_unpacked_is_a_tree_in_order_of_its_paths(index):
    got = unpacked_tree(SOURCE, ENTRY)
    assert list(got.files) == ["a.png", "b.png"] and got.file("b.png").read_text() == "two"
    assert got.dropped == (("z", "junk", "left by, a system"),)
    assert got.where == "the download of one"


def test_the_index_is_named_by_what_was_downloaded(index):
    assert index.name == f"{sha256_text('cxr.zip=' + 'a' * 64)}.csv"
    other = LockEntry(handle="own/cxr", download="", version="7", parts=[PART, PART])
    assert unpacked_tree(SOURCE, other) is None


@pytest.mark.parametrize(
    "source",
    [
        remote("kaggle", "own/cxr@6"),
        remote("kaggle", "own/cxr", download="https://h/a.zip"),
        remote("kaggle", "own/cxr", pin="b" * 64),
    ],
    ids=["another version", "another address", "other bytes are pinned"],
)
def test_what_the_catalogue_no_longer_names_is_fetched(index, source):
    assert unpacked_tree(source, ENTRY) is None


def test_no_entry_has_no_tree_and_the_pinned_bytes_have_theirs(index):
    assert unpacked_tree(SOURCE, None) is None
    assert unpacked_tree(remote("kaggle", "own/cxr", pin="a" * 64), ENTRY)


def shorten():
    blob_path(sha256_text("two")).write_text("tw")


def remove():
    blob_path(sha256_text("two")).unlink()


@pytest.mark.parametrize("harm", [shorten, remove])
def test_a_blob_that_is_cut_or_gone_means_that_it_is_fetched_again(index, harm):
    harm()
    assert unpacked_tree(SOURCE, ENTRY) is None


@pytest.mark.parametrize("text", ['path,sha256\n"torn', "path,size\na.png,1\n"])
def test_a_damaged_index_means_that_it_is_fetched_again(index, text):
    index.write_text(text)
    assert unpacked_tree(SOURCE, ENTRY) is None


def test_a_source_of_nothing_is_an_empty_tree():
    assert tree_of(SOURCE, []).files == {} and tree_of(SOURCE, []).dropped == ()
