"""Whose image a file is, by a regular expression that the user gave.

A regex and paths -> the patient of each path that it meets. It reads no file.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping

from cxr_fastai.core import FolderWarning, UsageError
from cxr_fastai.curation.own.own_data import own_warning
from cxr_fastai.curation.own.user_folder import named_files
from cxr_fastai.reporting.text import count

__all__ = ["find_patients", "overlap_warnings", "patient_pattern", "patient_warnings"]

GROUP = "patient"


def patient_pattern(
    regex: str,
) -> re.Pattern[str]:
    """Compile a regex of patients. Raises `UsageError` for one that is none or has no group."""
    try:
        pattern = re.compile(regex)
    except re.error as e:
        raise UsageError(
            f"patient '{regex}' is no regular expression: {e}. "
            r"A group in it is the patient, as in '(\d+)_'."
        ) from e
    if not pattern.groups:
        raise UsageError(
            f"patient '{regex}' has no group: put the part that names the patient into "
            r"brackets, as in '(\d+)_'."
        )
    return pattern


def _patient(found: re.Match[str]) -> str:
    """Return what a match says of the patient; '' for nothing."""
    if GROUP in found.groupdict():
        return (found[GROUP] or "").strip()
    filled = [group.strip() for group in found.groups() if group]
    return filled[0] if filled else ""


def find_patients(
    regex: str,  # searched in each path; its group `patient`, or its first that is filled, tells
    paths: Mapping[str, str],  # path -> the part of it in which to search
) -> dict[str, str]:  # path -> patient, of those that the regex meets
    """Find the patient of each path. Raises `UsageError` for a regex that meets none."""
    pattern = patient_pattern(regex)
    patients = {}
    for path, searched in paths.items():
        found = pattern.search(searched)
        if found and _patient(found):
            patients[path] = _patient(found)
    if paths and not patients:
        first = min(paths.values())
        raise UsageError(f"patient '{regex}' meets none of {len(paths)} files: {first!r} is one.")
    return patients


# ---- what a reader must know


def patient_warnings(
    regex: str,  # '': none was given, and nothing is to tell
    searched: Mapping[str, str],  # path -> the part that was searched
    patients: Mapping[str, str],  # path -> patient, of those that are known
) -> list[FolderWarning]:
    """Say which files a regex does not meet, and where it finds one patient alone."""
    if not regex:
        return []
    warnings = []
    missed = sorted(set(searched) - set(patients))
    if missed:
        says = (
            f"the patient of {count(len(missed), 'image')} of {len(searched)} is not known: "
            f"'{regex}' does not meet {named_files(missed)}"
        )
        numbers = {"images": len(searched), "without_patient": len(missed)}
        warnings.append(own_warning(says, "widen the regex", numbers))
    if len(set(patients.values())) == 1:
        only = next(iter(patients.values()))
        says = f"'{regex}' finds one patient alone, {only!r}: nothing could be tested on"
        warnings.append(own_warning(says, "take another group of the name"))
    return warnings


def overlap_warnings(
    splits: Mapping[str, str],  # path -> the split that the user's folders say, or ''
    patients: Mapping[str, str],  # path -> patient, of those that are known
) -> list[FolderWarning]:
    """Say which patients the user's own folders have in two splits, and what becomes of them."""
    of_patient: dict[str, set[str]] = defaultdict(set)
    for path, patient in patients.items():
        of_patient[patient].add(splits[path])
    torn = {patient for patient, own in of_patient.items() if len(own) > 1}
    if not torn:
        return []
    own = [path for path, patient in patients.items() if patient in torn]
    moved = [path for path in own if splits[path] == "train"]
    stand = "patient stands" if len(torn) == 1 else "patients stand"
    says = (
        f"{len(torn):,} {stand} in two splits of the folder (that of {min(own)} the first): all "
        "images of such a patient go to test, or to validation where none is in test; "
        f"{count(len(moved), 'training image')} may move"
    )
    numbers = {"patients": len(torn), "training_images": len(moved)}
    return [own_warning(says, "check the split of the folder", numbers)]
