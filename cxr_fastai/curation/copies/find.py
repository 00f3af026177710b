"""Find the copies in any folders of images, curated or not.

Folders and files -> what was Found, and on request its tables and gallery. It reads images and
changes none. What was decoded and compared before is remembered, so that a second run looks at what
is new.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from cxr_fastai.advice import flag
from cxr_fastai.core import (
    NotCurated,
    UsageError,
    make_folder,
    printable,
    write_json,
    write_text,
)
from cxr_fastai.curation.copies.copy_sets import (
    DUPLICATE_COLUMNS,
    ScannedImage,
    collect_copies,
)
from cxr_fastai.curation.copies.fingerprint import Fingerprint, Unreadable
from cxr_fastai.curation.copies.found import Found
from cxr_fastai.curation.copies.known import NEW_COLUMNS, judge_new, without_old_copies
from cxr_fastai.curation.copies.links import Link, find_links
from cxr_fastai.curation.copies.scan import scan
from cxr_fastai.curation.copies.scan_cache import ScanCache
from cxr_fastai.curation.engines import open_engine
from cxr_fastai.curation.sources.file_names import is_text
from cxr_fastai.curation.sources.item import REJECT_COLUMNS, Item, Reject, undescribed_item
from cxr_fastai.curation.sources.tree import Tree, folder_tree
from cxr_fastai.images import is_image_name
from cxr_fastai.images.found import is_image_file
from cxr_fastai.inputs import readable_path
from cxr_fastai.junk import is_junk, passed_over
from cxr_fastai.manifest import MANIFEST, Record, read_manifest, write_rows
from cxr_fastai.outputs import check_own_files
from cxr_fastai.progress import SILENT, Progress

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["find_duplicates", "find", "check_found", "write_found", "Found"]

StrPath = str | os.PathLike[str]
Paths = StrPath | Iterable[StrPath]

PAGE = "gallery.html"
# All that may stand beside the page.
FILES = ("duplicates.csv", "duplicates.json", "new.csv", "related.csv", "rejects.csv")
RELATED_PAIR_COLUMNS = ("path", "other_path", "score", "inliers")


def find_duplicates(
    paths: Paths,  # a folder, an image file, or a list of these; folders with all below them
    against: Paths | None = None,  # then only copies of what is in `paths` are told, the old first
    workers: int | None = None,  # processes; None: one a core
    engine: str = "local",  # local | ray
    progress: Progress | None = None,  # as the module cxr_fastai.progress; None: silence
    all_copies: bool = False,  # with `against`: also copies of old images among themselves
) -> pd.DataFrame:
    """Return the copies among images as a DataFrame, a row an image.

    Its columns are group, path, source, kind (bytes | pixels | near), score, transform, kept and
    label. Raises `UsageError` where there is no image.
    """
    return find(paths, against, workers, engine, progress, all_copies).df


def find(
    paths: Paths,
    against: Paths | None = None,
    workers: int | None = None,
    engine: str = "local",
    progress: Progress | None = None,
    all_copies: bool = False,
) -> Found:
    """Find copies as `find_duplicates` does, with rejects and related pairs.

    With `against` it tells too which of the images of `paths` are known (`Found.new`).
    """
    progress = progress or SILENT
    new, rejects = _list(_existing(paths), progress)
    old: list[Item] = []
    if against is not None:
        listed, more_rejects = _list(_existing(against), progress)
        old = _without(listed, new)
        if listed and not old:
            raise UsageError(_same_images(against))
        rejects += more_rejects
    if not new:
        raise UsageError(_no_image(paths))
    if against is not None and not old:
        raise UsageError(_no_image(against))
    items = [*new, *old]
    with ScanCache(progress) as cache, open_engine(engine, workers) as crew:
        results = scan(items, crew, cache, progress)
        compare_old = all_copies or not old
        fresh = None if compare_old else _pixels(results[: len(new)])
        fingerprints = [result for result in results if isinstance(result, Fingerprint)]
        links = find_links(fingerprints, crew, cache, fresh, progress)
    rejects += _unreadable(items, results)
    images = _images(items, results, {item.path for item in new})
    return _found(images, links, rejects, bool(old), compare_old)


def write_found(
    found: Found,
    out: Path,  # folder
    title: str,  # of the gallery
    note: str,  # a sentence under it
) -> None:
    """Write gallery.html, duplicates.csv, related.csv, rejects.csv and duplicates.json.

    And new.csv where images were compared with an old set: those that are safe to add.
    """
    from cxr_fastai.curation.copies.gallery import gallery_page

    check_found(out)
    make_folder(out)
    write_text(out / PAGE, gallery_page(found.groups, title, note))
    write_rows(out / "duplicates.csv", found.rows, [*DUPLICATE_COLUMNS, "label"])
    if not found.old:
        _remove_old_answer(out / "new.csv")
    else:
        safe = [image.row() for image in found.new if image.is_safe]
        write_rows(out / "new.csv", safe, NEW_COLUMNS)
    write_rows(out / "related.csv", found.related_rows(), RELATED_PAIR_COLUMNS)
    write_rows(out / "rejects.csv", [reject.row() for reject in found.rejects], REJECT_COLUMNS)
    write_json(out / "duplicates.json", found.to_dict())


def check_found(out: StrPath) -> None:
    """Raise `UsageError` where `write_found` would write over a file of others."""
    check_own_files(out, PAGE, FILES, flag("out"))


def _remove_old_answer(file: Path) -> None:
    """Remove a new.csv of an earlier run, which this run did not ask for; no other file."""
    header = ",".join(NEW_COLUMNS)
    if file.is_file() and file.read_text(encoding="utf-8", errors="replace").startswith(header):
        file.unlink()


# ---- from scan to result


def _pixels(
    results: list[Fingerprint | Unreadable],  # one for each
) -> set[str]:
    """Return the pixel_sha256 of what was read.

    What could not be read has none.
    """
    return {result.pixel_sha256 for result in results if isinstance(result, Fingerprint)}


def _unreadable(
    items: list[Item],  # that were scanned
    results: list[Fingerprint | Unreadable],  # one for each
) -> list[Reject]:
    """Make a Reject of each image that could not be read."""
    rejects = []
    for item, result in zip(items, results):
        if isinstance(result, Unreadable):
            reject = Reject(
                path=item.path,
                sha256=result.sha256,
                source=item.source,
                stage="scan",
                reason=result.reason,
                message=result.message,
            )
            rejects.append(reject)
    return rejects


def _images(
    items: list[Item],  # that were scanned
    results: list[Fingerprint | Unreadable],  # one for each
    new_paths: set[str],  # of the items that are not old
) -> list[ScannedImage]:
    """Return the images that were read. An old one is kept first, then the largest."""
    images = []
    for item, result in zip(items, results):
        if isinstance(result, Unreadable):
            continue
        pixels = result.width * result.height
        name = os.path.basename(item.path)
        image = ScannedImage(
            item=item,
            fingerprint=result,
            label=item.source_label,
            why_unlabelled="",
            rank=(
                item.path in new_paths,
                -pixels,
                result.format != "DICOM",  # which knows its patient, as an export of it does not
                len(name),
                item.path,
            ),
        )
        images.append(image)
    return images


def _is_new(image: ScannedImage) -> bool:
    """Tell whether an image is one of `paths`, not of `against`."""
    return bool(image.rank[0])


def _found(
    images: list[ScannedImage],  # that were read
    links: list[Link],
    rejects: list[Reject],
    has_old: bool,  # there is something to compare with
    compare_old: bool,  # tell of old images among themselves too
) -> Found:
    """Collect copies, and leave out sets of one image and those of old images only."""
    groups = []
    copy_sets = collect_copies(images, links, "upstream")
    for copies in copy_sets:
        told = copies if compare_old else without_old_copies(copies, _is_new)
        has_new = any(_is_new(member) for member in told.members)
        if (has_new or compare_old) and len(told.members) > 1:
            groups.append(told)
    related = [link for link in links if link.kind == "same_patient"]
    paths: dict[str, str] = {}
    for image in sorted(images, key=lambda image: image.rank):
        paths.setdefault(image.fingerprint.pixel_sha256, image.item.path)
    return Found(
        images=len(images),
        old=sum(not _is_new(image) for image in images),
        groups=groups,
        related=related,
        rejects=rejects,
        paths=paths,
        new=judge_new(copy_sets, related, _is_new) if has_old else [],
    )


# ---- which images


def _existing(paths: Paths) -> list[Path]:
    """Return the paths as a list. Raises `UsageError` where one does not exist."""
    listed = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    found = [readable_path(path) for path in listed]
    for path in found:
        if not path.exists():
            raise UsageError(f"no folder or file {printable(path)}: check the path.")
    return found


def _same_images(against: Paths) -> str:
    """Say that the old images are the new ones, and how copies among them are found."""
    names = ", ".join(printable(path) for path in _existing(against))
    return (
        f"{flag('against')} {names}: all its images are among those that are compared with it. "
        "Give an older set there, or leave it out to find the copies within one."
    )


def _no_image(paths: Paths) -> str:
    """Say that there is no image, and what counts as one."""
    names = ", ".join(printable(path) for path in _existing(paths))
    return (
        f"no image in {names}: expected png, jpg, jpeg, bmp, tif, gif, webp or DICOM files, "
        "there or in folders below."
    )


def _without(
    items: list[Item],  # that were scanned
    others: list[Item],
) -> list[Item]:
    """Return the items whose file is none of the others', whatever links lead to it.

    So a folder may be compared with one that holds it.
    """
    files = {os.path.realpath(item.file) for item in others}
    return [item for item in items if os.path.realpath(item.file) not in files]


def _list(
    paths: list[Path],
    progress: Progress,  # is told how many images were passed over
) -> tuple[list[Item], list[Reject]]:
    """Make an Item of each image file, once; what is no plain file becomes a Reject.

    Of a curated folder those images count that its manifest holds.
    """
    junk: list[str] = []  # images that are passed over
    items: list[Item] = []
    rejects: list[Reject] = []
    met: set[str] = set()  # files, whatever links led to them
    for path in paths:
        rows = _curated_rows(path)
        tree = (
            folder_tree(path, follow=True)
            if path.is_dir()
            else Tree(str(path), {path.name: str(path)})
        )
        for name, file in _images_of(tree, path.is_dir(), junk).items():
            real_file = os.path.realpath(file)
            if real_file in met:
                continue
            met.add(real_file)
            if not is_text(file):
                rejects.append(_reject(path, name, "name_not_utf8", "its name is no UTF-8"))
            elif rows is None:
                folder = os.path.basename(os.path.dirname(name))
                items.append(undescribed_item(file, path.name or str(path), folder))
            elif name in rows:
                items.append(undescribed_item(file, rows[name].source, rows[name].label))
        for name, reason, message in tree.dropped:
            if not is_junk(name):
                rejects.append(_reject(path, name, reason, message))
    if junk:
        progress.say(passed_over(junk))
    return items, rejects


def _images_of(
    tree: Tree,
    is_folder: bool,  # else a file that was named outright, which is never junk
    junk: list[str],  # images that are passed over; added to
) -> dict[str, str]:  # name -> file
    """Return the images of a tree without those that are hidden, or a system's own."""
    if not is_folder:
        return {name: file for name, file in tree.files.items() if is_image_file(name, file)}
    images = {}
    for name, file in tree.files.items():
        if not is_junk(name):
            if is_image_file(name, file):
                images[name] = file
        elif is_image_name(name):
            junk.append(file)
    return images


def _curated_rows(
    path: Path,  # a folder or a file
) -> dict[str, Record] | None:
    """Return path -> row of a curated folder's manifest; None for any other folder or file."""
    if not (path / MANIFEST).is_file():
        return None
    try:
        return {row.path: row for row in read_manifest(path).rows}
    except NotCurated:
        return None


def _reject(
    folder: Path,  # that holds it
    name: str,  # relative to the folder
    reason: str,  # a code
    message: str,  # for people
) -> Reject:
    """Make the Reject of a file that is not scanned; its name is told in ASCII."""
    return Reject(
        path=f"{folder}/{ascii(name)[1:-1]}",
        sha256="",
        source=folder.name,
        stage="list",
        reason=reason,
        message=message,
    )
