"""pytest tests/auditing/test_asked.py: a line of the audit in words and numbers"""

import json

from cxr_fastai.auditing.asked import Asked, of_probe
from cxr_fastai.probes.shortcuts import Probe
from cxr_fastai.probes.targets import Told
from cxr_fastai.probes.verdict import Verdict

TOLD = Told(0.8123, [0.77, 0.85], 40, 100, {"a": 0.8123}, ["b"])


def test_a_probe_becomes_a_line_with_number_interval_films_groups_remedy_and_study():
    probe = Probe("P2", "Border", Verdict.FAIL, "says", "do", "study", TOLD)
    line = of_probe(probe)
    assert line.number_words == "0.812 (0.770 to 0.850)"
    assert line.counted_words == "100 films, 40 groups on the smaller side"
    assert (line.do, line.source, line.verdict_words) == ("do", "study", "FAIL")
    assert json.loads(json.dumps(line.to_dict(), allow_nan=False))["numbers"]["left_out"] == ["b"]


def test_a_control_is_for_comparison_and_a_share_is_in_percent():
    assert Asked("P4", "Middle", None, "says").verdict_words == "for comparison"
    share = Asked("P12b", "Flips", Verdict.WARN, "says", 0.079, [0.015, 0.136], is_share=True)
    assert share.number_words == "7.9 % (1.5 to 13.6)" and share.counted_words == ""
    assert share.is_found(Verdict.WARN, Verdict.FAIL) and not share.is_found(Verdict.PASS)
