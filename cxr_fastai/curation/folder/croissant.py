"""Describe a curated folder to machines: croissant.json, Croissant 1.1 metadata as JSON-LD.

A Curation and the bytes of its manifest -> a dict; reads no file, counts nothing, and the same
input gives the same description.
"""

from __future__ import annotations

import hashlib
from typing import Any

from cxr_fastai.catalog import Source
from cxr_fastai.core import SPLITS, Task
from cxr_fastai.curation.fetch import SOURCE_IN_PARTS, SOURCE_LEFT_ASIDE
from cxr_fastai.curation.folder.card import used_sources
from cxr_fastai.curation.folder.croissant_origin import origin, usage
from cxr_fastai.curation.folder.croissant_terms import CONTEXT, LICENCES, MANIFEST_COLUMNS
from cxr_fastai.curation.folder.result import SOURCE_FAILED, Curation
from cxr_fastai.curation.folder.sentences import (
    NOTHING_FOUND,
    conflicts_line,
    copies_line,
    incomplete_line,
    official_line,
    patients_line,
    related_line,
    share_lines,
    warning_line,
)
from cxr_fastai.manifest import COLUMNS, MANIFEST, MANIFEST_VERSION
from cxr_fastai.recipes import Recipe
from cxr_fastai.reporting.text import count

__all__ = ["croissant", "CROISSANT"]

CROISSANT = "croissant.json"
CONFORMS = ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]
IMAGE_FILES = "image-files"  # id of the file set
Json = dict[str, Any]
SPLIT_TYPES = {"train": "cr:TrainingSplit", "valid": "cr:ValidationSplit", "test": "cr:TestSplit"}
STRICTEST_FIRST = ("no", "unknown", "", "yes")  # what the catalogue says of redistribution


POINTS_TO = {"label": "classes/slug", "split": "splits/name"}
IN_IMAGES = ("label", "findings", "split", "group", "source", "licence")  # with path and pixels


def croissant(
    curation: Curation,
    manifest_bytes: bytes,  # of manifest.csv, as it stands or is about to stand in the folder
) -> Json:
    """croissant.json of a curated folder.

    Without url and datePublished: whoever publishes the folder adds them.
    """
    sha = hashlib.sha256(manifest_bytes).hexdigest()
    recipe = curation.recipe
    sources = used_sources(curation)
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS,
        "name": recipe.title,
        "description": _description(curation),
        "license": _licences(sources),
        "citeAs": "; ".join(dict.fromkeys(s.citation or s.title or s.id for s in sources)),
        "creator": {
            "@type": "sc:Organization",
            "name": "cxr_fastai",
            "description": "Curated by cxr_fastai from the sources that citeAs names.",
        },
        "usageInfo": usage(curation, sources),
        **origin(curation, sources),
        "isBasedOn": [source.url for source in sources if source.url],
        "keywords": ["chest X-ray", "radiography", *recipe.display.values()],
        "version": f"{MANIFEST_VERSION}.0.0+{sha[:12]}",
        **_responsible(curation, sources),
        "distribution": _distribution(curation, sha, len(manifest_bytes)),
        "recordSet": [_splits(), _classes(recipe), _rows(recipe), _images()],
    }


def _description(curation: Curation) -> str:
    """Describe the dataset in a few sentences.

    What is missing stands first, what may not be shared after the numbers.
    """
    recipe = curation.recipe
    parts = [
        incomplete_line(curation),
        f"{count(curation.summary.images, 'chest radiograph')} for recipe {recipe.name}: "
        f"{', '.join(recipe.vocab)}. Upright 8-bit gray PNG without metadata, a row each in "
        f"{MANIFEST}.",
        *share_lines(curation),
        "Research only, not a medical device.",
    ]
    return " ".join(part for part in parts if part)


