"""What tells a class that is not the disease: source, age group, sex, view, size, brightness; and what a split lacks.
Takes a Cohort and its counts, returns strict JSON: numbers, and warnings in words; never looks at a pixel or a file.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from cxr_fastai.core import FolderWarning
from cxr_fastai.reporting.text import share as percent

__all__ = ["floors", "auroc_alone", "alone", "warn"]

MOST = 0.9  # of a class's images from one source, or of one age group, is warned of
FEW = 20  # images of a class in a split: one image more or less moves its recall by 5 points
ALONE = 0.75  # AUROC of one attribute alone that is warned of; of one that is had by half of the images, in a class of
# half of them, this is a Cramer's V of 0.5, a large effect (Cohen 1988, chapter 7)
RIGHTED = (
    0.1  # least share of the majority's errors that knowing the source rights, to be warned of
)
HALF = 0.5  # the other classes' share of the other age group, and the share of unknown ages, to be warned of
SLIGHT = (
    0.05  # share of a median by which another must be greater, for two classes to be called apart
)
SHOWN = 4  # things that a sentence names; the numbers beside it hold all
ATTRIBUTES = ("source", "age_group", "sex", "view")
QUANTITIES = {
    "size": ("height", "height in px"),
    "shape": ("aspect", "width / height"),  # so width needs no third
    "brightness": ("brightness", "mean gray of 0 to 255"),
}
TITLES = {
    "single_source": "One source only",
    "class_of_one_source": "Class = source",
    "source_of_one_class": "Source = class",
    "source_only_floor": "Source-only floor",
    "class_of_one_age_group": "Class = age group",
    "unknown_age": "Ages unknown",
    "class_of_one_sex": "Class = sex",
    "class_of_one_view": "Class = view",
    "size_apart": "Class = size",
    "shape_apart": "Class = shape",
    "brightness_apart": "Class = brightness",
    "class_absent": "Class without images",
    "class_scarce": "Class of few images",
}


# ---- numbers


def floors(
    labels: list[str],  # of the images, one class each
    sources: list[str],  # of the same images
    vocab: list[str],  # on a tie the earlier class is the answer
) -> dict:
    """Accuracy of always answering the commonest class, and of answering each source's commonest: the source-only floor
    of `cxr evaluate`, of all images at hand. `righted` is the share of the first one's errors that the second rights
    (lambda of Goodman and Kruskal 1954, J Am Stat Assoc 49:732): 1 where each source holds one class.
    """
    n, by = len(labels), {}
    for s, c in zip(sources, labels):
        by.setdefault(s, Counter())[c] += 1

    def top(count):
        return max(vocab, key=lambda c: count[c])  # the first of several

    answers = {s: top(count) for s, count in sorted(by.items())}
    majority = top(total := Counter(labels))
    right, always = sum(by[s][c] for s, c in answers.items()), total[majority]
    return dict(
        majority=majority,
        majority_accuracy=always / n,
        source_only_accuracy=right / n,
        righted=(right - always) / (n - always) if n > always else 0.0,
        answers=answers,
    )


def auroc_alone(
    has,  # (n,) bool: the image has the class
    values,  # (n,) text: what is known of it
) -> float | None:  # None without images on both sides
    """AUROC of ranking images by the class's prevalence among those of the same value: the best that can be had by who
    sees nothing else (Neyman and Pearson). Of the images at hand, so the strictest; 0.5 tells nothing, 1 all.
    """
    counts = [
        (np.sum(has & (values == v)), np.sum(~has & (values == v))) for v in np.unique(values)
    ]
    counts.sort(key=lambda x: x[0] / (x[0] + x[1]))
    yes, no = np.array(counts, float).reshape(-1, 2).T
    if not yes.sum() or not no.sum():
        return None
    below = np.cumsum(no) - no
    return float(yes @ (below + no / 2) / (yes.sum() * no.sum()))


def alone(
    cohort,
) -> dict[
    str, dict
]:  # cohort.Cohort -> attribute -> class -> auroc | None, images with and without
    """How well each attribute alone tells each class, over the images where both are known."""
    return {
        name: {c: _alone(cohort, c, values) for c in cohort.names}
        for name, values in (
            (a, cohort.columns["group" if a == "age_group" else a]) for a in ATTRIBUTES
        )
    }


def _alone(cohort, c: str, values) -> dict:
    known = (values != "") & ~cohort.unknown[c]
    has, values = cohort.has[c][known], values[known]
    return dict(auroc=auroc_alone(has, values), images=int(has.sum()), others=int((~has).sum()))


# ---- warnings


def warn(
    cohort,  # cohort.Cohort
    classes: dict,  # class -> its counts and quantiles, as eda.json holds them
    limits: dict,  # of `floors`; empty where an image may have several classes
    single: dict,  # of `alone`
) -> list[dict]:  # kind (a key of TITLES), title, says, do, numbers
    """Every way in which this folder may teach something else than the disease, the gravest first."""
    found = [
        *_sources(cohort, classes, limits, single),
        *_ages(cohort, classes),
        *_uneven(cohort, single),
        *_apart(cohort, classes),
        *_scarce(cohort, classes),
    ]
    return [
        dict(kind=kind, title=TITLES[kind], says=says, do=do, numbers=numbers)
        for kind, says, do, numbers in found
    ]


def _few(words, most: int = SHOWN) -> str:
    words = list(words)
    return "; ".join(words[:most]) + (
        f"; and {len(words) - most} more" if len(words) > most else ""
    )


def _count(n: int, one: str = "image", many: str = "") -> str:
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def _of(n: int, of: int) -> str:
    return f"all {_count(of)}" if n == of else f"{percent(n, of)} of {_count(of)}"


def _sources(cohort, classes, limits, single):
    """Classes of one source, sources of one class, and how far a model would come that sees the source only."""
    total = Counter(cohort.columns["source"].tolist())
    if len(total) == 1:
        yield (
            "single_source",
            f"All images come from one source: {next(iter(total))}.",
            "No score on this folder tells how a model does elsewhere: test it on a folder of other sources.",
            dict(sources=dict(total)),
        )
        return
    tops = {
        c: max(x["source"].items(), key=lambda kv: kv[1]) for c, x in classes.items() if x["images"]
    }
    bound = {
        c: dict(source=s, images=n, of=classes[c]["images"])
        for c, (s, n) in tops.items()
        if n >= MOST * classes[c]["images"]
    }
    if bound:
        said = (
            f"{cohort.names[c]}, {_of(b['images'], b['of'])} from {b['source']}"
            for c, b in bound.items()
        )
        yield (
            "class_of_one_source",
            f"{_count(len(bound), 'class', 'classes')} of nearly one source: {_few(said)}.",
            "A model may learn the source instead of the disease: add sources that hold the class beside others "
            "(cxr sources), and judge a score within each source, as cxr evaluate prints it.",
            bound,
        )
    yield from _one_class(cohort, classes, total)
    yield from _floor(cohort, limits, single)


def _one_class(cohort, classes, total):
    by = {s: {c: x["source"].get(s, 0) for c, x in classes.items()} for s in sorted(total)}
    tops = {s: max(count.items(), key=lambda kv: kv[1]) for s, count in by.items()}
    pure = {
        s: {"class": c, "images": n, "of": total[s]}
        for s, (c, n) in tops.items()
        if n >= MOST * total[s]
    }
    if not pure:
        return
    said = (f"{s}, {_of(p['images'], p['of'])} {cohort.names[p['class']]}" for s, p in pure.items())
    yield (
        "source_of_one_class",
        f"{len(pure)} of {_count(len(total), 'source')} {'holds' if len(pure) == 1 else 'hold'} nearly one class: "
        f"{_few(said)}.",
        "Within such a source no score can be told from always answering its class: leave it out, or add images of "
        "its other classes.",
        pure,
    )


def _floor(cohort, limits, single):
    if limits and limits["righted"] >= RIGHTED:
        yield (
            "source_only_floor",
            f"Answering each source's commonest class is right for {100 * limits['source_only_accuracy']:.1f} % of "
            f"the images, always answering {cohort.names[limits['majority']]} for "
            f"{100 * limits['majority_accuracy']:.1f} %.",
            "An accuracy means something only above the source-only floor, which cxr evaluate prints beside it.",
            limits,
        )
    told = _told(single["source"]) if not limits else {}
    if told:
        yield (
            "source_only_floor",
            f"AUROC of knowing the source alone: {_aurocs(cohort, told)}.",
            "An AUROC of such a finding means something only above this, or within one source.",
            told,
        )


def _told(by_class: dict) -> dict[str, float]:
    """Class -> AUROC, the highest first, of those that the attribute tells."""
    told = {
        c: x["auroc"]
        for c, x in by_class.items()
        if x["auroc"] is not None and x["auroc"] >= ALONE and min(x["images"], x["others"]) >= FEW
    }
    return dict(sorted(told.items(), key=lambda kv: (-kv[1], kv[0])))


def _aurocs(cohort, told) -> str:
    return _few(f"{cohort.names[c]} {a:.2f}" for c, a in told.items())


def _ages(cohort, classes):
    """Classes that stand for an age group while another has the other; ages that nobody knows."""
    counts = {
        c: {
            g: sum(n for k, n in x["age_group"].items() if k.split("_")[0] == g)
            for g in ("child", "adult")
        }
        for c, x in classes.items()
        if x["images"]
    }
    bound = {}
    for c, count in counts.items():
        for g, other in (("child", "adult"), ("adult", "child")):
            against = any(counts[d][other] >= HALF * classes[d]["images"] for d in counts if d != c)
            if count[g] >= MOST * classes[c]["images"] and against:
                bound[c] = dict(
                    group=g,
                    images=count[g],
                    of=classes[c]["images"],
                    by_age=classes[c]["age_group"].get(g, 0),
                )
    if bound:
        said = (
            f"{cohort.names[c]}, {_of(b['images'], b['of'])} {'children' if b['group'] == 'child' else 'adults'}"
            for c, b in bound.items()
        )
        given, of = (sum(b[k] for b in bound.values()) for k in ("by_age", "of"))
        word = (
            ""
            if given == of
            else "; of the others the group is the catalogue's word for the whole source"
        )
        yield (
            "class_of_one_age_group",
            f"{_few(said)}. The age is given for {_of(given, of)}{word}.",
            "A model may learn age instead of the disease: compare classes within one age group, or add images of "
            "the other.",
            bound,
        )
    n, of = sum(not r.age for r in cohort.rows), len(cohort.rows)
    if n >= HALF * of:
        yield (
            "unknown_age",
            f"The age is unknown for {_of(n, of)}.",
            "Their age group is at best the catalogue's word for the whole source, which may be wrong for one of "
            "them: believe nothing about age that rests on it.",
            dict(unknown=n, of=of),
        )


def _uneven(cohort, single):
    """Classes that sex or view alone tells."""
    for name in ("sex", "view"):
        told = _told(single[name])
        if told:
            yield (
                f"class_of_one_{name}",
                f"AUROC of knowing the {name} alone: {_aurocs(cohort, told)}.",
                f"Compare classes within one {name}, or balance it, before a difference is called disease.",
                told,
            )


def _apart(cohort, classes):
    """Classes whose middle halves do not meet in size, shape or brightness."""
    for kind, (key, what) in QUANTITIES.items():
        five = {
            c: x[key]["quantiles"]
            for c, x in classes.items()
            if x[key]["quantiles"] and x["images"] >= FEW
        }
        pairs = [
            (a, b)
            for a in five
            for b in five
            if five[a][3] < five[b][1] and five[b][2] >= (1 + SLIGHT) * five[a][2]
        ]
        if not pairs:
            continue
        named = sorted({c for p in pairs for c in p}, key=lambda c: (five[c][2], c))
        said = (f"{cohort.names[c]} {_number(five[c][1])} to {_number(five[c][3])}" for c in named)
        yield (
            f"{kind}_apart",
            f"The {kind} of the images tells {_count(len(pairs), 'pair')} of classes apart. Middle "
            f"half of each, {what}: {_few(said, 2 * SHOWN)}.",
            "A model sees this before any lung: train with augmentation that changes it (--augment acquisition), "
            "and look whether a score holds within one source.",
            [dict(classes=[a, b], halves=[five[a][1:4:2], five[b][1:4:2]]) for a, b in pairs],
        )


def _number(x: float) -> str:
    return f"{x:.2f}" if x < 10 else f"{x:.0f}"


def _scarce(cohort, classes):
    """Classes that a split lacks, or has too few of to be scored."""
    cells = {(c, s): x["split"].get(s, 0) for c, x in classes.items() for s in cohort.splits}
    none, few = (
        {k: n for k, n in cells.items() if not n},
        {k: n for k, n in cells.items() if 0 < n < FEW},
    )
    if none:
        yield (
            "class_absent",
            f"No image at all: {_few(f'{cohort.names[c]} in {s}' for c, s in none)}.",
            "A class that train lacks cannot be learnt, one that valid or test lacks cannot be judged: add a source "
            "that has it (cxr sources).",
            [{"class": c, "split": s} for c, s in none],
        )
    if few:
        said = (f"{cohort.names[c]} in {s}, {n}" for (c, s), n in few.items())
        yield (
            "class_scarce",
            f"Fewer than {FEW} images: {_few(said)}.",
            "One image more or less moves such a score by 5 points and more: give intervals, add images.",
            [{"class": c, "split": s, "images": n} for (c, s), n in few.items()],
        )


def find_confounds(
    cohort,  # counts.Cohort
    brightness: dict[str, float] | None = None,  # path -> mean gray, 0-255, of images measured
) -> list[FolderWarning]:
    """Everything in this folder that may teach something else than the disease, gravest first."""
    raise NotImplementedError
