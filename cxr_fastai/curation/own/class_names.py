"""Names of classes as people write them: which are nearly equal, and what each says.

Names with their numbers of images, and what the user said of them -> a class for each name. Nothing
is joined unless the user says so. It reads no file.
"""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from cxr_fastai.core import FINDINGS, FolderWarning, UnknownName, UsageError, unknown_name
from cxr_fastai.curation.own.own_data import own_warning
from cxr_fastai.labels import RESERVED
from cxr_fastai.reporting.text import count
from cxr_fastai.safe_names import folded, safe_name, why_unsafe

__all__ = [
    "Named",
    "name_classes",
    "joined_names",
    "names_meant",
    "near_equal",
    "finding_of",
    "is_normal",
    "plain",
    "NAMES_OF_FINDINGS",
]

# What the folders and csv files of public collections call a finding, as `plain` writes it. Of the
# catalogue's sources: Kermany (NORMAL, PNEUMONIA, bacteria, virus), NIH (No Finding), CheXpert (No
# Finding, Pleural Effusion, Lung Opacity), COVID-19 Radiography Database (Viral Pneumonia, COVID,
# Lung_Opacity), VinBigData (No finding), Shenzhen and TBX11K (tb, tuberculosis, health, sick).
NAMES_OF_FINDINGS: dict[str, tuple[str, ...]] = {
    "no_finding": (
        *("normal", "normals", "nofinding", "nofindings", "noabnormality", "noabnormalities"),
        *("healthy", "health", "control", "controls", "normalcontrol", "healthycontrol"),
        *("healthycontrols", "normalcxr", "normalxray", "normalchest", "clear", "unremarkable"),
    ),
    "edema": ("oedema", "pulmonaryedema", "pulmonaryoedema"),
    "effusion": ("pleuraleffusion", "pleuraleffusions", "effusions"),
    "hernia": ("hiatalhernia",),
    "infiltration": ("infiltrate", "infiltrates", "infiltrations"),
    "mass": ("lungmass",),
    "nodule": ("nodules", "lungnodule", "lungnodules"),
    "pleural_thickening": ("pleuralthickening", "pt"),
    "bacterial_pneumonia": ("bacteria", "bacterial", "pneumoniabacterial", "pneumoniabacteria"),
    "viral_pneumonia": ("virus", "viral", "pneumoniaviral", "pneumoniavirus"),
    "fungal_pneumonia": ("fungus", "fungal", "pneumoniafungal"),
    "lipoid_pneumonia": ("lipoid", "pneumonialipoid"),
    "covid_19": (
        *("covid", "covid19", "sarscov2", "coronavirus", "covid19pneumonia", "covidpneumonia"),
        *("covid19positive", "covidpositive", "covid19pos", "covidpos"),
    ),
    "tuberculosis": ("tb", "ptb", "pulmonarytuberculosis"),
    "lung_opacity": ("lungopacity", "opacity", "lungopacities"),
    "abnormal": ("sick", "abnormality", "abnormalities"),
}
# Names so long that are so alike are told as near-equal, where their digits agree: Tuberculosis and
# Tubercolosis (0.92). Bacterial and viral pneumonia have 0.81.
MIN_LENGTH_OF_TYPO = 7
ALIKE = 0.9  # difflib's ratio
MAX_NAMED = 4  # names in one sentence


@dataclass(frozen=True)
class Named:
    """The class of each name, and what a reader must know of the names."""

    class_of: dict[str, str]  # name -> class, a folder's name everywhere
    warnings: list[FolderWarning] = field(default_factory=list)

    @property
    def classes(self) -> list[str]:
        """The classes, each once, by name."""
        return sorted(set(self.class_of.values()))

    def names_of(self, label: str) -> list[str]:
        """Return the names that are a class, sorted."""
        return sorted(name for name, own in self.class_of.items() if own == label)


# ---- what a name says


def plain(name: str) -> str:
    """Return the letters and digits of a name, in one case, without accents or what parts them."""
    parts = unicodedata.normalize("NFKD", name).casefold()
    return "".join(character for character in parts if character.isalnum())


def _readings() -> dict[str, str]:
    """Return plain name -> finding, of all names in the vocabulary."""
    readings = {plain(finding): finding for finding in FINDINGS}
    for finding, names in NAMES_OF_FINDINGS.items():
        for name in names:
            readings[name] = finding
    return readings


READINGS = _readings()


def finding_of(name: str) -> str:
    """Return the finding that a class name says in the vocabulary, or ''."""
    return READINGS.get(plain(name), "")


def is_normal(name: str) -> bool:
    """Tell whether a class name says that nothing was found."""
    return finding_of(name) == "no_finding"


# ---- names that are nearly equal


def near_equal(names: Iterable[str]) -> list[list[str]]:
    """Return the sets of names that may be one class: by case, by marks, by synonym, by a typo."""
    sets: list[list[str]] = []
    for name in sorted(set(names)):
        homes = [own for own in sets if _is_near_any(name, own)]
        if homes:
            homes[0].append(name)
        else:
            sets.append([name])
    return [own for own in sets if len(own) > 1]


def _is_near_any(name: str, others: Iterable[str]) -> bool:
    """Tell whether a name may mean the class of one of the others."""
    return any(_is_near(name, other) for other in others)


