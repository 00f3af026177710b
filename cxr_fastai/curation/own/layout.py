"""Which folder of an image's path is its class, and which its split.

Paths of images below a user's folder -> a Layout, or an error with both readings where two folders
could be the class. It knows names only and reads no file.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from cxr_fastai.core import UsageError
from cxr_fastai.curation.own.class_names import finding_of
from cxr_fastai.curation.own.split_folders import (
    has_splits,
    place_of_split,
    refuse_splits_in_names,
    split_of_folder,
)
from cxr_fastai.reporting.text import count

__all__ = ["GENERIC", "Layout", "Placed", "lay_out"]

# A folder that is named for how images were gathered, not for what they show: site1, batch-02,
# patient 17, 2019, images, png, part_a. A class may be named for none of these.
GENERIC = re.compile(
    r"(sites?|hospitals?|clinics?|cent(er|re)s?|batch(es)?|parts?|folders?|dirs?|groups?|sets?|"
    r"subsets?|series|stud(y|ies)|patients?|pat|subjects?|sub|persons?|pids?|cases?|scans?|exams?|"
    r"images?|imgs?|pics?|pictures?|data|dataset|raw|files?|photos?|xrays?|x-rays?|cxr|png|jpe?g|dcm|"
    r"dicom|tiff?|device|scanner|machine|year|month|day|source|src|fold)?[ _.-]*[a-z]?([ _.-]*\d)*",
    re.I,
)
# A folder as programs name it that write DICOM: PAT00001, ST000001, SE00001, 0000A5F3, a UID.
# Three digits at least: ST1 and ST2 may be stages of a disease.
OF_A_DISC = re.compile(
    r"(pat?|pt|stu?|ser?|im)[ _.-]*\d{3,}|(?=.*\d)[0-9a-f]{8}|\d{1,3}(\.\d+){3,}", re.I
)
# Folders of pictures that are no radiographs, beside those that are (COVID-19 Radiography Database:
# COVID/images and COVID/masks).
NO_RADIOGRAPHS = re.compile(
    r"(lung|left|right)?[ _-]*"
    r"(masks?|segmentations?|annotations?|annotated|heat[ _-]?maps?|overlays?|gradcams?|saliency|"
    r"bounding[ _-]?box(es)?|bbox(es)?|thumbnails?)[ _-]*(images?)?",
    re.I,
)
MAX_NAMED = 4  # folders in one sentence


@dataclass(frozen=True)
class Placed:
    """What the folders of one image say."""

    name: str  # of its class, as the folder is called
    split: str  # train | valid | test, or ''
    below: str  # its path below the class folder


@dataclass(frozen=True)
class Layout:
    """What the folders of all images say."""

    placed: dict[str, Placed]  # path -> what its folders say; images without a class are missing
    loose: list[str]  # paths of images that lie in no class folder
    masks: list[str]  # paths of images in folders of masks and annotations
    kind: str  # in words, for people
    split_folders: dict[str, list[str]] = field(default_factory=dict)  # split -> folders' names
    other_levels: list[str] = field(default_factory=list)  # folders that are neither, some of them
    left_out: list[str] = field(
        default_factory=list
    )  # paths of images whose class the user left out

    def images_of(self) -> Counter[str]:
        """Count the images of each class folder's name."""
        return Counter(one.name for one in self.placed.values())

    def without(
        self,
        names: Collection[str],  # of class folders
    ) -> Layout:
        """Return the layout without the classes that the user left out."""
        left = [path for path, one in self.placed.items() if one.name in names]
        placed = {path: one for path, one in self.placed.items() if one.name not in names}
        return replace(self, placed=placed, left_out=left)


@dataclass(frozen=True)
class _Path:
    """A path taken apart."""

    path: str
    split: str  # or ''
    folders: tuple[str, ...]  # without that of the split
    places: tuple[int, ...]  # of these folders in the path


