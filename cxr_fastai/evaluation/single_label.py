"""How good the answers are, and how good answers would be that never look at the lungs. Arrays -> plain dicts of Python
numbers, None where a number is undefined; with a Resampling, the same numbers in each resample. Single-label only;
never reads files, never picks a threshold: answers are given, or are the class of highest probability.
"""

from __future__ import annotations

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    precision_recall_fscore_support,
    recall_score,
    roc_auc_score,
)

from cxr_fastai.core import UsageError
from cxr_fastai.evaluation.bootstrap import Resampling

__all__ = [
    "classification_metrics",
    "question",
    "decision_metrics",
    "floors",
    "source_metrics",
    "classification_intervals",
    "decision_intervals",
    "floor_intervals",
    "source_intervals",
    "resampled_metrics",
    "resampled_decision",
]


def classification_metrics(
    targs,  # (n,) true classes, as indices into vocab
    probs,  # (n, c) probability of each class, 0-1; on a tie the class earlier in vocab is the answer
    vocab,  # (c,) class slugs
    preds=None,  # (n,) answered classes, as indices into vocab; None: the most probable
) -> dict:  # strict JSON; `confusion` has one row a true class, one column an answered class, both in vocab order
    """Metrics of single-label answers. `balanced_accuracy` and `macro_f1` are plain means over the classes that have
    images in `targs`, `macro_auroc` over the classes whose one-vs-rest AUROC is defined: those with images in `targs`
    and images beside them. A class that was never answered has precision 0; a class without images has recall and F1
    None. Raises `UsageError` for arrays that do not fit together.
    """
    targs, probs = _targs(targs, vocab), _probs(probs, len(targs), vocab)
    preds, labels, present = _preds(preds, probs), np.arange(len(vocab)), np.unique(targs)
    cols = precision_recall_fscore_support(targs, preds, labels=labels, zero_division=0)
    per_class = {
        c: _one_class(*row, targs == i, probs[:, i])
        for i, (c, row) in enumerate(zip(vocab, zip(*cols)))
    }
    aurocs = [o["auroc"] for o in per_class.values() if o["auroc"] is not None]
    return dict(
        n=len(targs),
        **_scores(targs, preds),
        macro_f1=float(cols[2][present].mean()),
        macro_auroc=float(np.mean(aurocs)) if aurocs else None,
        per_class=per_class,
        confusion=confusion_matrix(targs, preds, labels=labels).tolist(),
    )


def question(
    targs,
    probs,
    vocab,
    negative: str,  # as for decision_metrics
) -> tuple[
    np.ndarray, np.ndarray
]:  # (n,) whether an image is positive; (n,) its probability of being so
    """A yes or no out of classes: whether an image is of any but the negative one."""
    targs, probs = _targs(targs, vocab), _probs(probs, len(targs), vocab)
    index = list(vocab).index(negative)
    return targs != index, np.delete(probs, index, 1).sum(1)


def decision_metrics(
    targs,  # (n,) true classes, as indices into vocab
    probs,  # (n, c) probability of each class, 0-1
    vocab,  # (c,) class slugs
    negative: str,  # the class of those who have nothing; the others together are positive
    threshold: float,  # on the probability of being positive, fixed before these images were seen
) -> dict:  # negative, threshold, n, prevalence, auroc, accuracy, sensitivity, specificity, ppv, npv; `of`: of
    # how many images each of these is a share
    """One question, yes or no, at one threshold. A share of no images is None, and so is an AUROC without two sides."""
    positive, scores = question(targs, probs, vocab, negative)
    shares = _shares(positive, scores >= threshold)
    both = bool(positive.any() and not positive.all())
    return dict(
        negative=negative,
        n=len(positive),
        threshold=float(threshold),
        auroc=float(roc_auc_score(positive, scores)) if both else None,
        **{
            k: float(part[whole].mean()) if whole.any() else None
            for k, (part, whole) in shares.items()
        },
        of={"auroc": len(positive), **{k: int(whole.sum()) for k, (_, whole) in shares.items()}},
    )


