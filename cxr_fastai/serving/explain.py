"""The heat of each answer as films pass, and a picture of each film in a folder.

Films of `answers_of` in; their answers with a `Heat` out, and PNG files where a folder was given.
Never writes over what it did not write. Imports torch where a heat is computed.
"""

from __future__ import annotations

import io
import os
from collections.abc import Container, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from cxr_fastai.advice import flag
from cxr_fastai.bundle.bundle import Bundle
from cxr_fastai.bundle.files import is_onnx
from cxr_fastai.core import (
    Prediction,
    StorageError,
    StrPath,
    UnknownName,
    UsageError,
    atomic_path,
    make_folder,
    printable,
    unknown_name,
)
from cxr_fastai.reporting.text import count, percent
from cxr_fastai.safe_names import folded, safe_name
from cxr_fastai.serving.answers import Film
from cxr_fastai.serving.heat import CAVEAT, Heat
from cxr_fastai.serving.heat_of import heat_of
from cxr_fastai.serving.overlay import MADE_BY, overlay_png
from cxr_fastai.serving.rows import MOSTLY

__all__ = [
    "Explainer",
    "check_explained",
    "check_pictures",
    "heat_line",
    "picture_names",
    "small_picture",
]

Outside = tuple[float | None, float | None]
HEAD_BYTES = 200  # of a PNG, in which its first text stands
SHOWN_SIDE = 320  # px, the longer side of a film with its heat on a page
SHOWN_QUALITY = 80  # of its JPEG: 10 to 20 kB


def check_explained(
    members: Sequence[Bundle],  # that are to answer
    of: str = "",  # the class that heats are asked of; empty: that of each answer
) -> None:
    """Raise where no heat can be computed.

    `UsageError` where another runtime than torch computes a network, `UnknownName` for a class that
    the bundles lack.
    """
    for member in members:
        if is_onnx(member.path):
            raise UsageError(
                f"an explanation needs the network in torch, which {member.path} does not hold: "
                "give the folder of the bundle that it was exported from."
            )
        if member.runtime.name != "torch":
            raise UsageError(
                f"an explanation needs the network in torch, and {member.runtime.name} computes "
                f"that of {member.path}: ask for {flag('runtime', 'torch')}."
            )
    if of and of not in members[0].vocab:
        raise UnknownName(unknown_name("class", of, members[0].vocab))


class Explainer:
    """Adds its heat to every answer as films pass; writes a picture of each into a folder."""

    def __init__(
        self,
        of: str = "",  # the class that heats are of; empty: that of each answer
        folder: StrPath | None = None,  # for a PNG a film; None: nothing is written
        names: Sequence[str] = (),  # of the pictures, one a source, of `picture_names`
        keep: bool = False,  # small pictures for a page
    ):
        self.of = of
        self.folder = folder
        self.names = names
        self.keep = keep
        # of each heat its share outside the lung field, and that of a heat equal everywhere
        self.outside: list[Outside] = []
        # number of a film -> captions and pictures
        self.pictures: dict[int, list[tuple[str, bytes]]] = {}

    def look(self, film: Film) -> Prediction:
        """Return the answer of a film with its heat; one that the gate refused as it is."""
        answer = film.answer
        if not answer.probs or _is_refused(answer):
            return answer
        heat = heat_of(film.members, film.inputs, film.shown, answer, self.of)
        self.outside.append((heat.outside, heat.outside_of_equal))
        if self.folder is not None:
            _write(
                Path(self.folder), self.names[film.number], overlay_png(film.shown, answer, heat)
            )
        if self.keep:
            self.pictures[film.number] = [(f"{heat.says}. {CAVEAT}", small_picture(film, heat))]
        return replace(answer, heat=heat)

    def forget(
        self,
        kept: Container[int],  # numbers of the films that a page may show
    ) -> None:
        """Keep the pictures of these films alone."""
        self.pictures = {n: own for n, own in self.pictures.items() if n in kept}


def _write(
    folder: Path,  # made if need be
    name: str,
    data: bytes,
) -> None:
    """Write a picture, whole or not at all."""
    make_folder(folder)
    with atomic_path(folder / name) as part:
        part.write_bytes(data)


def _is_refused(answer: Prediction) -> bool:
    """Tell whether the gate says that a picture is none that the bundle answers for."""
    return answer.abstained and bool(answer.gate)


def small_picture(
    film: Film,
    heat: Heat,
) -> bytes:  # of a JPEG
    """Draw a film with its heat as small as a page can hold many of."""
    picture = Image.fromarray(film.shown)
    picture.thumbnail((SHOWN_SIDE, SHOWN_SIDE), Image.Resampling.BOX)
    out = io.BytesIO()
    Image.fromarray(heat.painted(np.asarray(picture))).save(out, "JPEG", quality=SHOWN_QUALITY)
    return out.getvalue()


# ---- files


def picture_names(
    files: Sequence[StrPath],  # that are to be explained
) -> list[str]:  # a name each, none twice on any file system
    """Name a picture after each file, without its ending, numbered where that repeats."""
    taken: set[str] = set()
    names = []
    for file in files:
        stem = safe_name(Path(file).stem) or "film"
        name, number = f"{stem}.png", 1
        while folded(name) in taken:
            number += 1
            name = f"{stem}-{number}.png"
        taken.add(folded(name))
        names.append(name)
    return names


def check_pictures(
    folder: StrPath,
    names: Sequence[str],  # that are to be written there
    inputs: Sequence[StrPath],  # files that are read
    asked: str,  # what named the folder, as --explain
) -> None:
    """Raise `UsageError` where a picture would be written over what is read, or is of others."""
    read = {os.path.realpath(file) for file in inputs}
    for name in names:
        file = Path(folder) / name
        if not os.path.lexists(file):
            continue
        why = ""
        if os.path.realpath(file) in read:
            why = "one of the files to read"
        elif not _is_own(file):
            why = "no heat of `cxr predict`"
        if why:
            raise UsageError(
                f"{asked} {printable(folder)} holds {name}, which is {why}: nothing is written "
                f"over. Choose another {asked}, or move that file first."
            )


def _is_own(file: Path) -> bool:
    """Tell whether a file is a picture of a heat. Raises `StorageError`."""
    if not file.is_file():
        return False
    try:
        with open(file, "rb") as f:
            head = f.read(HEAD_BYTES)
    except OSError as e:
        raise StorageError(f"cannot read {printable(file)}: {e.strerror or e}.") from e
    return "\0".join(MADE_BY).encode() in head


# ---- words


def heat_line(
    outside: Sequence[Outside],  # of each heat
) -> str:  # empty without a heat
    """Say on how many films most of the heat lies outside the lungs, and how much on average."""
    if not outside:
        return ""
    told = []
    for share, equal in outside:
        if share is not None and equal is not None:
            told.append((share, equal))
    if not told:
        return f"heat: no lung field, or no heat, on any film. {CAVEAT}"
    mostly = sum(share > MOSTLY for share, _ in told)
    mean, of_equal = np.mean(told, axis=0)
    words = (
        f"heat: most of it outside the lung field on {mostly:,} of {count(len(told), 'film')}, "
        f"{percent(mean)} on average (a heat equal everywhere {percent(of_equal)})"
    )
    if len(told) < len(outside):
        words += f"; on {len(outside) - len(told):,} no lung field or no heat was found"
    return f"{words}. {CAVEAT}"
