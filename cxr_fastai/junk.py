"""Files and folders that no verb reads: hidden ones, and what systems keep for themselves.

A path relative to the folder that a person named -> true or false, and why. It opens nothing. What
a person names outright, a file or a folder, is never judged by it.
"""

from __future__ import annotations

from pathlib import PurePosixPath

__all__ = ["is_junk", "is_left_in_archives", "passed_over", "why_junk"]

# What macOS and Windows put into archives beside what was asked for.
ARCHIVE_FOLDERS = frozenset({"__macosx"})
ARCHIVE_NAMES = frozenset({".ds_store", "thumbs.db", "desktop.ini"})
# The table of contents of a disc of DICOM files: it has no pixels, and is no damaged file.
DISC_INDEX = "dicomdir"
# Thumbnails, bins and snapshots of Synology, QNAP, Windows and Linux; compared in lower case.
SYSTEM_FOLDERS = frozenset(
    {
        "@eadir",
        "#recycle",
        "#snapshot",
        "@recycle",
        "@recently-snapshot",
        "$recycle.bin",
        "recycler",
        "system volume information",
        "lost+found",
        "__pycache__",
    }
)


def is_left_in_archives(
    path: str,  # relative, with /
) -> bool:
    """Tell whether macOS or Windows left such a file in an archive."""
    file = PurePosixPath(path.lower())
    if file.name in ARCHIVE_NAMES or file.name.startswith("._"):
        return True
    return not ARCHIVE_FOLDERS.isdisjoint(file.parts)


def is_junk(
    path: str,  # relative to the folder that a person named, with /
) -> bool:
    """Tell whether a file or folder is hidden, or a system's own."""
    return bool(why_junk(path))


def why_junk(
    path: str,  # relative to the folder that a person named, with /
) -> str:
    """Say why a file or folder is passed over; '' where it is read."""
    if is_left_in_archives(path):
        return "left by an operating system in the archive"
    parts = PurePosixPath(path.lower()).parts
    if any(part.startswith(".") and part != ".." for part in parts):
        return "hidden: its name or a folder's above it begins with a dot"
    if parts and parts[-1] == DISC_INDEX:
        return "the table of contents of a DICOM disc"
    if not SYSTEM_FOLDERS.isdisjoint(parts):
        return "in a folder that a system keeps for itself"
    return ""


def passed_over(
    paths: list[str],  # images that are junk; at least one
) -> str:
    """Say how many images were not looked at, for a line of progress."""
    images = "1 image" if len(paths) == 1 else f"{len(paths)} images"
    return (
        f"passed over {images} in hidden or system files and folders, {min(paths)} the first: "
        "name a file, or its folder, to have it read"
    )
