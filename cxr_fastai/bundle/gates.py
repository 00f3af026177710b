"""The gate of a bundle: its file, and what it says of a radiograph before the network is asked.

A folder and its meta in, a Gate out; pixels in, the pixels to be answered for or a refusal out.
Needs no torch, scikit-learn or pandas. A hash beside a file finds accidents, not forgers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cxr_fastai.advice import flag
from cxr_fastai.bundle.file_names import GATE
from cxr_fastai.bundle.files import BUNDLE_JSON, read_bytes
from cxr_fastai.bundle.meta import Meta
from cxr_fastai.core import IntegrityError, Prediction, UsageError, atomic_path
from cxr_fastai.gate.gate import Gate
from cxr_fastai.gate.kinds import KINDS, Judgement
from cxr_fastai.gate.stored import gate_of

__all__ = [
    "GATE",
    "Screened",
    "check_no_gate_file",
    "doubt_line",
    "gates_of",
    "no_gate_line",
    "read_gate",
    "righted_words",
    "screen",
    "write_gate",
]


@dataclass(frozen=True, eq=False)
class Screened:
    """What the gates say of a radiograph."""

    pixels: np.ndarray  # (h, w) uint8, to be answered for
    righted: tuple[str, ...] = ()  # kinds that it was of before it was turned or inverted back
    refused: Judgement | None = None  # None: it may be answered

    @property
    def refusal(self) -> Prediction:
        """The answer that is none. Raises `LookupError` where it was not refused."""
        if self.refused is None:
            raise LookupError("this radiograph was not refused")
        reason = f"{self.refused.reason}: not answered"
        if self.refused.can_be_righted:
            reason = f"{reason}; {flag('right', True)} turns it back where that makes a film of it"
        return Prediction(
            label=None,
            probs={},
            abstained=True,
            reason=reason,
            decision=f"no answer: {reason}",
            gate=self.refused.kind,
        )

    def marked(
        self,
        answer: Prediction,  # for `pixels`
    ) -> Prediction:
        """Say in an answer that the film was righted first, where it was."""
        if not self.righted:
            return answer
        words = f"{answer.decision}; {righted_words(self.righted)}"
        return replace(answer, righted=self.righted, decision=words)


def gates_of(
    gates: Sequence[Gate | None],  # of each bundle that is to answer
    paths: Sequence[Path],  # of these bundles
    gate: bool = True,  # False: ask none
    right: bool = False,
) -> list[Gate]:
    """Return the gates that are asked. Raises `UsageError` where nothing could right a film."""
    if not gate:
        if right:
            raise UsageError(
                f"{flag('right', True)} asks the gate what lies askew: do not switch it off."
            )
        return []
    found = [each for each in gates if each is not None]
    if right and not found:
        raise UsageError(f"{flag('right', True)} needs a gate. {no_gate_line(paths[0])}")
    return found


def screen(
    gates: Sequence[Gate],  # all must let it pass; none: everything passes
    pixels: np.ndarray,  # (h, w) uint8
    right: bool = False,  # turn and invert back what looks turned or inverted
) -> Screened:
    """Ask the gates whether a radiograph may be answered, and right it where that was asked."""
    righted: list[str] = []
    for gate in gates:
        if right:
            pixels, judgement, done = gate.judge_righted(pixels)
            righted += done
        else:
            judgement = gate.judge(pixels)
        if not judgement.passes:
            return Screened(pixels, tuple(righted), judgement)
    return Screened(pixels, tuple(righted))


def righted_words(
    righted: Sequence[str],  # of a Screened
) -> str:  # empty where nothing was done
    """Say that a film was righted before it was answered, and what it looked like."""
    if not righted:
        return ""
    looked = " and ".join(KINDS[kind].removeprefix("looks ") for kind in righted)
    return f"righted first: it looked {looked}"


def no_gate_line(
    path: Path,  # of a bundle without a gate
) -> str:
    """Say what a bundle without a gate does."""
    return (
        f"{path} has no gate (it was made before there were any, or without one): pictures that "
        "are no upright frontal chest film are answered like films. Train again for one."
    )


def doubt_line(
    path: Path,  # of a bundle
    gate: Gate | None,  # its gate
) -> str:  # empty where the gate keeps what it should promise
    """Say what is wanting of a bundle's gate: that there is none, or that it is weak."""
    if gate is None:
        return no_gate_line(path)
    return f"the gate of {path}: {gate.promise}" if gate.is_weak else ""


# ---- its file


def write_gate(
    folder: Path,
    data: bytes,  # of gate.stored.gate_bytes
) -> str:  # SHA-256
    """Write a gate into a bundle."""
    with atomic_path(folder / GATE) as part:
        part.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def read_gate(
    folder: Path,  # that holds GATE
    meta: Meta,
) -> Gate | None:  # None: the bundle has none
    """Read and check a bundle's gate. Raises `IntegrityError` where it is missing or changed."""
    record = meta.get("gate")
    if record is None:
        return None
    file = folder / GATE
    data = read_bytes(file)
    actual = hashlib.sha256(data).hexdigest()
    if actual != record["sha256"]:
        raise IntegrityError(
            f"{file}: SHA-256 is {actual}, {BUNDLE_JSON} says {record['sha256']}. The gate was "
            "damaged or replaced after training: copy the bundle again from where it was made."
        )
    return gate_of(data, file)


def check_no_gate_file(
    folder: Path,  # of a bundle whose bundle.json names no gate
) -> None:
    """Raise `IntegrityError` where a gate lies there all the same: it would be asked nothing."""
    file = folder / GATE
    if file.exists():
        raise IntegrityError(
            f"{file} is there, and {BUNDLE_JSON} names no gate: one of the two was changed after "
            "training. Copy the bundle again from where it was made, or remove that file to have "
            "pictures of any kind answered."
        )
