"""pytest tests/test_layers.py

A room imports downward only, no wing imports a neighbour, and no module stands in a circle. The
floors are those of docs/architecture.md; a new room gets its floor here.
"""

import ast
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent / "cxr_fastai"

# From the ground up: a room may import the rooms of the floors below its own, and itself.
FLOORS = [
    {"core", "disjoint_sets", "junk"},
    {"progress", "images", "recipes", "catalog", "reporting"},
    {"manifest", "models", "gate", "lungs", "intervals"},
    {"phantom", "bundle", "cohort", "train_request"},
    {"probes"},
    {"curation", "training", "evaluation", "auditing", "serving", "architectures"},
    {"demo", "flags", "folds", "prototyping", "app", "hub"},
    {"model_audit"},
    {"verbs"},
    {"cli"},
    {"__main__", "__init__"},
]

# The same inside the wing that has rooms of its own.
CURATION_FLOORS = [
    {"worker"},
    {"sources", "engines"},
    {"fetch"},
    {"own"},
    {"copies"},
    {"folder"},
    {"decide"},
    {"pipeline"},
    {"__init__"},
]

# Packages that a room never imports, not even inside a function.
BANNED = {
    "core": {"numpy", "PIL", "pandas", "torch", "fastai", "sklearn"},
    "images": {"torch", "fastai", "pandas"},
    "reporting": {"torch", "fastai", "pandas"},
    "cohort": {"torch", "fastai", "torchvision"},
    "curation": {"torch", "fastai", "torchvision"},
    "probes": {"torch", "fastai", "pandas"},
    "intervals": {"torch", "fastai", "pandas"},
    "gate": {"torch", "fastai", "pandas", "pickle"},
    "lungs": {"torch", "fastai", "pandas"},
    "auditing": {"torch", "fastai", "torchvision"},
    "models": {"fastai", "pandas"},
    "bundle": {"fastai", "pandas", "pickle"},
    "serving": {"fastai", "pandas", "pickle"},
    "app": {"fastai", "pandas", "pickle"},
    "hub": {"torch", "fastai", "pandas", "pickle"},
    "evaluation": {"fastai"},
}

PARTS = {  # modules beside a room that are part of it
    "findings": "core",
    "prediction": "core",
    "advice": "core",
    "docments": "core",
    "bundle_names": "core",
    "curation_flags": "flags",
    "push_flags": "flags",
    "app_flags": "flags",
    "flag_values": "flags",
    "one_line_parser": "flags",
    "catalog_rule": "catalog",
    "recipe_values": "recipes",
    "recipe_text": "recipes",
    "train_settings": "recipes",
    "labels": "recipes",
    "manifest_check": "manifest",
    "manifest_pixels": "manifest",
    "negatives": "manifest",
    "csv_cells": "core",
    "csv_of_others": "core",
    "strict_json": "core",
    "system_errors": "core",
    "inputs": "core",
    "run_files": "core",
    "resumable": "train_request",
    "trainable": "manifest",
    "manifest_folds": "manifest",
    "threads": "core",
    "telemetry": "core",
    "outputs": "core",
    "safe_names": "core",
}


def module_name(path: Path, house: Path = HOUSE) -> str:
    """cxr_fastai/curation/copies/scan.py -> cxr_fastai.curation.copies.scan."""
    parts = ["cxr_fastai", *path.relative_to(house).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)


def imports(path: Path, house: Path = HOUSE) -> tuple[set[str], set[str]]:
    """(own modules, other packages) that a module imports, also inside functions."""
    own, other = set(), set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            target = own if name.split(".")[0] == "cxr_fastai" else other
            target.add(existing_module(name, house) if target is own else name.split(".")[0])
    return own, other


def existing_module(name: str, house: Path = HOUSE) -> str:
    """The module that `name` is, or is a member of."""
    parts = name.split(".")
    while len(parts) > 1:
        path = house.joinpath(*parts[1:])
        if path.with_suffix(".py").is_file() or (path / "__init__.py").is_file():
            return ".".join(parts)
        parts.pop()
    return f"{name.split('.')[0]}.__init__"


def room_of(module: str) -> str:
    """The room of the top floor plan: the second part of a module's name."""
    room = module.split(".")[1]
    return PARTS.get(room, room)


def curation_room_of(module: str) -> str:
    parts = module.split(".")
    return parts[2] if len(parts) > 2 else "__init__"


def below(room: str, floors: list[set[str]]) -> set[str]:
    """The rooms that `room` may import: those of the floors below its own, and itself."""
    own = [i for i, rooms in enumerate(floors) if room in rooms]
    assert own, f"{room} has no floor: give it one in tests/test_layers.py"
    return {room}.union(*floors[: own[0]])


MODULES = sorted(HOUSE.rglob("*.py"))
NAMES = {path: module_name(path) for path in MODULES}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(HOUSE).as_posix())
def test_imports_run_downward_only(path):
    own, other = imports(path)
    room = room_of(NAMES[path])
    rooms = {room_of(module) for module in own}
    assert rooms <= below(room, FLOORS), f"{NAMES[path]} imports {rooms - below(room, FLOORS)}"
    assert not other & BANNED.get(room, set())


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if room_of(NAMES[path]) == "curation"],
    ids=lambda p: p.relative_to(HOUSE).as_posix(),
)
def test_inside_curation_imports_run_downward_only(path):
    room = curation_room_of(NAMES[path])
    own = {m for m in imports(path)[0] if room_of(m) == "curation"}
    rooms = {curation_room_of(module) for module in own} - {"__init__"}
    allowed = below(room, CURATION_FLOORS)
    assert rooms <= allowed, f"{NAMES[path]} imports {rooms - allowed}"


def test_no_module_stands_in_a_circle():
    graph = {NAMES[path]: imports(path)[0] - {NAMES[path]} for path in MODULES}
    # a package's __init__ hands on the names of its modules: that is no arrow back
    packages = {NAMES[path] for path in MODULES if path.name == "__init__.py"}
    graph = {name: targets - packages for name, targets in graph.items() if name not in packages}
    done: set[str] = set()

    def walk(name, trail):
        assert name not in trail, " -> ".join([*trail, name])
        if name in done:
            return
        for target in sorted(graph.get(name, ())):
            walk(target, [*trail, name])
        done.add(name)

    for name in graph:
        walk(name, [])


def test_this_walk_sees_imports_of_every_form(tmp_path):
    (tmp_path / "curation").mkdir()
    for name in ("curation/__init__.py", "curation/scan.py", "bundle.py"):
        (tmp_path / name).touch()
    file = tmp_path / "curation" / "x.py"
    file.write_text(
        "from cxr_fastai.bundle import load\nfrom cxr_fastai import bundle\n"
        "from cxr_fastai.curation.scan import scan\nimport torch.nn\n"
        "def f():\n    from fastai import learner\n    import cxr_fastai.curation\n"
    )
    own = {"cxr_fastai.bundle", "cxr_fastai.curation.scan", "cxr_fastai.curation"}
    assert imports(file, tmp_path) == (own, {"torch", "fastai"})