def _licences(
    sources: list[Source],  # that gave images
) -> list[str]:  # each licence once
    """Name the licence of each source, the strictest first.

    Those that forbid redistribution, or are silent on it, stand before the rest. Licences that are
    known by name are told by their address, others in the catalogue's words.
    """
    known = list(LICENCES)

    def strictness(source: Source) -> tuple[int, int, str]:
        """Order by what is allowed, then by licence; one that is not known comes first."""
        unknown_first = len(known)
        rank = known.index(source.licence) if source.licence in LICENCES else unknown_first
        return STRICTEST_FIRST.index(source.redistribute), -rank, source.licence

    names = []
    for source in sorted(sources, key=strictness):
        own_words = f"{source.id}: {source.licence or 'none stated'}"
        names.append(LICENCES.get(source.licence, own_words))
    return list(dict.fromkeys(names))


# ---- responsible AI


def _responsible(
    curation: Curation,
    sources: list[Source],  # that gave images
) -> Json:  # properties of the dataset
    """Say how the data came about, as the RAI vocabulary asks."""
    summary = curation.summary
    unknown = ", ".join(f"{column} {n}" for column, n in summary.unknown.items())
    titles = "; ".join(source.title or source.id for source in sources)
    return {
        "rai:dataCollection": f"Images of these sources, put together: {titles}.",
        "rai:dataCollectionType": ["Secondary Data analysis"],
        "rai:dataCollectionRawData": "The sources' own image files; columns source, original_path "
        "and sha256 lead back to each.",
        "rai:dataCollectionMissingData": f"Images without a value, of {summary.images}: {unknown}.",
        "rai:dataPreprocessingProtocol": [
            "Decoded once, turned upright, scaled to 8-bit gray by bit depth; metadata is not "
            "carried over.",
            copies_line(summary),
            conflicts_line(curation),
            f"{count(summary.left_out, 'file or table row is', 'files or table rows are')} left "
            "out, for the reasons in rejects.csv.",
            f"Split by group, linked by patient, radiograph or look. {official_line(summary)}",
        ],
        "rai:dataAnnotationProtocol": [
            "Labels are the sources' own, mapped by the catalogue to findings and by the "
            "recipe to classes; no image was read again."
        ],
        "rai:dataBiases": [warning_line(w) for w in summary.confounds] or [NOTHING_FOUND],
        "rai:dataLimitations": _limitations(curation),
        "rai:dataUseCases": [
            "Training and testing of classifiers of chest radiographs, for research; no diagnosis."
        ],
        "rai:personalSensitiveInformation": [
            "Age, sex and pseudonyms of patients where the sources publish them; "
            "health data of persons."
        ],
    }


def _limitations(curation: Curation) -> list[str]:
    """Say what this run could not have, could not tell apart, or found otherwise than expected."""
    lines = [incomplete_line(curation), patients_line(curation.summary)]
    lines.append(related_line(curation.summary))
    for warning in curation.warnings:
        if warning.kind not in (SOURCE_FAILED, SOURCE_IN_PARTS, SOURCE_LEFT_ASIDE):
            lines.append(warning_line(warning))
    return [line for line in lines if line]


# ---- files


def _distribution(
    curation: Curation,
    sha: str,  # SHA-256 of the manifest's bytes
    size: int,  # the manifest's bytes
) -> list[Json]:
    """List the files: the manifest, and the images by folder."""
    folders = sorted({record.path.rpartition("/")[0] for record in curation.records})
    return [
        {
            "@type": "cr:FileObject",
            "@id": MANIFEST,
            "name": MANIFEST,
            "contentUrl": MANIFEST,
            "contentSize": f"{size} B",
            "encodingFormat": "text/csv",
            "sha256": sha,
            "description": "A row an image. An apostrophe stands before a cell that a spreadsheet "
            "would compute.",
        },
        {
            "@type": "cr:FileSet",
            "@id": IMAGE_FILES,
            "name": IMAGE_FILES,
            "encodingFormat": "image/png",
            "includes": [f"{folder}/*.png" if folder else "*.png" for folder in folders],
            "description": "The images; each one's SHA-256 of pixels stands in the manifest.",
        },
    ]


# ---- record sets


def _splits() -> Json:
    """List the splits with their Croissant types."""
    return _enumeration(
        "splits",
        kind="cr:Split",
        says="The splits.",
        fields={"name": "sc:Text", "url": "cr:Split"},
        data=[{"name": split, "url": SPLIT_TYPES[split]} for split in SPLITS],
    )


