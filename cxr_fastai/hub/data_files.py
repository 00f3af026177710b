"""A curated folder as it is to stand on the Hub: images by split, manifest, tables, card.

A folder that `cxr curate` wrote -> a Shipment, which is such a folder again. Refuses what may not
be passed on, an image that is not that of its row, and one that carries more than pixels. Sends
nothing, changes nothing here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from cxr_fastai.catalog import load_catalog
from cxr_fastai.core import IntegrityError, StrPath
from cxr_fastai.curation.folder.croissant import CROISSANT
from cxr_fastai.curation.folder.hub_table import METADATA, hub_tables
from cxr_fastai.hub.croissants import croissant_there
from cxr_fastai.hub.data_card import OnHub, own_card, sources_card
from cxr_fastai.hub.licences import check_shareable, hidden_sources, licence_words
from cxr_fastai.hub.plain_png import more_than_pixels
from cxr_fastai.hub.released import MOST_IN_A_FOLDER, OLDEST_TOLD, Released, released
from cxr_fastai.hub.shipment import DATASET, LeftOut, Parcel, Shipment, of_bytes, of_file
from cxr_fastai.junk import is_junk
from cxr_fastai.manifest import CURATION, MANIFEST, Manifest, manifest_text, read_manifest
from cxr_fastai.manifest_pixels import pixel_faults
from cxr_fastai.negatives import TABLE as NEGATIVES
from cxr_fastai.negatives import THUMBNAILS
from cxr_fastai.progress import SILENT, Progress
from cxr_fastai.reporting.text import count

__all__ = ["data_shipment"]

CARD = "README.md"
NAMES_FILES = "it names files of the sources, also of images that are not here"
NEITHER = "each of its thumbnails is under a licence of its own, and none is an image of a class"
REASONS = {
    "rejects.csv": NAMES_FILES,
    "duplicates.csv": NAMES_FILES,
    "conflicts.csv": NAMES_FILES,
    "related.csv": NAMES_FILES,
    "report.html": "it shows films that were left out, and names files of the sources",
    "quality.csv": "it names images by where they lie here",
    "recipe.toml": f"{CURATION} holds the recipe",
    ".conflicts": "radiographs whose copies have two labels: they are in no class",
    NEGATIVES: NEITHER,
    THUMBNAILS: NEITHER,
    CROISSANT: "it tells what curation warned of, and warnings may name files",
}
NO_FILE_OF_OURS = "`cxr curate` did not write it"
MOST_FAULTS = 3  # that are spelled out


def data_shipment(
    path: StrPath,  # a folder that `cxr curate` wrote
    repo: str,  # OWNER/NAME
    licence: str = "",  # of a folder of one's own, as the Hub names it
    manifest: StrPath | None = None,  # the folder's catalogue; None: the library's own
    progress: Progress = SILENT,
) -> Shipment:
    """Say what of a curated folder goes to the Hub.

    Raises `NotCurated`, `UsageError` where a source may not be passed on, `IntegrityError` where an
    image is not that of its row.
    """
    data = read_manifest(path)
    catalog = load_catalog(manifest)
    check_shareable(data, catalog, licence)
    _check_images(data, progress)
    hidden = hidden_sources(data, catalog)
    there = _with_licence(released(data, hidden), hidden, licence)
    texts = _texts(data, there, hidden)
    left = _left_out(data, texts)
    changed = tuple(_changed(there, hidden))
    told = OnHub(repo, there.rows, left, changed, licence)
    own = (data.root / CARD).read_text(encoding="utf-8") if (data.root / CARD).is_file() else ""
    texts[CARD] = own_card(own, data, told, catalog) if hidden else sources_card(own, told)
    parcels = [of_bytes(name, text.encode()) for name, text in sorted(texts.items())]
    parcels += _images(data, there, progress)
    return Shipment(
        kind=DATASET,
        title=f"{data.recipe.name}, {count(len(there.rows), 'image')}, manifest {data.sha256[:12]}",
        repo=repo,
        parcels=tuple(parcels),
        left_out=left,
        licence=licence_words(data, licence),
        changed=changed,
        beware=tuple(_beware(data, hidden)),
    )


def _check_images(
    data: Manifest,
    progress: Progress,
) -> None:
    """Raise `IntegrityError` for an image of other pixels, or with more than pixels in it."""
    faults = pixel_faults(data, progress=progress)
    faults = faults or list(_more_than_pixels(data))
    if not faults:
        return
    told = faults[:MOST_FAULTS]
    rest = len(faults) - len(told)
    if rest:
        told.append(f"and {count(rest, 'more image')}")
    raise IntegrityError(f"{data.root}: {'; '.join(told)}")


def _more_than_pixels(
    data: Manifest,
) -> Iterator[str]:
    """Name the images that carry text, dates or other metadata."""
    for row in data.rows:
        found = more_than_pixels(data.root / row.path)
        if found:
            yield f"{row.path} holds {found}: curate the folder again, which writes pixels alone"


def _with_licence(
    there: Released,
    hidden: set[str],  # his sources
    licence: str,  # '': none is given
) -> Released:
    """Write the owner's licence into the rows of his own images."""
    if not licence:
        return there
    rows = []
    for row in there.rows:
        is_his = row.source in hidden
        rows.append(replace(row, licence=licence) if is_his else row)
    return replace(there, rows=rows)


