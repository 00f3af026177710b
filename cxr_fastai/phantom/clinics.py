"""A mirror of five fake sources with known flaws: copies, conflicts, damage, shared patients, what archives leave.
A folder -> files, catalogue and `Planted`, the answer sheet. Needs no download; never deletes a file.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from PIL import Image

from cxr_fastai.core import UsageError, make_folder, write_json, write_text
from cxr_fastai.phantom.chest import AGES, ellipse, stance, step, stream
from cxr_fastai.phantom.film import draw, expose
from cxr_fastai.phantom.mirror import Mirror, csv_text

COLUMNS = """source on transport handle title glob label_from label_key label_value findings name_regex patient
radiograph table encoding table_key view view_keep modality modality_keep age sex split age_group derived_from licence
redistribute citation url expected_total expected unconfirmed notes""".split()
FOLDERS = {
    "bacteria": "bacterial_pneumonia",
    "normal": "normal",
    "tb": "tuberculosis",
    "virus": "viral_pneumonia",
}
IMAGES_EACH = (
    2,
    2,
    1,
    3,
    4,
)  # how many a patient has, in turn; the second of five is in the official test folder
CONTAINERS = (
    (".png", "L", {"compress_level": 1}),
    (".bmp", "L", {}),
    (".png", "RGB", {}),
    (".tif", "L", {}),
)
SHARED_WARDS = (2, 3, 4, 5)  # patients of the hospital who also came to the tuberculosis clinic
LEAST = 6  # images a class below which not every flaw finds its image


@dataclass
class Planted:
    """The answer sheet: what was hidden where. Files are `source/path in the source`, with slashes."""

    root: Path  # the folder that was written
    mirror: Path  # pass it as --mirror
    catalog: Path  # pass it as --manifest
    copies: list[tuple[str, str, str]] = field(
        default_factory=list
    )  # (original, copy, bytes | pixels), conflicts too
    conflicts: list[tuple[str, str]] = field(
        default_factory=list
    )  # equal bytes under different labels
    damaged: list[str] = field(default_factory=list)  # cut off in the middle
    shared_patients: list[str] = field(default_factory=list)  # with images in two sources
    junk: list[str] = field(
        default_factory=list
    )  # archive leftovers, a nested second copy: met by no glob
    filtered: list[str] = field(default_factory=list)  # CT slices and lateral views
    missing: list[str] = field(default_factory=list)  # named in a table, not there
    unlisted: list[str] = field(default_factory=list)  # there, in no row of the table


class _Writer(Mirror):
    """Draws and writes one mirror; every drawing has the next seed."""

    def __init__(self, root: Path, size: int, seed: int):
        super().__init__(root / "mirror" / "local")
        self.size, self.base, self.count = size, seed * 1_000_000, 0
        self.films = []  # names of images
        self.rng, self.planted = (
            stream(seed, 19),
            Planted(root, root / "mirror", root / "data_manifest.csv"),
        )

    def image(self, name: str, image, **how) -> str:
        self.films.append(name)
        return super().image(name, image, **how)

    def film(self, kind: str, patient: int, age: str = "adult") -> np.ndarray:
        self.count += 1
        return draw(kind, self.base + self.count, self.size, self.base + patient, age)

    def copy(self, name: str, to: str) -> None:
        self.put(to, self.path(name).read_bytes())
        self.planted.copies.append((name, to, "bytes"))


def _rules(source: str, first: dict, rows: list[dict]) -> list[dict]:
    """Catalogue rows of one source: the first holds what all of them share."""
    same = {
        "source": source,
        "on": "yes",
        "transport": "local",
        "handle": source,
        "licence": "CC0-1.0",
        "redistribute": "yes",
        "citation": "Drawn by cxr_fastai.phantom; no person was imaged.",
        **first,
    }
    return [{**same, **rows[0]}, *({"source": source, **r} for r in rows[1:])]


def visits(kinds: list[str]):
    """Deal images to patients: (patient number from 0, its image number from 0, kind)."""
    patient = image = 0
    for kind in kinds:
        yield patient, image, kind
        image += 1
        if image == IMAGES_EACH[patient % 5]:
            patient, image = patient + 1, 0


def _children(w: _Writer, n: int) -> list[dict]:
    """A children's clinic: labels in names, an official test folder of other patients, what archives leave behind."""
    pid, counts = 1, {"bacteria": n, "virus": n, "NORMAL": max(3, n // 3)}
    for label, count in counts.items():
        folder, kind = ("NORMAL", "normal") if label == "NORMAL" else ("PNEUMONIA", FOLDERS[label])
        for i, (patient, image, _) in enumerate(visits([kind] * count)):
            number, part = pid + patient, "test" if patient % 5 == 1 else "train"
            name = (
                f"IM-{number:04d}-{image + 1:04d}"
                if label == "NORMAL"
                else f"person{number}_{label}_{i + 1}"
            )
            film = w.film(kind, 100_000 + number, "child")
            w.image(f"phantom_children/chest/{part}/{folder}/{name}.jpeg", film, quality=95)
        pid = number + 1
    _leftovers(w)
    first = {
        "title": "Drawn children's clinic",
        "glob": "chest/train/**/*.jpeg ; chest/test/**/*.jpeg",
        "label_from": "name",
        "name_regex": r"(?P<kind>person)(?P<pid>\d+)_(?P<label>bacteria|virus)_",
        "patient": "clinic:{kind}:{pid}",
        "view": "AP",
        "modality": "X-ray",
        "split": "path:(?P<test>^chest/test/)",
        "age_group": "child",
        "expected_total": len(w.films),
    }
    return _rules(
        "phantom_children",
        first,
        [
            {"label_value": "bacteria", "findings": "bacterial_pneumonia", "expected": n},
            {"label_value": "virus", "findings": "viral_pneumonia", "expected": n},
            {
                "label_from": "folder",
                "label_value": "NORMAL",
                "name_regex": r"(?P<kind>IM)-(?P<pid>\d+)-",
                "findings": "no_finding",
                "expected": counts["NORMAL"],
            },
        ],
    )


def _leftovers(w: _Writer) -> None:
    """What archives carry along: resource forks, folder settings, the first files once more and one level down."""
    fork = bytes.fromhex("0005160700020000") + b"Mac OS X".ljust(112, b"\0")
    for name in (w.films[0], w.films[-1]):
        path = Path(name.replace("phantom_children/", "phantom_children/__MACOSX/"))
        w.planted.junk.append(w.put(path.with_name(f"._{path.name}").as_posix(), fork))
    for folder in ("chest", "chest/train"):
        w.planted.junk.append(
            w.put(f"phantom_children/{folder}/.DS_Store", b"\0\0\0\1Bud1".ljust(512, b"\0"))
        )
    for name in w.films[:3]:
        w.planted.junk.append(
            w.put(name.replace("/chest/", "/chest/chest/"), w.path(name).read_bytes())
        )


def _covid(w: _Writer, n: int) -> list[dict]:
    """An open collection: a table in Latin-1 that names CT slices, lateral views, absent files, and leaves one file out."""
    few = max(3, n // 6)
    kinds = (
        [("COVID-19", "covid_19")] * n + [("No Finding", "normal")] * few + [("", "covid_19")] * 3
    )
    rows = []
    for i, (patient, image, (finding, kind)) in enumerate(visits(kinds)):
        ending, how = ("jpg", {"quality": 95}) if i % 4 == 3 else ("png", {})
        name = f"case{patient + 1}-{image}.{ending}"
        w.image(f"phantom_covid/images/{name}", w.film(kind, 200_000 + patient), **how)
        rows.append(
            _case(patient + 1, image, finding, ("PA", "AP", "PA", "")[patient % 4], "X-ray", name)
        )
    for i in range(6):
        view, modality = ("L", "X-ray") if i % 2 else ("Axial", "CT")
        name = f"case{i + 1}-{modality[0]}.png"
        w.planted.filtered.append(
            w.image(f"phantom_covid/images/{name}", _other_view(modality, w.base + i, w.size))
        )
        rows.append(_case(i + 1, 9, "COVID-19", view, modality, name))
    for i in (1, 2):
        rows.append(_case(900 + i, 0, "COVID-19", "PA", "X-ray", f"case{900 + i}-0.png"))
        w.planted.missing.append(f"phantom_covid/images/case{900 + i}-0.png")
    w.planted.unlisted.append(
        w.image("phantom_covid/images/unlisted.png", w.film("covid_19", 299_999))
    )
    w.table("phantom_covid/metadata.csv", rows, "latin-1")
    first = {
        "title": "Drawn open collection",
        "glob": "images/*.png ; images/*.jpg",
        "label_from": "column",
        "label_key": "finding",
        "patient": "open:{patientid}",
        "table": "metadata.csv",
        "encoding": "latin-1",
        "table_key": "{filename}",
        "view": "{view}",
        "view_keep": "PA|AP|blank",
        "modality": "{modality}",
        "modality_keep": "X-ray",
        "age": "{age}",
        "sex": "{sex}",
        "age_group": "adult",
        "expected_total": len(rows) - 2 + 1,
    }  # two are missing, one is unlisted
    return _rules(
        "phantom_covid",
        first,
        [
            {"label_value": "COVID-19", "findings": "covid_19", "expected": n},
            {"label_value": "No Finding", "findings": "no_finding", "expected": few},
            {
                "label_value": "blank",
                "findings": "",
                "expected": 3,
                "notes": "the table is silent: unknown, not normal",
            },
        ],
    )


def _case(pid: int, offset: int, finding: str, view: str, modality: str, name: str) -> dict:
    """A row of the open collection's table."""
    return {
        "patientid": pid,
        "offset": offset,
        "sex": "FM"[pid % 2],
        "age": 25 + pid * 7 % 60,
        "finding": finding,
        "view": view,
        "modality": modality,
        "filename": name,
        "notes": f"seen by Dr. Muñoz, Zürich; day {offset}" if pid % 2 else "",
    }


def _other_view(modality: str, seed: int, size: int) -> np.ndarray:
    """What is no frontal radiograph: an axial CT slice, or a chest from the side."""
    pose = stance(seed, size)
    s = SimpleNamespace(**vars(pose))
    if modality == "CT":
        lungs = np.maximum(ellipse(s, -0.36, 0, 0.26, 0.42), ellipse(s, 0.38, 0.02, 0.24, 0.40))
        ribs = step(0.05 - abs(1 - np.sqrt((s.x / 0.75) ** 2 + (s.y / 0.58) ** 2)), 0.05)
        bone = np.maximum(ellipse(s, 0, 0.42, 0.12, 0.12), ribs)
        film = (
            0.6 * ellipse(s, 0, 0, 0.88, 0.68)
            - 0.5 * lungs
            + 0.3 * bone
            + 0.1 * ellipse(s, 0.08, -0.18, 0.2, 0.2)
        )
    else:
        lung = ellipse(s, 0, -0.1, 0.52, 0.66, 0.1) * step(0.42 - s.y + 0.4 * s.x, 0.06)
        heart, spine = ellipse(s, -0.2, 0.22, 0.3, 0.26, 0.1), ellipse(s, 0.62, 0, 0.1, 1.2)
        film = 0.65 * ellipse(s, 0, 0.1, 0.85, 1.3) - 0.4 * lung + 0.22 * heart + 0.15 * spine
    return expose(s, film)


def _hospital(w: _Writer, n: int) -> list[dict]:
    """A hospital: several labels in one cell, patients who come back; some are the tuberculosis clinic's patients too."""
    labels = {"heart_effusion": "Cardiomegaly|Effusion", "mass": "Mass", "normal": "No Finding"}
    kinds = ["heart_effusion"] * (n - n // 2) + ["mass"] * (n // 2) + ["normal"] * max(3, n // 3)
    rows = []
    for patient, image, k in visits(w.rng.permutation(len(kinds))):
        pid, kind = patient + 1, kinds[k]
        name = f"{pid:08d}_{image:03d}.png"
        w.image(f"phantom_hospital/images/{name}", w.film(kind, 300_000 + pid))
        rows.append(
            {
                "Image Index": name,
                "Finding Labels": labels[kind],
                "Patient ID": pid,
                "Patient Age": 30 + pid * 11 % 55,
                "Patient Gender": "MF"[pid % 2],
                "View Position": ("PA", "AP")[pid % 3 == 0],
            }
        )
    w.table("phantom_hospital/labels.csv", rows)
    w.planted.shared_patients += [f"ward:{pid}" for pid in SHARED_WARDS]
    first = {
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
        "expected_total": len(rows),
    }
    said = [r["Finding Labels"].split("|") for r in rows]
    words = {
        "No Finding": "no_finding",
        "Cardiomegaly": "cardiomegaly",
        "Effusion": "effusion",
        "Mass": "mass",
    }
    return _rules(
        "phantom_hospital",
        first,
        [
            {"label_value": v, "findings": f, "expected": sum(v in cell for cell in said)}
            for v, f in words.items()
        ],
    )


def _clinic(w: _Writer, n: int) -> list[dict]:
    """A tuberculosis clinic: 8-bit, 16-bit and palette PNG, one image a patient, the label in the name."""
    few = max(3, n // 4)
    for i in range(n + few):
        sick = int(i < n)
        # two of the hospital's patients fell ill here, two did not
        pid = SHARED_WARDS[i] if i < 2 else SHARED_WARDS[i - n + 2] if n <= i < n + 2 else 5000 + i
        w.image(
            f"phantom_tb/CXR_png/TBX_{pid:04d}_{sick}.png",
            _stored(w.film("tuberculosis" if sick else "normal", 300_000 + pid), i % 6),
        )
    first = {
        "title": "Drawn tuberculosis clinic",
        "glob": "CXR_png/*.png",
        "label_from": "name",
        "name_regex": r"TBX_0*(?P<pid>[1-9]\d*)_(?P<label>[01])\.png$",
        "patient": "ward:{pid}",
        "view": "PA",
        "modality": "X-ray",
        "age_group": "adult",
        "expected_total": n + few,
    }
    return _rules(
        "phantom_tb",
        first,
        [
            {"label_value": "1", "findings": "tuberculosis", "expected": n},
            {"label_value": "0", "findings": "no_finding", "expected": few},
        ],
    )


def _stored(pixels, form: int):
    """The same picture as 16-bit grey (form 2), through a reversed palette (form 4), or plain."""
    if form == 2:
        return pixels.astype(np.uint16) * 257
    if form != 4:
        return pixels
    image = Image.fromarray(255 - pixels)
    image.putpalette([255 - i for i in range(256) for _ in "rgb"])
    return image


def _grey(path: Path) -> np.ndarray:
    """A drawn file's pixels, uint8."""
    with Image.open(path) as image:
        if image.mode.startswith("I"):
            return (np.asarray(image) // 257).astype(np.uint8)
        return np.asarray(image.convert("L"))


def _folder(name: str) -> str:
    """The folder of `_merge` that an image of the children's or the tuberculosis clinic belongs in."""
    if name.startswith("phantom_tb"):
        return "tb" if name.endswith("_1.png") else "normal"
    return next((f for f in ("bacteria", "virus") if f"_{f}_" in name), "normal")


def _merge(w: _Writer, n: int) -> list[dict]:
    """A re-publication: copies of two sources under new names and in new containers, one wrong label, one cut file."""
    numbers = iter(w.rng.permutation(100 * n).tolist())

    def new(folder, ending):
        return f"phantom_merge/{folder}/{folder[0]}{next(numbers):05d}{ending}"

    films = [w.films[i] for i in w.rng.permutation(len(w.films))]
    films = [f for f in films if f.startswith(("phantom_children", "phantom_tb"))]
    official = next(f for f in films if "/test/" in f and "_bacteria_" in f)
    films = [f for f in films if "/test/" not in f]
    mistaken = next(f for f in films if "_bacteria_" in f)
    films.remove(mistaken)
    many = 7 + n // 15
    for f in [*films[:many], official]:
        w.copy(f, new(_folder(f), Path(f).suffix))
    for i, f in enumerate(films[many : 2 * many + 1]):
        ending, mode, how = CONTAINERS[i % 4]
        to = w.image(
            new(_folder(f), ending), Image.fromarray(_grey(w.path(f))).convert(mode), **how
        )
        w.planted.copies.append((f, to, "pixels"))
    w.copy(mistaken, new("virus", ".jpeg"))
    w.planted.conflicts.append(w.planted.copies[-1][:2])
    for folder, kind in FOLDERS.items():
        for i in range(n // 8 + 1):
            w.image(new(folder, ".png"), w.film(kind, 400_000 + w.count, AGES[i % 2]))
    cut = w.image(new("normal", ".png"), w.film("normal", 499_999))
    w.put(cut, w.path(cut).read_bytes()[: w.path(cut).stat().st_size // 2])
    w.planted.damaged.append(cut)
    count = {f: sum(1 for _ in w.path(f"phantom_merge/{f}").iterdir()) for f in FOLDERS}
    first = {
        "title": "Drawn re-publication",
        "glob": "*/*.jpeg ; */*.png ; */*.bmp ; */*.tif",
        "label_from": "folder",
        "modality": "X-ray",
        "age_group": "mixed",
        "derived_from": "phantom_children|phantom_tb",
        "expected_total": sum(count.values()),
    }
    means = {**FOLDERS, "normal": "no_finding"}
    return _rules(
        "phantom_merge",
        first,
        [{"label_value": f, "findings": means[f], "expected": count[f]} for f in FOLDERS],
    )


def _made(sheet: Path):
    """The arguments that an answer sheet was written with; None where it is none."""
    try:
        return json.loads(sheet.read_text(encoding="utf-8"))["made"]
    except (ValueError, KeyError, TypeError):
        return None


def write_sources(
    out: Path,  # folder to write; empty, or written before by the same call
    n_per_class: int = 90,  # images a class, without copies and re-publications; at least LEAST
    size: int = 128,  # width and height of every image, pixels
    seed: int = 0,  # same seed, same bytes under the same Pillow
) -> Planted:
    """Write `out/mirror`, `out/data_manifest.csv` and, last, `out/planted.json`. Never deletes a file."""
    if n_per_class < LEAST:
        raise UsageError(f"n_per_class is {n_per_class}: give at least {LEAST}, to hide every flaw")
    out, made = make_folder(out), {"n_per_class": n_per_class, "size": size, "seed": seed}
    sheet = out / "planted.json"
    if sheet.exists() and _made(sheet) != made:
        raise UsageError(f"{out} holds other phantoms: choose another folder, or remove it")
    w = _Writer(out, size, seed)
    rows = [
        row
        for source in (_children, _covid, _hospital, _clinic, _merge)
        for row in source(w, n_per_class)
    ]
    write_text(w.planted.catalog, csv_text(COLUMNS, rows))
    places = {
        "root": ".",
        "mirror": "mirror",
        "catalog": "data_manifest.csv",
    }  # not absolute: same seed, same bytes
    write_json(sheet, {"made": made, **asdict(w.planted), **places})
    return w.planted
