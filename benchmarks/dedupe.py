"""How fast copies are found, and which, beside imagededup on the same files.
.venv/bin/python benchmarks/dedupe.py FOLDER [--gold GOLD] [--imagededup PYTHON] [--out FILE]

FOLDER holds real images, a mirror say. GOLD holds near_pairs.csv (path_a, path_b, kind) and different_pairs.csv, with
paths relative to FOLDER. PYTHON is one that has imagededup, where this one has not. Prints one Markdown table:
images/s, pairs found of each kind, different pairs matched (false), pairs told, memory at its peak; its last rows are
invented fingerprints in great number (dedupe_scale.py). Both sides see the same links to files that both can read, from
the page cache, with as many workers; they take turns, step by step, in two processes that stay, so that a noisy machine
disturbs both; CPU time tells most on such a machine. Imports are not counted, nor the start of our workers; those of
imagededup are forked, which costs it little. A pair is found where it stands in one group, or, of imagededup, where one
is listed beside the other. Linux alone.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import statistics
import sys
import tempfile
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from dedupe_scale import NUMBERS, fit, in_own_process
from dedupe_sides import Side, imagededup, library
from PIL import Image

from cxr_fastai.core import ImageRejected
from cxr_fastai.curation.engines import open_engine, spread
from cxr_fastai.curation.sources.file_names import is_junk
from cxr_fastai.curation.sources.tree import folder_tree
from cxr_fastai.images import decode, is_image_name

KINDS = ("same_pixels", "resized", "cropped", "flipped", "rotated")
BITS = (0, 4, 10)  # max_distance_threshold; 10 is its default
THEIRS = (
    "JPEG",
    "PNG",
    "BMP",
    "MPO",
    "PPM",
    "TIFF",
    "GIF",
    "WEBP",
)  # formats that imagededup reads
HEAD = (
    "",
    "images/s",
    "s",
    "CPU s",
    *(k.replace("_", " ") for k in KINDS),
    "false",
    "pairs told",
    "MB, driver + workers",
)


# ---- the same files for both


def readable_many(todo: list) -> list:
    return [_readable(file) for file in todo]


def _readable(file) -> bool:
    try:
        decode(file)
        with Image.open(file) as image:
            image.convert("RGBA")
            return image.format in THEIRS
    except (ImageRejected, OSError, ValueError, SyntaxError):
        return False


def link_all(folder, to, first, most, workers) -> dict[str, str]:
    """Path below `folder` -> name of a link in `to`, of all images that both sides read; `first` come first of `most`."""
    files = {
        p: f for p, f in folder_tree(folder).files.items() if is_image_name(p) and not is_junk(p)
    }
    paths = sorted(files, key=lambda p: p not in first)[:most]
    with open_engine("local", workers) as engine:
        good = dict(spread(engine, readable_many, [files[p] for p in paths]))
    paths = [p for i, p in enumerate(paths) if good[i] is True]
    names = {p: f"{i:07}{Path(p).suffix.lower()}" for i, p in enumerate(paths)}
    for p, name in names.items():
        os.symlink(os.path.abspath(files[p]), f"{to}/{name}")
    return names


def gold_pairs(folder) -> list[tuple[str, str, str]]:
    """(path, path, kind); those that are different have the kind 'different'."""

    def rows(name):
        with open(Path(folder) / name, newline="", encoding="utf-8") as f:
            return list(csv.DictReader(f))

    return [(r["path_a"], r["path_b"], r["kind"]) for r in rows("near_pairs.csv")] + [
        (r["path_a"], r["path_b"], "different") for r in rows("different_pairs.csv")
    ]


def row(side, what, key, n, kinds, *, also=()) -> list:
    """A row of the table; `also`: steps whose time is added."""
    a, s = side.answers[key], side.median(key, *also)
    mb = [max(side.answers[k]["mb"][i] for k in (key, *also)) for i in (0, 1)]
    speed = [f"{n / s:.0f}", f"{s:.1f}", f"{side.median(key, *also, of='cpu'):.1f}"]
    out = [f"{side.name}: {what}", *speed, *[""] * (len(KINDS) + 2), f"{mb[0]:.0f} + {mb[1]:.0f}"]
    if "hits" not in a:
        return out
    for i, kind in enumerate((*KINDS, "different"), 4):
        hits = [h for h, k in zip(a["hits"], kinds) if k == kind]
        out[i] = f"{sum(hits)} of {len(hits)}" if hits else "-"
    return out[:10] + [f"{a['pairs']:,}", out[11]]


def invented_row(r) -> list:
    found = [f"{a} of {b}" for a, b in map(r["found"].get, KINDS[1:])]
    return [
        f"this library: {r['n']:,} invented fingerprints, links and groups",
        f"{r['n'] / r['seconds']:.0f}",
        f"{r['seconds']:.1f}",
        f"{r['cpu']:.1f}",
        "-",
        *found,
        f"{r['wrong']} groups",
        f"{r['pairs']:,}",
        f"{r['driver']:.0f} + {r['workers']:.0f}",
    ]


def ratio(ours, theirs, key, what) -> str:
    others = theirs.seconds["encode", "PHash", 0]
    each = sorted(b / a for a, b in zip(ours.seconds[key], others))
    times, other = (
        statistics.median(others) / ours.median(key),
        theirs.median(("encode", "PHash", 0), of="cpu"),
    )
    return (
        f"{what} against imagededup's PHash encoding: {times:.2f} times as fast ({each[0]:.2f} to "
        f"{each[-1]:.2f} in {len(each)} rounds), {other / ours.median(key, of='cpu'):.2f} by CPU time"
    )


def machine(theirs: dict) -> str:
    def has(name):
        try:
            return f"{name} {version(name)}"
        except PackageNotFoundError:
            return f"no {name}"

    cpu = next(
        (
            k.split(":")[1].strip()
            for k in Path("/proc/cpuinfo").open()
            if k.startswith("model name")
        ),
        "",
    )
    ours = ", ".join(map(has, ("numpy", "pillow", "opencv-python-headless", "faiss-cpu")))
    return (
        f"{datetime.now(timezone.utc):%Y-%m-%d}, {os.cpu_count()} cores, {cpu} {platform.machine()}, load "
        f"{os.getloadavg()[0]:.1f} at the start, Python {platform.python_version()}, {ours}; the other side: "
        + (", ".join(f"{k} {v}" for k, v in theirs.items()) or "not there")
    )


def compare(ours: Side, theirs: Side | None, gold, names, rounds):
    """Every step, in turn; finding imagededup's duplicates once, for its time grows with the square."""
    asked = [(names[a], names[b]) for a, b, _ in gold]
    asked = [(min(p), max(p)) for p in asked]
    ours.ask("start")
    for _ in range(rounds):
        ours.ask("hashes", asked=asked)
        if theirs:
            theirs.ask("encode", "PHash")
        ours.ask("fingerprint")
        if theirs:
            theirs.ask("encode", "DHash")
        ours.ask("links")
        ours.ask("groups", asked=asked)
    ours.ask("profile")
    if not theirs:
        return
    for method in ("PHash", "DHash"):
        for bits in BITS:
            theirs.ask("find", method, bits, asked)
    if theirs.hello["cnn"]:
        theirs.ask("encode", "CNN")
        theirs.ask("find", "CNN", 0, asked)