def _classes(recipe: Recipe) -> Json:
    """List the classes of the recipe with their findings."""
    data = []
    for slug, findings in recipe.classes.items():
        name = recipe.display.get(slug, slug)
        data.append({"slug": slug, "name": name, "findings": "|".join(findings)})
    return _enumeration(
        "classes",
        kind="sc:Enumeration",
        says="The classes, in the order of a model's answers.",
        fields={"slug": "sc:Text", "name": "sc:Text", "findings": "sc:Text"},
        data=data,
    )


def _enumeration(
    record_set: str,  # its id
    kind: str,  # its data type
    says: str,  # its meaning
    fields: dict[str, str],  # field -> data type
    data: list[dict[str, str]],  # its records: field -> value
) -> Json:
    """Make a record set whose records stand in the description; the first field is its key."""
    described = []
    for name, field_kind in fields.items():
        types = ["sc:URL", field_kind] if field_kind == "cr:Split" else field_kind
        described.append(
            {
                "@type": "cr:Field",
                "@id": f"{record_set}/{name}",
                "name": name,
                "dataType": types,
            }
        )
    records = []
    for row in data:
        records.append({f"{record_set}/{name}": value for name, value in row.items()})
    return {
        "@type": "cr:RecordSet",
        "@id": record_set,
        "name": record_set,
        "description": says,
        "dataType": kind,
        "key": {"@id": described[0]["@id"]},
        "field": described,
        "data": records,
    }


def _rows(recipe: Recipe) -> Json:
    """Describe the rows of the manifest.

    Split and class point to their lists; a label of several classes cannot.
    """
    fields = []
    for column in COLUMNS:
        field = _column("rows", column)
        # a multi-label recipe's label names several classes, and those that are unknown
        several = column == "label" and recipe.task is Task.MULTI_LABEL
        if column in POINTS_TO and not several:
            field["references"] = {"field": {"@id": POINTS_TO[column]}}
        fields.append(field)
    return {
        "@type": "cr:RecordSet",
        "@id": "rows",
        "name": "rows",
        "key": {"@id": "rows/path"},
        "description": f"The rows of {MANIFEST}.",
        "field": fields,
    }


def _images() -> Json:
    """Pixels with what is said of them: the files, joined with the manifest by path."""
    files = {"fileSet": {"@id": IMAGE_FILES}}
    full_path = {"extract": {"fileProperty": "fullpath"}, "transform": {"regex": "^(.+)$"}}
    path = _field(
        "images", "path", MANIFEST_COLUMNS["path"].says, "sc:Text", {**files, **full_path}
    )
    path["references"] = {"fileObject": {"@id": MANIFEST}, "extract": {"column": "path"}}
    content = {**files, "extract": {"fileProperty": "content"}}
    image = _field("images", "image", "The pixels.", "sc:ImageObject", content)
    return {
        "@type": "cr:RecordSet",
        "@id": "images",
        "name": "images",
        "key": {"@id": "images/path"},
        "description": "The images with the columns that training needs.",
        "field": [path, image, *(_column("images", column) for column in IN_IMAGES)],
    }


def _column(
    record_set: str,  # id of the set that it belongs to
    name: str,  # of the column
) -> Json:
    """Make a field that is read from a column of the manifest.

    Cells that hold several values are split.
    """
    column = MANIFEST_COLUMNS[name]
    kind = column.kind if isinstance(column.kind, str) else list(column.kind)
    source: Json = {"fileObject": {"@id": MANIFEST}, "extract": {"column": name}}
    if column.separator:
        source["transform"] = {"separator": column.separator}
    field = _field(record_set, name, column.says, kind, source)
    if column.separator:
        field["isArray"] = True
        field["arrayShape"] = "-1"
    return field


def _field(
    record_set: str,  # id of the set that it belongs to
    name: str,  # of the field
    says: str,  # its meaning
    kind: str | list[str],  # its data type, or several
    source: Json,  # where its values are read
) -> Json:
    """Make a field of a record set."""
    return {
        "@type": "cr:Field",
        "@id": f"{record_set}/{name}",
        "name": name,
        "description": says,
        "dataType": kind,
        "source": source,
    }
