"""The vocabulary of findings: what a radiograph can show, in one list for all sources.

Catalogue rows turn a source's own words into findings; recipes turn findings into classes. Data
only: it imports nothing and decides nothing.
"""

from __future__ import annotations

__all__ = ["FINDINGS", "NIH_FINDINGS", "LEAVES_OPEN"]

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
