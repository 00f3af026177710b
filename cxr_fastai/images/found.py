"""Which files of a folder are pictures, before any is decoded: by name, and by content without one.

A file's name and place -> true or false. Of a file whose name says what it is, it reads nothing; of
any other the first bytes.
"""

from __future__ import annotations

import os
from pathlib import PurePath

from cxr_fastai.core import StrPath
from cxr_fastai.images.sniff import FORMATS, SUFFIXES, sniff

__all__ = ["is_image_file", "may_be_dicom"]

HEAD_BYTES = 512  # of a file, that tell a picture's format
# What some programs end the name of a DICOM file with; other programs other files.
UNSURE_SUFFIXES = (".ima", ".dic", ".dc3", ".img")


def is_image_file(
    name: StrPath,  # file name or path, as people call it
    file: StrPath,  # where it lies
) -> bool:
    """Tell whether a file is a picture: by the ending of its name, or by its content without one.

    DICOM is often kept without an ending, or under a UID, whose last number is none.
    """
    if _suffix(name) in SUFFIXES:
        return True
    return _says_nothing(name) and sniff(_head(file)) in (*FORMATS, "DICOM")


def may_be_dicom(
    name: StrPath,  # file name or path, as people call it
) -> bool:
    """Tell whether a file's name leaves open that it is DICOM: not where it says another format."""
    return SUFFIXES.get(_suffix(name), "DICOM") == "DICOM"


def _suffix(name: StrPath) -> str:
    """Return the ending of a name, in lower case."""
    return os.path.splitext(os.fspath(name))[1].lower()


def _says_nothing(name: StrPath) -> bool:
    """Tell whether a name leaves open what a file holds."""
    suffix = PurePath(name).suffix.lower()
    is_ending = any(letter.isalpha() for letter in suffix)
    return not is_ending or suffix in UNSURE_SUFFIXES


def _head(file: StrPath) -> bytes:
    """Return the first bytes of a file; none of one that cannot be read."""
    try:
        if not os.path.isfile(file):  # a pipe would wait for somebody to write
            return b""
        with open(file, "rb") as f:
            return f.read(HEAD_BYTES)
    except (OSError, ValueError):
        return b""
