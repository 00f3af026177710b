"""Pictures of a closer look, each drawn on axes that are given: ROC, precision-recall and others.

Curves in, drawings on matplotlib axes out; the *_png functions return the bytes of a PNG. Writes no
file, uses no pyplot. The axes may hold something already, and take more after it: scikit-learn's
`RocCurveDisplay(..).plot(ax=ax)` draws another model on those of `draw_roc`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from cxr_fastai.evaluation.closer_look import CloserLook
from cxr_fastai.evaluation.curves import Benefit, Curve, Line
from cxr_fastai.evaluation.plots import (
    BAND_ALPHA,
    BLUE,
    FAINT,
    INK,
    ORANGE,
    RULE,
    SOFT,
    figure_of,
    save_titled,
)
from cxr_fastai.evaluation.reliability import Calibration, Reliability
from cxr_fastai.intervals.interval_trees import Interval
from cxr_fastai.reporting.html import data_uri
from cxr_fastai.reporting.text import decimal, span, with_span

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "benefits_png",
    "curves_png",
    "draw_benefit",
    "draw_precision_recall",
    "draw_reliability",
    "draw_roc",
    "pictures_of",
    "precision_recall_png",
    "reliability_png",
]

COLUMNS = 4
FEW_INCHES, INCHES = 3.4, 2.6  # side of a panel, of one or two and of many
TITLE_INCHES = 0.5
MIN_HEIGHT = 0.05  # of net benefit, so that a flat curve is not blown up
DASHED = (0, (4, 3))  # a line style: what guessing reaches
Panel = Callable[..., object]  # draws on axes that it is given as `ax`


def draw_roc(
    curve: Curve,
    ax: Axes,
) -> Axes:
    """Draw a ROC curve, its band, the diagonal of guessing, and a dot where the answers stand."""
    _squared(ax)
    ax.plot((0, 1), (0, 1), color=FAINT, linewidth=0.8, linestyle=DASHED)
    _draw_line(ax, curve.roc, steps="steps-post")
    if curve.dot:
        one_less_specificity, sensitivity, _ = curve.dot
        _draw_dot(ax, one_less_specificity, sensitivity)
    _titled(ax, curve.name, _score("AUROC", curve.auroc, curve.auroc_interval))
    return _labelled(ax, "1 - specificity", "sensitivity")


def draw_precision_recall(
    curve: Curve,
    ax: Axes,
) -> Axes:
    """Draw precision over recall, its band, and the prevalence, which guessing reaches."""
    _squared(ax)
    prevalence = curve.positives / curve.images
    ax.axhline(prevalence, color=FAINT, linewidth=0.8, linestyle=DASHED)
    _draw_line(ax, curve.precision_recall, steps="steps-pre")
    if curve.dot:
        _, recall, precision = curve.dot
        _draw_dot(ax, recall, precision)
    _titled(ax, curve.name, _score("AP", curve.ap, curve.ap_interval))
    return _labelled(ax, "recall", "precision")


def draw_reliability(
    calibration: Calibration,
    ax: Axes,
    title: str = "",
    color: str = BLUE,
) -> Axes:
    """Draw what came true over what was said, a point a bin with its interval."""
    _squared(ax)
    ax.plot((0, 1), (0, 1), color=FAINT, linewidth=0.8, linestyle=DASHED)
    x = [each.prob for each in calibration.bins]
    y = [each.share for each in calibration.bins]
    ax.plot(x, y, "o-", color=color, markersize=4, linewidth=1.2)
    for each in calibration.bins:
        if each.interval is not None:
            ax.plot((each.prob, each.prob), each.interval, color=color, linewidth=1, alpha=0.5)
    _titled(ax, title, f"Brier {decimal(calibration.brier)}, ECE {decimal(calibration.ece)}")
    return _labelled(ax, "probability", "share that came true")


def draw_benefit(
    benefit: Benefit,
    ax: Axes,
) -> Axes:
    """Draw net benefit over the threshold, beside answering yes always and never."""
    _draw_line(ax, benefit.model)
    x = benefit.model.x
    ax.plot(x, benefit.treat_all, color=SOFT, linewidth=1, linestyle=DASHED)
    ax.axhline(0, color=INK, linewidth=0.8)
    top = max(benefit.prevalence, float(np.nanmax(benefit.model.y)), MIN_HEIGHT)
    ax.set(xlim=(0, 1), ylim=(-0.25 * top, 1.15 * top), xticks=(0, 0.5, 1))
    if benefit.threshold is not None:
        ax.axvline(benefit.threshold, color=ORANGE, linewidth=1)
    _framed(ax)
    _titled(ax, benefit.name, f"prevalence {decimal(benefit.prevalence)}")
    return _labelled(ax, "threshold", "net benefit")


# ---- whole pictures


def pictures_of(
    closer: CloserLook | None,
) -> dict[str, str]:  # name -> data: link
    """Return the pictures of a page; those that have nothing to show are left out."""
    if closer is None:
        return {}
    found = {"reliability": reliability_png(closer.reliability)}
    if closer.curves:
        found["curves"] = curves_png(closer.curves)
        found["precision"] = precision_recall_png(closer.curves)
    if closer.benefits:
        found["benefit"] = benefits_png(closer.benefits)
    return {name: data_uri(png) for name, png in found.items()}


def curves_png(curves: Sequence[Curve]) -> bytes:
    """Draw a ROC curve and a precision-recall curve beside it, a question after the other."""
    panels: list[Panel] = []
    for curve in curves:
        panels.append(partial(draw_roc, curve))
        panels.append(partial(draw_precision_recall, curve))
    return _panels_png(panels)


def precision_recall_png(curves: Sequence[Curve]) -> bytes:
    """Draw a precision-recall curve a question."""
    return _panels_png([partial(draw_precision_recall, curve) for curve in curves])


def benefits_png(benefits: Sequence[Benefit]) -> bytes:
    """Draw a decision curve a question."""
    return _panels_png([partial(draw_benefit, benefit) for benefit in benefits])


def reliability_png(found: Reliability) -> bytes:
    """Draw calibration before and after temperature, and within each source of enough groups."""
    panels: list[Panel] = []
    if found.before is not None:
        title = "before temperature"
        panels.append(partial(draw_reliability, found.before, title=title, color=SOFT))
    panels.append(partial(draw_reliability, found.after, title="after" if panels else ""))
    for each in found.by_source:
        if not each.too_few and len(found.by_source) > 1:
            panels.append(partial(draw_reliability, each.after, title=each.source))
    return _panels_png(panels)


def _panels_png(
    panels: Sequence[Panel],  # each draws on the axes that it is given
) -> bytes:
    """Draw panels beside each other."""
    figure, axes = _grid(len(panels))
    for draw, ax in zip(panels, axes):
        draw(ax=ax)
    return save_titled(figure, "")


def _grid(n: int) -> tuple[Any, list[Any]]:  # figure, n axes
    """Return an empty figure with as many axes."""
    side = FEW_INCHES if n <= 2 else INCHES
    n_columns = min(n, COLUMNS)
    figure, grid = figure_of(n_columns, -(-n // n_columns), side, side + TITLE_INCHES)
    for ax in grid.flat[n:]:
        ax.set_visible(False)
    return figure, list(grid.flat[:n])


# ---- parts


def _draw_dot(
    ax: Axes,
    x: float,
    y: float,
) -> None:
    """Mark where the answers stand."""
    ax.plot(x, y, "o", color=ORANGE, markersize=6, clip_on=False)


def _score(
    name: str,
    number: float | None,
    interval: Interval,
) -> str:
    """Return a score with its interval: AUROC 0.879 (0.872 to 0.887)."""
    between = span(interval, as_share=False, none="")
    return f"{name} {with_span(decimal(number), between)}"


def _draw_line(ax: Axes, line: Line, steps: str = "default") -> None:
    """Draw a curve and its band."""
    if line.low is not None and line.high is not None:
        step: Any = None if steps == "default" else steps.removeprefix("steps-")
        ax.fill_between(
            line.x, line.low, line.high, step=step, color=BLUE, alpha=BAND_ALPHA, linewidth=0
        )
    ax.plot(line.x, line.y, color=BLUE, linewidth=1.6, drawstyle=steps)


def _squared(ax: Axes) -> None:
    """Set both scales from 0 to 1."""
    ax.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
    ax.set(xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
    _framed(ax)


def _framed(ax: Axes) -> None:
    """Set the colours of frame and ticks."""
    ax.tick_params(labelsize=8, colors=SOFT, length=2)
    ax.spines[:].set_color(RULE)


def _titled(ax: Axes, name: str, number: str) -> None:
    """Write a name and a number above."""
    short = textwrap.shorten(name, 30, placeholder="..")
    text = f"{short}\n{number}" if short else number
    ax.set_title(text, fontsize=9, color=INK, parse_math=False)


def _labelled(ax: Axes, x: str, y: str) -> Axes:
    """Name both scales."""
    ax.set_xlabel(x, fontsize=9, color=SOFT)
    ax.set_ylabel(y, fontsize=9, color=SOFT)
    return ax
