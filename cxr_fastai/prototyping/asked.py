"""What a prototype is asked for, checked before anything is imported that takes long.

Arguments -> a Request, and where its answer goes. It writes nothing.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from cxr_fastai.advice import command, flag
from cxr_fastai.core import StrPath, UsageError, check_writable, usable_path
from cxr_fastai.inputs import refuse_url
from cxr_fastai.models.at_hand import check_folder
from cxr_fastai.outputs import check_outside

__all__ = ["Request", "request_of", "check_places", "default_out", "MINUTES"]

MINUTES = 5.0
MAX_MINUTES = 60 * 24 * 7
PROTOTYPES = Path("prototypes")  # where prototypes without a named folder lie


@dataclass(frozen=True)
class Request:
    """What was asked for: the same request in the same folder goes on."""

    folder: str = ""  # absolute; empty: the folder of the table
    table: str = ""  # absolute
    file: str = ""
    label: str = ""
    patient: str = ""
    age: str = ""
    sex: str = ""
    view: str = ""
    same: tuple[str, ...] = ()
    take_as: tuple[tuple[str, str], ...] = ()
    label_separator: str = ""
    salt: str = ""  # absolute
    minutes: float = MINUTES
    seed: int = 0

    @property
    def name(self) -> str:
        """Return what the images are called: the last part of their path, without an ending."""
        if self.table:
            return Path(self.table).stem
        folder = Path(self.folder)
        return folder.stem if folder.is_file() else folder.name

    @property
    def of_images(self) -> dict[str, Any]:
        """Return the arguments of `curate` that name the images."""
        given = asdict(self)
        for name in ("minutes", "seed"):
            del given[name]
        given["take_as"] = dict(self.take_as)
        return {name: value for name, value in given.items() if value}

    @property
    def flags(self) -> str:
        """Return the flags of `cxr curate` that name the images."""
        parts = []
        for name in ("folder", "table", "file", "label", "patient", "age", "sex", "view", "salt"):
            value = getattr(self, name)
            if value:
                parts += [f"--{name}", value]
        if self.label_separator:
            parts += ["--label-separator", self.label_separator]
        for text in self.same:
            parts += ["--same", text]
        for name, label in self.take_as:
            parts += ["--as", f"{name}={label}"]
        return shlex.join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Return it as strict JSON."""
        given = asdict(self)
        given["same"] = list(self.same)
        given["take_as"] = [list(pair) for pair in self.take_as]
        return given

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Request:
        """Read what `to_dict` wrote."""
        pairs = [(name, label) for name, label in stored["take_as"]]
        return cls(**{**stored, "same": tuple(stored["same"]), "take_as": tuple(pairs)})

    def differences(self, other: Request) -> list[str]:
        """Say in what another request differs, as flags."""
        found = []
        for field in fields(self):
            own = getattr(self, field.name)
            its = getattr(other, field.name)
            if own == its:
                continue
            flag = "as" if field.name == "take_as" else field.name.replace("_", "-")
            said = "FOLDER" if field.name == "folder" else f"--{flag}"
            found.append(f"{said} {_shown(its)}, now {_shown(own)}")
        return found


def _shown(value: object) -> str:
    """Return a value of a request in words."""
    if isinstance(value, tuple):
        parts = ["=".join(part) if isinstance(part, tuple) else str(part) for part in value]
        return ",".join(parts) or "none"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) or "none"


def request_of(
    folder: StrPath | None,
    table: StrPath | None,
    minutes: float,
    seed: int,
    same: Sequence[str],
    take_as: Mapping[str, str] | None,
    salt: StrPath | None = None,
    **columns: str,  # file, label, patient, age, sex, view, label_separator
) -> Request:
    """Check what was asked for; raises `UsageError` in one line."""
    if folder is None and table is None:
        csv = flag("table")
        raise UsageError(f"name a folder of images, a subfolder a class, or a csv with {csv}.")
    if not (isinstance(minutes, (int, float)) and math.isfinite(minutes)):
        raise UsageError(f"minutes = {minutes!r}: expected a number.")
    if not 0 < minutes <= MAX_MINUTES:
        raise UsageError(f"minutes = {minutes:g}: expected more than 0, at most {MAX_MINUTES}.")
    if seed < 0:
        raise UsageError(f"seed = {seed}: expected 0 or more.")
    return Request(
        folder=_absolute(folder, "folder") if folder is not None else "",
        table=_absolute(table, "csv") if table is not None else "",
        same=tuple(same),
        take_as=tuple(sorted((take_as or {}).items())),
        salt=_absolute(salt, "salt") if salt is not None else "",
        minutes=float(minutes),
        seed=seed,
        **columns,
    )


def _absolute(path: StrPath, what: str) -> str:
    """Return a path that stays the same wherever the command runs."""
    refuse_url(path, what)
    return str(usable_path(path, what).absolute())


def check_places(request: Request, out: Path) -> None:
    """Raise where the images are not there, or the answer would lie among them.

    Where weights may lie is looked at too: a plan asks for them minutes later.
    """
    check_folder()
    if request.folder:
        _check_folder(Path(request.folder), out)
    if request.table and not Path(request.table).is_file():
        raise UsageError(f"no csv {request.table}: name it with {flag('table')}.")
    check_writable(out, "--out")


def _check_folder(folder: Path, out: Path) -> None:
    """Raise for a folder that is none, is curated already, or holds the answer."""
    from cxr_fastai.curation.fetch.mirror_archives import is_archive  # brings numpy

    if not folder.exists():
        raise UsageError(f"no folder {folder}: name one with a subfolder of images a class.")
    if not folder.is_dir() and not is_archive(folder.name, str(folder)):
        raise UsageError(f"{folder} is a file: name a folder with a subfolder of images a class.")
    if (folder / "curation.json").is_file() and (folder / "manifest.csv").is_file():
        way = command(f"cxr train {shlex.quote(str(folder))}", f'train("{folder}")')
        raise UsageError(f"{folder} is curated already: train on it by {way}.")
    check_outside(out, folder, flag("out"))


def default_out(request: Request) -> Path:
    """Return where a prototype goes that names no folder."""
    return PROTOTYPES / (request.name or "own")
