"""How good the answers are, and how good answers would be that never look at the lungs. Arrays -> plain dicts of Python
numbers, None where a number is undefined. Single-label only; never reads files, never picks a threshold: answers are
given, or are the class of highest probability."""
from __future__ import annotations
import numpy as np
from sklearn.metrics import (accuracy_score, confusion_matrix, precision_recall_fscore_support, recall_score,
                             roc_auc_score)

from ..core import UsageError

__all__ = ["classification_metrics", "decision_metrics", "floors", "source_metrics"]


def classification_metrics(
    targs,       # (n,) true classes, as indices into vocab
    probs,       # (n, c) probability of each class, 0-1; on a tie the class earlier in vocab is the answer
    vocab,       # (c,) class slugs
    preds=None,  # (n,) answered classes, as indices into vocab; None: the most probable
)->dict:         # strict JSON; `confusion` has one row a true class, one column an answered class, both in vocab order
    """Metrics of single-label answers. `balanced_accuracy` and `macro_f1` are plain means over the classes that have
    images in `targs`, `macro_auroc` over the classes whose one-vs-rest AUROC is defined: those with images in `targs`
    and images beside them. A class that was never answered has precision 0; a class without images has recall and F1
    None. Raises `UsageError` for arrays that do not fit together."""
    targs, probs = _targs(targs, vocab), _probs(probs, len(targs), vocab)
    preds, labels, present = _preds(preds, probs), np.arange(len(vocab)), np.unique(targs)
    cols = precision_recall_fscore_support(targs, preds, labels=labels, zero_division=0)
    per_class = {c: _one_class(*row, targs == i, probs[:, i]) for i, (c, row) in enumerate(zip(vocab, zip(*cols)))}
    aurocs = [o["auroc"] for o in per_class.values() if o["auroc"] is not None]
    return dict(n=len(targs), **_scores(targs, preds), macro_f1=float(cols[2][present].mean()),
                macro_auroc=float(np.mean(aurocs)) if aurocs else None, per_class=per_class,
                confusion=confusion_matrix(targs, preds, labels=labels).tolist())

def decision_metrics(
    targs,           # (n,) true classes, as indices into vocab
    probs,           # (n, c) probability of each class, 0-1
    vocab,           # (c,) class slugs
    negative:str,    # the class of those who have nothing; the others together are positive
    threshold:float, # on the probability of being positive, fixed before these images were seen
)->dict:             # n, prevalence, threshold, auroc, accuracy, sensitivity, specificity, ppv, npv
    "One question, yes or no, at one threshold. A share of no images is None, and so is an AUROC without two sides."
    targs, probs = _targs(targs, vocab), _probs(probs, len(targs), vocab)
    index = list(vocab).index(negative)
    scores, positive = 1 - probs[:, index], targs != index
    yes, both = scores >= threshold, bool(positive.any() and not positive.all())
    def share(of, among): return float(of[among].mean()) if among.any() else None
    return dict(negative=negative, n=len(targs), prevalence=float(positive.mean()), threshold=float(threshold),
                auroc=float(roc_auc_score(positive, scores)) if both else None,
                accuracy=float((yes == positive).mean()), sensitivity=share(yes, positive),
                specificity=share(~yes, ~positive), ppv=share(positive, yes), npv=share(~positive, ~yes))

def floors(
    targs,       # (n,) true classes, as indices into vocab
    sources,     # (n,) the source that each image came from
    vocab,       # (c,) class slugs
)->dict:         # majority {label, accuracy, balanced_accuracy}, source_only {accuracy, balanced_accuracy, answers}
    """What can be had without reading a radiograph; an accuracy means something only above it.

    `majority` always answers the commonest class of these images. `source_only` answers each source's own commonest
    class (`answers`: {source: class}): the best accuracy that any model can reach which sees only where an image came
    from. Both look the commonest class up in the evaluated images themselves, so this is the strictest form of the
    floor: rules learnt on other images can only do worse here. A tie goes to the class earlier in vocab.

    On the published six-folder set (11,276 images), whose classes come from different sources, it is 78.1 %: bacterial
    pneumonia for every Kermany image (2,530 right), COVID-19 for the COVID sources (288), tuberculosis for the TB sets
    (394), other findings for the NIH sample (5,597), against 49.6 % for the majority. Where every source holds one
    class it is 100 %, and accuracy on those images cannot tell reading a radiograph from recognising its source."""
    targs, sources = _targs(targs, vocab), _sources(sources, len(targs))
    top = _commonest(targs, vocab)
    answers = {s: _commonest(targs[sources == s], vocab) for s in sorted(set(sources))}
    by_source = np.array([answers[s] for s in sources])
    return dict(majority=dict(label=vocab[top], **_scores(targs, np.full_like(targs, top))),
                source_only=dict(**_scores(targs, by_source), answers={s: vocab[i] for s, i in answers.items()}))

