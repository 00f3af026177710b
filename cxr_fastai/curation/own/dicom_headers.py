"""What the headers of DICOM files say of a user's own images: patient, study, view, age, sex.

Files -> fields that a rule's templates may name, and what a reader must know of them. Patients are
named by salted hashes; of dates their order alone is kept; nothing else of a header leaves.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cxr_fastai.advice import flag
from cxr_fastai.core import FolderWarning, StrPath
from cxr_fastai.curation.own.own_data import own_warning
from cxr_fastai.curation.own.patient_salt import Salt, patient_salt
from cxr_fastai.curation.own.table_rows import alike_patients
from cxr_fastai.curation.sources.item import STUDY_FIELD
from cxr_fastai.images.dicom_facts import DicomFacts, dicom_facts
from cxr_fastai.images.found import may_be_dicom
from cxr_fastai.progress import SILENT, Progress
from cxr_fastai.reporting.text import count

__all__ = ["DicomHeaders", "read_headers"]

# Field of Tree.fields for each column that a header can tell.
FIELD_OF = {
    "patient": "dicom patient",
    "view": "dicom view",
    "age": "dicom age",
    "sex": "dicom sex",
}
NAMESPACE = "dicom"  # of patients: one salt gives a patient one name in all folders
FRONTAL = "PA|AP|blank"  # as a rule's view_keep has it
LEAST_IN_NAMES = 4  # characters of an id that is looked for in names of files: "12" is in many
UID = re.compile(r"(?<![\d.])\d{1,3}(\.\d+){4,}(?![\d.])")  # as DICOM numbers files, in a name


@dataclass(frozen=True)
class DicomHeaders:
    """What the headers of the DICOM files among a user's images say."""

    # path -> field -> text, of Tree.fields
    fields: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    warnings: list[FolderWarning] = field(default_factory=list)
    salt: Salt | None = None  # None: no patient is named
    told: Mapping[str, Any] = field(default_factory=dict)  # in numbers, strict JSON

    def cells(
        self,
        said: Collection[str],  # columns that the user tells himself: his word stands
    ) -> dict[str, str]:
        """Return the cells of a rule that take from headers what the user does not tell."""
        if not self.fields:
            return {}
        cells = {column: f"{{{name}}}" for column, name in FIELD_OF.items() if column not in said}
        if "patient" in cells:
            cells["patient"] = f"{NAMESPACE}:{cells['patient']}"
        if "view" in cells:
            cells["view_keep"] = FRONTAL
        return cells

    def patients(self) -> dict[str, str]:
        """Return path -> name of the patient, of those that are known."""
        known = {path: own[FIELD_OF["patient"]] for path, own in self.fields.items()}
        return {path: name for path, name in known.items() if name}

    def lines(
        self,
        said: Collection[str],  # columns that the user tells himself
    ) -> list[str]:
        """Say what was read, for people."""
        if not self.fields:
            return []
        files = count(len(self.fields), "DICOM header")
        read = [column for column in FIELD_OF if column not in said]
        hashed = " (patients as salted hashes)" if self.salt is not None else ""
        return [
            f"read of {files}: {', '.join([*read, 'order of studies'])}{hashed}; no other text of "
            "them is kept, but names of files and folders are"
        ]


def read_headers(
    files: Mapping[str, str],  # path -> file on disk, of images
    said: Collection[str],  # columns that the user tells himself
    salt: StrPath | None = None,  # a file; None: the usual one
    progress: Progress = SILENT,
) -> DicomHeaders:
    """Read the headers of the DICOM files among some images; other files are not opened."""
    facts = _read(files, progress)
    if not facts:
        return DicomHeaders()
    people = _people(facts)
    names: dict[str, str] = {}
    used = None
    if people and "patient" not in said:
        used = patient_salt(salt)
        progress.say(_salt_words(used))
        names = {path: used.name_of(*person) for path, person in people.items()}
    studies = _studies(facts, people)
    fields = {path: _fields(one, names.get(path, ""), studies[path]) for path, one in facts.items()}
    return DicomHeaders(
        fields=fields,
        warnings=_warnings(facts, names, said),
        salt=used,
        told=_numbers(facts, names, used),
    )


