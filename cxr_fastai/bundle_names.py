"""Several bundles: their paths as they are given, and what they are called in one table.

Paths of bundles -> name and path of each, once; the name is the last folder of its path, or more
where two clash. It opens no bundle.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from cxr_fastai.core import UsageError

__all__ = ["bundle_paths", "name_bundles", "short_names"]


def bundle_paths(
    text: str,  # as it was given: a path, or several with commas between them
) -> list[str]:
    """Return the paths of bundles. A path that exists is one, whatever commas are in it."""
    if os.path.lexists(text) or "," not in text:
        return [text]
    paths = [path for path in text.split(",") if path.strip()]
    if len(paths) < 2:
        raise UsageError(f"{text!r}: expected bundles with commas between them, as in A,B.")
    return paths


def name_bundles(
    baselines: Sequence[Path],  # bundles that the run trained beside its own
    asked: Sequence[str],  # paths of other bundles or of their runs, as they were given
    say: Callable[[str], None],  # told of each that is in the table already
) -> dict[str, Path]:
    """Return what each bundle is called in a table: no two alike, in the order given."""
    paths = list(baselines)
    trained_too = "it was trained beside the run and is shown anyway"
    known = {_run_of(path): trained_too for path in paths}  # run's folder -> why it is there
    for text in asked:
        path = Path(text)
        run = _run_of(path)
        if run in known:
            say(f"--beside {text}: {known[run]}")
            continue
        known[run] = "it is given twice and shown once"
        paths.append(path)
    return dict(zip(short_names(paths), paths))


def _run_of(path: Path) -> Path:
    """Return a run's folder, whichever way it or its bundle was written."""
    path = path.resolve()
    return path.parent if path.name == "bundle" else path


def short_names(paths: Sequence[Path]) -> list[str]:
    """Return the last folder of each path, or as many of the last as tell it from the others."""
    parts = [_parts(path) for path in paths]
    lengths = [1] * len(parts)
    while True:
        names = [str(Path(*own[-length:])) for own, length in zip(parts, lengths)]
        times = Counter(names)
        longer = [
            i for i, name in enumerate(names) if times[name] > 1 and lengths[i] < len(parts[i])
        ]
        if not longer:
            return names
        for i in longer:
            lengths[i] += 1


def _parts(path: Path) -> tuple[str, ...]:
    """Return the folders of a path, without the last one where every run calls it alike."""
    parts = path.parts or (str(path),)
    if len(parts) > 1 and parts[-1] == "bundle":
        return parts[:-1]
    return parts
