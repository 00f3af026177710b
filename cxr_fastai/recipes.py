"""A task as data: which findings make which class, and how to train for it. Reads recipes/*.toml or a user's own file,
returns a Recipe; never touches images.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from cxr_fastai.core import (
    FINDINGS,
    LEAVES_OPEN,
    RecipeError,
    Task,
    UnknownName,
    package_file,
    unknown_name,
)

try:
    import tomllib
except ModuleNotFoundError:
    import tomli as tomllib  # Python 3.10

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
    "NONE",
    "UNSET",
]

TASKS = tuple(task.value for task in Task)
# by task; formulas: training/losses.py. auto: the first
LOSSES = {
    Task.SINGLE_LABEL: (
        "cross_entropy",
        "weighted_cross_entropy",
        "weighted_bce",
        "focal",
        "weighted_focal",
    ),
    Task.MULTI_LABEL: ("bce", "weighted_bce", "focal", "weighted_focal"),
}
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
# how train images are drawn: each class as often as the others, in an epoch as long as all images or as the rarest
# class allows; or as they come
SAMPLING = ("oversample", "undersample", "none")
UNFREEZE = (
    "progressive",
    "at_once",
)  # pretrained backbones thaw group by group, or train whole from the first step
AUGMENT = (
    "none",
    "mild",
    "strong",
    "acquisition",
    "randaugment",
)  # amounts: training/augment.py; none of them mirrors
MIX = ("none", "mixup", "cutmix")
PRECISION = ("auto", "bf16", "fp16", "fp32")


# ---- a manifest's labels: a class; under a multi-label recipe the classes that are present, ?those of which nothing is
# known, and NONE where none is present; a class that is not named is absent

RESERVED = ("conflicts", "images")  # folders that a curated folder may have beside those of classes
NONE = "none"
UNSET = 0.5  # from here a class of a multi-label bundle counts as present that validation fixed no threshold for


def present(
    label: str,  # of a manifest: normal, effusion|mass, pneumonia|?hernia, none
) -> tuple[str, ...]:
    """The classes that an image belongs to; (NONE,) where it belongs to none."""
    return tuple(c for c in label.split("|") if not c.startswith("?"))


def unknown(label: str) -> tuple[str, ...]:
    """The classes of which nothing is known."""
    return tuple(c[1:] for c in label.split("|") if c.startswith("?"))


def contradict(a: str, b: str) -> bool:
    """Whether a class is present under one label and known to be absent under the other."""

    def against(one, other):
        return set(present(one)) - {NONE} - set(present(other)) - set(unknown(other))

    return bool(against(a, b) or against(b, a))


class _Combinations(tuple):
    """The classes of a multi-label recipe; `in` it is whatever a manifest's label may be."""

    def __contains__(self, label) -> bool:
        named = [*present(label), *unknown(label)]
        return (
            named == list(dict.fromkeys(named))
            and all(c == NONE or c in tuple(self) for c in named)
            and bool(present(label))
            and (NONE not in named or present(label) == (NONE,))
        )


# ---- training settings: each a key of a recipe's [train] and a flag of `cxr train`


@dataclass(frozen=True)
class Setting:
    """What a training setting may be, for the check and for the command line."""

    kind: type  # str | int | float | bool | list
    help: str
    expected: str  # in words
    fits: Callable  # value -> bool
    choices: tuple = ()


def _set(default, kind, help, expected, fits, choices=()):
    what = dict(default_factory=lambda: list(default)) if kind is list else dict(default=default)
    return field(**what, metadata={"setting": Setting(kind, help, expected, fits, choices)})


def _is_whole(v, least: int) -> bool:
    return isinstance(v, int) and not isinstance(v, bool) and v >= least


def _is_number(v) -> bool:
    return isinstance(v, (int, float)) and not isinstance(v, bool)


def _whole(default, least, help):
    return _set(
        default, int, help, f"a whole number of at least {least}", lambda v: _is_whole(v, least)
    )


def _number(default, low, high, help):  # low included, high not
    return _set(
        default,
        float,
        help,
        f"a number from {low} to below {high}",
        lambda v: _is_number(v) and low <= v < high,
    )


def _choice(default, of, help):
    return _set(default, str, help, f"one of {', '.join(of)}", lambda v: v in of, of)


def _text(default, help):
    return _set(default, str, help, "a text", lambda v: isinstance(v, str) and bool(v))


def _is_rate(v) -> bool:
    return v == "find" or _is_number(v) and 0 < v < 10


def _are_sides(v) -> bool:
    return isinstance(v, (list, tuple)) and all(_is_whole(x, 16) for x in v)


