"""What each source gave to a folder, and the findings that the sources name.

A Cohort and the catalogue -> counts in the shapes of eda.json. Never reads a file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from cxr_fastai.catalog import Source
from cxr_fastai.cohort.counts import Cohort, patient_counts, tally
from cxr_fastai.cohort.shapes import FindingCounts, SourceCounts
from cxr_fastai.manifest import Record

__all__ = ["source_counts", "finding_counts"]

MAX_NAMED_SIZES = 3  # of a source, the commonest


def source_counts(cohort: Cohort, source_id: str, catalog: Mapping[str, Source]) -> SourceCounts:
    """Count everything that is counted of a source.

    Title, age group and leave to share are the catalogue's words, empty where it does not know it.
    """
    rows = [row for row in cohort.rows if row.source == source_id]
    source = catalog.get(source_id)
    sizes = tally(f"{row.width} x {row.height}" for row in rows if row.width and row.height)
    return SourceCounts(
        images=len(rows),
        title=source.title if source else "",
        age_group=source.age_group if source else "",
        redistribute=source.redistribute if source else "",
        licences=tally(row.licence for row in rows),
        sizes=len(sizes),
        common_sizes=dict(list(sizes.items())[:MAX_NAMED_SIZES]),
        modes=tally(row.mode for row in rows),
        patients=patient_counts(rows),
    )


def finding_counts(
    rows: list[Record],
) -> FindingCounts:
    """Count how often findings stand together; an image without any is unknown."""
    named = [set(row.findings.split("|")) for row in rows if row.findings]
    images: Counter[str] = Counter()
    for findings in named:
        images.update(findings)
    names = list(tally(images.elements()))
    index = {name: i for i, name in enumerate(names)}
    counts = np.zeros((len(names), len(names)), int)
    for findings in named:
        at = [index[finding] for finding in findings]
        counts[np.ix_(at, at)] += 1
    return FindingCounts(
        names=names,
        counts=counts.tolist(),
        unknown=len(rows) - len(named),
    )