def table(ours, theirs, n, gold) -> list[list]:
    kinds, key = [k for *_, k in gold], lambda what: (what, "", 0)
    road = [key(k) for k in ("fingerprint", "links")]
    rows = [
        row(ours, "hashes alone; finds equal pixels", key("hashes"), n, kinds),
        row(ours, "fingerprint (hashes, local features)", key("fingerprint"), n, kinds),
        row(ours, "links (search, compare)", key("links"), n, kinds),
        row(ours, "the three steps and groups", key("groups"), n, kinds, also=road),
    ]
    if not theirs:
        return rows
    for method in ("PHash", "DHash", *["CNN"] * theirs.hello["cnn"]):
        encode = "encode", method, 0
        rows.append(row(theirs, f"{method}, encode", encode, n, kinds))
        for bits in BITS if method != "CNN" else (0,):
            limit = f"at most {bits} bits" if method != "CNN" else "cosine of .9 at least"
            what, find = f"{method}, encode and find, {limit}", ("find", method, bits)
            rows.append(row(theirs, what, find, n, kinds, also=[encode]))
    return rows


def main():
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("folder")
    p.add_argument("--gold", help="folder of near_pairs.csv and different_pairs.csv")
    p.add_argument("--imagededup", default=sys.executable, help="a Python that has imagededup")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--workers", type=int, default=2)
    p.add_argument("--files", type=int, help="so many at most, those of GOLD first")
    p.add_argument(
        "--numbers",
        type=int,
        nargs="*",
        default=NUMBERS,
        help="of invented fingerprints; nothing: none",
    )
    p.add_argument("--out", help="write the result here too")
    args = p.parse_args()
    for text in reports(args):  # what is there so far: a run that ends early leaves that
        if args.out:
            Path(args.out).write_text(text + "\n", encoding="utf-8")
    print(text)


