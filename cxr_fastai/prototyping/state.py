"""How far a prototype has come: prototype.json in its folder, written after each step.

A folder -> State, and back. A folder of anything else is refused, and so is another request's.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cxr_fastai.advice import flag
from cxr_fastai.core import IntegrityError, UsageError, write_json
from cxr_fastai.curation.folder.lock import MARKER
from cxr_fastai.prototyping.asked import Request
from cxr_fastai.prototyping.plan import Plan
from cxr_fastai.strict_json import parse_json

__all__ = ["State", "STATE", "read_state", "write_state", "take_back", "listing_of"]

STATE = "prototype.json"
VERSION = 1


@dataclass(frozen=True)
class State:
    """What a folder holds of a prototype."""

    request: Request
    listing: str = ""  # SHA-256 of names, sizes and times of what was read
    plan: Plan | None = None  # once it was made
    manifest_sha256: str = ""  # of the folder that the plan was made for
    result: dict[str, Any] = field(default_factory=dict)  # of a Prototype that came to its end

    def to_dict(self) -> dict[str, Any]:
        """Return it as strict JSON."""
        return {
            "version": VERSION,
            "request": self.request.to_dict(),
            "listing": self.listing,
            "plan": self.plan.to_dict() if self.plan else None,
            "manifest_sha256": self.manifest_sha256,
            "result": self.result,
        }


def read_state(
    out: Path,
    request: Request,  # that is asked for now
) -> State:
    """Return how far the request has come in `out`; a new State where it is free.

    Raises `UsageError` for a folder of something else or of another request.
    """
    file = out / STATE
    if not file.is_file():
        _refuse_full(out)
        return State(request=request)
    state = _parsed(file)
    differences = request.differences(state.request)
    if differences:
        raise UsageError(
            f"{out} holds another prototype ({'; '.join(differences)}): choose another "
            f"{flag('out')}."
        )
    return replace(state, request=request)


def _refuse_full(out: Path) -> None:
    """Raise `UsageError` for a folder that holds anything."""
    if not out.is_dir():
        return
    held = sorted(path.name for path in out.iterdir() if path.name != MARKER)
    if held:
        raise UsageError(
            f"{out} is not empty and holds no prototype ({held[0]}): choose another {flag('out')}."
        )


def _parsed(file: Path) -> State:
    """Read prototype.json. Raises `IntegrityError` where it is none."""
    try:
        stored = parse_json(file.read_text(encoding="utf-8"))
        if stored["version"] != VERSION:
            raise ValueError(f"version {stored['version']}")
        plan = Plan.from_dict(stored["plan"]) if stored["plan"] else None
        return State(
            request=Request.from_dict(stored["request"]),
            listing=stored["listing"],
            plan=plan,
            manifest_sha256=stored["manifest_sha256"],
            result=stored["result"],
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
        raise IntegrityError(
            f"{file} cannot be read ({type(e).__name__}: {e}): choose another {flag('out')}."
        ) from e


def write_state(out: Path, state: State) -> State:
    """Write prototype.json; return the state."""
    write_json(out / STATE, state.to_dict())
    return state


def take_back(out: Path) -> None:
    """Remove prototype.json of a folder that holds nothing else: its curation was refused."""
    held = {path.name for path in out.iterdir()} - {MARKER, STATE}
    if not held:
        (out / STATE).unlink(missing_ok=True)


# ---- whether the images are those of before


def listing_of(request: Request) -> str:
    """Return the SHA-256 of the names, sizes and times of all files that a request reads."""
    digest = hashlib.sha256()
    for line in sorted(_lines(request)):
        digest.update(line.encode("utf-8", "surrogateescape") + b"\n")
    return digest.hexdigest()


def _lines(request: Request) -> Iterator[str]:
    """Yield a line for each file."""
    if request.table:
        yield _line(request.table)
    root = request.folder or str(Path(request.table).parent)
    for folder, _, names in os.walk(root, followlinks=True):
        for name in names:
            yield _line(os.path.join(folder, name))


def _line(path: str) -> str:
    """Return name, size and time of a file; the name alone of one that is gone."""
    try:
        found = os.stat(path)
    except OSError:
        return path
    return f"{path}\t{found.st_size}\t{found.st_mtime_ns}"
