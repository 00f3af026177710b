"""NIH ChestX-ray14 as it is laid out in full, as a random sample and as TFRecords.

(Mirror, n, size, seed) -> files and a list of `Drawn`: images with several findings, patients with
several images. Deletes nothing. One radiograph is the same drawing in all three.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cxr_fastai.core import NIH_FINDINGS
from cxr_fastai.phantom.film import draw_findings
from cxr_fastai.phantom.mirror import Mirror, encoded
from cxr_fastai.phantom.people import Drawn, first_drawing, visits
from cxr_fastai.phantom.shapes import stream
from cxr_fastai.phantom.shards import example, shard

__all__ = ["nih_full", "nih_sample", "nih_tfrecords"]

NO_FINDING = "No Finding"
WORDS = {finding: finding.title() for finding in NIH_FINDINGS}  # Pleural_Thickening
SHARD_LABELS = (
    NO_FINDING,
    "Atelectasis",
    "Consolidation",
    "Infiltration",
    "Pneumothorax",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Effusion",
    "Pneumonia",
    "Pleural_Thickening",
    "Cardiomegaly",
    "Nodule",
    "Mass",
    "Hernia",
)
# Of the images with a finding: shares that have none, one or two more.
SHARES_OF_MORE_FINDINGS = (0.55, 0.30, 0.15)
ODD_AGES = {2: "411Y", 7: "001D"}  # by patient: one that cannot be, one in days
IMAGES_A_SHARD = 24
BOXES = 5  # images with a box
PIXEL_SPACING = 0.143  # mm, as most of the real ones


@dataclass(frozen=True)
class Study:
    """One image of a patient."""

    patient: int  # from 0
    visit: int  # from 0
    findings: tuple[str, ...]  # of NIH_FINDINGS, sorted; none: nothing found
    view: str  # PA | AP
    number: int  # of the study; its drawing's seed hangs on it

    @property
    def stem(self) -> str:
        """The file's name without its ending."""
        return f"{self.patient + 1:08d}_{self.visit:03d}"

    @property
    def person(self) -> str:
        """The patient as the file's name has him."""
        return self.stem[:8]

    @property
    def label(self) -> str:
        """The findings in NIH's words."""
        return "|".join(WORDS[finding] for finding in self.findings) or NO_FINDING

    @property
    def test(self) -> bool:
        """Whether the patient is one of the official test list."""
        return self.patient % 5 == 3

    @property
    def age(self) -> str:
        """The age as NIH writes it, with the odd ones that NIH has."""
        years = 21 + self.patient * 13 % 67 + self.visit
        return ODD_AGES.get(self.patient, f"{years:03d}Y")

    @property
    def sex(self) -> str:
        """F or M."""
        return "FM"[self.patient % 2]


def studies(
    n: int,  # images
    seed: int,
) -> list[Study]:
    """List the first `n` studies: every other one without a finding.

    The rest have the fourteen in turn, many with others.
    """
    listed = []
    for number, visit in enumerate(visits(n)):
        rng = stream(seed, 61, number)
        findings = _findings(number, rng)
        view = "PA" if rng.random() < 0.6 else "AP"
        study = Study(
            patient=visit.patient,
            visit=visit.image,
            findings=findings,
            view=view,
            number=number,
        )
        listed.append(study)
    return listed


