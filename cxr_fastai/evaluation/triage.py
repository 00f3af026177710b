"""Reading the likely ill first, laying aside the surely well: what a model's risk is worth as the order of a worklist.
Arrays of who is positive and at what risk in, plain numbers out, None where one is undefined; with a Resampling, their
intervals. Never picks a threshold: those that are given were fixed on other images.

Accuracy does not tell what a worklist gains. What does: how many of the positive (the abnormal) stand at its beginning,
and, where all below a threshold are laid aside, the share of work removed, the share of the positive still found
(sensitivity) and the share of the well among those laid aside (NPV). A high NPV is cheap where disease is rare: that of
laying everyone aside is 1 - prevalence. So it is also given at other prevalences.
"""

from __future__ import annotations

import numpy as np

from cxr_fastai.evaluation.bootstrap import Resampling
from cxr_fastai.reporting.text import count, decimal, percent, span, with_span

__all__ = [
    "worklist",
    "early",
    "work_removed",
    "npv_at",
    "triage_metrics",
    "triage_intervals",
    "triage_rows",
    "triage_words",
    "PARTS",
    "PREVALENCES",
]

PARTS = (0.25, 0.5)  # of the worklist, from its beginning
PREVALENCES = (0.05, 0.1, 0.2, 0.5)  # a screening programme's to an emergency ward's


def worklist(
    risk,  # (n,) higher is read sooner
) -> np.ndarray:  # (n,) indices: highest risk first, equal risks in the given order
    return np.argsort(-np.asarray(risk, float), kind="stable")


def early(
    positive,  # (n,) bool
    risk,  # (n,)
    parts=PARTS,  # shares of the worklist, 0-1; a part of an image counts as one
) -> dict[str, float | None]:  # by part, as "0.25"
    """Share of the positive that stand in each first part of the worklist, of equal risks in the mean over all their
    orders. In no order it would be that part.
    """
    ill, block = (
        np.asarray(positive, bool)[worklist(risk)],
        _blocks(np.asarray(risk)[worklist(risk)]),
    )
    sizes, found = np.bincount(block), np.bincount(block, ill)
    before, n = sizes.cumsum() - sizes, len(ill)
    return {
        f"{p:g}": float(
            (found * np.clip((_first(p, n) - before) / sizes, 0, 1)).sum() / found.sum()
        )
        if found.sum()
        else None
        for p in parts
    }


def _blocks(ordered) -> np.ndarray:
    """(n,) the number of the run of equal values that each belongs to."""
    return np.concatenate([[0], (np.diff(ordered) != 0).cumsum()]).astype(int)


def work_removed(
    positive,  # (n,) bool
    risk,  # (n,)
    threshold: float,  # images of a lower risk are laid aside
) -> (
    dict
):  # threshold, n, positives, prevalence, removed, sensitivity, specificity, npv, missed, npv_at
    """What laying aside all below a threshold removes (`removed`, a share of images) and costs (`missed`, positives)."""
    positive, aside = np.asarray(positive, bool), np.asarray(risk) < threshold
    shares = _shares(positive, aside)
    found = {
        k: float(part[whole].mean()) if whole.any() else None for k, (part, whole) in shares.items()
    }
    at = {f"{p:g}": npv_at(found["sensitivity"], found["specificity"], p) for p in PREVALENCES}
    return dict(
        threshold=float(threshold),
        n=len(positive),
        positives=int(positive.sum()),
        **found,
        missed=int((positive & aside).sum()),
        npv_at=at,
    )


def npv_at(
    sensitivity: float | None,  # 0-1
    specificity: float | None,
    prevalence: float,  # 0-1, elsewhere
) -> float | None:
    """The NPV that the same sensitivity and specificity have at another prevalence, by Bayes: the well laid aside over
    all laid aside. None where nobody is. It takes for granted that the ill and the well look there as they do here.
    """
    if sensitivity is None or specificity is None:
        return None
    well, ill = specificity * (1 - prevalence), (1 - sensitivity) * prevalence
    return float(well / (well + ill)) if well + ill else None


def triage_metrics(
    positive,  # (n,) bool
    risk,  # (n,)
    groups,  # (n,) as for Resampling
    asked=(),  # {asked_sensitivity, threshold}, as a bundle's decision holds them
) -> dict:  # worklist: of `early`; best: that of a faultless order; at: of `work_removed`, one an asked sensitivity
    ill = [g for g, yes in zip(groups, positive) if yes]
    return dict(
        positives=len(ill),
        positive_groups=len(set(ill)),
        worklist=early(positive, risk),
        best=early(positive, positive),
        at=[
            dict(
                asked_sensitivity=a["asked_sensitivity"],
                **work_removed(positive, risk, a["threshold"]),
            )
            for a in asked
        ],
    )


def triage_intervals(resampling: Resampling, positive, risk, asked=()) -> dict:
    """Intervals of the numbers of `triage_metrics`, nested as they are."""
    positive, risk = np.asarray(positive, bool), np.asarray(risk)
    found = early_in(resampling, positive, risk)
    return dict(
        worklist={
            f"{p:g}": resampling.interval(found[:, i], positive) for i, p in enumerate(PARTS)
        },
        at=[_removed_intervals(resampling, positive, risk < a["threshold"]) for a in asked],
    )


