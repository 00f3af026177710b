"""gdcm in a process of its own: kept, ended, replaced.

python -m pytest tests/images/test_dicom_decoder.py
"""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from toy_dicoms import coded, dicom, film

from cxr_fastai.core import ImageRejected
from cxr_fastai.images import decode, dicom_decoder
from cxr_fastai.images.dicom_decoder import by_gdcm
from cxr_fastai.images.dicom_streams import Coding, Stream

LEVELS = film(12)
LS = coded(dicom(LEVELS), "JPEGLSLossless")


def ls(data: bytes | None = None) -> Stream:
    start = LS.index(b"\xff\xd8\xff")
    return Stream(
        data=LS[start:] if data is None else data,
        coding=Coding.LS,
        bits=12,
        is_signed=False,
        rows=72,
        columns=64,
    )


@pytest.fixture(autouse=True)
def fresh():
    """Begin and end without children."""
    dicom_decoder._close_all()
    yield
    dicom_decoder._close_all()


def test_a_child_is_kept_for_the_next_picture():
    assert by_gdcm(ls(), "x") == LEVELS.tobytes()
    (child,) = dicom_decoder._idle
    assert by_gdcm(ls(), "x") == LEVELS.tobytes()
    assert dicom_decoder._idle == [child]


def test_a_stream_that_does_not_decode_ends_its_child_and_the_next_picture_is_read():
    by_gdcm(ls(), "x")
    (child,) = dicom_decoder._idle
    with pytest.raises(ImageRejected, match="its JPEG-LS does not decode") as e:
        by_gdcm(ls(b"\xff\xd8\xff\xf7" + bytes(50)), "x")
    assert e.value.reason == "damaged"
    assert dicom_decoder._idle == [] and child.poll() is not None
    assert by_gdcm(ls(), "x") == LEVELS.tobytes()


def test_a_child_that_was_killed_costs_no_picture():
    by_gdcm(ls(), "x")
    (child,) = dicom_decoder._idle
    child.kill()
    child.wait()
    assert by_gdcm(ls(), "x") == LEVELS.tobytes()


def test_a_stream_that_aborts_gdcm_is_damaged():
    """A lossless JPEG with bytes put into a table of codes: gdcm 3.2.6 ends its process."""
    data = coded(dicom(film(12, rows=40, columns=48)), "JPEGLosslessProcess14_1")
    place = data.index(b"\xff\xc4")
    bent = bytearray(data)
    rng = np.random.default_rng(7)
    rejections = 0
    for _ in range(8):
        bent = bytearray(data)
        at = place + int(rng.integers(4, 30))
        bent[at : at + 8] = rng.bytes(8)
        try:
            decode(bytes(bent))
        except ImageRejected as e:
            assert e.reason in ("damaged", "truncated")
            rejections += 1
    assert rejections
    assert np.array_equal(decode(LS), decode(dicom(LEVELS)))


def test_a_stream_that_takes_too_long_is_too_large(monkeypatch):
    by_gdcm(ls(), "x")
    monkeypatch.setattr(dicom_decoder, "MAX_SECONDS", 0.05)

    def wait(child, stream):
        child.wait()
        raise EOFError

    monkeypatch.setattr(dicom_decoder, "_asked", wait)
    with pytest.raises(ImageRejected, match="takes more than 0.05 seconds") as e:
        by_gdcm(ls(), "x")
    assert e.value.reason == "too_large" and dicom_decoder._idle == []


def test_an_interrupted_picture_ends_its_child(monkeypatch):
    by_gdcm(ls(), "x")
    (child,) = dicom_decoder._idle

    def interrupted(child, stream):
        raise KeyboardInterrupt

    monkeypatch.setattr(dicom_decoder, "_asked", interrupted)
    with pytest.raises(KeyboardInterrupt):
        by_gdcm(ls(), "x")
    assert child.poll() is not None and dicom_decoder._idle == []


def test_without_gdcm_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(dicom_decoder, "find_spec", lambda name: None)
    with pytest.raises(ImageRejected) as e:
        by_gdcm(ls(), "film.dcm")
    assert e.value.reason == "missing_extra"
    says = "film.dcm: reading DICOM with JPEG-LS needs gdcm: pip install 'cxr_fastai[dicom]'"
    assert str(e.value) == says


@pytest.mark.parametrize("child", ["raise ImportError('libgdcm')", "import os; os._exit(3)"])
def test_gdcm_that_does_not_load_is_no_fault_of_the_picture(child, monkeypatch, tmp_path):
    (tmp_path / "child.py").write_text(child)
    monkeypatch.setattr(dicom_decoder, "CHILD", tmp_path / "child.py")
    with pytest.raises(ImageRejected, match="does not load") as e:
        by_gdcm(ls(), "x")
    assert e.value.reason == "missing_extra"


def test_where_no_process_can_be_started_the_picture_may_be_read_again(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(ImageRejected, match="cannot be started: No such file") as e:
        by_gdcm(ls(), "x")
    assert e.value.reason == "unreadable"


def test_threads_have_a_child_each():
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: by_gdcm(ls(), "x"), range(9)))
    assert found == [LEVELS.tobytes()] * 9
    assert 1 <= len(dicom_decoder._idle) <= 3


def _in_a_fork(answers) -> None:
    answers.put((len(dicom_decoder._idle), by_gdcm(ls(), "x") == LEVELS.tobytes()))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_leaves_its_parents_children_alone():
    by_gdcm(ls(), "x")
    (child,) = dicom_decoder._idle
    fork = get_context("fork")
    answers = fork.Queue()
    process = fork.Process(target=_in_a_fork, args=(answers,))
    process.start()
    assert answers.get(timeout=60) == (0, True)
    process.join()
    assert child.poll() is None and by_gdcm(ls(), "x") == LEVELS.tobytes()


def test_children_end_with_the_process_that_started_them(tmp_path):
    (tmp_path / "film.dcm").write_bytes(LS)
    code = (
        "import sys; from cxr_fastai.images import decode, dicom_decoder; "
        "decode(sys.argv[1]); print(dicom_decoder._idle[0].pid)"
    )
    command = [sys.executable, "-W", "error", "-c", code, str(tmp_path / "film.dcm")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)
