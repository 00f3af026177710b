"""Which file a row of a table speaks of.

Keys of a table and the paths of a source's files -> for each file its key, or why none can be told.
Keys are matched as they are, without an ending, and where nothing else fits as other programs
write them: with backslashes, a drive, other folders above, in another case, without leading zeros.
Of several readings none is guessed. It reads a file only where a key fits several: copies are one.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from operator import attrgetter

from cxr_fastai.csv_cells import nfc
from cxr_fastai.curation.sources.cells import whole_number

__all__ = ["Matched", "match_keys", "keys_of_one_file"]

DRIVE = re.compile(r"[A-Za-z]:(?=/)")
ENDING = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,4}$")
# Names are compared each with each only in tables and folders of about that many left over: 100 by
# 100 take half a second.
MAX_TO_COMPARE = 100
NEAR = 0.6  # least difflib ratio of a nearest name, its own default

RANK = attrgetter("rank")
Parts = tuple[str, ...]  # of a path: folders and name


@dataclass(frozen=True)
class Matched:
    """Which key speaks of which file."""

    key_of: dict[str, str]  # path -> its key
    unclear: dict[str, str]  # path -> why its key cannot be told, in words
    unclear_keys: frozenset[str]  # that fit several files
    missing: dict[str, str]  # key without a file -> what is near it, in words, or ''
    near: dict[str, str]  # path without a key -> the key nearest to it


# ---- forms of a name


def _parts(text: str) -> Parts:
    """Return folders and name of a path as any system writes it, without drive, . and .."""
    plain = nfc(text).strip().replace("\\", "/")
    if ":" in plain:
        plain = DRIVE.sub("", plain, count=1)
    return tuple(part for part in plain.split("/") if part not in ("", ".", ".."))


def _stem(name: str) -> str:
    """Return a name without its last ending."""
    stem, dot, _ = name.rpartition(".")
    return stem if dot and stem else name


def _without_zeros(name: str) -> str:
    """Return a folded name whose leading zeros a spreadsheet ate: 7.png for 0007.png.

    '' where it is no number, with or without an ending.
    """
    folded = whole_number(name).casefold()
    ending = ENDING.search(folded)
    stem = folded[: ending.start()] if ending else folded
    if not stem.isdigit():
        return ""
    return (stem.lstrip("0") or "0") + (ending[0] if ending else "")


def _same(name: str) -> str:
    """Return a name as it is."""
    return name


def _folded_stem(name: str) -> str:
    """Return a name without its ending, in one case."""
    return _stem(name).casefold()


def _folded_without_ending(name: str) -> str:
    """Return a name that has no ending, in one case; '' for others."""
    return "" if ENDING.search(name) else name.casefold()


def _stem_without_zeros(name: str) -> str:
    """Return a number without its zeros and its ending; '' for others."""
    return _without_zeros(_stem(name))


# Ways to compare names, the strictest first: the form of a file's name, that of a key's.
Form = Callable[[str], str]
WAYS: tuple[tuple[Form, Form], ...] = (
    (_same, _same),
    (_stem, _same),
    (_stem, whole_number),
    (str.casefold, str.casefold),
    (_folded_stem, str.casefold),
    (_folded_without_ending, _folded_stem),
    (_without_zeros, _without_zeros),
    (_stem_without_zeros, _without_zeros),
)
EXACT_WAYS = 3  # of the first in WAYS, by which nothing is read into a name
SURE_WAYS = 6  # of the first in WAYS, by which no zero is read into a number


@dataclass
class _Files:
    """Paths, found by the forms of their names."""

    paths: Sequence[str]
    _by_form: dict[int, dict[str, list[str]]] = field(default_factory=dict)  # way -> form -> paths

    @cached_property
    def parts(self) -> dict[str, Parts]:
        """Path -> its folders and name, as keys are taken apart."""
        return {path: _parts(path) or (path,) for path in self.paths}

    @cached_property
    def folders(self) -> dict[str, Parts]:
        """Path -> its folders, in one case."""
        return {path: _folded(parts[:-1]) for path, parts in self.parts.items()}

    def named(self, way: int, form: str) -> list[str]:
        """Return the paths whose names have a form. The forms of a way are made once."""
        if not form:
            return []
        if way not in self._by_form:
            form_of_file = WAYS[way][0]
            index: dict[str, list[str]] = {}
            for path, parts in self.parts.items():
                index.setdefault(form_of_file(parts[-1]), []).append(path)
            self._by_form[way] = index
        return self._by_form[way].get(form, [])


def _folded(parts: Iterable[str]) -> Parts:
    """Return parts in one case."""
    return tuple(part.casefold() for part in parts)


# ---- what fits


@dataclass(frozen=True)
class _Fit:
    """The files that a key fits, by the strictest way that finds any."""

    key: str
    paths: list[str]
    rank: tuple[bool, int, int]  # loose, how little folders say, way: the least goes first


def _fit(key: str, files: _Files) -> _Fit | None:
    """Find the files that a key fits: its name is theirs, and no folder contradicts.

    Folders above those of the source, or of the key, say nothing.
    """
    parts = _parts(key)
    if not parts:
        return None
    folders = _folded(parts[:-1])
    for way, (_, form_of_key) in enumerate(WAYS):
        named = files.named(way, form_of_key(parts[-1]))
        paths = [path for path in named if _agree(folders, files.folders[path])]
        if not paths:
            continue
        whole = [path for path in paths if folders and files.folders[path] == folders]
        silent = (not whole) + (not folders)
        return _Fit(key=key, paths=whole or paths, rank=(way >= EXACT_WAYS, silent, way))
    return None


def _agree(a: Parts, b: Parts) -> bool:
    """Tell whether two paths of folders end alike, as far as both go."""
    n = min(len(a), len(b))
    return n == 0 or a[-n:] == b[-n:]


# ---- who speaks of what


@dataclass
class _Claims:
    """What the keys so far claim."""

    are_copies: Callable[[Sequence[str]], bool]
    row_of: Mapping[str, int]  # key -> number of its first row
    key_of: dict[str, str] = field(default_factory=dict)
    unclear: dict[str, str] = field(default_factory=dict)
    unclear_keys: set[str] = field(default_factory=set)
    missing: dict[str, str] = field(default_factory=dict)

    def add(self, fits: Sequence[_Fit]) -> None:
        """Let keys of one rank claim what no better one has."""
        claims: dict[str, list[str]] = {}
        for fit in fits:
            free = [path for path in fit.paths if not self.is_taken(path)]
            if not free:
                self.missing[fit.key] = self._why_taken(fit.paths[0])
            elif len(free) == 1 or self.are_copies(free):
                for path in free:
                    claims.setdefault(path, []).append(fit.key)
            else:
                self._refuse(fit.key, free)
        for path, keys in claims.items():
            self._claim(path, keys)

    def is_taken(self, path: str) -> bool:
        """Tell whether a better key fits a file."""
        return path in self.key_of or path in self.unclear

    def _why_taken(self, path: str) -> str:
        """Say why a key cannot have the file that it fits."""
        if path in self.key_of:
            return f"{path} is that of row {self._row(self.key_of[path])}"
        return f"{path} is not clear: {self.unclear[path]}"

    def _refuse(self, key: str, paths: Sequence[str]) -> None:
        """Note that a key fits several files."""
        self.unclear_keys.add(key)
        for path in paths:
            others = [path, *(other for other in paths if other != path)]
            named = " and ".join(others[:2])
            more = f" and {len(others) - 2} more" if len(others) > 2 else ""
            why = f"row {self._row(key)} fits {named}{more}"
            self.unclear[path] = f"{why}: write their paths in the table, each in a row"

    def _claim(self, path: str, keys: Sequence[str]) -> None:
        """Note which key a file has, or that several fit it alike."""
        if path in self.unclear:
            return
        if len(keys) == 1:
            self.key_of[path] = keys[0]
            return
        rows = " and ".join(f"row {self._row(key)}" for key in keys)
        self.unclear[path] = f"{rows} fit it alike"
        self.unclear_keys.update(keys)

    def _row(self, key: str) -> str:
        """Name a row: its number and key."""
        return f"{self.row_of[key]} ({key!r})"


def match_keys(
    row_of: Mapping[str, int],  # key -> number of its first row
    paths: Sequence[str],  # of the files, relative to the source
    are_copies: Callable[[Sequence[str]], bool],  # tells whether files have the same bytes
) -> Matched:
    """Find the key of each file.

    A key that fits several files that are no copies, and keys that fit one file alike, are unclear.
    """
    files = _Files(paths)
    claims = _Claims(are_copies, row_of)
    fits = []
    for key in row_of:
        fit = _fit(key, files)
        if fit is None:
            claims.missing[key] = ""
        else:
            fits.append(fit)
    fits.sort(key=RANK)
    for _, group in groupby(fits, key=RANK):
        claims.add(list(group))
    near_key = _nearest(files, claims)
    return Matched(
        key_of=claims.key_of,
        unclear=claims.unclear,
        unclear_keys=frozenset(claims.unclear_keys),
        missing=claims.missing,
        near=near_key,
    )


def keys_of_one_file(
    keys: Iterable[str],
    paths: Sequence[str],  # of the files, relative to the source
) -> dict[str, str]:
    """Return key -> path, of keys that are other spellings of one file: a.png, ./A.PNG and a.

    A key that fits several files, or a number but for its zeros, is not among them.
    """
    files = _Files(paths)
    spellings: dict[str, list[str]] = {}  # path -> keys
    for key in keys:
        fit = _fit(key, files)
        if fit is not None and len(fit.paths) == 1 and fit.rank[2] < SURE_WAYS:
            spellings.setdefault(fit.paths[0], []).append(key)
    path_of: dict[str, str] = {}
    for path, same in spellings.items():
        if len(same) > 1:
            path_of.update(dict.fromkeys(same, path))
    return path_of


def _nearest(files: _Files, claims: _Claims) -> dict[str, str]:
    """Fill in which file is nearest to each missing key; return path -> the key nearest to it.

    Only files without a key are looked at.
    """
    left = [path for path in files.paths if not claims.is_taken(path)]
    keys = [key for key, why in claims.missing.items() if not why]
    if not left or not keys:
        return {}
    by_stem: dict[str, str] = {}
    for path in left:
        by_stem.setdefault(_rough(path), path)
    compare = len(left) <= MAX_TO_COMPARE and len(keys) <= MAX_TO_COMPARE
    near_key: dict[str, str] = {}
    for key in keys:
        rough = _rough(key)
        close = difflib.get_close_matches(rough, by_stem, n=1, cutoff=NEAR) if compare else []
        path = by_stem.get(rough) or (by_stem[close[0]] if close else "")
        if path:
            claims.missing[key] = f"the nearest is {path}"
            near_key.setdefault(path, key)
    return near_key


def _rough(path: str) -> str:
    """Return what of a path is compared to find the nearest: its name, without zeros or ending."""
    parts = _parts(path)
    stem = _folded_stem(parts[-1]) if parts else ""
    return stem.lstrip("0") or stem
