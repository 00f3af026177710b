"""A task as data: which findings make which class, and how to train for it.

``recipes/*.toml``, or a user's own file -> a `Recipe`. It never touches images. Beside it stand
what a label is (labels.py), what a key may hold (recipe_values.py) and how to train
(train_settings.py).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cxr_fastai.core import (
    FINDINGS,
    LEAVES_OPEN,
    RecipeError,
    StorageError,
    StrPath,
    Task,
    UnknownName,
    in_order,
    is_finding,
    package_file,
    unknown_name,
)
from cxr_fastai.inputs import readable_path
from cxr_fastai.labels import (
    NONE,
    RESERVED,
    UNSET,
    contradict,
    is_combination,
    present,
    targets,
    unknown,
)
from cxr_fastai.recipe_values import (
    FILTERS,
    check_filters,
    check_keys,
    check_one_of,
    check_shapes,
)
from cxr_fastai.safe_names import folded, why_unsafe
from cxr_fastai.train_settings import (
    AUGMENT,
    LOSSES,
    MIX,
    PRECISION,
    SAMPLING,
    SETTINGS,
    UNFREEZE,
    Setting,
    Train,
    check_settings,
)

__all__ = [
    "Recipe",
    "Train",
    "Setting",
    "load_recipe",
    "recipe_names",
    "check_train",
    "present",
    "unknown",
    "contradict",
    "SETTINGS",
    "TASKS",
    "LOSSES",
    "METRICS",
    "FILTERS",
    "SAMPLING",
    "UNFREEZE",
    "AUGMENT",
    "MIX",
    "PRECISION",
    "RESERVED",
    "NONE",
    "UNSET",
]

TASKS = tuple(task.value for task in Task)
METRICS = {
    Task.SINGLE_LABEL: ("accuracy", "balanced_accuracy", "macro_f1", "macro_auroc"),
    Task.MULTI_LABEL: (
        "macro_auroc",
        "macro_ap",
        "macro_f1",
        "micro_f1",
        "weighted_f1",
        "samples_f1",
    ),
}


@dataclass(frozen=True)
class Recipe:
    """Classes made of findings, what an image must be to be taken, and how to train."""

    name: str
    title: str
    classes: dict[str, list[str]]  # class -> findings, in vocab order; a class names a folder
    task: Task = Task.SINGLE_LABEL
    yields: str = ""  # the class that gives way where findings name two
    # the class of those who have nothing, where all others have something: one threshold, fixed on
    # validation, decides between them
    negative: str = ""
    sensitivity: float = 0.95  # least share of validation's positives that this threshold finds
    display: dict[str, str] = field(default_factory=dict)
    # source -> findings without an honest class
    exclude: dict[str, list[str]] = field(default_factory=dict)
    # empty: every source that the catalogue has on; a|b: the first of them that a mirror holds,
    # a download is of a
    sources: list[str] = field(default_factory=list)
    # of FILTERS: what an image must be known to be
    filters: dict[str, list[Any]] = field(default_factory=dict)
    # shares of positives that a worklist must keep, fixed on validation as `sensitivity` is
    triage: list[float] = field(default_factory=list)
    # architectures that train too, from scratch, for comparison
    beside: list[str] = field(default_factory=list)
    # the headline of a report, of METRICS; empty: the task's
    metrics: list[str] = field(default_factory=list)
    train: Train = field(default_factory=Train)

    def __post_init__(self) -> None:
        """Turn the plain string of a task into a Task."""
        object.__setattr__(self, "task", Task(self.task))  # its plain string is welcome too

    @property
    def vocab(self) -> list[str]:
        """The classes, in the order in which a network answers them."""
        return list(self.classes)

    def is_label(self, text: str) -> bool:
        """Tell whether a manifest of this recipe can hold `text` as a label."""
        if self.task is Task.MULTI_LABEL:
            return is_combination(text, self.vocab)
        return text in self.classes

    def targets(self, label: str) -> list[float]:
        """Return 1 for each class that is present, 0 absent, nan unknown, in vocab order."""
        return targets(label, self.vocab)

    def label(
        self,
        source: str,  # id
        findings: Collection[str],  # of one record
        stated: Collection[str] = FINDINGS,  # all that this source can state: the rest is unknown
        absent: Collection[str] = (),  # findings that the source denies of this record
        unknown: Collection[str] = (),  # those that it could state and says nothing of
        uncertain: Collection[str] = (),  # those of the unknown that it leaves open in words
    ) -> tuple[str, str]:
        """Return (label, '') of a record, or ('', why it has none)."""
        if not findings and not absent:
            return "", "the source states no finding"
        if not set(findings).isdisjoint(self.exclude.get(source, ())):
            return "", f"{'|'.join(findings)} of {source} is excluded by recipe {self.name}"
        if self.task is Task.MULTI_LABEL:
            return self._classes_of(findings, stated, unknown)
        return self._class_of(findings, uncertain)

    def _classes_of(
        self, findings: Collection[str], stated: Collection[str], unknown: Collection[str]
    ) -> tuple[str, str]:
        """Label a record under a multi-label recipe."""
        found = self._classes_with(findings)
        doubtful = self._doubtful(findings, stated, unknown, found)
        if len(doubtful) == len(self.classes):
            words = _words(findings)
            return "", f"{words} tells nothing of any class of recipe {self.name}"
        parts = found or [NONE]
        parts += [f"?{name}" for name in doubtful]
        return "|".join(parts), ""

    def _doubtful(
        self,
        findings: Collection[str],
        stated: Collection[str],
        unknown: Collection[str],
        found: list[str],
    ) -> list[str]:
        """Return the classes that a finding leaves open, or that the source does not state."""
        open_findings = set(unknown)
        if set(findings) == {"no_finding"}:
            stated = _findings_of(self)  # no finding at all: nothing else is left open
        for finding in findings:
            open_findings.update(LEAVES_OPEN.get(finding, ()))
        left_open = self._classes_with(open_findings)
        can_be_stated = self._classes_with(stated)
        return [
            name
            for name in self.classes
            if name not in found and (name in left_open or name not in can_be_stated)
        ]

    def _class_of(self, findings: Collection[str], uncertain: Collection[str]) -> tuple[str, str]:
        """Label a record under a single-label recipe."""
        found = self._classes_with(findings)
        if len(found) > 1:
            found = [name for name in found if name != self.yields]
        possible = [name for name in self._classes_with(uncertain) if name != self.yields]
        words = _words(findings)
        if len(found) == 1:
            others = [name for name in possible if name not in found]
            if others:
                return (
                    "",
                    f"{words} may be {' or '.join(others)}: {'|'.join(uncertain)} is left open",
                )
            return found[0], ""
        if found:
            return "", f"{words} names {' and '.join(found)}"
        return "", f"no class of recipe {self.name} for {words}"

    def _classes_with(self, findings: Collection[str]) -> list[str]:
        """Return the classes that any of these findings belongs to."""
        return [name for name, own in self.classes.items() if not set(own).isdisjoint(findings)]

    def to_dict(self) -> dict[str, Any]:
        """Return all fields, as strict JSON; `from_dict` reads it."""
        return {**asdict(self), "task": self.task.value}

    @classmethod
    def from_dict(
        cls,
        values: dict[str, Any],  # as a recipe file or curation.json holds it
        where: str,  # names it in errors
    ) -> Recipe:
        """Check and build a recipe. Raises `RecipeError` naming `where`, key and allowed values."""
        check_keys(values, cls.__dataclass_fields__, where)
        for key in ("name", "title", "classes"):
            if not values.get(key):
                raise RecipeError(
                    f"{where}: key {key!r} is missing or empty: "
                    "a recipe needs name, title and [classes]."
                )
        check_shapes(values, where)
        settings = values.get("train", {})
        check_keys(settings, Train.__dataclass_fields__, f"{where} [train]")
        task = values.get("task", Task.SINGLE_LABEL.value)
        check_one_of(task, TASKS, "task", where)
        recipe = cls(**{**values, "task": Task(task), "train": Train(**settings)})
        _check(recipe, where)
        return recipe


def _words(findings: Collection[str]) -> str:
    """Return findings as a message names them."""
    return "|".join(findings) or "a record without a finding"


# ---- whether a recipe makes sense


def _check(recipe: Recipe, where: str) -> None:
    """Check what a recipe says, value by value."""
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", recipe.name):
        raise RecipeError(
            f"{where}: name {recipe.name!r} is no folder name: "
            "use letters, digits, underscores, hyphens."
        )
    for slug, findings in recipe.classes.items():
        _check_class(slug, findings, where)
    _check_alike(recipe.classes, where)
    for source, findings in recipe.exclude.items():
        for finding in findings:
            _check_finding(finding, f"finding (exclude {source})", where)
    for slug in (*recipe.display, recipe.yields, recipe.negative):
        if slug:
            check_one_of(slug, recipe.vocab, "class", where)
    for name in recipe.metrics:
        check_one_of(name, METRICS[recipe.task], "metric", where)
    check_filters(recipe.filters, where)
    if recipe.task is Task.MULTI_LABEL:
        _check_multi_label(recipe, where)
    else:
        _check_single_label(recipe, where)
    if recipe.triage and not recipe.negative:
        raise RecipeError(
            f"{where}: key 'triage': it needs key 'negative', the class of those who have nothing."
        )
    check_train(recipe.train, f"{where} [train]", recipe)


def _check_class(slug: str, findings: list[str], where: str) -> None:
    """Check the name of a class and its findings."""
    if folded(slug) in RESERVED:
        raise RecipeError(f"{where}: class {slug!r}: a curated folder has another use for it.")
    if not findings:
        raise RecipeError(f"{where}: class {slug!r} has no finding: name one, or leave it out.")
    unsafe = why_unsafe(slug)
    if unsafe:
        raise RecipeError(f"{where}: class {slug!r} is no folder name: {unsafe}.")
    for finding in findings:
        _check_finding(finding, f"finding (class {slug})", where)


def _check_finding(finding: str, kind: str, where: str) -> None:
    """Check that a finding is one of the vocabulary, or a user's own."""
    if not is_finding(finding):
        check_one_of(finding, FINDINGS, kind, where)


