"""A recipe judged on films unlike those it learns from, out of the train films themselves.

python benchmarks/other_films.py FOLDER --out DIR [--by looks|numbers|PREFIX] [--seeds 0]
    [--set KEY=VALUE ..] [--companion KEY=VALUE,KEY=VALUE ..] [--json]

Validation by patients says .995 for every training of Kermany's films, and the official test says
.93 to .96: its healthy children are of other film numbers, framed and exposed otherwise. So films
of the negative class are held out by what makes them unlike the others of it, beside a draw of the
other class; the rest trains as FOLDER's recipe says (`--set` changes one setting; `--companion` is
another network that answers beside), the threshold is that of a draw of the rest, and the held-out
films are asked. No film of the test split is read.

looks: the fifth of the negative films whose nine plain numbers (gray level and spread, sharpness,
shape, black and white shares, how bright the middle is, bytes of the file) a logistic regression of
other groups takes most for the other class. numbers: the fifth with the lowest number in the name
of their file, in each series: Kermany's official test has the numbers below them. PREFIX: all
whose file's name begins so (NORMAL2, or IM: Kermany's two series of healthy children).
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from official_tests import Asked, Numbers, measured, seeds_of, setting_of, settings_of, text_of
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from told import print_found, told

from cxr_fastai.core import UsageError
from cxr_fastai.manifest import Manifest, Record, read_manifest
from cxr_fastai.training.pixel_cache import pixel_cache

KINDS = ("looks", "numbers")
SHARE_NEGATIVE = 0.20  # of the negative class's films, held out
SHARE_OTHERS = 0.12  # of the other classes' groups: a draw
SHARE_VALID = 0.10  # of the groups that are left: the threshold is theirs
SIDE = 224  # px, that looks are measured at
DARK, BRIGHT = 8, 247  # gray levels
FOLDS = 5
NUMBER = re.compile(r"^(.*?)(\d{3,})")  # series and number: NORMAL2-IM-, 0383


def other_films(
    data: Manifest,  # curated, of a recipe with a negative class
    by: str,  # of KINDS, or how the names of the films begin that are held out
    seed: int = 0,  # of the draws
) -> Manifest:  # train and valid as split anew, the held-out films as its test
    """Hold films out. Raises `UsageError` where the recipe has no negative class."""
    negative = data.recipe.negative
    if not negative:
        raise UsageError(f"{data.root}: its recipe names no negative class.")
    rows = [row for row in data.rows if row.split in ("train", "valid")]
    is_negative = np.array([row.label == negative for row in rows])
    is_far = _far(data, rows, is_negative, by)
    held = {row.group for row, far in zip(rows, is_far) if far}
    draws = np.random.default_rng(seed)
    others = {row.group for row in rows if row.label != negative}
    held |= _drawn(draws, others, SHARE_OTHERS)
    valid = _drawn(draws, {row.group for row in rows} - held, SHARE_VALID)
    split = [replace(row, split=_split(row.group, held, valid)) for row in rows]
    told = f"{data.sha256} {by} {seed}"
    return replace(data, rows=split, sha256=hashlib.sha256(told.encode()).hexdigest())


def _far(
    data: Manifest,
    rows: Sequence[Record],
    is_negative: np.ndarray,  # (n,) bool
    by: str,
) -> np.ndarray:  # (n,) bool
    """Tell which films of the negative class are held out."""
    if by not in KINDS:
        is_far = is_negative & [Path(row.original_path).name.startswith(by) for row in rows]
        if not is_far.any():
            raise UsageError(
                f"--by {by}: no such film. Expected {', '.join(KINDS)}, or how names begin."
            )
        return is_far
    strange = _strangeness(data, rows, by)
    line = np.quantile(strange[is_negative], 1 - SHARE_NEGATIVE)
    is_far = is_negative & (strange >= line)
    return is_far


def _drawn(draws: np.random.Generator, groups: set[str], share: float) -> set[str]:
    """Draw a share of the groups."""
    ordered = sorted(groups)
    return set(draws.choice(ordered, round(share * len(ordered)), replace=False).tolist())


def _split(group: str, held: set[str], valid: set[str]) -> str:
    """Name where a group belongs."""
    if group in held:
        return "test"
    return "valid" if group in valid else "train"


def _strangeness(
    data: Manifest,
    rows: Sequence[Record],
    by: str,
) -> np.ndarray:  # (n,) the more, the less like the other films of its class
    """Tell how unlike the rest of its class each film is."""
    if by == "numbers":
        negative = [row.label == data.recipe.negative for row in rows]
        names = [Path(row.original_path).name for row, asked in zip(rows, negative) if asked]
        early = np.zeros(len(rows))
        early[negative] = _earliness(names)
        return early
    numbers = looks(_pixels(data, rows), [int(row.bytes) for row in rows])
    return _likeness(numbers, rows, str(data.recipe.negative))


# ---- by numbers


def _earliness(names: Sequence[str]) -> np.ndarray:
    """Rank names by their number within their series, lowest first: 1 the first, 0 the last."""
    places: dict[str, list[tuple[int, int]]] = {}
    for i, name in enumerate(names):
        found = NUMBER.match(name)
        if not found:
            raise UsageError(f"{name}: no number in the name. Use --by looks.")
        places.setdefault(found[1], []).append((int(found[2]), i))
    early = np.zeros(len(names))
    for series in places.values():
        for place, (_, i) in enumerate(sorted(series)):
            early[i] = 1 - place / len(series)
    return early


# ---- by looks


def _pixels(data: Manifest, rows: Sequence[Record]) -> np.ndarray:
    """Return (n, SIDE, SIDE) uint8."""
    places, held = pixel_cache(data, SIDE)
    return np.asarray(held)[[places[str(data.root / row.path)] for row in rows]]


def looks(
    pixels: np.ndarray,  # (n, side, side) uint8
    sizes: Sequence[int],  # bytes of each film's file
) -> np.ndarray:  # (n, 9)
    """Measure what a film looks like, whatever it shows."""
    return np.array([_look(film, size) for film, size in zip(pixels, sizes)])


def _look(film: np.ndarray, size: int) -> list[float]:
    """Measure one film."""
    gray = film.astype(np.float32) / 255
    across = float(np.abs(np.diff(gray, axis=1)).mean()) + 1e-6
    down = float(np.abs(np.diff(gray, axis=0)).mean()) + 1e-6
    quarter = len(gray) // 4
    middle = gray[quarter:-quarter, quarter:-quarter]
    return [
        float(gray.mean()),
        float(gray.std()),
        float(np.log(across * down)),  # sharpness
        float(np.log(across / down)),  # shape: a wide film squashed to a square has more across
        float((film < DARK).mean()),
        float((film > BRIGHT).mean()),
        float(middle.mean() - gray.mean()),
        float(middle.std()),
        float(np.log(max(size, 1))),
    ]


def _likeness(
    numbers: np.ndarray,  # (n, f)
    rows: Sequence[Record],
    negative: str,
) -> np.ndarray:  # (n,) log odds
    """Tell how much each film looks like one of the other class, by films of other groups."""
    is_other = [row.label != negative for row in rows]
    folds = GroupKFold(FOLDS)
    groups = [row.group for row in rows]
    model = make_pipeline(StandardScaler(), LogisticRegression())
    odds: np.ndarray = cross_val_predict(
        model, numbers, is_other, groups=groups, cv=folds, method="decision_function"
    )
    return odds


# ---- the command


def asked_of(arguments: Sequence[str]) -> tuple[Asked, str, bool]:
    """Read the command line: what is asked, by which kind, and whether as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", metavar="FOLDER", type=Path)
    parser.add_argument("--out", type=Path, metavar="DIR", required=True)
    parser.add_argument("--by", metavar="looks|numbers|PREFIX", default="looks")
    parser.add_argument("--seeds", default="0", help="default: %(default)s")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--companion", action="append", default=[], metavar="KEY=VALUE,..")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    data = other_films(read_manifest(given.folder), given.by)
    own = dict(setting_of(words) for words in given.set)
    beside = tuple(settings_of(words) for words in given.companion)
    asked = Asked(
        "other films", None, given.out, data, seeds_of(given.seeds), own, companions=beside
    )
    return asked, given.by, given.json


def main(arguments: Sequence[str]) -> int:
    """Judge and print."""
    return told(partial(_judged, arguments))


def _judged(arguments: Sequence[str]) -> None:
    """Judge and print; raises `CxrError`."""
    asked, by, as_json = asked_of(arguments)
    with contextlib.redirect_stdout(sys.stderr):
        found: Numbers = {"held_out_by": by, **measured(asked)}
    print_found(found, as_json, text_of)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
