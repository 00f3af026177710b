"""Whether a frame that films of many patients lie in is taken for a copy of a film.

.venv/bin/python benchmarks/dedupe_frames.py MIRROR [--sides 512 900] [--frames ruler ..]

Draws the first films of PATIENTS patients of the NIH sample in each of eleven frames, and copies of
these; nobody is named. Prints, a frame a line, how many patients were taken for another, and how
many copies were found of the framed picture itself. Writes no file.
"""

from __future__ import annotations

import argparse
import io
import random
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
from drawn_frames import FRAMES, in_frame
from PIL import Image

from cxr_fastai.curation.copies.features import extract
from cxr_fastai.curation.copies.fingerprint import Fingerprint, phash, pixel_sha256
from cxr_fastai.curation.copies.links import find_links
from cxr_fastai.curation.engines import Engine, Lost, open_engine, spread

NIH = "kaggle/nih-chest-xrays/sample/sample/images"
PATIENTS = 60
SEED = 5
SIDES = (512, 900)
KINDS = ("resized", "jpeg", "cropped", "mirrored", "film mirrored", "bare")
FRAMED = "framed"


class Drawn(NamedTuple):
    """A picture and what is known of it."""

    patient: str
    kind: str  # FRAMED, or one of KINDS
    fingerprint: Fingerprint


class Job(NamedTuple):
    """A film to be drawn."""

    file: str
    frame: str  # a key of FRAMES
    side: int
    seed: int  # of its crop


class Outcome(NamedTuple):
    """What was found among the films in one frame."""

    frame: str
    side: int
    lost: int  # patients that are in a group with another
    related: int  # pairs of two patients told as exposures of one
    found: dict[str, int]  # of each of KINDS


def films(mirror: Path) -> list[Path]:
    """Return the first film of each of PATIENTS patients."""
    first: dict[str, Path] = {}
    for path in sorted((mirror / NIH).glob("*.png")):
        first.setdefault(path.name[:8], path)
    return [first[name] for name in random.Random(SEED).sample(sorted(first), PATIENTS)]


def draw_many(jobs: list[Job]) -> list[list[Drawn]]:
    """Draw films and their copies, in a worker."""
    return [_draw(job) for job in jobs]


def _draw(job: Job) -> list[Drawn]:
    """Draw a film in its frame, and the copies of it."""
    with Image.open(job.file) as opened:
        film = opened.convert("L")
    framed = in_frame(job.frame, film, job.side)
    width, height = framed.size
    rng = random.Random(job.seed)
    left, top, right, bottom = [rng.uniform(0, 0.05) for _ in range(4)]
    inside = (
        int(left * width),
        int(top * height),
        int((1 - right) * width),
        int((1 - bottom) * height),
    )
    flip = Image.Transpose.FLIP_LEFT_RIGHT
    small = (int(width * 0.55), int(height * 0.55))
    pictures = {
        FRAMED: framed,
        "resized": framed.resize(small, Image.Resampling.BICUBIC),
        "jpeg": _jpeg(framed),
        "cropped": framed.crop(inside),
        "mirrored": framed.transpose(flip),
        "film mirrored": in_frame(job.frame, film.transpose(flip), job.side),
        "bare": film,
    }
    patient = Path(job.file).name[:8]
    return [Drawn(patient, kind, _fingerprint(picture)) for kind, picture in pictures.items()]


def _jpeg(picture: Image.Image) -> Image.Image:
    """Compress a picture at quality 40."""
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=40)
    return Image.open(data).convert("L")


def _fingerprint(picture: Image.Image) -> Fingerprint:
    """Fingerprint a picture that is in no file."""
    pixels = np.ascontiguousarray(np.asarray(picture))
    height, width = pixels.shape
    return Fingerprint(
        sha256=pixel_sha256(pixels),
        pixel_sha256=pixel_sha256(pixels),
        phash=phash(pixels),
        width=width,
        height=height,
        mode="L/8",
        sketch=extract(pixels).pack(),
    )


def judge(
    frame: str,
    side: int,
    paths: list[Path],
    engine: Engine,
) -> Outcome:
    """Draw the films in a frame, look for copies, and count what is right and wrong."""
    jobs = [Job(str(path), frame, side, n) for n, path in enumerate(paths)]
    drawn: dict[str, Drawn] = {}
    for _, pictures in spread(engine, draw_many, jobs):
        if isinstance(pictures, Lost):
            sys.exit(f"drawing a film failed: {pictures.message}")
        for picture in pictures:
            drawn[picture.fingerprint.pixel_sha256] = picture
    lost = set()
    related = 0
    found = defaultdict(set)
    for link in find_links([picture.fingerprint for picture in drawn.values()], engine):
        a = drawn[link.a]
        b = drawn[link.b]
        if a.patient != b.patient and link.kind == "near":
            lost |= {a.patient, b.patient}
        elif a.patient != b.patient:
            related += 1
        elif link.kind == "near" and FRAMED in (a.kind, b.kind):
            found[b.kind if a.kind == FRAMED else a.kind].add(a.patient)
    counts = {kind: len(found[kind]) for kind in KINDS}
    return Outcome(frame, side, len(lost), related, counts)


def main() -> None:
    """Judge each frame at each side, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mirror", type=Path)
    parser.add_argument("--sides", type=int, nargs="+", default=SIDES)
    parser.add_argument("--frames", nargs="+", default=list(FRAMES), choices=list(FRAMES))
    parser.add_argument("--workers", type=int)
    asked = parser.parse_args()
    paths = films(asked.mirror)
    rows = []
    with open_engine("local", asked.workers) as engine:
        for side in asked.sides:
            for frame in asked.frames:
                outcome = judge(frame, side, paths, engine)
                rows.append(_row(outcome))
                print(rows[-1], flush=True)
    print(f"{PATIENTS} patients in each frame; found: copies of the framed picture itself")
    print("\n".join(rows))


def _row(outcome: Outcome) -> str:
    """Return a row of the table."""
    cells = [outcome.frame, f"{outcome.side}", f"{outcome.lost}", f"{outcome.related}"]
    cells += [f"{outcome.found[kind]}" for kind in KINDS]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