@dataclass(frozen=True)
class Train:
    """How a recipe trains; every field is a flag of `cxr train` too."""

    arch: str = _text(
        "resnet34",
        "resnet18, resnet34, resnet50, densenet121, .. or any name of torchvision or timm",
    )
    size: int = _whole(224, 16, "side of the square input, px")
    crop: float = _number(
        0.0, 0, 0.4, "share cut off each side of an image before all else, in prediction too"
    )
    resize: list = _set(
        (),
        list,
        "smaller sides to begin with, px: 96,128",
        "a list of sides of at least 16 px",
        _are_sides,
    )
    epochs: int = _whole(10, 1, "times through the train images")
    bs: int = _whole(32, 2, "images a batch")
    lr: float | str = _set(
        1e-3,
        float,
        "highest learning rate of one-cycle, for the head; find: a lr finder's valley",
        "a number between 0 and 10, or find",
        _is_rate,
    )
    wd: float = _number(0.01, 0, 1, "weight decay, decoupled")
    weights: str = _text("imagenet", "where the backbone starts: imagenet, none, or a file")
    loss: str = _choice(
        "auto",
        ("auto", *dict.fromkeys(x for of in LOSSES.values() for x in of)),
        "what training makes small; auto: the task's plain one",
    )
    gamma: float = _number(
        2.0, 0, 10, "of a focal loss: how little an image counts that is answered right"
    )
    sampling: str = _choice("oversample", SAMPLING, "how train images are drawn")
    unfreeze: str = _choice("progressive", UNFREEZE, "how a pretrained backbone thaws")
    augment: str = _choice("mild", AUGMENT, "changes to train images; never a flip")
    erase: float = _number(0.0, 0, 1, "share of train images in which a rectangle is erased")
    mix: str = _choice("none", MIX, "train on mixtures of two images")
    label_smoothing: float = _number(
        0.0, 0, 1, "share of each label that is spread over all classes"
    )
    ema: float = _number(
        0.0, 0, 1, "decay of an average of the weights a step, 0.99 to 0.9999; 0: none"
    )
    accumulate: int = _whole(1, 1, "batches whose gradients make one step")
    clip: float = _number(0.0, 0, 1e6, "longest gradient; 0: any")
    patience: int = _whole(0, 0, "stop after so many epochs without a better one; 0: never")
    precision: str = _choice(
        "auto", PRECISION, "numbers that the network computes in; auto: by the device"
    )
    compile: bool = _set(
        False, bool, "torch.compile the network", "true or false", lambda v: isinstance(v, bool)
    )


SETTINGS = {f.name: f.metadata["setting"] for f in fields(Train)}


