"""Where a picture comes from."""

import io
import os

import numpy as np
import pytest
from pictures import (
    GRAY,
    SOUND,
    rejection,
)

from cxr_fastai.core import UsageError
from cxr_fastai.images import decode, read


def test_paths_bytes_files_and_arrays_are_all_read(tmp_path):
    file = tmp_path / "ü \U0001f600 -a.png"
    file.write_bytes(SOUND["PNG"])
    with open(file, "rb") as f:
        f.read(5)  # a caller's look at the head does no harm
        data = SOUND["PNG"]
        for source in (
            file,
            str(file),
            data,
            bytearray(data),
            memoryview(data),
            io.BytesIO(data),
            f,
            GRAY,
        ):
            assert np.array_equal(decode(source), GRAY)


def test_a_pipe_that_cannot_be_rewound_is_read():
    class Pipe:
        def read(self):
            return SOUND["PNG"]

    assert np.array_equal(decode(Pipe()), GRAY)


@pytest.mark.parametrize("source", [None, 3, [1, 2], io.StringIO("x")])
def test_another_kind_of_source_is_the_callers_mistake(source):
    with pytest.raises(UsageError, match="expected a path, bytes"):
        read(source)


def test_files_that_cannot_be_read_say_why(tmp_path, monkeypatch):
    (tmp_path / "empty.png").touch()
    (tmp_path / "link.png").symlink_to(tmp_path / "nowhere.png")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "ok.png").write_bytes(SOUND["PNG"])
    for name, reason in (
        ("none.png", "missing_file"),
        ("link.png", "missing_file"),
        ("ok.png/x.png", "missing_file"),
        ("empty.png", "empty_file"),
        ("", "unreadable"),
        ("pipe.png", "unreadable"),
        ("a\0.png", "unreadable"),
        ("n" * 300, "unreadable"),
    ):
        assert rejection(f"{tmp_path}/{name}").reason == reason, name

    def denied(*a, **k):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", denied)
    assert "a folder" in str(rejection(tmp_path)) and "a pipe" in str(
        rejection(tmp_path / "pipe.png")
    )
    e = rejection(tmp_path / "ok.png")
    assert e.reason == "unreadable" and "Permission denied" in str(e)


def test_a_failing_disk_or_stream_is_unreadable():
    class Failing(io.BytesIO):
        def read(self, *a):
            raise OSError(5, "Input/output error")

    e = rejection(Failing())
    assert e.reason == "unreadable" and "Input/output error" in str(e)
