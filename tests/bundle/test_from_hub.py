"""A bundle of a Hub on loopback, asked by the real client: had once, checked, and nothing else of the repository.

python -m pytest tests/bundle/test_from_hub.py
"""

import json
import os
import re
import shutil
import warnings
from pathlib import Path

import pytest
import torch
from hub_endpoint import TOKEN, at_hand, git_oid, handed, hub, sha256, sibling
from loopback import file, redirect, serve, status
from toy_bundles import META, picture

from cxr_fastai.bundle import export_onnx, from_hub, hub_client, write_card
from cxr_fastai.bundle.files import check_there
from cxr_fastai.bundle.from_hub import fetch_bundle
from cxr_fastai.bundle.hub_client import HubSilent
from cxr_fastai.bundle.hub_names import hub_name
from cxr_fastai.bundle.store import load_bundle, save_bundle
from cxr_fastai.core import CxrError, IntegrityError, SourceUnavailable, UsageError
from cxr_fastai.models.networks import build_network
from cxr_fastai.serving.ensemble import load_ensemble

pytest.importorskip("huggingface_hub")
NAME = "ann/triage"
PICKLE = b"\x80\x04cposix\nsystem\n."


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    "path -> bytes of a bundle as small as can be."
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("made") / "bundle"
    net = build_network("cnn", len(META["vocab"]))
    save_bundle(folder, net, {**META, "arch": "cnn"})
    return {each.name: each.read_bytes() for each in folder.iterdir()}


@pytest.fixture
def web(tmp_path, monkeypatch, files):
    fetch_bundle.cache_clear()
    with hub(tmp_path / "home") as one:
        at_hand(monkeypatch, one)
        one.repo(
            NAME, {**files, ".gitattributes": b"", "learner.pkl": PICKLE, "more/x.bin": PICKLE}
        )
        yield one
    fetch_bundle.cache_clear()


def resolve(web, file):
    return f"/{NAME}/resolve/{web.repos['model', NAME].head}/{file}"


def fails(kind, path=f"hub:{NAME}"):
    "The one line that a person is told; the token is not in it."
    fetch_bundle.cache_clear()
    with pytest.raises(CxrError) as told:
        load_bundle(path)
    assert type(told.value) is kind or issubclass(type(told.value), kind), repr(told.value)
    line = str(told.value)
    assert "\n" not in line and TOKEN not in line and "Bearer" not in line
    return line


def cached(tmp_path):
    home = tmp_path / "home"
    return [each for each in home.rglob("*") if each.is_file()] if home.is_dir() else []


# ---- had


def test_a_bundle_of_the_hub_answers_as_the_one_that_was_put_there(web, files, tmp_path, capsys):
    head = web.repos["model", NAME].head
    loaded = load_bundle(f"hub:{NAME}")
    folder = tmp_path / "here"
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
        assert (loaded.path / name).read_bytes() == data
    assert loaded.predict(picture(0)).probs == load_bundle(folder).predict(picture(0)).probs
    said = capsys.readouterr().err
    assert f"hub:{NAME}@{head}" in said and "main is the commit" in said and "3 files" in said


def test_nothing_but_the_files_of_a_bundle_is_asked_for(web):
    load_bundle(f"hub:{NAME}")
    asked = {each.path.rpartition("/")[2] for each in web.log if "/resolve/" in each.path}
    assert asked == {"README.md", "bundle.json", "model.safetensors"}


def test_a_pinned_commit_is_had_once_and_said_nothing_of(web, capsys):
    head = web.repos["model", NAME].head
    load_bundle(f"hub:{NAME}@{head}")
    asked = len(web.log)
    assert "is the commit" not in capsys.readouterr().err
    fetch_bundle.cache_clear()
    load_bundle(f"hub:{NAME}@{head}")
    assert len(web.log) == asked and capsys.readouterr().err == ""


