"""The files of a source as names and places.

A folder, or the index of archives that were unpacked by content -> a Tree. It follows no link out
of the folder, unless it is told to, opens no image and changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from cxr_fastai.csv_cells import nfc
from cxr_fastai.reporting.text import count

__all__ = ["Tree", "folder_tree", "in_nfc"]


@dataclass(frozen=True, repr=False)
class Tree:
    """What a source holds, whatever holds it."""

    where: str  # for messages: the folder, or the archive's name
    files: dict[str, str]  # path relative to the source, with / -> file on disk; sorted
    dropped: tuple[tuple[str, str, str], ...] = ()  # (path, reason, message): what is no plain file
    # What is known of a file beside its path: path -> field -> text. Templates may name these
    # fields; `label` is the label where a rule's label_from is name.
    fields: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    # Tables that are read in another form than that of their file: path -> csv in UTF-8, commas.
    tables: Mapping[str, bytes] = field(default_factory=dict)

    def file(
        self,
        path: str,  # in the source
    ) -> Path:
        """Return the file on disk of a path in the source."""
        return Path(self.files[path])

    def __repr__(self) -> str:
        """Show how many files there are, not which."""
        return f"<Tree of {count(len(self.files), 'file')} in {self.where}>"


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
    fields = {nfc(path): known for path, known in tree.fields.items()}
    return replace(tree, files=dict(sorted(files.items())), fields=fields)


def _is_decomposed(item: tuple[str, str]) -> bool:
    """Tell whether a path is not as nfc writes it."""
    return nfc(item[0]) != item[0]


def folder_tree(
    root: str | os.PathLike[str],  # folder; a link to one is followed here
    follow: bool = False,  # links out of it too, and those to folders: the user named it himself
) -> Tree:
    """Find all regular files below `root`.

    Links to files inside it count as files. Links that lead outside, to nothing or to a folder,
    pipes and devices, and folders that may not be read are dropped with a reason. With `follow`
    links count as what they lead to; no folder is read twice, so that circles end.
    """
    walk = _Walk(Path(root), os.path.realpath(root), follow)
    walk.read([""])
    while walk.linked:  # after all that is no link: of two ways to a folder the plain one stands
        linked, walk.linked = sorted(walk.linked), []
        walk.read(linked)
    files, dropped = dict(sorted(walk.files.items())), tuple(sorted(walk.dropped))
    return Tree(where=str(root), files=files, dropped=dropped)


@dataclass
class _Walk:
    """A walk through a folder, and what it has found so far."""

    top: Path
    real_top: str  # all links followed
    follow: bool
    files: dict[str, str] = field(default_factory=dict)  # as of Tree
    dropped: list[tuple[str, str, str]] = field(default_factory=list)  # as of Tree
    linked: list[str] = field(default_factory=list)  # links to folders, to be read later
    seen: set[str] = field(default_factory=set)  # folders that were read, all links followed

    def read(
        self,
        folders: list[str],  # relative to the root, with all below them
    ) -> None:
        """Read folders that are not read yet."""
        waiting = folders[::-1]
        while waiting:
            folder = waiting.pop()
            if self._is_new(folder):
                waiting += self._read_one(folder)

    def _is_new(self, folder: str) -> bool:
        """Tell whether a folder was not read before by another way; note where it was."""
        if not self.follow:  # then there is no other way
            return True
        real = os.path.realpath(self.top / folder)
        if real in self.seen:
            message = f"a link to the folder {real}, which is read already"
            self.dropped.append((folder, "folder_twice", message))
            return False
        self.seen.add(real)
        return True

    def _read_one(self, folder: str) -> list[str]:
        """Read one folder; return those in it that are no links."""
        inner = []
        try:
            entries = list(os.scandir(self.top / folder))
        except OSError as e:
            message = f"the folder cannot be read: {e.strerror}"
            self.dropped.append((folder or ".", "unreadable_folder", message))
            return []
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir(follow_symlinks=False):
                inner.append(path)
            elif self.follow and entry.is_symlink() and os.path.isdir(entry.path):
                self.linked.append(path)
            else:
                self._take(path, entry)
        return inner

    def _take(self, path: str, entry: os.DirEntry[str]) -> None:
        """Take a file, or note why it is none of this source."""
        refused = _refused(entry, "" if self.follow else self.real_top)
        if refused:
            self.dropped.append((path, *refused))
        else:
            self.files[path] = entry.path


def _refused(
    entry: os.DirEntry[str],  # of a folder
    real_top: str,  # the source's folder, all links followed; '': links may lead anywhere
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
    real_top: str,  # the source's folder, all links followed; '': links may lead anywhere
) -> tuple[str, str] | None:
    """Return (reason, message) for a link that leads to no file of this source."""
    if not os.path.exists(target):
        return "dangling_link", f"a link to nothing or in a circle: {target}"
    if os.path.isdir(target):
        return "link_to_folder", f"a link to the folder {target}: not followed; put the files here"
    if real_top and os.path.commonpath([real_top, target]) != real_top:
        return "link_outside", f"a link out of the source, to {target}"
    if os.path.isfile(target):
        return None
    return "not_regular", "a link to a pipe, socket or device"
