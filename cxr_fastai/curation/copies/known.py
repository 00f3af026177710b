"""Which of some new images are known from an old set, and which are safe to add.

Scanned images, their copy sets and links -> a NewImage each. Reads no file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from cxr_fastai.curation.copies.copy_sets import CopySet, ScannedImage
from cxr_fastai.curation.copies.links import Link

__all__ = ["NewImage", "judge_new", "without_old_copies", "NEW_COLUMNS"]

NEW_COLUMNS = ("path", "copies", "same_patient_as")  # of new.csv

IsNew = Callable[[ScannedImage], bool]


@dataclass(frozen=True)
class NewImage:
    """What an old set, and the other new images, make of a new image."""

    path: str
    known: str = ""  # bytes | pixels | near: how an old image is its copy; empty: none is
    old_path: str = ""  # of that image
    copy_of: str = ""  # path of the new image that stands for it; empty: it stands for itself
    copies: int = 0  # other new images that it stands for
    same_patient_as: str = (
        ""  # path of an old image that looks like another exposure of its patient
    )

    @property
    def is_safe(self) -> bool:
        """Whether it may be added: no old image, and no other that is added, is its copy."""
        return not self.known and not self.copy_of

    def row(self) -> dict[str, str]:
        """As a row of new.csv."""
        return {
            "path": self.path,
            "copies": str(self.copies),
            "same_patient_as": self.same_patient_as,
        }


def judge_new(
    copy_sets: Iterable[CopySet],  # one for each radiograph, new or old
    related: Iterable[Link],  # exposures that look like one patient's
    is_new: IsNew,
) -> list[NewImage]:  # sorted by path
    """Tell of each new image whether it is known."""
    told: list[NewImage] = []
    old_paths: dict[str, str] = {}  # pixel_sha256 -> path of an old image
    pixels_of: dict[str, str] = {}  # path of a new image -> pixel_sha256
    for copies in copy_sets:
        new = [member for member in copies.members if is_new(member)]
        old = [member for member in copies.members if not is_new(member)]
        for member in old:
            old_paths.setdefault(member.fingerprint.pixel_sha256, member.item.path)
        for member in new:
            pixels_of[member.item.path] = member.fingerprint.pixel_sha256
        told += _judge_set(new, old)
    exposures = _old_exposures(related, old_paths)
    found = []
    for image in sorted(told, key=lambda image: image.path):
        other = exposures.get(pixels_of[image.path], "")
        found.append(replace(image, same_patient_as="" if image.known else other))
    return found


def _judge_set(
    new: Sequence[ScannedImage],  # of one radiograph, in the order in which they are kept
    old: Sequence[ScannedImage],
) -> list[NewImage]:
    """Judge the new images of one radiograph."""
    if old:
        return [_known(image, old) for image in new]
    told = []
    for image in new:
        path = image.item.path
        if image is new[0]:
            told.append(NewImage(path, copies=len(new) - 1))
        else:
            told.append(NewImage(path, copy_of=new[0].item.path))
    return told


def _known(
    image: ScannedImage,
    old: Sequence[ScannedImage],  # copies of it; one at least
) -> NewImage:
    """Name the old image that is nearest to it: of equal bytes, of equal pixels, or altered."""
    path, own = image.item.path, image.fingerprint
    for member in old:
        if member.fingerprint.sha256 == own.sha256:
            return NewImage(path, "bytes", member.item.path)
    for member in old:
        if member.fingerprint.pixel_sha256 == own.pixel_sha256:
            return NewImage(path, "pixels", member.item.path)
    return NewImage(path, "near", old[0].item.path)


def _old_exposures(
    related: Iterable[Link],
    old_paths: dict[str, str],  # pixel_sha256 -> path of an old image
) -> dict[str, str]:  # pixel_sha256 -> path of an old image
    """Name for each image an old one that looks like another exposure of its patient."""
    found: dict[str, list[str]] = defaultdict(list)
    for link in related:
        for own, other in ((link.a, link.b), (link.b, link.a)):
            if other in old_paths:
                found[own].append(old_paths[other])
    return {own: min(paths) for own, paths in found.items()}


def without_old_copies(
    copies: CopySet,
    is_new: IsNew,
) -> CopySet:
    """Leave out the old images of a set that say nothing of a new one.

    The one that is kept stays, and those of the bytes or pixels of a new image.
    """
    exact = set()
    for member in copies.members:
        if is_new(member):
            exact |= {member.fingerprint.sha256, member.fingerprint.pixel_sha256}
    pairs = []
    for member, copy in zip(copies.members, copies.copies):
        own = member.fingerprint
        told = member is copies.kept or is_new(member)
        if told or own.sha256 in exact or own.pixel_sha256 in exact:
            pairs.append((member, copy))
    return replace(
        copies, members=[member for member, _ in pairs], copies=[copy for _, copy in pairs]
    )