def floors(
    targs,  # (n,) true classes, as indices into vocab
    sources,  # (n,) the source that each image came from
    vocab,  # (c,) class slugs
) -> dict:  # majority {label, accuracy, balanced_accuracy}, source_only {accuracy, balanced_accuracy, answers}
    """What can be had without reading a radiograph; an accuracy means something only above it.

    `majority` always answers the commonest class of these images. `source_only` answers each source's own commonest
    class (`answers`: {source: class}): the best accuracy that any model can reach which sees only where an image came
    from. Both look the commonest class up in the evaluated images themselves, so this is the strictest form of the
    floor: rules learnt on other images can only do worse here. A tie goes to the class earlier in vocab.

    On the published six-folder set (11,276 images), whose classes come from different sources, it is 78.1 %: bacterial
    pneumonia for every Kermany image (2,530 right), COVID-19 for the COVID sources (288), tuberculosis for the TB sets
    (394), other findings for the NIH sample (5,597), against 49.6 % for the majority. Where every source holds one
    class it is 100 %, and accuracy on those images cannot tell reading a radiograph from recognising its source.
    """
    targs, sources = _targs(targs, vocab), _sources(sources, len(targs))
    top = _commonest(targs, vocab)
    answers = {s: _commonest(targs[sources == s], vocab) for s in sorted(set(sources))}
    by_source = np.array([answers[s] for s in sources])
    return dict(
        majority=dict(label=vocab[top], **_scores(targs, np.full_like(targs, top))),
        source_only=dict(
            **_scores(targs, by_source), answers={s: vocab[i] for s, i in answers.items()}
        ),
    )


def source_metrics(
    targs,  # (n,) true classes, as indices into vocab
    probs,  # (n, c) probability of each class, 0-1
    sources,  # (n,) the source that each image came from
    vocab,  # (c,) class slugs
    preds=None,  # (n,) answered classes; None: the most probable
) -> dict:  # {source: {n, classes, accuracy, commonest, floor}}, sources in alphabetical order
    """Accuracy within each source, where knowing the source is of no help. `classes` counts the classes that it has
    images of; `floor` is the accuracy of always answering its `commonest` class.
    """
    targs, probs = _targs(targs, vocab), _probs(probs, len(targs), vocab)
    sources, preds = _sources(sources, len(targs)), _preds(preds, probs)
    return {
        s: _one_source(targs[sources == s], preds[sources == s], vocab)
        for s in sorted(set(sources))
    }


# ---- the same numbers in each resample, and their intervals


