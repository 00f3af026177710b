"""Three fake sources: a children's clinic, a hospital and a tuberculosis clinic.

(Writer, images a class) -> files, what was planted among them, and the source's catalogue rows.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cxr_fastai.phantom.mirror import Picture, in_reversed_palette
from cxr_fastai.phantom.people import Visit, visits
from cxr_fastai.phantom.planted import (
    CHILDREN,
    SHARED_WARDS,
    WARDS,
    CatalogRow,
    Writer,
    catalog_rows,
)

__all__ = ["children", "hospital", "tuberculosis_clinic"]

CHILDRENS_KINDS = {
    "bacteria": "bacterial_pneumonia",
    "virus": "viral_pneumonia",
    "NORMAL": "normal",
}
HOSPITAL_LABELS = {
    "heart_effusion": "Cardiomegaly|Effusion",
    "mass": "Mass",
    "normal": "No Finding",
}
HOSPITAL_FINDINGS = {
    "No Finding": "no_finding",
    "Cardiomegaly": "cardiomegaly",
    "Effusion": "effusion",
    "Mass": "mass",
}
RESOURCE_FORK = bytes.fromhex("0005160700020000") + b"Mac OS X".ljust(112, b"\0")
FOLDER_SETTINGS = b"\0\0\0\1Bud1".ljust(512, b"\0")  # a .DS_Store
NESTED_COPIES = 3  # files that stand once more, one level down
FORMS = 6  # every sixth film of the tuberculosis clinic is 16-bit, every sixth has a palette
FORM_16_BIT = 2
FORM_PALETTE = 4
FIRST_OTHER_WARD = 5000  # patients of the tuberculosis clinic whom the hospital never saw


# ---- the children's clinic


def children(
    writer: Writer,
    n: int,  # images
) -> list[CatalogRow]:
    """Fill a children's clinic.

    Labels stand in names, an official test folder holds other patients, archives left things.
    """
    counts = {"bacteria": n, "virus": n, "NORMAL": max(3, n // 3)}
    first_pid = 1
    for label, count in counts.items():
        number = first_pid
        for i, visit in enumerate(visits(count)):
            number = first_pid + visit.patient
            film = writer.film(CHILDRENS_KINDS[label], CHILDREN + number, "child")
            writer.image(_childs_name(label, number, visit, i), film, quality=95)
        first_pid = number + 1
    _leave_behind(writer)
    shared: CatalogRow = {
        "title": "Drawn children's clinic",
        "glob": "chest/train/**/*.jpeg ; chest/test/**/*.jpeg",
        "label_from": "name",
        "name_regex": r"(?P<kind>person)(?P<pid>\d+)_(?P<label>bacteria|virus)_",
        "patient": "clinic:{kind}:{pid}",
        "view": "AP",
        "modality": "X-ray",
        "split": "path:(?P<test>^chest/test/)",
        "age_group": "child",
        "expected_total": len(writer.films),
    }
    rows: list[CatalogRow] = [
        {"label_value": "bacteria", "findings": "bacterial_pneumonia", "expected": n},
        {"label_value": "virus", "findings": "viral_pneumonia", "expected": n},
        {
            "label_from": "folder",
            "label_value": "NORMAL",
            "name_regex": r"(?P<kind>IM)-(?P<pid>\d+)-",
            "findings": "no_finding",
            "expected": counts["NORMAL"],
        },
    ]
    return catalog_rows("phantom_children", shared, rows)


def _childs_name(
    label: str,  # of CHILDRENS_KINDS
    number: int,  # of the patient
    visit: Visit,
    i: int,  # of the image among those of its label
) -> str:
    """Name an image as the clinic does."""
    part = "test" if visit.patient % 5 == 1 else "train"
    if label == "NORMAL":
        name = f"NORMAL/IM-{number:04d}-{visit.image + 1:04d}"
    else:
        name = f"PNEUMONIA/person{number}_{label}_{i + 1}"
    return f"phantom_children/chest/{part}/{name}.jpeg"


def _leave_behind(writer: Writer) -> None:
    """Write what archives carry along.

    Resource forks, folder settings, the first files once more and one level down.
    """
    junk = writer.planted.junk
    for name in (writer.films[0], writer.films[-1]):
        path = Path(name.replace("phantom_children/", "phantom_children/__MACOSX/"))
        fork = path.with_name(f"._{path.name}").as_posix()
        junk.append(writer.put(fork, RESOURCE_FORK))
    for folder in ("chest", "chest/train"):
        junk.append(writer.put(f"phantom_children/{folder}/.DS_Store", FOLDER_SETTINGS))
    for name in writer.films[:NESTED_COPIES]:
        nested = name.replace("/chest/", "/chest/chest/")
        junk.append(writer.put(nested, writer.path(name).read_bytes()))


# ---- the hospital


def hospital(
    writer: Writer,
    n: int,  # images
) -> list[CatalogRow]:
    """Fill a hospital: several labels in one cell, patients who come back.

    Some of them are the tuberculosis clinic's patients too.
    """
    kinds = ["heart_effusion"] * (n - n // 2) + ["mass"] * (n // 2) + ["normal"] * max(3, n // 3)
    order = writer.rng.permutation(len(kinds))
    table = []
    for visit, k in zip(visits(len(kinds)), order):
        pid = visit.patient + 1
        name = f"{pid:08d}_{visit.image:03d}.png"
        writer.image(f"phantom_hospital/images/{name}", writer.film(kinds[k], WARDS + pid))
        table.append(_hospital_row(name, pid, HOSPITAL_LABELS[kinds[k]]))
    writer.table("phantom_hospital/labels.csv", table)
    writer.planted.shared_patients += [f"ward:{pid}" for pid in SHARED_WARDS]
    shared: CatalogRow = {
        "title": "Drawn hospital",
        "glob": "images/*.png",
        "label_from": "column",
        "label_key": "Finding Labels",
        "patient": "ward:{Patient ID}",
        "table": "labels.csv",
        "encoding": "utf-8",
        "table_key": "{Image Index}",
        "view": "{View Position}",
        "view_keep": "PA|AP",
        "modality": "X-ray",
        "age": "{Patient Age}",
        "sex": "{Patient Gender}",
        "age_group": "adult",
        "expected_total": len(table),
    }
    cells = [str(row["Finding Labels"]).split("|") for row in table]
    rows: list[CatalogRow] = []
    for label, finding in HOSPITAL_FINDINGS.items():
        expected = sum(label in cell for cell in cells)
        rows.append({"label_value": label, "findings": finding, "expected": expected})
    return catalog_rows("phantom_hospital", shared, rows)


def _hospital_row(
    name: str,
    pid: int,  # of the patient
    label: str,  # of KERMANY
) -> dict[str, object]:
    """Make a row of the hospital's table."""
    return {
        "Image Index": name,
        "Finding Labels": label,
        "Patient ID": pid,
        "Patient Age": 30 + pid * 11 % 55,
        "Patient Gender": "MF"[pid % 2],
        "View Position": "AP" if pid % 3 == 0 else "PA",
    }


