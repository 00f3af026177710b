"""The door of class folders: a folder of a user's own, read as a source and a recipe.

A folder -> OwnData: which images are of which class, split and patient, and all that was inferred.
It opens no image but DICOM, whose headers it reads, and those whose name has no ending; it changes
nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cxr_fastai.core import FolderWarning, StrPath
from cxr_fastai.curation.own.class_names import Named, joined_names, name_classes, names_meant
from cxr_fastai.curation.own.dicom_headers import DicomHeaders, read_headers
from cxr_fastai.curation.own.inner_folders import inner_folders, inner_words
from cxr_fastai.curation.own.layout import Layout, lay_out
from cxr_fastai.curation.own.own_data import (
    OwnData,
    own_command,
    own_source,
    own_warning,
    recipe_flag,
    source_id,
)
from cxr_fastai.curation.own.own_recipe import OwnClasses, meet_recipe, own_recipe
from cxr_fastai.curation.own.patients import (
    find_patients,
    overlap_warnings,
    patient_warnings,
)
from cxr_fastai.curation.own.small_valid import joins_training, valid_warning
from cxr_fastai.curation.own.user_folder import named_files, user_tree
from cxr_fastai.curation.sources.tree import Tree
from cxr_fastai.progress import SILENT, Progress
from cxr_fastai.recipes import Recipe
from cxr_fastai.reporting.text import count

__all__ = ["read_own_folder"]

LEFT_OUT = "-"  # in the place of a class: the images of this folder stay out


@dataclass(frozen=True)
class _Asked:
    """What the user said of a folder."""

    folder: Path
    patient: str
    same: Sequence[str]
    take_as: Mapping[str, str]
    recipe: Recipe | None
    salt: StrPath | None  # file with the salt of patients' ids; None: the usual one

    @property
    def columns(self) -> Collection[str]:
        """The columns of the manifest that he tells: his word stands before that of a header."""
        return ("patient",) if self.patient else ()


def read_own_folder(
    folder: StrPath,
    patient: str = "",  # regex, searched below the class folder; its group is the patient
    same: Sequence[str] = (),  # A=B,C: the names B and C are the class A
    take_as: Mapping[str, str] | None = None,  # class folder -> the class to take it as
    recipe: Recipe | None = None,  # whose classes they are; None: as the folders are called
    progress: Progress = SILENT,  # is told of an archive that is unpacked
    salt: StrPath | None = None,  # a file: the salt of patients' ids in DICOM; None: the usual one
) -> OwnData:
    """Read a folder whose subfolders are classes, with or without splits.

    Raises `UsageError` for one that has no classes, or where it is unclear which these are.
    """
    asked = _Asked(Path(folder), patient, same, take_as or {}, recipe, salt)
    found = user_tree(asked.folder, progress)
    layout = lay_out(found.images, str(asked.folder))
    left_out = _names_left_out(layout, asked)
    layout = layout.without(left_out)
    asked = _of_classes(asked)
    named, classes = _classes(asked, layout.images_of())
    below = {path: one.below for path, one in layout.placed.items()}
    files = {path: found.tree.files[path] for path in layout.placed}
    headers = read_headers(files, asked.columns, salt, progress)
    patients = find_patients(patient, below) if patient else headers.patients()
    name = source_id(_title(asked.folder))
    joined = joins_training(layout, named.class_of, patients)
    source = own_source(
        name,
        _title(asked.folder),
        _findings(classes, named),
        _cells(asked, name, headers, _split_cell(layout, joined)),
    )
    inferred = _inferred(asked, layout, named, patients, joined, headers)
    of_patients = [
        *patient_warnings(patient, below, patients),
        *overlap_warnings(_fixed_splits(layout, joined), patients),
        *headers.warnings,
    ]
    of_layout = [*_aside_warnings(layout), *valid_warning(layout, joined)]
    tree = _labelled(found.tree, layout, patients, named, headers)
    return OwnData(
        source=source,
        recipe=classes.recipe,
        tree=tree,
        warnings=[*found.warnings, *named.warnings, *of_layout, *of_patients],
        inferred=inferred,
        command=_command(asked, named, left_out),
    )


# ---- classes


def _names_left_out(layout: Layout, asked: _Asked) -> list[str]:
    """Return the class folders that the user takes as -."""
    images = layout.images_of()
    names: list[str] = []
    for said, label in asked.take_as.items():
        if label == LEFT_OUT:
            names += names_meant(said, images, {})
    return names


def _of_classes(asked: _Asked) -> _Asked:
    """Return what the user said without the folders that he leaves out."""
    taken = {name: label for name, label in asked.take_as.items() if label != LEFT_OUT}
    return replace(asked, take_as=taken)


def _classes(asked: _Asked, images: Mapping[str, int]) -> tuple[Named, OwnClasses]:
    """Return the class of each folder's name, and what these names stand for in the recipe."""
    if asked.recipe is None:
        named = name_classes(images, asked.same, asked.take_as)
        return named, own_recipe(named.class_of, _title(asked.folder))
    labels = joined_names(images, asked.same)
    taken = {}
    for said, label in asked.take_as.items():
        for name in names_meant(said, images, labels):
            taken[labels[name]] = label
    met = meet_recipe(asked.recipe, list(dict.fromkeys(labels.values())), taken)
    findings = {name: met.findings[label] for name, label in labels.items()}
    class_of = {name: met.class_of[label] for name, label in labels.items()}
    return Named(class_of), replace(met, findings=findings)


