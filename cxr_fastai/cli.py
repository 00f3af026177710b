"""The command `cxr`: it reads the command line and runs a verb.

Results go to stdout, progress and messages to stderr; a CxrError becomes one line and its exit
code. A verb's module is imported when it runs, so that --help answers at once.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module

from cxr_fastai.core import CxrError, StorageError
from cxr_fastai.flags import parser
from cxr_fastai.outputs import check_output_folder
from cxr_fastai.system_errors import remedy
from cxr_fastai.threads import wait_without_spinning
from cxr_fastai.verbs.output import fail

__all__ = ["main", "curate_main"]

# verb -> the module of verbs/ that has its function
HOME_OF = {
    "prototype": "prototype",
    "demo": "demo",
    "sources": "sources",
    "curate": "curation",
    "dedupe": "curation",
    "eda": "curation",
    "audit": "audit",
    "train": "training",
    "evaluate": "evaluation",
    "predict": "prediction",
    "app": "app",
    "export": "export",
    "push": "push",
}


def run(
    verb: str,
    args: Namespace,  # that it was given
) -> int:
    """Run a verb; return the exit code."""
    wait_without_spinning()
    function: Callable[[Namespace], int]
    function = getattr(import_module(f"cxr_fastai.verbs.{HOME_OF[verb]}"), verb)
    return function(args)


def main(
    argv: Sequence[str] | None = None,  # None: those of this process
) -> int:
    """Run a verb; return the exit code."""
    p = parser({verb: partial(run, verb) for verb in HOME_OF})
    args = p.parse_args(argv)
    if args.version:
        from importlib.metadata import version

        print(version("cxr_fastai"))
        return 0
    if not args.verb:
        p.print_help()
        return 2
    try:
        _check_out(args)
        code: int = args.fn(args)
        return code
    except CxrError as e:
        return fail(args.verb, e, e.exit_code)
    except KeyboardInterrupt:
        return fail(args.verb, "interrupted", 130)
    except BrokenPipeError:
        sys.stderr.close()
        return 0  # the reader, say `head`, had enough
    except (OSError, MemoryError) as e:
        told = remedy(e)
        if not told:
            raise
        return fail(args.verb, told, StorageError.exit_code)


def _check_out(args: Namespace) -> None:
    """Refuse a folder that cannot be written, of any verb, before anything long begins."""
    out = getattr(args, "out", None)
    if out is not None:
        check_output_folder(out, "--out")


def curate_main() -> int:
    """`curate-data`: the same as `cxr curate`."""
    return main(["curate", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