def test_one_name_is_one_commit_as_long_as_a_program_runs(web, files):
    first = load_bundle(f"hub:{NAME}").path
    web.repos["model", NAME].commit({**files, "README.md": b"newer"})
    check_there(Path(f"hub:{NAME}"))
    assert load_bundle(f"hub:{NAME}").path == first
    fetch_bundle.cache_clear()
    assert load_bundle(f"hub:{NAME}").path != first


def test_a_branch_and_a_tag_are_resolved(web, files, capsys):
    old = web.repos["model", NAME].head
    web.repos["model", NAME].branches["v1.0"] = old
    web.repos["model", NAME].commit({**files, "README.md": b"newer"})
    assert load_bundle(f"hub:{NAME}@v1.0").path.name == old
    assert f"v1.0 is the commit {old}" in capsys.readouterr().err


def test_the_gate_and_the_graph_come_along(web, files):
    web.repo("ann/more", {**files, "model.onnx": b"graph", "evaluation.json": b"{}"})
    folder = fetch_bundle(hub_name("hub:ann/more"))
    assert (folder / "model.onnx").read_bytes() == b"graph" and (
        folder / "evaluation.json"
    ).exists()


def test_a_gate_that_bundle_json_does_not_name_is_refused_as_of_a_folder(web, files):
    web.repo("ann/more", {**files, "gate.safetensors": b"a gate"})
    assert "gate" in fails(IntegrityError, "hub:ann/more")


# ---- without a network


def test_without_a_network_the_copy_that_was_had_is_used_and_that_is_said(web, capsys, monkeypatch):
    from huggingface_hub import constants

    path = load_bundle(f"hub:{NAME}").path
    fetch_bundle.cache_clear()
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert load_bundle(f"hub:{NAME}").path == path
    said = capsys.readouterr().err
    assert (
        "The copy that is here is used" in said
        and "cannot be reached" in said
        and f"hub:{NAME}@{path.name}" in said
    )
    assert load_bundle(f"hub:{NAME}@{path.name}").path == path


@pytest.mark.parametrize("revision", ["", "@main", "@" + "1" * 40])
def test_without_a_network_and_without_a_copy_one_line_says_so(web, monkeypatch, revision):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://me:secret@127.0.0.1:9")
    line = fails(HubSilent, f"hub:{NAME}{revision}")
    assert "127.0.0.1:9 cannot be reached" in line and "secret" not in line
    assert "No copy of it is here" in line


def test_offline_mode_is_named(web, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE" in fails(SourceUnavailable)


def test_half_a_copy_is_no_copy(web, monkeypatch, tmp_path):
    from huggingface_hub import constants

    folder = load_bundle(f"hub:{NAME}").path
    (folder / "model.safetensors").unlink()
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    fails(HubSilent)
    monkeypatch.setattr(constants, "ENDPOINT", web.url)
    fetch_bundle.cache_clear()
    assert load_bundle(f"hub:{NAME}@{folder.name}").path == folder


def test_without_the_client_one_line_has_the_pip_command(web, monkeypatch):
    def missing(name):
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(hub_client, "import_module", missing)
    assert "pip install 'cxr_fastai[hub]'" in fails(UsageError)


# ---- what the Hub refuses


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (status(401), "status 401|private"),
        (status(403), "status 403"),
        (status(403, X_Error_Code="GatedRepo"), "accept its terms"),
        (status(404, X_Error_Code="RepoNotFound"), "private"),
        (status(404, X_Error_Code="RevisionNotFound"), "revision"),
        (status(404), "status 404|private"),
        (status(429, Retry_After="0"), "wait"),
        (status(500), "out of order"),
        (status(503), "out of order"),
        (status(200, b"no json"), "understood"),
        (status(200, b"[]"), "understood"),
        (status(200, b"<html>sign in</html>", Content_Type="text/html"), "understood"),
        (lambda call: call.cut(), "127.0.0.1"),
    ],
)
def test_whatever_the_hub_answers_of_a_repository_is_one_line(web, answer, word):

    web.routes[f"/api/models/{NAME}"] = answer
    line = fails(SourceUnavailable)
    assert re.search(word, line), line


def hangs(call):
    "No answer until the test is over."
    call.web.closing.wait(20)


