"""The picture of a run: losses and scores by epoch. Rows of history.csv in, a PNG out.

Draws without pyplot: a notebook's backend stays as it is.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["history_png"]

COLORS = ("#7b8794", "#1f6fb2")
MARK = "#b3bcc5"  # of the kept epoch
TEXT = "#1c2733"
FAINT_TEXT = "#52606d"


def history_png(
    rows: list[dict[str, Any]],  # of history.csv
    best: dict[str, Any],  # the row that was kept
    scores: Sequence[str],  # its columns that are scores; two of them are drawn
) -> bytes:
    """Draw losses and scores by epoch."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), facecolor="white", layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw(left, "loss", ("train_loss", "valid_loss"), rows, best["epoch"])
    _draw(right, "on validation images", scores, rows, best["epoch"])
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120, metadata={"Software": None})
    return buffer.getvalue()


def _draw(
    axes: Axes,
    title: str,
    keys: Sequence[str],  # the columns to draw
    rows: list[dict[str, Any]],
    kept_epoch: int,
) -> None:
    """Draw a line a column, and mark the kept epoch."""
    from matplotlib.ticker import MaxNLocator

    epochs = [row["epoch"] for row in rows]
    for key, color in zip(keys, COLORS):
        values = [row[key] for row in rows]
        label = key.replace("_", " ")
        axes.plot(epochs, values, color=color, marker="o", markersize=3, label=label)
    axes.axvline(kept_epoch, color=MARK, linewidth=1, linestyle=":", label="kept epoch", zorder=0)
    axes.set_title(title, loc="left", fontsize=11, color=TEXT)
    axes.set_xlabel("epoch", color=FAINT_TEXT)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9)
