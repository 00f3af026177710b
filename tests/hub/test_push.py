"""The whole way: looked through, sent with `yes`, and had again with the same bytes.

pytest tests/hub/test_push.py
"""

import json
import os
import subprocess
import sys

import pytest
from hub_endpoint import at_hand, hub
from toy_bundles import picture
from toy_shared import bundle, shared

from cxr_fastai import load_bundle, push
from cxr_fastai.bundle.from_hub import fetch_bundle
from cxr_fastai.core import UsageError
from cxr_fastai.manifest import read_manifest

pytest.importorskip("huggingface_hub")
REPO = "ann/toy"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return bundle(tmp_path_factory.mktemp("run") / "bundle")


@pytest.fixture
def web(tmp_path, monkeypatch):
    fetch_bundle.cache_clear()
    with hub(tmp_path / "home") as one:
        at_hand(monkeypatch, one)
        yield one
    fetch_bundle.cache_clear()


def test_without_yes_nobody_is_asked(web, made):
    looked_at = push(made, REPO)
    assert looked_at.sent is None and looked_at.load == "" and web.log == []
    assert looked_at.to_dict()["sent"] is None and len(looked_at.to_dict()["files"]) == 3


@pytest.mark.parametrize("trained_on", [False, True])
def test_a_bundle_that_was_pushed_is_loaded_with_the_same_bytes_and_answers(web, made, trained_on):
    pushed = push(made, REPO, yes=True, trained_on=trained_on)
    name = f"hub:{REPO}@{pushed.sent.commit}"
    assert pushed.load == f'load_bundle("{name}")'
    loaded = load_bundle(name)
    for parcel in pushed.shipment.parcels:
        content = parcel.content
        expected = content if isinstance(content, bytes) else content.read_bytes()
        assert (loaded.path / parcel.path).read_bytes() == expected
    changed = [name for name in ("README.md", "model.safetensors", "bundle.json", "trained_on.txt")
               if (loaded.path / name).is_file()
               and (loaded.path / name).read_bytes() != (made / name).read_bytes()]  # fmt: skip
    assert changed == ([] if trained_on else ["bundle.json"])
    assert loaded.predict(picture(1)).probs == load_bundle(made).predict(picture(1)).probs
    there = web.repos["model", REPO].files
    assert "learner.pkl" not in there and ("trained_on.txt" in there) is trained_on


def test_a_folder_goes_to_a_data_set(web, tmp_path):
    pushed = push(shared(tmp_path / "data"), REPO, yes=True)
    repo = web.repos["dataset", REPO]
    assert pushed.load == f'load_dataset("{REPO}", revision="{repo.head}")' and repo.private
    assert "train/metadata.csv" in repo.files and "rejects.csv" not in repo.files


LOAD = """
import json, sys
from datasets import load_dataset
found = load_dataset(sys.argv[1], revision=sys.argv[2])
print("TOLD" + json.dumps({name: sorted([r["split"], r["source"], r["patient"]] for r in rows)
                           for name, rows in found.items()}))
"""


def test_datasets_has_a_folder_again_from_the_hub_by_its_name(web, tmp_path):
    pytest.importorskip("datasets")
    root = shared(tmp_path / "data")
    pushed = push(root, REPO, yes=True)
    done = subprocess.run(
        [sys.executable, "-c", LOAD, REPO, pushed.sent.commit],
        capture_output=True,
        text=True,
        env={**os.environ, **web.env},
    )
    assert "TOLD" in done.stdout, done.stderr[-2000:]
    told = json.loads(done.stdout.partition("TOLD")[2])
    expected = {}
    for row in read_manifest(root).rows:
        name = "validation" if row.split == "valid" else row.split
        expected.setdefault(name, []).append([row.split, row.source, row.patient])
    assert told == {name: sorted(rows) for name, rows in expected.items()}


@pytest.mark.parametrize("repo", ["toy", "hub:ann/toy", "a/b/c", "../x", ""])
def test_a_repository_that_is_none_is_refused_first(made, repo):
    with pytest.raises(UsageError, match="OWNER/NAME"):
        push(made, repo)


def test_what_is_no_bundle_and_no_curated_folder_is_refused(tmp_path, made):
    (tmp_path / "empty").mkdir()
    for path, word in (
        (tmp_path / "empty", "neither a bundle"),
        (tmp_path / "none", "no such folder"),
        (made / "learner.pkl", "pickle"),
        (made / "model.safetensors", "no bundle"),
        ("hub:ann/toy", "on the Hub already"),
    ):
        with pytest.raises(UsageError, match=word):
            push(path, REPO)


def test_flags_of_a_bundle_and_of_a_folder_are_not_mixed(tmp_path, made):
    with pytest.raises(UsageError, match="trained-on"):
        push(shared(tmp_path / "data"), REPO, trained_on=True)
