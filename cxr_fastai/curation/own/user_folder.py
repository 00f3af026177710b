"""The files of a folder, or an archive, that the user named himself.

A folder -> the Tree of its images, links followed, and what a reader must know of the rest. It
changes nothing; of a file without an ending it reads the first bytes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from cxr_fastai.core import FolderWarning, UsageError
from cxr_fastai.curation.own.own_data import own_warning
from cxr_fastai.curation.sources.file_names import is_text
from cxr_fastai.curation.sources.tree import Tree, folder_tree, in_nfc
from cxr_fastai.images import is_image_name
from cxr_fastai.images.sniff import FORMATS, sniff
from cxr_fastai.junk import is_junk
from cxr_fastai.manifest import CURATION
from cxr_fastai.reporting.text import count

__all__ = ["UserFolder", "user_tree", "named_files"]

HEAD_BYTES = 512  # of a file, that tell an image's format
MAX_NAMED = 3  # files in one sentence


@dataclass(frozen=True)
class UserFolder:
    """What a user's folder holds."""

    tree: Tree  # its images, and hidden ones; other files are dropped with a reason
    images: list[str]  # paths of the images that are to be read
    warnings: list[FolderWarning]


def named_files(
    paths: Sequence[str],
) -> str:
    """Name the first of some files, and say how many more there are."""
    named = ", ".join(sorted(paths)[:MAX_NAMED])
    return f"{named} and {len(paths) - MAX_NAMED} more" if len(paths) > MAX_NAMED else named


def user_tree(
    folder: Path,
) -> UserFolder:
    """List the images of a folder that the user named. Raises `UsageError` for what is none."""
    _check_folder(folder)
    tree = in_nfc(folder_tree(folder, follow=True))
    images: list[str] = []
    others: list[str] = []
    for path, file in tree.files.items():
        if is_junk(path) or not is_text(path):
            continue
        (images if _is_image(path, file) else others).append(path)
    warnings = _link_warnings(tree)
    told = [(path, "no_image_name", "its name is none of an image's") for path in others]
    left_out = set(others)
    files = {path: file for path, file in tree.files.items() if path not in left_out}
    dropped = tuple(sorted([*tree.dropped, *told]))
    return UserFolder(replace(tree, files=files, dropped=dropped), images, warnings)


def _check_folder(folder: Path) -> None:
    """Raise `UsageError` for a folder that is not there, no folder, or curated already."""
    if not folder.exists():
        raise UsageError(f"no folder {folder}: give one whose subfolders are the classes.")
    if not folder.is_dir():
        raise UsageError(f"{folder} is a file: give a folder whose subfolders are the classes.")
    if (folder / CURATION).is_file():
        raise UsageError(
            f"{folder} is curated already: train on it (cxr train {folder}), "
            "or give the folder that it was made of."
        )


def _is_image(path: str, file: str) -> bool:
    """Tell an image by its name's ending; a file without one by its first bytes."""
    if is_image_name(path):
        return True
    if PurePosixPath(path).suffix:
        return False
    try:
        with open(file, "rb") as f:
            head = f.read(HEAD_BYTES)
    except OSError:
        return False
    return sniff(head) in (*FORMATS, "DICOM")


def _link_warnings(tree: Tree) -> list[FolderWarning]:
    """Say how many links lead nowhere, or were not followed, and how many folders are shut."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for path, reason, _ in tree.dropped:
        if not is_junk(path):
            by_reason[reason].append(path)
    kinds = {
        "dangling_link": (
            "link leads to no file",
            "links lead to no file",
            "fetch the files first (git annex get, dvc pull, a download that is whole)",
        ),
        "unreadable_folder": (
            "folder cannot be read",
            "folders cannot be read",
            "change their permission",
        ),
    }
    warnings = []
    for reason, (one, many, do) in kinds.items():
        paths = by_reason[reason]
        if paths:
            says = f"{count(len(paths), one, many)}: {named_files(paths)}"
            warnings.append(own_warning(says, do, {reason: len(paths)}))
    return warnings
