"""Drawn images laid out as sources of data_manifest.csv have theirs: folders, names, tables and what else lies there.
(mirror, source, n) -> files in the mirror layout and a list of Drawn. For tests and trials where a source is not at
hand; downloads and deletes nothing.

One radiograph is the same drawing in every source that holds it: kmader has Shenzhen's and Montgomery's files, NIH's
sample and shards are NIH's, some of COVID-19 Radiography are Kermany's.
"""

from __future__ import annotations

import io
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from cxr_fastai.core import UnknownName, UsageError, unknown_name
from cxr_fastai.phantom.chest import anatomy, scene, stance
from cxr_fastai.phantom.clinics import visits
from cxr_fastai.phantom.film import draw
from cxr_fastai.phantom.mirror import Drawn, Mirror, encoded, first_drawing
from cxr_fastai.phantom.nih import nih_full, nih_sample, nih_tfrecords

FEWEST = 24  # images of a source below which not all that it is known for is there
MOST = {
    "shenzhen": 662,
    "montgomery": 138,
    "kmader": 800,
}  # as many as the real ones have: their numbers end there


def _shares(n: int, *of: int) -> list[int]:
    """`n` divided as the numbers `of` stand to each other."""
    return np.diff(np.round(np.cumsum([0, *of]) * n / sum(of)).astype(int)).tolist()


# ---- Kermany's children, and the COVID-19 Radiography Database, which has some of them too

KERMANY = {"bacteria": "bacterial_pneumonia", "virus": "viral_pneumonia", "NORMAL": "normal"}
RADIOGRAPHY = {"COVID": "covid_19", "Lung_Opacity": "bacterial_pneumonia", "Normal": "normal"}
RADIOGRAPHY_ROOT = "COVID-19_Radiography_Dataset"


def _children(label: str, count: int, size: int, seed: int):
    """(name, person, part, JPEG) of each image of a kind; numbers start anew with each kind."""
    at = first_drawing(seed, "kermany") + 100_000 * list(KERMANY).index(label)
    for i, (patient, image, _) in enumerate(visits([label] * count)):
        part = (
            "test"
            if patient % 5 == 1
            else "val"
            if patient % 5 == 2 and label != "virus"
            else "train"
        )
        person, name = f"person{patient + 1}_{label}", f"person{patient + 1}_{label}_{i + 1}"
        if label == "virus" and i == 4:
            name += "_1"  # as person447_virus_921_1.jpeg
        if label == "NORMAL":
            person = f"{('IM', 'NORMAL2-IM')[patient % 2]}-{115 + patient:04d}"
            name = f"{person}-{image + 1:04d}" + ("-0002" if i % 7 == 6 else "")
        film = draw(KERMANY[label], at + i, size, at + patient, "child")
        yield f"{name}.jpeg", person, part, encoded(film, ".jpeg", quality=95)


def _kermany_kaggle(m: Mirror, n: int, size: int, seed: int) -> list[Drawn]:
    """train, val and test; a second copy of all one level down; what macOS leaves."""
    out = []
    for label, count in zip(KERMANY, _shares(n, 2780, 1493, 1583)):
        for name, person, part, data in _children(label, count, size, seed):
            below = f"{part}/{'NORMAL' if label == 'NORMAL' else 'PNEUMONIA'}/{name}"
            out.append(Drawn(m.put(f"chest_xray/{below}", data), label, person, part == "test"))
            m.put(f"chest_xray/chest_xray/{below}", data)
    for path in [PurePosixPath(d.path) for d in out[:3]]:
        m.put(f"chest_xray/__MACOSX/{path.parent}/._{path.name}", b"\0\5\x16\7" + bytes(116))
    for folder in ("chest_xray", "chest_xray/train", "chest_xray/chest_xray"):
        m.put(f"{folder}/.DS_Store", b"\0\0\0\1Bud1".ljust(512, b"\0"))
    return out


def _copies(label: str, size: int, seed: int):
    """Kermany's train images again: the same pixels, to be put into other files."""
    for _, _, part, data in _children(label, 10**4, size, seed):
        if part == "train":
            yield Image.open(io.BytesIO(data))


