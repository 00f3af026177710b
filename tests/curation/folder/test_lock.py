"pytest tests/curation/test_lock.py: real processes"

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from cxr_fastai.core import StorageError, UsageError
from cxr_fastai.curation.folder.lock import MARKER, one_run
from cxr_fastai.progress import SILENT

HOLD = (
    "import sys, time\nfrom pathlib import Path\nfrom cxr_fastai.curation.folder.lock import one_run\n"
    "with one_run(Path(sys.argv[1])):\n    print('held', flush=True); time.sleep(float(sys.argv[2]))"
)


def hold(folder, seconds):
    p = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), str(seconds)], stdout=subprocess.PIPE, text=True
    )
    assert p.stdout.readline() == "held\n"
    return p


class Told(type(SILENT)):
    "A Progress that keeps its lines."

    def __init__(self, lines):
        self.lines = lines

    def say(self, text):
        self.lines.append(text)


def test_the_second_run_is_told_process_host_and_start_of_the_first(tmp_path):
    p = hold(tmp_path, 60)
    with pytest.raises(UsageError) as e:
        with one_run(tmp_path):
            pass
    p.kill()
    p.wait()
    said = f"process {p.pid} on {os.uname().nodename}, begun {time.strftime('%Y-%m-%d')}"
    assert said in str(e.value) and "--wait" in str(e.value)


@pytest.mark.parametrize(
    "written, said", [("", r"process \? on \?"), ("4194305\n", r"process 4194305 on \?")]
)
def test_a_marker_that_is_not_written_to_its_end_is_a_run_too(tmp_path, written, said):
    (tmp_path / MARKER).write_text(written)
    with pytest.raises(UsageError, match=f"another run writes .*: {said}, begun 20"):
        with one_run(tmp_path):
            pass


def test_a_run_that_waits_begins_when_the_other_ends(tmp_path):
    p, said = hold(tmp_path, 1.5), []
    with one_run(tmp_path, wait=True, progress=Told(said)):
        assert str(os.getpid()) in (tmp_path / MARKER).read_text()  # no longer the other's
    p.wait()
    assert len(said) == 1 and re.match(rf"waiting: .* process {p.pid} on", said[0])


def test_the_marker_of_a_process_that_was_killed_is_taken_over(tmp_path):
    p = hold(tmp_path, 60)
    os.kill(p.pid, signal.SIGKILL)
    p.wait()
    assert (tmp_path / MARKER).exists()
    with one_run(tmp_path):
        assert str(os.getpid()) in (tmp_path / MARKER).read_text()
        (tmp_path / "kept").touch()
    assert [f.name for f in tmp_path.iterdir()] == ["kept"]


def test_a_folder_that_is_made_for_nothing_goes_again(tmp_path):
    with pytest.raises(ValueError):
        with one_run(tmp_path / "a" / "out"):
            raise ValueError
    assert not (tmp_path / "a" / "out").exists()


@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_a_storage_error(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="permission"):
        with one_run(tmp_path):
            pass
    tmp_path.chmod(0o700)
