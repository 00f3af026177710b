"""How good answers are that name several findings at once. Arrays of what is present (1), absent (0) or unknown (nan)
and of what was answered -> plain dicts of Python numbers, None where a number is undefined; with a Resampling, the same
numbers in each resample. Multi-label only; never reads files, never picks a threshold: answers are given.

An unknown label counts nowhere: neither for nor against, in no sum and under no average. All numbers are those of
scikit-learn on what is known, with zero_division=0, and averages over findings leave out those that no image has.

    micro     all images and findings in one count: common findings decide
    macro     mean over the findings that some image has: each as much as the others
    weighted  mean over the same findings, each by its number of images
    samples   mean over the images. As scikit-learn counts it, an image in which nothing is present is 0, also where
              nothing was answered: at best it is the share of the images that have a finding
"""

from __future__ import annotations

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from cxr_fastai.core import UsageError
from cxr_fastai.evaluation.bootstrap import Resampling
from cxr_fastai.recipes import NONE, UNSET

__all__ = [
    "findings_metrics",
    "findings_floors",
    "findings_by_source",
    "findings_intervals",
    "resampled_findings",
    "HEADLINE_KEYS",
    "AVERAGES",
]

AVERAGES = ("micro", "macro", "weighted", "samples")
SCORES = ("precision", "recall", "f1")
HEADLINE_KEYS = (
    "macro_auroc",
    "macro_ap",
    "macro_f1",
    "micro_f1",
    "weighted_f1",
    "samples_f1",
    "exact",
)
SOURCE_KEYS = ("macro_auroc", "micro_f1", "exact")


def findings_metrics(
    targs,  # (n, c) 1 present, 0 absent, nan unknown
    probs,  # (n, c) probability of each finding, 0-1
    vocab,  # (c,) finding slugs
    found,  # (n, c) bool: what was answered
    thresholds,  # {slug: least probability of a yes}, of those that validation fixed; the others have UNSET
) -> dict:  # strict JSON
    """HEADLINE_KEYS: macro AUROC and average precision over the findings that some images are known to have and others
    not to; F1 by average; `exact`, the share of images all of whose known findings were answered right. `of` says of
    how many findings or images each is a mean. `averages` of AVERAGES; `per_class`; `together`: how often two findings
    are present, and answered, in one image, in vocab order. A finding that was never answered has precision 0; one that
    no image has, recall and F1 None; one that is known of no image, no number. Raises `UsageError` for arrays that do
    not fit together.
    """
    targs, probs, found = _arrays(targs, probs, found, vocab)
    m, known, present = _counted(_Once(), targs, probs, found), ~np.isnan(targs), targs == 1
    answered, per_class = known & found, _first(m.pop("per_class"))

    def one(i, c):
        numbers = {k: v[i] for k, v in per_class.items()}
        if known[:, i].any() and not answered[:, i].any():
            numbers["precision"] = 0.0
        return dict(
            n=int(known[:, i].sum()),
            support=int(present[:, i].sum()),
            unknown=int((~known[:, i]).sum()),
            answered=int(answered[:, i].sum()),
            threshold=float(thresholds.get(c, UNSET)),
            fixed=c in thresholds,
            **numbers,
        )

    per_class = {c: one(i, c) for i, c in enumerate(vocab)}
    return dict(
        n=len(targs),
        **_first(m),
        of=_of(per_class, known),
        with_findings=int(present.any(1).sum()),
        per_class=per_class,
        together=dict(present=_together(present), answered=_together(answered)),
    )


