"""pytest tests/bundle/test_gate_card.py"""

from toy_bundles import META

from cxr_fastai.bundle.gate_card import BLIND, gate_section
from cxr_fastai.bundle.meta import complete
from cxr_fastai.bundle.model_card import card, limits

RECORD = {
    "sha256": "0" * 64,
    "promise": "at most 1.0 % of good films of these sources refused, by 120 groups held out",
    "films": 300,
    "learned_from": 200,
    "not_learned": ["ct"],
    "caught": [{"kind": "lateral", "n": 20, "refused": 19, "auroc": 0.99}],
    "alarms": [{"source": "clinic_a", "n": 200, "refused": 2}],
    "valid": {
        "alarms": [{"source": "clinic_a", "n": 50, "refused": 0}],
        "caught": [{"kind": "lateral", "n": 4, "refused": 4}],
    },
}


def test_the_section_has_every_number_with_its_n():
    text = gate_section(RECORD)
    assert "| lateral | 20 | 19 | 95 % |" in text
    assert "| lateral, of valid | 4 | 4 | 100 % |" in text
    assert "| clinic a | 200 | 2 | 1 % |" in text
    assert "| clinic a, of valid | 50 | 0 | 0 % |" in text
    assert "Fitted on 200 of 300 train films" in text
    assert "by 120 groups held out" in text


def test_it_says_what_was_not_learned_and_what_it_cannot_see():
    assert "There were no CT slices of train" in gate_section(RECORD)
    assert "laterals" not in gate_section(RECORD)
    assert BLIND in gate_section(RECORD)
    both = gate_section({**RECORD, "not_learned": ["lateral", "ct"]})
    assert "no laterals and CT slices of train" in both


def test_without_a_gate_there_is_no_section_and_the_limits_say_so():
    bare = complete(META, "0" * 64)
    assert gate_section(None) == ""
    assert "## Gate" not in card(bare)
    assert "probabilities even for pictures" in " ".join(limits(bare).split())
    gated = {**bare, "gate": RECORD}
    assert "## Gate" in card(gated)
    assert "where its gate errs also for pictures" in " ".join(limits(gated).split())


def test_a_record_of_the_file_alone_is_no_error():
    assert "## Gate" in gate_section({"sha256": "0" * 64})
    assert "|" not in gate_section({"sha256": "0" * 64, "caught": "none", "alarms": [{}]})
