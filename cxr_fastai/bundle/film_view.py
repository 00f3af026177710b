"""A figure of an answer: the film, its heat where there is one, the probabilities.

A source and a Prediction in, a matplotlib figure out. Draws without pyplot: a notebook's backend
stays as it is. Never imports torch, writes nothing.
"""

from __future__ import annotations

import io
import textwrap
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from cxr_fastai.bundle.inputs import decode
from cxr_fastai.gate.kinds import righted
from cxr_fastai.prediction import Prediction

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["FilmView"]

TALL = 4.2  # inches, of the figure
PANEL_WIDE = 4.0  # inches, of a film
BARS_WIDE = 3.4
MOST_BARS = 15  # classes, the most probable first
TITLE_COLUMNS = 90
BLUE = "#0072b2"  # Okabe and Ito's, as in other figures
GRAY = "#999999"
CAVEAT = "The heat shows where the answer is most sensitive; it does not show why."
RESEARCH = "Research only, not a medical device."


@dataclass(frozen=True, eq=False)
class FilmView:
    """The film that an answer was made for, as it was given."""

    source: Any  # as for Bundle.read
    righted: tuple[str, ...] = ()  # kinds that it was turned and inverted back from, in order

    def figure(
        self,
        answer: Prediction,
        film: Any = None,  # the film itself, as for Bundle.read; None: the source
    ) -> Figure:
        """Draw the film, its heat and the probabilities. Raises `ImageRejected`, `OSError`."""
        pixels = decode(film) if film is not None else righted(decode(self.source), self.righted)
        heat = answer.heat
        widths = [PANEL_WIDE, BARS_WIDE] if heat is None else [PANEL_WIDE, PANEL_WIDE, BARS_WIDE]
        figure = _new_figure((sum(widths), TALL))
        axes = list(figure.subplots(1, len(widths), width_ratios=widths))
        _draw_film(axes[0], pixels)
        if heat is not None:
            _draw_heat(figure, axes[1], pixels, heat)
        _draw_bars(axes[-1], answer)
        named = replace(answer, source=PurePath(answer.source).name)
        figure.suptitle(textwrap.fill(str(named), TITLE_COLUMNS), fontsize=10)
        below = RESEARCH if heat is None else f"{heat.says}. {CAVEAT} {RESEARCH}"
        figure.supxlabel(textwrap.fill(below, int(1.4 * TITLE_COLUMNS)), fontsize=8)
        return figure


def _new_figure(size: tuple[float, float]) -> Figure:
    """Make a figure that a notebook shows without pyplot."""
    from matplotlib.figure import Figure

    class Shown(Figure):
        """A figure that shows itself as PNG."""

        def _repr_png_(self) -> bytes:
            out = io.BytesIO()
            self.savefig(out, format="png", dpi=100, metadata={"Software": None})
            return out.getvalue()

    return Shown(figsize=size, facecolor="white", layout="constrained")


def _draw_film(axes: Axes, pixels: np.ndarray) -> None:
    """Draw the plain film."""
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=255)
    axes.set_axis_off()


def _draw_heat(
    figure: Figure,
    axes: Axes,
    pixels: np.ndarray,
    heat: Any,  # as of serving.heat
) -> None:
    """Draw the film with its heat, and the colour bar."""
    axes.imshow(heat.painted(pixels))
    axes.set_axis_off()
    figure.colorbar(heat.scale(), ax=axes, ticks=[0, 0.5, 1], shrink=0.8)


def _draw_bars(axes: Axes, answer: Prediction) -> None:
    """Draw the probabilities, the highest first, with their thresholds."""
    names = sorted(answer.probs, key=lambda name: -answer.probs[name])[:MOST_BARS]
    chosen = set((answer.label or "").split("|")) | {answer.label}
    for row, name in enumerate(names):
        probability = answer.probs[name]
        axes.barh(row, probability, color=BLUE if name in chosen else GRAY)
        axes.text(probability + 0.02, row, f"{probability:.2f}", va="center", fontsize=8)
        threshold = answer.thresholds.get(name)
        if threshold is not None:
            axes.plot([threshold] * 2, [row - 0.4, row + 0.4], color="black")
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_xlim(0, 1.15)
    axes.set_ylim(max(len(names), 3) - 0.5, -0.5)
    axes.set_xlabel("probability; black line: threshold", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
