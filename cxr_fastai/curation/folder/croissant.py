"""A curated folder described to machines: croissant.json, Croissant 1.1 metadata as JSON-LD. Takes a Curation and the
bytes of its manifest, returns a dict; reads no file, and the same input gives the same description.
"""

from __future__ import annotations

import hashlib

from cxr_fastai.core import SPLITS, Task
from cxr_fastai.curation.folder.card import confounds, incomplete_line, share_lines, used_sources
from cxr_fastai.manifest import COLUMNS, MANIFEST, MANIFEST_VERSION

__all__ = ["croissant", "CROISSANT"]

CROISSANT = "croissant.json"
CONFORMS = ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]
CONTEXT = {  # as appendix 1 of the specification recommends it
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}

# Licences by the catalogue's names, the strictest last; others are told in the catalogue's words.
LICENCES = {
    "CC0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "CC BY 3.0": "https://creativecommons.org/licenses/by/3.0/",
    "CC BY 4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC BY-SA 4.0": "https://creativecommons.org/licenses/by-sa/4.0/",
    "CC BY-NC 4.0": "https://creativecommons.org/licenses/by-nc/4.0/",
    "CC BY-NC-SA 4.0": "https://creativecommons.org/licenses/by-nc-sa/4.0/",
    "CC BY-NC-ND 4.0": "https://creativecommons.org/licenses/by-nc-nd/4.0/",
}
SPLIT_TYPES = {"train": "cr:TrainingSplit", "valid": "cr:ValidationSplit", "test": "cr:TestSplit"}

SAYS = {  # column -> its meaning
    "path": "The image, relative to this folder.",
    "sha256": "SHA-256 of the source file's bytes.",
    "pixel_sha256": "SHA-256 of width, height and the upright 8-bit gray pixels; its start names the image.",
    "phash": "64-bit perceptual hash, 16 hex digits.",
    "source": "Id of the source that the image was kept from.",
    "upstream": "Ids of the sources that this source re-publishes, joined by |; * is any.",
    "original_path": "Where the file lay in the source.",
    "source_label": "The source's own words.",
    "label": "The class; of a multi-label set those that are present, ?those that are unknown, or none, joined by |.",
    "findings": "What the radiograph shows; nothing: unknown, no_finding: nothing abnormal.",
    "patient": "A pseudonym that the source gives; nothing: unknown.",
    "group": "Images linked by patient or radiograph; no split cuts a group.",
    "split": "train, valid or test.",
    "view": "PA, AP, L, or the source's word.",
    "age": "Years.",
    "sex": "F or M.",
    "width": "Pixels, upright.",
    "height": "Pixels, upright.",
    "mode": "Pixel format and bit depth of the source file.",
    "licence": "The source's licence.",
}
TYPES = {
    "label": ["sc:Text", "cr:Label"],
    "age": "sc:Float",
    "width": "sc:Integer",
    "height": "sc:Integer",
}
POINTS_TO = {"label": "classes/slug", "split": "splits/name"}
IN_IMAGES = ("label", "findings", "split", "group", "source", "licence")  # beside path and pixels


def croissant(
    done,  # pipeline.Curation
    manifest_bytes: bytes,  # of manifest.csv, as it stands or is about to stand in the folder
) -> dict:
    """croissant.json of a curated folder. Without url and datePublished: whoever publishes the folder adds them."""
    sha, recipe = hashlib.sha256(manifest_bytes).hexdigest(), done.recipe
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS,
        "name": recipe.title,
        "description": _description(done),
        "license": _licences(done),
        "citeAs": _citation(done),
        "creator": {
            "@type": "sc:Organization",
            "name": "cxr_fastai",
            "description": "Curated by cxr_fastai from the sources that citeAs names.",
        },
        "isBasedOn": [s.url for s in used_sources(done) if s.url],
        "keywords": ["chest X-ray", "radiography", *recipe.display.values()],
        "version": f"{MANIFEST_VERSION}.0.0+{sha[:12]}",
        **_responsible(done),
        "distribution": _distribution(done, sha, len(manifest_bytes)),
        "recordSet": [_splits(), _classes(recipe), _rows(recipe), _images()],
    }


