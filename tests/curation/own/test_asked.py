"""What goes together, and what does not, is told before anything is read."""

import os

import pytest

from cxr_fastai.core import UsageError
from cxr_fastai.curation.own.asked import Asked

NOTHING = {"manifest": None, "mirror": None, "only": (), "update-pins": False}


@pytest.mark.parametrize(
    "said, others, why",
    [
        (dict(patient="x"), {}, "--patient .*speaks of images of your own"),
        (dict(salt="x"), {}, "--salt .*speaks of images of your own"),
        (dict(take_as={"a": "b"}), {}, "--as"),
        (dict(same=["a=b"]), {}, "--same"),
        (dict(label="x"), {}, "--label"),
        (dict(folder="x", label="y"), {}, "--label .*speaks of a csv"),
        (dict(folder=" "), {}, "--folder has no name"),
        (dict(folder="x"), {"mirror": "m"}, "--folder .*reads images of your own, --mirror"),
        (dict(folder="x"), {"only": ["a"]}, "--only"),
        (dict(table="x.csv", file="f", label="l"), {"manifest": "c"}, "--table.*--manifest"),
        (dict(folder="x"), {"update-pins": True}, "Python: update_pins"),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(said, others, why):
    with pytest.raises(UsageError, match=why):
        Asked(**said).check({**NOTHING, **others})


def test_those_that_do_are_taken():
    Asked().check({**NOTHING, "mirror": "m"})
    Asked(folder="x", patient="(p)", same=["a=b"], take_as={"a": "b"}).check(NOTHING)
    Asked(table="x", file="f", label="l", folder="y", age="a").check(NOTHING)


def test_what_is_written_may_not_lie_in_what_is_read(tmp_path):
    (tmp_path / "raw").mkdir()
    asked = Asked(folder=tmp_path / "raw")
    for out in ("raw", "raw/out", "raw/../raw/x", "."):
        with pytest.raises(UsageError, match="would be read again"):
            asked.check_out(tmp_path / out)
    os.symlink(tmp_path / "raw", tmp_path / "link")
    with pytest.raises(UsageError):
        asked.check_out(tmp_path / "link/out")
    asked.check_out(tmp_path / "raw_out")
    Asked(table="x").check_out(tmp_path)
