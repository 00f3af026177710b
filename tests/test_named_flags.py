"""pytest tests/test_named_flags.py: no message sends a user to a flag, or a verb, that does not exist"""

import ast
import re
from pathlib import Path

import pytest

from cxr_fastai.cli import HOME_OF
from cxr_fastai.flags import parser

HOUSE = Path(__file__).parent.parent / "cxr_fastai"
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*[a-z]")
COMMAND = re.compile(r"\bcxr ([a-z]+)\b((?:[^`'\"]*?)(?=`|'|\"|$|;|\. |, then|\n))")
# of other programs that messages name: git, kaggle, trackio, wandb
FOREIGN = {"--unzip", "--recurse-submodules", "--project", "--no-skip-online"}
# verbs whose messages a room may print; a room that is not named serves all
VERBS_OF_ROOM = {
    "curation/copies/find.py": {"dedupe"},
    "curation/copies/found.py": {"dedupe"},
    "curation/copies/gallery.py": {"dedupe", "curate"},
    "curation": {"curate", "dedupe", "sources"},
    "serving": {"predict"},
    "auditing": {"eda", "audit"},
    "model_audit": {"audit"},
    "evaluation": {"evaluate", "train"},
    "training": {"train"},
    "verbs/sources.py": {"sources"},
    "verbs/prediction.py": {"predict"},
    "verbs/training.py": {"train", "evaluate"},  # the next command
    "verbs/evaluation.py": {"evaluate"},
}


def flags_of_verbs():
    "Verb -> its flags, --help among them."
    whole = parser({verb: print for verb in HOME_OF})
    (choices,) = [a.choices for a in whole._subparsers._group_actions]
    found = {}
    for verb, sub in choices.items():
        found[verb] = {flag for action in sub._actions for flag in action.option_strings}
    return found


FLAGS = flags_of_verbs()


def strings(path):
    "(line, text) of every string of a module that is no docstring; what is filled in is a blank."
    tree = ast.parse(path.read_text(encoding="utf-8"))
    passed = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            passed.add(node.value)
        if isinstance(node, ast.JoinedStr):
            passed.update(node.values)
    for node in ast.walk(tree):
        if node in passed:
            continue
        if isinstance(node, ast.JoinedStr):
            parts = [v.value if isinstance(v, ast.Constant) else "X" for v in node.values]
            yield node.lineno, "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "flag" and node.args:
            name = getattr(node.args[0], "value", "")  # of advice.flag
            yield node.lineno, f"--{name}".replace("_", "-") if name else ""


CSS = re.compile(r"var\(--[a-z-]+\)")  # colours of the stylesheet
MODULES = sorted(HOUSE.rglob("*.py"))
PAGES = sorted(HOUSE.rglob("*.html"))


def texts(path):
    if path.suffix == ".py":
        return [(line, CSS.sub("", text)) for line, text in strings(path)]
    page = path.read_text(encoding="utf-8")
    page = CSS.sub("", re.sub(r"(?s)<style.*?</style>", "", page))
    return [(0, page)] if path.name != "base.html" else []


def verbs_of(path):
    "The verbs that may print what a module says."
    name = path.relative_to(HOUSE).as_posix()
    for room, verbs in VERBS_OF_ROOM.items():
        if name == room or name.startswith(f"{room}/"):
            return verbs & set(FLAGS) or set(FLAGS)
    return set(FLAGS)


@pytest.mark.parametrize("path", [*MODULES, *PAGES], ids=lambda p: p.relative_to(HOUSE).as_posix())
def test_every_flag_that_a_message_names_exists_for_a_verb_that_prints_it(path):
    everywhere = set().union(*FLAGS.values()) | {"--version", "--help"}
    own = set().union(*(FLAGS[verb] for verb in verbs_of(path)))
    wrong = []
    for line, text in texts(path):
        named = set(FLAG.findall(text)) - FOREIGN
        wrong += [f"{line}: no verb has {flag}" for flag in sorted(named - everywhere)]
        commands = " ".join(verb for verb, _ in COMMAND.findall(text))
        for flag in sorted(named & everywhere - own - {"--version"}):
            if not any(flag in FLAGS.get(verb, ()) for verb in commands.split()):
                wrong.append(f"{line}: {flag} is no flag of {', '.join(sorted(verbs_of(path)))}")
    assert not wrong, f"{path}: {wrong}"


@pytest.mark.parametrize("path", [*MODULES, *PAGES], ids=lambda p: p.relative_to(HOUSE).as_posix())
def test_a_command_that_a_message_spells_out_has_the_flags_it_is_given(path):
    wrong = []
    for line, text in texts(path):
        for verb, rest in COMMAND.findall(text):
            if verb not in FLAGS:
                continue  # "cxr wrote .."; a verb that is gone is told by the next test
            missing = set(FLAG.findall(rest.split("(")[0])) - FLAGS[verb] - FOREIGN
            wrong += [f"{line}: cxr {verb} has no {flag}" for flag in sorted(missing)]
    assert not wrong, f"{path}: {wrong}"
