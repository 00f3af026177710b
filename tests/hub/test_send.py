"""A shipment to a Hub on loopback, by the real client: one commit, private unless asked, and all of it arrived.

pytest tests/hub/test_send.py
"""

import pytest
from hub_endpoint import TOKEN, at_hand, hub, tell
from loopback import status

from cxr_fastai.bundle import hub_client
from cxr_fastai.bundle.hub_client import HubSilent
from cxr_fastai.core import CxrError, IntegrityError, SourceUnavailable, UsageError
from cxr_fastai.hub.send import send
from cxr_fastai.hub.shipment import Shipment, of_bytes, of_file

pytest.importorskip("huggingface_hub")
REPO = "ann/toy"


@pytest.fixture
def web(tmp_path, monkeypatch):
    with hub(tmp_path / "home") as one:
        at_hand(monkeypatch, one)
        yield one


@pytest.fixture
def model(tmp_path):
    (tmp_path / "w").write_bytes(b"weights" * 100)
    parcels = (
        of_bytes("README.md", b"---\nlicense: mit\n---\n# Card"),
        of_file("model.safetensors", tmp_path / "w"),
        of_bytes("bundle.json", b"{}"),
    )
    return Shipment("model", "toy, cnn", REPO, parcels, (), "mit")


def data(*paths):
    parcels = tuple(of_bytes(path, path.encode()) for path in ("README.md", *paths))
    return Shipment("dataset", "toy", REPO, parcels, (), "mit")


def fails(kind, shipment, **asked):
    with pytest.raises(CxrError) as told:
        send(shipment, **asked)
    assert isinstance(told.value, kind), repr(told.value)
    line = str(told.value)
    assert "\n" not in line and TOKEN not in line
    return line


def test_a_repository_is_made_private_and_has_all_files_in_one_commit(web, model):
    sent = send(model)
    repo = web.repos["model", REPO]
    assert sent.is_private and repo.private and sent.commit == repo.head
    assert repo.messages == ["initial commit", "cxr push: toy, cnn"]
    assert {p: d for p, d in repo.files.items() if p != ".gitattributes"} == {
        "README.md": b"---\nlicense: mit\n---\n# Card",
        "model.safetensors": b"weights" * 100,
        "bundle.json": b"{}",
    }
    assert (sent.removed, sent.others) == ((), ())


def test_public_is_public_only_where_it_is_asked(web, model):
    assert not send(model, public=True).is_private and not web.repos["model", REPO].private


@pytest.mark.parametrize(
    ("is_private", "asked", "word"), [(False, False, "public"), (True, True, "private")]
)
def test_who_sees_a_repository_that_is_there_is_never_changed(web, model, is_private, asked, word):
    web.repo(REPO, {"a": b""}, private=is_private)
    before = web.repos["model", REPO].head
    line = fails(UsageError, model, public=asked)
    assert f"is {word}" in line and "Nothing was sent" in line
    assert (
        web.repos["model", REPO].head == before and web.repos["model", REPO].private is is_private
    )


def test_what_an_earlier_push_put_there_goes_and_what_others_put_there_stays(web, model):
    web.repo(REPO, {"model.onnx": b"old", "gate.safetensors": b"old", "x/pytorch.bin": b"theirs"})
    sent = send(model)
    assert sent.removed == ("gate.safetensors", "model.onnx") and sent.others == ("x/pytorch.bin",)
    assert sorted(web.repos["model", REPO].files) == [
        "README.md",
        "bundle.json",
        "model.safetensors",
        "x/pytorch.bin",
    ]


def test_of_a_data_set_images_of_an_earlier_push_go_too(web):
    old = {
        "train/a/1.png": b"",
        "valid/metadata.csv": b"",
        "croissant.json": b"",
        "train/a/notes.txt": b"",
        "mine.csv": b"",
    }
    web.repo(REPO, old, kind="dataset")
    sent = send(data("test/a/2.png", "manifest.csv"))
    assert sent.removed == ("croissant.json", "train/a/1.png", "valid/metadata.csv")
    assert sent.others == ("mine.csv", "train/a/notes.txt")
    assert web.repos["dataset", REPO].files["test/a/2.png"] == b"test/a/2.png"


def test_the_same_again_is_no_new_commit(web, model):
    first = send(model)
    assert send(model).commit == first.commit


def test_a_part_that_did_not_arrive_is_told(web, model):
    def ignored(call):
        import json

        files = json.loads(call.seen.body)["files"]
        told = [
            {
                "path": one["path"],
                "uploadMode": "regular",
                "shouldIgnore": one["path"] == "bundle.json",
            }
            for one in files
        ]
        tell(call, {"files": told})

    web.routes[f"/api/models/{REPO}/preupload/main"] = ignored
    assert "bundle.json" in fails(IntegrityError, model)


def test_a_commit_of_somebody_else_in_between_is_not_undone(web, model):
    web.repo(REPO, {"a": b""})
    place = f"/api/models/{REPO}/preupload/main"

    def meanwhile(call):
        del web.routes[place]
        web.repos["model", REPO].commit({"b": b"theirs"})
        web.answer(call)

    web.routes[place] = meanwhile
    assert "412" in fails(SourceUnavailable, model)
    assert list(web.repos["model", REPO].files) == ["b"]


@pytest.mark.parametrize(
    ("path", "answer", "word"),
    [
        (f"/api/models/{REPO}", status(401), "private|HF_TOKEN"),
        (f"/api/models/{REPO}", status(503), "out of order"),
        ("/api/repos/create", status(403), "hf auth login"),
        ("/api/repos/create", status(500), "out of order"),
        (
            "/api/validate-yaml",
            status(400, b'{"errors": [{"message": "bad licence"}]}'),
            "127.0.0.1",
        ),
        (f"/api/models/{REPO}/preupload/main", status(403), "HF_TOKEN"),
        (f"/api/models/{REPO}/commit/main", status(200, b"no json"), "understood"),
        (
            f"/api/models/{REPO}/commit/main",
            status(200, b'{"commitOid": "x", "commitUrl": "y"}'),
            "127",
        ),
        (f"/{REPO}.git/info/lfs/objects/batch", status(422, b"{}"), "127.0.0.1"),
    ],
)
def test_whatever_the_hub_answers_is_one_line(web, model, path, answer, word, monkeypatch):
    import re

    from huggingface_hub.utils import _http

    monkeypatch.setattr(_http.time, "sleep", lambda seconds: None)
    web.routes[path] = answer
    line = fails(CxrError, model)
    assert re.search(word, line), line


@pytest.mark.parametrize("place", [f"/api/models/{REPO}", "/api/repos/create"])
def test_a_hub_that_does_not_answer_is_not_waited_for(web, model, monkeypatch, place):
    """The client itself waits for ever."""
    monkeypatch.setattr(hub_client, "PATIENCE", 0.2)
    monkeypatch.setattr("cxr_fastai.hub.send.TO_NAME_A_COMMIT", 0.2)
    web.routes[place] = lambda call: call.web.closing.wait(20)
    assert "in time" in fails(HubSilent, model)


def test_a_token_that_is_wrong_or_missing_is_one_line(web, model, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_another")
    assert "HF_TOKEN" in fails(SourceUnavailable, model)
    monkeypatch.delenv("HF_TOKEN")
    assert "HF_TOKEN" in fails(SourceUnavailable, model)


def test_without_a_network_it_is_one_line(web, model, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert "cannot be reached" in fails(SourceUnavailable, model)