def _description(done) -> str:
    parts = [
        incomplete_line(done),
        f"{len(done.records)} chest radiographs for recipe {done.recipe.name}: "
        f"{', '.join(done.recipe.vocab)}. Upright 8-bit gray PNG without metadata, a row each in {MANIFEST}.",
        *share_lines(done),
        "Research only, not a medical device.",
    ]
    return " ".join(p for p in parts if p)


def _licences(done) -> list[str]:
    """The licence of each source, the strictest first: those that forbid or are silent on redistribution, then the rest."""
    order = list(LICENCES)

    def strict(s):
        return (
            ("no", "unknown", "", "yes").index(s.redistribute),
            -order.index(s.licence) if s.licence in order else -len(order),
            s.licence,
        )

    said = [
        LICENCES.get(s.licence) or f"{s.id}: {s.licence or 'none stated'}"
        for s in sorted(used_sources(done), key=strict)
    ]
    return list(dict.fromkeys(said))


def _citation(done) -> str:
    return "; ".join(dict.fromkeys(s.citation or s.title or s.id for s in used_sources(done)))


# ---- responsible AI


def _responsible(done) -> dict:
    sources, copies, records = used_sources(done), done.duplicates(), done.records
    blank = {
        c: sum(not getattr(r, c) for r in records)
        for c in ("patient", "age", "sex", "view", "findings")
    }
    republished = [w for w in done.warnings if "re-publishes" in w]
    return {
        "rai:dataCollection": f"Images of public sources, put together: {'; '.join(s.title or s.id for s in sources)}.",
        "rai:dataCollectionType": ["Secondary Data analysis"],
        "rai:dataCollectionRawData": "The sources' own image files; columns source, original_path and sha256 lead back "
        "to each.",
        "rai:dataCollectionMissingData": f"Images without a value, of {len(records)}: "
        f"{', '.join(f'{c} {n}' for c, n in blank.items())}.",
        "rai:dataPreprocessingProtocol": [
            "Decoded once, turned upright, scaled to 8-bit gray by bit depth; metadata is not carried over.",
            f"{copies['bytes'] + copies['pixels']} exact copies are left out, {len(done.conflicts)} radiographs whose "
            f"copies have labels of two classes, and {len(done.rejects)} files or table rows for stated reasons.",
            "Split by group of linked patients and radiographs; official test sets stay test.",
        ],
        "rai:dataAnnotationProtocol": [
            "Labels are the sources' own, mapped by the catalogue to findings and by the "
            "recipe to classes; no image was read again."
        ],
        "rai:dataBiases": confounds(done)
        or ["None found by the checks for class by source and class by age."],
        "rai:dataLimitations": [
            *republished,
            "Copies that were resized or cropped are not found.",
            *([x] if (x := incomplete_line(done)) else []),
        ],
        "rai:dataUseCases": [
            "Training and testing of classifiers of chest radiographs, for research; no diagnosis."
        ],
        "rai:personalSensitiveInformation": [
            "Age, sex and pseudonyms of patients where the sources publish them; "
            "health data of persons."
        ],
    }


# ---- files and records


def _distribution(done, sha: str, size: int) -> list[dict]:
    folders = sorted({r.path.rpartition("/")[0] for r in done.records})
    return [
        {
            "@type": "cr:FileObject",
            "@id": MANIFEST,
            "name": MANIFEST,
            "contentUrl": MANIFEST,
            "contentSize": f"{size} B",
            "encodingFormat": "text/csv",
            "sha256": sha,
            "description": "A row an image. An apostrophe stands before a cell that a spreadsheet would compute.",
        },
        {
            "@type": "cr:FileSet",
            "@id": "image-files",
            "name": "image-files",
            "encodingFormat": "image/png",
            "includes": [f"{f}/*.png" if f else "*.png" for f in folders],
            "description": "The images; each one's SHA-256 of pixels stands in the manifest.",
        },
    ]


