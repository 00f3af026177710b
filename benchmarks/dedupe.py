"""How fast copies are found, and which, beside imagededup on the same files.

.venv/bin/python benchmarks/dedupe.py FOLDER [--gold GOLD] [--imagededup PYTHON] [--out FILE]

FOLDER holds real images, a mirror say. GOLD holds near_pairs.csv (path_a, path_b, kind) and
different_pairs.csv, with paths relative to FOLDER. PYTHON is one that has imagededup, where this
one has not. Prints one Markdown table: images/s, pairs found of each kind, different pairs matched
(false), pairs told, memory at its peak; its last rows are invented fingerprints in great number
(dedupe_scale.py). Both sides see the same links to files that both can read, from the page cache,
with as many workers; they take turns, step by step, in two processes that stay, so that a noisy
machine disturbs both; CPU time tells most on such a machine. Imports are not counted, nor the start
of our workers; those of imagededup are forked, which costs it little. A pair is found where it
stands in one group, or, of imagededup, where one is listed beside the other. Linux alone.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from dedupe_files import DIFFERENT, KINDS, GoldPair, gold_pairs, link_all
from dedupe_scale import NUMBERS, Invented, growth, in_own_process
from dedupe_sides import Side, Step, imagededup_side, library_side

HASH_METHODS = ("PHash", "DHash")
BITS = (0, 4, 10)  # max_distance_threshold; 10 is its default
COLUMNS = (
    "",
    "images/s",
    "s",
    "CPU s",
    *(kind.replace("_", " ") for kind in KINDS),
    "false",
    "pairs told",
    "MB, driver + workers",
)

HASHES = Step("hashes")
FINGERPRINT = Step("fingerprint")
LINKS = Step("links")
GROUPS = Step("groups")
PROFILE = Step("profile")
PHASH = Step("encode", "PHash")


class Result(NamedTuple):
    """What is printed."""

    about: list[str]  # machine, images
    rows: list[list[str]]  # by COLUMNS
    notes: list[str]


# ---- the steps


def compare(
    ours: Side,
    theirs: Side | None,
    gold: list[GoldPair],  # whose images are linked
    names: dict[str, str],  # path -> name of its link
    rounds: int,
) -> None:
    """Take every step, in turn; find imagededup's duplicates once: its time grows as the square."""
    asked = [_ordered(names[pair.a], names[pair.b]) for pair in gold]
    ours.ask(Step("start"))
    for _ in range(rounds):
        ours.ask(HASHES, asked)
        if theirs:
            theirs.ask(PHASH)
        ours.ask(FINGERPRINT)
        if theirs:
            theirs.ask(Step("encode", "DHash"))
        ours.ask(LINKS)
        ours.ask(GROUPS, asked)
    ours.ask(PROFILE)
    if not theirs:
        return
    for method in HASH_METHODS:
        for bits in BITS:
            theirs.ask(Step("find", method, bits), asked)
    if theirs.hello["cnn"]:
        theirs.ask(Step("encode", "CNN"))
        theirs.ask(Step("find", "CNN"), asked)


def _ordered(a: str, b: str) -> tuple[str, str]:
    return (a, b) if a < b else (b, a)


# ---- the table


def table(
    ours: Side,
    theirs: Side | None,
    n: int,  # images
    gold: list[GoldPair],
) -> list[list[str]]:
    """Make the rows of the real images."""
    kinds = [pair.kind for pair in gold]
    rows = [
        row(ours, "hashes alone; finds equal pixels", [HASHES], n, kinds),
        row(ours, "fingerprint (hashes, local features)", [FINGERPRINT], n, kinds),
        row(ours, "links (search, compare)", [LINKS], n, kinds),
        row(ours, "the three steps and groups", [FINGERPRINT, LINKS, GROUPS], n, kinds),
    ]
    if not theirs:
        return rows
    for method in HASH_METHODS:
        encode = Step("encode", method)
        rows.append(row(theirs, f"{method}, encode", [encode], n, kinds))
        for bits in BITS:
            what = f"{method}, encode and find, at most {bits} bits"
            rows.append(row(theirs, what, [encode, Step("find", method, bits)], n, kinds))
    if theirs.hello["cnn"]:
        encode = Step("encode", "CNN")
        what = "CNN, encode and find, cosine of .9 at least"
        rows.append(row(theirs, "CNN, encode", [encode], n, kinds))
        rows.append(row(theirs, what, [encode, Step("find", "CNN")], n, kinds))
    return rows


def row(
    side: Side,
    what: str,
    steps: list[Step],  # whose time is added; what the last one found is told
    n: int,  # images
    kinds: list[str],  # of the pairs that were asked
) -> list[str]:
    """Make a row of the table."""
    seconds = side.seconds(*steps)
    measured = [side.measured[step] for step in steps]
    driver = max(m.driver_mb for m in measured)
    workers = max(m.workers_mb for m in measured)
    answer = measured[-1].answer
    if "hits" in answer:
        found = [_found(answer["hits"], kinds, kind) for kind in (*KINDS, DIFFERENT)]
        found.append(f"{answer['pairs']:,}")
    else:
        found = [""] * (len(KINDS) + 2)
    return [
        f"{side.name}: {what}",
        f"{n / seconds:.0f}",
        f"{seconds:.1f}",
        f"{side.cpu_seconds(*steps):.1f}",
        *found,
        f"{driver:.0f} + {workers:.0f}",
    ]


