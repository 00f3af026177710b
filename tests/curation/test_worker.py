"""Worker processes: how one behaves, and how its death is told."""

import subprocess
import sys

import pytest

from cxr_fastai.curation.worker import cause_of_death


@pytest.mark.parametrize(
    "text, cause",
    [
        ("The exit codes of the workers are {SIGKILL(-9)}. Try less memory.", "SIGKILL(-9)"),
        ("The exit codes of the workers are {EXIT(3)}", "EXIT(3)"),
        ("a process ended", "RuntimeError"),
    ],
)
def test_a_death_is_told_by_its_signal_or_code_or_else_by_the_error(text, cause):
    assert cause_of_death(RuntimeError(text)) == cause


def test_a_worker_takes_no_interrupt_and_silences_c_but_not_python():
    code = (
        "import os, signal, sys\n"
        "from cxr_fastai.curation.worker import prepare_worker\n"
        "prepare_worker(os.getppid())\n"
        "os.kill(os.getpid(), signal.SIGINT)\n"
        "os.write(2, b'from C')\n"
        "print('from Python', file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "from Python\n"


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux only")
def test_a_worker_gets_no_more_memory_than_an_image_may_need():
    code = (
        "import os\n"
        "from cxr_fastai.curation.worker import WORKER_MEMORY, prepare_worker\n"
        "prepare_worker(os.getppid())\n"
        "bytearray(2 * WORKER_MEMORY)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1 and "MemoryError" in done.stderr


def test_a_worker_whose_parent_is_gone_ends():
    code = (
        "import os, time\n"
        "from cxr_fastai.curation.worker import prepare_worker\n"
        "prepare_worker(os.getppid() + 1)\n"  # no parent of this process
        "time.sleep(60)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50)
    assert done.returncode == 1
