"""The files of a source as names and places. Reads a folder, or the index of archives that were unpacked by content;
returns a Tree. It follows no link out of the folder, opens no image and changes nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Tree", "folder_tree"]


@dataclass(frozen=True, repr=False)
class Tree:
    """What a source holds, whatever holds it."""

    where: str  # for messages: the folder, or the archive's name
    files: dict[str, str]  # path relative to the source, with / -> file on disk; sorted
    dropped: tuple[tuple[str, str, str], ...] = field(
        default=()
    )  # (path, reason, message): what is no plain file

    def file(self, path: str) -> Path:
        return Path(self.files[path])

    def __repr__(self) -> str:
        return f"<Tree of {len(self.files)} files in {self.where}>"


def folder_tree(
    root,  # folder; a link to one is followed here, and nowhere below
) -> Tree:
    """All regular files below `root`. Links to files inside it count as files; links that lead outside, to nothing or
    to a folder, pipes and devices, and folders that may not be read are dropped with a reason.
    """
    top, real = Path(root), os.path.realpath(root)
    files, dropped, todo = {}, [], [""]
    while todo:
        here = todo.pop()
        try:
            entries = list(os.scandir(top / here))
        except OSError as e:
            dropped.append(
                (here or ".", "unreadable_folder", f"the folder cannot be read: {e.strerror}")
            )
            continue
        for e in entries:
            path = f"{here}/{e.name}" if here else e.name
            if e.is_dir(follow_symlinks=False):
                todo.append(path)
            elif why := _no_file(e, real):
                dropped.append((path, *why))
            else:
                files[path] = e.path
    return Tree(str(root), dict(sorted(files.items())), tuple(sorted(dropped)))


def _no_file(e: os.DirEntry, real: str) -> tuple[str, str] | None:
    """(reason, message) for an entry that is not a file of this source."""
    if not e.is_symlink():
        return (
            None
            if e.is_file(follow_symlinks=False)
            else ("not_regular", "a pipe, socket or device")
        )
    to = os.path.realpath(e.path)
    if not os.path.exists(to):
        return "dangling_link", f"a link to nothing or in a circle: {to}"
    if os.path.isdir(to):
        return "link_to_folder", f"a link to the folder {to}: not followed; put the files here"
    if os.path.commonpath([real, to]) != real:
        return "link_outside", f"a link out of the source, to {to}"
    return None if os.path.isfile(to) else ("not_regular", "a link to a pipe, socket or device")
