"""How what a source holds differs from what the catalogue expects.

Items and Rejects -> sentences with both numbers. It reads no file.
"""

from __future__ import annotations

from cxr_fastai.catalog import Source, split_bar
from cxr_fastai.curation.sources.item import Item, Reject

__all__ = ["count_warnings"]

# Reasons of Rejects that do not stand for one image.
NO_IMAGE_REASONS = ("missing_file", "unreadable_shard")


def count_warnings(
    source: Source,
    found: list[Item | Reject],  # all of the source
) -> list[str]:
    """Say which counts differ from the catalogue's, and what was left out for label or damage.

    Of what was left out, the first message of each reason is told.
    """
    differing = _differing_counts(source, found)
    warnings = []
    if differing:
        counts = ", ".join(differing)
        warnings.append(f"{source.id}: found, of what the catalogue expects: {counts}")
    by_reason: dict[str, list[Reject]] = {}
    for one in found:
        if isinstance(one, Reject) and one.stage in ("label", "scan"):
            by_reason.setdefault(one.reason, []).append(one)
    for reason, rejects in by_reason.items():
        what = "shards not read to their end" if reason == "unreadable_shard" else "images left out"
        first = f"{rejects[0].message} ({rejects[0].path} the first)"
        warnings.append(f"{source.id}: {len(rejects)} {what}: {first}")
    return warnings


def _differing_counts(
    source: Source,
    found: list[Item | Reject],  # all of the source
) -> list[str]:
    """Return 'WHAT HAVE of WANT' for each count that is not what the catalogue expects.

    An image of several labels counts in each. Numbers that nobody has confirmed say so.
    """
    no_images = [x for x in found if isinstance(x, Reject) and x.reason in NO_IMAGE_REASONS]
    images = len(found) - len(no_images)
    by_label: dict[str, int] = {}
    for one in found:
        if isinstance(one, Item):
            for label in split_bar(one.source_label) or ("blank",):
                by_label[label] = by_label.get(label, 0) + 1
    unconfirmed = "expected_total" in split_bar(source.unconfirmed)
    counts = [_differing("images", images, source.expected_total, unconfirmed)]
    for rule in source.rules:
        unconfirmed = "expected" in split_bar(rule.unconfirmed)
        have = by_label.get(rule.label_value, 0)
        counts.append(_differing(repr(rule.label_value), have, rule.expected, unconfirmed))
    return [count for count in counts if count]


def _differing(
    what: str,  # that is counted
    have: int,  # images
    want: str,  # a number as text; '' for any
    unconfirmed: bool,  # nobody has checked the number
) -> str:
    """Return '' where `have` is the number wanted, or where no number is."""
    if not want or have == int(want):
        return ""
    return f"{what} {have} of {want}{' (unconfirmed)' if unconfirmed else ''}"