def source_metrics(
    targs,       # (n,) true classes, as indices into vocab
    probs,       # (n, c) probability of each class, 0-1
    sources,     # (n,) the source that each image came from
    vocab,       # (c,) class slugs
    preds=None,  # (n,) answered classes; None: the most probable
)->dict:         # {source: {n, classes, accuracy, commonest, floor}}, sources in alphabetical order
    """Accuracy within each source, where knowing the source is of no help. `classes` counts the classes that it has
    images of; `floor` is the accuracy of always answering its `commonest` class."""
    targs, probs = _targs(targs, vocab), _probs(probs, len(targs), vocab)
    sources, preds = _sources(sources, len(targs)), _preds(preds, probs)
    return {s: _one_source(targs[sources == s], preds[sources == s], vocab) for s in sorted(set(sources))}


# ---- parts

def _one_class(precision, recall, f1, support, is_class, score)->dict:
    "One class against the rest, as plain numbers; None where there is nothing to count."
    has, defined = bool(support), bool(is_class.any() and not is_class.all())
    return dict(precision=float(precision), recall=float(recall) if has else None, f1=float(f1) if has else None,
                support=int(support), auroc=float(roc_auc_score(is_class, score)) if defined else None,
                prevalence=float(is_class.mean()))

def _one_source(targs, preds, vocab)->dict:
    top = _commonest(targs, vocab)
    return dict(n=len(targs), classes=len(np.unique(targs)), accuracy=float(accuracy_score(targs, preds)),
                commonest=vocab[top], floor=float((targs == top).mean()))

def _scores(targs, preds)->dict:
    "Accuracy, and the mean recall of the classes that have images."
    balanced = recall_score(targs, preds, labels=np.unique(targs), average="macro", zero_division=0)
    return dict(accuracy=float(accuracy_score(targs, preds)), balanced_accuracy=float(balanced))

def _commonest(targs, vocab)->int:
    "Index of the commonest class; of several, the first in vocab."
    return int(np.bincount(targs, minlength=len(vocab)).argmax())

def _targs(targs, vocab)->np.ndarray:
    targs = np.asarray(targs)
    if targs.ndim != 1 or not len(targs): raise UsageError(f"targs has shape {targs.shape}: expected (n,) with n > 0.")
    if not np.issubdtype(targs.dtype, np.integer) or targs.min() < 0 or targs.max() >= len(vocab):
        raise UsageError(f"targs must be indices into vocab, whole numbers from 0 to {len(vocab)-1}; "
                         f"received {targs[:5].tolist()}, ..")
    return targs

def _probs(probs, n:int, vocab)->np.ndarray:
    probs = np.asarray(probs)
    if probs.shape != (n, len(vocab)):
        raise UsageError(f"probs has shape {probs.shape}: expected ({n}, {len(vocab)}), "
                         "a row an image and a column a class.")
    bad = np.flatnonzero(~np.isfinite(probs).all(1))
    if len(bad): raise UsageError(f"probs: {len(bad)} of {n} rows are not finite numbers, the first is row {bad[0]}.")
    return probs

def _preds(preds, probs)->np.ndarray:
    if preds is None: return probs.argmax(1)
    preds = np.asarray(preds)
    if preds.shape == probs.shape[:1]: return preds
    raise UsageError(f"preds has shape {preds.shape}: expected ({len(probs)},), one an image.")

def _sources(sources, n:int)->np.ndarray:
    sources = np.array([str(s) for s in sources], dtype=object)
    if len(sources) != n: raise UsageError(f"sources has {len(sources)} names for {n} images: expected one an image.")
    return sources