def _covid_radiography(m: Mirror, n: int, size: int, seed: int) -> list[Drawn]:
    """A folder of images, one of masks and a table for each class; no patients. All viral and some normal are Kermany's."""
    out, at = [], first_drawing(seed, "radiography")
    viral, normal = _copies("virus", size, seed), _copies("NORMAL", size, seed)
    for folder, count in zip(
        (*RADIOGRAPHY, "Viral Pneumonia"), _shares(n, 3616, 6012, 10192, 1345)
    ):
        for i in range(1, count + 1):
            at, name = at + 1, f"{folder}-{i}.png"
            if folder == "Viral Pneumonia":
                film = next(viral)
            elif folder == "Normal" and i % 8 == 1:
                film = next(normal)
            else:
                film = draw(RADIOGRAPHY[folder], at, size, at)
            out.append(
                Drawn(m.image(f"{RADIOGRAPHY_ROOT}/{folder}/images/{name}", film), folder, name)
            )
            m.image(f"{RADIOGRAPHY_ROOT}/{folder}/masks/{name}", Image.new("L", (256, 256)))
        m.put(f"{RADIOGRAPHY_ROOT}/{folder}.metadata.xlsx", b"Drawn: a table would stand here.\n")
    m.text(
        f"{RADIOGRAPHY_ROOT}/README.md.txt", "Drawn by cxr_fastai.phantom; no person was imaged.\n"
    )
    return out


# ---- tuberculosis

READINGS = (
    "male {}yrs",
    "female {}yrs",
    "femal {}yrs",
    "male{}yrs",
    "Female,{}yrs",
    "male {}months",
    "female {}days",
)
SAME_PERSON = {117: 113, 166: 162, 170: 162}  # Montgomery's numbers
LORDOTIC = 251


def _shenzhen(
    m: Mirror, n: int, size: int, seed: int, top: str = "ChinaSet_AllFiles"
) -> list[Drawn]:
    """Palette PNGs, a few in colour; a text beside each, with the typing errors of the real ones."""
    out, base = [], first_drawing(seed, "shenzhen")
    for sick, count in enumerate(_shares(n, 326, 336)):
        for number in range(1 + 326 * sick, 1 + 326 * sick + count):
            stem = f"CHNCXR_{number:04d}_{sick}"
            film = draw(("normal", "tuberculosis")[sick], base + number, size, base + number)
            m.image(
                f"{top}/CXR_png/{stem}.png",
                _in_colour(film) if number % 20 == 3 else _in_palette(film),
            )
            finding = "bilateral PTB" if sick else "normal"
            m.text(
                f"{top}/ClinicalReadings/{stem}.txt",
                f"{READINGS[number % 7].format(8 + number % 60)}\n{finding}\n",
            )
            out.append(Drawn(f"{top}/CXR_png/{stem}.png", str(sick), f"{number:04d}"))
    m.text(f"{top}/shenzhen_consensus_roi.csv", "File,Annotations\n")
    return out


def _in_palette(film: np.ndarray) -> Image.Image:
    """Stored as numbers of a palette that runs from white to black."""
    image = Image.fromarray(255 - film)
    image.putpalette([255 - i for i in range(256) for _ in "rgb"])
    return image


def _in_colour(film: np.ndarray) -> Image.Image:
    return Image.fromarray(film).convert("RGB")


