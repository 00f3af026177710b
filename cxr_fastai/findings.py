"""The vocabulary of findings: what a radiograph can show, in one list for all sources.

Catalogue rows turn a source's own words into findings; recipes turn findings into classes. Beside
the vocabulary stand findings of a user's own, as own:NAME. It imports no room and opens no file.
"""

from __future__ import annotations

from collections.abc import Collection

__all__ = [
    "FINDINGS",
    "NIH_FINDINGS",
    "LEAVES_OPEN",
    "OWN",
    "is_finding",
    "in_order",
    "own_finding",
    "finding_name",
]

OWN = "own:"  # begins a finding that the vocabulary lacks: the class of a user's own folder or csv

# What a radiograph shows, in one vocabulary for all sources; recipes map these to classes.
# NIH's fourteen are those of ChestX-ray14 (Wang et al. 2017, arXiv 1705.02315);
# `pneumonia` is pneumonia of unknown cause.
NIH_FINDINGS = (
    "atelectasis",
    "cardiomegaly",
    "consolidation",
    "edema",
    "effusion",
    "emphysema",
    "fibrosis",
    "hernia",
    "infiltration",
    "mass",
    "nodule",
    "pleural_thickening",
    "pneumonia",
    "pneumothorax",
)
FINDINGS = (
    "no_finding",
    *NIH_FINDINGS,
    "bacterial_pneumonia",
    "viral_pneumonia",
    "fungal_pneumonia",
    "lipoid_pneumonia",
    "covid_19",
    "ards",
    "tuberculosis",
    "lung_opacity",
    "abnormal",
)
# What a finding leaves open: pneumonia of unknown cause may be bacterial. Under a recipe of several
# findings these are then unknown, neither present nor absent.
LEAVES_OPEN = {
    "abnormal": FINDINGS[1:],
    "pneumonia": (
        "bacterial_pneumonia",
        "viral_pneumonia",
        "fungal_pneumonia",
        "lipoid_pneumonia",
        "covid_19",
    ),
    "lung_opacity": (
        "atelectasis",
        "consolidation",
        "edema",
        "infiltration",
        "mass",
        "nodule",
        "pneumonia",
        "bacterial_pneumonia",
        "viral_pneumonia",
        "fungal_pneumonia",
        "covid_19",
        "tuberculosis",
    ),
    "covid_19": ("pneumonia", "viral_pneumonia", "lung_opacity", "consolidation", "infiltration"),
    "ards": ("edema", "consolidation", "infiltration", "lung_opacity"),
}


def own_finding(
    name: str,  # of a user's class
) -> str:
    """Return the finding of a class that the vocabulary does not know: own:NAME."""
    return OWN + name


def finding_name(finding: str) -> str:
    """Return what people call a finding: own:NAME is NAME."""
    return finding.removeprefix(OWN)


def is_finding(text: str) -> bool:
    """Tell whether a text is one of FINDINGS, or a finding of a user's own: own:NAME.

    NAME is one line without | and without blanks around it.
    """
    if text in FINDINGS:
        return True
    name = text.removeprefix(OWN)
    is_clean = name == " ".join(name.split()) and "|" not in name and name.isprintable()
    return text.startswith(OWN) and bool(name) and is_clean


def in_order(
    findings: Collection[str],  # each is one, by `is_finding`
) -> tuple[str, ...]:
    """Return findings in the order of the vocabulary, then those of a user's own by name."""
    known = [finding for finding in FINDINGS if finding in findings]
    own = sorted(finding for finding in set(findings) if finding not in FINDINGS)
    return (*known, *own)