def test_a_hub_that_does_not_answer_is_not_waited_for(web, monkeypatch):
    monkeypatch.setattr(from_hub, "TO_NAME_A_COMMIT", 0.2)
    web.routes[f"/api/models/{NAME}"] = hangs
    assert "in time" in fails(HubSilent)


def test_what_is_not_there_is_said_with_its_name(web):
    assert "hub:ann/none" in fails(SourceUnavailable, "hub:ann/none")
    assert "revision" in fails(SourceUnavailable, f"hub:{NAME}@v9")
    assert fails(SourceUnavailable, f"hub:{NAME}@{'1' * 40}")


def test_a_repository_without_a_bundle_says_what_it_holds_and_that_pickles_are_not_loaded(web):
    web.repo("ann/pickled", {"README.md": b"", "learner.pkl": PICKLE, "pytorch_model.bin": PICKLE})
    line = fails(UsageError, "hub:ann/pickled")
    assert "learner.pkl" in line and "never loaded" in line
    assert not [each for each in web.log if "/resolve/" in each.path]


@pytest.mark.parametrize("code", [403, 404, 500, 502])
def test_a_file_that_is_refused_is_one_line(web, code, monkeypatch):
    no_waiting(monkeypatch)
    web.routes[resolve(web, "model.safetensors")] = status(code)
    assert "127.0.0.1" in fails(SourceUnavailable)


def no_waiting(monkeypatch):
    "Let the client try again at once."
    from huggingface_hub.utils import _http

    monkeypatch.setattr(_http.time, "sleep", lambda seconds: None)


# ---- a Hub that lies


def list_of(web, files, commit=None, **changes):
    "What the Hub tells of the repository, changed."
    commit = commit or web.repos["model", NAME].head
    siblings = [{**sibling(name, data), **changes.get(name, {})} for name, data in files.items()]
    told = {"id": NAME, "sha": commit, "private": False, "siblings": siblings}
    return status(200, json.dumps(told).encode(), Content_Type="application/json")


def test_other_bytes_of_the_same_size_are_refused_and_not_kept(web, files, tmp_path):
    for name in ("model.safetensors", "README.md", "bundle.json"):
        other = bytes(len(files[name]))
        said = sha256(files[name]) if name.endswith(".safetensors") else git_oid(files[name])
        route = resolve(web, name)
        web.routes[route] = file(
            other, etag=f'"{said}"', X_Repo_Commit=web.repos["model", NAME].head
        )
        line = fails(IntegrityError)
        assert name in line and "changed on the way" in line
        assert not [each for each in cached(tmp_path) if each.read_bytes() == other]
        del web.routes[route]
        shutil.rmtree(tmp_path / "home")
    assert load_bundle(f"hub:{NAME}")


def test_weights_that_were_changed_in_the_cache_are_refused_as_ever(web, files):
    path = load_bundle(f"hub:{NAME}").path
    real = os.path.realpath(path / "model.safetensors")
    with open(real, "r+b") as f:
        f.seek(-4, 2)
        f.write(b"\xff\xff\xff\x7f")
    assert "SHA-256" in fails(IntegrityError, f"hub:{NAME}@{path.name}")


def test_a_forged_pair_of_weights_and_list_is_refused_by_bundle_json(web, files):
    web.repo(
        "ann/forged", {**files, "model.safetensors": files["model.safetensors"][:-4] + b"abcd"}
    )
    assert "SHA-256" in fails(IntegrityError, "hub:ann/forged")


EVIL = ["../../../../evil", "/etc/evil", "..", "", "1" * 40, "a" * 300]


@pytest.mark.parametrize("word", EVIL)
def test_no_header_makes_a_path(web, files, tmp_path, word):
    """The client itself would write to blobs/ETAG and snapshots/COMMIT, whatever these are."""
    for name in ("README.md", "model.safetensors"):
        web.routes[resolve(web, name)] = file(files[name], etag=f'"{word}"', X_Repo_Commit=word)
    home = tmp_path / "home" / "hub" / "models--ann--triage"
    assert load_bundle(f"hub:{NAME}").path == home / "snapshots" / web.repos["model", NAME].head
    blobs = {sha256(data) if name.endswith(".safetensors") else git_oid(data)
             for name, data in files.items()}  # fmt: skip
    assert {each.name for each in (home / "blobs").iterdir()} == blobs
    assert not list(tmp_path.rglob("*evil*"))
    assert sorted(each.name for each in home.iterdir()) == ["blobs", "refs", "snapshots"]


