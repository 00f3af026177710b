"""Find the copies in any folders of images, curated or not. Takes folders and files, returns what was Found; reads
them, changes none. What was decoded and compared before is remembered, so that a second run looks at what is new.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cxr_fastai.core import NotCurated, UsageError, make_folder, printable, write_json, write_text
from cxr_fastai.curation.copies.copy_sets import (
    DUPLICATE_COLUMNS,
    CopySet,
    ScannedImage,
    collect_copies,
)
from cxr_fastai.curation.copies.fingerprint import Unreadable
from cxr_fastai.curation.copies.links import Link, find_links
from cxr_fastai.curation.copies.scan import scan
from cxr_fastai.curation.copies.scan_cache import ScanCache
from cxr_fastai.curation.engines import open_engine
from cxr_fastai.curation.sources.listing import REJECT_COLUMNS, Item, Reject, is_junk, is_text
from cxr_fastai.curation.sources.tree import Tree, folder_tree
from cxr_fastai.images import is_image_name
from cxr_fastai.manifest import MANIFEST, read_manifest, write_rows
from cxr_fastai.progress import SILENT

__all__ = ["find_duplicates", "find", "Found"]


@dataclass(frozen=True, repr=False)
class Found:
    """The copies among some images."""

    images: int  # that were read
    old: int  # of these, in `against`
    groups: list[CopySet]  # of two copies or more; with `against`, those that hold a new image
    related: list[Link]  # other exposures of one patient, most likely
    rejects: list[Reject]
    paths: dict[str, str]  # pixel_sha256 -> path of the first image that has it

    @property
    def kinds(self) -> Counter:
        return Counter(c.kind for g in self.groups for c in g.copies[1:])

    @property
    def rows(self) -> list[dict]:
        """A row an image of a group, the kept one first: columns of duplicates.csv and the image's label."""
        return [
            {**row, "label": m.label} for g in self.groups for row, m in zip(g.rows(), g.members)
        ]

    @cached_property
    def df(self):
        """The rows as a DataFrame; scores are numbers, `kept` is true or false."""
        import pandas as pd

        df = pd.DataFrame(self.rows, columns=[*DUPLICATE_COLUMNS, "label"])
        return df.assign(score=df["score"].astype(float), kept=df["kept"] == "yes")

    def related_rows(self) -> list[dict]:
        return [
            dict(
                path=self.paths[k.a],
                other_path=self.paths[k.b],
                score=f"{k.score:.4g}",
                inliers=str(k.inliers),
            )
            for k in self.related
        ]

    def to_dict(self) -> dict:
        return {
            "images": self.images,
            "old": self.old,
            "groups": len(self.groups),
            "copies": dict(self.kinds),
            "duplicates": self.rows,
            "related": self.related_rows(),
            "rejects": [{c: getattr(r, c) for c in REJECT_COLUMNS} for r in self.rejects],
        }

    def __str__(self) -> str:
        k = self.kinds
        against = f", {self.old} of them old" if self.old else ""
        lines = [
            f"{self.images} images{against}: {len(self.groups)} radiographs with copies, {k.total()} copies "
            f"({k['bytes']} equal bytes, {k['pixels']} equal pixels, {k['near']} altered)"
        ]
        for g in self.groups:
            lines.append(f"{g.id}  {printable(g.kept.item.path)}")
            lines += [
                f"    {c.kind:<7}{c.score:.3f}  {printable(m.item.path)}  {c.transform}".rstrip()
                for m, c in list(zip(g.members, g.copies))[1:]
            ]
        if self.related:
            lines.append(
                f"{len(self.related)} pairs look like two exposures of one patient; no copies"
            )
        if self.rejects:
            lines.append(
                f"{len(self.rejects)} could not be read: "
                f"{printable(self.rejects[0].path)} the first ({self.rejects[0].reason})"
            )
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<{len(self.groups)} radiographs with copies among {self.images} images>"


def find_duplicates(
    paths,  # a folder, an image file, or a list of these; folders are read with all below them
    against=None,  # a folder, or a list: then only copies of what is in `paths` are told, the old image first
    workers=None,  # processes; None: one a core
    engine="local",  # local | ray
    progress=None,  # an object with bar and say, as the module cxr_fastai.progress; None: silence
):
    """Copies as a DataFrame, a row an image: group, path, source, kind (bytes | pixels | near), score, transform, kept,
    label. Raises `UsageError` where there is no image.
    """
    return find(paths, against, workers, engine, progress).df


