"""`cxr push`, as a user runs it, and hub: names where a BUNDLE is taken.

pytest tests/verbs/test_push.py
"""

import json
import os
import subprocess
import sys

import pytest
from hub_endpoint import TOKEN, hub
from PIL import Image
from toy_bundles import picture
from toy_shared import bundle, shared

pytest.importorskip("huggingface_hub")
REPO = "ann/toy"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return bundle(tmp_path_factory.mktemp("run") / "bundle")


@pytest.fixture
def web(tmp_path):
    with hub(tmp_path / "home") as one:
        yield one


def cxr(*args, env=None):
    done = subprocess.run(
        [sys.executable, "-m", "cxr_fastai", *map(str, args)],
        capture_output=True,
        text=True,
        env={**os.environ, **(env or {})},
    )
    assert "Traceback" not in done.stderr and TOKEN not in done.stdout + done.stderr
    return done


def test_a_dry_run_lists_each_file_the_card_and_what_stays_and_asks_nobody(web, made):
    done = cxr("push", made, REPO, env=web.env)
    assert done.returncode == 0 and web.log == []
    lines = done.stdout.splitlines()
    sha256 = json.loads((made / "bundle.json").read_text())["weights_sha256"]
    [weights] = [line for line in lines if line.endswith("model.safetensors")]
    assert weights.split()[0] == sha256
    assert int(weights.split()[1].replace(",", "")) == (made / "model.safetensors").stat().st_size
    assert any(line.startswith("left out: learner.pkl") for line in lines)
    assert "# toy: a chest radiograph model" in lines and "give --yes" in done.stderr
    assert any(line.startswith("licence: none stated") for line in lines)


def test_with_yes_it_is_sent_and_what_is_printed_loads_it(web, made, tmp_path):
    done = cxr("push", made, REPO, "--yes", "--licence", "cc-by-4.0", env=web.env)
    head = web.repos["model", REPO].head
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f'load_bundle("hub:{REPO}@{head}")'
    Image.fromarray(picture()).save(tmp_path / "film.png")
    there, here = (
        cxr("predict", name, tmp_path / "film.png", "--json", "--no-gate", env=web.env)
        for name in (f"hub:{REPO}@{head}", made)
    )
    assert there.returncode == 0, there.stderr
    probs = [json.loads(done.stdout)[0]["probs"] for done in (there, here)]
    assert probs[0] == probs[1] and f"hub:{REPO}" not in probs[0]


def test_json_has_all_of_it(web, tmp_path):
    done = cxr("push", shared(tmp_path / "data"), REPO, "--json", env=web.env)
    told = json.loads(done.stdout)
    assert (
        told["kind"] == "dataset" and told["sent"] is None and told["licence"] == "CC0 (nih_sample)"
    )
    assert len([one for one in told["files"] if one["path"].endswith(".png")]) == 13


def test_a_folder_that_may_not_be_shared_ends_with_2_and_its_sources(web, tmp_path):
    done = cxr("push", shared(tmp_path / "data", source="montgomery"), REPO, "--yes", env=web.env)
    assert done.returncode == 2 and "montgomery (13 images" in done.stderr and web.log == []


def test_exit_codes_of_a_hub_that_refuses_and_of_a_hub_that_lies(web, made, tmp_path):
    from loopback import file, status

    film = tmp_path / "film.png"
    Image.fromarray(picture()).save(film)
    files = {
        name: (made / name).read_bytes()
        for name in ("README.md", "model.safetensors", "bundle.json")
    }
    repo = web.repo(REPO, files)
    web.routes["/api/models/ann/gated"] = status(403, X_Error_Code="GatedRepo")
    gated = cxr("predict", "hub:ann/gated", film, env=web.env)
    assert gated.returncode == 3 and len(gated.stderr.splitlines()) == 1
    place = f"/{REPO}/resolve/{repo.head}/model.safetensors"
    web.routes[place] = file(
        bytes(len(files["model.safetensors"])), etag='"x"', X_Repo_Commit=repo.head
    )
    lies = cxr("predict", f"hub:{REPO}@{repo.head}", film, env=web.env)
    assert lies.returncode == 4 and "model.safetensors" in lies.stderr.splitlines()[-1]
    refused = cxr("push", made, REPO, "--yes", env={**web.env, "HF_TOKEN": "hf_wrong"})
    assert refused.returncode == 3 and len(refused.stderr.splitlines()) == 1


def test_other_verbs_take_the_name_and_write_nothing_into_the_copy(web, made, tmp_path):
    files = {
        name: (made / name).read_bytes()
        for name in ("README.md", "model.safetensors", "bundle.json", "trained_on.txt")
    }
    head = web.repo(REPO, files).head
    data = shared(tmp_path / "data")
    name = f"hub:{REPO}@{head}"
    scored = cxr(
        "evaluate", name, data, "--json", "--resamples", 50, "--no-pixel-floor", env=web.env
    )
    assert scored.returncode == 0, scored.stderr
    exported = cxr("export", name, "--onnx", env=web.env)
    assert exported.returncode == 2 and "copy of a commit" in exported.stderr
    again = cxr("push", name, "ann/other", env=web.env)
    assert again.returncode == 2 and "on the Hub already" in again.stderr
