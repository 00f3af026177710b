"""Where a source's files lie. Takes Sources and a mirror folder, returns each one's root; never changes a file."""
from __future__ import annotations
from pathlib import Path

from ..core import SourceUnavailable, UsageError
from .catalog import Source

__all__ = ["locate", "how_to_get"]


def mirror_path(source:Source)->Path:
    "Where a mirror holds the source: kaggle/OWNER/NAME, github/OWNER/NAME, http/ID, local/ID."
    return Path(source.transport)/source.handle.split("@")[0]

def how_to_get(source:Source)->str:
    "One sentence: what a person does to have the source in a mirror."
    to, handle = f"MIRROR/{mirror_path(source)}", source.handle.split("@")[0]
    if source.transport == "kaggle": return f"kaggle datasets download {handle} --unzip -p {to}"
    if source.transport == "github": return f"git clone https://github.com/{handle} {to}"
    return f"put the files of {source.url or source.handle} into {to}"

def locate(
    sources:list[Source],
    mirror,      # folder in the mirror layout, or None
    beside,      # the catalogue's folder: a local handle may be a path relative to it
    must:bool,   # every source was named by the user: one that is absent is an error
)->tuple[dict[str, Path], list[Source]]:
    """(source id -> root, sources that are absent).
    Raises `UsageError` for a missing mirror, `SourceUnavailable` for a missing source."""
    if mirror is not None and not Path(mirror).is_dir():
        raise UsageError(f"no mirror folder {mirror}: "
                         "give --mirror a folder that holds kaggle/, github/, http/ or local/.")
    roots = {s.id: root for s in sources if (root := _root(s, mirror, beside))}
    absent = [s for s in sources if s.id not in roots]
    if absent and (must or not roots):
        where = f"in {mirror}" if mirror else "here: no --mirror was given"
        names = ", ".join(s.id for s in absent)
        how = f"To have {absent[0].id}: {how_to_get(absent[0])}, then --mirror MIRROR."
        raise SourceUnavailable(f"not {where}: {names}. {how}")
    return roots, absent

def _root(source:Source, mirror, beside)->Path|None:
    places = [Path(mirror)/mirror_path(source)] if mirror else []
    if source.transport == "local": places.append(Path(beside)/source.handle)
    return next((p for p in places if p.is_dir()), None)
