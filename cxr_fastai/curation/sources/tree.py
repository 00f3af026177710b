"""The files of a source as names and places.

A folder, or the index of archives that were unpacked by content -> a Tree. It follows no link out
of the folder, opens no image and changes nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from cxr_fastai.csv_cells import nfc

__all__ = ["Tree", "folder_tree", "in_nfc"]


@dataclass(frozen=True, repr=False)
class Tree:
    """What a source holds, whatever holds it."""

    where: str  # for messages: the folder, or the archive's name
    files: dict[str, str]  # path relative to the source, with / -> file on disk; sorted
    dropped: tuple[tuple[str, str, str], ...] = ()  # (path, reason, message): what is no plain file

    def file(
        self,
        path: str,  # in the source
    ) -> Path:
        """Return the file on disk of a path in the source."""
        return Path(self.files[path])

    def __repr__(self) -> str:
        """Show how many files there are, not which."""
        return f"<Tree of {len(self.files)} files in {self.where}>"


def in_nfc(tree: Tree) -> Tree:
    """Return a tree whose paths have their accents composed; its files are opened as they were.

    A path that two files would then have goes to the one whose name is composed on disk.
    """
    if all(path.isascii() for path in tree.files):
        return tree
    files: dict[str, str] = {}
    for path, file in sorted(tree.files.items(), key=_is_decomposed):
        composed = nfc(path)
        files[path if composed in files else composed] = file
    return Tree(where=tree.where, files=dict(sorted(files.items())), dropped=tree.dropped)


def _is_decomposed(item: tuple[str, str]) -> bool:
    """Tell whether a path is not as nfc writes it."""
    return nfc(item[0]) != item[0]


def folder_tree(
    root: str | os.PathLike[str],  # folder; a link to one is followed here, and nowhere below
) -> Tree:
    """Find all regular files below `root`.

    Links to files inside it count as files. Links that lead outside, to nothing or to a folder,
    pipes and devices, and folders that may not be read are dropped with a reason.
    """
    top = Path(root)
    real_top = os.path.realpath(root)
    files: dict[str, str] = {}
    dropped: list[tuple[str, str, str]] = []
    folders = [""]  # to be read, relative to the root
    while folders:
        folder = folders.pop()
        try:
            entries = list(os.scandir(top / folder))
        except OSError as e:
            message = f"the folder cannot be read: {e.strerror}"
            dropped.append((folder or ".", "unreadable_folder", message))
            continue
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir(follow_symlinks=False):
                folders.append(path)
                continue
            refused = _refused(entry, real_top)
            if refused:
                dropped.append((path, *refused))
            else:
                files[path] = entry.path
    return Tree(where=str(root), files=dict(sorted(files.items())), dropped=tuple(sorted(dropped)))


def _refused(
    entry: os.DirEntry[str],  # of a folder
    real_top: str,  # the source's folder, all links followed
) -> tuple[str, str] | None:
    """Return (reason, message) for an entry that is not a file of this source.

    A link is judged by where it leads.
    """
    if entry.is_symlink():
        try:
            target = os.path.realpath(entry.path)
        except OSError as e:  # of /proc, or a link that went away
            return "dangling_link", f"a link that cannot be read: {e.strerror}"
        return _refused_link(target, real_top)
    if entry.is_file(follow_symlinks=False):
        return None
    return "not_regular", "a pipe, socket or device"


def _refused_link(
    target: str,  # of the link, all links followed
    real_top: str,  # the source's folder, all links followed
) -> tuple[str, str] | None:
    """Return (reason, message) for a link that leads to no file of this source."""
    if not os.path.exists(target):
        return "dangling_link", f"a link to nothing or in a circle: {target}"
    if os.path.isdir(target):
        return "link_to_folder", f"a link to the folder {target}: not followed; put the files here"
    if os.path.commonpath([real_top, target]) != real_top:
        return "link_outside", f"a link out of the source, to {target}"
    if os.path.isfile(target):
        return None
    return "not_regular", "a link to a pipe, socket or device"
