"""What can be predicted: files, folders of them, and radiographs that are in memory.

Whatever a caller gives -> the radiographs in it, one by one. It opens none of them, and never
imports torch.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cxr_fastai.bundle.inputs import is_tensor
from cxr_fastai.core import StorageError, StrPath, UsageError, printable, usable_path
from cxr_fastai.images import Radiograph, is_image_name
from cxr_fastai.images.found import is_image_file
from cxr_fastai.inputs import refuse_url
from cxr_fastai.junk import is_junk, passed_over
from cxr_fastai.progress import SILENT, Progress

__all__ = ["find_images", "is_one", "all_of", "name_of"]

EXPECTED = (
    "expected a path, a folder, bytes, an open file, an array, a tensor, a Pillow image, "
    "or a list of these"
)


# ---- in memory


def is_one(source: Any) -> bool:
    """Tell whether a source is one radiograph: neither a folder nor a list of some."""
    if isinstance(source, (str, os.PathLike)):
        return not os.path.isdir(source)
    if isinstance(source, np.ndarray):
        return source.dtype.kind not in "OSU"  # an array of names is a list of them
    if isinstance(source, (bytes, bytearray, memoryview, Image.Image, Radiograph)):
        return True
    if isinstance(source, io.TextIOBase):
        return False  # a file that was opened for text
    return is_tensor(source) or hasattr(source, "read")


def all_of(
    sources: Any,  # one radiograph, a folder, or an iterable of both
    progress: Progress | None = None,  # is told how many images were passed over; None: silence
) -> Iterator[tuple[Any, str]]:
    """Yield every radiograph and the name that messages give it.

    Raises `UsageError` for a path that does not exist, an empty folder, and what is no source.
    """
    if is_one(sources) or isinstance(sources, (str, os.PathLike)):
        yield from _each(sources, name_of(sources), progress)
        return
    if not isinstance(sources, Iterable) or isinstance(sources, (dict, io.TextIOBase)):
        raise UsageError(f"{EXPECTED}; received {type(sources).__name__}")
    for number, source in enumerate(sources):
        yield from _each(source, name_of(source) or f"sources[{number}]", progress)


def _each(
    source: Any,  # one radiograph, or a folder
    name: str,
    progress: Progress | None,
) -> Iterator[tuple[Any, str]]:
    """Yield a radiograph, or those of a folder."""
    if isinstance(source, (str, os.PathLike)):
        for file in find_images([source], progress):
            yield file, str(file)
    elif is_one(source):
        yield source, name
    else:
        raise UsageError(f"{name}: {EXPECTED}; received {type(source).__name__}")


def name_of(source: Any) -> str:
    """Return the path of a file, or of an open one; empty for what is in memory alone."""
    if isinstance(source, (str, os.PathLike)):
        return os.fsdecode(source)
    for attribute in ("filename", "name"):  # of a Pillow image, of an open file
        name = getattr(source, attribute, None)
        if isinstance(name, str) and name:
            return name
    return ""


# ---- on disk


def find_images(
    paths: Iterable[StrPath],  # files, taken as given whatever their names; folders, searched to
    # the bottom for image names
    progress: Progress | None = None,  # is told how many images were passed over; None: silence
) -> list[Path]:  # in the order given, each folder's sorted
    """List the files to predict.

    In a folder, hidden files and folders and those of a system are passed over. Raises `UsageError`
    where a path does not exist or nothing is found.
    """
    progress = progress or SILENT
    given = [_given(path) for path in paths]
    found: list[Path] = []
    junk: list[str] = []  # images that are passed over
    for path in given:
        if path.is_dir():
            images, others = _images_in(path)
            found += images
            junk += others
        elif os.path.lexists(path):
            found.append(path)
        else:
            raise UsageError(f"no such file or folder: {printable(path)}")
    if junk:
        progress.say(printable(passed_over(junk)))
    if found:
        return found
    places = ", ".join(printable(path) for path in given)
    raise UsageError(
        f"no images in {places or 'an empty list of paths'}: "
        "expected image files, or folders that hold some"
    )


def _given(path: StrPath) -> Path:
    """Return a path to be looked at. Raises `UsageError` for a URL, and for what no file can be."""
    refuse_url(path)
    return usable_path(path)


def _images_in(
    folder: Path,
) -> tuple[list[Path], list[str]]:  # sorted; those that are passed over
    """List the image files below `folder`; links are followed, no folder is read twice.

    Raises `StorageError` for a folder that cannot be listed, unless it is passed over anyway.
    """
    found = []
    junk = []

    def refuse(e: OSError) -> None:
        """Tell of what os.walk would pass over in silence."""
        unread = Path(e.filename)
        if unread == folder or not is_junk(unread.relative_to(folder).as_posix()):
            raise StorageError(f"cannot read {printable(e.filename)}: {e.strerror}") from e

    seen: set[str] = set()  # folders that were read, all links followed
    for parent, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        for name in names:
            file = Path(parent) / name
            if is_junk(file.relative_to(folder).as_posix()):
                if is_image_name(name):
                    junk.append(str(file))
            elif is_image_file(name, file):
                found.append(file)
    return sorted(found), junk
