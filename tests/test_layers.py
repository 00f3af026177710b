"""pytest tests/test_layers.py

A room imports downward only, and no wing imports a neighbour. The floors are those of the README's tree."""

import ast
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent / "cxr_fastai"
WINGS = {"curation", "training", "evaluation", "serving"}
GROUND = {
    "images",
    "manifest",
    "bundle",
    "facts",
    "recipes",
    "architectures",
    "models",
    "phantom",
    "progress",
    "templates",
}
BELOW = {
    "core": set(),
    **{g: {"core"} | GROUND for g in GROUND},
    **{w: {"core", w} | GROUND for w in WINGS},
    "demo": {"core"} | GROUND | WINGS,
    "cli": {"core", "demo", "flags"} | GROUND | WINGS,
    "flags": {"recipes"},
    "__main__": {"cli"},
    "__init__": WINGS | GROUND | {"core"},
}
BANNED = {
    "curation": {"torch", "fastai", "torchvision"},
    "serving": {"fastai", "pandas", "pickle"},
    "bundle": {"fastai", "pandas", "pickle"},
    "models": {"fastai", "pandas"},
    "architectures": {"fastai", "pandas"},
    "images": {"torch", "fastai", "pandas"},
    "core": {"numpy", "PIL", "pandas", "torch", "fastai", "sklearn"},
    "evaluation": {"fastai"},
}


def room(path: Path) -> str:
    return path.relative_to(HOUSE).parts[0].removesuffix(".py")


def imports(path: Path, house=HOUSE):
    "(own rooms, other packages) that a module imports, also inside functions."
    own, other, parts = set(), set(), list(path.relative_to(house).parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            other |= {a.name.split(".")[0] for a in node.names}
        if not isinstance(node, ast.ImportFrom):
            continue
        if not node.level:
            other.add(node.module.split(".")[0])
            continue
        base = parts[: len(parts) - node.level]
        full = base + (node.module.split(".") if node.module else [])
        own |= {full[0]} if full else {a.name for a in node.names}
    return own, other


MODULES = sorted(HOUSE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(HOUSE).as_posix())
def test_imports_run_downward_only(path):
    own, other = imports(path)
    name = room(path)
    assert name in BELOW, f"{name} has no floor: give it one here and in the README"
    assert own <= BELOW[name], f"{path.name} imports {own - BELOW[name]}"
    assert not other & BANNED.get(name, set()) and "cxr_fastai" not in other


def test_the_ground_floor_has_no_circle():
    modules = {g: [m for m in MODULES if room(m) == g] for g in GROUND}
    assert all(modules.values())
    graph = {
        g: set().union(*(imports(m)[0] for m in ms)) & GROUND - {g} for g, ms in modules.items()
    }

    def reach(g, seen=()):
        return (
            {g} if g in seen else set().union(*(reach(x, (*seen, g)) for x in graph[g]), graph[g])
        )

    assert not [g for g in GROUND if g in reach(g)]


def test_this_walk_sees_imports_of_every_form(tmp_path):
    (tmp_path / "curation").mkdir()
    file = tmp_path / "curation" / "x.py"
    file.write_text(
        "from ..training.run import fit\nfrom .. import bundle\nfrom .scan import scan\nimport torch.nn\n"
        "def f():\n    from fastai import learner\n"
    )
    assert imports(file, tmp_path) == ({"training", "bundle", "curation"}, {"torch", "fastai"})
