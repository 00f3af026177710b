"""The tables of a multi-label report as lines of text: its rows in, lines out; counts nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cxr_fastai.evaluation.cells import Cell, TableRow, wide_table

__all__ = ["answering_text", "averages_text", "headline_text", "ranking_text"]


def headline_text(
    headline: Sequence[tuple[str, str, list[Cell]]],  # name, meaning, model and floor
) -> list[str]:
    """Return the headline numbers beside the source-only floor and the pixel floor."""
    rows = [TableRow([name], cells) for name, _, cells in headline]
    header = ("", "model", "source-only floor", "pixel floor")
    return wide_table(header[: 1 + len(rows[0].cells)], rows)


def ranking_text(
    ranking: Sequence[tuple[str, int, int, list[Cell]]],  # slug, images, images with it, cells
    names: Mapping[str, str],  # finding slug -> name to show
) -> list[str]:
    """Return prevalence, AUROC and AP of each finding; the floor's AUROC is on the page alone."""
    rows = []
    for slug, n, n_present, (prevalence, auroc, ap, *_) in ranking:
        plain = [names[slug], f"{n:,}", f"{n_present:,}"]
        rows.append(TableRow(plain, [prevalence, auroc, ap]))
    return wide_table(("finding", "of n", "present", "prevalence", "AUROC", "AP"), rows)


def answering_text(
    answering: Sequence[tuple[str, str, int, list[Cell]]],  # slug, threshold, answered, cells
    names: Mapping[str, str],  # finding slug -> name to show
) -> list[str]:
    """Return precision, recall and F1 of each finding; the specificity is on the page alone."""
    rows = []
    for slug, threshold, n_answered, (precision, recall, _, f1) in answering:
        plain = [names[slug], threshold, f"{n_answered:,}"]
        rows.append(TableRow(plain, [precision, recall, f1]))
    return wide_table(("finding", "from", "answered", "precision", "recall", "F1"), rows)


def averages_text(
    averages: Sequence[tuple[str, list[Cell]]],  # name; precision, recall and F1
) -> list[str]:
    """Return the averages over findings and images."""
    rows = [TableRow([name], cells) for name, cells in averages]
    return wide_table(("average", "precision", "recall", "F1"), rows)