@dataclass(frozen=True)
class _Reading:
    """A way to read the class of each image: the level at which its folder stands."""

    level: int  # from the top; -1: the innermost
    names: dict[str, str]  # path -> name of its class

    @property
    def distinct(self) -> list[str]:
        """The names of its classes."""
        return sorted(set(self.names.values()))


def lay_out(
    paths: Sequence[str],  # of images, relative to the folder, with /
    where: str,  # the folder, for messages
) -> Layout:
    """Read the class and the split of each image from its folders.

    Raises `UsageError` where there are no images or no class folders, or where it is unclear which
    folders are the classes.
    """
    if not paths:
        raise UsageError(f"no image in {where}: give a folder whose subfolders are the classes.")
    folders = {path.rpartition("/")[0] for path in paths}
    of_masks = {folder for folder in folders if _is_of_masks(folder)}
    masks = [path for path in paths if path.rpartition("/")[0] in of_masks]
    radiographs = sorted(set(paths) - set(masks))
    taken_apart = _without_wrapper(_apart(radiographs))
    loose = [one.path for one in taken_apart if not one.folders]
    inside = [one for one in taken_apart if one.folders]
    if len(loose) > len(inside):
        raise UsageError(_no_classes(loose, inside, where))
    refuse_splits_in_names(sorted({one.folders for one in inside}), where)
    reading = _reading(inside, where)
    loose += [one.path for one in inside if one.path not in reading.names]
    placed = {}
    for one in inside:
        if one.path not in reading.names:
            continue
        level = reading.level if reading.level >= 0 else len(one.folders) - 1
        placed[one.path] = Placed(reading.names[one.path], one.split, _below(one, level))
    return Layout(
        placed=placed,
        loose=sorted(loose),
        masks=sorted(masks),
        kind=_kind(inside, reading),
        split_folders=_split_folders(inside),
        other_levels=_other_levels(inside, reading),
    )


def _is_of_masks(folder: str) -> bool:
    """Tell whether a folder, or one above it, says that its pictures are no radiographs."""
    return any(NO_RADIOGRAPHS.fullmatch(part) for part in folder.split("/"))


def _no_classes(loose: Sequence[str], inside: Sequence[_Path], where: str) -> str:
    """Say that a folder has no classes."""
    some = f"{len(loose)} of {len(loose) + len(inside)} images"
    if not inside:
        some = "its one image" if len(loose) == 1 else f"all of its {len(loose)} images"
    verb = "lies" if len(loose) == 1 else "lie"
    return (
        f"no class folders in {where}: {some} {verb} beside no class ({loose[0]} the first): "
        "put the images of each class into a folder of its name, or give a csv of labels: "
        "--table CSV --file COL --label COL (Python: table, file, label)."
    )


# ---- splits


def _apart(paths: Sequence[str]) -> list[_Path]:
    """Take paths apart, and read their splits.

    What lies above the folders of a split is left out where it parts nothing, as chest_xray and
    chest_xray/chest_xray.
    """
    folders = {path: tuple(path.split("/")[:-1]) for path in paths}
    is_split = has_splits(list(folders.values()))
    at = {path: place_of_split(parts) if is_split else -1 for path, parts in folders.items()}
    above = {folders[path][: at[path]] for path in paths if at[path] >= 0}
    has_below = all(at[path] + 1 < len(folders[path]) for path in paths if at[path] >= 0)
    start_below = has_below and _is_chain(above)
    apart = []
    for path, parts in folders.items():
        i = at[path]
        first = i + 1 if start_below and i >= 0 else 0
        places = tuple(place for place in range(first, len(parts)) if place != i)
        split = split_of_folder(parts[i]) if i >= 0 else ""
        apart.append(_Path(path, split, tuple(parts[place] for place in places), places))
    return apart


def _is_chain(above: Collection[tuple[str, ...]]) -> bool:
    """Tell whether each of some paths begins with all shorter ones."""
    ordered = sorted(above, key=len)
    return all(longer[: len(one)] == one for one, longer in zip(ordered, ordered[1:]))


