"""pytest tests/curation/fetch/test_archive_kind.py

What a file is by its first bytes. What messages say of each: test_hostile_archives."""

import pytest
from toy_archives import ONE, TAR, tar_of, zip_of

from cxr_fastai.core import IntegrityError
from cxr_fastai.curation.fetch.archive_kind import archive_kind, check_kind, is_document
from cxr_fastai.curation.fetch.archives import UNPACK_LIMITS
from cxr_fastai.curation.fetch.containers import Archive


@pytest.mark.parametrize(
    "head,kind",
    [
        (ONE, "zip"),
        (zip_of({}), "zip"),
        (TAR, "tar"),
        (tar_of({"a": b"1"}, "gz"), "gzip"),
        (tar_of({"a": b"1"}, "bz2"), "bzip2"),
        (tar_of({"a": b"1"}, "xz"), "xz"),
        (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
        (b"Rar!\x1a\7", "RAR"),
        (b"\x28\xb5\x2f\xfd", "Zstandard"),
        (b"LZIP", "lzip"),
        (b"\x1f\x9d", "compress"),
        (b"", ""),
        (bytes(512), ""),
        (b"\x89PNG\r\n\x1a\n", ""),
        (TAR[:300], ""),
    ],
    ids=lambda value: value or "none" if isinstance(value, str) else f"{len(value)} bytes",
)
def test_the_first_bytes_tell_the_kind(head, kind):
    assert archive_kind(head) == kind


@pytest.mark.parametrize("name,yes", [("a.NPZ", True), ("a.docx", True), ("a.zip", False)])
def test_some_zips_are_one_file_to_their_readers(name, yes):
    assert is_document(name) == yes


@pytest.mark.parametrize(
    "data,kind", [(ONE, "zip"), (TAR, "tar"), (b"LZIP", None), (b"plain text", None)]
)
def test_only_what_is_read_passes(tmp_path, data, kind):
    (tmp_path / "a").write_bytes(data)
    with open(tmp_path / "a", "rb") as file:
        archive = Archive(file, tmp_path / "a", "x", UNPACK_LIMITS)
        if kind:
            assert check_kind(archive) == kind and archive.take(2) == data[:2]
        else:
            with pytest.raises(IntegrityError, match="^x: "):
                check_kind(archive)
