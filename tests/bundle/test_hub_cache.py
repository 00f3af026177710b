"""pytest tests/bundle/test_hub_cache.py"""

import hashlib
import io
import os

import pytest

from cxr_fastai.bundle import hub_cache
from cxr_fastai.bundle.hub_cache import Bounded, is_whole, keep
from cxr_fastai.core import IntegrityError

DATA = b"bytes of a file"
SHA256 = hashlib.sha256(DATA).hexdigest()
GIT = hashlib.sha1(b"blob %d\0" % len(DATA) + DATA).hexdigest()


def writer(data, calls):
    def write(file):
        calls.append(data)
        file.write(data)

    return write


@pytest.mark.parametrize("named", [SHA256, GIT])
def test_a_file_comes_once_to_its_blob_and_every_commit_links_to_it(tmp_path, named):
    calls = []
    for commit in ("1" * 40, "2" * 40, "1" * 40):
        place = tmp_path / "snapshots" / commit / "README.md"
        keep(place, (len(DATA), named), writer(DATA, calls))
        assert place.read_bytes() == DATA
        assert os.path.realpath(place) == str(tmp_path / "blobs" / named)
    assert len(calls) == 1


def test_other_bytes_leave_nothing(tmp_path):
    place = tmp_path / "snapshots" / "1" / "README.md"
    with pytest.raises(IntegrityError, match=r"README.md"):
        keep(place, (len(DATA), SHA256), writer(b"other bytes, as ", []))
    with pytest.raises(IntegrityError, match="other ones"):
        keep(place, (len(DATA), SHA256), writer(b"x" * len(DATA), []))
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == []


def test_what_was_spoilt_here_is_had_again(tmp_path):
    place, calls = tmp_path / "snapshots" / "1" / "README.md", []
    keep(place, (len(DATA), SHA256), writer(DATA, calls))
    (tmp_path / "blobs" / SHA256).write_bytes(b"spoilt")
    keep(place, (len(DATA), SHA256), writer(DATA, calls))
    assert place.read_bytes() == DATA and len(calls) == 2


def test_without_links_a_file_lies_in_its_commit_itself(tmp_path, monkeypatch):
    def no_links(*_):
        raise OSError("not supported")

    monkeypatch.setattr(hub_cache.os, "symlink", no_links)
    place = tmp_path / "snapshots" / "1" / "README.md"
    keep(place, (len(DATA), SHA256), writer(DATA, []))
    assert place.read_bytes() == DATA and not place.is_symlink()


def test_a_file_takes_no_more_than_was_told_and_can_be_begun_again():
    bounded = Bounded(io.BytesIO(), 4, "a.bin")
    bounded.write(b"1234")
    with pytest.raises(IntegrityError, match="a.bin is longer than the 4 bytes"):
        bounded.write(b"5")
    bounded.seek(0)
    bounded.truncate()
    assert bounded.tell() == 0 and bounded.write(b"abcd") == 4


@pytest.mark.parametrize(
    ("files", "whole"),
    [
        ({"bundle.json": "{}", "model.safetensors": ""}, True),
        ({"bundle.json": "{}"}, False),
        ({"model.safetensors": ""}, False),
        ({"bundle.json": "{", "model.safetensors": ""}, False),
        ({"bundle.json": '{"gate": {}}', "model.safetensors": ""}, False),
        ({"bundle.json": '{"gate": {}}', "model.safetensors": "", "gate.safetensors": ""}, True),
    ],
)
def test_a_commit_is_whole_with_all_that_answers(tmp_path, files, whole):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert is_whole(tmp_path) is whole