# ---- the tuberculosis clinic


def tuberculosis_clinic(
    writer: Writer,
    n: int,  # images
) -> list[CatalogRow]:
    """Fill a tuberculosis clinic: 8-bit, 16-bit and palette PNG, one image a patient.

    The label stands in the name.
    """
    healthy = max(3, n // 4)
    for i in range(n + healthy):
        sick = i < n
        pid = _clinics_patient(i, n)
        film = writer.film("tuberculosis" if sick else "normal", WARDS + pid)
        name = f"phantom_tb/CXR_png/TBX_{pid:04d}_{int(sick)}.png"
        writer.image(name, _in_form(film, i % FORMS))
    shared: CatalogRow = {
        "title": "Drawn tuberculosis clinic",
        "glob": "CXR_png/*.png",
        "label_from": "name",
        "name_regex": r"TBX_0*(?P<pid>[1-9]\d*)_(?P<label>[01])\.png$",
        "patient": "ward:{pid}",
        "view": "PA",
        "modality": "X-ray",
        "age_group": "adult",
        "expected_total": n + healthy,
    }
    rows: list[CatalogRow] = [
        {"label_value": "1", "findings": "tuberculosis", "expected": n},
        {"label_value": "0", "findings": "no_finding", "expected": healthy},
    ]
    return catalog_rows("phantom_tb", shared, rows)


def _clinics_patient(
    i: int,  # of the image
    n: int,  # images of the sick, who come first
) -> int:
    """Give a patient's number: two of the hospital's fell ill here, two did not."""
    if i < 2:
        return SHARED_WARDS[i]
    if n <= i < n + 2:
        return SHARED_WARDS[i - n + 2]
    return FIRST_OTHER_WARD + i


def _in_form(
    film: np.ndarray,  # (size, size) uint8
    form: int,
) -> Picture:
    """Give the same picture as 16-bit grey, through a reversed palette, or plain."""
    if form == FORM_16_BIT:
        return film.astype(np.uint16) * 257
    if form == FORM_PALETTE:
        return in_reversed_palette(film)
    return film