def findings_floors(
    targs,  # (n, c) as for findings_metrics
    sources,  # (n,) the source that each image came from
    vocab,  # (c,) finding slugs
) -> (
    dict
):  # all_absent, source_only: HEADLINE_KEYS; source_only also per_class {auroc, ap, f1} and answers
    """What can be had without reading a radiograph; a number means something only above it.

    `all_absent` answers every image with nothing, and ranks none above another. `source_only` ranks images by how
    common a finding is in their source, the best AUROC that any model can reach which sees only where an image came
    from (0.5 where there is one source), and answers the finding in the sources that give the best F1 (`answers`:
    {source: label}; with one source, everywhere, and F1 is 2p/(1+p) of prevalence p). Both look at the evaluated images
    themselves, so this is the strictest form of the floor: rules learnt on other images can only do worse here.
    """
    targs = _targs(targs, vocab)
    sources = _sources(sources, len(targs))
    blind = _blind(targs, sources)
    found = {name: _first(_counted(_Once(), targs, *of)) for name, of in blind.items()}
    by, (_, yes) = found["source_only"]["per_class"], blind["source_only"]
    answers = {
        s: "|".join(c for c, there in zip(vocab, yes[sources == s][0]) if there) or NONE
        for s in sorted(set(sources))
    }
    per_class = {c: {k: by[k][i] for k in ("auroc", "ap", "f1")} for i, c in enumerate(vocab)}
    head = {name: {k: of[k] for k in HEADLINE_KEYS} for name, of in found.items()}
    return {
        **head,
        "source_only": dict(**head["source_only"], per_class=per_class, answers=answers),
    }


def findings_by_source(
    targs,
    probs,
    vocab,
    found,  # as for findings_metrics
    sources,  # (n,) the source that each image came from
) -> dict:  # {source: {n, with_findings, findings, of, macro_auroc, micro_f1, exact}}, sources in alphabetical order
    """Numbers within each source, where knowing the source is of no help. `findings` counts those that it has images
    of, `of` those of which it has images with and without: the macro AUROC is over these.
    """
    targs, probs, found = _arrays(targs, probs, found, vocab)
    sources = _sources(sources, len(targs))

    def one(own):
        m, present = _first(_counted(_Once(), targs[own], probs[own], found[own])), targs[own] == 1
        return dict(
            n=int(own.sum()),
            with_findings=int(present.any(1).sum()),
            findings=int(present.any(0).sum()),
            of=sum(x is not None for x in m["per_class"]["auroc"]),
            **{k: m[k] for k in SOURCE_KEYS},
        )

    return {s: one(sources == s) for s in sorted(set(sources))}


# ---- the same numbers in each resample, and their intervals


def resampled_findings(
    resampling: Resampling,  # R draws of the groups of these images
    targs,
    probs,
    vocab,
    found,  # as for findings_metrics
) -> dict:  # HEADLINE_KEYS: (R,); averages: likewise, nested; per_class: {precision, ..: (R, c)}
    """Numbers of `findings_metrics` in each resample, nan where undefined. A mean over findings is one over those for
    which the resample defines the number; a precision is undefined where a resample never answers the finding.
    """
    return _counted(resampling, *_arrays(targs, probs, found, vocab))


def findings_intervals(
    resampling: Resampling,
    targs,
    probs,
    vocab,
    found,
    sources,
) -> dict:  # metrics, floors, by_source: nested as the numbers are; gain: of macro AUROC over the source-only floor
    """Intervals of all numbers of this module. The floors keep their answers in all resamples; the gain is paired."""
    targs, probs, found = _arrays(targs, probs, found, vocab)
    m, sources = _counted(resampling, targs, probs, found), _sources(sources, len(targs))
    metrics = {
        **_spans(resampling, m),
        "per_class": _class_spans(resampling, m["per_class"], vocab, targs, found),
    }
    blind = {name: _counted(resampling, targs, *of) for name, of in _blind(targs, sources).items()}
    floors = {
        name: {k: resampling.interval(of[k]) for k in HEADLINE_KEYS} for name, of in blind.items()
    }
    by, sides = blind["source_only"]["per_class"], [(targs == 1), (targs == 0)]
    floors["source_only"]["per_class"] = {
        c: {
            k: resampling.interval(by[k][:, i], *(s[:, i] for s in sides))
            for k in ("auroc", "ap", "f1")
        }
        for i, c in enumerate(vocab)
    }
    return dict(
        metrics=metrics,
        floors=floors,
        by_source=_source_spans(resampling, targs, probs, found, sources),
        gain=resampling.interval(m["macro_auroc"] - blind["source_only"]["macro_auroc"]),
    )


def _spans(resampling: Resampling, m: dict) -> dict:
    return {
        k: _spans(resampling, v) if isinstance(v, dict) else resampling.interval(v)
        for k, v in m.items()
        if k != "per_class"
    }


