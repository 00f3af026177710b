"""A task as data: which findings make which class, and how to train for it. Reads recipes/*.toml or a user's own file,
returns a Recipe; never touches images."""
from __future__ import annotations
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .core import FINDINGS, RecipeError, UnknownName, package_file, unknown_name

try: import tomllib
except ModuleNotFoundError: import tomli as tomllib  # Python 3.10

__all__ = ["Recipe", "Train", "load_recipe", "recipe_names", "SAMPLING", "UNFREEZE", "TASKS"]

TASKS = ("single_label",)
SAMPLING = ("oversample", "none")      # how train batches are drawn: every class as often as the others,
                                       # or as they come
UNFREEZE = ("progressive", "at_once")  # pretrained backbones thaw group by group, or train whole from the first step


@dataclass(frozen=True)
class Train:
    "How a recipe trains; every field is a flag of `cxr train` too."
    arch: str = "resnet34"
    size: int = 224             # side of the square input, px
    epochs: int = 10
    bs: int = 32
    lr: float = 1e-3            # lr_max of one-cycle, for the head
    weights: str = "imagenet"   # imagenet | none | a file
    sampling: str = "oversample"
    unfreeze: str = "progressive"


@dataclass(frozen=True)
class Recipe:
    name: str
    title: str
    classes: dict[str, list[str]]                  # class slug -> findings, in vocab order
    task: str = "single_label"
    yields: str = ""                               # the class that gives way where findings name two
    display: dict[str, str] = field(default_factory=dict)
    exclude: dict[str, list[str]] = field(default_factory=dict)  # source -> findings without an honest class
    sources: list[str] = field(default_factory=list)  # empty: every source that the catalogue has on
    train: Train = field(default_factory=Train)

    @property
    def vocab(self)->list[str]: return list(self.classes)

    def label(self, source:str, findings)->tuple[str, str]:
        "(class slug, '') of a record, or ('', why it has none)."
        if not findings: return "", "the source states no finding"
        if set(findings) & set(self.exclude.get(source, ())):
            return "", f"{'|'.join(findings)} of {source} is excluded by recipe {self.name}"
        hit = [c for c, of in self.classes.items() if set(of) & set(findings)]
        if len(hit) > 1: hit = [c for c in hit if c != self.yields]
        if len(hit) == 1: return hit[0], ""
        said = "|".join(findings)
        return "", f"{said} names {' and '.join(hit)}" if hit else f"no class of recipe {self.name} for {said}"

    def to_dict(self)->dict: return asdict(self)

    @classmethod
    def from_dict(cls, d:dict, where:str)->"Recipe":
        """Check `d`, as a recipe file or curation.json holds it.
        Raises `RecipeError` naming `where`, key and allowed values."""
        _keys(d, cls.__dataclass_fields__, where)
        for key in ("name", "title", "classes"):
            if not d.get(key):
                raise RecipeError(f"{where}: key {key!r} is missing or empty: "
                                  "a recipe needs name, title and [classes].")
        _shapes(d, where)
        train = d.get("train", {})
        _keys(train, Train.__dataclass_fields__, f"{where} [train]")
        recipe = cls(**{**d, "train": Train(**train)})
        _check(recipe, where)
        return recipe


def _texts(v)->bool: return isinstance(v, list) and all(isinstance(x, str) for x in v)
def _table(v, of)->bool: return isinstance(v, dict) and all(map(of, v.values()))

SHAPES = {"classes": ("a table of lists of findings", lambda v: _table(v, _texts)),
          "exclude": ("a table of lists of findings", lambda v: _table(v, _texts)),
          "display": ("a table of names", lambda v: _table(v, lambda x: isinstance(x, str))),
          "sources": ("a list of source ids", _texts), "train": ("a table", lambda v: isinstance(v, dict)),
          **{k: ("a text", lambda v: isinstance(v, str)) for k in ("name", "title", "task", "yields")}}

def _shapes(d:dict, where:str):
    for key, (expected, fits) in SHAPES.items():
        if key in d and not fits(d[key]): raise RecipeError(f"{where}: key {key!r} is {d[key]!r}: expected {expected}.")

def _keys(d:dict, allowed, where:str):
    for key in d:
        if key not in allowed: raise RecipeError(unknown_name("key", key, sorted(allowed), where))

def _one_of(value, allowed, key:str, where:str):
    if value not in allowed: raise RecipeError(unknown_name(key, value, allowed, where))

def _check(r:Recipe, where:str):
    for slug, findings in r.classes.items():
        if not slug.replace("_", "").isalnum() or slug != slug.lower():
            raise RecipeError(f"{where}: class {slug!r} is no folder name: "
                              "use lower-case letters, digits and underscores.")
        for f in findings: _one_of(f, FINDINGS, f"finding (class {slug})", where)
    for source, findings in r.exclude.items():
        for f in findings: _one_of(f, FINDINGS, f"finding (exclude {source})", where)
    for slug in [*r.display, *([r.yields] if r.yields else [])]: _one_of(slug, r.vocab, "class", where)
    _one_of(r.task, TASKS, "task", where)
    check_train(r.train, f"{where} [train]")

def check_train(t:Train, where:str):
    "Raises `RecipeError` where a training setting is out of its range."
    _one_of(t.sampling, SAMPLING, "sampling", where)
    _one_of(t.unfreeze, UNFREEZE, "unfreeze", where)
    for key, least in (("size", 16), ("epochs", 1), ("bs", 2)):
        value = getattr(t, key)
        if not isinstance(value, int) or value < least:
            raise RecipeError(f"{where}: {key} = {value!r}: expected a whole number of at least {least}.")
    if not isinstance(t.lr, (int, float)) or not 0 < t.lr < 10:
        raise RecipeError(f"{where}: lr = {t.lr!r}: expected a number between 0 and 10.")

def recipe_names()->list[str]: return sorted(p.stem for p in package_file("recipes").glob("*.toml"))

def load_recipe(
    name:str, # one of `recipe_names()`, or the path of a recipe file
)->Recipe:
    "Read a recipe. Raises `UnknownName` for no such recipe, `RecipeError` for a wrong key or value."
    path = Path(name) if str(name).endswith(".toml") else package_file("recipes", f"{name}.toml")
    if not path.is_file():
        unknown = unknown_name("recipe", str(name), recipe_names())
        raise UnknownName(f"{unknown} A recipe file of your own ends in .toml.")
    try: d = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e: raise RecipeError(f"{path}: not a TOML file: {e}") from e
    return Recipe.from_dict({"name": path.stem, **d}, path.name)