@dataclass(frozen=True)
class Recipe:
    name: str
    title: str
    classes: dict[str, list[str]]  # class slug -> findings, in vocab order
    task: Task = Task.SINGLE_LABEL
    yields: str = ""  # the class that gives way where findings name two
    negative: str = ""  # the class of those who have nothing, where all others have
    # something: one threshold, fixed on validation, decides between them
    sensitivity: float = 0.95  # least share of validation's positives that this threshold finds
    display: dict[str, str] = field(default_factory=dict)
    exclude: dict[str, list[str]] = field(
        default_factory=dict
    )  # source -> findings without an honest class
    sources: list[str] = field(
        default_factory=list
    )  # empty: every source that the catalogue has on; a|b: the first
    # of them that a mirror holds, a download is of a
    filters: dict[str, list] = field(
        default_factory=dict
    )  # of FILTERS: what an image must be known to be
    triage: list[float] = field(
        default_factory=list
    )  # shares of positives that a worklist must keep, fixed on
    # validation as `sensitivity` is
    beside: list[str] = field(
        default_factory=list
    )  # architectures that train beside, from scratch, for comparison
    metrics: list[str] = field(
        default_factory=list
    )  # the headline of a report, of METRICS; empty: the task's
    train: Train = field(default_factory=Train)

    def __post_init__(self) -> None:
        object.__setattr__(self, "task", Task(self.task))  # its plain string is welcome too

    @property
    def vocab(self) -> list[str]:
        return list(self.classes)

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes; `in` it is whatever a manifest's label may be."""
        return _Combinations(self.classes) if self.task is Task.MULTI_LABEL else tuple(self.classes)

    def targets(self, label: str) -> list[float]:
        """1 for each class that is present, 0 absent, nan unknown, in vocab order."""
        there, doubt = present(label), unknown(label)
        return [1.0 if c in there else math.nan if c in doubt else 0.0 for c in self.vocab]

    def label(
        self,
        source: str,
        findings,  # of one record
        stated=FINDINGS,  # all that this source can state: of the rest it says nothing
    ) -> tuple[str, str]:
        """(label, '') of a record, or ('', why it has none)."""
        if not findings:
            return "", "the source states no finding"
        if set(findings) & set(self.exclude.get(source, ())):
            return "", f"{'|'.join(findings)} of {source} is excluded by recipe {self.name}"
        return (
            self._classes_of(findings, stated)
            if self.task is Task.MULTI_LABEL
            else self._class_of(findings)
        )

    def _classes_of(self, findings, stated) -> tuple[str, str]:
        there = [c for c, of in self.classes.items() if set(of) & set(findings)]
        left = {open for f in findings for open in LEAVES_OPEN.get(f, ())}
        doubt = (
            []
            if set(findings) == {"no_finding"}
            else [
                c
                for c, of in self.classes.items()
                if c not in there and (set(of) & left or not set(of) & set(stated))
            ]
        )
        if len(doubt) < len(self.classes):
            return "|".join([*(there or [NONE]), *(f"?{c}" for c in doubt)]), ""
        return "", f"{'|'.join(findings)} tells nothing of any class of recipe {self.name}"

    def _class_of(self, findings) -> tuple[str, str]:
        hit = [c for c, of in self.classes.items() if set(of) & set(findings)]
        if len(hit) > 1:
            hit = [c for c in hit if c != self.yields]
        if len(hit) == 1:
            return hit[0], ""
        said = "|".join(findings)
        return (
            "",
            f"{said} names {' and '.join(hit)}"
            if hit
            else f"no class of recipe {self.name} for {said}",
        )

    def to_dict(self) -> dict:
        return {**asdict(self), "task": self.task.value}

    @classmethod
    def from_dict(cls, d: dict, where: str) -> Recipe:
        """Check `d`, as a recipe file or curation.json holds it.
        Raises `RecipeError` naming `where`, key and allowed values.
        """
        _keys(d, cls.__dataclass_fields__, where)
        for key in ("name", "title", "classes"):
            if not d.get(key):
                raise RecipeError(
                    f"{where}: key {key!r} is missing or empty: "
                    "a recipe needs name, title and [classes]."
                )
        _shapes(d, where)
        train = d.get("train", {})
        _keys(train, Train.__dataclass_fields__, f"{where} [train]")
        task = d.get("task", Task.SINGLE_LABEL.value)
        _one_of(task, TASKS, "task", where)
        recipe = cls(**{**d, "task": Task(task), "train": Train(**train)})
        _check(recipe, where)
        return recipe


def _texts(v) -> bool:
    return isinstance(v, list) and all(isinstance(x, str) for x in v)


def _table(v, of) -> bool:
    return isinstance(v, dict) and all(map(of, v.values()))


SHAPES = {
    "classes": ("a table of lists of findings", lambda v: _table(v, _texts)),
    "exclude": ("a table of lists of findings", lambda v: _table(v, _texts)),
    "display": ("a table of names", lambda v: _table(v, lambda x: isinstance(x, str))),
    "sources": ("a list of source ids", _texts),
    "train": ("a table", lambda v: isinstance(v, dict)),
    "filters": ("a table of lists", lambda v: _table(v, lambda x: isinstance(x, list))),
    "triage": (
        "a list of shares, 0.5 to below 1",
        lambda v: isinstance(v, list) and all(_is_number(x) and 0.5 <= x < 1 for x in v),
    ),
    "beside": ("a list of architectures", _texts),
    "metrics": ("a list of metrics", _texts),
    "sensitivity": ("a share, 0.5 to 1", lambda v: _is_number(v) and 0.5 <= v <= 1),
    **{
        k: ("a text", lambda v: isinstance(v, str))
        for k in ("name", "title", "task", "yields", "negative")
    },
}


def _shapes(d: dict, where: str):
    for key, (expected, fits) in SHAPES.items():
        if key in d and not fits(d[key]):
            raise RecipeError(f"{where}: key {key!r} is {d[key]!r}: expected {expected}.")


# An image whose cell is empty, or whose age is not given, does not pass a filter of it.
FILTERS = {
    "view": ("a list of views, as PA, AP", _texts),
    "sex": ("a list of F and M", lambda v: _texts(v) and set(v) <= {"F", "M"}),
    "age": (
        "[least, most] years",
        lambda v: len(v) == 2 and all(map(_is_number, v)) and 0 <= v[0] <= v[1],
    ),
    "side": ("[least] px of the shorter side", lambda v: len(v) == 1 and _is_whole(v[0], 1)),
}