def resampled_metrics(
    resampling: Resampling,  # R draws of the groups of these images
    targs,
    probs,
    vocab,
    preds=None,  # as for classification_metrics
) -> dict:  # accuracy, balanced_accuracy, macro_f1, macro_auroc: (R,); precision, recall, f1, auroc, prevalence: (R, c)
    """Numbers of `classification_metrics` in each resample, nan where undefined. A mean over classes is one over those
    that have images in the resample; a precision is undefined where a resample never answers the class.
    """
    targs, probs = _targs(targs, vocab), _probs(probs, len(targs), vocab)
    truth, answer = _one_hot(targs, vocab), _one_hot(_preds(preds, probs), vocab)
    t, a, hit = np.split(resampling.totals(np.hstack([truth, answer, truth & answer])), 3, axis=1)
    aurocs = np.stack(
        [resampling.aurocs(truth[:, i], probs[:, i]) for i in range(len(vocab))], axis=1
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        recall, f1, n = hit / t, np.where(t > 0, 2 * hit / (t + a), np.nan), t.sum(1, keepdims=True)
        return dict(
            accuracy=hit.sum(1) / n[:, 0],
            balanced_accuracy=_mean(recall),
            macro_f1=_mean(f1),
            macro_auroc=_mean(aurocs),
            precision=hit / a,
            recall=recall,
            f1=f1,
            auroc=aurocs,
            prevalence=t / n,
        )


def classification_intervals(resampling: Resampling, targs, probs, vocab, preds=None) -> dict:
    """Intervals of the numbers of `classification_metrics`, nested as they are."""
    found = resampled_metrics(resampling, targs, probs, vocab, preds)
    truth = _one_hot(np.asarray(targs), vocab)
    answer = _one_hot(_preds(preds, np.asarray(probs)), vocab)

    def one(i):
        t, a = truth[:, i], answer[:, i]
        sides = dict(precision=[a], recall=[t], f1=[t], auroc=[t, ~t], prevalence=[])
        return {k: resampling.interval(found[k][:, i], *of) for k, of in sides.items()}

    means = ("accuracy", "balanced_accuracy", "macro_f1", "macro_auroc")
    return {
        **{k: resampling.interval(found[k]) for k in means},
        "per_class": {c: one(i) for i, c in enumerate(vocab)},
    }


def resampled_decision(
    resampling: Resampling, targs, probs, vocab, negative: str, threshold: float
) -> dict:
    """(R,) of auroc, prevalence, accuracy, sensitivity, specificity, ppv, npv; nan where undefined."""
    positive, scores = question(targs, probs, vocab, negative)
    shares = _shares(positive, scores >= threshold)
    return dict(
        auroc=resampling.aurocs(positive, scores),
        **{k: resampling.shares(part & whole, whole) for k, (part, whole) in shares.items()},
    )


def decision_intervals(
    resampling: Resampling, targs, probs, vocab, negative: str, threshold: float
) -> dict:
    """Intervals of the numbers of `decision_metrics`."""
    found = resampled_decision(resampling, targs, probs, vocab, negative, threshold)
    positive, scores = question(targs, probs, vocab, negative)
    sides = {k: [whole] for k, (_, whole) in _shares(positive, scores >= threshold).items()}
    return {
        k: resampling.interval(v, *sides.get(k, (positive, ~positive))) for k, v in found.items()
    }


def floor_intervals(
    resampling: Resampling,
    targs,
    preds,
    sources,
    vocab,  # as for floors
    limits: dict,  # of `floors`: its answers stay as they are, in every resample
) -> tuple[
    dict, list | None
]:  # intervals nested as in `floors`; that of the accuracy of preds above the source-only one
    """Intervals of the floors, and of what the answers gain over the source-only floor: paired, in the same resamples."""
    targs, sources, vocab = _targs(targs, vocab), _sources(sources, len(targs)), list(vocab)
    answers = limits["source_only"]["answers"]
    by = dict(
        majority=np.full_like(targs, vocab.index(limits["majority"]["label"])),
        source_only=np.array([vocab.index(answers[s]) for s in sources]),
    )
    truth = _one_hot(targs, vocab)

    def scores(preds):
        recall = resampling.shares(truth & (preds == targs)[:, None], truth)
        return dict(accuracy=resampling.shares(preds == targs), balanced_accuracy=_mean(recall))

    found = {name: scores(answer) for name, answer in by.items()}
    gain = resampling.shares(np.asarray(preds) == targs) - found["source_only"]["accuracy"]
    return (
        {name: {k: resampling.interval(v) for k, v in of.items()} for name, of in found.items()},
        resampling.interval(gain),
    )


def source_intervals(resampling: Resampling, targs, preds, sources) -> dict:
    """Intervals of the accuracy within each source, and of always answering its commonest class."""
    sources, targs = _sources(sources, len(targs)), np.asarray(targs)
    names, right = sorted(set(sources)), np.asarray(preds) == targs
    of = np.stack([sources == s for s in names], axis=1)
    top = np.stack([targs == np.bincount(targs[own]).argmax() for own in of.T], axis=1)
    found = {
        k: resampling.shares(of & hit, of)
        for k, hit in (("accuracy", right[:, None]), ("floor", top))
    }
    return {
        s: {k: resampling.interval(x[:, i], of[:, i]) for k, x in found.items()}
        for i, s in enumerate(names)
    }


# ---- parts


def _shares(positive, yes) -> dict:
    """Name -> (images that have it, images of which it is a share), of a yes or no."""
    every = np.ones(len(positive), bool)
    return dict(
        prevalence=(positive, every),
        accuracy=(yes == positive, every),
        sensitivity=(yes, positive),
        specificity=(~yes, ~positive),
        ppv=(positive, yes),
        npv=(~positive, ~yes),
    )


def _one_hot(classes, vocab) -> np.ndarray:
    return np.asarray(classes)[:, None] == np.arange(len(vocab))


def _mean(values) -> np.ndarray:
    """Mean over the columns that are defined; nan where none is."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0).sum(1) / known.sum(1)


def _one_class(precision, recall, f1, support, is_class, score) -> dict:
    """One class against the rest, as plain numbers; None where there is nothing to count."""
    has, defined = bool(support), bool(is_class.any() and not is_class.all())
    return dict(
        precision=float(precision),
        recall=float(recall) if has else None,
        f1=float(f1) if has else None,
        support=int(support),
        auroc=float(roc_auc_score(is_class, score)) if defined else None,
        prevalence=float(is_class.mean()),
    )


def _one_source(targs, preds, vocab) -> dict:
    top = _commonest(targs, vocab)
    return dict(
        n=len(targs),
        classes=len(np.unique(targs)),
        accuracy=float(accuracy_score(targs, preds)),
        commonest=vocab[top],
        floor=float((targs == top).mean()),
    )


def _scores(targs, preds) -> dict:
    """Accuracy, and the mean recall of the classes that have images."""
    balanced = recall_score(targs, preds, labels=np.unique(targs), average="macro", zero_division=0)
    return dict(accuracy=float(accuracy_score(targs, preds)), balanced_accuracy=float(balanced))


def _commonest(targs, vocab) -> int:
    """Index of the commonest class; of several, the first in vocab."""
    return int(np.bincount(targs, minlength=len(vocab)).argmax())


def _targs(targs, vocab) -> np.ndarray:
    targs = np.asarray(targs)
    if targs.ndim != 1 or not len(targs):
        raise UsageError(f"targs has shape {targs.shape}: expected (n,) with n > 0.")
    if not np.issubdtype(targs.dtype, np.integer) or targs.min() < 0 or targs.max() >= len(vocab):
        raise UsageError(
            f"targs must be indices into vocab, whole numbers from 0 to {len(vocab) - 1}; "
            f"received {targs[:5].tolist()}, .."
        )
    return targs


def _probs(probs, n: int, vocab) -> np.ndarray:
    probs = np.asarray(probs)
    if probs.shape != (n, len(vocab)):
        raise UsageError(
            f"probs has shape {probs.shape}: expected ({n}, {len(vocab)}), "
            "a row an image and a column a class."
        )
    bad = np.flatnonzero(~np.isfinite(probs).all(1))
    if len(bad):
        raise UsageError(
            f"probs: {len(bad)} of {n} rows are not finite numbers, the first is row {bad[0]}."
        )
    return probs


def _preds(preds, probs) -> np.ndarray:
    if preds is None:
        return probs.argmax(1)
    preds = np.asarray(preds)
    if preds.shape == probs.shape[:1]:
        return preds
    raise UsageError(f"preds has shape {preds.shape}: expected ({len(probs)},), one an image.")


def _sources(sources, n: int) -> np.ndarray:
    sources = np.array([str(s) for s in sources], dtype=object)
    if len(sources) != n:
        raise UsageError(f"sources has {len(sources)} names for {n} images: expected one an image.")
    return sources
