"""Whose image a file is, by a regular expression that the user gave.

A regex and paths -> the patient of each path that it meets. It reads no file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from cxr_fastai.core import UsageError

__all__ = ["find_patients", "patient_pattern"]

GROUP = "patient"


def patient_pattern(
    regex: str,
) -> re.Pattern[str]:
    """Compile a regex of patients. Raises `UsageError` for one that is none or has no group."""
    try:
        pattern = re.compile(regex)
    except re.error as e:
        raise UsageError(
            f"patient {regex!r} is no regular expression: {e}. "
            r"A group in it is the patient, as in '(\d+)_'."
        ) from e
    if not pattern.groups:
        raise UsageError(
            f"patient {regex!r} has no group: put the part that names the patient into "
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
        raise UsageError(f"patient {regex!r} meets none of {len(paths)} files: {first!r} is one.")
    return patients