def _check_alike(classes: Collection[str], where: str) -> None:
    """Check that no two classes are one folder on a disk that knows no upper case."""
    first: dict[str, str] = {}
    for slug in classes:
        other = first.setdefault(folded(slug), slug)
        if other != slug:
            raise RecipeError(
                f"{where}: classes {other!r} and {slug!r} differ in upper and lower case only: "
                "one folder on many disks."
            )


def _findings_of(recipe: Recipe) -> tuple[str, ...]:
    """Return the findings that any class has, each once, in the order of the vocabulary."""
    found: set[str] = set()
    for findings in recipe.classes.values():
        found.update(findings)
    return in_order(found)


def _check_single_label(recipe: Recipe, where: str) -> None:
    """Check what only a recipe of classes that exclude each other must have."""
    if len(recipe.classes) < 2:
        raise RecipeError(
            f"{where}: a single_label recipe needs two classes or more; "
            f"it has {', '.join(recipe.classes)}."
        )
    for finding in _findings_of(recipe):
        homes = [name for name, findings in recipe.classes.items() if finding in findings]
        if len(homes) > 1:
            raise RecipeError(
                f"{where}: finding {finding!r} stands in {' and '.join(homes)}: leave it to one."
            )


def _check_multi_label(recipe: Recipe, where: str) -> None:
    """Check that a recipe of several findings has nothing that only the other task can have."""
    if NONE in recipe.classes:
        raise RecipeError(
            f"{where}: class {NONE!r}: that is what a label says where no class is present."
        )
    for key in ("negative", "yields", "triage"):
        if getattr(recipe, key):
            raise RecipeError(
                f"{where}: key {key!r}: a multi_label recipe has none; thresholds are per class."
            )


