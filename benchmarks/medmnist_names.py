"""PneumoniaMNIST's images by the names of Kermany's files, and a harder hold-out made of them.

python benchmarks/medmnist_names.py MIRROR --out DIR [--hold NORMAL2-IM] [--json]

PneumoniaMNIST tells no file and no patient, so that its own validation holds other films of the
children it trains on. MIRROR holds its npz (http/medmnist) and Kermany's train films
(kaggle/paultimothymooney/chest-xray-pneumonia). Each film is cropped to the middle, as MedMNIST
does it, shrunk to 28 px and compared with each image by correlation; the best one's name is carried
over where it is the best by far. A film whose shape was squashed away has none: all shapes are
tried.

DIR/data is the recipe's folder; DIR/held the same images with those held out as its test split:
the normals of one series of file numbers (IM, NORMAL2-IM), those of the lowest numbers of both
(low), or the widest films, as pneumonias are (wide); and a tenth of the patients with pneumonia. No
film of a patient stands on both sides. Score it by benchmarks/official_tests.py pneumoniamnist
--data DIR/held --out DIR/runs. It reads no image of an official test.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
from pathlib import Path

import numpy as np
from official_tests import Asked, Numbers, curated
from PIL import Image
from told import print_found, told

from cxr_fastai.core import SourceUnavailable, write_json, write_text
from cxr_fastai.images import decode
from cxr_fastai.manifest import CURATION, MANIFEST, Manifest, Record, manifest_text, read_curation
from cxr_fastai.manifest import read_manifest as read

RECIPE = "pneumoniamnist"
FILMS = Path("kaggle/paultimothymooney/chest-xray-pneumonia/chest_xray/train")
NAME = re.compile(r"(NORMAL2-IM|IM)-(\d+)|person(\d+)_(bacteria|virus)")
SIDE = 28  # px
# Height by width: Kermany's films have .48 to 1.3; a step moves a 28 px image by a third of a pixel
SHAPES = np.arange(0.48, 1.30, 0.02)
# Of 5,232 images the best film correlates at .988 in the middle (1 %: at less than .950), and .094
# better than the next one; 63 are not better by the least margin, of which exact copies reach the
# last of these.
MIN_CORRELATION = 0.9
MIN_MARGIN = 0.01
SURE_CORRELATION = 0.985
HELD_NORMALS = 0.15  # of the normals, where not a whole series is held out
HELD_PATIENTS = 0.1  # of those with pneumonia
NORMALS = ("IM", "NORMAL2-IM")
HOLDS = ("NORMAL2-IM", "IM", "low", "wide")


@dataclass(frozen=True)
class Named:
    """What is known of one image by its film's name."""

    name: str
    correlation: float
    margin: float  # to the next film
    shape: float  # height by width that the film had

    @property
    def is_sure(self) -> bool:
        """Tell whether the film is like it and no other comes near, or others are copies."""
        is_alone = self.margin >= MIN_MARGIN or self.correlation >= SURE_CORRELATION
        return is_alone and self.correlation >= MIN_CORRELATION

    @property
    def label(self) -> str:
        """The recipe's class of the film."""
        return "normal" if self.series in NORMALS else "pneumonia"

    @property
    def series(self) -> str:
        """IM, NORMAL2-IM, bacteria or virus."""
        normal, _, _, kind = _parts(self.name)
        return normal or kind

    @property
    def number(self) -> int:
        """The patient's number in the series."""
        _, normal, ill, _ = _parts(self.name)
        return int(normal or ill)

    @property
    def patient(self) -> str:
        """One child, as far as file names tell."""
        return f"{self.series}-{self.number}"


def _parts(name: str) -> tuple[str, str, str, str]:
    """Take a file's name apart; empty where the other form has it."""
    found = NAME.search(name)
    if not found:
        raise SourceUnavailable(f"{name}: no name of a Kermany film: expected IM-0115-0001.jpeg.")
    normal, number, ill, kind = (part or "" for part in found.groups())
    return normal, number, ill, kind


# ---- names


def film_files(mirror: Path) -> list[Path]:
    """List Kermany's train films. Raises `SourceUnavailable`."""
    files = sorted(path for path in (mirror / FILMS).glob("*/*") if NAME.search(path.name))
    found = [path for path in files if not path.name.startswith("._")]
    if not found:
        raise SourceUnavailable(f"{mirror / FILMS} holds no film: fetch Kermany's, from Kaggle.")
    return found


def named(
    images: np.ndarray,  # (n, 28, 28) uint8
    files: Sequence[Path],
) -> list[Named]:
    """Name each image by the film that looks most like it."""
    wanted = _standardised(images)
    films = [Image.fromarray(decode(path)) for path in files]
    closest = np.full((len(images), len(films)), -1, np.float32)
    highest = np.full(len(images), -1, np.float32)
    shapes = np.ones(len(images))
    for shape in SHAPES:
        small = np.stack([_cropped(film, float(shape)) for film in films])
        alike = wanted @ _standardised(small).T
        is_better = alike.max(1) > highest
        shapes[is_better] = shape
        highest = np.maximum(highest, alike.max(1))
        np.maximum(closest, alike, out=closest)
    found = []
    for row, shape in zip(closest, shapes):
        i = int(row.argmax())
        others = np.delete(row, i)
        margin = float(row[i] - others.max()) if len(others) else 1.0
        found.append(Named(files[i].name, float(row[i]), margin, float(shape)))
    return found