# ---- what goes


def _texts(
    data: Manifest,
    there: Released,
    hidden: set[str],
) -> dict[str, str]:  # path -> text, without the card
    """Make the files of text as they are to stand there."""
    manifest = manifest_text(there.rows, data.recipe)
    curation = dict(data.curation)
    curation.pop("own", None)  # it names folders and files
    curation["layout"] = "split"
    texts = {
        MANIFEST: manifest,
        CURATION: json.dumps(curation, indent=2, ensure_ascii=False, allow_nan=False) + "\n",
        **hub_tables(there.rows, "split"),
    }
    croissant = data.root / CROISSANT
    if not hidden and croissant.is_file():
        folders = {row.path.rpartition("/")[0] for row in there.rows}
        texts[CROISSANT] = croissant_there(croissant, manifest.encode(), folders)
    return texts


def _images(
    data: Manifest,
    there: Released,
    progress: Progress,
) -> list[Parcel]:
    """Hash each image."""
    n = len(there.rows)
    parcels = []
    for row in progress.bar(there.rows, n, f"hashing images: {n}"):
        file = data.root / there.file_of[row.path]
        parcels.append(of_file(row.path, file))
    return parcels


# ---- what is said of it


def _left_out(
    data: Manifest,
    texts: Mapping[str, str],  # that go
) -> tuple[LeftOut, ...]:
    """Say what of the folder stays here, and why."""
    folders = {row.path.split("/")[0] for row in data.rows}
    goes = {*texts, CARD, METADATA, *folders}
    left = []
    for file in sorted(data.root.iterdir()):
        if file.name in goes or is_junk(file.name):
            continue
        why = REASONS.get(file.name, NO_FILE_OF_OURS)
        left.append(LeftOut(file.name, why))
    surplus = len(list(_foreign(data, folders)))
    if surplus:
        name = f"{count(surplus, 'file')} beside the images"
        left.append(LeftOut(name, NO_FILE_OF_OURS))
    return tuple(left)


def _foreign(
    data: Manifest,
    folders: set[str],  # of its images
) -> Iterator[Path]:
    """Yield what lies among the images and is none of the manifest's."""
    ours = {row.path for row in data.rows}
    for folder in sorted(folders):
        files = sorted((data.root / folder).rglob("*"))
        for file in files:
            name = file.relative_to(data.root).as_posix()
            if name in ours or file.name == METADATA:
                continue
            if file.is_file() and not is_junk(name):
                yield file


def _changed(
    there: Released,
    hidden: set[str],
) -> Iterator[str]:
    """Say how the folder there differs from the one here."""
    if any(there_path != here for there_path, here in there.file_of.items()):
        yield (
            "images lie by split and class, so that imagefolder tells the splits apart: "
            "manifest.csv has other paths, and so another SHA-256"
        )
    if hidden:
        named = ", ".join(sorted(hidden))
        yield (
            f"of {named} the names of files and the words of labels are left out, patients are "
            f"numbered anew, and ages from {OLDEST_TOLD} are {OLDEST_TOLD}"
        )
    is_parted = any(row.path.count("/") > 2 for row in there.rows)
    if is_parted:
        yield f"folders of more than {MOST_IN_A_FOLDER:,} images are parted: the Hub takes no more"


def _beware(
    data: Manifest,
    hidden: set[str],
) -> Iterator[str]:
    """Say what nobody can look for but a person."""
    if hidden:
        yield (
            "whether a film shows a name, a date or a number burnt into it was not looked for: "
            "look at each before others do"
        )
        yield (
            f"the folder's title ({data.recipe.title!r}), its sources ({', '.join(sorted(hidden))})"
            f" and its classes ({', '.join(data.recipe.vocab)}) are seen by all"
        )