def _title(folder: Path) -> str:
    """Return what people call a folder, or an archive: its name."""
    real = folder.resolve()
    return (real.stem if real.is_file() else real.name) or str(folder)


# ---- what the road takes


def _label(name: str, named: Named) -> str:
    """Return a folder's name as a label: one with | in it, which would part it, is its class."""
    return named.class_of[name] if "|" in name else name


def _findings(classes: OwnClasses, named: Named) -> dict[str, tuple[str, ...]]:
    """Return label -> findings, of each name."""
    return {_label(name, named): own for name, own in classes.findings.items()}


def _cells(
    asked: _Asked,
    name: str,  # of the source
    headers: DicomHeaders,
    split: str,  # cell of that column
) -> dict[str, str]:
    """Return the cells that all rules have: what the user tells, and what DICOM headers do."""
    cells = {**headers.cells(asked.columns), "split": split}
    if asked.patient:
        cells["patient"] = f"{name}:{{patient}}"
    return cells


def _labelled(
    tree: Tree,
    layout: Layout,
    patients: Mapping[str, str],  # path -> patient
    named: Named,
    headers: DicomHeaders,
) -> Tree:
    """Return a tree of the images that have a class, with the label and the patient of each.

    The others are dropped with the reason.
    """
    fields = {}
    for path, one in layout.placed.items():
        label = _label(one.name, named)
        known = headers.fields.get(path, {})
        fields[path] = {**known, "label": label, "patient": patients.get(path, "")}
    dropped = list(tree.dropped)
    dropped += [(path, "no_class_folder", "it lies in no class folder") for path in layout.loose]
    for path in layout.masks:
        dropped.append((path, "no_radiograph", "its folder is named for masks or annotations"))
    for path in layout.left_out:
        dropped.append((path, "left_out", "its class is left out, as was asked for"))
    left_out = {*layout.loose, *layout.masks, *layout.left_out}
    files = {path: file for path, file in tree.files.items() if path not in left_out}
    return replace(tree, files=files, dropped=tuple(sorted(dropped)), fields=fields)


def _split_cell(layout: Layout, joined: bool) -> str:
    """Return the cell of column split: the folders whose split is the user's own.

    Training images are fixed where both other splits are; else what is missing is drawn of them.
    """
    folders = dict(layout.split_folders)
    if joined:
        folders.pop("valid", None)
    if "valid" not in folders or "test" not in folders:
        folders.pop("train", None)
    parts = []
    for split, names in folders.items():
        any_of = "|".join(re.escape(name) for name in names)
        parts.append(f"(?P<{split}>{any_of})")
    return f"path:(?:^|/)(?:{'|'.join(parts)})/" if parts else ""


def _fixed_splits(layout: Layout, joined: bool) -> dict[str, str]:
    """Return path -> the split that its folder says; those of a joined val are of train."""
    splits = {}
    for path, one in layout.placed.items():
        splits[path] = "train" if joined and one.split == "valid" else one.split
    return splits


# ---- what a reader must know


def _aside_warnings(layout: Layout) -> list[FolderWarning]:
    """Say which images are left aside for where they lie."""
    kinds = (
        (layout.loose, "in no class folder", "put them into the folder of their class"),
        (layout.masks, "in folders of masks or annotations", "rename the folder if they are films"),
    )
    warnings = []
    for paths, where, do in kinds:
        if paths:
            lie = count(len(paths), "image lies", "images lie")
            says = f"{lie} {where} and {_is(paths)} left aside: {named_files(paths)}"
            warnings.append(own_warning(says, do, {"images": len(paths)}))
    return warnings