def _without_wrapper(apart: Sequence[_Path]) -> list[_Path]:
    """Leave out the folders that all paths begin with; one is left where nothing else would be."""
    n = 0
    shortest = min((len(one.folders) for one in apart), default=0)
    while n < shortest and len({one.folders[n] for one in apart}) == 1:
        n += 1
    if all(len(one.folders) == n for one in apart):
        n = max(n - 1, 0)
    return [replace(one, folders=one.folders[n:], places=one.places[n:]) for one in apart]


def _split_folders(inside: Sequence[_Path]) -> dict[str, list[str]]:
    """Return split -> the names that its folders have."""
    named: dict[str, set[str]] = defaultdict(set)
    for one in inside:
        if one.split:
            parts = one.path.split("/")
            named[one.split].add(parts[place_of_split(parts)])
    return {split: sorted(names) for split, names in sorted(named.items())}


# ---- which level is the class


def _reading(inside: Sequence[_Path], where: str) -> _Reading:
    """Choose the level that is the class. Raises `UsageError` where that is unclear."""
    readings = _distinct(_all_readings(inside))
    if not readings:
        only = inside[0].folders[-1] if inside else where
        images = count(len(inside), "image")
        raise UsageError(
            f"one class alone in {where}: {images} in {only}: a model tells two or more apart. "
            "Give the folder above, with a folder for each class."
        )
    left = _without_innermost(readings)
    if all(_is_of_disc(each) for each in left):
        raise UsageError(_a_disc(left[0], inside[0].path, where))
    left = [each for each in left if not _is_generic(each)] or left
    spoken = [each for each in left if _is_spoken(each)]
    left = _without_mixed(spoken) or left
    if len(left) > 1 and not spoken:
        left = _outermost_of_refined(left)
    if len(left) > 1:
        raise UsageError(_unclear(left, where))
    return left[0]


def _all_readings(inside: Sequence[_Path]) -> list[_Reading]:
    """Return a reading of each level that all images have, and of the innermost folder.

    An image beside the innermost folders of others is in none.
    """
    depths = [len(one.folders) for one in inside]
    readings = []
    for level in range(min(depths, default=0)):
        names = {one.path: one.folders[level] for one in inside}
        readings.append(_Reading(level, names))
    if len(set(depths)) > 1:
        outer: set[tuple[str, ...]] = set()
        for folders in {one.folders for one in inside}:
            outer.update(folders[:i] for i in range(len(folders)))
        innermost = [one for one in inside if one.folders not in outer]
        names = {one.path: one.folders[-1] for one in innermost}
        readings.append(_Reading(-1, names))
    return readings


def _without_innermost(readings: Sequence[_Reading]) -> list[_Reading]:
    """Leave out the reading of innermost folders, unless more of them name a finding.

    Where as many do, both readings stay.
    """
    shared = [each for each in readings if each.level >= 0]
    if not shared:
        return list(readings)
    best = max(_spoken_share(each) for each in shared)
    return [each for each in readings if each.level >= 0 or 0 < _spoken_share(each) >= best]


def _spoken_share(reading: _Reading) -> float:
    """Return the share of the folders of a reading that name a finding of the vocabulary."""
    names = reading.distinct
    return sum(bool(finding_of(name)) for name in names) / len(names)


def _distinct(readings: Sequence[_Reading]) -> list[_Reading]:
    """Return the readings of two classes or more, each once."""
    kept: list[_Reading] = []
    for each in readings:
        is_new = all(each.names != other.names for other in kept)
        if is_new and len(each.distinct) > 1:
            kept.append(each)
    return kept


def _is_generic(reading: _Reading) -> bool:
    """Tell whether all folders of a level are named for how images were gathered."""
    names = reading.distinct
    return all(GENERIC.fullmatch(name) or OF_A_DISC.fullmatch(name) for name in names)


