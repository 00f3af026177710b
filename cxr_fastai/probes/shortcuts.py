"""What tells the classes of a folder that need not be the disease: probes P1 to P7 of the audit.

A curated folder -> a Probe each, with its verdict, sentence and numbers. Train and valid only: the
test films are never fitted on nor looked at. Within one source, and where sources hold the classes
in like shares, what tells may be the disease, since consolidation is bright and reaches border and
8x8 pixels: it is a WARN there, and FAIL only where the middle of the film, which holds the lungs,
tells little. Sources are told apart by P8 and P9.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cxr_fastai.cohort.counts import Cohort, gather
from cxr_fastai.manifest import Manifest, Record
from cxr_fastai.probes import features
from cxr_fastai.probes.by_source import is_balanced, told_by_source
from cxr_fastai.probes.chance import Chance, asks_chance, by_chance, confirmed
from cxr_fastai.probes.films import Films, measure_films
from cxr_fastai.probes.kinds import CENTRE, HISTOGRAM, OF_SOURCES, PROBES, WITHIN_REMEDY, Kind
from cxr_fastai.probes.targets import Targets, Told, class_targets, told_by, value_targets
from cxr_fastai.probes.verdict import MAX_WIDTH, WARN_FROM, Verdict, judge
from cxr_fastai.progress import SILENT, Progress
from cxr_fastai.recipes import NONE
from cxr_fastai.reporting.text import MIN_GROUPS_FOR_VERDICT, decimal, span

__all__ = [
    "Probe",
    "probe_shortcuts",
    "probe_films",
    "probe_sources",
    "fitting_rows",
    "targets_of",
    "number_words",
    "NO_FACTS",
]

MAX_NAMED = 4  # classes that a sentence names
ENOUGH = f"{MIN_GROUPS_FOR_VERDICT} patients or groups"


@dataclass(frozen=True)
class Probe:
    """What one probe found."""

    id: str
    title: str
    verdict: Verdict | None  # None: a control, or a floor that other numbers are held against
    says: str
    do: str
    source: str
    told: Told
    chance: Chance | None = None  # of a verdict near its threshold: the same by labels of chance

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as strict JSON."""
        return {
            "id": self.id,
            "title": self.title,
            "verdict": str(self.verdict) if self.verdict else None,
            "says": self.says,
            "do": self.do,
            "source": self.source,
            "auroc": self.told.auroc,
            "interval": self.told.interval,
            "films": self.told.films,
            "groups": self.told.groups,
            "per_class": self.told.per_class,
            "left_out": self.told.left_out,
            "by_chance": vars(self.chance) if self.chance else None,
        }


# what a verdict means, as the end of a sentence; {} is what is told
MEANINGS = {
    None: "",
    Verdict.FAIL: ", which tells the {} well",
    Verdict.WARN: ", which tells something of the {}",
    Verdict.PASS: ", which tells little of the {}",
    Verdict.CANNOT_TELL: ": too few films to say whether it tells the {}",
}
BY_GRAY = ", explained by gray level and shape alone, which may be the disease"
# of the gray levels themselves, which BY_GRAY would explain by themselves
OF_GRAY = ", which may be the disease: consolidation is bright"
NO_FACTS = "P1 is left out: the manifest is of before version 3 and holds no facts of the files."


def probe_shortcuts(
    manifest: Manifest,
    progress: Progress = SILENT,
    seed: int = 0,
) -> list[Probe]:
    """Ask P1 to P7 of a folder's train and valid films.

    Raises `IntegrityError` for a film that is not that of its row.
    """
    rows = fitting_rows(manifest)
    films = measure_films(manifest.root, rows, progress)
    return probe_films(films, targets_of(manifest, rows, seed), progress, seed=seed)


def fitting_rows(manifest: Manifest) -> list[Record]:
    """Return the rows that a probe may fit on: those of train and valid, each radiograph once."""
    return [row for row in manifest.rows if row.split != "test" and not row.repeat_of]


def targets_of(
    manifest: Manifest,
    rows: Sequence[Record],  # of it
    seed: int = 0,
) -> Targets:
    """Return what the probes are to tell of a folder's rows: its classes."""
    cohort: Cohort = gather(manifest.root, list(rows), manifest.recipe, {})
    names = [name for name in cohort.names if name != NONE]
    labels = [row.label for row in rows]
    return class_targets(
        labels,
        {name: cohort.has[name] for name in names},
        {name: cohort.unknown[name] for name in names},
        [row.group for row in rows],
        seed,
    )


def probe_films(
    films: Films,
    targets: Targets,  # of the same films
    progress: Progress = SILENT,
    kinds: Sequence[Kind] = PROBES,
    seed: int = 0,
) -> list[Probe]:
    """Ask each probe; one whose facts the manifest lacks is left out."""
    asked = [kind for kind in kinds if kind.id != "P1" or features.has_facts(films.rows)]
    told = {}
    for kind in progress.bar(asked, len(asked), "asking what tells the classes"):
        told[kind.id] = told_by(kind.features(films), targets, kind.model)
    sources = [row.source for row in films.rows]
    is_no_source = len(set(sources)) == 1 or is_balanced(told_by_source(sources, targets))
    found = []
    for kind in asked:
        may_be_disease = is_no_source and not _tells_beside_lungs(kind, told.get(CENTRE))
        asking = _Asking(kind, films, targets, may_be_disease, seed)
        found.append(_probe(asking, told[kind.id]))
    return found