def _is(paths: Sequence[str]) -> str:
    """Return the verb of so many files."""
    return "is" if len(paths) == 1 else "are"


# ---- what was inferred


def _inferred(
    asked: _Asked,
    layout: Layout,
    named: Named,
    patients: Mapping[str, str],  # path -> patient
    joined: bool,  # validation images are dealt anew with those of training
    headers: DicomHeaders,
) -> dict[str, Any]:
    """Return what was read into the folder, as strict JSON, with the lines that tell it."""
    images = layout.images_of()
    classes = []
    for label in named.classes:
        names = named.names_of(label)
        numbers = {name: images[name] for name in names}
        classes.append({"class": label, "folders": numbers, "images": sum(numbers.values())})
    splits = Counter(one.split for one in layout.placed.values() if one.split)
    told: dict[str, Any] = {
        "folder": str(asked.folder),
        "layout": layout.kind,
        "classes": classes,
        "splits": dict(sorted(splits.items())),
        "split_folders": layout.split_folders,
        "valid_joined_to_train": joined,
        "patients": _patient_numbers(asked, patients, len(layout.placed)),
        "left_aside": {
            "no_class_folder": len(layout.loose),
            "no_radiograph": len(layout.masks),
            "left_out": len(layout.left_out),
        },
        "other_folders": layout.other_levels,
        "inner_folders": inner_folders(layout),
    }
    if headers.told:
        told["dicom"] = dict(headers.told)
    return {**told, "lines": [*_lines(told), *headers.lines(asked.columns)]}


def _patient_numbers(
    asked: _Asked, patients: Mapping[str, str], images: int
) -> dict[str, Any] | None:
    """Return what is known of patients, by a regex or by DICOM headers; None for nothing."""
    if not patients:
        return None
    return {
        "regex": asked.patient,
        "images": images,
        "with_patient": len(patients),
        "patients": len(set(patients.values())),
        "most_images": max(Counter(patients.values()).values()),
    }


def _lines(told: Mapping[str, Any]) -> list[str]:
    """Say what was inferred, a line each."""
    classes = []
    for one in told["classes"]:
        folders = list(one["folders"])
        named = "" if folders == [one["class"]] else f" (of {', '.join(folders)})"
        classes.append(f"{one['class']}{named} {one['images']:,}")
    lines = [f"read {told['folder']} as {told['layout']}: {', '.join(classes)}"]
    if told["splits"]:
        splits = [f"{split} {n:,}" for split, n in told["splits"].items()]
        lines.append(f"splits of the folder: {', '.join(splits)}{_drawn_words(told)}")
    if told["inner_folders"]:
        lines.append(inner_words(told["inner_folders"], Path(told["folder"])))
    found = told["patients"]
    if found is None:
        lines.append(
            "patients: not told; copies and look-alikes stay in one split, other images of one "
            "patient may not: --patient REGEX names them (Python: patient)"
        )
    else:
        patients = count(found["patients"], "patient")
        lines.append(
            f"patients: {patients} in {found['with_patient']:,} of {found['images']:,} images, "
            f"at most {found['most_images']:,} of one"
        )
    return lines


def _drawn_words(told: Mapping[str, Any]) -> str:
    """Say which splits are drawn, of what the folder leaves open; '' where it fixes all."""
    lacking = [split for split in ("valid", "test") if split not in told["split_folders"]]
    if told["valid_joined_to_train"]:
        lacking.insert(0, "valid")
    return f"; {' and '.join(lacking)} drawn of train" if lacking else ""


def _command(
    asked: _Asked,
    named: Named,
    left_out: Collection[str],  # names of folders
) -> str:
    """Return the command that says in full what was inferred."""
    flags = [("--folder", str(asked.folder)), ("--patient", asked.patient)]
    flags.append(("--salt", str(asked.salt or "")))
    flags.append(("--recipe", recipe_flag(asked.recipe)))
    for label in named.classes:
        for name in named.names_of(label):
            if name != label:
                flags.append(("--as", f"{name}={label}"))
    for name in sorted(left_out):
        flags.append(("--as", f"{name}={LEFT_OUT}"))
    return own_command(*flags)
