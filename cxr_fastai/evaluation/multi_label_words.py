"""The sentences of a multi-label report: numbers of its run in, words out; counts nothing."""

from __future__ import annotations

from cxr_fastai.evaluation.multi_label import FindingsMetrics
from cxr_fastai.evaluation.multi_label_floors import FindingsFloors
from cxr_fastai.evaluation.report_parts import DOUBT, not_above
from cxr_fastai.intervals.interval_trees import Interval, includes_zero
from cxr_fastai.reporting.text import count, decimal, percent, span, with_span

__all__ = ["HEADLINE", "NOT_ABOVE", "UNDEFINED", "exact_words", "samples_words", "verdict_words"]

HEADLINE = {  # key of metrics: its name, what it means; the order is that of recipes.METRICS
    "macro_auroc": (
        "macro AUROC",
        "Mean over the findings of the chance that an image with the finding gets a higher "
        "probability of it than an image without; 0.5 is guessing.",
    ),
    "macro_ap": (
        "macro AP",
        "Mean over the findings of the average precision; guessing reaches the prevalence.",
    ),
    "macro_f1": ("macro F1", "Mean F1 of the findings that some image has; 1 is perfect."),
    "micro_f1": ("micro F1", "F1 of all answers in one count: common findings decide."),
    "weighted_f1": (
        "weighted F1",
        "Mean F1 of the findings, each weighing as many images as have it.",
    ),
    "samples_f1": (
        "samples F1",
        "Mean over the images of the F1 of their own findings, 0 for one without any.",
    ),
}
UNDEFINED = "not defined: no finding is present in some of these images and absent in others"
NOT_ABOVE = not_above("rank")


def verdict_words(
    gain: float | None,  # of macro AUROC over the source-only floor; None where undefined
    floor: float | None,  # the source-only floor's macro AUROC
    interval: Interval,  # of the gain
) -> str:
    """Put macro AUROC beside the source-only floor."""
    if gain is None:
        return UNDEFINED
    clause = f", 95 % interval {span(interval, as_share=False)}" if interval else ""
    if gain <= 0:
        return f"{NOT_ABOVE} ({gain:+.3f}{clause})"
    doubt = DOUBT if includes_zero(interval) else ""
    return f"above the source-only floor of {decimal(floor)} by {gain:.3f}{clause}{doubt}"


def exact_words(
    metrics: FindingsMetrics,
    floors: FindingsFloors,
    interval: Interval,  # of the share of images all right
) -> tuple[bool, str]:
    """Say how many images are all right, and how many are with no finding answered at all.

    Beside it, whether the first are more.
    """
    exact = metrics["exact"] or 0.0  # defined: some label is known
    nothing = floors["all_absent"]["exact"] or 0.0
    here = with_span(percent(exact), span(interval, none=""))
    images = count(metrics["of"]["exact"], "image")
    return exact > nothing, (
        f"All known findings of an image are right in {here} of {images}; answering none at all "
        f"would be right in {percent(nothing)}."
    )


def samples_words(metrics: FindingsMetrics) -> str:
    """Say what the samples averages can reach; empty where that is 1, or where there are none."""
    n_with_any = metrics["with_findings"]
    n = metrics["of"]["samples_f1"]
    if n_with_any in (0, n):
        return ""
    return (
        "The samples averages count an image without any finding as 0, as scikit-learn does: "
        f"at best they reach {decimal(n_with_any / n)}, as {n_with_any:,} of "
        f"{count(n, 'image')} have one."
    )
