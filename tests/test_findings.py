"""The vocabulary of findings."""

from cxr_fastai.findings import FINDINGS, LEAVES_OPEN, NIH_FINDINGS


def test_every_finding_stands_once_and_is_a_plain_word():
    assert len(set(FINDINGS)) == len(FINDINGS) == 24
    assert len(NIH_FINDINGS) == 14 and set(NIH_FINDINGS) < set(FINDINGS)
    assert all(name.replace("_", "").isalnum() and name.islower() for name in FINDINGS)


def test_what_a_finding_leaves_open_are_other_findings():
    assert set(LEAVES_OPEN) < set(FINDINGS)
    for finding, open_ones in LEAVES_OPEN.items():
        assert set(open_ones) <= set(FINDINGS) - {"no_finding"}
        assert finding not in open_ones or finding == "abnormal"
        assert len(set(open_ones)) == len(open_ones)