def _keys(d: dict, allowed, where: str):
    for key in d:
        if key not in allowed:
            raise RecipeError(unknown_name("key", key, sorted(allowed), where))


def _one_of(value, allowed, key: str, where: str):
    if value not in allowed:
        raise RecipeError(unknown_name(key, value, allowed, where))


def _check(r: Recipe, where: str):
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", r.name):
        raise RecipeError(
            f"{where}: name {r.name!r} is no folder name: use letters, digits, underscores, hyphens."
        )
    for slug, findings in r.classes.items():
        if slug in RESERVED:
            raise RecipeError(f"{where}: class {slug!r}: a curated folder has another use for it.")
        if not findings:
            raise RecipeError(f"{where}: class {slug!r} has no finding: name one, or leave it out.")
        if not slug.replace("_", "").isalnum() or slug != slug.lower():
            raise RecipeError(
                f"{where}: class {slug!r} is no folder name: "
                "use lower-case letters, digits and underscores."
            )
        for f in findings:
            _one_of(f, FINDINGS, f"finding (class {slug})", where)
    for source, findings in r.exclude.items():
        for f in findings:
            _one_of(f, FINDINGS, f"finding (exclude {source})", where)
    for slug in [*r.display, *filter(None, (r.yields, r.negative))]:
        _one_of(slug, r.vocab, "class", where)
    for name in r.metrics:
        _one_of(name, METRICS[r.task], "metric", where)
    for key, value in r.filters.items():
        _one_of(key, FILTERS, "filter", f"{where} [filters]")
        expected, fits = FILTERS[key]
        if not fits(value):
            raise RecipeError(f"{where} [filters]: {key} = {value!r}: expected {expected}.")
    _check_task(r, where)
    check_train(r.train, f"{where} [train]", r)


def _check_task(r: Recipe, where: str):
    """What only one of the tasks can have."""
    if r.task is Task.SINGLE_LABEL and len(r.classes) < 2:
        raise RecipeError(
            f"{where}: a single_label recipe needs two classes or more; it has {', '.join(r.classes)}."
        )
    for f in FINDINGS if r.task is Task.SINGLE_LABEL else ():
        hit = [c for c, of in r.classes.items() if f in of]
        if len(hit) > 1:
            raise RecipeError(
                f"{where}: finding {f!r} stands in {' and '.join(hit)}: leave it to one."
            )
    if r.task is Task.MULTI_LABEL and NONE in r.classes:
        raise RecipeError(
            f"{where}: class {NONE!r}: that is what a label says where no class is present."
        )
    single = [k for k in ("negative", "yields", "triage") if getattr(r, k)]
    if r.task is Task.MULTI_LABEL and single:
        raise RecipeError(
            f"{where}: key {single[0]!r}: a multi_label recipe has none; thresholds are per class."
        )
    if r.triage and not r.negative:
        raise RecipeError(
            f"{where}: key 'triage': it needs key 'negative', the class of those who have nothing."
        )


def check_train(t: Train, where: str, recipe: Recipe):
    """Raises `RecipeError` where a training setting is out of its range, or none of the recipe's task."""
    if t.loss != "auto":
        _one_of(t.loss, LOSSES[recipe.task], f"loss of a {recipe.task} recipe", where)
    if t.loss == "weighted_bce" and recipe.task is Task.SINGLE_LABEL and len(recipe.classes) != 2:
        raise RecipeError(
            f"{where}: loss = 'weighted_bce': {len(recipe.classes)} classes that exclude each other: it "
            "takes two. Use weighted_cross_entropy."
        )
    for key, setting in SETTINGS.items():
        value = getattr(t, key)
        if setting.choices:
            _one_of(value, setting.choices, key, where)
        elif not setting.fits(value):
            raise RecipeError(f"{where}: {key} = {value!r}: expected {setting.expected}.")


def recipe_names() -> list[str]:
    return sorted(p.stem for p in package_file("recipes").glob("*.toml"))


def load_recipe(
    name: str,  # one of `recipe_names()`, or the path of a recipe file
) -> Recipe:
    """Read a recipe. Raises `UnknownName` for no such recipe, `RecipeError` for a wrong key or value."""
    path = Path(name) if str(name).endswith(".toml") else package_file("recipes", f"{name}.toml")
    if not path.is_file():
        unknown = unknown_name("recipe", str(name), recipe_names())
        raise UnknownName(f"{unknown} A recipe file of your own ends in .toml.")
    try:
        d = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise RecipeError(f"{path}: not a TOML file: {e}") from e
    return Recipe.from_dict({"name": path.stem, **d}, path.name)
