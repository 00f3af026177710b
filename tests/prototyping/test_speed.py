"""pytest tests/prototyping/test_speed.py"""

import pytest
import torch

from cxr_fastai.prototyping import speed
from cxr_fastai.prototyping.plan import Candidate


def test_a_step_is_timed_and_said():
    told = []
    timed = speed.step_timer(2, 0, told.append)
    assert timed(Candidate("cnn", 32, 4, "none")) > 0
    assert told[0].startswith("measured: cnn at 32 px, 0.") and told[0].endswith("of 4 images")


@pytest.mark.parametrize(
    ("together", "alone", "threads", "seconds"),
    [(1.0, 0.9, 2, 1.0), (1.0, 0.6, 1, 0.6), (0.5, 1.0, 2, 0.5)],
)
def test_one_thread_is_taken_where_it_is_clearly_faster(
    monkeypatch, together, alone, threads, seconds
):
    times = {2: together, 1: alone}
    monkeypatch.setattr(speed, "time_step", lambda *a: times[torch.get_num_threads()])
    told = []
    with speed.computing_on(2):
        assert speed.best_threads(2, told.append) == (threads, seconds)
        assert torch.get_num_threads() == 2
    assert len(told) == (threads == 1)


def test_threads_are_put_back_also_after_an_error():
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError), speed.computing_on(before + 1):
        assert torch.get_num_threads() == before + 1
        1 / 0
    assert torch.get_num_threads() == before


def test_this_machine_has_cores():
    assert speed.this_machine().cores >= 1


def test_weights_are_at_hand_where_their_file_is_whole(monkeypatch):
    monkeypatch.setattr(speed, "is_at_hand", lambda arch: arch == "resnet18")
    assert speed.weights_at_hand() == ["resnet18"]


def test_a_slow_step_is_not_repeated(monkeypatch):
    steps = []
    monkeypatch.setattr(speed, "MAX_TIMED_SECONDS", -1.0)
    monkeypatch.setattr(speed, "_step", lambda *a: steps.append(1))
    speed.time_step(Candidate("cnn", 32, 4, "none"), 2)
    assert len(steps) == 1