def _is_of_disc(reading: _Reading) -> bool:
    """Tell whether all folders of a level are named as on a DICOM disc: patients, studies."""
    return all(OF_A_DISC.fullmatch(name) for name in reading.distinct)


def _a_disc(reading: _Reading, path: str, where: str) -> str:
    """Say that a folder holds no classes but what a program wrote onto a disc."""
    return (
        f"no class folders in {where}: {_named(reading)} are folders of a DICOM disc, of patients, "
        "studies or series. Lay the disc of each class into a folder of its name, or give a csv of "
        f"labels, whose files are paths as {path}: --table CSV --file COL --label COL "
        "(Python: table, file, label)."
    )


def _is_spoken(reading: _Reading) -> bool:
    """Tell whether half of the folders of a level, or more, name a finding of the vocabulary."""
    return _spoken_share(reading) >= 0.5


def _without_mixed(spoken: Sequence[_Reading]) -> list[_Reading]:
    """Leave out levels of findings and of folders named for their gathering, beside a clear one."""
    if not any(_spoken_share(each) == 1 for each in spoken):
        return list(spoken)
    return [each for each in spoken if not _is_mixed(each)]


def _is_mixed(reading: _Reading) -> bool:
    """Tell whether what names no finding in a reading is named for how images were gathered."""
    others = [name for name in reading.distinct if not finding_of(name)]
    return bool(others) and all(GENERIC.fullmatch(name) for name in others)


def _outermost_of_refined(readings: Sequence[_Reading]) -> list[_Reading]:
    """Leave out the levels that only part the folders of a level above them: one for each patient.

    The names of such a level do not come again below another folder.
    """
    kept: list[_Reading] = [readings[0]]
    for each in readings[1:]:
        if not _refines(each, kept[-1]):
            kept.append(each)
    return kept


def _refines(inner: _Reading, outer: _Reading) -> bool:
    """Tell whether each name of the inner level stands below one name of the outer level alone."""
    above: dict[str, str] = {}
    for path, name in inner.names.items():
        if above.setdefault(name, outer.names[path]) != outer.names[path]:
            return False
    return True


def _unclear(readings: Sequence[_Reading], where: str) -> str:
    """Say that two levels could be the classes, and what makes it clear."""
    one, other = readings[0], readings[-1]
    return (
        f"{where}: unclear which folders are the classes: {_named(one)}, or {_named(other)}. "
        "Move the images so that the class is the top folder, or give a csv of labels: "
        "--table CSV --file COL --label COL (Python: table, file, label)."
    )


def _named(reading: _Reading) -> str:
    """Name the classes of a reading, with their images."""
    images = Counter(reading.names.values())
    named = [f"{name} ({images[name]})" for name in reading.distinct[:MAX_NAMED]]
    more = len(reading.distinct) - MAX_NAMED
    return ", ".join(named) + (f" and {more} more" if more > 0 else "")


# ---- what was read


def _below(one: _Path, level: int) -> str:
    """Return an image's path below its class folder; a split's folder below it is left in."""
    return "/".join(one.path.split("/")[one.places[level] + 1 :])


def _kind(inside: Sequence[_Path], reading: _Reading) -> str:
    """Describe a layout in words."""
    is_split = any(one.split for one in inside)
    depths = {len(one.folders) for one in inside}
    plain = "SPLIT/CLASS/image" if is_split else "CLASS/image"
    if depths == {1}:
        return plain
    level = "innermost folder" if reading.level < 0 else f"folder at level {reading.level + 1}"
    return f"nested folders, the class is the {level}" + (", with splits" if is_split else "")


def _other_levels(inside: Sequence[_Path], reading: _Reading) -> list[str]:
    """Return the names of folders that are neither class nor split, sorted; a few of them."""
    names: set[str] = set()
    for one in inside:
        names.update(set(one.folders) - {reading.names.get(one.path, "")})
    return sorted(names)[:MAX_NAMED]
