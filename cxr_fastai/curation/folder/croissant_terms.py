"""The words of croissant.json: its JSON-LD context, licences and the meaning of each column.

Constants only, as Croissant 1.1 and manifest.Record have them.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CONTEXT", "LICENCES", "Column", "MANIFEST_COLUMNS"]

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
    "prov": "http://www.w3.org/ns/prov#",
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


@dataclass(frozen=True)
class Column:
    """How a column of the manifest is described."""

    says: str  # its meaning
    kind: str | tuple[str, ...] = "sc:Text"
    separator: str = ""  # of several values in a cell


MANIFEST_COLUMNS = {
    "path": Column("The image, relative to this folder."),
    "sha256": Column("SHA-256 of the source file's bytes."),
    "pixel_sha256": Column(
        "SHA-256 of width, height and the upright 8-bit gray pixels; its start names the image."
    ),
    "phash": Column("64-bit perceptual hash, 16 hex digits."),
    "source": Column("Id of the source that the image was kept from."),
    "upstream": Column("Ids of the sources that this source re-publishes, joined by |; * is any."),
    "original_path": Column("Where the file lay in the source."),
    "source_label": Column("The source's own words."),
    "label": Column(
        "The class; of a multi-label set those that are present, ?those that are unknown, or none, "
        "joined by |.",
        ("sc:Text", "cr:Label"),
    ),
    "findings": Column(
        "What the radiograph shows; nothing: unknown, no_finding: nothing abnormal.",
        separator="|",
    ),
    "patient": Column("A pseudonym that the source gives; nothing: unknown."),
    "group": Column("Images linked by patient, radiograph or look; no split cuts a group."),
    "split": Column("train, valid or test."),
    "view": Column("PA, AP, L, or the source's word."),
    "age": Column("Years.", "sc:Float"),
    "sex": Column("F or M."),
    "width": Column("Pixels, upright.", "sc:Integer"),
    "height": Column("Pixels, upright.", "sc:Integer"),
    "mode": Column("Pixel format and bit depth of the source file."),
    "licence": Column("The source's licence."),
    "repeat_of": Column(
        "Path of the image whose radiograph this one shows again: both stand in one official test "
        "set, which is kept whole; nothing: it repeats none."
    ),
    "fold": Column("Number of a fold of cross-validation, from 0; nothing: none.", "sc:Integer"),
    "format": Column("Format of the source file."),
    "bytes": Column("Size of the source file's image, in bytes.", "sc:Integer"),
    "jpeg_tables": Column("What is told of a JPEG's quantisation tables; nothing: it has none."),
    "study": Column(
        "Of DICOM: place of the film's study among those of its patient by date, from 1; nothing: "
        "unknown.",
        "sc:Integer",
    ),
    "righted": Column(
        "How the source's picture lay before it was turned and inverted back; nothing: it is shown "
        "as it lay.",
        separator="|",
    ),
}