def _splits() -> dict:
    return _enumeration(
        "splits",
        "cr:Split",
        "The splits.",
        {"name": "sc:Text", "url": "cr:Split"},
        [{"name": s, "url": SPLIT_TYPES[s]} for s in SPLITS],
    )


def _classes(recipe) -> dict:
    return _enumeration(
        "classes",
        "sc:Enumeration",
        "The classes, in the order of a model's answers.",
        {"slug": "sc:Text", "name": "sc:Text", "findings": "sc:Text"},
        [
            {"slug": c, "name": recipe.display.get(c, c), "findings": "|".join(of)}
            for c, of in recipe.classes.items()
        ],
    )


def _enumeration(id: str, kind: str, says: str, fields: dict, data: list[dict]) -> dict:
    """A record set whose records stand in the description; the first field is its key."""
    return {
        "@type": "cr:RecordSet",
        "@id": id,
        "name": id,
        "description": says,
        "dataType": kind,
        "key": {"@id": f"{id}/{next(iter(fields))}"},
        "field": [
            {"@type": "cr:Field", "@id": f"{id}/{f}", "name": f, "dataType": _types(t)}
            for f, t in fields.items()
        ],
        "data": [{f"{id}/{k}": v for k, v in row.items()} for row in data],
    }


def _types(kind: str):
    return ["sc:URL", kind] if kind == "cr:Split" else kind


def _rows(recipe) -> dict:
    fields = [_column("rows", c) for c in COLUMNS]
    for (
        f
    ) in fields:  # a multi-label recipe's label names several classes, and those that are unknown
        points = f["name"] in POINTS_TO and not (
            recipe.task is Task.MULTI_LABEL and f["name"] == "label"
        )
        if points:
            f["references"] = {"field": {"@id": POINTS_TO[f["name"]]}}
    return {
        "@type": "cr:RecordSet",
        "@id": "rows",
        "name": "rows",
        "key": {"@id": "rows/path"},
        "description": f"The rows of {MANIFEST}.",
        "field": fields,
    }


def _images() -> dict:
    """Pixels with what is said of them: the files, joined with the manifest by path."""
    files = {"fileSet": {"@id": "image-files"}}
    path = _field(
        "images",
        "path",
        "sc:Text",
        {**files, "extract": {"fileProperty": "fullpath"}, "transform": {"regex": "^(.+)$"}},
    )
    path["references"] = {"fileObject": {"@id": MANIFEST}, "extract": {"column": "path"}}
    image = _field(
        "images", "image", "sc:ImageObject", {**files, "extract": {"fileProperty": "content"}}
    )
    return {
        "@type": "cr:RecordSet",
        "@id": "images",
        "name": "images",
        "key": {"@id": "images/path"},
        "description": "The images with the columns that training needs.",
        "field": [path, image, *(_column("images", c) for c in IN_IMAGES)],
    }


def _column(record_set: str, c: str) -> dict:
    source = {"fileObject": {"@id": MANIFEST}, "extract": {"column": c}}
    if c != "findings":
        return _field(record_set, c, TYPES.get(c, "sc:Text"), source)
    field = _field(record_set, c, "sc:Text", {**source, "transform": {"separator": "|"}})
    return {**field, "isArray": True, "arrayShape": "-1"}


def _field(record_set: str, name: str, kind, source: dict) -> dict:
    says = SAYS.get(name, "The pixels.")
    return {
        "@type": "cr:Field",
        "@id": f"{record_set}/{name}",
        "name": name,
        "description": says,
        "dataType": kind,
        "source": source,
    }