def _read(
    files: Mapping[str, str],  # path -> file on disk, of images
    progress: Progress,
) -> dict[str, DicomFacts]:  # path -> facts, of those that are DICOM
    """Read headers, where the name does not say that it is another format."""
    asked = sorted(path for path in files if may_be_dicom(path))
    if not asked:
        return {}
    facts: dict[str, DicomFacts] = {}
    found = (dicom_facts(files[path]) for path in asked)
    bar = progress.bar(found, len(asked), f"reading DICOM headers: {len(asked):,}")
    for path, one in zip(asked, bar):
        if one is not None:
            facts[path] = one
    return facts


def _salt_words(salt: Salt) -> str:
    """Say with what ids are hashed: never in a file, since it is told where the salt lies."""
    made = "made now, at random: keep it" if salt.is_new else "as before"
    return (
        f"patients' ids are hashed with the salt {salt.file} ({made}); the same salt gives the "
        "same names and splits"
    )


def _fields(one: DicomFacts, patient: str, study: str) -> dict[str, str]:
    """Return the fields of a file."""
    return {
        FIELD_OF["patient"]: patient,
        FIELD_OF["view"]: one.view,
        FIELD_OF["age"]: one.age,
        FIELD_OF["sex"]: one.sex,
        STUDY_FIELD: study,
    }


def _numbers(
    facts: Mapping[str, DicomFacts],
    names: Mapping[str, str],  # path -> name of the patient
    salt: Salt | None,
) -> dict[str, Any]:
    """Count what the headers say."""
    per_patient = Counter(names.values())
    return {
        "files": len(facts),
        "with_patient": len(names),
        "patients": len(per_patient),
        "most_images": max(per_patient.values(), default=0),
        "views": dict(sorted(Counter(one.view for one in facts.values()).items())),
        "with_age": sum(bool(one.age) for one in facts.values()),
        "with_sex": sum(bool(one.sex) for one in facts.values()),
        "salt": salt.check if salt else "",
    }


# ---- whose, and in which order


def _people(facts: Mapping[str, DicomFacts]) -> dict[str, tuple[str, str]]:
    """Return path -> (id, issuer) of the patient, of the files whose header has an id.

    An id without an issuer is that of the issuer who has it in this folder, the first of several:
    one station of a hospital may leave him out.
    """
    issuers: dict[str, set[str]] = defaultdict(set)
    for one in facts.values():
        issuers[one.patient_id].add(one.issuer)
    people = {}
    for path, one in facts.items():
        if one.patient_id:
            issuer = one.issuer or min(filter(None, issuers[one.patient_id]), default="")
            people[path] = (one.patient_id, issuer)
    return people


def _studies(
    facts: Mapping[str, DicomFacts],
    people: Mapping[str, tuple[str, str]],  # path -> patient
) -> dict[str, str]:
    """Return path -> the place of its study among those of its patient by date, from 1; or ''."""
    times: dict[tuple[str, str], set[str]] = defaultdict(set)
    for path, person in people.items():
        times[person].update(filter(None, [facts[path].studied]))
    order = {person: sorted(of_one) for person, of_one in times.items()}
    studies = dict.fromkeys(facts, "")
    for path, person in people.items():
        if facts[path].studied:
            studies[path] = str(order[person].index(facts[path].studied) + 1)
    return studies


# ---- what a reader must know


def _warnings(
    facts: Mapping[str, DicomFacts],
    names: Mapping[str, str],  # path -> name of the patient
    said: Collection[str],  # columns that the user tells himself
) -> list[FolderWarning]:
    """Say what the headers leave open, and what names of files give away.

    None names a file: warnings stand in the card, where names of files may be read by many.
    """
    found = [_names_that_tell(facts)]
    if "patient" not in said:
        found += [
            _unknown_patients(facts),
            _one_patient(facts, names),
            _of_both_sexes(facts),
            _alike_ids(facts),
        ]
    if "view" not in said:
        found.append(_not_frontal(facts))
    return [warning for warning in found if warning]


