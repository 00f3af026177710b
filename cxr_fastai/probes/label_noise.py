"""Which labels are most likely wrong: confident learning with a cheap model, held out by patient.

Films and their labels, or probabilities of a model that never saw the films, in; suspects out, the
likeliest first. Fits on train and valid alone, lists none of test, and changes no label: a suspect
is a film to look at.

Confident learning (Northcutt, Jiang and Chuang 2021, JAIR 70:1373): a film is confidently of
another class where that class's probability reaches the mean that films labelled with it have. The
order is that of the label's probability against the suggested one's. On 3,500 drawn films with 3 %
of wrong labels, four times, 71 to 79 of the first hundred are wrong ones; the library cleanlab 2.9,
given the same probabilities, finds 70 to 78 by self-confidence and 60 to 69 by its normalised
margin, so that it is not worth its pandas here.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from cxr_fastai.csv_cells import to_csv
from cxr_fastai.manifest import Manifest, Record
from cxr_fastai.probes.films import Films, measure_films
from cxr_fastai.probes.shortcuts import fitting_rows, targets_of
from cxr_fastai.probes.targets import Targets
from cxr_fastai.probes.texture import texture
from cxr_fastai.progress import SILENT, Progress
from cxr_fastai.reporting.text import count

__all__ = [
    "Suspect",
    "Suspects",
    "find_suspects",
    "is_single",
    "suspects",
    "suspects_csv",
    "suspects_of_findings",
    "suspects_of_classes",
    "COLUMNS",
]

# Of the softmax regression, on standardised features: inverse strength of the penalty. .01 was no
# better on the drawn films, .001 worse (.67 to .73 of the first hundred).
C = 0.003
TOLERANCE = 1e-2  # 1e-4 takes four times as long and finds two more of a hundred
MAX_STEPS = 100
MAX_LISTED = 100  # suspects that are listed
# Films that a class, or a side of a finding, must have to be asked of: fewer leave folds without it
MIN_FILMS = 20
PRESENT = "present"
ABSENT = "absent"
COLUMNS = ("path", "label", "suggested", "score", "source", "group", "patient", "split", "finding")
OUT_OF_FOLD = "a cheap model (softmax regression on a 64 px picture) that never saw the patient"


@dataclass(frozen=True)
class Suspect:
    """A film whose label is likely wrong."""

    path: str  # in the curated folder
    label: str  # as it is; of a finding present | absent
    suggested: str  # what the model has for likelier
    score: float  # of the label's and the suggested one's probability together, the label's share
    source: str
    group: str
    patient: str  # empty where unknown
    split: str
    finding: str = ""  # of a multi-label folder: which one
    is_confident: bool = True  # the suggested class is as probable as among films labelled with it
    is_foreign: bool = False  # its source has no film of the suggested class


@dataclass(frozen=True)
class Suspects:
    """The labels most likely wrong, and what was asked."""

    listed: list[Suspect]  # the likeliest first, MAX_LISTED at most
    confident: int  # labels that are confidently of another class, listed or not
    asked: int  # labels that were asked of
    by: str  # whose probabilities, in words
    left_out: list[str]  # classes or findings of too few films to be asked of

    @property
    def says(self) -> str:
        """What was found, in a sentence or two."""
        if not self.asked:
            return (
                f"No label was judged by {self.by}: fewer than two classes have films enough "
                f"({MIN_FILMS} to fit on)."
            )
        verb = "is" if self.confident == 1 else "are"
        words = (
            f"{count(len(self.listed), 'label')} to look at first, of {self.asked:,}, by "
            f"{self.by}. {self.confident:,} {verb} confidently of another class (confident "
            "learning, Northcutt 2021); how many are wrong only a reader can tell."
        )
        foreign = sum(suspect.is_foreign for suspect in self.listed)
        if foreign:
            words += (
                f" Of {foreign:,} of those listed the source has no film of the suggested class: "
                "they may only look like another source's."
            )
        if not self.left_out:
            return words
        return f"{words} Too few films to be asked of: {', '.join(self.left_out)}."

    def to_dict(self) -> dict[str, object]:
        """Return everything as strict JSON."""
        return {
            "says": self.says,
            "asked": self.asked,
            "confident": self.confident,
            "by": self.by,
            "left_out": self.left_out,
            "listed": [dict(vars(suspect)) for suspect in self.listed],
        }


# ---- of a curated folder


def suspects(
    manifest: Manifest,
    progress: Progress = SILENT,
    seed: int = 0,
) -> Suspects:
    """Find the labels of a folder's train and valid films that are most likely wrong.

    Raises `IntegrityError` for a film that is not that of its row.
    """
    rows = fitting_rows(manifest)
    films = measure_films(manifest.root, rows, progress)
    return find_suspects(films, targets_of(manifest, rows, seed), progress)


def find_suspects(
    films: Films,
    targets: Targets,  # of the same films
    progress: Progress = SILENT,
) -> Suspects:
    """Find the labels that are most likely wrong, with a cheap model of the other patients."""
    features = texture(films)
    if is_single(targets):
        names = _enough(targets)
        labels = _labels(targets, names)
        probs = _held_out(features, labels, len(names), targets.folds, progress)
        return suspects_of_classes(probs, labels, names, films.rows, OUT_OF_FOLD, _rare(targets))
    names = _enough(targets)
    probs = np.full((len(films), len(names)), np.nan)
    for i, name in enumerate(progress.bar(names, len(names), "asking which labels are wrong")):
        sides = np.where(targets.known[name], targets.has[name].astype(int), -1)
        own = _held_out(features, sides, 2, targets.folds, SILENT)
        probs[:, i] = own[:, 1]
    has = {name: targets.has[name] for name in names}
    known = {name: targets.known[name] for name in names}
    return suspects_of_findings(probs, has, known, films.rows, OUT_OF_FOLD, _rare(targets))


def is_single(targets: Targets) -> bool:
    """Tell whether each film has one class."""
    has = np.stack(list(targets.has.values()))
    known = np.stack(list(targets.known.values()))
    has_one = has.sum(0) == 1
    return bool(has_one.all() and known.all())


def _enough(targets: Targets) -> list[str]:
    """Return the classes that have enough films to be asked of; of a finding on both sides."""
    rare = _rare(targets)
    return [name for name in targets.has if name not in rare]


def _rare(targets: Targets) -> list[str]:
    """Return the classes of too few films."""
    has_one = is_single(targets)
    rare = []
    for name, has in targets.has.items():
        known = targets.known[name]
        sides = [int((has & known).sum())]
        if not has_one:
            sides.append(int((~has & known).sum()))
        if min(sides) < MIN_FILMS:
            rare.append(name)
    return rare


def _labels(targets: Targets, names: Sequence[str]) -> np.ndarray:
    """Return the class of each film, as an index into `names`; -1: one that is not asked of."""
    labels = np.full(len(targets.groups), -1)
    for i, name in enumerate(names):
        labels[targets.has[name]] = i
    return labels


def _held_out(
    features: np.ndarray,  # (n, f) float32
    labels: np.ndarray,  # (n,) int; -1: not to fit on
    classes: int,
    folds: np.ndarray,  # (n,) int, of deal_folds; -1: there are too few groups
    progress: Progress,
) -> np.ndarray:  # (n, classes); nan where a model of the other folds lacks a class
    """Give each film the probabilities of a model that was fitted on the other folds."""
    probs = np.full((len(labels), classes), np.nan)
    numbers = [int(fold) for fold in np.unique(folds[folds >= 0])]
    if classes < 2:
        return probs
    for fold in progress.bar(numbers, len(numbers), "asking which labels are wrong"):
        held = folds == fold
        train = ~held & (labels >= 0)
        if len(np.unique(labels[train])) < classes:
            continue
        probs[held] = _fitted(features[train], labels[train], features[held])
    return probs


def _fitted(
    features: np.ndarray,  # (m, f)
    labels: np.ndarray,  # (m,)
    asked: np.ndarray,  # (k, f)
) -> np.ndarray:  # (k, classes)
    """Fit on some films and give others' probabilities; classes as common as they are."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    regression = LogisticRegression(C=C, tol=TOLERANCE, max_iter=MAX_STEPS)
    model = make_pipeline(StandardScaler(), regression)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is not at its end after MAX_STEPS
        model.fit(features, labels)
        probs: np.ndarray = model.predict_proba(asked)
    return probs


