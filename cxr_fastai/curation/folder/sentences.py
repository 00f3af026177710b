"""What card, page and croissant.json say alike, each sentence from numbers of this run.

A Curation -> lines of plain text. Escapes nothing, writes nothing.
"""

from __future__ import annotations

from cxr_fastai.advice import flag
from cxr_fastai.core import FolderWarning
from cxr_fastai.curation.folder.looks import looks_words
from cxr_fastai.curation.folder.result import COPY_KINDS, SOURCE_FAILED, Curation, Summary
from cxr_fastai.gate.own_films import MIN_FILMS, MIN_GROUPS
from cxr_fastai.negatives import SIDE, TABLE, THUMBNAILS, negatives_words
from cxr_fastai.reporting.text import count, share

__all__ = [
    "incomplete_line",
    "share_lines",
    "copies_line",
    "looks_line",
    "negatives_line",
    "conflicts_line",
    "patients_line",
    "related_line",
    "official_line",
    "beware_lines",
    "warning_line",
    "NOTHING_FOUND",
]

UNSHARED = {"no": "not allowed"}  # what is said of a source that is not marked yes
NOTHING_FOUND = (
    "None of the checks found anything: whether source, age group, sex, view, size, shape or "
    "brightness tells the classes, and whether a class lacks images in a split."
)


def incomplete_line(curation: Curation) -> str:
    """Name the sources that are absent; empty where all are there."""
    if not curation.failed:
        return ""
    return f"INCOMPLETE: these sources could not be had: {', '.join(curation.failed)}."


def share_lines(curation: Curation) -> list[str]:
    """Say how many images may be shared on, and which sources must not be published.

    The catalogue says so of each source; one that it is silent on is not to be published. Only
    sources that gave images are named.
    """
    summary = curation.summary
    free, shut = [], []
    for source in curation.sources:
        if source.id not in summary.sources:
            continue
        if source.redistribute == "yes":
            free.append(source.id)
        else:
            shut.append(f"{source.id} ({UNSHARED.get(source.redistribute, 'not known')})")
    named = f": {', '.join(free)}; each under its licence" if free else ""
    come = "comes" if summary.shareable == 1 else "come"
    lines = [
        f"{summary.shareable:,} of {count(summary.images, 'image')} {come} from sources that allow "
        f"redistribution{named}."
    ]
    if shut:
        lines.append(f"For local use only, do not publish the images of: {', '.join(shut)}.")
    return lines


def negatives_line(summary: Summary) -> str:
    """Say which pictures are kept that are no films, and whose they are; empty for none."""
    if not summary.negatives:
        return ""
    sources: dict[str, int] = {}
    for (_, source), n in summary.negatives.items():
        sources[source] = sources.get(source, 0) + n
    named = ", ".join(f"{source} {n}" for source, n in sorted(sources.items()))
    return (
        f"Beside the classes {THUMBNAILS} keeps thumbnails ({SIDE} px) of "
        f"{negatives_words(summary.negatives_of_kinds())} ({named}): what is no frontal film, for "
        f"the gate to learn from. {TABLE} tells patient, split and licence of each; who passes the "
        "folder on without them leaves out both files."
    )


def looks_line(summary: Summary) -> str:
    """Say which films do not lie as the others do, or that a few films cannot tell."""
    if summary.looks:
        return f"{looks_words(summary.looks, summary.righted)}."
    if summary.looked:
        return (
            "Judged by the others of the folder, no film looks inverted, lateral or laid on its "
            "side or head; a mirrored one cannot be told so."
        )
    return (
        f"Whether films are inverted or lie on their side was not asked: fewer than {MIN_FILMS}, "
        f"or {MIN_GROUPS} patients or groups, cannot tell."
    )


def copies_line(summary: Summary) -> str:
    """Count the copies that were left out, by kind."""
    copies = summary.duplicates()
    total = sum(copies[kind] for kind in COPY_KINDS)
    are = "is" if total == 1 else "are"
    return (
        f"{count(total, 'copy', 'copies')} {are} left out (duplicates.csv): "
        f"{copies['bytes']:,} of equal bytes, {copies['pixels']:,} of equal pixels, "
        f"{copies['near']:,} resized, cropped, turned or otherwise altered; "
        f"{copies['across_sources']:,} of them between two sources."
    )


