"""Weights at hand: found where they lie, and only where they are whole.

python -m pytest tests/models/test_at_hand.py
"""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from cxr_fastai import core
from cxr_fastai.models import at_hand
from cxr_fastai.models.at_hand import (
    Official,
    check_folder,
    damaged_package,
    find_weights,
    hash_start,
)

DATA = b"weights"
DIGITS = hashlib.sha256(DATA).hexdigest()
NET = Official(
    "net_a",
    file=f"net_a_official-{DIGITS[:8]}.pth",
    repo="them/net_a.in1k",
    package="toy-net-a-weights",
    packed=f"net-a-{DIGITS[:8]}.pth",
)


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    "An empty machine."
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("CXR_WEIGHTS", str(tmp_path / "own"))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    (tmp_path / "own").mkdir()
    return tmp_path


def put(file, data=DATA):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


def in_torch(root):
    return put(root / "torch" / "hub" / "checkpoints" / NET.file), "torch.hub's cache"


def in_hub(root):
    folder = root / "hub" / "models--them--net_a.in1k"
    blob = put(folder / "blobs" / DIGITS)
    link = folder / "snapshots" / "0" / "model.safetensors"
    link.parent.mkdir(parents=True)
    link.symlink_to(blob)
    return link, "the Hugging Face hub's cache"


def in_package(root):
    put(root / "site" / "toy_net_a_weights" / "__init__.py", b"raise SystemExit('it was run')")
    file = put(root / "site" / "toy_net_a_weights" / "models" / NET.packed)
    return file, "the package toy-net-a-weights"


def in_own(root):
    return put(root / "own" / "net_a.safetensors"), "$CXR_WEIGHTS"


PLACES = [in_own, in_torch, in_hub, in_package]


def test_an_empty_machine_has_none():
    assert find_weights(NET) is None


@pytest.mark.parametrize("lay", PLACES)
def test_weights_are_found_where_they_lie(places, lay):
    file, where = lay(places)
    found = find_weights(NET)
    assert (found.file, found.where) == (file, where)


def test_of_several_places_the_users_own_comes_first_and_packages_last(places):
    laid = [lay(places)[0] for lay in PLACES]
    for file in laid:
        assert find_weights(NET).file == file
        file.unlink()
    assert find_weights(NET) is None


@pytest.mark.parametrize("lay", PLACES[1:])
def test_a_damaged_file_is_passed_by(places, lay):
    file, _ = lay(places)
    file.resolve().write_bytes(b"half of it")
    assert find_weights(NET) is None


@pytest.mark.parametrize(
    "name, is_taken",
    [
        ("net_a.pth", True),
        ("net_a.safetensors", True),
        (f"net_a-{DIGITS[:12]}.safetensors", True),
        (f"net_a-{DIGITS}.pth", True),
        (NET.file, True),
        (NET.packed, True),
        ("net_a_official.pth", True),
        ("net_ab.pth", False),
        ("net_a.txt", False),
        ("net_a", False),
    ],
)
def test_files_of_the_users_folder_are_named_for_their_network(places, name, is_taken):
    put(places / "own" / name)
    assert (find_weights(NET) is not None) == is_taken


@pytest.mark.parametrize("name", ["net_a-00000000.pth", NET.file, NET.packed])
def test_a_damaged_file_of_the_users_folder_is_an_error_whatever_else_is_there(places, name):
    in_package(places)
    file = put(places / "own" / name, b"half of it")
    start = hashlib.sha256(b"half of it").hexdigest()[:8]
    with pytest.raises(core.IntegrityError) as e:
        find_weights(NET)
    assert str(e.value).startswith(f"{file}: its SHA-256 begins with {start}, and not as")
    assert "\n" not in str(e.value)


def test_a_folder_that_is_none_is_refused(monkeypatch):
    monkeypatch.setenv("CXR_WEIGHTS", "/nowhere/at all")
    for ask in (check_folder, lambda: find_weights(NET)):
        with pytest.raises(core.UsageError, match="CXR_WEIGHTS=/nowhere/at all is no folder"):
            ask()


def test_without_a_folder_of_the_users_there_is_nothing_to_refuse(monkeypatch):
    monkeypatch.delenv("CXR_WEIGHTS")
    check_folder()
    assert find_weights(NET) is None


def test_an_installed_package_whose_file_is_damaged_is_named(places):
    file, _ = in_package(places)
    assert damaged_package(NET) == ""
    file.write_bytes(b"half of it")
    assert damaged_package(NET) == "toy-net-a-weights"
    assert damaged_package(Official("net_b")) == ""


@pytest.mark.parametrize(
    "name, start",
    [("resnet18-f37072fd.pth", "f37072fd"), ("weights.pth", ""), ("a-xyz.pth", "")],
)
def test_the_hash_is_read_from_the_files_name(name, start):
    assert hash_start(name) == start


def test_asking_loads_no_torch():
    code = (
        "import sys; from cxr_fastai.models.at_hand import OFFICIAL_LITES, find_weights;"
        "[find_weights(o) for o in OFFICIAL_LITES.values()]; print('torch' in sys.modules)"
    )
    got = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert got.stdout.strip() == "False"


def test_without_torch_the_cache_is_where_torch_would_have_it(places, monkeypatch):
    import torch

    with_torch = at_hand._torch_cache()
    monkeypatch.delitem(sys.modules, "torch")
    assert at_hand._torch_cache() == with_torch == Path(torch.hub.get_dir()) / "checkpoints"
