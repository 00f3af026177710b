"""The rule from an interval to a verdict, on both sides of each boundary."""

import pytest

from cxr_fastai.probes.verdict import Verdict, judge, worst

F, W, P, C = Verdict.FAIL, Verdict.WARN, Verdict.PASS, Verdict.CANNOT_TELL


@pytest.mark.parametrize(
    "low,high,groups,verdict",
    [
        (0.75, 0.80, 20, F),
        (0.749, 0.80, 20, W),
        (0.64, 0.80, 20, W),
        (0.639, 0.80, 20, C),
        (0.5, 0.639, 20, P),
        (0.5, 0.64, 20, C),
        (0.76, 0.99, 20, F),  # its lower end says all
        (0.65, 0.86, 20, C),  # wider than .20
        (0.40, 0.61, 20, C),
        (0.40, 0.59, 20, P),
        (0.9, 0.95, 19, C),
        (0.45, 0.5, 19, C),  # never PASS for want of data
    ],
)
def test_each_boundary(low, high, groups, verdict):
    assert judge([low, high], groups) is verdict


def test_without_an_interval_nothing_can_be_told():
    assert judge(None, 1000) is C


def test_the_gravest_of_several_and_a_verdict_reads_as_its_word():
    assert worst([P, C, W]) is W and worst([P, C]) is C and worst([F, W, C, P]) is F
    assert str(C) == "CANNOT TELL"
