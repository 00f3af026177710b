"""One line a request: method, address as the server knows it, status, time, number of films.

Never what a client names, sends or is answered, nor who it is.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
from pathlib import Path

from cxr_fastai.reporting.text import count

__all__ = ["log_request", "log_unexpected", "log_to_stderr"]

LOG = logging.getLogger("cxr_fastai.app")


def log_to_stderr() -> None:
    """Let the log go to stderr, with the time of each line."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%SZ")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    LOG.handlers[:] = [handler]  # once, however often a server is started
    LOG.setLevel(logging.INFO)
    LOG.propagate = False


def log_request(
    route: str,  # as routes.py knows it, whatever was asked for
    method: str,
    status: int,
    seconds: float,
    films: int,
) -> None:
    """Log a request."""
    words = f", {count(films, 'film')}" if films else ""
    LOG.info("%s %s %d %.0f ms%s", method, route, status, 1000 * seconds, words)


def log_unexpected(error: BaseException) -> None:
    """Log a mistake of this server: its kind and place, without its words, which may quote."""
    frames = traceback.extract_tb(error.__traceback__)
    place = "an unknown place"
    if frames:
        last = frames[-1]
        place = f"{Path(last.filename).name}, line {last.lineno}, in {last.name}"
    LOG.error("unexpected %s at %s: please report this line", type(error).__name__, place)
