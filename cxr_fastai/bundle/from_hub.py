"""A bundle of the Hugging Face Hub: its files had once, checked, in the cache of the Hub's client.

hub:OWNER/NAME@REVISION -> the folder of one commit. Only the files of a bundle are asked for, by
their names: never a pickle, whatever else lies there. What came is held against what the Hub says
of the commit; `load_bundle` then holds it against bundle.json. A commit that is here is not asked
for again.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from cxr_fastai.bundle.file_names import BUNDLE_FILES, BUNDLE_JSON, GATE, WEIGHTS
from cxr_fastai.bundle.hub_client import HubSilent, asking, server_name
from cxr_fastai.bundle.hub_names import HubName, is_commit
from cxr_fastai.core import (
    IntegrityError,
    StorageError,
    UsageError,
    make_folder,
    printable,
    sha256_file,
    size_text,
    write_text,
)
from cxr_fastai.progress import say
from cxr_fastai.reporting.text import count
from cxr_fastai.strict_json import parse_json

__all__ = ["fetch_bundle"]

SECONDS_TO_ANSWER = 10.0  # that the Hub has to name a commit; its client's own default for files
# Bytes that a file of a bundle may have: the largest network here has under 1 GB, and a record of
# 100 classes under 1 MB. A bound on what a stranger's repository can put on a disk.
MOST_BYTES = {WEIGHTS: 8 << 30, "model.onnx": 8 << 30}
MOST_BYTES_ELSE = 256 << 20
ETAG = re.compile(r"[A-Za-z0-9_-]{1,128}")  # the client calls a file of its cache so
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
        if name.is_pinned and _is_whole(_folder(name, name.revision)):
            return _folder(name, name.revision)
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
        folder = _folder(name, commit)
        _have(client, name, told, tell)
        _remember(name, commit)
        return folder


# ---- what is asked


def _ask(client: Any, name: HubName) -> Any:  # huggingface_hub.ModelInfo
    """Ask which commit is meant, and for its files. Raises what the client does."""
    with asking(str(name)):
        told = client.HfApi().model_info(
            name.repo,
            revision=name.revision or None,
            files_metadata=True,
            timeout=SECONDS_TO_ANSWER,
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
    missing = [one for one in wanted if not (_folder(name, told.sha) / one.rfilename).is_file()]
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
    if not isinstance(size, int) or size < 0:
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
    api, file = client.HfApi(), sibling.rfilename
    place = _folder(name, commit) / file
    if not place.is_file():
        url = client.hf_hub_url(name.repo, file, revision=commit, endpoint=api.endpoint)
        _check_head(name, commit, sibling, api.get_hf_file_metadata(url=url))
    had = Path(api.hf_hub_download(name.repo, file, revision=commit))
    if had != place:
        raise IntegrityError(f"{name}: {file} came to {printable(had)}, not to {place}.")
    if not _fits(had, sibling):
        _forget(had)
        raise IntegrityError(
            f"{name}: the bytes of {file} that came are not those of the commit {commit}: they "
            "were changed on the way or where they lie. Nothing of them is kept."
        )


def _check_head(
    name: HubName,
    commit: str,
    sibling: Any,
    head: Any,  # huggingface_hub.HfFileMetadata
) -> None:
    """Raise `IntegrityError` where the Hub says one thing of a commit and another of its file.

    The client names files of its cache by what is said here, and so it must be a plain name. It
    asks once more itself: a server that changes its answer in between is the client's to withstand.
    """
    file = sibling.rfilename
    if head.commit_hash != commit:
        raise IntegrityError(f"{name}: {file} is given out of another commit than was asked for.")
    if ETAG.fullmatch(head.etag or "") is None:
        raise IntegrityError(f"{name}: {file} has no tag that could name a file.")
    if head.size is not None and head.size != sibling.size:
        raise IntegrityError(
            f"{name}: {file} has {sibling.size:,} bytes in the list of files and {head.size:,} "
            "where it is given out."
        )


def _fits(
    file: Path,
    sibling: Any,  # what the Hub tells of it
) -> bool:
    """Tell whether a file is the one that the commit holds: by SHA-256, or as git names it."""
    if sibling.lfs is not None:
        return bool(sha256_file(file) == sibling.lfs.sha256)
    data = file.read_bytes()
    named = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False)
    return bool(named.hexdigest() == sibling.blob_id)


def _forget(file: Path) -> None:
    """Take a file out of the cache: its name in the commit, and the bytes behind it."""
    bytes_of_it = Path(os.path.realpath(file))
    file.unlink(missing_ok=True)
    bytes_of_it.unlink(missing_ok=True)


# ---- what is here


def _storage(name: HubName) -> Path:
    """Return where the client keeps all of a repository."""
    constants = import_module("huggingface_hub.constants")
    folder = constants.REPO_ID_SEPARATOR.join(["models", *name.repo.split("/")])
    return Path(constants.HF_HUB_CACHE) / folder


def _folder(name: HubName, commit: str) -> Path:
    """Return where the client keeps a commit."""
    return _storage(name) / "snapshots" / commit


def _ref(name: HubName) -> Path:
    """Return the file in which the client keeps which commit a branch was."""
    return _storage(name) / "refs" / name.branch


def _remember(name: HubName, commit: str) -> None:
    """Note which commit a branch was, where the client does: for a day without a network."""
    if name.is_pinned:
        return
    try:
        make_folder(_ref(name).parent)
        write_text(_ref(name), commit)
    except StorageError:
        pass  # a cache that may only be read serves all the same


def _is_whole(folder: Path) -> bool:
    """Tell whether a commit is here with all that is needed to answer."""
    needed = [WEIGHTS, BUNDLE_JSON]
    try:
        record = parse_json((folder / BUNDLE_JSON).read_bytes())
    except (OSError, ValueError):
        return False
    if isinstance(record, dict) and "gate" in record:
        needed.append(GATE)
    return all((folder / file).is_file() for file in needed)


def _copy_without_network(
    name: HubName,
    why: HubSilent,
    tell: Callable[[str], None],
) -> Path:
    """Return the copy that was had last. Raises `why` where there is none."""
    commit = name.revision
    if not name.is_pinned:
        try:
            commit = _ref(name).read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            raise why from why.__cause__
    folder = _folder(name, commit)
    if not is_commit(commit) or not _is_whole(folder):
        raise why from why.__cause__
    tell(f"{why} The copy that is here is used, of the commit {commit}: {name.at(commit)}")
    return folder
