"""pytest tests/auditing/test_overall.py: from lines to one sentence"""

from dataclasses import replace

import pytest

from cxr_fastai.auditing.asked import Asked
from cxr_fastai.auditing.overall import BY_SOURCE, NOT_ELSEWHERE, is_void, sum_up
from cxr_fastai.probes.verdict import Verdict

FAIL, WARN, PASS, CANNOT = Verdict.FAIL, Verdict.WARN, Verdict.PASS, Verdict.CANNOT_TELL


def lines(**verdicts):
    return [Asked(name, f"Title of {name}", verdict, "says") for name, verdict in verdicts.items()]


@pytest.mark.parametrize(
    "verdicts,sources,by_source,verdict,said",
    [
        (dict(P2=PASS, P8=FAIL), 2, True, FAIL, BY_SOURCE),
        (dict(P2=FAIL, P9=FAIL), 2, False, FAIL, NOT_ELSEWHERE),
        (dict(P2=PASS, P9n=FAIL), 2, True, FAIL, BY_SOURCE),
        (dict(P3=FAIL, P8=CANNOT), 1, False, FAIL, "beside the lungs"),
        (dict(P2=PASS, P11=FAIL), 1, False, FAIL, "gray squares"),
        (dict(P2=PASS, P12=FAIL), 1, False, FAIL, "border"),
        (dict(P2=WARN, P8=CANNOT), 1, False, WARN, "gray level and shape alone"),
        (dict(P2=PASS, P8=WARN, P9=PASS), 2, False, WARN, "with care"),
        (dict(P2=PASS, P8=CANNOT, P9=CANNOT), 1, False, CANNOT, "one source"),
        (dict(P2=PASS, P8=CANNOT, P9=PASS), 2, False, CANNOT, "title of P8"),
        (dict(P2=CANNOT, P8=CANNOT, P9=CANNOT), 2, False, CANNOT, "Too few"),
        (dict(P2=PASS, P8=PASS, P9=PASS), 2, False, PASS, "No shortcut was found"),
        (dict(P1=PASS, P2=CANNOT), 1, False, CANNOT, "not all could be told (title of P2), and"),
        (dict(P2=PASS, P8=PASS, P9=PASS, P7s=WARN), 2, False, PASS, "No shortcut"),
    ],
)
def test_the_gravest_rules(verdicts, sources, by_source, verdict, said):
    found = sum_up(lines(**verdicts), sources, by_source)
    assert found.verdict is verdict and said in found.sentence


def test_a_verdict_that_is_overruled_does_not_count():
    line = replace(lines(P11=FAIL)[0], do="Do this.")
    model = line.overruled("It does not count.")
    assert not model.do, "nothing need be done of what does not count"
    found = sum_up([*lines(P2=PASS, P8=PASS, P9=PASS), model], 2, False)
    assert found.verdict is PASS and model.says.endswith("It does not count.")
    assert is_void(lines(P9=FAIL)) and not is_void(lines(P2=FAIL, P8=WARN))