def _findings(
    number: int,  # of the film
    rng: np.random.Generator,
) -> tuple[str, ...]:
    """Choose the findings of a study."""
    if number % 2 == 0:
        return ()
    first = NIH_FINDINGS[number // 2 % len(NIH_FINDINGS)]
    how_many = rng.choice(3, p=SHARES_OF_MORE_FINDINGS)
    others = rng.choice(NIH_FINDINGS, how_many, replace=False)
    return tuple(sorted({first, *map(str, others)}))


def _film(
    study: Study,
    size: int,
    seed: int,
) -> np.ndarray:  # (size, size) uint8
    """Draw a study."""
    base = first_drawing(seed, "nih")
    return draw_findings(
        study.findings,
        seed=base + study.number,
        size=size,
        patient=base + study.patient,
    )


def _row(study: Study) -> dict[str, object]:
    """Say of an image what both tables say."""
    return {
        "Image Index": f"{study.stem}.png",
        "Finding Labels": study.label,
        "Follow-up #": study.visit,
        "Patient ID": study.patient + 1,
        "Patient Age": study.age,
        "Patient Gender": study.sex,
        "View Position": study.view,
    }


# ---- in full


def nih_full(
    mirror: Mirror,
    n: int,  # images
    size: int,  # width and height, pixels
    seed: int,
) -> list[Drawn]:
    """Fill images_001/images and on, the big table, boxes, and the official lists."""
    listed = studies(n, seed)
    drawn = []
    for study in listed:
        folder = f"images_{1 + 2 * study.number // n:03d}/images"
        path = mirror.image(f"{folder}/{study.stem}.png", _film(study, size, seed))
        drawn.append(
            Drawn(
                path=path,
                label=study.label,
                person=study.person,
                test=study.test,
            )
        )
    shape = {
        "OriginalImage[Width": size,
        "Height]": size,
        "OriginalImagePixelSpacing[x": PIXEL_SPACING,
        "y]": PIXEL_SPACING,
    }
    mirror.text("Data_Entry_2017.csv", _unquoted([{**_row(study), **shape} for study in listed]))
    mirror.text("BBox_List_2017.csv", _boxes(listed, size))
    for name, test in (("train_val_list.txt", False), ("test_list.txt", True)):
        images = [f"{study.stem}.png" for study in listed if study.test == test]
        mirror.text(name, "\n".join(images))
    return drawn


def _unquoted(rows: list[dict[str, object]]) -> str:
    """Write a table as NIH's, which quotes nothing.

    The commas in two of its column names split each of them.
    """
    lines = [",".join(rows[0])]
    for row in rows:
        lines.append(",".join(str(value) for value in row.values()))
    return "".join(f"{line}\n" for line in lines)


def _boxes(
    listed: list[Study],
    size: int,  # width and height, pixels
) -> str:
    """Write the table of boxes, one for each of the first images with a finding."""
    sick = [study for study in listed if study.findings][:BOXES]
    lines = ["Image Index,Finding Label,Bbox [x,y,w,h],,,"]
    corner = size // 4
    side = size // 3
    for study in sick:
        finding = study.findings[0]
        word = "Infiltrate" if finding == "infiltration" else WORDS[finding]
        lines.append(f"{study.stem}.png,{word},{corner},{corner},{side},{side},,,")
    return "".join(f"{line}\n" for line in lines)


# ---- as a sample


def nih_sample(
    mirror: Mirror,
    n: int,  # images
    size: int,  # width and height, pixels
    seed: int,
) -> list[Drawn]:
    """Fill images/ and sample_labels.csv, and both once more under sample/.

    There is no list of test images.
    """
    listed = studies(n, seed)
    drawn = []
    for study in listed:
        data = encoded(_film(study, size, seed), ".png")
        path = mirror.put(f"images/{study.stem}.png", data)
        mirror.put(f"sample/images/{study.stem}.png", data)
        drawn.append(
            Drawn(
                path=path,
                label=study.label,
                person=study.person,
            )
        )
    shape = {
        "OriginalImageWidth": size,
        "OriginalImageHeight": size,
        "OriginalImagePixelSpacing_x": PIXEL_SPACING,
        "OriginalImagePixelSpacing_y": PIXEL_SPACING,
    }
    rows = [{**_row(study), **shape} for study in listed]
    for name in ("sample_labels.csv", "sample/sample_labels.csv"):
        mirror.table(name, rows)
    return drawn


# ---- as TFRecords


def nih_tfrecords(
    mirror: Mirror,
    n: int,  # images
    size: int,  # width and height, pixels
    seed: int,
) -> list[Drawn]:
    """Fill shards named by their number and by how many JPEGs they hold.

    The image's id has no ending.
    """
    listed = studies(n, seed)
    drawn = []
    rows = []
    for number, first in enumerate(range(0, n, IMAGES_A_SHARD)):
        part = listed[first : first + IMAGES_A_SHARD]
        name = f"data/{number:03d}-{len(part)}.tfrec"
        examples = []
        for study in part:
            labels = _labels(study)
            image = encoded(_film(study, size, seed), ".jpg", quality=95)
            examples.append(example({"image": image, "image_id": study.stem, **labels}))
            rows.append({"image_id": study.stem, **labels})
            drawn.append(_in_shard(name, study, labels))
        mirror.put(name, shard(examples))
    mirror.table("preprocessed_data.csv", rows)
    return drawn


def _labels(study: Study) -> dict[str, int]:
    """Say of each label whether a study has it."""
    words = study.label.split("|")
    return {label: int(label in words) for label in SHARD_LABELS}


def _in_shard(
    name: str,
    study: Study,
    labels: Mapping[str, int],  # by SHARD_LABELS
) -> Drawn:
    """Say where in a shard a study lies, with its labels in the shard's order."""
    present = [label for label in SHARD_LABELS if labels[label]]
    return Drawn(path=f"{name}#{study.stem}", label="|".join(present), person=study.person)