def _class_spans(resampling: Resampling, m: dict, vocab, targs, found) -> dict:
    known, present = ~np.isnan(targs), targs == 1
    absent, answered = known & ~present, known & found
    sides = dict(
        auroc=[present, absent],
        ap=[present, absent],
        precision=[answered],
        recall=[present],
        f1=[present],
        specificity=[absent],
        prevalence=[known],
    )
    return {
        c: {
            k: resampling.interval(m[k][:, i], *(side[:, i] for side in of))
            for k, of in sides.items()
        }
        for i, c in enumerate(vocab)
    }


def _source_spans(resampling: Resampling, targs, probs, found, sources) -> dict:
    def one(own):  # what is unknown counts nowhere, so images elsewhere are made unknown
        m = _counted(resampling, np.where(own[:, None], targs, np.nan), probs, found)
        return {k: resampling.interval(m[k], own) for k in SOURCE_KEYS}

    return {s: one(sources == s) for s in sorted(set(sources))}


# ---- counting, once or in each resample


class _Once:
    """The images as they came, in the place of a Resampling: a single draw, of each group once."""

    def totals(self, values) -> np.ndarray:
        return np.asarray(values).sum(0, dtype=float)[None]

    def aurocs(self, positive, scores, among) -> np.ndarray:
        return self._score(roc_auc_score, positive, scores, among)

    def average_precisions(self, positive, scores, among) -> np.ndarray:
        return self._score(average_precision_score, positive, scores, among)

    def _score(self, score, positive, scores, among) -> np.ndarray:
        positive, scores = positive[among], scores[among]
        return np.array(
            [score(positive, scores) if positive.any() and not positive.all() else np.nan]
        )


def _counted(draws, targs, probs, found) -> dict:
    """All numbers in each draw: (R,), those of per_class (R, c)."""
    known, present = ~np.isnan(targs), targs == 1
    answered, hit = known & found, present & found
    per_class, averages = _answers(draws, known, present, answered, hit)
    columns = [(present[:, i], probs[:, i], known[:, i]) for i in range(targs.shape[1])]
    aurocs = np.stack([draws.aurocs(*c) for c in columns], axis=1)
    aps = np.stack([draws.average_precisions(*c) for c in columns], axis=1)
    aps[np.isnan(aurocs)] = np.nan  # where all images have a finding, ranking them is no feat
    *samples, exact = _samples(draws, known, present, answered, hit)
    averages["samples"] = {
        k: np.where(np.isnan(averages["micro"]["f1"]), np.nan, x) for k, x in zip(SCORES, samples)
    }
    return dict(
        macro_auroc=_mean(aurocs),
        macro_ap=_mean(aps),
        **{f"{a}_f1": averages[a]["f1"] for a in AVERAGES},
        exact=exact,
        averages=averages,
        per_class=dict(auroc=aurocs, ap=aps, **per_class),
    )


def _answers(draws, known, present, answered, hit) -> tuple[dict, dict]:
    """(numbers by finding, averages but that of samples) of answers."""
    n, t, a, h = counts = np.split(
        draws.totals(np.hstack([known, present, answered, hit])), 4, axis=1
    )
    by_finding, whole = _rates(*counts), _rates(*(x.sum(1) for x in counts))
    over = _scores(by_finding, t)
    return by_finding, dict(
        micro=_scores(whole, t.sum(1)),
        macro={k: _mean(v) for k, v in over.items()},
        weighted={k: _mean(v, t) for k, v in over.items()},
    )


