"""The recipe of a user's own classes, and how his names meet a recipe that he chose.

Class names -> a Recipe, and the findings that each name stands for. Nothing is filed where its name
does not say: that is refused, with the words that would say it. It reads no file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cxr_fastai.core import Task, UnknownName, UsageError, own_finding, unknown_name
from cxr_fastai.curation.own.class_names import finding_of, is_normal, plain
from cxr_fastai.curation.own.own_data import OWN_RECIPE
from cxr_fastai.recipes import NONE, Recipe, present
from cxr_fastai.safe_names import safe_name

__all__ = ["NO_FINDING", "OwnClasses", "own_recipe", "meet_recipe"]

NO_FINDING = "no_finding"
Findings = tuple[str, ...]


@dataclass(frozen=True)
class OwnClasses:
    """A recipe, and what each of the user's names stands for in it."""

    recipe: Recipe
    findings: dict[str, Findings]  # name -> findings of its images
    class_of: dict[str, str]  # name -> class; none of several labels where nothing was found


def own_recipe(
    class_of: Mapping[str, str],  # name, as folder or csv has it -> class
    title: str,
    task: Task = Task.SINGLE_LABEL,
) -> OwnClasses:
    """Return the recipe of classes as they are: each is a finding of its own, own:CLASS.

    The one class that says that nothing was found, if there is one, has `no_finding`: with one
    label an image it is the negative class; with several it is no class, but their absence. Raises
    `UsageError` for fewer than two classes of one label, and `RecipeError`.
    """
    classes = sorted(set(class_of.values()))
    normal = [label for label in classes if is_normal(label)]
    negative = normal[0] if len(normal) == 1 and len(classes) > 1 else ""
    finding = {label: own_finding(label) for label in classes}
    if negative:
        finding[negative] = NO_FINDING
    several = task is Task.MULTI_LABEL
    named = [label for label in classes if not several or label != negative]
    if len(named) < (1 if several else 2):
        raise UsageError(
            f"one class alone, {', '.join(classes)}: a model tells two or more apart. "
            "Give each class a folder, or a label, of its own."
        )
    values = {
        "name": OWN_RECIPE,
        "title": title,
        "task": task.value,
        "negative": "" if several else negative,
        "classes": {label: [finding[label]] for label in named},
    }
    recipe = Recipe.from_dict(values, "the classes")
    findings: dict[str, Findings] = {}
    for name, label in class_of.items():
        findings[name] = (finding[label],)
    return OwnClasses(recipe, findings, dict(class_of))


# ---- a recipe that the user chose


def meet_recipe(
    recipe: Recipe,
    names: Sequence[str],  # as folder or csv has them, or joined by `same`
    take_as: Mapping[str, str] | None = None,  # name -> class of the recipe, or a finding's class
    source: str = "",  # id
) -> OwnClasses:
    """Read names as findings, and say which class of a recipe each is.

    A name is its finding where the recipe files that under a class of the same meaning, or where
    the user says which class to take it as. Raises `UnknownName` for a class that the recipe
    lacks, and `UsageError` for a name that the recipe would file elsewhere, or cannot place.
    """
    asked = take_as or {}
    for name, label in asked.items():
        if label not in recipe.classes:
            raise UnknownName(
                unknown_name("class", label, recipe.vocab, f"--as {name}={label} (Python: take_as)")
            )
    findings: dict[str, Findings] = {}
    class_of: dict[str, str] = {}
    unplaced: list[str] = []
    for name in names:
        label = asked.get(name) or _class_named(name, recipe)
        if label:
            recipe, findings[name] = _taken_as(name, label, recipe)
            class_of[name] = label
            continue
        finding = finding_of(name)
        found = _class_of(finding, recipe, source)
        if finding and _is_same(finding, found, recipe):
            findings[name] = (finding,)
            class_of[name] = found
        else:
            unplaced.append(_refusal(name, finding, found, recipe))
    if unplaced:
        raise UsageError("; ".join(unplaced) + ".")
    return OwnClasses(recipe, findings, class_of)


def _class_named(name: str, recipe: Recipe) -> str:
    """Return the class of a recipe that has the very name; '' where none has, or several."""
    found = [label for label in recipe.classes if plain(label) == plain(name)]
    return found[0] if len(found) == 1 else ""


def _taken_as(name: str, label: str, recipe: Recipe) -> tuple[Recipe, Findings]:
    """Return (recipe, findings) under which a name is a class.

    Its finding in the vocabulary, where the class has that; else a finding of the user's own, which
    the class then has too: nobody said that his images show any other.
    """
    own = recipe.classes[label]
    finding = finding_of(name)
    if finding in own:
        return recipe, (finding,)
    if len(own) == 1 and plain(label) == plain(name):
        return recipe, (own[0],)
    added = own_finding(safe_name(name) or label)
    if added in own:
        return recipe, (added,)
    classes = {**recipe.classes, label: [*own, added]}
    return replace(recipe, classes=classes), (added,)


def _class_of(finding: str, recipe: Recipe, source: str) -> str:
    """Return the class that a recipe files a finding under; '' for none."""
    if not finding:
        return ""
    label, _ = recipe.label(source, (finding,), (finding,))
    classes = present(label)
    return classes[0] if classes else ""


def _is_same(finding: str, label: str, recipe: Recipe) -> bool:
    """Tell whether a class means what a finding says, and not something wider."""
    if label == NONE and recipe.task is Task.MULTI_LABEL:
        return finding == NO_FINDING
    return label != "" and finding_of(label) == finding


def _refusal(name: str, finding: str, label: str, recipe: Recipe) -> str:
    """Say what a recipe would do with a name, and what the user can say."""
    classes = ", ".join(recipe.vocab)
    if label and label != NONE:
        return (
            f"recipe {recipe.name} would file {name!r} under {label}: "
            f"say --as {_word(name)}={label} (Python: take_as), or another of {classes}"
        )
    knows = f"has no class for {finding}" if finding else "does not know it"
    return (
        f"class {name!r}: recipe {recipe.name} {knows}: say --as {_word(name)}=CLASS "
        f"(Python: take_as) of {classes}"
    )


def _word(name: str) -> str:
    """Return a name as one word of a command."""
    return name if name.replace("_", "").isalnum() else repr(name)
