"""The salt of patients' ids: what keeps a hashed id from being found by hashing all ids there are.

A file -> a Salt. One that the user names, or one made once, at random, in his settings: outside of
all that is published. So the same files give the same names on one machine, and, with a copy of the
file, on another; without it nobody can tell whose name a name is. It is never written elsewhere.
"""

from __future__ import annotations

import hmac
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cxr_fastai.advice import flag
from cxr_fastai.core import StorageError, StrPath, UsageError, usable_path

__all__ = ["Salt", "patient_salt", "usual_salt_file"]

# 64 bits: of a million patients two have one name with a chance of 3 in 100 million.
NAME_DIGITS = 16
CHECK_DIGITS = 8
LEAST_BYTES = 16  # of a salt: 128 bits, as NIST SP 800-132 has it
SALT_BYTES = 32


@dataclass(frozen=True)
class Salt:
    """What is hashed with each id."""

    secret: bytes = field(repr=False)
    file: Path
    is_new: bool = False  # this run made it

    def name_of(
        self,
        patient_id: str,
        issuer: str,  # of the id, '' where none is stated
    ) -> str:  # 16 hex digits
        """Return the name that stands for a patient."""
        return self._digest(f"patient\0{issuer}\0{patient_id}")[:NAME_DIGITS]

    @property
    def check(self) -> str:
        """What tells one salt from another in curation.json, and tells nothing of it."""
        return self._digest("check")[:CHECK_DIGITS]

    def _digest(self, text: str) -> str:
        """Return the HMAC-SHA256 of a text under this salt, in hex digits."""
        data = text.encode("utf-8", "surrogatepass")  # a damaged id is an id too
        return hmac.new(self.secret, data, "sha256").hexdigest()


def usual_salt_file() -> Path:
    """Return where the salt lies that no user named: among his settings, not in a cache.

    A cache may be emptied, and another salt gives all patients other names.
    """
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "cxr_fastai" / "patient_salt"


def patient_salt(
    given: StrPath | None,  # a file that the user named; None: the usual one, made if need be
) -> Salt:
    """Read the salt. Raises `UsageError` for a file that is none, `StorageError`."""
    if given is not None:
        file = usable_path(given, "salt")
        if not file.exists():
            raise UsageError(
                f"no salt {file}: name a file of at least {LEAST_BYTES} bytes that nobody can "
                f"guess, as {usual_salt_file()} of the machine where these films were curated."
            )
        return _read(file)
    file = usual_salt_file()
    is_new = not file.exists() and _make(file)
    salt = _read(file)
    return Salt(salt.secret, file, is_new)


def _read(file: Path) -> Salt:
    """Read a salt."""
    if not file.is_file():
        raise UsageError(f"{file} is no file: name one that holds the salt of patients' ids.")
    try:
        secret = file.read_bytes().strip()
    except OSError as e:
        raise StorageError(f"cannot read the salt {file}: {e.strerror}.") from e
    if len(secret) < LEAST_BYTES:
        raise UsageError(
            f"the salt {file} has {len(secret)} bytes: expected at least {LEAST_BYTES} that nobody "
            "can guess."
        )
    return Salt(secret, file)


def _make(file: Path) -> bool:
    """Make a random salt that its user alone can read; tell whether this run made it."""
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as f:
            f.write(secrets.token_hex(SALT_BYTES) + "\n")
        return _placed(part, file)
    except OSError as e:
        raise StorageError(
            f"cannot keep a salt of patients' ids in {file}: {e.strerror}. Name a file that holds "
            f"one: {flag('salt', 'FILE')}."
        ) from e
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _placed(part: Path, file: Path) -> bool:
    """Put a file in its place, whole, unless another run was first."""
    try:
        os.link(part, file)  # never over a file that is there, as os.replace does
    except FileExistsError:
        return False
    return True
