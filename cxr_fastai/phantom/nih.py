"""NIH ChestX-ray14 as it is laid out in full, as a random sample and as TFRecords: images with several findings,
patients with several images. (Mirror, n, size, seed) -> files and a list of Drawn; deletes nothing. One radiograph is
the same drawing in all three.
"""

from __future__ import annotations

from dataclasses import dataclass

from cxr_fastai.core import NIH_FINDINGS
from cxr_fastai.phantom.chest import stream
from cxr_fastai.phantom.clinics import visits
from cxr_fastai.phantom.film import draw_findings
from cxr_fastai.phantom.mirror import Drawn, Mirror, encoded, first_drawing
from cxr_fastai.phantom.shards import example, shard

NONE = "No Finding"
WORDS = {f: f.title() for f in NIH_FINDINGS}  # Pleural_Thickening
SHARD_LABELS = (
    NONE,
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
HOW_MANY = (
    0.55,
    0.30,
    0.15,
)  # of the images with a finding: shares that have one, two, three or so
OLD, NEWBORN = 2, 7  # patients whose ages are 411Y and 001D
A_SHARD = 24  # images


@dataclass(frozen=True)
class Study:
    """One image of a patient."""

    patient: int  # from 0
    visit: int  # from 0
    findings: tuple  # of NIH_FINDINGS, sorted; none: nothing found
    view: str  # PA | AP
    number: int  # of the study; its drawing's seed hangs on it

    @property
    def stem(self) -> str:
        return f"{self.patient + 1:08d}_{self.visit:03d}"

    @property
    def label(self) -> str:
        return "|".join(WORDS[f] for f in self.findings) or NONE

    @property
    def test(self) -> bool:
        return self.patient % 5 == 3

    @property
    def age(self) -> str:
        return {OLD: "411Y", NEWBORN: "001D"}.get(
            self.patient, f"{21 + self.patient * 13 % 67 + self.visit:03d}Y"
        )

    @property
    def sex(self) -> str:
        return "FM"[self.patient % 2]


def studies(n: int, seed: int) -> list[Study]:
    """The first `n` studies: every other one without a finding; of the rest, the fourteen in turn, many with others."""
    out = []
    for number, (patient, visit, _) in enumerate(visits([""] * n)):
        rng, found = stream(seed, 61, number), set()
        if number % 2:
            found = {
                NIH_FINDINGS[number // 2 % 14],
                *rng.choice(NIH_FINDINGS, rng.choice(3, p=HOW_MANY), replace=False),
            }
        view = "PA" if rng.random() < 0.6 else "AP"
        out.append(Study(patient, visit, tuple(sorted(map(str, found))), view, number))
    return out


def _film(s: Study, size: int, seed: int):
    base = first_drawing(seed, "nih")
    return draw_findings(s.findings, base + s.number, size, base + s.patient)


def _row(s: Study, **more) -> dict:
    """What both tables say of an image."""
    return {
        "Image Index": f"{s.stem}.png",
        "Finding Labels": s.label,
        "Follow-up #": s.visit,
        "Patient ID": s.patient + 1,
        "Patient Age": s.age,
        "Patient Gender": s.sex,
        "View Position": s.view,
        **more,
    }


def nih_full(m: Mirror, n: int, size: int, seed: int) -> list[Drawn]:
    """images_001/images and on, the big table, boxes, and the two lists that fix the official test patients."""
    every, out = studies(n, seed), []
    for s in every:
        folder = f"images_{1 + 2 * s.number // n:03d}/images"
        out.append(
            Drawn(
                m.image(f"{folder}/{s.stem}.png", _film(s, size, seed)), s.label, s.stem[:8], s.test
            )
        )
    wide = {
        "OriginalImage[Width": size,
        "Height]": size,
        "OriginalImagePixelSpacing[x": 0.143,
        "y]": 0.143,
    }
    m.text("Data_Entry_2017.csv", _unquoted([_row(s, **wide) for s in every]))
    boxes = [(s, f) for s in every for f in s.findings[:1]][:5]
    m.text(
        "BBox_List_2017.csv",
        "Image Index,Finding Label,Bbox [x,y,w,h],,,\n"
        + "".join(
            f"{s.stem}.png,{'Infiltrate' if f == 'infiltration' else WORDS[f]},{size // 4},{size // 4},{size // 3},{size // 3},,,\n"
            for s, f in boxes
        ),
    )
    for name, test in (("train_val_list.txt", False), ("test_list.txt", True)):
        m.text(name, "\n".join(f"{s.stem}.png" for s in every if s.test == test))
    return out


def _unquoted(rows: list[dict]) -> str:
    """NIH's table quotes nothing: the commas in two of its column names split each of them."""
    return "".join(
        ",".join(map(str, r)) + "\n" for r in [list(rows[0]), *(r.values() for r in rows)]
    )


def nih_sample(m: Mirror, n: int, size: int, seed: int) -> list[Drawn]:
    """images/ and sample_labels.csv, and both once more under sample/; no list of test images."""
    every, out = studies(n, seed), []
    for s in every:
        data = encoded(_film(s, size, seed), ".png")
        out.append(Drawn(m.put(f"images/{s.stem}.png", data), s.label, s.stem[:8]))
        m.put(f"sample/images/{s.stem}.png", data)
    wide = {
        "OriginalImageWidth": size,
        "OriginalImageHeight": size,
        "OriginalImagePixelSpacing_x": 0.143,
        "OriginalImagePixelSpacing_y": 0.143,
    }
    for name in ("sample_labels.csv", "sample/sample_labels.csv"):
        m.table(name, [_row(s, **wide) for s in every])
    return out


def nih_tfrecords(m: Mirror, n: int, size: int, seed: int) -> list[Drawn]:
    """Shards named by their number and by how many JPEGs they hold; the image's id has no ending."""
    every, out, rows = studies(n, seed), [], []
    for i, at in enumerate(range(0, n, A_SHARD)):
        part = every[at : at + A_SHARD]
        name = f"data/{i:03d}-{len(part)}.tfrec"
        said = [{w: int(w in s.label.split("|")) for w in SHARD_LABELS} for s in part]
        m.put(
            name,
            shard(
                example(
                    {
                        "image": encoded(_film(s, size, seed), ".jpg", quality=95),
                        "image_id": s.stem,
                        **f,
                    }
                )
                for s, f in zip(part, said)
            ),
        )
        rows += [{"image_id": s.stem, **f} for s, f in zip(part, said)]
        out += [
            Drawn(f"{name}#{s.stem}", "|".join(w for w in SHARD_LABELS if f[w]), s.stem[:8])
            for s, f in zip(part, said)
        ]
    m.table("preprocessed_data.csv", rows)
    return out
