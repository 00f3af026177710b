"""A bundle or a curated folder to the Hugging Face Hub: looked through, then sent where asked.

A folder and the name of a repository -> what would be sent; with `yes` it is sent. Which of the two
a folder is, its own files tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxr_fastai.advice import command, flag
from cxr_fastai.bundle.file_names import BUNDLE_JSON
from cxr_fastai.bundle.hub_client import hub_client
from cxr_fastai.bundle.hub_names import HubName, check_repo, is_hub
from cxr_fastai.core import StrPath, UsageError
from cxr_fastai.hub.bundle_files import bundle_shipment
from cxr_fastai.hub.data_files import data_shipment
from cxr_fastai.hub.send import Sent, send
from cxr_fastai.hub.shipment import MODEL, Shipment
from cxr_fastai.inputs import readable_path
from cxr_fastai.manifest import CURATION, MANIFEST
from cxr_fastai.progress import SILENT, Progress

__all__ = ["Pushed", "push"]


@dataclass(frozen=True)
class Pushed:
    """What is, or would be, on the Hub."""

    shipment: Shipment
    sent: Sent | None = None  # None: nothing was sent

    @property
    def load(self) -> str:
        """The line of Python that has it again; '' where nothing was sent."""
        if self.sent is None:
            return ""
        repo, commit = self.shipment.repo, self.sent.commit
        if self.shipment.kind == MODEL:
            return f'load_bundle("{HubName(repo, commit)}")'
        return f'load_dataset("{repo}", revision="{commit}")'

    def to_dict(self) -> dict[str, Any]:
        """Return all of it but the contents of files, as strict JSON."""
        sent = None
        if self.sent is not None:
            sent = {**vars(self.sent), "load": self.load}
        return {**self.shipment.to_dict(), "sent": sent}


def push(
    path: StrPath,  # a bundle's folder or its run's, or a folder that `cxr curate` wrote
    repo: str,  # OWNER/NAME on the Hub
    yes: bool = False,  # send it; else it is only looked through
    public: bool = False,  # to be seen by all; else by its owner
    # as the Hub names it: of a bundle's weights, or of the images of a folder of your own
    licence: str = "",
    trained_on: bool = False,  # of a bundle: send the list of what training saw too
    manifest: StrPath | None = None,  # a folder's catalogue, where it is not the library's own
    progress: Progress | None = None,  # None: silence
) -> Pushed:
    """Look a bundle or a curated folder through, and send it to the Hugging Face Hub where asked.

    A pickle never goes, nor images of a source that may not be shared. Raises `UsageError`,
    `NotCurated`, `IntegrityError`, `SourceUnavailable`, `StorageError`.
    """
    check_repo(repo)
    if is_hub(path):
        raise UsageError(f"{path} is on the Hub already: give a folder of this machine.")
    folder = readable_path(path, "folder")
    if yes:
        hub_client()  # before hashing takes its time
    if _is_data(folder):
        if trained_on:
            raise UsageError(f"{folder} is a curated folder: {flag('trained_on')} is of a bundle.")
        shipment = data_shipment(folder, repo, licence, manifest, progress or SILENT)
    else:
        _check_bundle(folder)
        shipment = bundle_shipment(folder, repo, licence, trained_on)
    return Pushed(shipment, send(shipment, public) if yes else None)


def _is_data(
    folder: Path,  # or a file, or nothing
) -> bool:
    """Tell whether a folder is a curated one."""
    marks = (MANIFEST, CURATION)
    return any((folder / name).is_file() for name in marks)


def _check_bundle(
    folder: Path,  # or a file, or nothing
) -> None:
    """Raise `UsageError` for a folder that is neither."""
    if not folder.exists():
        raise UsageError(f"no such folder: {folder}")
    if folder.is_dir() and not any((folder / name).exists() for name in (BUNDLE_JSON, "bundle")):
        train, curate = command("cxr train", "train()"), command("cxr curate", "curate()")
        raise UsageError(
            f"{folder} holds neither a bundle ({BUNDLE_JSON}, as {train} writes it) nor a curated "
            f"folder ({MANIFEST}, as {curate} writes it)."
        )