def _rates(n, t, a, h) -> dict:
    """Of known, present, answered and rightly answered; nan where that is nothing of nothing."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return dict(
            prevalence=t / n,
            precision=h / a,
            recall=h / t,
            specificity=(n - t - a + h) / (n - t),
            f1=np.where(t > 0, 2 * h / (t + a), np.nan),
        )


def _scores(rates: dict, t) -> dict:
    """What averages are made of: where something is present and nothing was answered, precision is 0."""
    return {
        **{k: rates[k] for k in SCORES},
        "precision": np.where(t > 0, np.nan_to_num(rates["precision"]), np.nan),
    }


def _samples(draws, known, present, answered, hit) -> np.ndarray:
    """(4, R): means over the images of precision, recall and F1 of their findings, and of whether all are right."""
    t, a, h, some = present.sum(1), answered.sum(1), hit.sum(1), known.any(1)

    def share(part, whole):
        return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)

    right = (answered == present).all(1)
    sums = draws.totals(
        np.column_stack([share(h, a), share(h, t), share(2 * h, t + a), right & some, some])
    )
    with np.errstate(invalid="ignore"):
        return sums[:, :4].T / sums[:, 4]


def _mean(
    values,  # (R, c)
    weights=None,  # (R, c) 0 or more; None: each finding as much as the others
) -> np.ndarray:  # (R,) over the findings whose value is defined; nan where there is none
    known = ~np.isnan(values)
    weights = known if weights is None else known * weights
    with np.errstate(invalid="ignore"):
        return (np.where(known, values, 0) * weights).sum(1) / weights.sum(1)


# ---- answers that see no radiograph


def _blind(targs, sources) -> dict:
    """Name -> (scores, answers), each (n, c)."""
    scores, yes = np.zeros(targs.shape), np.zeros(targs.shape, bool)
    own = [sources == s for s in sorted(set(sources))]
    for i, y in enumerate(targs.T):
        known, present = ~np.isnan(y), y == 1
        for of in own:
            scores[of, i] = present[of].sum() / max(known[of].sum(), 1)
        levels = [x for x in np.unique(scores[:, i]) if x > 0]
        if levels:
            yes[:, i] = scores[:, i] >= max(
                levels, key=lambda x: _f1(known & (scores[:, i] >= x), present)
            )
    return dict(
        all_absent=(np.zeros(targs.shape), np.zeros(targs.shape, bool)), source_only=(scores, yes)
    )


def _f1(answered, present) -> float:
    return 2 * (answered & present).sum() / (answered.sum() + present.sum())


# ---- parts


def _first(tree):
    """Numbers of the only draw, as plain ones; nan as None."""
    if isinstance(tree, dict):
        return {k: _first(v) for k, v in tree.items()}

    def plain(x):
        return None if np.isnan(x) else float(x)

    return plain(tree[0]) if tree.ndim == 1 else [plain(x) for x in tree[0]]


def _of(per_class: dict, known) -> dict:
    """How many findings, or images, each number is a mean over."""
    ranked, seen = (
        sum(test(m) for m in per_class.values())
        for test in (lambda m: m["auroc"] is not None, lambda m: m["support"] > 0)
    )
    images = int(known.any(1).sum())
    return dict(
        macro_auroc=ranked,
        macro_ap=ranked,
        macro_f1=seen,
        weighted_f1=seen,
        samples_f1=images,
        exact=images,
    )


def _together(has) -> list[list[int]]:
    return (has.T.astype(int) @ has.astype(int)).tolist()


def _targs(targs, vocab) -> np.ndarray:
    targs = np.asarray(targs, float)
    if targs.ndim != 2 or not len(targs) or targs.shape[1] != len(vocab):
        raise UsageError(
            f"targs has shape {targs.shape}: expected (n, {len(vocab)}) with n > 0, a column a finding."
        )
    wrong = targs[~np.isin(targs, (0, 1)) & ~np.isnan(targs)]
    if len(wrong):
        raise UsageError(f"targs holds {wrong[0]:g}: expected 1 present, 0 absent, nan unknown.")
    if np.isnan(targs).all():
        raise UsageError("targs holds no label that is known: nothing can be counted.")
    return targs


def _arrays(targs, probs, found, vocab) -> tuple[np.ndarray, ...]:
    targs, probs, found = _targs(targs, vocab), np.asarray(probs), np.asarray(found, bool)
    for name, of in (("probs", probs), ("found", found)):
        if of.shape != targs.shape:
            raise UsageError(
                f"{name} has shape {of.shape}: expected {targs.shape}, a row an image and a column a "
                "finding."
            )
    bad = np.flatnonzero(~np.isfinite(probs).all(1))
    if not len(bad):
        return targs, probs, found
    raise UsageError(
        f"probs: {len(bad)} of {len(probs)} rows are not finite, the first is row {bad[0]}."
    )


def _sources(sources, n: int) -> np.ndarray:
    sources = np.array([str(s) for s in sources], dtype=object)
    if len(sources) != n:
        raise UsageError(f"sources has {len(sources)} names for {n} images: expected one an image.")
    return sources
