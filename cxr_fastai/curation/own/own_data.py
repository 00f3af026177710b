"""What a user's own folder or csv comes to: a source and a recipe, as if somebody had written them.

Classes and what a user said of them -> OwnData, which the road takes as it takes a catalogue's
source. It reads no file.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cxr_fastai.catalog import COLUMNS, Rule, Source
from cxr_fastai.core import FolderWarning
from cxr_fastai.curation.sources.tree import Tree
from cxr_fastai.recipes import Recipe, recipe_names

__all__ = [
    "OwnData",
    "own_command",
    "own_source",
    "own_warning",
    "recipe_flag",
    "source_id",
    "OWN_RECIPE",
    "OWN_FOLDER",
]

OWN_RECIPE = "own"  # the name of a recipe whose classes are the user's own
# Kind of a warning: what was read into a folder or csv of the user's own, or could not be.
OWN_FOLDER = "own_folder"
ID_LENGTH = 40  # characters of a source's id, which stands in every row


@dataclass(frozen=True)
class OwnData:
    """A user's own images, with labels, as the road takes them."""

    source: Source
    recipe: Recipe
    tree: Tree  # its files; `Tree.fields` holds label and patient of each
    warnings: list[FolderWarning]
    # Strict JSON: key `own` of curation.json; its key `lines` is what is printed of it.
    inferred: dict[str, Any]
    command: str  # that says in full what was inferred, without --out


def source_id(
    name: str,  # of the folder or csv
) -> str:
    """Return the id of a source of the user's own; `own` where its name gives none."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return plain[:ID_LENGTH].strip("_") or "own"


def own_source(
    name: str,  # the id
    title: str,
    findings: Mapping[str, Sequence[str]],  # label, as Tree.fields has it -> its findings
    cells: Mapping[str, str] | None = None,  # further cells of all rules, as patient and split
) -> Source:
    """Return the source whose labels stand in the field `label` of its Tree.

    A label that has no finding leaves its images out, with the notes as the reason.
    """
    blank = dict.fromkeys(COLUMNS, "")
    whole = {
        **blank,
        "source": name,
        "on": "yes",
        "transport": "local",
        "handle": title,
        "title": title,
        "glob": "**/*",
        "label_from": "name",
        "redistribute": "unknown",
        **(cells or {}),
    }
    rules = []
    for row, (label, own) in enumerate(findings.items(), start=2):
        rule = {**whole, "label_value": label, "findings": "|".join(own)}
        rules.append(Rule(row=row, **rule))
    return Source(name, tuple(rules))


def own_command(
    *flags: tuple[str, str],  # flag, what it is given; those that are given nothing are left out
) -> str:
    """Return the command that curates a user's own images, without --out."""
    words = ["cxr", "curate"]
    for flag, value in flags:
        if value:
            words += [flag, shlex.quote(value)]
    return " ".join(words)


def recipe_flag(
    recipe: Recipe | None,  # that was asked for; None: none was
) -> str:
    """Return what --recipe is given: a recipe's name, or that of a file of the user's own."""
    if recipe is None:
        return ""
    return recipe.name if recipe.name in recipe_names() else f"{recipe.name}.toml"


def own_warning(
    says: str,  # one sentence
    do: str = "",  # what a person can do about it
    numbers: dict[str, Any] | None = None,
) -> FolderWarning:
    """Say what was read into a folder or csv of the user's own, or could not be."""
    return FolderWarning(kind=OWN_FOLDER, says=says, do=do, numbers=numbers)