def reports(args):
    """Yield the result of the real images, then again with each number of invented fingerprints."""
    said, rows, notes = real(args)
    yield result(said, rows, notes)
    invented = []
    for n in args.numbers:
        invented.append(in_own_process(n, args.workers))
        fitted = fit(invented) if len(invented) > 1 else []
        yield result(said, [*rows, *map(invented_row, invented)], notes + fitted)


def result(said, rows, notes) -> str:
    lines = [" | ".join(["", *map(str, r), ""]).strip() for r in (HEAD, ["---"] * len(HEAD), *rows)]
    return "\n".join([*said, "", *lines, "", *(f"- {k}" for k in notes)])


def real(args) -> tuple[list[str], list[list], list[str]]:
    with tempfile.TemporaryDirectory() as tmp:
        gold, folder = gold_pairs(args.gold) if args.gold else [], f"{tmp}/images"
        os.mkdir(folder)
        names = link_all(
            args.folder, folder, {p for a, b, _ in gold for p in (a, b)}, args.files, args.workers
        )
        there = [g for g in gold if g[0] in names and g[1] in names]
        theirs = imagededup(args.imagededup, folder, args.workers)
        said = [
            machine(theirs.hello.get("versions", {})),
            f"{len(names)} images that both read, {args.workers} "
            f"workers, {args.rounds} rounds; {len(there)} of {len(gold)} pairs of GOLD are among them",
        ]
        ours = library(folder, args.workers, tmp)
        able = None if "error" in theirs.hello else theirs
        compare(ours, able, there, names, args.rounds)
        rows, notes = table(ours, able, len(names), there), notes_of(ours, able, theirs.hello)
        for side in (ours, theirs):
            side.p.stdin.close()
            side.p.wait()
    return said, rows, notes


def notes_of(ours, theirs, hello) -> list[str]:
    notes = (
        [
            ratio(ours, theirs, ("hashes", "", 0), "hashes alone"),
            ratio(ours, theirs, ("fingerprint", "", 0), "fingerprint"),
        ]
        if theirs
        else [
            f"imagededup: not there ({hello['error']}); name a Python that has it with --imagededup"
        ]
    )
    if theirs and not hello["cnn"]:
        notes.append("imagededup's CNN: its weights are not there")
    if theirs:
        notes.append(
            f"imagededup encoded {theirs.answers['encode', 'PHash', 0]['n']} of them by PHash"
        )
    return notes + [f"profile, {k}" for k in ours.answers["profile", "", 0]["notes"]]


if __name__ == "__main__":
    main()
