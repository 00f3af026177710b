"""A benchmark's main as a command: an error that people can mend is one line and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable

from cxr_fastai.core import CxrError, StorageError

__all__ = ["told"]


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