def find(paths, against=None, workers=None, engine="local", progress=None) -> Found:
    """As `find_duplicates`, with rejects and related pairs."""
    new, rejects = _items(_listed(paths))
    old, more = _items(_listed(against)) if against is not None else ([], [])
    inside = {os.path.realpath(it.file) for it in new}
    old = [it for it in old if os.path.realpath(it.file) not in inside]
    if not new:
        raise UsageError(_no_image(paths))
    if against is not None and not old:
        raise UsageError(_no_image(against))
    progress = progress or SILENT
    with ScanCache(progress) as cache, open_engine(engine, workers) as crew:
        prints = scan([*new, *old], crew, cache, progress)
        read = [(it, p) for it, p in zip([*new, *old], prints) if not isinstance(p, Unreadable)]
        fresh = (
            {p.pixel_sha256 for p in prints[: len(new)] if not isinstance(p, Unreadable)}
            if old
            else None
        )
        links = find_links([p for _, p in read], crew, cache, fresh, progress)
    aged = {id(it) for it in old}
    seen = [
        ScannedImage(
            it,
            p,
            it.source_label,
            "",
            (id(it) not in aged, -p.width * p.height, len(os.path.basename(it.path)), it.path),
        )
        for it, p in read
    ]
    groups = [
        g
        for g in collect_copies(seen, links, "upstream")
        if len(g.members) > 1 and (not old or any(id(m.item) not in aged for m in g.members))
    ]
    paths = {
        s.fingerprint.pixel_sha256: s.item.path
        for s in sorted(seen, key=lambda s: s.rank, reverse=True)
    }
    rejects += more + [
        Reject(it.path, p.sha256, it.source, "scan", p.reason, p.message)
        for it, p in zip([*new, *old], prints)
        if isinstance(p, Unreadable)
    ]
    return Found(
        len(read),
        sum(id(it) in aged for it, _ in read),
        groups,
        [k for k in links if k.kind == "same_patient"],
        rejects,
        paths,
    )


def write_found(found: Found, out: Path, title: str, note: str):
    """duplicates.csv, related.csv, rejects.csv, duplicates.json and gallery.html."""
    from cxr_fastai.curation.folder.report_page import gallery_page

    make_folder(out)
    write_rows(out / "duplicates.csv", found.rows, [*DUPLICATE_COLUMNS, "label"])
    write_rows(
        out / "related.csv", found.related_rows(), ("path", "other_path", "score", "inliers")
    )
    write_rows(
        out / "rejects.csv",
        [{c: getattr(r, c) for c in REJECT_COLUMNS} for r in found.rejects],
        REJECT_COLUMNS,
    )
    write_json(out / "duplicates.json", found.to_dict())
    write_text(out / "gallery.html", gallery_page(found.groups, title, note))


# ---- which images


def _listed(paths) -> list[Path]:
    paths = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    for p in map(Path, paths):
        if not p.exists():
            raise UsageError(f"no folder or file {printable(p)}: check the path.")
    return [Path(p) for p in paths]


def _no_image(paths) -> str:
    names = ", ".join(printable(p) for p in _listed(paths))
    return f"no image in {names}: expected png, jpg, jpeg, bmp, tif, gif or webp files, there or in folders below."


def _items(paths: list[Path]) -> tuple[list[Item], list[Reject]]:
    """An Item for each image file, once; what is no plain file becomes a Reject."""
    items, rejects, met = [], [], set()
    for p in paths:
        curated = _curated(p)
        tree = folder_tree(p) if p.is_dir() else Tree(str(p), {p.name: str(p)})
        for name, file in tree.files.items():
            if not is_image_name(name) or is_junk(name) or os.path.realpath(file) in met:
                continue
            met.add(os.path.realpath(file))
            if not is_text(file):
                rejects.append(
                    _reject(p, ascii(name)[1:-1], "name_not_utf8", "its name is no UTF-8")
                )
            elif curated is None:
                items.append(_item(file, p.name or str(p), os.path.basename(os.path.dirname(name))))
            elif name in curated:
                items.append(_item(file, curated[name].source, curated[name].label))
        rejects += [
            _reject(p, ascii(name)[1:-1], reason, message) for name, reason, message in tree.dropped
        ]
    return items, rejects


def _curated(path: Path) -> dict | None:
    """Path -> Record of a curated folder; None for any other."""
    if not (path / MANIFEST).is_file():
        return None
    try:
        return {r.path: r for r in read_manifest(path).rows}
    except NotCurated:
        return None


def _item(file: str, source: str, label: str) -> Item:
    return Item(source, file, file, None, label, (), (), "", "", "", "", "", None)


def _reject(folder: Path, name: str, reason: str, message: str) -> Reject:
    return Reject(f"{folder}/{name}", "", folder.name, "list", reason, message)
