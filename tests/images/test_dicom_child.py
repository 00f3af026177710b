"""The process in which gdcm decodes: what it is asked, what it answers.

python -m pytest tests/images/test_dicom_child.py
"""

import shutil
import subprocess
import sys

from toy_dicoms import coded, dicom, film

from cxr_fastai.images import dicom_child
from cxr_fastai.images.dicom_child import ANSWER, LS, READY, REQUEST

LEVELS = film(12)
STREAM = coded(dicom(LEVELS), "JPEGLSLossless").partition(b"\xff\xd8\xff")
DATA = STREAM[1] + STREAM[2]


def request(data: bytes) -> bytes:
    return REQUEST.pack(LS, 12, False, 72, 64, len(data)) + data


def asked(questions: bytes) -> bytes:
    """Return all that a child answers."""
    command = [sys.executable, dicom_child.__file__]
    return subprocess.run(command, input=questions, capture_output=True, check=True).stdout


def test_it_says_that_it_is_ready_and_ends_with_its_input():
    assert asked(b"") == READY == asked(b"\0\0\0")


def test_it_answers_one_request_after_the_other():
    answer = ANSWER.pack(True, LEVELS.nbytes) + LEVELS.tobytes()
    assert asked(request(DATA) * 2) == READY + answer * 2


def test_what_does_not_decode_is_answered_without_bytes():
    bad = request(b"\xff\xd8\xff\xf7" + bytes(50))
    found = asked(bad + request(DATA))
    assert found.startswith(READY + ANSWER.pack(False, 0))
    assert found.endswith(LEVELS.tobytes())


def test_it_imports_no_neighbour_of_its_own_folder(tmp_path):
    shutil.copy(dicom_child.__file__, tmp_path / "child.py")
    (tmp_path / "gdcm.py").write_text("raise SystemExit('a neighbour')")
    command = [sys.executable, str(tmp_path / "child.py")]
    done = subprocess.run(command, input=b"", capture_output=True, check=True)
    assert done.stdout == READY
