"""What the model card says of a bundle's gate: what it refuses, how often it errs, what it misses.

Key gate of bundle.json in, Markdown out. Each number is of the folder that the gate was fitted on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cxr_fastai.gate.kinds import KINDS
from cxr_fastai.reporting.text import count, markdown_table, md, share

__all__ = ["BLIND", "gate_section"]

# What no picture of train tells: measured AUROC .60 to .66 of mirrored films.
BLIND = (
    "It cannot see a mirrored film, nor tell one from a heart on the right: both pass. Righting "
    "what was mirrored and turned leaves it mirrored."
)
NAMES = {"lateral": "laterals", "ct": "CT slices"}
WORDS = {"film, changed a little": "good films, tilted, cropped, windowed or framed a little"}


def gate_section(
    record: Mapping[str, Any] | None,  # key gate of bundle.json; None: there is none
) -> str:
    """Describe the gate, as a section of the card; nothing where there is none."""
    if record is None:
        return ""
    return "\n".join(["", "## Gate", *_lines(record), ""])


def _lines(record: Mapping[str, Any]) -> Iterator[str]:
    """Write the section's lines."""
    kinds = ", ".join(kind.replace("_", " ") for kind in KINDS)
    yield f"Before the network is asked, a picture is refused that looks like one of: {kinds}."
    promise = str(record.get("promise", ""))
    if promise:
        yield f"False alarms: {md(promise)}. {_learned_from(record)}"
    missing = [NAMES.get(kind, kind) for kind in record.get("not_learned", ())]
    if missing:
        those = " and ".join(missing)
        yield (
            f"There were no {those} of train to learn from: they are refused only where they "
            "happen to look like something else that is."
        )
    yield BLIND
    yield from _table_of(record)


def _learned_from(record: Mapping[str, Any]) -> str:
    """Say how many films it was fitted on."""
    n, films = record.get("learned_from"), record.get("films")
    if not isinstance(n, int) or not isinstance(films, int):
        return ""
    if n == films:
        return f"Fitted on {count(n, 'train film')}."
    return f"Fitted on {n:,} of {count(films, 'train film')}, small sources whole."


def _table_of(record: Mapping[str, Any]) -> Iterator[str]:
    """Write what was refused of each kind and of good films, by source."""
    rows = [_row(WORDS.get(one["kind"], one["kind"]), one) for one in _records(record, "caught")]
    valid = record.get("valid") or {}
    rows += [_row(f"{one['kind']}, of valid", one) for one in _records(valid, "caught")]
    if rows:
        yield ""
        yield markdown_table(("pictures", "n", "refused", "share"), rows)
    good = [_row(one["source"], one) for one in _records(record, "alarms")]
    good += [_row(f"{one['source']}, of valid", one) for one in _records(valid, "alarms")]
    if good:
        yield ""
        yield "Good films refused, by source; those of train by a gate that had not seen them:"
        yield ""
        yield markdown_table(("source", "n", "refused", "share"), good)


def _records(record: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
    """Return the counts of a key; none where it holds something else."""
    found = record.get(key)
    if not isinstance(found, list):
        return []
    return [one for one in found if isinstance(one, Mapping) and {"n", "refused"} <= one.keys()]


def _row(name: str, one: Mapping[str, Any]) -> tuple[str, ...]:
    """Write a row."""
    return (
        md(name.replace("_", " ")),
        str(one["n"]),
        str(one["refused"]),
        share(one["refused"], one["n"]),
    )