def check_train(
    train: Train,
    where: str,  # names the file or the command in errors
    recipe: Recipe,  # whose task it trains for
) -> None:
    """Raise `RecipeError` where a setting is out of its range, or none of the recipe's task."""
    check_settings(train, recipe.task, len(recipe.classes), where)


# ---- where recipes stand


def recipe_names() -> list[str]:
    """Return the names of the recipes that travel with the library, in order."""
    return sorted(path.stem for path in package_file("recipes").glob("*.toml"))


def load_recipe(
    name: StrPath,  # one of `recipe_names()`, or the path of a recipe file
) -> Recipe:
    """Read a recipe.

    Raises `UnknownName` for no such recipe, `RecipeError` for a wrong key or value, `StorageError`
    for a file that may not be read.
    """
    path = Path(name) if str(name).endswith(".toml") else package_file("recipes", f"{name}.toml")
    readable_path(path, "recipe")
    if not path.is_file():
        sentence = unknown_name("recipe", str(name), recipe_names())
        raise UnknownName(f"{sentence} A recipe file of your own ends in .toml.")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise StorageError(f"cannot read recipe {path}: {e.strerror}.") from e
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise RecipeError(f"{path}: not a TOML file: {e}") from e
    return Recipe.from_dict({"name": path.stem, **values}, path.name)
