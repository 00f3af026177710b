"""Pictures of a multi-label report: an ROC curve a finding, and which findings come together. Arrays and names in, the
bytes of a PNG out; writes no file.
"""

from __future__ import annotations

import io
import textwrap
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_curve

from cxr_fastai.evaluation.confusion import FAINT, INK, SOFT
from cxr_fastai.reporting.text import decimal, span, with_span

__all__ = ["Panel", "roc_png", "together_png"]

BLUE, ORANGE = "#0b5cad", "#b45309"  # page.html has the same
COLUMNS, SIDE = 4, 2.35  # panels a row; inches


@dataclass(frozen=True, eq=False)
class Panel:
    """What the panel of a finding shows."""

    name: str
    present: np.ndarray  # (n,) bool, of the images where it is known
    scores: np.ndarray  # (n,)
    auroc: float | None  # None: an image with it, or without it, is missing, and so is the curve
    interval: list | None
    specificity: float | None  # of its answers, as is
    sensitivity: float | None
    fixed: bool  # whether validation fixed the threshold of these


def roc_png(
    panels,  # Panels
    title: str = "",
) -> bytes:
    """Small multiples: a curve a finding, the diagonal of guessing, and a dot where the answers stand. As a PNG."""
    rows = -(-len(panels) // COLUMNS)
    fig, axes = _figure(min(len(panels), COLUMNS), rows, SIDE, SIDE + 0.45)
    for i, ax in enumerate(axes.flat):
        if i >= len(panels):
            ax.set_visible(False)
            continue
        _panel(ax, panels[i])
        if i % COLUMNS == 0:
            ax.set_ylabel("sensitivity", fontsize=9, color=SOFT)
        if i + COLUMNS >= len(panels):
            ax.set_xlabel("1 - specificity", fontsize=9, color=SOFT)
    return _png(fig, title)


def together_png(
    counts,  # name -> (c, c) images that have both findings, their own number on the diagonal
    names,  # (c,) of findings
    title: str = "",
) -> bytes:
    """Side by side, how often findings come together: counts, shaded by their share of the row. As a PNG."""
    c = len(names)
    fig, axes = _figure(len(counts), 1, max(2.5, 0.38 * c), max(2.5, 0.38 * c))
    for ax, (name, table) in zip(axes.flat, counts.items()):
        _table(ax, np.asarray(table), names)
        ax.set_title(name, fontsize=10, color=INK, parse_math=False)
    return _png(fig, title)


# ---- parts


def _figure(columns: int, rows: int, width: float, height: float):
    """(figure, axes). Without pyplot: a notebook's backend stays as it is."""
    from matplotlib.figure import Figure

    fig = Figure(figsize=(columns * width, rows * height), facecolor="white", layout="constrained")
    return fig, fig.subplots(rows, columns, squeeze=False)


def _png(fig, title: str) -> bytes:
    fig.suptitle(title, x=0.01, ha="left", fontsize=11, color=INK, parse_math=False)
    buffer = io.BytesIO()
    fig.savefig(
        buffer,
        format="png",
        dpi=150,
        bbox_inches="tight",
        pad_inches=0.15,
        metadata={"Software": None},
    )
    return buffer.getvalue()


def _panel(ax, p: Panel):
    ax.set_title(
        f"{textwrap.shorten(p.name, 30, placeholder='..')}\n{_auroc(p)}",
        fontsize=9,
        color=INK,
        parse_math=False,
    )
    ax.set(
        xlim=(-0.03, 1.03),
        ylim=(-0.03, 1.03),
        aspect="equal",
        xticks=(0, 0.5, 1),
        yticks=(0, 0.5, 1),
    )
    ax.tick_params(labelsize=8, colors=SOFT, length=2)
    ax.spines[:].set_color("#c3ccd5")
    ax.text(
        0.98, 0.04, f"{p.present.sum():,} of {len(p.present):,}", ha="right", fontsize=8, color=SOFT
    )
    if p.auroc is None:
        return
    ax.plot((0, 1), (0, 1), color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)))
    x, y, _ = roc_curve(p.present, p.scores)
    ax.plot(x, y, color=BLUE, linewidth=1.6, solid_joinstyle="round")
    ax.plot(
        1 - p.specificity,
        p.sensitivity,
        "o",
        color=ORANGE,
        markersize=6,
        fillstyle="full" if p.fixed else "none",
        clip_on=False,
    )


def _auroc(p: Panel) -> str:
    if p.auroc is None:
        return "no curve"
    return with_span(f"AUROC {decimal(p.auroc)}", span(p.interval, as_share=False, none=""))


def _table(ax, counts, names):
    own, c = np.diag(counts)[:, None], len(names)
    share = np.divide(counts, own, out=np.zeros(counts.shape), where=own > 0)
    ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (i, j), k in np.ndenumerate(counts):
        color, weight = "white" if share[i, j] > 0.62 else INK, "bold" if i == j else "normal"
        said = f"{k}" if k < 10_000 else f"{k / 1000:.0f}k"  # what a cell can hold
        if k:
            ax.text(
                j, i, said, ha="center", va="center", fontsize=7, color=color, fontweight=weight
            )
    short = [textwrap.shorten(str(n), 20, placeholder="..") for n in names]
    ax.set_xticks(range(c), short, parse_math=False, fontsize=8, color=INK, rotation=90)
    ax.set_yticks(range(c), short, parse_math=False, fontsize=8, color=INK)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