def _cropped(
    film: Image.Image,  # squashed to a square, or not
    shape: float,  # height by width that it had
) -> np.ndarray:  # (28, 28) uint8
    """Cut the middle out that was square, and shrink it."""
    width, height = film.size
    wide = width * min(1, shape)
    tall = height * min(1, 1 / shape)
    left, top = (width - wide) / 2, (height - tall) / 2
    box = (left, top, left + wide, top + tall)
    return np.asarray(film.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=box))


def _standardised(images: np.ndarray) -> np.ndarray:
    """Make rows of mean 0 and length 1."""
    rows = images.reshape(len(images), -1).astype(np.float32)
    rows -= rows.mean(1, keepdims=True)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.maximum(length, 1e-6)


# ---- the folder with those held out


def held_names(
    names: Sequence[Named],
    hold: str,  # one of HOLDS
    seed: int = 0,
) -> set[str]:  # patients
    """Choose the patients that are held out."""
    found = {name.patient for name in _held_normals(names, hold)}
    draws = np.random.default_rng(seed)
    for kind in ("bacteria", "virus"):
        ill = sorted({name.patient for name in names if name.series == kind})
        found |= set(draws.permutation(ill)[: round(HELD_PATIENTS * len(ill))].tolist())
    return found


def _held_normals(names: Sequence[Named], hold: str) -> list[Named]:
    """Choose the normal films that are held out."""
    normals = [name for name in names if name.label == "normal"]
    if hold in NORMALS:
        return [name for name in normals if name.series == hold]
    if hold == "wide":
        normals.sort(key=attrgetter("shape"))
        return normals[: int(HELD_NORMALS * len(normals))]
    lowest: list[Named] = []
    for series in NORMALS:
        own = sorted((name for name in normals if name.series == series), key=attrgetter("number"))
        lowest += own[: int(HELD_NORMALS * len(own))]
    return lowest


def held_folder(
    data: Manifest,  # of the recipe, without a test split
    names: dict[str, Named],  # path -> what is known of it
    hold: str,
    out: Path,  # absent, or written by this before
) -> Manifest:
    """Write the images again: patients held out are test; names that are not sure drop out."""
    if (out / CURATION).is_file():
        return read(out)
    chosen = held_names(list(names.values()), hold)
    rows = []
    for row in data.rows:
        name = names[row.path]
        if name.is_sure and name.label == row.label and row.split != "test":
            rows.append(_held(row, name, name.patient in chosen))
    rows = _parted(rows)
    for row in rows:
        (out / row.path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(data.root / row.path, out / row.path)
    write_text(out / MANIFEST, manifest_text(rows, data.recipe))
    write_json(out / CURATION, read_curation(data.root))
    return read(out)


def _held(row: Record, name: Named, is_held: bool) -> Record:
    """Give a row its patient and its split."""
    split = "test" if is_held else row.split
    return replace(row, patient=f"kermany:{name.patient}", group=name.patient, split=split)


def _parted(rows: Sequence[Record]) -> list[Record]:
    """Let no patient stand in train and validation: whoever trains is not validated."""
    trained = {row.group for row in rows if row.split == "train"}
    return [row for row in rows if row.split != "valid" or row.group not in trained]


# ---- the command


def made(mirror: Path, out: Path, hold: str) -> Numbers:
    """Make the folder; return what was found."""
    files = film_files(mirror)
    data = curated(Asked(RECIPE, mirror, out))
    images = np.stack([decode(data.root / row.path) for row in data.rows])
    found = named(images, files)
    held = held_folder(data, dict(zip((row.path for row in data.rows), found)), hold, out / "held")
    margins = [name.margin for name in found]
    numbers: Numbers = {
        "images": len(found),
        "films": len(files),
        "sure": sum(name.is_sure for name in found),
        "labels_agree": sum(name.label == row.label for name, row in zip(found, data.rows)),
        "correlation": float(np.median([name.correlation for name in found])),
        "margin": float(np.median(margins)),
        "hold": hold,
    }
    for split in ("train", "valid", "test"):
        labels = [row.label for row in held.rows if row.split == split]
        numbers[split] = {label: labels.count(label) for label in data.vocab}
    return numbers


def text_of(found: Numbers) -> str:
    """Put the numbers into lines."""
    return "\n".join(f"{key}: {value}" for key, value in found.items())


def main(arguments: Sequence[str]) -> int:
    """Make and print."""
    return told(partial(_made_and_printed, arguments))


def _made_and_printed(arguments: Sequence[str]) -> None:
    """Make and print; raises `CxrError`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mirror", type=Path, metavar="MIRROR")
    parser.add_argument("--out", type=Path, metavar="DIR", required=True)
    parser.add_argument("--hold", default=HOLDS[0], choices=HOLDS, help="default: %(default)s")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    found = made(given.mirror, given.out, given.hold)
    print_found(found, given.json, text_of)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
