"""The files of a folder, or an archive, that the user named himself.

A folder -> the Tree of its images, links followed, and what a reader must know of the rest. It
changes nothing; of a file without an ending it reads the first bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cxr_fastai.catalog import Source
from cxr_fastai.core import FolderWarning, UsageError, usable_path
from cxr_fastai.curation.fetch.mirror_archives import Place, is_archive, mirror_tree
from cxr_fastai.curation.own.own_data import own_source, own_warning, source_id
from cxr_fastai.curation.sources.file_names import is_text
from cxr_fastai.curation.sources.listing import not_read
from cxr_fastai.curation.sources.tree import Tree, folder_tree, in_nfc
from cxr_fastai.images import is_image_name
from cxr_fastai.images.found import is_image_file
from cxr_fastai.images.sniff import SUFFIXES
from cxr_fastai.inputs import refuse_url
from cxr_fastai.junk import is_junk
from cxr_fastai.manifest import CURATION
from cxr_fastai.progress import SILENT, Progress
from cxr_fastai.reporting.text import count

__all__ = ["UserFolder", "user_tree", "named_files"]

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
    folder: Path,  # or an archive
    progress: Progress = SILENT,  # is told of an archive that is unpacked
) -> UserFolder:
    """List the images of a folder that the user named, or of an archive in its place or in it.

    Raises `UsageError` for what is neither, or holds no image, and what `mirror_tree` raises.
    """
    _check_folder(folder)
    tree = in_nfc(_tree(folder, progress))
    images, others = _parted(tree)
    if not images:
        raise UsageError(_no_image(folder, tree, others))
    told = [(path, "no_image_name", "its name is none of an image's") for path in others]
    left_out = set(others)
    files = {path: file for path, file in tree.files.items() if path not in left_out}
    dropped = tuple(sorted([*tree.dropped, *told]))
    return UserFolder(replace(tree, files=files, dropped=dropped), images, _packed(tree, others))


def _parted(tree: Tree) -> tuple[list[str], list[str]]:
    """Part the paths of a tree: (images, other files); hidden ones are neither."""
    images: list[str] = []
    others: list[str] = []
    for path, file in tree.files.items():
        if not is_junk(path) and is_text(path):
            (images if is_image_file(path, file) else others).append(path)
    return images, others


def _tree(folder: Path, progress: Progress) -> Tree:
    """Return the files of a folder, or of the archives in it where it holds no image itself."""
    if folder.is_file():
        place = Place(folder.parent, Tree(str(folder), {}), (folder.name,))
        return mirror_tree(_as_source(folder), place, progress)
    tree = folder_tree(folder, follow=True)
    if any(is_image_name(path) and not is_junk(path) for path in tree.files):
        return tree
    images, others = _parted(tree)
    packed = [path for path in others if is_archive(path, tree.files[path])]
    if images or not packed:
        return tree
    files = {path: file for path, file in tree.files.items() if path not in packed}
    place = Place(folder, replace(tree, files=files), tuple(packed))
    return mirror_tree(_as_source(folder), place, progress)


def _as_source(folder: Path) -> Source:
    """Return a source of the images of an archive, for messages and what is looked for in it."""
    endings = [*SUFFIXES, *(suffix.upper() for suffix in SUFFIXES)]
    globs = " ; ".join(f"**/*{ending}" for ending in endings)
    return own_source(source_id(folder.stem), folder.name, {"": ()}, {"glob": globs})


def _packed(tree: Tree, others: Sequence[str]) -> list[FolderWarning]:
    """Say which archives lie beside the images and are not read."""
    packed = [path for path in others if is_archive(path, tree.files[path])]
    if not packed:
        return []
    lie = count(len(packed), "archive lies", "archives lie")
    says = f"{lie} beside the images and {'is' if len(packed) == 1 else 'are'} not read"
    do = "unpack it, or give it as the folder"
    return [own_warning(f"{says}: {named_files(packed)}", do, {"archives": len(packed)})]


def _no_image(folder: Path, tree: Tree, others: Sequence[str]) -> str:
    """Say that a folder holds no image, and what it holds instead."""
    found = not_read(tree)
    if others:
        is_file = count(len(others), "file is no image", "files are no images")
        found.insert(0, f"{is_file} ({named_files(others)})")
    return f"no image in {folder}: {'; '.join(found) or 'it is empty'}."


def _check_folder(folder: Path) -> None:
    """Raise `UsageError` for a folder that is not there, no folder, or curated already."""
    refuse_url(folder, "folder")
    if not usable_path(folder, "folder").exists():
        raise UsageError(f"no folder {folder}: give one whose subfolders are the classes.")
    if folder.is_file():
        if is_archive(folder.name, str(folder)):
            return
        says = "a csv of labels is given as --table (Python: table)"
        raise UsageError(
            f"{folder} is a file: give a folder whose subfolders are the classes; {says}."
        )
    if not folder.is_dir():
        raise UsageError(f"{folder} is a device or pipe: give a folder.")
    if (folder / CURATION).is_file():
        raise UsageError(
            f"{folder} is curated already: train on it (cxr train {folder}), "
            "or give the folder that it was made of."
        )
