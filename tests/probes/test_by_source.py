"""What the source alone tells of the class."""

import numpy as np
import pytest

from cxr_fastai.probes.by_source import is_balanced, softened, told_by_source
from cxr_fastai.probes.targets import class_targets
from cxr_fastai.probes.verdict import Verdict

N = 200
HAS = np.arange(N) % 2 == 0


def told(source_of, groups=None):
    targets = class_targets(
        ["a" if own else "b" for own in HAS],
        {"a": HAS, "b": ~HAS},
        dict.fromkeys("ab", np.zeros(N, bool)),
        groups or [f"g{i}" for i in range(N)],
    )
    return told_by_source([source_of(i) for i in range(N)], targets)


@pytest.mark.parametrize(
    "source_of,auroc,balanced",
    [
        (lambda i: "x" if i % 2 == 0 else "y", 1.0, False),  # source is class
        (lambda i: "x" if i % 4 < 2 else "y", 0.5, True),
        (lambda i: "x", 0.5, True),
    ],
)
def test_source_alone(source_of, auroc, balanced):
    found = told(source_of)
    assert found.auroc == auroc and is_balanced(found) is balanced


def test_of_few_groups_nothing_is_called_balanced():
    found = told(lambda i: "x" if i % 4 < 2 else "y", [f"g{i % 12}" for i in range(N)])
    assert not is_balanced(found)


def test_only_a_fail_is_softened_and_only_where_sources_hold_the_classes_alike():
    alike = told(lambda i: "x" if i % 4 < 2 else "y")
    apart = told(lambda i: "x" if i % 2 == 0 else "y")
    assert softened(Verdict.FAIL, alike) is Verdict.WARN
    assert softened(Verdict.FAIL, apart) is Verdict.FAIL
    assert softened(Verdict.CANNOT_TELL, alike) is Verdict.CANNOT_TELL