@pytest.mark.parametrize("word", [*EVIL[:4], "1" * 39, None, 7])
def test_a_hash_that_is_none_is_refused(web, files, tmp_path, word):
    web.routes[f"/api/models/{NAME}"] = list_of(web, files, **{"README.md": {"blobId": word}})
    assert "no hash of README.md" in fails(IntegrityError)
    assert not list(tmp_path.rglob("*evil*"))


def test_the_layout_is_that_of_the_client_which_finds_the_files_itself(web):
    from huggingface_hub import try_to_load_from_cache

    folder = load_bundle(f"hub:{NAME}").path
    for revision in (folder.name, "main"):
        found = try_to_load_from_cache(NAME, "bundle.json", revision=revision)
        assert found == str(folder / "bundle.json")


def test_a_blob_of_an_earlier_commit_is_not_had_again(web, files):
    load_bundle(f"hub:{NAME}")
    web.repos["model", NAME].commit({**files, "README.md": b"newer"})
    web.log.clear()
    fetch_bundle.cache_clear()
    load_bundle(f"hub:{NAME}")
    assert [each.path.rpartition("/")[2] for each in web.log if "/resolve/" in each.path] == [
        "README.md"
    ]


@pytest.mark.parametrize("body", ["chunked", "longer"])
def test_a_body_without_an_end_is_cut_where_it_was_to_end(web, files, tmp_path, body):
    sent = []

    def endless(call):
        call.head(200, {"Transfer-Encoding": "chunked"})
        for _ in range(100):
            call.wfile.write(b"100000\r\n" + bytes(1 << 20) + b"\r\n")
            sent.append(1 << 20)
        call.wfile.write(b"0\r\n\r\n")

    longer = file(files["README.md"] + b"more")
    web.routes[resolve(web, "README.md")] = endless if body == "chunked" else longer
    assert "longer than" in fails(IntegrityError)
    assert sum(sent) < 50 << 20 and sum(each.stat().st_size for each in cached(tmp_path)) < 1 << 20


@pytest.mark.parametrize("sha", ["../../evil", "main", "", None, 7, "1" * 39])
def test_a_commit_that_is_none_is_refused(web, files, tmp_path, sha):
    told = {"id": NAME, "sha": sha, "siblings": [sibling(n, d) for n, d in files.items()]}
    web.routes[f"/api/models/{NAME}"] = status(200, json.dumps(told).encode())
    assert "names no commit" in fails(IntegrityError)
    assert not list(tmp_path.rglob("*evil*"))


def test_another_commit_than_the_pinned_one_is_refused(web, files):
    web.routes[f"/api/models/{NAME}/revision/{'1' * 40}"] = list_of(web, files, "2" * 40)
    assert "another commit" in fails(IntegrityError, f"hub:{NAME}@{'1' * 40}")


def test_names_that_climb_out_of_a_folder_are_never_asked_for(web, files, tmp_path):
    web.routes[f"/api/models/{NAME}"] = list_of(
        web, {**files, "../../evil": b"x", "/etc/evil": b"x", "a/../../bundle.json": b"{}"}
    )
    assert load_bundle(f"hub:{NAME}")
    assert not [each for each in web.log if "evil" in each.path]


@pytest.mark.parametrize(
    ("size", "word"),
    [
        (None, "how large"),
        (-1, "how large"),
        ("12", "how large"),
        (True, "how large"),
        (1 << 40, "no bundle has more"),
        (12, "longer than the 12 bytes"),
    ],
)
def test_a_size_that_is_none_or_a_lie_is_refused(web, files, size, word):
    web.routes[f"/api/models/{NAME}"] = list_of(web, files, **{"model.safetensors": {"size": size}})
    assert word in fails(IntegrityError)


