"""The pictures of a report: which classes are taken for which, ROC curves, findings together.

Counts, arrays and names in, the bytes of a PNG out; writes no file. Draws without pyplot: a
notebook's backend stays as it is.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import roc_curve

from cxr_fastai.evaluation.curves import Line
from cxr_fastai.intervals.interval_trees import Interval
from cxr_fastai.reporting.text import decimal, percent, span, with_span

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "Panel",
    "confusion_png",
    "figure_of",
    "roc_png",
    "save_titled",
    "together_png",
]

INK, SOFT, FAINT = "#1c2733", "#52606d", "#7b8794"  # base.html has the same
BLUE, ORANGE, RULE = "#0b5cad", "#b45309", "#c3ccd5"
WHITE_ABOVE = 0.62  # share from which white on the blue of a cell reads as well as ink
DPI = 150
PANELS_PER_ROW = 4
PANEL_INCHES = 2.35  # side of a panel
TITLE_INCHES = 0.45  # above each panel
MIN_TABLE_INCHES = 2.5
TABLE_CELL_INCHES = 0.38
BAND_ALPHA = 0.16
MAX_WHOLE_COUNT = 10_000  # from here a cell of a table of pairs has room for thousands only


@dataclass(frozen=True, eq=False)
class Panel:
    """What the panel of a finding shows."""

    name: str
    present: np.ndarray  # (n,) bool, of the images where it is known
    scores: np.ndarray  # (n,)
    auroc: float | None  # None: an image with it, or without it, is missing, and so is the curve
    interval: Interval
    specificity: float | None  # of its answers, as is
    sensitivity: float | None
    fixed: bool  # whether validation fixed the threshold of these
    band: Line | None = None  # of the curve, over the groups; None: too few


# ---- which classes are taken for which


@dataclass(frozen=True)
class _Layout:
    """How large the cells of a confusion matrix are, and their text."""

    cell: float  # side, inches
    font: float  # points
    name_columns: int  # letters of a class name in a line
    turned: bool  # names below stand slanted


def confusion_png(
    confusion: Sequence[Sequence[int]] | np.ndarray,  # (c, c) counts, a row a true class
    names: Sequence[str],  # (c,) class names
    title: str = "",  # above the picture
) -> bytes:
    """Draw counts and row percentages on one blue scale, as a PNG."""
    from matplotlib.figure import Figure

    counts = np.asarray(confusion)
    n_classes = len(names)
    layout = _layout(n_classes)
    totals = counts.sum(1, keepdims=True)
    share = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    side = layout.cell * n_classes
    figure = Figure(figsize=(side, side), facecolor="white")
    # The cells fill the figure; names and title stand outside, kept by bbox_inches.
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (i, j), n in np.ndenumerate(counts):
        _confusion_cell(axes, (i, j), int(n), share[i, j], totals[i, 0], layout.font)
    _confusion_axes(axes, names, totals[:, 0], layout)
    axes.set_title(title, loc="left", pad=12, fontsize=11, color=INK, parse_math=False)
    return _save(figure, pad_inches=0.2)


def _layout(n_classes: int) -> _Layout:
    """Choose the size of cells and text by the number of classes.

    Twenty classes still fit a page.
    """
    if n_classes <= 3:
        return _Layout(cell=1.8, font=12, name_columns=22, turned=False)
    if n_classes <= 8:
        return _Layout(cell=1.05, font=11, name_columns=12, turned=False)
    return _Layout(cell=0.72, font=9, name_columns=22, turned=True)


def _confusion_cell(
    axes: Axes,
    place: tuple[int, ...],  # row, column
    n: int,  # images
    share: float,  # of the row
    total: int,  # images of the row
    font: float,
) -> None:
    """Draw a count, below it its share of the row; a row without images holds dashes."""
    i, j = place
    if not n:
        text = "0" if total else "–"
        axes.text(j, i, text, ha="center", va="center", fontsize=font, color=FAINT)
        return
    color = "white" if share > WHITE_ABOVE else INK
    weight = "bold" if i == j else "normal"
    style: dict[str, Any] = {"ha": "center", "color": color}
    axes.text(j, i, f"{n:,}", va="bottom", fontsize=font, fontweight=weight, **style)
    axes.text(j, i + 0.06, percent(share), va="top", fontsize=font - 2.5, **style)


def _confusion_axes(
    axes: Axes,
    names: Sequence[str],  # (c,) class names
    totals: np.ndarray,  # (c,) images of each true class
    layout: _Layout,
) -> None:
    """Write class names on both axes, draw white lines between cells."""
    wrapped = ["\n".join(textwrap.wrap(str(name), layout.name_columns)[:3]) for name in names]
    rows = [f"{name}\nn = {total:,}" for name, total in zip(wrapped, totals)]
    style: dict[str, Any] = {"parse_math": False, "fontsize": 10, "color": INK}
    below = dict(style)
    if layout.turned:
        below.update(rotation=40, ha="right", rotation_mode="anchor")
    n_classes = len(names)
    axes.set_xticks(range(n_classes), wrapped, **below)
    axes.set_yticks(range(n_classes), rows, **style)
    axes.set_xticks(np.arange(n_classes + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(n_classes + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=2)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("answered class", fontsize=11, color=SOFT, labelpad=10)
    axes.set_ylabel("true class", fontsize=11, color=SOFT, labelpad=10)


# ---- ROC curves


def roc_png(
    panels: Sequence[Panel],
    title: str = "",  # above the picture
) -> bytes:
    """Draw a curve a finding, the diagonal of guessing, and a dot where the answers stand."""
    n_rows = -(-len(panels) // PANELS_PER_ROW)
    n_columns = min(len(panels), PANELS_PER_ROW)
    figure, grid = figure_of(n_columns, n_rows, PANEL_INCHES, PANEL_INCHES + TITLE_INCHES)
    for i, axes in enumerate(grid.flat):
        if i >= len(panels):
            axes.set_visible(False)
            continue
        _draw_panel(axes, panels[i])
        if i % PANELS_PER_ROW == 0:
            axes.set_ylabel("sensitivity", fontsize=9, color=SOFT)
        if i + PANELS_PER_ROW >= len(panels):
            axes.set_xlabel("1 - specificity", fontsize=9, color=SOFT)
    return save_titled(figure, title)


def _draw_panel(
    axes: Axes,
    panel: Panel,
) -> None:
    """Draw the curve, the diagonal and the dot of one finding."""
    _panel_frame(axes, panel)
    if panel.auroc is None or panel.specificity is None or panel.sensitivity is None:
        return
    axes.plot((0, 1), (0, 1), color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)))
    if panel.band is not None and panel.band.low is not None and panel.band.high is not None:
        low, high = panel.band.low, panel.band.high
        style: dict[str, Any] = {"step": "post", "color": BLUE, "alpha": BAND_ALPHA}
        axes.fill_between(panel.band.x, low, high, linewidth=0, **style)
    x, y, _ = roc_curve(panel.present, panel.scores)
    axes.plot(x, y, color=BLUE, linewidth=1.6, solid_joinstyle="round")
    axes.plot(
        1 - panel.specificity,
        panel.sensitivity,
        "o",
        color=ORANGE,
        markersize=6,
        fillstyle="full" if panel.fixed else "none",
        clip_on=False,
    )


def _panel_frame(
    axes: Axes,
    panel: Panel,
) -> None:
    """Draw title, scales and the number of images of one finding."""
    name = textwrap.shorten(panel.name, 30, placeholder="..")
    auroc = "no curve"
    if panel.auroc is not None:
        between = span(panel.interval, as_share=False, none="")
        auroc = with_span(f"AUROC {decimal(panel.auroc)}", between)
    axes.set_title(f"{name}\n{auroc}", fontsize=9, color=INK, parse_math=False)
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
    axes.set(xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
    axes.tick_params(labelsize=8, colors=SOFT, length=2)
    axes.spines[:].set_color(RULE)
    images = f"{panel.present.sum():,} of {len(panel.present):,}"
    axes.text(0.98, 0.04, images, ha="right", fontsize=8, color=SOFT)


# ---- which findings come together


def together_png(
    counts: Mapping[str, Sequence[Sequence[int]] | np.ndarray],  # name -> (c, c), see below
    names: Sequence[str],  # (c,) of findings
    title: str = "",  # above the picture
) -> bytes:
    """Draw side by side how often findings come together.

    A table holds the images that have both findings, their own number on the diagonal; it is
    shaded by their share of the row.
    """
    side = max(MIN_TABLE_INCHES, TABLE_CELL_INCHES * len(names))
    figure, grid = figure_of(len(counts), 1, side, side)
    for axes, (name, pairs) in zip(grid.flat, counts.items()):
        _draw_pairs(axes, np.asarray(pairs), names)
        axes.set_title(name, fontsize=10, color=INK, parse_math=False)
    return save_titled(figure, title)


def _draw_pairs(
    axes: Axes,
    counts: np.ndarray,  # (c, c) images
    names: Sequence[str],  # (c,) class names
) -> None:
    """Draw one table of findings that come together."""
    own = np.diag(counts)[:, None]
    share = np.divide(counts, own, out=np.zeros(counts.shape), where=own > 0)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (i, j), n in np.ndenumerate(counts):
        if not n:
            continue
        text = f"{n}" if n < MAX_WHOLE_COUNT else f"{n / 1000:.0f}k"
        color = "white" if share[i, j] > WHITE_ABOVE else INK
        weight = "bold" if i == j else "normal"
        axes.text(j, i, text, ha="center", va="center", fontsize=7, color=color, fontweight=weight)
    short = [textwrap.shorten(str(name), 20, placeholder="..") for name in names]
    style: dict[str, Any] = {"parse_math": False, "fontsize": 8, "color": INK}
    axes.set_xticks(range(len(names)), short, rotation=90, **style)
    axes.set_yticks(range(len(names)), short, **style)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


# ---- parts


def figure_of(
    n_columns: int,
    n_rows: int,
    width: float,  # of one panel, inches
    height: float,
) -> tuple[Figure, np.ndarray]:  # the figure, its axes
    """Return an empty figure with a grid of axes."""
    from matplotlib.figure import Figure

    size = (n_columns * width, n_rows * height)
    figure = Figure(figsize=size, facecolor="white", layout="constrained")
    return figure, figure.subplots(n_rows, n_columns, squeeze=False)


def save_titled(
    figure: Figure,
    title: str,  # above the picture
) -> bytes:
    """Put a title above all axes and return the PNG."""
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, color=INK, parse_math=False)
    return _save(figure, pad_inches=0.15)


def _save(
    figure: Figure,
    pad_inches: float,  # around it
) -> bytes:
    """Return a figure as the bytes of a PNG, the same for the same figure."""
    buffer = io.BytesIO()
    figure.savefig(
        buffer,
        format="png",
        dpi=DPI,
        bbox_inches="tight",
        pad_inches=pad_inches,
        metadata={"Software": None},
    )
    return buffer.getvalue()
