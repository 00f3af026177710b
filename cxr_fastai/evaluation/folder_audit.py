"""What the audit says of the folder that is judged, in a line: whether a score may mean disease.

A Manifest in, a FolderAudit out: probes P8 and P9, the two that can say that a score rests on where
films come from. Train and valid films alone are asked; what the probes measured is kept. The whole
audit is `cxr audit`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxr_fastai.core import IntegrityError
from cxr_fastai.manifest import Manifest, Record
from cxr_fastai.probes.by_source import softened, told_by_source
from cxr_fastai.probes.features import gray
from cxr_fastai.probes.films import measure_films
from cxr_fastai.probes.shortcuts import fitting_rows, targets_of
from cxr_fastai.probes.source_words import grounds_of
from cxr_fastai.probes.sources import (
    SourceWithinClass,
    Unseen,
    judge_all_unseen,
    source_within_class,
    unseen_sources,
)
from cxr_fastai.probes.targets import told_by
from cxr_fastai.probes.verdict import Verdict, worst
from cxr_fastai.progress import SILENT, Progress
from cxr_fastai.reporting.text import count

__all__ = ["FolderAudit", "audit_folder", "MAX_FILMS"]

MAX_FILMS = 10_000  # asked here: 8,800 films of six classes take half a minute beside other work
THUMBNAIL = 16  # px
ASK = "`cxr audit DATA` asks all."


@dataclass(frozen=True)
class FolderAudit:
    """What P8 and P9 say of a folder."""

    verdict: Verdict | None  # None: it was not asked
    says: str
    within: tuple[SourceWithinClass, ...] = ()
    unseen: tuple[Unseen, ...] = ()

    @property
    def is_grave(self) -> bool:
        """Whether a score on this folder may not mean disease."""
        return self.verdict in (Verdict.FAIL, Verdict.WARN)

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as strict JSON."""
        return {
            "verdict": str(self.verdict) if self.verdict else None,
            "says": self.says,
            "P8": [each.to_dict() for each in self.within],
            "P9": [each.to_dict() for each in self.unseen],
        }


def audit_folder(
    data: Manifest,
    progress: Progress = SILENT,
    seed: int = 0,
) -> FolderAudit:
    """Ask P8 and P9 of a folder, where that costs little."""
    rows = fitting_rows(data)
    sources = {row.source for row in rows}
    if not rows:
        return FolderAudit(None, f"Audit: not asked, the folder has no train or valid films. {ASK}")
    if len(sources) == 1:
        return FolderAudit(
            Verdict.CANNOT_TELL,
            "Audit: CANNOT TELL whether scores here would hold elsewhere: all train and valid "
            f"films come from one source. {ASK}",
        )
    if len(rows) > MAX_FILMS:
        return FolderAudit(None, f"Audit: not asked of {count(len(rows), 'film')} here. {ASK}")
    try:
        return _asked(data, rows, progress, seed)
    except IntegrityError as e:
        return FolderAudit(None, f"Audit: not asked: {e}")


def _asked(
    data: Manifest,
    rows: Sequence[Record],  # of train and valid
    progress: Progress,
    seed: int,
) -> FolderAudit:
    """Ask both probes."""
    films = measure_films(Path(data.root), rows, progress)
    targets = targets_of(data, rows, seed)
    within = source_within_class(films, targets, seed)
    seen = told_by(gray(films, THUMBNAIL), targets)
    unseen = unseen_sources(films, targets, seen)
    of_unseen = judge_all_unseen(unseen, bool(within))
    by_source = told_by_source([row.source for row in rows], targets)
    verdicts = [softened(each.verdict, by_source) for each in within]
    verdicts.append(of_unseen)
    verdict = worst(verdicts)
    says = _says(verdict, within, unseen, of_unseen)
    return FolderAudit(verdict, says, tuple(within), tuple(unseen))


def _says(
    verdict: Verdict,
    within: Sequence[SourceWithinClass],
    unseen: Sequence[Unseen],
    of_unseen: Verdict,
) -> str:
    """Put the verdict into one line."""
    if verdict is Verdict.PASS:
        return f"Audit: PASS on sources (P8, P9): cheap features hold on sources unseen. {ASK}"
    if verdict is Verdict.CANNOT_TELL:
        return f"Audit: CANNOT TELL (P8, P9): too few films a class and source. {ASK}"
    meaning = "a score over several sources here is no evidence of disease"
    if verdict is Verdict.WARN:
        meaning = "a score over several sources here may not mean disease"
    grounds = "; ".join(grounds_of(within, unseen, of_unseen))
    return f"Audit: {verdict}: {grounds}: {meaning}. {ASK}"