def _found(
    hits: list[bool],  # of the pairs that were asked
    kinds: list[str],  # of the same pairs
    kind: str,
) -> str:
    """Say how many pairs of a kind were told to be copies."""
    of_kind = [hit for hit, its_kind in zip(hits, kinds) if its_kind == kind]
    return f"{sum(of_kind)} of {len(of_kind)}" if of_kind else "-"


def invented_row(invented: Invented) -> list[str]:
    """Make a row of invented fingerprints."""
    found = []
    for kind in KINDS[1:]:
        copies = invented.found[kind]
        found.append(f"{copies.found} of {copies.planted}")
    return [
        f"this library: {invented.n:,} invented fingerprints, links and groups",
        f"{invented.n / invented.seconds:.0f}",
        f"{invented.seconds:.1f}",
        f"{invented.cpu:.1f}",
        "-",
        *found,
        f"{invented.wrong} groups",
        f"{invented.pairs:,}",
        f"{invented.driver:.0f} + {invented.workers:.0f}",
    ]


# ---- what is said around it


def machine(
    theirs: dict[str, str],  # library -> version, of the other side
) -> str:
    """Say where and with what all this was measured."""
    libraries = ("numpy", "pillow", "opencv-python-headless", "faiss-cpu")
    ours = ", ".join(_library(name) for name in libraries)
    others = ", ".join(f"{name} {number}" for name, number in theirs.items())
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {_cpu()} "
        f"{platform.machine()}, load {os.getloadavg()[0]:.1f} at the start, "
        f"Python {platform.python_version()}, {ours}; the other side: {others or 'not there'}"
    )


def _library(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return f"no {name}"


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return ""


def ratio(ours: Side, theirs: Side, step: Step, what: str) -> str:
    """Say how much faster a step of ours is than imagededup's PHash encoding."""
    mine = ours.measured[step].seconds
    others = theirs.measured[PHASH].seconds
    each = sorted(b / a for a, b in zip(mine, others))
    times = statistics.median(others) / statistics.median(mine)
    cpu_times = theirs.cpu_seconds(PHASH) / ours.cpu_seconds(step)
    return (
        f"{what} against imagededup's PHash encoding: {times:.2f} times as fast ({each[0]:.2f} to "
        f"{each[-1]:.2f} in {len(each)} rounds), {cpu_times:.2f} by CPU time"
    )


def notes_of(ours: Side, theirs: Side) -> list[str]:
    """Make the list under the table."""
    notes = []
    if "error" in theirs.hello:
        error = theirs.hello["error"]
        remedy = "name a Python that has it with --imagededup"
        notes.append(f"imagededup: not there ({error}); {remedy}")
    else:
        notes.append(ratio(ours, theirs, HASHES, "hashes alone"))
        notes.append(ratio(ours, theirs, FINGERPRINT, "fingerprint"))
        if not theirs.hello["cnn"]:
            notes.append("imagededup's CNN: its weights are not there")
        encoded = theirs.measured[PHASH].answer["n"]
        notes.append(f"imagededup encoded {encoded} of them by PHash")
    profile = ours.measured[PROFILE].answer["notes"]
    return notes + [f"profile, {note}" for note in profile]


# ---- the run


def measure(args: argparse.Namespace) -> Result:
    """Measure both sides on the real images."""
    gold = gold_pairs(args.gold) if args.gold else []
    first = set()
    for pair in gold:
        first.update((pair.a, pair.b))
    with tempfile.TemporaryDirectory() as tmp:
        folder = f"{tmp}/images"
        os.mkdir(folder)
        names = link_all(args.folder, folder, first, args.files, args.workers)
        there = [pair for pair in gold if pair.a in names and pair.b in names]
        theirs = imagededup_side(args.imagededup, folder, args.workers)
        about = [
            machine(theirs.hello.get("versions", {})),
            f"{len(names)} images that both read, {args.workers} workers, {args.rounds} rounds; "
            f"{len(there)} of {len(gold)} pairs of GOLD are among them",
        ]
        ours = library_side(folder, args.workers, tmp)
        able = None if "error" in theirs.hello else theirs
        compare(ours, able, there, names, args.rounds)
        rows = table(ours, able, len(names), there)
        notes = notes_of(ours, theirs)
        for side in (ours, theirs):
            side.close()
    return Result(about=about, rows=rows, notes=notes)


def results(args: argparse.Namespace) -> Iterator[Result]:
    """Yield the result of the real images, then again with each number of invented fingerprints."""
    real = measure(args)
    yield real
    invented = []
    for n in args.numbers:
        invented.append(in_own_process(n, args.workers))
        rows = real.rows + [invented_row(one) for one in invented]
        notes = real.notes + (growth(invented) if len(invented) > 1 else [])
        yield Result(about=real.about, rows=rows, notes=notes)


def markdown(result: Result) -> str:
    """Write a result as Markdown."""
    lines = [*result.about, ""]
    for cells in (COLUMNS, ["---"] * len(COLUMNS), *result.rows):
        lines.append(f"| {' | '.join(cells)} |")
    lines.append("")
    lines += [f"- {note}" for note in result.notes]
    return "\n".join(lines)


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
    text = ""
    for result in results(args):
        text = markdown(result)
        if args.out:  # each time: a run that ends early leaves what there is so far
            Path(args.out).write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