def _montgomery(m: Mirror, n: int, size: int, seed: int, top: str = "MontgomerySet") -> list[Drawn]:
    """Upright and lying films, lung masks, texts; two people with several numbers, one film that is lordotic."""
    out, base = [], first_drawing(seed, "montgomery")
    well, sick = _shares(n, 80, 58)
    numbers = [(k, 0) for k in ([113, 117, 162, 166, 170] + [*range(1, 100)])[:well]]
    numbers += [(k, 1) for k in ([LORDOTIC] + [*range(301, 400)])[:sick]]
    for number, ill in numbers:
        stem, person = f"MCUCXR_{number:04d}_{ill}", SAME_PERSON.get(number, number)
        film = draw(("normal", "tuberculosis")[ill], base + number, size, base + person)
        crop = (
            np.s_[:, size // 11 : -(size // 11)] if number % 10 < 7 else np.s_[: -(size // 6)]
        )  # 4020 x 4892 or 4892 x 4020
        m.image(f"{top}/CXR_png/{stem}.png", film[crop])
        s = scene(anatomy(base + person, "adult"), stance(base + number, size))
        for side, half in (("leftMask", s.x < 0), ("rightMask", s.x >= 0)):  # the image's left
            m.image(
                f"{top}/ManualMask/{side}/{stem}.png",
                Image.fromarray(((s.lung > 0.5) & half)[crop]),
            )
        sex = "O" if number == 5 else "FM"[person % 2]
        m.text(
            f"{top}/ClinicalReadings/{stem}.txt",
            f"Patient's Sex: {sex}\nPatient's Age: {20 + number % 60:03d}Y\n"
            f"{'TB, cavitary' if ill else 'normal'}\n",
        )
        out.append(
            Drawn(
                f"{top}/CXR_png/{stem}.png",
                str(ill),
                f"{person:04d}",
                why_not="view" if number == LORDOTIC else "",
            )
        )
    return out


def _kmader(m: Mirror, n: int, size: int, seed: int) -> list[Drawn]:
    """Both sets of the National Library of Medicine, each below a folder that stands twice."""
    china, county = _shares(n, 662, 138)
    return [
        *_shenzhen(m, china, size, seed, "ChinaSet_AllFiles/ChinaSet_AllFiles"),
        *_montgomery(m, county, size, seed, "Montgomery/MontgomerySet"),
    ]


def _belarus(m: Mirror, n: int, size: int, seed: int) -> list[Drawn]:
    """Tuberculosis only: the middles of larger films, in one flat folder."""
    base, edge = first_drawing(seed, "belarus"), size // 12

    def middle(i):
        return draw("tuberculosis", base + i, size + 2 * edge, base + i)[edge:-edge, edge:-edge]

    return [
        Drawn(m.image(f"belarus/{i}.png", middle(i)), "tuberculosis", str(i))
        for i in range(1, n + 1)
    ]


LAYOUTS = {  # source id -> (its folder in a mirror, who fills it)
    "kermany_kaggle": ("kaggle/paultimothymooney/chest-xray-pneumonia", _kermany_kaggle),
    "covid_radiography": ("kaggle/tawsifurrahman/covid19-radiography-database", _covid_radiography),
    "kmader": ("kaggle/kmader/pulmonary-chest-xray-abnormalities", _kmader),
    "shenzhen": ("http/nlm-shenzhen", _shenzhen),
    "montgomery": ("http/nlm-montgomery", _montgomery),
    "belarus": ("github/frapa/tbcnn", _belarus),
    "nih_sample": ("kaggle/nih-chest-xrays/sample", nih_sample),
    "nih_full": ("kaggle/nih-chest-xrays/data", nih_full),
    "nih_tfrecords": ("kaggle/nickuzmenkov/nih-chest-xrays-tfrecords", nih_tfrecords),
}


def write_like(
    mirror,  # folder in the mirror layout; pass it to `curate`
    source: str,  # one of LAYOUTS
    n: int = 48,  # images, copies and masks not counted; FEWEST at least, and no more than are in one of MOST
    size: int = 96,  # width and height, pixels
    seed: int = 0,  # same seed, same bytes under the same Pillow
) -> list[Drawn]:
    """Draw `n` images laid out as `source` has its own. Writes over files of the same names and no others."""
    if source not in LAYOUTS:
        raise UnknownName(unknown_name("source that can be drawn", source, LAYOUTS))
    if n < FEWEST:
        raise UsageError(f"n is {n}: give at least {FEWEST} images, to have some of every kind")
    if n > MOST.get(source, n):
        raise UsageError(f"n is {n}: give at most {MOST[source]} images, as {source} has")
    place, fill = LAYOUTS[source]
    return fill(Mirror(Path(mirror) / place), n, size, seed)
