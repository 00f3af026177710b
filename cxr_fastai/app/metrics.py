"""What the server counts, as text for Prometheus: GET /metrics.

Requests and rows in, numbers out: by route, status, kind of refusal and kind of answer, never by
name, client or content.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cxr_fastai.serving.rows import Row

__all__ = ["MEDIA_TYPE", "Metrics", "outcome_of", "memory_bytes"]

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# s; a film takes some 50 ms to 1 s, a request may take a minute
BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
PAGE_BYTES = 4096


class _Histogram:
    """How many took at most so long."""

    def __init__(self) -> None:
        self.counts = [0] * len(BOUNDS)  # of each bound, those below the one before not counted
        self.n = 0
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self.n += 1
        self.total += seconds
        for i, bound in enumerate(BOUNDS):
            if seconds <= bound:
                self.counts[i] += 1
                return


class Metrics:
    """All counts since the start."""

    def __init__(self) -> None:
        self.started = time.time()
        self.requests: Counter[tuple[str, str, int]] = Counter()  # route, method, status
        self.refusals: Counter[str] = Counter()  # code
        self.films: Counter[str] = Counter()  # outcome
        self.unread: Counter[str] = Counter()  # reason, of images.REASONS and decoders'
        self.seconds: dict[str, _Histogram] = {}  # route -> of its answers

    def count(
        self,
        route: str,
        method: str,
        status: int,
        seconds: float,
    ) -> None:
        """Count a request."""
        self.requests[route, method, status] += 1
        self.seconds.setdefault(route, _Histogram()).add(seconds)

    def count_refusal(self, code: str) -> None:
        """Count a refusal."""
        self.refusals[code] += 1

    def count_films(
        self,
        rows: Sequence[Row],
        rejected: Sequence[str],  # why each could not be read; empty: it was
    ) -> None:
        """Count films by what was said of them."""
        self.films.update(outcome_of(row) for row in rows)
        self.unread.update(reason for reason in rejected if reason)

    def text(
        self,
        gauges: Mapping[str, tuple[str, float]],  # name -> what it is, value
    ) -> str:
        """Write everything."""
        lines = [*self._requests(), *self._refusals(), *self._films(), *self._unread()]
        lines += self._seconds()
        for name, (words, value) in gauges.items():
            lines += [f"# HELP {name} {words}", f"# TYPE {name} gauge", f"{name} {value:.15g}"]
        return "\n".join(lines) + "\n"

    def _requests(self) -> Iterator[str]:
        """Write the requests."""
        yield from _head("cxr_requests_total", "Requests that were answered.", "counter")
        for (route, method, status), n in sorted(self.requests.items()):
            labels = f'route="{route}",method="{method}",status="{status}"'
            yield f"cxr_requests_total{{{labels}}} {n}"

    def _refusals(self) -> Iterator[str]:
        """Write the refusals."""
        yield from _head("cxr_refusals_total", "Requests that were refused, by code.", "counter")
        for code, n in sorted(self.refusals.items()):
            yield f'cxr_refusals_total{{code="{code}"}} {n}'

    def _films(self) -> Iterator[str]:
        """Write the films."""
        yield from _head("cxr_films_total", "Films, by what was said of them.", "counter")
        for outcome, n in sorted(self.films.items()):
            yield f'cxr_films_total{{outcome="{outcome}"}} {n}'

    def _unread(self) -> Iterator[str]:
        """Write the films that could not be read."""
        yield from _head("cxr_unread_total", "Films that could not be read, by reason.", "counter")
        for reason, n in sorted(self.unread.items()):
            yield f'cxr_unread_total{{reason="{reason}"}} {n}'

    def _seconds(self) -> Iterator[str]:
        """Write the times."""
        name = "cxr_request_seconds"
        words = "From the headers of a request to the end of its answer."
        yield from _head(name, words, "histogram")
        for route, histogram in sorted(self.seconds.items()):
            below = 0
            for bound, n in zip(BOUNDS, histogram.counts):
                below += n
                yield f'{name}_bucket{{route="{route}",le="{bound:g}"}} {below}'
            yield f'{name}_bucket{{route="{route}",le="+Inf"}} {histogram.n}'
            yield f'{name}_sum{{route="{route}"}} {histogram.total:.6f}'
            yield f'{name}_count{{route="{route}"}} {histogram.n}'


def _head(name: str, words: str, kind: str) -> Iterator[str]:
    """Write the two lines above a metric."""
    yield f"# HELP {name} {words}"
    yield f"# TYPE {name} {kind}"


def outcome_of(
    row: Row,
) -> str:  # unreadable, refused_by_gate, abstained or answered
    """Return what was said of a film, in one word."""
    if row["error"]:
        return "unreadable"
    if row.get("gate"):
        return "refused_by_gate"
    return "abstained" if row["abstained"] else "answered"


def memory_bytes() -> int:  # 0 where the system does not tell
    """Return the memory that this process holds."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        return 0
    return int(pages) * PAGE_BYTES