def probe_sources(
    films: Films,
    seed: int = 0,
) -> list[Probe]:  # none of one source
    """Ask P1 and P7 of the sources: whether these can be told by files, or by sharpness."""
    sources = [row.source for row in films.rows]
    if len(set(sources)) < 2:
        return []
    targets = value_targets(sources, [row.group for row in films.rows], seed)
    found = []
    for kind in OF_SOURCES:
        if kind.id == "P1s" and not features.has_facts(films.rows):
            continue
        told = told_by(kind.features(films), targets, kind.model)
        found.append(_probe(_Asking(kind, films, targets, False, seed, "sources"), told))
    return found


def _tells_beside_lungs(
    kind: Kind,
    middle: Told | None,  # of the control
) -> bool:
    """Tell whether what a probe sees cannot be the disease: the middle of the film tells little."""
    if not kind.is_outside or middle is None:
        return False
    return judge(middle.interval, middle.groups) is Verdict.PASS


@dataclass(frozen=True, eq=False)
class _Asking:
    """What a probe is asked of."""

    kind: Kind
    films: Films
    targets: Targets
    may_be_disease: bool  # that tells: the source cannot be what does
    seed: int
    what: str = "classes"  # is told

    @property
    def worst(self) -> Verdict:
        """The gravest verdict that it can come to."""
        own = self.kind.worst if self.what == "classes" else Verdict.FAIL
        return self.kind.within_source if self.may_be_disease else own


def _probe(
    asking: _Asking,
    told: Told,
) -> Probe:
    """Judge a finding and put it into words."""
    kind = asking.kind
    verdict, chance = (None, None) if kind.is_control else _judged(asking, told)
    by_gray = asking.may_be_disease and asking.worst is verdict is Verdict.WARN
    by_gray_words = OF_GRAY if kind.id == HISTOGRAM else BY_GRAY
    tells = by_gray_words if by_gray else _meaning(verdict, told, asking.what)
    do = WITHIN_REMEDY if by_gray and kind.worst is Verdict.FAIL else kind.do
    is_floor = kind.is_control and told.auroc is not None
    has_remedy = is_floor or verdict in (Verdict.FAIL, Verdict.WARN)
    return Probe(
        id=kind.id,
        title=kind.title,
        verdict=verdict,
        says=_says(kind, told, tells, asking.what) + _chance_words(chance, verdict),
        do=do if has_remedy else "",
        source=kind.source,
        told=told,
        chance=chance,
    )


def _judged(
    asking: _Asking,
    told: Told,
) -> tuple[Verdict, Chance | None]:
    """Judge a finding; a verdict near its threshold is asked of labels by chance."""
    verdict = judge(told.interval, told.groups)
    chance = None
    if asks_chance(verdict, told.interval):
        kind = asking.kind
        features_asked = kind.features(asking.films)
        chance = by_chance(features_asked, told, asking.targets, kind.model, asking.seed)
        if not confirmed(verdict, told, chance):
            return Verdict.CANNOT_TELL, chance
    if verdict is Verdict.FAIL:
        verdict = asking.worst
    return verdict, chance


def _meaning(
    verdict: Verdict | None,
    told: Told,
    what: str,  # is told: classes or sources
) -> str:
    """Say what a number means; of what cannot be told, why."""
    if verdict is not Verdict.CANNOT_TELL or told.interval is None:
        return MEANINGS[verdict].format(what)
    low, high = told.interval
    if low < WARN_FROM <= high and high - low <= MAX_WIDTH:
        return f", an interval on both sides of {WARN_FROM}, from where on it would be a warning"
    return MEANINGS[verdict].format(what)


def _says(
    kind: Kind,
    told: Told,
    tells: str,  # what the number means
    what: str,  # is told: classes or sources
) -> str:
    """Say what was seen and how well it tells."""
    if told.auroc is None:
        return f"By {kind.given}: none of the {what} has {ENOUGH} on both sides."
    if told.is_same:
        return f"By {kind.given}: the same for all films, which tells nothing of the {what}."
    line = f"By {kind.given} alone: {number_words(told)}{tells}."
    if len(told.per_class) < 2:
        return line
    highest = sorted(told.per_class.items(), key=_by_auroc)[:MAX_NAMED]
    named = [f"{name} {decimal(auroc)}" for name, auroc in highest]
    return f"{line} Highest: {', '.join(named)}."


def _by_auroc(item: tuple[str, float]) -> tuple[float, str]:
    """Return what orders classes, the highest first."""
    name, auroc = item
    return -auroc, name


def number_words(told: Told) -> str:
    """Return an AUROC with its interval: AUROC 0.879 (0.872 to 0.887)."""
    number = f"AUROC {decimal(told.auroc)}"
    if told.interval is None:
        return number
    between = span(told.interval, as_share=False)
    return f"{number} ({between})"


def _chance_words(chance: Chance | None, verdict: Verdict | None) -> str:
    """Say what labels by chance gave, where they were asked."""
    if chance is None:
        return ""
    what = f"{chance.labellings} labellings by chance: at most {decimal(chance.greatest)}"
    if verdict is Verdict.CANNOT_TELL:
        return f" The verdict is near its threshold and not confirmed by {what}."
    return f" The verdict is near its threshold; confirmed by {what}."
