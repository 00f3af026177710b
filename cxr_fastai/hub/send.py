"""A Shipment to the Hub, as one commit, and whether all of it arrived.

A Shipment in, the commit out. The repository is made where there is none, private unless asked
otherwise. Files of an earlier push that are in this one no more go in the same commit; what others
put there stays, and is told of. Never changes who may see a repository.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from cxr_fastai.advice import flag
from cxr_fastai.bundle.file_names import BUNDLE_FILES
from cxr_fastai.bundle.hub_client import PATIENCE, TO_NAME_A_COMMIT, asking, server_name
from cxr_fastai.bundle.hub_names import is_commit
from cxr_fastai.core import SPLITS, IntegrityError, UsageError
from cxr_fastai.curation.folder.croissant import CROISSANT
from cxr_fastai.curation.folder.hub_table import METADATA
from cxr_fastai.hub.shipment import MODEL, Parcel, Shipment
from cxr_fastai.manifest import CURATION, MANIFEST

__all__ = ["Sent", "send"]

OF_A_FOLDER = (MANIFEST, CURATION, CROISSANT, "README.md")
OF_THE_HUB = (".gitattributes",)  # that it puts into each repository


@dataclass(frozen=True)
class Sent:
    """What became of a shipment."""

    commit: str
    is_private: bool
    removed: tuple[str, ...]  # files of an earlier push
    others: tuple[str, ...]  # files that no push put there


def send(
    shipment: Shipment,
    public: bool = False,  # make the repository public, where it is made
) -> Sent:
    """Send it. Raises `SourceUnavailable`, `UsageError`, and `IntegrityError` for a part lost."""
    with asking(shipment.repo) as client:
        api = client.HfApi()
        before = _repository(api, shipment, public)
        old = [sibling.rfilename for sibling in before.siblings or ()]
        mine, others = _sorted_out(shipment, old)
        operations = [
            client.CommitOperationAdd(
                parcel.path,
                parcel.content if isinstance(parcel.content, bytes) else str(parcel.content),
            )
            for parcel in shipment.parcels
        ]
        operations += [client.CommitOperationDelete(path) for path in mine]
        done = api.create_commit(
            shipment.repo,
            operations,
            commit_message=shipment.called,
            repo_type=shipment.kind,
            parent_commit=before.sha,  # so that nobody's commit of meanwhile is undone
        )
        if not is_commit(done.oid):
            raise IntegrityError(f"{shipment.repo}: {server_name()} names no commit of the push.")
        _check_arrived(api, shipment, done.oid)
    return Sent(done.oid, bool(before.private), tuple(mine), tuple(others))


def _repository(
    api: Any,  # of the client
    shipment: Shipment,
    public: bool,
) -> Any:
    """Return what is told of the repository, which is made where there is none.

    Raises `UsageError` for one that is seen by others than was asked for.
    """
    errors = import_module("huggingface_hub.errors")
    try:
        told = _told(api, shipment)
    except errors.RepositoryNotFoundError:
        api.create_repo(shipment.repo, repo_type=shipment.kind, private=not public, exist_ok=False)
        told = _told(api, shipment)
    if bool(told.private) is public:
        seen = "private" if told.private else "public"
        way = "push without" if told.private else "say that it may be with"
        raise UsageError(
            f"{shipment.repo} is {seen} on {server_name()}: {way} {flag('public', True)}, or "
            "change that on its page. Nothing was sent."
        )
    return told


def _told(
    api: Any,  # of the client
    shipment: Shipment,
    revision: str | None = None,  # None: the newest commit
    sizes: bool = False,  # with size and hash of each file
) -> Any:
    """Ask for a repository and its files."""
    return api.repo_info(
        shipment.repo,
        repo_type=shipment.kind,
        revision=revision,
        files_metadata=sizes,
        timeout=PATIENCE if sizes else TO_NAME_A_COMMIT,
    )


def _sorted_out(
    shipment: Shipment,
    old: list[str],  # files that are there
) -> tuple[list[str], list[str]]:  # of an earlier push, and in this one no more; of others
    """Tell apart what an earlier push put there from what others did."""
    new = {parcel.path for parcel in shipment.parcels}
    mine: list[str] = []
    others: list[str] = []
    for path in sorted(set(old) - new - set(OF_THE_HUB)):
        if _is_of_a_push(shipment.kind, path):
            mine.append(path)
        else:
            others.append(path)
    return mine, others


def _is_of_a_push(
    kind: str,  # of the repository
    path: str,
) -> bool:
    """Tell whether a push could have put a file there."""
    if kind == MODEL:
        return path in BUNDLE_FILES
    top, _, rest = path.partition("/")
    if top in SPLITS and rest:
        return rest == METADATA or rest.endswith(".png")
    return path in OF_A_FOLDER


# ---- whether it arrived


def _check_arrived(
    api: Any,  # of the client
    shipment: Shipment,
    commit: str,
) -> None:
    """Raise `IntegrityError` unless the commit holds every file as it was sent."""
    told = _told(api, shipment, commit, True)
    there = {one.rfilename: one for one in told.siblings or ()}
    parcels = shipment.parcels
    lost = [parcel.path for parcel in parcels if not _is_there(parcel, there)]
    if lost:
        raise IntegrityError(
            f"{shipment.repo}: of {len(shipment.parcels):,} files {len(lost):,} are not in the "
            f"commit {commit} as they were sent, {lost[0]} among them: push again."
        )


def _is_there(
    parcel: Parcel,
    there: dict[str, Any],  # path -> what the Hub tells of the file
) -> bool:
    """Tell whether a file is in the commit with its own bytes."""
    found = there.get(parcel.path)
    if found is None:
        return False
    if found.lfs is not None:
        return bool(found.lfs.sha256 == parcel.sha256)
    return bool(found.blob_id == _git_name(parcel))


def _git_name(parcel: Parcel) -> str:
    """Return what git calls a file."""
    named = hashlib.sha1(b"blob %d\0" % parcel.size, usedforsecurity=False)
    for piece in _pieces(parcel.content):
        named.update(piece)
    return named.hexdigest()


def _pieces(content: Path | bytes) -> Iterator[bytes]:
    """Yield what a file holds."""
    if isinstance(content, bytes):
        yield content
        return
    with open(content, "rb") as f:
        while piece := f.read(1 << 20):
            yield piece
