"""A benchmark's main as a command.

What it found as text or JSON; an error that people can mend is one line and an exit code.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from cxr_fastai.core import CxrError, StorageError

__all__ = ["print_found", "told"]


def told(main: Callable[[], int | None]) -> int:
    """Run `main`; return its exit code, or that of its error."""
    try:
        return main() or 0
    except CxrError as e:
        print(f"error: {e}", file=sys.stderr)
        return e.exit_code
    except OSError as e:
        print(f"error: {e.filename}: {e.strerror or e}", file=sys.stderr)
        return StorageError.exit_code


def print_found(
    found: dict[str, Any],  # strict JSON
    as_json: bool,  # one object; else what `text_of` makes of it
    text_of: Callable[[dict[str, Any]], str],
) -> None:
    """Print what a benchmark found."""
    print(json.dumps(found, sort_keys=True, allow_nan=False) if as_json else text_of(found))
