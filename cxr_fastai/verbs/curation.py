"""`cxr curate`, `cxr dedupe` and `cxr eda`: what a folder holds, and the folder itself.

What was asked for -> a curated folder, copies, or counts; results on stdout.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from cxr_fastai.flags import ids
from cxr_fastai.verbs.output import fail, print_result

if TYPE_CHECKING:
    from cxr_fastai.curation.folder.result import Curation

__all__ = ["curate", "dedupe", "eda"]


def curate(args: Namespace) -> int:
    """Make a curated folder of sources."""
    from cxr_fastai import progress
    from cxr_fastai.curation.pipeline import curate

    with redirect_stdout(sys.stderr):  # Ray tells of dead workers on stdout, which is the result's
        result = curate(
            out=args.out,
            recipe=args.recipe,
            manifest=args.manifest,
            mirror=args.mirror,
            only=ids(args.only),
            layout=args.layout,
            workers=args.workers,
            quick=args.quick,
            seed=args.seed,
            check=args.check,
            strict=args.strict,
            engine=args.engine,
            wait=args.wait,
            update_pins=args.update_pins,
            on_conflict=args.on_conflict,
            progress=progress,
        )
    for warning in result.warnings:
        progress.say(f"warning: {warning}")
    if result.foreign:
        progress.say(
            f"warning: {len(result.foreign)} files in the class folders are not in the manifest "
            f"and stay as they are: {result.foreign[0]} the first"
        )
    print_result(result, as_json=args.json)
    progress.say(_what_was_written(result, args))
    if result.incomplete:
        progress.say(f"INCOMPLETE: without {', '.join(result.incomplete)} (cxr sources --check)")
    if args.strict and result.faults:
        see = f"see {Path(args.out) / 'rejects.csv'}"
        if args.check:
            see = "rejects.csv of a run without --check names them"
        return fail("curate", f"--strict: {result.faults} inputs are broken: {see}", 1)
    return 0


def _what_was_written(result: Curation, args: Namespace) -> str:
    """Say what a curation changed in its folder."""
    if args.check:
        return "nothing written: --check"
    if not result.written and not result.removed:
        return f"up to date: {args.out} holds all of it, nothing written"
    line = f"wrote {result.written} files to {args.out}"
    if result.removed:
        line += f", removed {result.removed} images that no longer belong"
    return line


def dedupe(args: Namespace) -> int:
    """Find every copy of a radiograph in any folders."""
    from cxr_fastai import progress
    from cxr_fastai.curation.copies.find import find, write_found

    with redirect_stdout(sys.stderr):  # Ray, as above
        found = find(
            args.folders,
            against=args.against,
            workers=args.workers,
            engine=args.engine,
            progress=progress,
        )
    if args.out:
        note = f"Against {args.against}: an image from there is kept." if args.against else ""
        write_found(found, Path(args.out), f"Copies in {', '.join(args.folders)}", note)
    print_result(found, as_json=args.json)
    if args.out:
        progress.say(f"gallery: {Path(args.out) / 'gallery.html'}; no image was changed")
    return 0


def eda(args: Namespace) -> int:
    """Tell what a curated folder holds, and what tells its classes that is not the disease."""
    from cxr_fastai import progress
    from cxr_fastai.audit.explore import explore

    found = explore(
        args.data,
        out=args.out,
        seed=args.seed,
        progress=progress,
        split=args.split,
        manifest=args.manifest,
    )
    print_result(found, as_json=args.json)
    if args.out:
        folder = Path(args.out)
        progress.say(f"page: {folder / 'eda.html'}; numbers: {folder / 'eda.json'}")
    return 0
