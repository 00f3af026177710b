"""What a reader must know beside the numbers of a report: sentences, each from numbers of its run.

Bundle, Manifest and counted numbers in, sentences out; counts no answers, reads no file. What is
known of the images that training saw: unseen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from cxr_fastai.core import FolderWarning
from cxr_fastai.evaluation.multi_label import FindingMetrics, FindingsMetrics
from cxr_fastai.evaluation.single_label import FloorMetrics
from cxr_fastai.manifest import Manifest
from cxr_fastai.recipes import UNSET
from cxr_fastai.reporting.text import wrap

if TYPE_CHECKING:
    from cxr_fastai.bundle.bundle import Bundle

__all__ = ["finding_notes", "floor_notes", "split_notes", "training_words"]

MIN_IMAGES_PER_FINDING = 10  # below it a note says that the finding's numbers say little


def training_words(
    warnings: Iterable[FolderWarning],  # that the bundle carries
) -> list[str]:
    """Return what training warned of, as lines of text: before any number."""
    lines = []
    for warning in warnings:
        lines += wrap(f"Training warned: {warning.says} {warning.do}".strip())
    return lines


def split_notes(
    bundle: Bundle,
    data: Manifest,
    split: str,
) -> list[str]:
    """Say what a split means, of the folder that the bundle was trained on.

    Of any other folder `unseen.select_rows` has said what is known.
    """
    if bundle.meta["manifest_sha256"] != data.sha256:
        return []
    if split == "train":
        return [
            "The model was trained on these images: the numbers do not tell how it does on new "
            "ones."
        ]
    if split == "valid":
        return ["The validation split steers training; judge the model by its test split."]
    return []


def floor_notes(floors: FloorMetrics) -> list[str]:
    """Say where the source-only floor of a single-label report tells nothing, or everything."""
    source_only = floors["source_only"]
    if len(source_only["answers"]) == 1:
        return ["All images come from one source: the source-only floor equals the majority floor."]
    if source_only["accuracy"] < 1:
        return []
    return [
        "Every source here holds one class: no accuracy on these images can tell reading a "
        "radiograph from recognising its source."
    ]


def finding_notes(
    metrics: FindingsMetrics,
    names: Mapping[str, str],  # finding slug -> name to show
    sources: Iterable[str],  # of the images
) -> list[str]:
    """Say which findings of a multi-label report are unknown, unfixed, absent or rare."""
    findings = metrics["per_class"]
    notes = [
        _unknown_note(metrics, names),
        _unfixed_note(findings, names),
        _absent_note(findings, names),
        _rare_note(findings, names),
    ]
    if len(set(sources)) == 1:
        notes.append(
            "All images come from one source: the source-only floor ranks none above another, and "
            "its F1 is that of answering everywhere each finding that some image has."
        )
    return [note for note in notes if note]


def _unknown_note(
    metrics: FindingsMetrics,
    names: Mapping[str, str],  # finding slug -> name to show
) -> str:
    """Say on how many images the findings are known that are unknown on some."""
    findings = metrics["per_class"]
    known = [f"{names[c]} {x['n']:,}" for c, x in findings.items() if x["unknown"]]
    if not known:
        return ""
    return (
        f"Some labels are unknown and count nowhere: of {metrics['n']:,} images, those in which a "
        f"finding is known are {', '.join(known)}."
    )


def _unfixed_note(
    findings: Mapping[str, FindingMetrics],  # numbers by finding
    names: Mapping[str, str],  # finding slug -> name to show
) -> str:
    """Say for which findings validation fixed no threshold."""
    unfixed = [names[c] for c, x in findings.items() if not x["fixed"]]
    if not unfixed:
        return ""
    return f"Validation fixed no threshold for {', '.join(unfixed)}: answered from {UNSET} on."


def _absent_note(
    findings: Mapping[str, FindingMetrics],  # numbers by finding
    names: Mapping[str, str],  # finding slug -> name to show
) -> str:
    """Say which findings no image is known to have; averages leave them out."""
    absent = [names[c] for c, x in findings.items() if x["support"] == 0]
    if not absent:
        return ""
    return f"No image here is known to have {', '.join(absent)}: no macro average counts it."


def _rare_note(
    findings: Mapping[str, FindingMetrics],  # numbers by finding
    names: Mapping[str, str],  # finding slug -> name to show
) -> str:
    """Say which findings some images have, but few."""
    rare = []
    for slug, numbers in findings.items():
        if 0 < numbers["support"] < MIN_IMAGES_PER_FINDING:
            rare.append(f"{names[slug]} ({numbers['support']})")
    if not rare:
        return ""
    return (
        f"Fewer than {MIN_IMAGES_PER_FINDING} images here have {', '.join(rare)}: these numbers "
        "say little, yet the macro averages hang on each as on any other; a resample without such "
        "a finding averages the rest."
    )