def conflicts_line(curation: Curation) -> str:
    """Say what became of the radiographs whose copies disagree."""
    summary = curation.summary
    whose = "whose copies have labels of two classes"
    n_kept = summary.conflicts_kept
    if curation.on_conflict == "upstream":
        are = "is" if n_kept == 1 else "are"
        return (
            f"Of {count(summary.conflicts, 'radiograph')} {whose} {n_kept:,} {are} kept, each "
            "under the label of the copy that is kept (conflicts.csv)."
        )
    laid_aside = curation.on_conflict == "keep-both-out"
    how = "laid aside in .conflicts/" if laid_aside else "left out"
    n_out = summary.conflicts - n_kept
    are = "is" if n_out == 1 else "are"
    line = f"{count(n_out, 'radiograph')} {whose} {are} {how} (conflicts.csv)."
    if n_kept:
        line += (
            f" {count(n_kept, 'more is', 'more are')} kept, since an official test set is kept "
            "whole: each of its images under the label that its source gives it."
        )
    return line


def patients_line(summary: Summary) -> str:
    """Say how far the promise of the splits reaches: patients are known, or not."""
    known = summary.images - summary.unknown["patient"]
    rest = ""
    if known < summary.images:
        rest = "; other exposures of the others may still meet across splits"
    return (
        "No radiograph, and no patient that the sources name, is in two splits. The patient is "
        f"known for {known:,} of {count(summary.images, 'image')} "
        f"({share(known, summary.images)}){rest}."
    )


def related_line(summary: Summary) -> str:
    """Count the pairs that look like two exposures of one patient; empty without any."""
    if not summary.related:
        return ""
    apart = summary.related - summary.related_joined
    told = f", {apart:,} not, because a source says that they are two people" if apart else ""
    look = "looks" if summary.related == 1 else "look"
    are = "is" if summary.related_joined == 1 else "are"
    return (
        f"{count(summary.related, 'pair')} of images {look} like two exposures of one patient whom "
        "the sources do not name alike (related.csv): "
        f"{summary.related_joined:,} {are} tied to one split{told}."
    )


def official_line(summary: Summary) -> str:
    """Say which official test images the test split holds, and what the others in it are.

    An image counts where its source, or that of a copy, marks it as a test image. A source that
    names a test set by the catalogue, of which no image here is marked, is told of as such: a list
    file may be missing, or the images. A set is kept whole, and what repeats another image of it,
    or went as a copy of another source's, is counted.
    """
    tested = summary.splits.get("test", 0)
    if not summary.official_tests and not summary.official_absent:
        if not tested:
            return "No source here has an official test set, and no image stands in test."
        return "No source here has an official test set: the test images are drawn."
    sentences = []
    if summary.official_tests:
        named = [_official_set(summary, source) for source in summary.official_tests]
        sentences.append(f"Official test sets are kept as test: {', '.join(named)}.")
    if summary.official_repeats:
        sentences.append(
            "Such a set is kept whole, so that scores can be held against published ones: "
            "manifest.csv says in repeat_of which images show a radiograph again."
        )
    for source, n in summary.official_elsewhere.items():
        are = "is" if n == 1 else "are"
        sentences.append(
            f"{count(n, 'official test image')} of {source} {are} left out as "
            f"{'a copy' if n == 1 else 'copies'} of another source's: for a score to be held "
            f"against published ones, curate it alone: {flag('only', source)}."
        )
    if summary.official_absent:
        absent = ", ".join(summary.official_absent)
        sentences.append(f"No image here is marked as one of the official test set of {absent}.")
    sentences.append(_other_test_images(tested, tested - summary.official_images))
    return " ".join(sentences)


def _official_set(
    summary: Summary,
    source: str,  # with an official test set of which images are here
) -> str:
    """Name an official test set with its images, and how many of them repeat others of it."""
    images = count(summary.official_tests[source], "image")
    repeats = summary.official_repeats.get(source, 0)
    if not repeats:
        return f"{source} ({images})"
    return f"{source} ({images}, {repeats:,} of which {_repeat(repeats)} of the set)"


def _repeat(
    n: int,  # images
) -> str:
    """Say that one repeats another, or several repeat others."""
    return "repeats another" if n == 1 else "repeat others"


def _other_test_images(
    tested: int,  # images in test
    others: int,  # of these, not of an official test set
) -> str:
    """Say how many images of test are of no official test set."""
    if not tested:
        return "No image stands in test."
    if not others:
        return "No other image stands in test."
    are = "is" if others == 1 else "are"
    return f"{others:,} of {count(tested, 'image')} in test {are} not of an official test set."


def beware_lines(curation: Curation) -> list[str]:
    """Everything that a reader must know before a score is believed, as the page tells it."""
    told = [warning for warning in curation.warnings if warning.kind != SOURCE_FAILED]
    return [warning_line(warning) for warning in (*curation.summary.confounds, *told)]


def warning_line(
    warning: FolderWarning,  # of any kind
) -> str:
    """Say what was found, and what can be done about it."""
    if not warning.do:
        return warning.says
    do = warning.do[0].upper() + warning.do[1:]
    return f"{warning.says.rstrip('.')}. {do.rstrip('.')}."
