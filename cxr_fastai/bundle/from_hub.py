"""A bundle of the Hugging Face Hub: its files had once, checked, in the cache of the Hub's client.

hub:OWNER/NAME@REVISION -> the folder of one commit. Only the files of a bundle are asked for, by
their names: never a pickle, whatever else lies there. What came is held against what the Hub says
of the commit; `load_bundle` then holds it against bundle.json. A commit that is here is not asked
for again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from cxr_fastai.bundle.file_names import BUNDLE_FILES, BUNDLE_JSON, MODEL_ONNX, WEIGHTS
from cxr_fastai.bundle.hub_cache import (
    Bounded,
    commit_folder,
    is_whole,
    keep,
    known_commit,
    remember,
)
from cxr_fastai.bundle.hub_client import TO_NAME_A_COMMIT, HubSilent, asking, server_name
from cxr_fastai.bundle.hub_names import HubName, is_commit
from cxr_fastai.bundle.values import is_whole as is_whole_count
from cxr_fastai.core import IntegrityError, UsageError, printable, size_text
from cxr_fastai.progress import say
from cxr_fastai.reporting.text import count

__all__ = ["fetch_bundle"]

# Bytes that a file of a bundle may have: the largest network here has under 1 GB, and a record of
# 100 classes under 1 MB. A bound on what a stranger's repository can put on a disk.
MOST_BYTES = {WEIGHTS: 8 << 30, MODEL_ONNX: 8 << 30}
MOST_BYTES_ELSE = 256 << 20
HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")  # as git names a file, or SHA-256
PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".bin", ".ckpt", ".joblib")
SHOWN_NAMES = 3


@lru_cache(maxsize=64)  # so that one name is one commit as long as a program runs
def fetch_bundle(
    name: HubName,
    tell: Callable[[str], None] = say,  # which commit it is, and what is downloaded
) -> Path:  # the folder of one commit
    """Have the files of a bundle.

    Without a network the copy that was had last is used, and that is said. Raises
    `SourceUnavailable` where the Hub does not give it, `UsageError` where it holds no bundle,
    `IntegrityError` where what came is not what the Hub names, `StorageError`.
    """
    with asking(str(name)) as client:
        if name.is_pinned and is_whole(commit_folder(name, name.revision)):
            return commit_folder(name, name.revision)
        try:
            told = _ask(client, name)
        except HubSilent as e:
            return _copy_without_network(name, e, tell)
        commit = told.sha
        if not name.is_pinned:
            tell(
                f"{name}: {name.branch} is the commit {commit} now; to have the same model "
                f"tomorrow: {name.at(commit)}"
            )
        folder = commit_folder(name, commit)
        _have(client, name, told, tell)
        remember(name, commit)
        return folder


# ---- what is asked


def _ask(client: Any, name: HubName) -> Any:  # huggingface_hub.ModelInfo
    """Ask which commit is meant, and for its files. Raises what the client does."""
    with asking(str(name)):
        told = client.HfApi().model_info(
            name.repo,
            revision=name.revision or None,
            files_metadata=True,
            timeout=TO_NAME_A_COMMIT,
        )
    if not is_commit(told.sha):
        raise IntegrityError(f"{name}: {server_name()} names no commit: {printable(told.sha)[:80]}")
    if name.is_pinned and told.sha != name.revision:
        raise IntegrityError(f"{name}: {server_name()} gives another commit, {told.sha}.")
    return told


def _have(
    client: Any,
    name: HubName,
    told: Any,  # of the commit
    tell: Callable[[str], None],
) -> None:
    """Have each file of a bundle that the commit holds; bundle.json comes last."""
    there = {sibling.rfilename: sibling for sibling in told.siblings or ()}
    wanted = [there[file] for file in BUNDLE_FILES if file in there]
    if BUNDLE_JSON not in there or WEIGHTS not in there:
        raise UsageError(_no_bundle(name, sorted(there)))
    for sibling in wanted:
        _check_size(name, sibling)
    missing = [
        one for one in wanted if not (commit_folder(name, told.sha) / one.rfilename).is_file()
    ]
    if missing:
        total = sum(one.size for one in missing)
        tell(f"{name}: downloading {count(len(missing), 'file')}, {size_text(total)}")
    for sibling in wanted:
        _download(client, name, told.sha, sibling)


def _no_bundle(
    name: HubName,
    files: list[str],  # that the repository holds
) -> str:
    """Say what a repository lacks to be a bundle, and what of it is never loaded."""
    pickles = [file for file in files if file.endswith(PICKLES)]
    shown = ", ".join(printable(file)[:60] for file in pickles[:SHOWN_NAMES])
    never = f" Pickles are never loaded, as that runs whatever code they hold: {shown}."
    return (
        f"{name} holds no bundle: of {count(len(files), 'file')} none is {BUNDLE_JSON}, or "
        f"{WEIGHTS} is missing; `cxr push` puts them there.{never if pickles else ''}"
    )


def _check_size(
    name: HubName,
    sibling: Any,  # a file that the Hub tells of
) -> None:
    """Raise `IntegrityError` for a file of no size, or one larger than any of a bundle."""
    file, size = sibling.rfilename, sibling.size
    most = MOST_BYTES.get(file, MOST_BYTES_ELSE)
    if not is_whole_count(size):
        raise IntegrityError(f"{name}: {server_name()} does not say how large {file} is.")
    if size > most:
        raise IntegrityError(
            f"{name}: {file} is said to have {size_text(size)}: no bundle has more than "
            f"{size_text(most)} there."
        )


# ---- what comes


def _download(
    client: Any,
    name: HubName,
    commit: str,
    sibling: Any,  # what the Hub tells of the file
) -> None:
    """Have one file. Raises `IntegrityError`, keeping nothing, where it is another one."""
    file, size = sibling.rfilename, int(sibling.size)
    endpoint = client.HfApi().endpoint
    url = client.hf_hub_url(name.repo, file, revision=commit, endpoint=endpoint)

    def write_to(bounded: Bounded) -> None:
        """Let the client write it: it goes on where a connection broke."""
        http_get = import_module("huggingface_hub.file_download").http_get
        with asking(str(name)):  # the client's errors are of the Hub, not of the disk
            headers = client.utils.build_hf_headers()
            http_get(url, bounded, headers=headers, expected_size=size, displayed_filename=file)

    try:
        keep(commit_folder(name, commit) / file, (size, _named(name, sibling)), write_to)
    except IntegrityError as e:
        raise IntegrityError(
            f"{name}: {e}: not {file} of the commit {commit}, but changed on the way or where it "
            "lies. Nothing of it is kept."
        ) from e


def _named(
    name: HubName,
    sibling: Any,  # what the Hub tells of a file
) -> str:
    """Return the hash of a file: SHA-256 of a large one, as git names it of a small one."""
    told = sibling.blob_id if sibling.lfs is None else sibling.lfs.sha256
    if not isinstance(told, str) or HASH.fullmatch(told) is None:
        raise IntegrityError(f"{name}: {server_name()} names no hash of {sibling.rfilename}.")
    return told


def _copy_without_network(
    name: HubName,
    why: HubSilent,
    tell: Callable[[str], None],
) -> Path:
    """Return the copy that was had last. Raises `HubSilent` where there is none."""
    commit = known_commit(name)
    folder = commit_folder(name, commit)
    if not commit or not is_whole(folder):
        raise HubSilent(f"{why} No copy of it is here.") from why
    tell(f"{why} The copy that is here is used, of the commit {commit}: {name.at(commit)}")
    return folder
