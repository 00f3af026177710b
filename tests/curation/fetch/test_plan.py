"""pytest tests/curation/fetch/test_plan.py

Records of a download, and how a source is refused."""

import pickle

import pytest
from toy_sources import remote

from cxr_fastai.curation.fetch.plan import Check, Part, Refused, catalogue_pin, refusal

SOURCE = remote("kaggle", "own/cxr@6", pin="a" * 64)


def test_a_refusal_is_one_line_that_exits_with_3_and_crosses_processes_whole():
    e = refusal(SOURCE, "moved", "it is gone", "Look elsewhere.")
    assert str(e) == "one: it is gone. Look elsewhere." and e.exit_code == 3
    again = pickle.loads(pickle.dumps(e))
    assert isinstance(again, Refused) and again.id == "one" and str(again) == str(e)
    assert again.check == Check("moved", "it is gone", "Look elsewhere.", None)


@pytest.mark.parametrize(
    "pinned,version,pin",
    [("6", "6", "a" * 64), ("6", "7", ""), ("", "7", "a" * 64)],
)
def test_the_catalogues_checksum_holds_for_the_version_that_it_names(pinned, version, pin):
    assert catalogue_pin(SOURCE, pinned, version) == pin


def test_an_address_that_may_be_signed_stands_in_no_repr():
    part = Part(name="a", archive=True, strip=0, pin="", where="https://h/a?sig=1", key="k")
    assert "sig" not in repr(part)
