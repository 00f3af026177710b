"""pytest tests/test_docs.py

What the pages say of files, modules, verbs and each other is there.
"""

import importlib
import re
import shlex
from pathlib import Path

import pytest

from cxr_fastai.flags import VERBS, parser

ROOT = Path(__file__).parent.parent
TOP = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")]
PAGES = [*TOP, *sorted((ROOT / "docs").glob("*.md"))]

FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FILE = re.compile(r"cxr_fastai/[\w/.]+\.\w+")
MODULE = re.compile(r"cxr_fastai(?:\.[A-Za-z_]\w*)+")
ROOM_FILE = re.compile(r"`((?:\w+/)+\w+\.py)`")
EXAMPLES = ("a/b.py", "a/test_b.py")  # ends of names that stand for any


def page_name(page):
    return page.relative_to(ROOT).as_posix()


def prose(page):
    """The page without what stands between fences."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page):
    """What a link can name of a page: its headings in small letters, words joined by hyphens."""
    names = set()
    for heading in HEADING.findall(prose(page)):
        words = re.sub(r"[^\w\s-]", "", heading.lower())
        names.add(re.sub(r"\s", "-", words.strip()))
    return names


def broken_links(page):
    broken = []
    for link in LINK.findall(prose(page)):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists():
            broken.append(link)
        elif anchor and anchor not in anchors(target):
            broken.append(link)
    return broken


def is_there(name):
    """A dotted name is a module, or a member of one."""
    parts = name.split(".")
    for split in range(len(parts), 0, -1):
        module = ".".join(parts[:split])
        if not module_exists(module):
            continue
        member = importlib.import_module(module)
        for part in parts[split:]:
            if not hasattr(member, part):
                return False
            member = getattr(member, part)
        return True
    return False


def module_exists(name):
    path = ROOT / name.replace(".", "/")
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_link_of_a_page_leads_somewhere(page):
    assert broken_links(page) == []


def test_a_broken_link_is_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A head, here\n[a](#a-head-here) [b](#b) [c](c.md) [d](https://e.org)\n")
    assert broken_links(page) == ["#b", "c.md"]


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_file_of_the_package_that_a_page_names_is_there(page):
    text = page.read_text(encoding="utf-8")
    named = {ROOT / path for path in FILE.findall(text)}
    named |= {ROOT / "cxr_fastai" / path for path in ROOM_FILE.findall(text)}
    missing = []
    for path in sorted(named):
        in_package = path.relative_to(ROOT).as_posix()
        in_repository = in_package.removeprefix("cxr_fastai/")
        is_found = path.exists() or (ROOT / in_repository).exists()
        if not is_found and not in_package.endswith(EXAMPLES):
            missing.append(in_package)
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_module_that_a_page_names_is_there(page):
    named = set(MODULE.findall(page.read_text(encoding="utf-8")))
    assert [name for name in sorted(named) if not is_there(name)] == []


def test_a_module_that_is_not_there_is_seen():
    assert is_there("cxr_fastai.images.decode")
    assert not is_there("cxr_fastai.images.nothing")
    assert not is_there("cxr_fastai.nothing.at.all")


def test_the_readme_is_read_in_five_minutes():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 1200


def test_every_verb_is_named_in_a_page():
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert len(VERBS) >= 8
    assert [verb for verb in VERBS if f"cxr {verb}" not in text] == []


TYPED = re.compile(r"^ {4}(?:\$ )?(cxr .+?)(?: {2,}#.*)?$", re.MULTILINE)


def commands(page):
    """The commands of a page that stand as they are typed."""
    return [shlex.split(line) for line in TYPED.findall(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("name", ["app.md", "tour.md"])
def test_every_command_of_the_app_and_the_tour_is_understood(name):
    typed = commands(ROOT / "docs" / name)
    assert len(typed) >= 4
    for words in typed:
        args = parser(dict.fromkeys(VERBS, print)).parse_args(words[1:])
        assert args.verb == words[1]


def test_commands_are_found_with_and_without_what_stands_behind(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("    cxr app a --films b   # c\n    $ cxr demo\ntext cxr x\n    cxrx\n")
    assert commands(page) == [["cxr", "app", "a", "--films", "b"], ["cxr", "demo"]]


def test_the_glossary_is_sorted():
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"^\| \*\*(.+?)\*\*", text, re.MULTILINE)
    assert len(words) > 20
    assert words == sorted(words, key=str.lower)


def test_the_tree_of_the_architecture_names_every_module_and_room():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    tree = text.split("```")[1]
    for path in (ROOT / "cxr_fastai").iterdir():
        if path.name.startswith("__"):
            continue
        if path.suffix == ".py":
            assert path.name in tree, f"{path.name} is not in the tree"
        elif path.is_dir() and (path / "__init__.py").exists():
            assert f"{path.name}/" in tree, f"{path.name}/ is not in the tree"
    for name in re.findall(r"\b\w+\.py\b", tree):
        found = list((ROOT / "cxr_fastai").rglob(name))
        assert found, f"the tree names {name}, which is not there"


def test_every_room_of_the_reference_is_there():
    text = (ROOT / "docs" / "conf.py").read_text(encoding="utf-8")
    modules = re.findall(r'"(cxr_fastai(?:\.\w+)*)"', text)
    assert len(modules) > 20
    assert [module for module in modules if not module_exists(module)] == []


def test_every_page_of_docs_is_in_the_site():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8").split()
    pages = {page.stem for page in (ROOT / "docs").glob("*.md")} - {"index"}
    assert pages <= set(index)
