"""Where the images of a folder come from and what each source allows, as Croissant 1.1 has it.

Sources that gave images in, properties of the dataset out: provenance in PROV-O, an entity a
source, and usageInfo. Nothing is said that the catalogue does not say.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from cxr_fastai.catalog import Source
from cxr_fastai.curation.folder.result import Curation
from cxr_fastai.reporting.text import count

__all__ = ["origin", "usage"]

Json = dict[str, Any]
# What a licence that forbids commerce is called in the Data Use Ontology.
NON_COMMERCIAL = {
    "@type": "sc:DefinedTerm",
    "name": "not for profit, non commercial use only",
    "termCode": "DUO_0000018",
    "url": "http://purl.obolibrary.org/obo/DUO_0000018",
}
NON_COMMERCIAL_MARK = "-NC"  # in the name of such a licence
SHARED = {"yes": "may be shared on", "no": "may not be shared on"}
UNSTATED = "whether they may be shared on is not known"


def origin(
    curation: Curation,
    sources: Sequence[Source],  # that gave images
) -> Json:
    """Say of which sources the images are, and what put them together."""
    return {
        "prov:wasDerivedFrom": [_entity(curation, source) for source in sources],
        "prov:wasGeneratedBy": {
            "@type": "prov:Activity",
            "prov:label": f"cxr curate, recipe {curation.recipe.name}",
            "prov:wasAssociatedWith": {
                "@type": "prov:SoftwareAgent",
                "prov:label": f"cxr_fastai {_own_version()}".strip(),
            },
        },
    }


def _entity(curation: Curation, source: Source) -> Json:
    """Describe a source."""
    images = curation.summary.sources[source.id]
    entity = {
        "@type": "prov:Entity",
        "prov:label": source.title or source.id,
        "sc:identifier": source.id,
        "sc:size": count(images, "image"),
        "sc:license": source.licence or "none stated",
    }
    if source.url:
        entity["prov:atLocation"] = source.url
    return entity


def _own_version() -> str:
    """Return the version of this library; empty for a checkout that is not installed."""
    try:
        return version("cxr_fastai")
    except PackageNotFoundError:
        return ""


def usage(
    curation: Curation,
    sources: Sequence[Source],  # that gave images
) -> list[Json]:
    """Say what each source allows; where one forbids commerce the whole is not for it."""
    terms: list[Json] = []
    for source in sources:
        images = count(curation.summary.sources[source.id], "image")
        says = SHARED.get(source.redistribute, UNSTATED)
        terms.append(
            {
                "@type": "sc:CreativeWork",
                "name": f"{source.id}: {source.licence or 'no licence stated'}",
                "text": f"{images}; {says}.",
            }
        )
    if any(NON_COMMERCIAL_MARK in source.licence for source in sources):
        terms.append(dict(NON_COMMERCIAL))
    return terms
