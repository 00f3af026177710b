"""Numbers as words, tables and html: what every report of this room prints with. Numbers and a template's name in, text
out; knows no metric and writes no file."""

from __future__ import annotations

import base64
import textwrap

from cxr_fastai.reporting.html import environment

__all__ = [
    "percent",
    "decimal",
    "span",
    "with_span",
    "count",
    "table",
    "wrap",
    "interval_words",
    "render",
    "inline",
]

FEW = 50  # groups below which a report warns of its intervals; see intervals.py


# ---- words


def percent(x, none: str = "-") -> str:
    return none if x is None else f"{100 * x:.1f} %"


def decimal(x, none: str = "-") -> str:
    return none if x is None else f"{x:.3f}"


def span(
    interval,  # [low, high] or None
    share: bool = True,  # shares as percent without the sign; False: with three decimals
    none: str = "-",
) -> str:
    "An interval in words: 96.1 to 98.5."
    if interval is None:
        return none
    if share:
        return " to ".join(
            f"{round(100 * x, 1) + 0.0:.1f}" for x in interval
        )  # + 0.0: no minus before a zero
    return " to ".join(f"{round(x, 3) + 0.0:.3f}" for x in interval)


def with_span(value: str, interval: str) -> str:
    "91.7 % (85.2 to 96.1)."
    return f"{value} ({interval})" if interval else value


def count(n: int, one: str, many: str = "") -> str:
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def interval_words(
    groups: int,  # of the evaluated images
    resamples: int,
) -> str:
    "What the intervals of a report are, and where they say too little."
    if groups < 2:
        return (
            "No intervals: all images belong to one group, and one patient tells nothing of others."
        )
    few = f" With {groups} groups they are too narrow." if groups < FEW else ""
    return (
        f"Intervals are 95 %: a bootstrap over {groups:,} groups (images of one patient or of one radiograph), "
        f"{resamples:,} resamples. One without width means that all were answered alike, not that nothing can go "
        f"wrong; none covers another hospital or another training run.{few}"
    )


def table(rows) -> list[str]:
    "Lines of columns; the first to the left, the others to the right."
    widths = [max(map(len, column)) for column in zip(*rows)]

    def line(first, *rest):
        return "  ".join([first.ljust(widths[0]), *map(str.rjust, rest, widths[1:])]).rstrip()

    return [line(*row) for row in rows]


def wrap(text: str) -> list[str]:
    "Lines of at most 100 columns; no number stands on another line than its %."
    return [line.replace("\0%", " %") for line in textwrap.wrap(text.replace(" %", "\0%"), 100)]


# ---- html


def render(
    template: str,  # a file of this folder that extends page.html
    page: bool,  # a whole page; False: without the frame, to stand in another page
    **values,
) -> str:
    "Self-contained html."
    env = environment(
        "evaluation",
        percent=lambda x: percent(x, "–"),
        decimal=lambda x: decimal(x, "–"),
        span=lambda x, share=True: span(x, share, "–"),
    )
    return env.get_template(template).render(values, page=page)


def inline(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