def _names_that_tell(facts: Mapping[str, DicomFacts]) -> FolderWarning | None:
    """Say whether paths hold the id of their patient, or a UID."""
    paths = [path for path, one in facts.items() if _holds_id(path, one.patient_id)]
    if not paths:
        return None
    verb = "holds" if len(paths) == 1 else "hold"
    says = (
        f"{count(len(paths), 'path')} of {len(facts):,} DICOM files {verb} an id in clear, the "
        "patient's or a UID; manifest.csv, rejects.csv and other tables name files by their paths"
    )
    do = "rename the files and folders before what is curated is shared"
    return own_warning(says, do, {"files": len(facts), "paths_with_id": len(paths)})


def _holds_id(path: str, patient_id: str) -> bool:
    """Tell whether a path holds an id."""
    if UID.search(path):
        return True
    return len(patient_id) >= LEAST_IN_NAMES and patient_id.casefold() in path.casefold()


def _unknown_patients(facts: Mapping[str, DicomFacts]) -> FolderWarning | None:
    """Say whose patient is not known."""
    paths = [path for path, one in facts.items() if not one.patient_id]
    if not paths:
        return None
    says = (
        f"the patient of {count(len(paths), 'DICOM file')} of {len(facts):,} is not known: the "
        "header cannot be read, or its id names nobody"
    )
    do = f"in manifest.csv their patient is blank; tell patients with {flag('patient')}"
    return own_warning(says, do, {"files": len(facts), "without_patient": len(paths)})


def _one_patient(
    facts: Mapping[str, DicomFacts],
    names: Mapping[str, str],  # path -> name of the patient
) -> FolderWarning | None:
    """Say that all files are of one patient."""
    if len(names) < max(len(facts), 2) or len(set(names.values())) > 1:
        return None
    says = f"all {len(facts):,} DICOM files have one patient's id: nothing could be tested on"
    return own_warning(says, f"tell patients with {flag('patient')}, where that is not so")


def _of_both_sexes(facts: Mapping[str, DicomFacts]) -> FolderWarning | None:
    """Say which ids stand in films of women and of men: perhaps they name nobody."""
    sexes: dict[str, set[str]] = defaultdict(set)
    for one in facts.values():
        if one.patient_id and one.sex:
            sexes[one.patient_id].add(one.sex)
    both = {patient for patient, of_one in sexes.items() if len(of_one) > 1}
    paths = [path for path, one in facts.items() if one.patient_id in both]
    if not paths:
        return None
    stand = "patient's id stands" if len(both) == 1 else "patients' ids stand"
    says = (
        f"{len(both):,} {stand} in films of women and of men, {count(len(paths), 'file')}: each is "
        "held for one patient"
    )
    do = (
        "check in manifest.csv whether it is one, or an id that stands for nobody; "
        f"{flag('patient')} tells patients otherwise"
    )
    return own_warning(says, do, {"patients": len(both), "files": len(paths)})


def _alike_ids(facts: Mapping[str, DicomFacts]) -> FolderWarning | None:
    """Say how many ids differ in case or leading zeros alone."""
    pairs = alike_patients(_sorted_ids(facts.values()))
    if not pairs:
        return None
    patients = count(len(pairs), "pair of patients' ids differs", "pairs of patients' ids differ")
    says = f"{patients} in case or leading zeros alone: each is held for two people"
    return own_warning(says, f"if they are one, tell patients with {flag('patient')}")


def _sorted_ids(facts: Iterable[DicomFacts]) -> list[str]:
    """Return all ids of patients, sorted."""
    return sorted({one.patient_id for one in facts if one.patient_id})


def _not_frontal(facts: Mapping[str, DicomFacts]) -> FolderWarning | None:
    """Say which films are left out for their view."""
    kept = {*FRONTAL.split("|"), ""}
    paths = [path for path, one in facts.items() if one.view not in kept]
    if not paths:
        return None
    films = count(len(paths), "DICOM film is", "DICOM films are")
    says = (
        f"{films} left out as lateral, oblique or lying, by the view that the header states: "
        "rejects.csv names each"
    )
    do = f"to keep such, tell the view of each in a csv: {flag('table')}, {flag('view')}"
    return own_warning(says, do, {"files": len(facts), "not_frontal": len(paths)})