def early_in(resampling: Resampling, positive, risk, parts=PARTS) -> np.ndarray:
    """(R, parts) the shares of `early` in each resample, whose worklist has an image as often as its group was drawn."""
    order = worklist(risk)
    of, ill = resampling.of[order], np.asarray(positive, bool)[order]
    starts = np.flatnonzero(np.diff(_blocks(np.asarray(risk)[order]), prepend=-1))

    def one(counts):
        times = counts[of].astype(np.int32)
        sizes, own = (np.add.reduceat(x, starts, axis=0) for x in (times, times * ill[:, None]))
        before, n = sizes.cumsum(0) - sizes, sizes.sum(0)
        part = [np.clip((_first(p, n) - before) / np.maximum(sizes, 1), 0, 1) for p in parts]
        return np.stack([(own * x).sum(0) for x in part], axis=1) / own.sum(0)[:, None]

    return resampling.each(one)


# ---- words


def triage_rows(
    found: dict,  # of triage_metrics
    spans: dict,  # of triage_intervals
    none: str = "-",
) -> list[
    tuple[str, ...]
]:  # the header, then a row a number with a column an asked sensitivity; empty where none is
    columns = list(zip(found["at"], spans.get("at") or [{} for _ in found["at"]]))
    if not columns:
        return []

    def row(name, cell):
        return name, *(cell(at, of) for at, of in columns)

    def share(key):
        return lambda at, of: with_span(percent(at[key], none), span(of.get(key), none=""))

    def elsewhere(p):
        return lambda at, of: with_span(
            percent(at["npv_at"][p], none), span(of.get("npv_at", {}).get(p), none="")
        )

    def missed(at, of):
        limits = " to ".join(f"{x:,.0f}" for x in of.get("missed") or ())
        return with_span(f"{at['missed']:,} of {at['positives']:,}", limits)

    shares = {
        "removed": "work removed",
        "sensitivity": "sensitivity",
        "specificity": "specificity",
        "npv": "NPV",
    }
    return [
        row("asked sensitivity", lambda at, of: _whole(at["asked_sensitivity"])),
        row("laid aside below", lambda at, of: decimal(at["threshold"])),
        *(row(name, share(k)) for k, name in shares.items()),
        row("missed", missed),
        *(
            row(f"NPV at a prevalence of {_whole(p)}", elsewhere(p))
            for p in found["at"][0]["npv_at"]
        ),
    ]


def triage_words(
    found: dict,  # of triage_metrics
    spans: dict,  # of triage_intervals
    positive: str,  # name of the positive: not Normal
) -> list[tuple[bool, str]]:  # (whether all is as it should be, a sentence)
    """How early the positive come, and whether each threshold keeps the sensitivity that it was fixed for."""
    if not found["positives"]:
        return []

    def part(p):
        value = with_span(
            percent(found["worklist"][p]), span(spans.get("worklist", {}).get(p), none="")
        )
        return f"the first {_whole(p)} of the worklist hold {value}, at best {percent(found['best'][p])}"

    early = (
        f"Of those who are {positive}, {'; '.join(map(part, found['worklist']))}. "
        f"In random order it is {' and '.join(map(_whole, found['worklist']))}."
    )
    of, groups = spans.get("at") or [{} for _ in found["at"]], found["positive_groups"]
    return [
        (True, early),
        *(_kept(at, x.get("sensitivity"), groups) for at, x in zip(found["at"], of)),
    ]


def _kept(at: dict, interval, groups: int) -> tuple[bool, str]:
    asked, here = (
        at["asked_sensitivity"],
        with_span(percent(at["sensitivity"]), span(interval, none="")),
    )
    fixed = f"The threshold that validation fixed for a sensitivity of {_whole(asked)}"
    low, high = interval or (asked, asked)
    if at["sensitivity"] < asked:
        return False, (
            f"{fixed} does not keep it here: {here}"
            f"{', all of the interval below it' if high < asked else ', though the interval reaches it'}."
        )
    doubt = ", though the interval reaches below it" if low < asked else ""
    if not at["missed"]:
        doubt = f"; none missed in {count(groups, 'group')} still allows about {percent(min(1, 3 / groups))} elsewhere"
    return True, f"{fixed} keeps it here: {here}{doubt}."


def _whole(share) -> str:
    return f"{100 * float(share):g} %"


# ---- parts


def _first(part: float, n):
    return np.ceil(np.round(part * n, 6)).astype(int)  # 0.1*30 is a little more than 3


def _shares(positive, aside) -> dict:
    """Name -> (images that have it, images of which it is a share)."""
    every = np.ones(len(positive), bool)
    return dict(
        prevalence=(positive, every),
        removed=(aside, every),
        sensitivity=(~aside, positive),
        specificity=(aside, ~positive),
        npv=(~positive, aside),
    )


def _removed_intervals(resampling: Resampling, positive, aside) -> dict:
    shares = _shares(positive, aside)
    found = {k: resampling.shares(part & whole, whole) for k, (part, whole) in shares.items()}

    def at(p):
        well, ill = found["specificity"] * (1 - p), (1 - found["sensitivity"]) * p
        with np.errstate(invalid="ignore"):
            return resampling.interval(well / (well + ill), positive, ~positive)

    return dict(
        {k: resampling.interval(v, shares[k][1]) for k, v in found.items()},
        missed=resampling.interval(resampling.totals(positive & aside), positive),
        npv_at={f"{p:g}": at(p) for p in PREVALENCES},
    )
