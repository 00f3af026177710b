"""Who has the server's token: programs by a header, people by a session that a sign-in opens.

The token stands in a file that the operator names; sessions are kept in memory. Neither is ever
logged, written or part of an address.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import stat
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from cxr_fastai.core import StorageError, UsageError, one_line, printable

__all__ = ["read_token", "is_token", "bearer_of", "Sessions", "session_of", "session_cookie"]

SHORTEST_TOKEN = 16  # characters: 2e19 tokens of hexadecimal digits, beyond guessing by requests
LONGEST_TOKEN = 1_000
SESSION_SECONDS = 12 * 3600.0  # a working day
MOST_SESSIONS = 1_000
COOKIE = "cxr_session"
SECURE_COOKIE = "__Host-cxr_session"  # browsers take it over https alone


def read_token(
    path: str,  # a file with the token on one line
    say: Callable[[str], None],  # is told where others can read it
) -> str:
    """Read the server's token. Raises `UsageError`, and `StorageError` for what cannot be read."""
    file = Path(path)
    how = "python -c 'import secrets; print(secrets.token_urlsafe(32))' makes one."
    try:
        with file.open("rb") as opened:
            text = opened.read(LONGEST_TOKEN + 3)
            mode = file.stat().st_mode
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as e:
        raise UsageError(f"--token-file {printable(path)}: {e.strerror}. {how}") from e
    except (OSError, ValueError) as e:
        raise StorageError(f"--token-file {printable(path)}: {one_line(e)}. {how}") from e
    token = text.strip().decode("ascii", "replace")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError(f"--token-file {printable(path)}: expected one line of ASCII. {how}")
    if not SHORTEST_TOKEN <= len(token) <= LONGEST_TOKEN:
        raise UsageError(
            f"--token-file {printable(path)}: expected {SHORTEST_TOKEN} to {LONGEST_TOKEN:,} "
            f"characters, found {len(token):,}. {how}"
        )
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        say(f"other users of this machine can read the token: chmod 600 {printable(path)}")
    return token


def is_token(
    given: str,
    token: str,  # the server's
) -> bool:
    """Tell whether a token is the server's, in the same time whatever is given."""
    digests = [hashlib.sha256(each.encode("utf-8", "replace")).digest() for each in (given, token)]
    return hmac.compare_digest(*digests)


def bearer_of(
    headers: Mapping[str, str],
) -> str | None:  # None: there is none
    """Return the token of the header Authorization."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


# ---- sessions


class Sessions:
    """The sign-ins that hold. Only their hashes are kept."""

    def __init__(
        self,
        seconds: float = SESSION_SECONDS,
        most: int = MOST_SESSIONS,  # beyond, the oldest ends
        now: Callable[[], float] = time.monotonic,
    ):
        self.seconds = seconds
        self.most = most
        self._now = now
        self._ends: dict[bytes, float] = {}  # hash of the session -> when it ends; oldest first

    def open(self) -> str:
        """Open a session and return its name, which is random."""
        session = secrets.token_urlsafe(32)
        while len(self._ends) >= self.most:
            del self._ends[next(iter(self._ends))]
        self._ends[_hash(session)] = self._now() + self.seconds
        return session

    def holds(self, session: str) -> bool:
        """Tell whether a session is open."""
        key = _hash(session)
        ends = self._ends.get(key)
        if ends is not None and ends <= self._now():
            del self._ends[key]
            return False
        return ends is not None


def _hash(session: str) -> bytes:
    """Return what is kept of a session."""
    return hashlib.sha256(session.encode("utf-8", "replace")).digest()


def session_of(
    headers: Mapping[str, str],
) -> str:  # empty: there is none
    """Return the session of a request."""
    for pair in headers.get("cookie", "").split(";"):
        name, _, value = pair.strip().partition("=")
        if name in (COOKIE, SECURE_COOKIE):
            return value
    return ""


def session_cookie(
    session: str,
    https: bool,
) -> str:  # header Set-Cookie
    """Write the cookie of a session; it ends with the browser."""
    name = SECURE_COOKIE if https else COOKIE
    secure = "; Secure" if https else ""
    return f"{name}={session}; Path=/; HttpOnly; SameSite=Strict{secure}"
