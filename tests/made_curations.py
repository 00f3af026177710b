"""Curations made by hand for tests of what is told of them: the real records, every cell by keyword."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
from PIL import Image

from cxr_fastai import phantom
from cxr_fastai.catalog import COLUMNS as CATALOG_COLUMNS
from cxr_fastai.catalog import Rule, Source
from cxr_fastai.curation.copies.copy_sets import Copy, CopySet, ScannedImage
from cxr_fastai.curation.copies.fingerprint import fingerprint
from cxr_fastai.curation.folder.result import Curation, Request
from cxr_fastai.curation.folder.summary import summarise
from cxr_fastai.curation.sources.item import Item, Reject
from cxr_fastai.manifest import COLUMNS, Record
from cxr_fastai.recipes import Recipe, present

REQUEST_KEYS = {field.name for field in fields(Request)}


def rule(source="one", **cells) -> Rule:
    "A row of the catalogue."
    base = dict(redistribute="yes", age_group="adult", transport="local", on="yes")
    return Rule(row=2, **{**dict.fromkeys(CATALOG_COLUMNS, ""), **base, "source": source, **cells})


def source(name="one", **cells) -> Source:
    "A source of one rule."
    return Source(id=name, rules=(rule(name, **cells),))


def item(**cells) -> Item:
    base = dict(
        source="one",
        file="nowhere.png",
        path="a.png",
        array=None,
        source_label="",
        findings=("no_finding",),
        patients=(),
        radiograph="",
        view="",
        age="",
        sex="",
        official="",
        rule=rule(),
    )
    return Item(**{**base, **cells})


def reject(path="a.png", source="one", stage="scan", reason="truncated", message="") -> Reject:
    return Reject(path=path, sha256="", source=source, stage=stage, reason=reason, message=message)


def moved(image: ScannedImage, **cells) -> ScannedImage:
    "The same image with other cells of its item."
    return replace(image, item=replace(image.item, **cells))


class Films:
    "ScannedImages of phantoms; `films.image(..)` writes the file."

    def __init__(self, root):
        self.root, self.n = root, 0

    def image(
        self,
        source="one",
        path="",
        label="normal",
        said="normal",
        seed=1,
        size=64,
        edit=None,
        **cells,
    ):
        self.n += 1
        file = self.root / f"{self.n}.png"
        pixels = phantom.draw("normal", seed, size)
        Image.fromarray(np.ascontiguousarray(edit(pixels) if edit else pixels)).save(file)
        made = item(
            source=source,
            file=str(file),
            path=path or f"{label}/{self.n}.png",
            source_label=said,
            findings=(label,),
            **cells,
        )
        return ScannedImage(
            item=made,
            fingerprint=fingerprint(str(file)),
            label=label,
            why_unlabelled="",
            rank=(self.n,),
        )

    def group(self, *others, name="", kept=None, **cells):
        "A kept film and (kind, score, transform, cells of image) for each other."
        members = [self.image(**(kept or {})), *(self.image(**other[3]) for other in others)]
        copies = [Copy("bytes"), *(Copy(*other[:3]) for other in others)]
        return CopySet(id=name or f"{self.n:016x}", members=members, copies=copies, **cells)

    def pair(
        self,
        kind="near",
        source="two",
        score=0.9,
        transform="resized 0.50 x 0.50",
        name="",
        seed=1,
        **cells,
    ):
        edit = np.fliplr if kind == "near" else None
        cells = dict(source=source, seed=seed, edit=edit) | cells
        return self.group((kind, score, transform, cells), kept=dict(seed=seed), name=name)


def record(image: ScannedImage, split="train", **cells) -> Record:
    "The manifest's row of an image."
    sha = image.fingerprint.pixel_sha256
    row = dict(
        path=f"{image.label}/{sha[:32]}.png",
        pixel_sha256=sha,
        label=image.label,
        source=image.item.source,
        original_path=image.item.path,
        group=sha[:16],
        split=split,
        width=str(image.fingerprint.width),
        height=str(image.fingerprint.height),
    )
    return Record(**{**dict.fromkeys(COLUMNS, ""), **row, **cells})


def curation(copy_sets=(), **cells) -> Curation:
    "A Curation of the kept films of some copy sets, summed up; `cells` are of it or of its Request."
    copy_sets = list(copy_sets)
    images = [member for copies in copy_sets for member in copies.members]
    rows = [record(copies.kept) for copies in copy_sets if copies.is_included]
    rows = cells.pop("records", list({row.pixel_sha256: row for row in rows}.values()))
    labels = sorted({label for row in rows for label in present(row.label)})
    recipe = Recipe(name="toy", title="Toy classes", classes={label: [label] for label in labels})
    request = {"recipe": recipe, **{k: cells.pop(k) for k in REQUEST_KEYS & cells.keys()}}
    origins = {row.pixel_sha256: item(source=row.source, path=row.original_path) for row in rows}
    origins |= {image.fingerprint.pixel_sha256: image.item for image in reversed(images)}
    named = {row.source for row in rows} | {image.item.source for image in images}
    base = dict(
        out=Path("out"),
        request=Request(**request),
        records=rows,
        copy_sets=[copies for copies in copy_sets if len(copies.members) > 1],
        rejects=[],
        warnings=[],
        sources=[source(name) for name in sorted(named)],
        failed={},
        versions={},
        quality=[],
        related=[],
        unexpected=[],
        brightness={},
        origins=origins,
    )
    return summed_up(Curation(**{**base, **cells}))


def summed_up(made: Curation, **cells) -> Curation:
    "A curation counted anew, after cells of it were changed."
    made = replace(made, **cells)
    return replace(made, summary=summarise(made, {s.id: s for s in made.sources}))


def link(a: ScannedImage, b: ScannedImage, score=0.5, joined="yes") -> dict:
    "A row of related.csv."
    return dict(
        path=a.item.path,
        source=a.item.source,
        other_path=b.item.path,
        other_source=b.item.source,
        score=f"{score:.4g}",
        inliers="40",
        joined=joined,
    )


def overlap(copies: CopySet, **cells) -> dict:
    "A row of unexpected copies: the first two of a set."
    a, b = copies.members[:2]
    row = dict(
        group=copies.id,
        path=a.item.path,
        source=a.item.source,
        other_path=b.item.path,
        other_source=b.item.source,
        score="0.91",
        transform="mirrored",
    )
    return {**row, **cells}
