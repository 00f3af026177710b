"""What the server lets one request, one client and all of them together use.

Numbers only; http.py, uploads.py and service.py hold them.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits", "MB"]

MB = 1_000_000  # bytes


@dataclass(frozen=True)
class Limits:
    """How much of everything there may be."""

    # A chest film of 4,300 x 3,500 px at 16 bits is 30 MB uncompressed: one of them with room, or
    # some tens of compressed ones.
    max_mb: int = 64  # of a request's body
    max_files: int = 32  # in a request
    at_once: int = 8  # requests that are answered at the same time
    waiting: int = 32  # that may wait for these; beyond them 503
    per_minute: int = 0  # requests with films that one client may make; 0: as many as it likes
    connections: int = 256  # open at the same time
    header_seconds: float = 10  # for all headers of a request
    body_seconds: float = 15  # for a body, beside what its bytes take at `slowest_mb`
    slowest_mb: float = 0.25  # MB a second that a body must come in with: of a poor mobile network
    answer_seconds: float = 60  # from the whole body to the answer, waiting included
    keep_alive_seconds: float = 15  # that a connection is kept without a request
    write_seconds: float = 30  # that a client may take none of its answer
    linger_seconds: float = 5  # that one who is refused may go on sending, to see why
    # Before a wrong token is told so: by all connections 500 tries a second, of 2e19 tokens. Nobody
    # is locked out, as all who come by a proxy have one address.
    wrong_token_seconds: float = 0.5
    stop_seconds: float = 20  # that requests have to end in when the server is stopped

    @property
    def bytes_in_flight(self) -> int:
        """Bytes of all bodies together, coming in and waiting: four of the largest."""
        return 4 * self.max_bytes

    @property
    def max_bytes(self) -> int:
        """Bytes of a request's body."""
        return self.max_mb * MB

    def seconds_for(
        self,
        n: int,  # bytes of a body that have come in
    ) -> float:
        """How long so much of a body may take to come in: who sends nothing is not waited for."""
        return self.body_seconds + n / (self.slowest_mb * MB)
