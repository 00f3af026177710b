"""`cxr predict`: what a bundle says of image files.

A bundle and files -> rows as text, JSON or csv.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from cxr_fastai.core import IntegrityError
from cxr_fastai.outputs import check_output_file
from cxr_fastai.reporting.text import count
from cxr_fastai.verbs.output import fail, print_json

__all__ = ["predict"]


def predict(args: Namespace) -> int:
    """Tell what a bundle says of image files."""
    from cxr_fastai import progress
    from cxr_fastai.bundle.files import find_folder
    from cxr_fastai.serving.sources import find_images

    _check_asked(args)  # before torch is imported, as are the files
    files = find_images(args.paths, progress)
    if args.csv is not None:
        check_output_file(args.csv, "--csv", inputs=files)
    find_folder(Path(args.bundle))
    from cxr_fastai.bundle.store import load_bundle
    from cxr_fastai.serving.predict import (
        format_rows,
        notes_line,
        predict_paths,
        worklist,
        write_csv,
    )
    from cxr_fastai.serving.rows import normal_class

    bundle = load_bundle(args.bundle)
    promise = bundle.promise(args.coverage)
    rows = predict_paths(bundle, files, progress=progress, coverage=args.coverage)
    if args.worklist:
        rows = worklist(rows, normal_class(bundle.meta["recipe"]))
    if args.csv:
        write_csv(rows, args.csv)
        progress.say(f"wrote {args.csv}")
    if args.json:
        print_json(rows)
    elif not args.csv:
        print(format_rows(rows))
    for line in (promise.says if promise else "", notes_line(rows)):
        if line:
            progress.say(line)
    unread = [row for row in rows if row["error"]]
    if not unread:
        return 0
    told = f"{len(unread):,} of {count(len(rows), 'file')} could not be read: {unread[0]['error']}"
    if len(unread) == len(rows):
        return fail("predict", told, IntegrityError.exit_code)
    progress.say(told)
    return 0


def _check_asked(args: Namespace) -> None:
    """Check what can be checked of the flags without torch. Raises `UsageError`."""
    if args.coverage is not None:
        from cxr_fastai.bundle.conformal import check_coverage

        check_coverage(args.coverage)
    if args.csv is not None:
        from cxr_fastai.serving.rows_csv import check_own_csv

        check_output_file(args.csv, "--csv")
        check_own_csv(args.csv, "--csv")
