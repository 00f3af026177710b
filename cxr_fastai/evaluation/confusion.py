"""The picture of which classes are taken for which. Counts and names in, the bytes of a PNG out; writes no file."""

from __future__ import annotations

import io
import textwrap

import numpy as np

from cxr_fastai.reporting.text import percent

__all__ = ["confusion_png"]

INK, SOFT, FAINT = "#1c2733", "#52606d", "#7b8794"  # page.html has the same


def confusion_png(
    confusion,  # (c, c) counts, a row a true class
    names,  # (c,) class names
    title: str = "",
) -> bytes:
    """Counts and row percentages on one blue scale, as a PNG. Draws without pyplot: a notebook's backend stays as it is."""
    from matplotlib.figure import Figure

    counts, c = np.asarray(confusion), len(names)
    totals = counts.sum(1, keepdims=True)
    share = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    cell, size = (
        (1.8, 12) if c <= 3 else (1.05, 11) if c <= 8 else (0.72, 9)
    )  # side of a cell in inches; points
    fig = Figure(figsize=(cell * c, cell * c), facecolor="white")
    ax = fig.add_axes(
        (0, 0, 1, 1)
    )  # the cells fill the figure; names and title stand outside, kept by bbox_inches
    ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (i, j), k in np.ndenumerate(counts):
        _cell(ax, i, j, k, share[i, j], totals[i, 0], size)
    _axes(ax, c, names, totals[:, 0])
    ax.set_title(title, loc="left", pad=12, fontsize=11, color=INK, parse_math=False)
    buffer = io.BytesIO()
    fig.savefig(
        buffer,
        format="png",
        dpi=150,
        bbox_inches="tight",
        pad_inches=0.2,
        metadata={"Software": None},
    )
    return buffer.getvalue()


def _cell(ax, i: int, j: int, count: int, share: float, total: int, size: float):
    """One cell: its count, below it its share of the row; a row without images holds dashes."""
    color = (
        "white" if share > 0.62 else INK if count else FAINT
    )  # where white on the blue reads as well as ink
    style = dict(ha="center", color=color)
    if not count:
        return ax.text(j, i, "0" if total else "–", va="center", fontsize=size, **style)
    ax.text(
        j,
        i,
        f"{count:,}",
        va="bottom",
        fontsize=size,
        fontweight="bold" if i == j else "normal",
        **style,
    )
    ax.text(j, i + 0.06, percent(share), va="top", fontsize=size - 2.5, **style)


def _axes(ax, c: int, names, totals):
    """Class names on both axes, white lines between cells."""
    wrapped = ["\n".join(textwrap.wrap(str(n), 12 if 3 < c <= 8 else 22)[:3]) for n in names]
    turned = dict(rotation=40, ha="right", rotation_mode="anchor") if c > 8 else {}
    ax.set_xticks(range(c), wrapped, parse_math=False, fontsize=10, color=INK, **turned)
    rows = [f"{name}\nn = {total:,}" for name, total in zip(wrapped, totals)]
    ax.set_yticks(range(c), rows, parse_math=False, fontsize=10, color=INK)
    ax.set_xticks(np.arange(c + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(c + 1) - 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=2)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlabel("answered class", fontsize=11, color=SOFT, labelpad=10)
    ax.set_ylabel("true class", fontsize=11, color=SOFT, labelpad=10)
