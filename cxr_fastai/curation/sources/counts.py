"""How what a source holds differs from what the catalogue expects.

Items and Rejects -> FolderWarnings with both numbers. It reads no file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from cxr_fastai.catalog import Source, split_bar
from cxr_fastai.core import FolderWarning
from cxr_fastai.curation.sources.cells import whole_number
from cxr_fastai.curation.sources.item import Item, Reject, listing_warning
from cxr_fastai.reporting.text import count

__all__ = ["count_warnings", "label_counts"]

# Reasons of Rejects that do not stand for one image.
NO_IMAGE_REASONS = ("missing_file", "unreadable_shard")
STAGES = ("table", "label", "scan")  # of Rejects that a reader must know of
MAX_TEXTS = 5  # labels that a sentence names


def count_warnings(
    source: Source,
    found: list[Item | Reject],  # all of the source
) -> list[FolderWarning]:
    """Say which counts differ from the catalogue's, and what was left out for label or damage.

    Of what was left out, the first message of each reason is told.
    """
    differing = _differing_counts(source, found)
    warnings = []
    if differing:
        counts = ", ".join(differing)
        warnings.append(
            listing_warning(source.id, f"found, of what the catalogue expects: {counts}")
        )
    by_reason: dict[str, list[Reject]] = {}
    for one in found:
        if isinstance(one, Reject) and one.stage in STAGES and one.reason != "missing_file":
            by_reason.setdefault(one.reason, []).append(one)
    for reason, rejects in by_reason.items():
        n = len(rejects)
        what = count(n, "image left out", "images left out")
        if reason == "unreadable_shard":
            what = count(n, "shard not read to its end", "shards not read to their end")
        first = f"{rejects[0].message} ({rejects[0].path} the first)"
        texts = label_counts(rejects)
        why = f"no rule for {texts}" if "," in texts else first
        warnings.append(listing_warning(source.id, f"{what}: {why}"))
    return warnings


def label_counts(
    rejects: Iterable[Reject],  # of one reason
) -> str:
    """Return the texts that no rule has, the commonest first: 4 'Normal', 3 'tb', 1 blank.

    '' where the reason is another.
    """
    counted = Counter(reject.text for reject in rejects if reject.text)
    common = sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))
    named = [f"{n:,} {_quoted(text)}" for text, n in common[:MAX_TEXTS]]
    if len(common) > MAX_TEXTS:
        named.append(f"{len(common) - MAX_TEXTS} other labels")
    return ", ".join(named)


def _quoted(
    text: str,  # of Reject
) -> str:
    """Return a text in quotes, and the word for none as it is."""
    return text if text == "blank" else repr(text)


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
        label = rule.label_value
        if rule.label_from == "columns":
            label = f"{rule.label_key}={whole_number(rule.label_value)}"
        have = by_label.get(label, 0)
        counts.append(_differing(repr(label), have, rule.expected, unconfirmed))
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
