"""The card of a curated folder on the Hub: its dataset card, with what is otherwise there.

The card that curation wrote, rows as they go, and licences -> README.md. The head tells the Hub
and `datasets` where each split lies. Of a folder of somebody's own the card is written anew: the
one that curation wrote may name files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cxr_fastai.catalog import Source
from cxr_fastai.core import SPLITS
from cxr_fastai.hub.heads import with_head
from cxr_fastai.hub.shipment import LeftOut
from cxr_fastai.manifest import Manifest, Record
from cxr_fastai.reporting.text import count, markdown_table, md

__all__ = ["OnHub", "own_card", "sources_card"]

NAMES_OF_SPLITS = {"train": "train", "valid": "validation", "test": "test"}  # as `datasets` has it
FIRST_SECTION = "\n## "


@dataclass(frozen=True)
class OnHub:
    """What of a folder's card is of the Hub."""

    repo: str  # OWNER/NAME
    rows: Sequence[Record]  # as they go
    left_out: Sequence[LeftOut]
    changed: Sequence[str]  # sentences without a full stop
    licence: str  # as the Hub names it; '': the card's own


def sources_card(
    card: str,  # README.md, as curation wrote it
    there: OnHub,
) -> str:
    """Return the card of a folder of sources that the catalogue knows."""
    begin, first, rest = card.partition(FIRST_SECTION)
    return _headed(f"{begin.rstrip()}\n\n{_section(there)}\n{first}{rest}", there)


def own_card(
    card: str,  # README.md, as curation wrote it: its head is kept
    data: Manifest,
    there: OnHub,
    catalog: Mapping[str, Source],  # for titles and citations, as far as it knows the sources
) -> str:
    """Return the card of a folder of somebody's own, from rows as they go and nothing else."""
    recipe = data.recipe
    head = card[: card.find("\n---\n", 4) + 5] if card.startswith("---\n") else ""
    parts = [
        f"{head}\n# {md(recipe.title)}",
        f"{count(len(there.rows), 'chest radiograph')}, curated by cxr_fastai for recipe "
        f"{md(recipe.name)}. Research only, not a medical device.",
        _section(there).rstrip("\n"),
        "## Images by class, source and split",
        _counts(there.rows),
        "## What may be shared",
        _licences(there, catalog),
        f"{_patients(there.rows)} No patient that is named here, and no radiograph, is in two "
        "splits.",
    ]
    return _headed("\n\n".join(parts) + "\n", there)


def _headed(
    card: str,
    there: OnHub,
) -> str:
    """Put into the head where each split lies, and the licence where its owner gives one."""
    files = []
    held = {row.split for row in there.rows}
    for split in SPLITS:
        if split in held:
            files.append({"split": NAMES_OF_SPLITS[split], "path": f"{split}/**"})
    config = {"config_name": "default", "data_files": files}
    record: dict[str, object] = {"configs": [config]}
    if there.licence:
        record["license"] = there.licence
        record["license_name"] = None  # of curation, for the licences of several sources
        record["license_link"] = None
    return with_head(card, record)


def _section(there: OnHub) -> str:
    """Say how the folder lies on the Hub, and what of it is not there."""
    lines = [
        "## On the Hub",
        "",
        f'`load_dataset("{there.repo}")` of Hugging Face\'s datasets, or '
        '`load_dataset("imagefolder", data_dir=..)` of a copy, reads image, label, split, source '
        "and patient; `cxr train` takes a copy as it is.",
        *(f"- {md(sentence)}." for sentence in there.changed),
        *(f"- Not here: {md(one.name)}: {md(one.why)}." for one in there.left_out),
        "",
    ]
    return "\n".join(lines)


def _counts(
    rows: Sequence[Record],
) -> str:
    """Tabulate images by class, source and split."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    for row in rows:
        of_both = counts.setdefault((row.label, row.source), Counter())
        of_both[row.split] += 1
    table = []
    for label, source in sorted(counts):
        of_both = counts[label, source]
        n = [of_both[split] for split in SPLITS]
        table.append((label, source, *n, sum(n)))
    header = ("class", "source", *SPLITS, "all")
    return markdown_table(header, table)


def _licences(
    there: OnHub,
    catalog: Mapping[str, Source],
) -> str:
    """Tabulate the licence of each source, and how to cite it."""
    images: Counter[str] = Counter()
    licences = {}
    for record in there.rows:
        images[record.source] += 1
        licences[record.source] = record.licence
    table = []
    for name in sorted(images):
        citation = ""
        if name in catalog and not there.licence:
            citation = catalog[name].citation
        row = (name, images[name], licences[name], citation)
        table.append(row)
    header = ("source", "images", "licence", "citation")
    return markdown_table(header, table)


def _patients(
    rows: Sequence[Record],
) -> str:
    """Count the patients."""
    known = [row.patient for row in rows if row.patient]
    people = count(len(set(known)), "patient")
    images = count(len(rows), "image")
    return f"The patient of {len(known):,} of {images} is known: {people}."
