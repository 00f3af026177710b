"""`cxr prototype`: a folder of one's own to a model held against the light.

What was asked for -> a folder, and its last lines on stdout. The first line comes before anything
that takes long is imported.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from contextlib import redirect_stdout

from cxr_fastai import progress
from cxr_fastai.curation_flags import own_arguments

__all__ = ["prototype"]


def prototype(args: Namespace) -> int:
    """Make a model of a folder of one's own, and hold it against the light."""
    from cxr_fastai.prototyping.road import prototype
    from cxr_fastai.verbs.output import print_result

    name = args.table or args.folder
    if name:
        minutes = f"{args.minutes:g} {'minute' if args.minutes == 1 else 'minutes'}"
        progress.say(f"a first model of {name}, in {minutes} at most")
    with redirect_stdout(sys.stderr):  # what libraries print is no result
        made = prototype(
            out=args.out,
            **own_arguments(args),
            minutes=args.minutes,
            seed=args.seed,
            workers=args.workers,
            progress=progress,
        )
    print_result(made, as_json=args.json)
    return 0
