"""What of a bundle goes to the Hub, and what never does.

pytest tests/hub/test_bundle_files.py
"""

import json
import shutil

import pytest
from toy_bundles import picture
from toy_shared import bundle, content, written

from cxr_fastai.bundle.store import load_bundle
from cxr_fastai.core import IntegrityError, UsageError
from cxr_fastai.hub.bundle_files import bundle_shipment

REPO = "ann/toy"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return bundle(tmp_path_factory.mktemp("run") / "bundle")


@pytest.fixture
def copied(made, tmp_path):
    return shutil.copytree(made, tmp_path / "run" / "bundle")


def names(shipment):
    return [parcel.path for parcel in shipment.parcels]


def test_safetensors_json_and_the_card_go_and_a_pickle_never_does(made):
    sent = bundle_shipment(made, REPO)
    assert names(sent) == ["README.md", "model.safetensors", "bundle.json"]
    why = {one.name: one.why for one in sent.left_out}
    assert sorted(why) == ["learner.pkl", "notes.txt", "trained_on.txt"]
    assert "pickle" in why["learner.pkl"] and "--trained-on" in why["trained_on.txt"]
    assert sent.kind == "model" and "toy, cnn" in sent.title


def test_a_runs_folder_is_its_bundle(made):
    assert bundle_shipment(made.parent, REPO) == bundle_shipment(made, REPO)


def test_without_the_list_of_patients_bundle_json_names_none_and_nothing_else_changes(
    made, tmp_path
):
    sent = bundle_shipment(made, REPO)
    there = json.loads(content(sent.parcels[-1]))
    here = json.loads((made / "bundle.json").read_text())
    assert there.pop("trained_on_sha256") == "" and here.pop("trained_on_sha256") != ""
    assert there == here and "MRN-SECRET" not in content(sent.parcels[-1]).decode()
    assert any("what training saw is not known" in sentence for sentence in sent.changed)
    loaded = load_bundle(written(sent, tmp_path / "there"))
    assert loaded.saw([{"pixel_sha256": "f" * 64, "patient": ""}]) is None
    assert loaded.predict(picture()).probs == load_bundle(made).predict(picture()).probs


def test_with_the_list_all_bytes_are_those_here(made, tmp_path):
    sent = bundle_shipment(made, REPO, trained_on=True)
    there = written(sent, tmp_path / "there")
    for file in there.iterdir():
        assert file.read_bytes() == (made / file.name).read_bytes(), file.name
    assert load_bundle(there).saw([{"pixel_sha256": "f" * 64, "patient": ""}]) == [True]
    assert not sent.changed and "trained_on.txt" in names(sent)


def test_a_bundle_without_a_list_goes_as_it_is(tmp_path):
    plain = bundle(tmp_path / "plain", trained_on=())
    sent = bundle_shipment(plain, REPO, trained_on=True)
    assert content(sent.parcels[-1]) == (plain / "bundle.json").read_bytes() and not sent.changed


def test_the_licence_stands_in_the_head_of_the_card_and_in_its_words(made):
    sent = bundle_shipment(made, REPO, licence="cc-by-4.0")
    assert sent.licence == "cc-by-4.0" and 'license: "cc-by-4.0"' in sent.card
    assert "Licence of these weights: cc-by-4.0." in sent.card and "yours to write" not in sent.card
    assert "none stated" in bundle_shipment(made, REPO).licence
    with pytest.raises(UsageError):
        bundle_shipment(made, REPO, licence="CC BY")


def test_a_licence_that_the_card_states_is_told(copied):
    card = (copied / "README.md").read_text()
    (copied / "README.md").write_text(card.replace("---\n", "---\nlicense: mit\n", 1))
    assert bundle_shipment(copied, REPO).licence == "mit"


@pytest.mark.parametrize("name", ["model.safetensors", "bundle.json", "README.md"])
def test_a_file_that_is_missing_or_was_changed_is_refused(copied, name):
    data = (copied / name).read_bytes()
    if name != "README.md":
        (copied / name).write_bytes(data[:-20])
        with pytest.raises(IntegrityError):
            bundle_shipment(copied, REPO)
    (copied / name).unlink()
    with pytest.raises((IntegrityError, UsageError)):
        bundle_shipment(copied, REPO)


def test_a_graph_and_a_gate_of_another_network_stay_or_are_refused(copied):
    (copied / "model.onnx").write_bytes(b"old")
    sent = bundle_shipment(copied, REPO)
    assert "model.onnx" not in names(sent)
    assert {one.name: one.why for one in sent.left_out}["model.onnx"].startswith("bundle.json does")
    (copied / "gate.safetensors").write_bytes(b"old")
    with pytest.raises(IntegrityError, match="gate"):
        bundle_shipment(copied, REPO)


def test_folders_of_this_machine_are_taken_out_or_told_of(copied):
    record = json.loads((copied / "bundle.json").read_text())
    record["recipe"]["train"] = {"weights": "/home/ann/secret/start.safetensors"}
    record["trained"]["note"] = "see C:\\Users\\ann\\x and https://example.org/home/page"
    (copied / "bundle.json").write_text(json.dumps(record))
    (copied / "evaluation.json").write_text('{"title": "of /srv/films"}')
    sent = bundle_shipment(copied, REPO)
    there = json.loads(content(sent.parcels[-1]))
    assert there["recipe"]["train"]["weights"] == "start.safetensors"
    [told] = sent.beware
    assert "C:" in told and "/srv/films" in told and "example" not in told and "/home" not in told
    assert any("without its folder" in sentence for sentence in sent.changed)


def test_an_exported_network_alone_is_no_bundle(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"x")
    with pytest.raises(UsageError, match="folder"):
        bundle_shipment(tmp_path / "model.onnx", REPO)


def test_the_hubs_own_reader_takes_the_card(made):
    hub = pytest.importorskip("huggingface_hub")
    card = hub.ModelCard(bundle_shipment(made, REPO, licence="cc-by-4.0").card)
    assert card.data.license == "cc-by-4.0" and card.data.pipeline_tag == "image-classification"
    assert "chest-x-ray" in card.data.tags
