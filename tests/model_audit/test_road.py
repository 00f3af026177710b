"""pytest tests/model_audit/test_road.py: audit(data, bundle), whole, and networks that lack a source"""

import json

import pytest
from recording_progress import RecordingProgress
from toy_audits import by_halves, drawn_folder, untrained_bundle

from cxr_fastai import audit
from cxr_fastai.core import IntegrityError, NotCurated, UsageError
from cxr_fastai.manifest import read_manifest
from cxr_fastai.model_audit.road import NO_TEST


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))


def test_the_folder_alone(tmp_path):
    data = drawn_folder(tmp_path / "data", n=80)
    found = audit(data, out=tmp_path / "out")
    assert {"audit.html", "audit.json"} <= {each.name for each in (tmp_path / "out").iterdir()}
    assert "P11" not in {each.id for each in found.asked} and found.about["model"] is None
    assert repr(found).startswith("<Audit of toy_audit")


@pytest.mark.parametrize(
    "how,error,said",
    [
        ({"seed": -1}, UsageError, "seed is -1"),
        ({"loso": True}, UsageError, "--out DIR"),
        ({"bundle": "gone"}, (UsageError, IntegrityError), "gone"),
        ({"data": "nowhere"}, NotCurated, "no folder"),
    ],
)
def test_what_is_wrong_is_told_before_any_film_is_read(tmp_path, monkeypatch, how, error, said):
    monkeypatch.chdir(tmp_path)
    data = drawn_folder(tmp_path / "data", n=4)
    for file in data.glob("*/*.png"):
        file.unlink()
    with pytest.raises(error, match=said):
        audit(**{"data": data, **how})


def test_a_bundle_on_a_folder_without_test_films_is_not_asked_and_that_is_said(tmp_path):
    data = drawn_folder(tmp_path / "data", n=80)
    found = audit(data, untrained_bundle(read_manifest(data), tmp_path / "b"))
    assert found.notes == [NO_TEST] and "P11" not in {each.id for each in found.asked}


def test_with_a_bundle_its_probes_stand_on_the_page_and_p11_does_not_count_where_p9_fails(tmp_path):
    where = dict(source_of=lambda i: "north" if i % 2 == 0 else "south")
    data = drawn_folder(tmp_path / "data", n=160, test=60, **where)
    found = audit(data, untrained_bundle(read_manifest(data), tmp_path / "b"), tmp_path / "out")
    lines = {each.id: each for each in found.asked}
    assert {"P10m", "P11", "P6m", "P12", "P12b", "P12c"} <= set(lines)
    assert not lines["P11"].counts and "does not count" in lines["P11"].says
    assert found.ladder[-1].is_model and "60 test films" in found.ladder_of
    assert found.about["test_films"] == 60
    assert "the model" in (tmp_path / "out/audit.html").read_text()
    assert json.loads((tmp_path / "out/audit.json").read_text()) == found.to_dict()


@pytest.mark.slow
def test_networks_without_each_source_are_trained_once_and_a_second_run_trains_none(tmp_path):
    data = drawn_folder(tmp_path / "data", n=320, test=160, source_of=by_halves)
    shown = RecordingProgress()
    found = audit(data, out=tmp_path / "out", loso=True, progress=shown)
    (line,) = [each for each in found.asked if each.id == "P9n"]
    assert "the network" in line.says and "north" in line.says and "south" in line.says
    runs = sorted(each.name for each in (tmp_path / "out/loso").iterdir())
    assert runs == ["north", "south"] and (tmp_path / "out/loso_pooled/bundle").is_dir()
    assert any("3 networks to train" in each for each in shown.lines)
    history = tmp_path / "out/loso/north/history.csv"
    before = history.stat().st_mtime_ns
    again = audit(data, out=tmp_path / "out", loso=True)
    assert history.stat().st_mtime_ns == before and again.to_dict() == found.to_dict()
