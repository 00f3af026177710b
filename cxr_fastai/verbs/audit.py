"""`cxr audit`: whether a score on a curated folder can mean disease.

What was asked for -> an Audit as text, JSON or page; under --strict a FAIL is an exit code.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from contextlib import redirect_stdout
from pathlib import Path

from cxr_fastai.reporting.text import count
from cxr_fastai.verbs.output import fail, print_result

__all__ = ["audit"]


def audit(args: Namespace) -> int:
    """Audit a curated folder, and a bundle on it."""
    from cxr_fastai import progress
    from cxr_fastai.auditing.ask_folder import NUMBERS, PAGE
    from cxr_fastai.model_audit.road import audit

    with redirect_stdout(sys.stderr):  # what libraries print is no result
        found = audit(
            args.data,
            args.bundle,
            out=args.out,
            loso=args.loso,
            seed=args.seed,
            progress=progress,
        )
    print_result(found, as_json=args.json)
    if args.out:
        folder = Path(args.out)
        progress.say(f"page: {folder / PAGE}; numbers: {folder / NUMBERS}")
    if args.strict and found.failed:
        ids = ", ".join(each.id for each in found.failed)
        return fail(
            "audit", f"--strict: {count(len(found.failed), 'probe')} ended in FAIL: {ids}", 1
        )
    return 0
