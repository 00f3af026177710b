"""The process that decodes: what it may do, and how it answers.

python -m pytest tests/app/test_decoder_child.py
"""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from toy_bundles import picture, png

from cxr_fastai import images
from cxr_fastai.app import decoder_child
from cxr_fastai.app.decoder_child import ANSWER, CONFINED, FACTS, READY, REQUEST

CHILD = Path(decoder_child.__file__)
BAD = Path(__file__).with_name("bad_decoder.py")
FILM = png(picture(0))


def asked(data, name=b"a.png"):
    return REQUEST.pack(len(name), len(data)) + name + data


def run(*requests, script=CHILD, memory=1 << 30, seconds=60, cwd=None, code=0):
    "All answers to some requests, as (facts, pixels, whether it ends)."
    command = [sys.executable, str(script), str(memory), str(seconds), str(os.getpid())]
    done = subprocess.run(command, input=b"".join(requests), capture_output=True, cwd=cwd)
    assert done.returncode == code, done.stderr
    return list(answers(done.stdout))


def answers(told):
    assert told[:1] in (CONFINED, READY)
    told = told[1:]
    while told:
        is_read, ends, n_facts, n_pixels = ANSWER.unpack(told[: ANSWER.size])
        told = told[ANSWER.size :]
        facts = json.loads(told[:n_facts])
        assert is_read == ("format" in facts)
        yield facts, told[n_facts : n_facts + n_pixels], bool(ends)
        told = told[n_facts + n_pixels :]


def test_it_answers_one_film_after_the_other_and_ends_with_its_input():
    (film, pixels, ends), (rejected, nothing, _), (again, _, _) = run(
        asked(FILM), asked(b"GIF89a"), asked(FILM)
    )
    assert pixels == images.decode(FILM).tobytes() and not ends
    assert film == again and list(film) == list(FACTS) and film["width"] == 50
    assert rejected["reason"] in images.REASONS and rejected["message"].startswith("a.png: ")
    assert nothing == b""


@pytest.mark.parametrize("cut", [1, REQUEST.size, REQUEST.size + 3, len(asked(FILM)) - 1])
def test_a_request_that_is_cut_ends_it_in_peace(cut):
    told = run(asked(FILM)[:cut])
    assert len(told) <= 1  # what has its length is decoded, as far as it came


def test_no_request_no_answer():
    assert run() == []


def test_what_a_library_prints_does_not_reach_the_answers():
    assert len(run(asked(b"print"), script=BAD)) == 1


def test_it_can_write_no_file(tmp_path):
    place = tmp_path / "film"
    assert run(asked(b"write " + bytes(place)), script=BAD, code=1) == []
    assert not place.exists() or place.read_bytes() == b""  # empty where no system confines it


def test_it_leaves_nothing_where_it_runs_and_takes_no_module_from_there(tmp_path):
    for name in ("numpy.py", "PIL.py", "json.py", "cxr_fastai.py"):
        (tmp_path / name).write_text("raise SystemExit('taken')")
    before = sorted(tmp_path.rglob("*"))
    assert len(run(asked(FILM), cwd=tmp_path)) == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_its_own_folder_is_no_place_for_modules():
    """`http.py` and others of that folder have names that the standard library has too."""
    code = (
        "import sys; from pathlib import Path; child = sys.argv[1]; sys.argv = sys.argv[1:]; "
        "sys.path.insert(0, str(Path(child).parent)); "
        "exec(compile(Path(child).read_text(), child, 'exec'), "
        "{'__name__': '__main__', '__file__': child}); "
        "sys.exit(str(Path(child).parent) in sys.path)"
    )
    command = [sys.executable, "-c", code, str(CHILD), "1000000000", "60", str(os.getpid())]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.medium
def test_a_film_that_uses_up_its_seconds_ends_it():
    told = run(asked(b"spin"), script=BAD, seconds=1, code=-signal.SIGXCPU)
    assert told == []


def test_seconds_are_those_of_one_film(monkeypatch):
    limits = []
    monkeypatch.setattr(resource, "setrlimit", lambda kind, pair: limits.append((kind, *pair)))
    decoder_child._limit_seconds(20)
    ((kind, soft, hard),) = limits
    used = resource.getrusage(resource.RUSAGE_SELF)
    assert kind == resource.RLIMIT_CPU and hard == resource.getrlimit(kind)[1]
    assert soft >= used.ru_utime + used.ru_stime + 20


def test_its_memory_is_limited_and_it_answers_still():
    pixels = np.zeros((7000, 7000), np.uint8)
    pixels[0, 0] = 255
    (told, _, _), (film, _, _) = run(asked(png(pixels)), asked(FILM), memory=80 << 20)
    assert told["reason"] == "too_large" and "memory" in told["message"]
    assert film["width"] == 50


def test_limits_that_are_lower_already_stay(monkeypatch):
    told = []
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (10, 10))
    monkeypatch.setattr(resource, "setrlimit", lambda *limits: told.append(limits))
    decoder_child._lower(resource.RLIMIT_CORE, 11)
    assert told == []
    decoder_child._lower(resource.RLIMIT_CORE, 9)
    assert told == [(resource.RLIMIT_CORE, (9, 9))]


def test_it_imports_no_torch_and_no_server():
    code = (
        "import sys; import cxr_fastai.images, cxr_fastai.images.dicom; "
        "print([m for m in ('torch', 'fastai', 'pandas', 'starlette') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    source = CHILD.read_text()
    assert "import torch" not in source and source.count("cxr_fastai.app") == 1  # landlock


def test_its_peak_is_its_own():
    held = decoder_child._peak()
    assert held > 10 << 20
    bytes(100 << 20).find(b"x")
    assert decoder_child._peak() >= held
