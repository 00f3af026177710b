"""`cxr curate`, `cxr dedupe` and `cxr eda`: what a folder holds, and the folder itself.

What was asked for -> a curated folder, copies, or counts; results on stdout.
"""

from __future__ import annotations

import shlex
import sys
from argparse import Namespace
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from cxr_fastai.core import SourceUnavailable, UsageError
from cxr_fastai.curation_flags import own_arguments
from cxr_fastai.flags import ids
from cxr_fastai.reporting.text import count
from cxr_fastai.verbs.output import fail, print_json, print_result

if TYPE_CHECKING:
    from cxr_fastai.curation.copies.found import Found
    from cxr_fastai.curation.folder.result import Curation

__all__ = ["curate", "dedupe", "eda"]

LACKING = ("class_absent", "class_scarce")  # kinds of cohort's warnings that curate prints


def curate(args: Namespace) -> int:
    """Make a curated folder of sources."""
    from cxr_fastai import progress

    try:
        result = _curate(args)
    except SourceUnavailable as e:
        if args.mirror or args.only or args.manifest:
            raise
        own = f"cxr curate --folder DIR --out {shlex.quote(args.out)}"
        raise SourceUnavailable(f"{e} Images of your own need no source: {own}") from e
    from cxr_fastai.curation.folder.sentences import warning_line

    lacking = [each for each in result.summary.confounds if each.kind in LACKING]
    for warning in result.warnings:
        progress.say(f"warning: {warning_line(warning)}")
    for warning in lacking:
        progress.say(f"warning: {warning}")
    if result.foreign:
        progress.say(f"warning: {_foreign_files(result.foreign)}")
    print_result(result, as_json=args.json)
    if result.request.own:
        progress.say(f"in full: {result.request.own['command']}")
    progress.say(_what_was_written(result, args))
    if result.incomplete:
        progress.say(f"INCOMPLETE: without {', '.join(result.incomplete)} (cxr sources --check)")
    if args.strict and result.faults:
        see = f"see {Path(args.out) / 'rejects.csv'}"
        if args.check:
            see = "rejects.csv of a run without --check names them"
        broken = "input is broken", "inputs are broken"
        return fail("curate", f"--strict: {count(result.faults, *broken)}: {see}", 1)
    return 0


def _curate(args: Namespace) -> Curation:
    """Hand on what was asked for."""
    from cxr_fastai import progress
    from cxr_fastai.curation.pipeline import curate

    with redirect_stdout(sys.stderr):  # Ray tells of dead workers on stdout, which is the result's
        return curate(
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
            folds=args.folds,
            right=args.right,
            progress=progress,
            **own_arguments(args),
        )


def _foreign_files(foreign: list[str]) -> str:
    """Say that files in the class folders are not of the manifest."""
    if len(foreign) == 1:
        return (
            f"1 file in the class folders is not in the manifest and stays as it is: {foreign[0]}"
        )
    return (
        f"{count(len(foreign), 'file')} in the class folders are not in the manifest and stay as "
        f"they are: {foreign[0]} the first"
    )


def _what_was_written(result: Curation, args: Namespace) -> str:
    """Say what a curation changed in its folder."""
    if args.check:
        return "nothing written: --check"
    if not result.written and not result.removed:
        return f"up to date: {args.out} holds all of it, nothing written"
    line = f"wrote {count(result.written, 'file')} to {args.out}"
    if result.removed:
        no_longer = "image that no longer belongs", "images that no longer belong"
        line += f", removed {count(result.removed, *no_longer)}"
    return line


def dedupe(args: Namespace) -> int:
    """Find every copy of a radiograph in any folders."""
    from cxr_fastai import progress
    from cxr_fastai.curation.copies.find import check_found, find, write_found

    if args.all and not args.against:
        raise UsageError("--all tells of copies within an old set: give it with --against.")
    if args.out:
        check_found(args.out)
    with redirect_stdout(sys.stderr):  # Ray, as above
        found = find(
            args.folders,
            against=args.against,
            workers=args.workers,
            engine=args.engine,
            progress=progress,
            all_copies=args.all,
        )
    if args.out:
        note = ""
        if args.against:
            answer = ". ".join(found.new_lines())
            note = f"{answer}. Of copies an image of {args.against} is kept."
        write_found(found, Path(args.out), f"Copies in {', '.join(args.folders)}", note)
    if args.json:
        print_json(found.to_dict())
    else:
        print("\n".join(_what_was_found(found, args)))
    progress.say("no image was changed")
    return 0


def _what_was_found(found: Found, args: Namespace) -> list[str]:
    """Return what `cxr dedupe` prints: counts, and the files that hold all, or the first copies."""
    if not args.out:
        return [*found.summary_lines(), *found.copy_lines("more: --out DIR writes all")]
    out = Path(args.out)
    lines = found.summary_lines()
    if found.old:
        safe = sum(image.is_safe for image in found.new)
        lines.append(f"{out / 'new.csv'}: {count(safe, 'image')} that may be added")
    lines.append(f"{out / 'gallery.html'}: the copies side by side")
    copies = count(found.kinds.total(), "copy", "copies")
    lines.append(f"{out / 'duplicates.csv'}, duplicates.json: {copies} under the images kept")
    lines.append(f"{out / 'related.csv'}: {count(len(found.related), 'pair')} of exposures")
    lines.append(f"{out / 'rejects.csv'}: {count(len(found.rejects), 'file')} not read")
    return lines


def eda(args: Namespace) -> int:
    """Tell what a curated folder holds, and what tells its classes that is not the disease."""
    from cxr_fastai import progress
    from cxr_fastai.auditing.explore import explore

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