def test_a_size_that_is_too_large_is_told(web, files, monkeypatch):
    no_waiting(monkeypatch)
    size = len(files["model.safetensors"]) + 1
    web.routes[f"/api/models/{NAME}"] = list_of(web, files, **{"model.safetensors": {"size": size}})
    assert "less than it said" in fails(SourceUnavailable)


def test_a_body_that_is_shorter_than_it_says_is_one_line(web, files, monkeypatch):
    no_waiting(monkeypatch)
    from huggingface_hub import file_download

    monkeypatch.setattr(file_download.time, "sleep", lambda seconds: None)
    web.routes[resolve(web, "README.md")] = handed(
        files["README.md"], "README.md", web.repos["model", NAME].head, cut=20, ranges=False
    )
    assert "127.0.0.1" in fails(SourceUnavailable)


def test_a_download_that_breaks_goes_on_where_it_broke(web, files, monkeypatch):
    from huggingface_hub import constants, file_download

    monkeypatch.setattr(file_download.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1 << 16)
    name, head = "model.safetensors", web.repos["model", NAME].head
    data = files[name]
    web.routes[resolve(web, name)] = [
        handed(data, name, head, cut=1 << 20),
        handed(data, name, head),
    ]
    assert load_bundle(f"hub:{NAME}")
    asked = [each.headers.get("Range") for each in web.log if each.path == resolve(web, name)]
    assert asked[0] is None and asked[1].startswith("bytes=")


def test_a_redirect_elsewhere_gets_no_token_and_its_bytes_are_checked(web, files):
    data = files["model.safetensors"]
    with serve({"/cdn": file(bytes(len(data))), "/good": file(data)}) as other:
        elsewhere = other.url.replace("127.0.0.1", "localhost")
        head = web.repos["model", NAME].head
        for place, is_good in (("/cdn", False), ("/good", True)):
            web.routes[resolve(web, "model.safetensors")] = status(
                302,
                Location=elsewhere + place,
                X_Repo_Commit=head,
                X_Linked_Etag=f'"{sha256(data)}"',
                X_Linked_Size=len(data),
            )
            if is_good:
                fetch_bundle.cache_clear()
                assert load_bundle(f"hub:{NAME}")
            else:
                fails(IntegrityError)
        assert other.log and not [each for each in other.log if each.headers.get("Authorization")]


def test_bundles_of_the_hub_are_called_by_their_names_in_a_table(web, files, tmp_path):
    other = tmp_path / "other"
    torch.manual_seed(1)
    save_bundle(other, build_network("cnn", len(META["vocab"])), {**META, "arch": "cnn"})
    web.repo("ann/other", {each.name: each.read_bytes() for each in other.iterdir()})
    names = load_ensemble([f"hub:{NAME}", "hub:ann/other"]).names
    heads = [web.repos["model", repo].head[:7] for repo in (NAME, "ann/other")]
    assert names == [f"triage@{heads[0]}", f"other@{heads[1]}"]


def test_nothing_is_written_into_the_copy_of_a_commit(web, tmp_path):
    loaded = load_bundle(f"hub:{NAME}")
    before = {each.name: each.read_bytes() for each in loaded.path.iterdir()}
    with pytest.raises(UsageError, match="export"):
        export_onnx(loaded)
    with pytest.raises(UsageError, match="copy"):
        write_card(loaded, {"metrics": {}})
    assert {each.name: each.read_bytes() for each in loaded.path.iterdir()} == before


def test_endless_redirects_are_one_line(web):
    web.routes[resolve(web, "README.md")] = redirect(resolve(web, "README.md"))
    fails(SourceUnavailable)


def test_the_client_is_left_as_it_was(web):
    import huggingface_hub
    from huggingface_hub.utils import logging

    before = logging.get_verbosity()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_bundle(f"hub:{NAME}")
    assert logging.get_verbosity() == before
    assert not huggingface_hub.utils.are_progress_bars_disabled()