def _is_near(one: str, other: str) -> bool:
    """Tell whether two names may mean one class."""
    a, b = plain(one), plain(other)
    if a == b:
        return bool(a) or folded(one) == folded(other)
    finding = finding_of(one)
    if finding and finding == finding_of(other):
        return True
    if re.sub(r"\D", "", a) != re.sub(r"\D", "", b) or min(len(a), len(b)) < MIN_LENGTH_OF_TYPO:
        return False
    if finding and finding_of(other):
        return False
    return SequenceMatcher(None, a, b).ratio() >= ALIKE


# ---- a class for each name


def name_classes(
    images: Mapping[str, int],  # name, as the user's folder or csv has it -> its images
    same: Sequence[str] = (),  # A=B,C: the names B and C are the class A
    take_as: Mapping[str, str] | None = None,  # name -> its class
) -> Named:
    """Give each name a class that can be a folder everywhere.

    Raises `UnknownName` for a name that is not there, `UsageError` for one that gives no folder.
    """
    wanted = joined_names(images, same)
    for name, label in (take_as or {}).items():
        for each in names_meant(name, images, wanted):
            wanted[each] = label.strip()
    class_of = _folders(wanted, images)
    renamed = [name for name in sorted(wanted) if class_of[name] != wanted[name]]
    warnings = [_renamed(name, class_of[name]) for name in renamed]
    warnings += _untold(class_of, images)
    return Named(class_of, warnings)


def joined_names(
    images: Mapping[str, int],  # name -> its images
    same: Sequence[str],  # A=B,C: the names B and C are the class A
) -> dict[str, str]:
    """Return name -> class: what the user said is the same, else the name.

    Raises `UnknownName` for a name that is not there, `UsageError` for what is not A=B,C or gives a
    name two classes.
    """
    class_of = {name: name.strip() for name in images}
    told: dict[str, str] = {}  # name -> the class that `same` gave it
    for said in same:
        label, equals, others = said.partition("=")
        names = [name.strip() for name in others.split(",") if name.strip()]
        if not equals or not label.strip() or not names:
            raise UsageError(f"same {said!r}: expected A=B,C: the names B and C are the class A.")
        for name in names:
            for each in names_meant(name, images, {}):
                before = told.setdefault(each, label.strip())
                if before != label.strip():
                    raise UsageError(
                        f"same {said!r}: {each} is the class {before} already. Give it one class."
                    )
    return {**class_of, **told}


def names_meant(
    name: str,  # as the user wrote it
    images: Mapping[str, int],
    wanted: Mapping[str, str],  # name -> class so far; a class stands for all its names
) -> list[str]:
    """Return the names that the user means. Raises `UnknownName`."""
    found = [each for each in images if name in (each, wanted.get(each))]
    found = found or [each for each in images if each.strip() == name]
    if not found:
        alike = [each for each in images if folded(each.strip()) == folded(name)]
        found = alike if len(alike) == 1 else []
    if not found:
        raise UnknownName(unknown_name("class name", name, sorted(images)))
    return found


def _folders(
    wanted: Mapping[str, str],  # name -> the class as it is to be called
    images: Mapping[str, int],  # name -> its images
) -> dict[str, str]:
    """Return name -> a class that can be a folder, no two of which are one on any disk.

    Of two that would be one the safe one keeps its name, then the one of more images.
    """
    folder_of: dict[str, str] = {}  # wanted class -> folder
    taken: dict[str, str] = {}  # folded folder -> wanted class
    images_of: Counter[str] = Counter()  # of a wanted class
    for name, label in wanted.items():
        images_of[label] += images.get(name, 0)

    def _order(label: str) -> tuple[bool, int, str]:
        return bool(why_unsafe(label)), -images_of[label], label

    for label in sorted(images_of, key=_order):
        folder = safe_name(label)
        if not folder or folded(folder) in RESERVED:
            why = why_unsafe(folder) if folder == label else "a curated folder cannot call it so"
            raise UsageError(
                f"class {label!r}: {why or 'a curated folder has another use for it'}. "
                f"Give it another name: --as {label!r}=NAME (Python: take_as)."
            )
        number = 2
        free = folder
        while folded(free) in taken:
            free = f"{folder}_{number}"
            number += 1
        taken[folded(free)] = label
        folder_of[label] = free
    return {name: folder_of[label] for name, label in wanted.items()}


def _renamed(name: str, label: str) -> FolderWarning:
    """Say that a class could not be called as its folder or csv does."""
    return own_warning(
        f"class {name!r} is called {label!r}: its name is no folder, or another's, on some disks",
        do="rename it, or name its class with --as (Python: take_as)",
        numbers={"name": name, "class": label},
    )


def _untold(class_of: Mapping[str, str], images: Mapping[str, int]) -> list[FolderWarning]:
    """Name the classes that may be one and that nobody joined."""
    warnings = []
    for names in near_equal(class_of):
        classes = list(dict.fromkeys(class_of[name] for name in names))
        if len(classes) < 2:
            continue
        most = max(names, key=lambda name: (images[name], name))
        others = [name for name in names if class_of[name] != class_of[most]]
        told = ", ".join(f"{name!r} ({count(images[name], 'image')})" for name in names[:MAX_NAMED])
        joins = shlex.quote(f"{most}={','.join(others)}")
        warnings.append(
            own_warning(
                f"{told} may be one class and are kept apart",
                do=f"--same {joins} joins them (Python: same)",
                numbers={"names": names},
            )
        )
    return warnings