# ---- of probabilities


def suspects_of_classes(
    probs: np.ndarray,  # (n, c) of a model that never saw the film; nan: it was not asked
    labels: np.ndarray,  # (n,) indices into names; -1: not asked of
    names: Sequence[str],  # (c,) classes
    rows: Sequence[Record],  # (n,)
    by: str,  # whose probabilities, in words
    left_out: Sequence[str] = (),
) -> Suspects:
    """Find the films of a single-label folder whose label is most likely wrong."""
    asked = np.flatnonzero((labels >= 0) & ~np.isnan(probs).any(1))
    if len(np.unique(labels[asked])) < 2:  # of one class alone no other label can be meant
        return Suspects([], 0, 0, by, list(left_out))
    means = np.ones(len(names))
    labels_asked = labels[asked]
    for i in range(len(names)):
        of_class = asked[labels_asked == i]
        if len(of_class):
            means[i] = probs[of_class, i].mean()
    seen = {(rows[i].source, names[labels[i]]) for i in asked.tolist()}
    found = []
    for i in asked.tolist():
        row, label = rows[i], int(labels[i])
        others = probs[i].copy()
        others[label] = -1
        best = int(others.argmax())
        own = float(probs[i, label])
        other = float(probs[i, best])
        is_confident = other >= means[best]
        suspect = _suspect(row, names[label], names[best], own, other, is_confident)
        is_foreign = (row.source, names[best]) not in seen
        found.append(replace(suspect, is_foreign=is_foreign))
    return _ranked(found, by, left_out)


