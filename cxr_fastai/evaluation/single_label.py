"""How good the answers are, and how good answers would be that never look at the lungs.

Arrays -> plain dicts of Python numbers, None where a number is undefined. Single-label only;
never reads files, never picks a threshold: answers are given, or are the class of highest
probability. The same numbers in each resample: single_label_intervals.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypedDict

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    precision_recall_fscore_support,
    recall_score,
    roc_auc_score,
)

from cxr_fastai.cohort.floors import commonest_class, find_floors
from cxr_fastai.evaluation.arrays import (
    class_answers,
    class_indices,
    class_probs,
    source_names,
)
from cxr_fastai.evaluation.shares import decision_shares

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = [
    "ClassMetrics",
    "ClassificationMetrics",
    "DecisionMetrics",
    "FloorMetrics",
    "MajorityFloor",
    "SourceMetrics",
    "SourceOnlyFloor",
    "classification_metrics",
    "decision_metrics",
    "floors",
    "positives_and_risk",
    "source_metrics",
]


class Scores(TypedDict):
    """How often answers are right."""

    accuracy: float
    balanced_accuracy: float  # mean recall of the classes that have images


class ClassMetrics(TypedDict):
    """Numbers of one class against the rest."""

    precision: float
    recall: float | None
    f1: float | None
    support: int  # images of the class
    auroc: float | None
    prevalence: float


class ClassificationMetrics(TypedDict):
    """Numbers of single-label answers."""

    n: int
    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    macro_auroc: float | None
    per_class: dict[str, ClassMetrics]
    confusion: list[list[int]]  # a row a true class, a column an answered class, in vocab order


class DecisionMetrics(TypedDict):
    """Numbers of a yes or no at one threshold."""

    negative: str
    n: int
    threshold: float
    auroc: float | None
    prevalence: float | None
    accuracy: float | None
    sensitivity: float | None
    specificity: float | None
    ppv: float | None
    npv: float | None
    of: dict[str, int]  # of how many images each of these is a share


class MajorityFloor(Scores):
    """What always answering one class reaches."""

    label: str


class SourceOnlyFloor(Scores):
    """What answering by the source alone reaches."""

    answers: dict[str, str]  # source -> class


class FloorMetrics(TypedDict):
    """What can be had without reading a radiograph."""

    majority: MajorityFloor
    source_only: SourceOnlyFloor


class SourceMetrics(TypedDict):
    """Numbers within one source."""

    n: int
    classes: int  # that it has images of
    accuracy: float
    commonest: str
    floor: float  # accuracy of always answering `commonest`


# ---- answers


def classification_metrics(
    targs: ArrayLike,  # (n,) true classes, as indices into vocab
    probs: ArrayLike,  # (n, c) probability of each class, 0-1
    vocab: Sequence[str],  # (c,) class slugs
    preds: ArrayLike | None = None,  # (n,) answered classes, as indices; None: the most probable
) -> ClassificationMetrics:  # strict JSON
    """Count single-label answers.

    `balanced_accuracy` and `macro_f1` are plain means over the classes that have images in
    `targs`, `macro_auroc` over the classes whose one-vs-rest AUROC is defined: those with images
    in `targs` and images beside them. A class that was never answered has precision 0; a class
    without images has recall and F1 None. On a tie of probabilities the class earlier in vocab is
    the answer. Raises `UsageError` for arrays that do not fit together.
    """
    truth = class_indices(targs, vocab)
    numbers = class_probs(probs, len(truth), vocab)
    answers = class_answers(preds, numbers)
    labels = np.arange(len(vocab))
    columns = precision_recall_fscore_support(truth, answers, labels=labels, zero_division=0)
    per_class: dict[str, ClassMetrics] = {}
    for i, slug in enumerate(vocab):
        own = tuple(column[i] for column in columns)
        per_class[slug] = _class_metrics(own, truth == i, numbers[:, i])
    f1 = columns[2]
    scores = _scores(truth, answers)
    return ClassificationMetrics(
        n=len(truth),
        accuracy=scores["accuracy"],
        balanced_accuracy=scores["balanced_accuracy"],
        macro_f1=float(f1[np.unique(truth)].mean()),
        macro_auroc=_mean_auroc(per_class),
        per_class=per_class,
        confusion=confusion_matrix(truth, answers, labels=labels).tolist(),
    )


def _class_metrics(
    counted: tuple[float, ...],  # precision, recall, F1, support: of scikit-learn
    is_class: np.ndarray,  # (n,) bool
    scores: np.ndarray,  # (n,) its probability
) -> ClassMetrics:
    """Return plain numbers of one class; None where there is nothing to count."""
    precision, recall, f1, support = counted
    return ClassMetrics(
        precision=float(precision),
        recall=float(recall) if support else None,
        f1=float(f1) if support else None,
        support=int(support),
        auroc=_auroc(is_class, scores),
        prevalence=float(is_class.mean()),
    )


def _auroc(
    positive: np.ndarray,  # (n,) bool
    scores: np.ndarray,  # (n,)
) -> float | None:
    """AUROC; None without images on both sides."""
    if positive.all() or not positive.any():
        return None
    return float(roc_auc_score(positive, scores))


def _mean_auroc(per_class: dict[str, ClassMetrics]) -> float | None:
    """Average the AUROCs that are defined; None where none is."""
    aurocs = [numbers["auroc"] for numbers in per_class.values()]
    defined = [auroc for auroc in aurocs if auroc is not None]
    return float(np.mean(defined)) if defined else None


def _scores(
    targs: np.ndarray,  # (n,) true classes
    preds: np.ndarray,  # (n,) answered classes
) -> Scores:
    """Count how often answers are right, over images and over classes."""
    present = np.unique(targs)
    balanced = recall_score(targs, preds, labels=present, average="macro", zero_division=0)
    return Scores(
        accuracy=float(accuracy_score(targs, preds)),
        balanced_accuracy=float(balanced),
    )


# ---- the yes or no that a bundle's threshold decides


def positives_and_risk(
    targs: ArrayLike,  # (n,) true classes, as indices into vocab
    probs: ArrayLike,  # (n, c) probability of each class, 0-1
    vocab: Sequence[str],  # (c,) class slugs
    negative: str,  # the class of those who have nothing; the others together are positive
) -> tuple[np.ndarray, np.ndarray]:  # (n,) bool: is positive; (n,) its probability of being so
    """Make a yes or no out of classes: whether an image is of any but the negative one."""
    truth = class_indices(targs, vocab)
    numbers = class_probs(probs, len(truth), vocab)
    index = list(vocab).index(negative)
    return truth != index, np.delete(numbers, index, 1).sum(1)


def decision_metrics(
    targs: ArrayLike,  # (n,) true classes, as indices into vocab
    probs: ArrayLike,  # (n, c) probability of each class, 0-1
    vocab: Sequence[str],  # (c,) class slugs
    negative: str,  # the class of those who have nothing; the others together are positive
    threshold: float,  # on the probability of being positive, fixed before these images were seen
) -> DecisionMetrics:
    """Count a yes or no at one threshold.

    A share of no images is None, and so is an AUROC without two sides.
    """
    positive, risk = positives_and_risk(targs, probs, vocab, negative)
    shares = decision_shares(positive, risk >= threshold)
    images = {"auroc": len(positive)}
    for name, share in shares.items():
        images[name] = share.images
    return DecisionMetrics(
        negative=negative,
        n=len(positive),
        threshold=float(threshold),
        auroc=_auroc(positive, risk),
        prevalence=shares["prevalence"].value,
        accuracy=shares["accuracy"].value,
        sensitivity=shares["sensitivity"].value,
        specificity=shares["specificity"].value,
        ppv=shares["ppv"].value,
        npv=shares["npv"].value,
        of=images,
    )


# ---- floors


def floors(
    targs: ArrayLike,  # (n,) true classes, as indices into vocab
    sources: Iterable[object],  # (n,) the source that each image came from
    vocab: Sequence[str],  # (c,) class slugs
) -> FloorMetrics:
    """Count what can be had without reading a radiograph; only above it an accuracy says anything.

    `majority` always answers the commonest class of these images. `source_only` answers each
    source's own commonest class (`answers`: {source: class}): the best accuracy that any model can
    reach which sees only where an image came from. Both look the commonest class up in the
    evaluated images themselves, so this is the strictest form of the floor: rules learnt on other
    images can only do worse here. A tie goes to the class earlier in vocab.

    On the published six-folder set (11,276 images), whose classes come from different sources, it
    is 78.1 %: bacterial pneumonia for every Kermany image (2,530 right), COVID-19 for the COVID
    sources (288), tuberculosis for the TB sets (394), other findings for the NIH sample (5,597),
    against 49.6 % for the majority. Where every source holds one class it is 100 %, and accuracy
    on those images cannot tell reading a radiograph from recognising its source.
    """
    truth = class_indices(targs, vocab)
    names = source_names(sources, len(truth))
    rules = find_floors(truth, names, len(vocab))
    always = _scores(truth, np.full_like(truth, rules.majority))
    by_source = _scores(truth, np.array([rules.answers[name] for name in names]))
    return FloorMetrics(
        majority=MajorityFloor(
            label=vocab[rules.majority],
            accuracy=always["accuracy"],
            balanced_accuracy=always["balanced_accuracy"],
        ),
        source_only=SourceOnlyFloor(
            accuracy=by_source["accuracy"],
            balanced_accuracy=by_source["balanced_accuracy"],
            answers={source: vocab[index] for source, index in rules.answers.items()},
        ),
    )


# ---- each source


def source_metrics(
    targs: ArrayLike,  # (n,) true classes, as indices into vocab
    probs: ArrayLike,  # (n, c) probability of each class, 0-1
    sources: Iterable[object],  # (n,) the source that each image came from
    vocab: Sequence[str],  # (c,) class slugs
    preds: ArrayLike | None = None,  # (n,) answered classes; None: the most probable
) -> dict[str, SourceMetrics]:  # sources in alphabetical order
    """Count answers within each source, where knowing the source is of no help."""
    truth = class_indices(targs, vocab)
    numbers = class_probs(probs, len(truth), vocab)
    names = source_names(sources, len(truth))
    answers = class_answers(preds, numbers)
    found: dict[str, SourceMetrics] = {}
    for source in sorted(set(names)):
        own = names == source
        found[source] = _source_metrics(truth[own], answers[own], vocab)
    return found


def _source_metrics(
    targs: np.ndarray,  # (n,) true classes
    preds: np.ndarray,  # (n,) answered classes
    vocab: Sequence[str],  # (c,) slugs
) -> SourceMetrics:
    """Count the answers to the images of one source."""
    commonest = commonest_class(targs, len(vocab))
    return SourceMetrics(
        n=len(targs),
        classes=len(np.unique(targs)),
        accuracy=float(accuracy_score(targs, preds)),
        commonest=vocab[commonest],
        floor=float((targs == commonest).mean()),
    )
