"""What verbs print: results on stdout, an error as one line on stderr.

A result or an error -> text, and an exit code. It computes nothing.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from cxr_fastai.core import one_line, printable

__all__ = ["print_json", "print_result", "fail", "baselines_of"]


def print_json(result: object) -> int:
    """Print a result as indented JSON; return exit code 0."""
    text = json.dumps(result, indent=2, ensure_ascii=False)
    print(text.encode("utf-8", "backslashreplace").decode())  # bytes of a path that are no UTF-8
    return 0


def print_result(result: Any, as_json: bool) -> None:
    """Print a result that has `to_dict` and reads as text."""
    if as_json:
        print_json(result.to_dict())
    else:
        print(result)


def fail(verb: str, error: object, code: int) -> int:
    """Print an error as one line; return its exit code."""
    print(f"cxr {verb}: {printable(one_line(error))}", file=sys.stderr)
    return code


def baselines_of(run: Path) -> dict[str, Path]:
    """Return what was trained beside a run's network: architecture -> bundle."""
    found = {}
    for meta in sorted(run.glob("beside/*/bundle/bundle.json")):
        bundle = meta.parent
        found[bundle.parent.name] = bundle
    return found
