"""What a user said of images of his own, checked before anything is read.

Arguments of `curate` -> Asked, which reads the folder or csv; or an error for what goes not
together.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cxr_fastai.advice import flag
from cxr_fastai.core import StrPath, UsageError
from cxr_fastai.curation.own.folder import read_own_folder
from cxr_fastai.curation.own.own_data import OwnData
from cxr_fastai.progress import SILENT, Progress
from cxr_fastai.recipes import Recipe

__all__ = ["Asked"]

OF_A_TABLE = ("file", "label", "age", "sex", "view", "label_separator")  # what only a csv can tell
OF_BOTH = ("patient", "same", "take_as", "salt")


@dataclass(frozen=True)
class Asked:
    """Images of a user's own: a folder, a csv, or a csv of files in a folder."""

    folder: StrPath | None = None  # of classes; with a table: where its files lie
    table: StrPath | None = None  # a csv, a row an image
    file: str = ""  # its column of files
    label: str = ""  # its column of labels
    patient: str = ""  # regex of a folder's paths, or column of a table
    age: str = ""  # column
    sex: str = ""  # column
    view: str = ""  # column
    same: Sequence[str] = ()  # A=B,C: the names B and C are the class A
    take_as: Mapping[str, str] = field(default_factory=dict)  # name -> the class to take it as
    label_separator: str = ""  # of labels in one cell of a table, or none
    salt: StrPath | None = None  # a file: what patients' ids in DICOM are hashed with

    @property
    def is_own(self) -> bool:
        """Whether images of a user's own were named at all."""
        return self.folder is not None or self.table is not None

    def check(
        self,
        others: Mapping[str, object],  # what names other sources: argument -> its value
    ) -> None:
        """Raise `UsageError` for arguments that do not go together."""
        if not self.is_own:
            for name in (*OF_A_TABLE, *OF_BOTH):
                if getattr(self, name):
                    raise UsageError(
                        f"{_said(name)} speaks of images of your own: give {flag('folder')} or "
                        f"{flag('table')} too."
                    )
            return
        for name in ("folder", "table"):
            value = getattr(self, name)
            if value is not None and not os.fspath(value).strip():
                raise UsageError(f"--{name} has no name: give it one (Python: {name}).")
        for name, value in others.items():
            if value:
                own = flag("folder" if self.table is None else "table")
                other = flag(name.replace("-", "_"))
                raise UsageError(
                    f"{own} reads images of your own, {other} those of a catalogue: "
                    "give one of the two."
                )
        self._check_table()

    def _check_table(self) -> None:
        """Raise `UsageError` for what speaks of a csv that is not there."""
        for name in OF_A_TABLE:
            if getattr(self, name) and self.table is None:
                csv = flag("table", "CSV")
                raise UsageError(f"{_said(name)} speaks of a csv: give {csv} too.")

    def check_out(
        self,
        out: Path,  # the folder to write
    ) -> None:
        """Raise `UsageError` where what is written would be read again, or read as a class."""
        if self.salt is not None and _lies_in(self.salt, out):
            raise UsageError(
                f"the salt {self.salt} lies in {out}, with what is named by it: who has both finds "
                f"the patients. Keep it elsewhere, or choose another {flag('out')}."
            )
        if self.folder is None:
            return
        real_out, real_folder = Path(out).resolve(), Path(self.folder).resolve()
        if real_out.is_relative_to(real_folder) or real_folder.is_relative_to(real_out):
            raise UsageError(
                f"{out} and {self.folder} lie one in the other: what is written would be read "
                "again. Choose a place beside it for --out (Python: out)."
            )

    def read(
        self,
        recipe: Recipe | None,  # that was asked for; None: classes as they are
        progress: Progress = SILENT,
    ) -> OwnData:
        """Read the folder or csv."""
        if self.table is not None:
            from cxr_fastai.curation.own.table import read_own_table

            return read_own_table(
                self.table,
                self.file,
                self.label,
                patient=self.patient,
                age=self.age,
                sex=self.sex,
                view=self.view,
                folder=self.folder,
                same=self.same,
                take_as=self.take_as,
                recipe=recipe,
                label_separator=self.label_separator,
                progress=progress,
                salt=self.salt,
            )
        return read_own_folder(
            self.folder or Path(),
            patient=self.patient,
            same=self.same,
            take_as=self.take_as,
            recipe=recipe,
            progress=progress,
            salt=self.salt,
        )


def _lies_in(file: StrPath, folder: Path) -> bool:
    """Tell whether a file lies in a folder, all links followed."""
    return Path(file).resolve().is_relative_to(Path(folder).resolve())


def _said(name: str) -> str:
    """Return an argument as a message names it."""
    return "--as (Python: take_as)" if name == "take_as" else flag(name)
