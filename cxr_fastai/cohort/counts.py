"""The images of a curated folder, class by class, and what can be counted of them. Takes a Manifest and the catalogue,
returns strict JSON; never reads a file: the brightness of images is given.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cxr_fastai.core import SPLITS, Task, UsageError
from cxr_fastai.manifest import Record
from cxr_fastai.recipes import NONE, Recipe, present, unknown

__all__ = [
    "Cohort",
    "gather",
    "sampled",
    "tally",
    "class_counts",
    "source_counts",
    "finding_counts",
    "patient_counts",
    "AGE_GROUPS",
    "SAMPLE",
]

ADULT = 18  # years from which an age counts as adult
SAMPLE = 200  # images of a class and source whose brightness is measured: the standard error of a mean is then 7 % of
# the spread between images
COMMON = 3  # sizes of a source that are named
DECADES = (*(f"{a}-{a + 9}" for a in range(0, 90, 10)), "90+")  # years
# Of an image whose age is given: child, adult. Of any other, what the catalogue says of its whole source.
AGE_GROUPS = {
    "child": f"child, under {ADULT}",
    "adult": "adult",
    "child_source": "child, by source",
    "adult_source": "adult, by source",
    "mixed_source": "mixed, by source",
    "": "unknown",
}
COLUMNS = ("split", "source", "sex", "view")


@dataclass(frozen=True)
class Cohort:
    """The images looked at, and the classes of each: one, or in a multi-label folder any number."""

    root: Path
    rows: list[Record]
    task: Task
    splits: tuple[str, ...]  # looked at
    names: dict[str, str]  # class slug -> name to show, in vocab order
    has: dict[str, np.ndarray]  # class -> (n,) bool
    unknown: dict[str, np.ndarray]  # class -> (n,) bool: the source does not say
    columns: dict[
        str, np.ndarray
    ]  # COLUMNS, age_group (a key of AGE_GROUPS) and group (child, adult) -> (n,) text,
    # '' unknown

    def of(self, label: str) -> list[Record]:
        return [r for r, has in zip(self.rows, self.has[label]) if has]


def gather(
    root: Path,  # the curated folder
    images: list[Record],  # rows of its manifest
    recipe: Recipe,
    catalog: dict,  # id -> Source
    split: str = "all",  # all | train | valid | test
) -> Cohort:
    """Raises `UsageError` for a split without images."""
    splits = SPLITS if split == "all" else (split,)
    rows = [r for r in images if r.split in splits]
    if not rows:
        have = ", ".join(f"{s} {sum(r.split == s for r in images):,}" for s in SPLITS)
        raise UsageError(
            f"{root} has no images in split {split!r}: it has {have}. Choose another --split."
        )
    there, doubt = [present(r.label) for r in rows], [unknown(r.label) for r in rows]
    names = {c: recipe.display.get(c, c) for c in recipe.vocab}
    if recipe.task is Task.MULTI_LABEL and (NONE,) in there:
        names[NONE] = "none of these"
    groups = [_age_group(r, getattr(catalog.get(r.source), "age_group", "")) for r in rows]
    columns = {k: np.array([getattr(r, k) for r in rows]) for k in COLUMNS}
    columns |= dict(age_group=np.array(groups), group=np.array([_group(g) for g in groups]))
    return Cohort(
        Path(root),
        rows,
        recipe.task,
        splits,
        names,
        *({c: np.array([c in of for of in marks]) for c in names} for marks in (there, doubt)),
        columns,
    )


def _age_group(r: Record, word: str) -> str:
    if r.age:
        return "child" if float(r.age) < ADULT else "adult"
    return f"{word}_source" if word else ""


def _group(age_group: str) -> str:
    return age_group.split("_")[0].replace("mixed", "")


# ---- counts


def tally(values) -> dict[str, int]:
    """Value -> how often, the commonest first."""
    return dict(sorted(Counter(values).items(), key=lambda x: (-x[1], x[0])))


def class_counts(
    cohort: Cohort,
    label: str,
    gray: dict,  # path -> mean gray 0-255, of the images that `sampled` names at least
) -> dict:
    """Everything that is counted of a class."""
    rows, at = cohort.of(label), np.flatnonzero(cohort.has[label])
    tallies = {k: tally(cohort.columns[k][at].tolist()) for k in (*COLUMNS, "age_group")}
    sides = np.array([(r.width, r.height) for r in rows if r.width and r.height], float).reshape(
        -1, 2
    )
    return dict(
        name=cohort.names[label],
        images=len(rows),
        unknown=int(cohort.unknown[label].sum()),
        **tallies,
        ages=_ages(rows),
        patients=patient_counts(rows),
        width=dict(quantiles=_five(sides[:, 0])),
        height=dict(quantiles=_five(sides[:, 1])),
        aspect=dict(quantiles=_five(sides[:, 0] / sides[:, 1])),
        brightness=_brightness(cohort, label, gray),
    )


def _five(values, weights=None) -> list[float] | None:
    """Least, quartiles and greatest; None of nothing. With weights, of what the values stand for."""
    if not len(values):
        return None
    how = {} if weights is None else dict(weights=weights, method="inverted_cdf")
    return [
        round(float(q), 4)
        for q in np.quantile(np.asarray(values, float), (0, 0.25, 0.5, 0.75, 1), **how)
    ]


def _ages(rows) -> dict:
    ages = [float(r.age) for r in rows if r.age]
    n = Counter(min(int(a) // 10, len(DECADES) - 1) for a in ages)
    return dict(
        known=len(ages), quantiles=_five(ages), decades={d: n[i] for i, d in enumerate(DECADES)}
    )


def patient_counts(rows) -> dict:
    """Patients that the sources name, and how many images each has."""
    each = [*Counter(r.patient for r in rows if r.patient).values()]
    return dict(images=sum(each), patients=len(each), images_a_patient=_five(each))


def sampled(cohort: Cohort, label: str) -> dict[str, tuple[int, list[Record]]]:
    """Source -> its images of the class, and those that are measured: of lowest hash, which is random and stays."""
    by: dict = {}
    for r in cohort.of(label):
        by.setdefault(r.source, []).append(r)
    return {
        s: (len(rows), sorted(rows, key=lambda r: r.pixel_sha256)[:SAMPLE])
        for s, rows in sorted(by.items())
    }


def _brightness(cohort: Cohort, label: str, gray: dict) -> dict:
    """In the class's quantiles a measured image stands for as many of its source as were not."""
    by, weights, sources = [], [], {}
    for s, (n, rows) in sampled(cohort, label).items():
        mine = [gray[r.path] for r in rows]
        by += mine
        weights += [n / len(mine)] * len(mine)
        sources[s] = dict(images=len(mine), quantiles=_five(mine))
    return dict(images=len(by), quantiles=_five(by, weights), by_source=sources)


def source_counts(cohort: Cohort, id: str, catalog: dict) -> dict:
    """Everything that is counted of a source; title, age group and leave to share are the catalogue's words."""
    rows, known = [r for r in cohort.rows if r.source == id], catalog.get(id)
    sizes = tally(f"{r.width} x {r.height}" for r in rows if r.width and r.height)
    return dict(
        images=len(rows),
        **{k: getattr(known, k, "") for k in ("title", "age_group", "redistribute")},
        licences=tally(r.licence for r in rows),
        sizes=len(sizes),
        common_sizes=dict([*sizes.items()][:COMMON]),
        modes=tally(r.mode for r in rows),
        patients=patient_counts(rows),
    )


def finding_counts(rows) -> dict:
    """How often findings stand together: names, the commonest first, and their counts; an image without any is unknown."""
    said = [set(r.findings.split("|")) for r in rows if r.findings]
    names = [*tally(f for fs in said for f in fs)]
    at, counts = {f: i for i, f in enumerate(names)}, np.zeros((len(names), len(names)), int)
    for fs in said:
        counts[np.ix_(*[[at[f] for f in fs]] * 2)] += 1
    return dict(names=names, counts=counts.tolist(), unknown=len(rows) - len(said))