def suspects_of_findings(
    probs: np.ndarray,  # (n, c) of a model that never saw the film; nan: it was not asked
    has: Mapping[str, np.ndarray],  # finding -> (n,) bool, in the order of the columns
    known: Mapping[str, np.ndarray],  # finding -> (n,) bool
    rows: Sequence[Record],  # (n,)
    by: str,  # whose probabilities, in words
    left_out: Sequence[str] = (),
) -> Suspects:
    """Find the findings of a multi-label folder that are most likely labelled wrong, one by one."""
    found = []
    for column, (name, present) in enumerate(has.items()):
        own = probs[:, column]
        asked = known[name] & ~np.isnan(own)
        if not (asked & present).any() or not (asked & ~present).any():
            continue
        of_present = own[asked & present].mean()
        of_absent = (1 - own[asked & ~present]).mean()
        for i in np.flatnonzero(asked).tolist():
            p = float(own[i])
            if present[i]:
                is_confident = 1 - p >= of_absent
                suspect = _suspect(rows[i], PRESENT, ABSENT, p, 1 - p, is_confident, name)
            else:
                suspect = _suspect(rows[i], ABSENT, PRESENT, 1 - p, p, p >= of_present, name)
            found.append(suspect)
    return _ranked(found, by, left_out)


def _suspect(
    row: Record,
    label: str,
    suggested: str,
    own: float,  # probability of the label
    other: float,  # of the suggested one
    is_confident: bool,
    finding: str = "",
) -> Suspect:
    """Return a film as a suspect, whatever its score."""
    total = own + other
    return Suspect(
        path=row.path,
        label=label,
        suggested=suggested,
        score=own / total if total > 0 else 1.0,
        source=row.source,
        group=row.group,
        patient=row.patient,
        split=row.split,
        finding=finding,
        is_confident=bool(is_confident),
    )


def _ranked(
    found: list[Suspect],  # every label that was asked of
    by: str,
    left_out: Sequence[str],
) -> Suspects:
    """Order by score, and list those whose suggested class is the likelier."""
    likelier = [each for each in found if each.score < 0.5]
    likelier.sort(key=lambda each: (each.score, each.path, each.finding))
    return Suspects(
        listed=likelier[:MAX_LISTED],
        confident=sum(each.is_confident for each in likelier),
        asked=len(found),
        by=by,
        left_out=list(left_out),
    )


def suspects_csv(lists: Sequence[Suspects]) -> str:
    """Return lists as one csv to review, with an empty last column for what a reader finds."""
    rows = []
    for found in lists:
        for suspect in found.listed:
            row = {column: str(getattr(suspect, column)) for column in COLUMNS}
            row["score"] = f"{suspect.score:.6f}"
            rows.append({**row, "by": found.by, "right_label": ""})
    return to_csv(rows, (*COLUMNS, "by", "right_label"))
