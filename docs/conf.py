"""How the site is built: `make docs`.

Pages in Markdown, lessons from nbs/ as they were run, the reference from the docstrings and the
comments beside parameters. Fetches nothing.
"""

from __future__ import annotations

import inspect
import json
import shutil
import sys
from configparser import ConfigParser
from pathlib import Path

from fastcore.docments import docments

DOCS = Path(__file__).parent
ROOT = DOCS.parent
MADE = DOCS / "_made"  # written anew by each build; not committed
sys.path.insert(0, str(ROOT))

settings = ConfigParser(interpolation=None)
settings.read(ROOT / "settings.ini", encoding="utf-8")

project = settings["DEFAULT"]["name"]
author = settings["DEFAULT"]["author"]
version = release = settings["DEFAULT"]["version"]
copyright = author  # noqa: A001  Sphinx asks for this name

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
html_theme = "furo"
html_title = f"{project} {version}"
html_copy_source = False
exclude_patterns = ["_build"]
nb_execution_mode = "off"  # the tests run the lessons; their outputs are committed
myst_heading_anchors = 3
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_mock_imports: list[str] = []
suppress_warnings = ["myst.xref_missing", "mystnb.unknown_mime_type"]

# The rooms of the reference: (title, modules). Their public names are those of `__all__`.
ROOMS = {
    "The front door": ["cxr_fastai"],
    "Nouns, recipes, catalogue, manifest": [
        "cxr_fastai.core",
        "cxr_fastai.recipes",
        "cxr_fastai.catalog",
        "cxr_fastai.manifest",
        "cxr_fastai.progress",
    ],
    "Images": ["cxr_fastai.images"],
    "Curation": [
        "cxr_fastai.curation.pipeline",
        "cxr_fastai.curation.folder.result",
        "cxr_fastai.curation.copies.find",
        "cxr_fastai.curation.copies.copy_sets",
    ],
    "Cohort and audit": [
        "cxr_fastai.cohort.counts",
        "cxr_fastai.cohort.floors",
        "cxr_fastai.cohort.confounds",
        "cxr_fastai.auditing.explore",
        "cxr_fastai.auditing.exploration",
    ],
    "Models and bundles": [
        "cxr_fastai.models.networks",
        "cxr_fastai.models.architectures",
        "cxr_fastai.bundle",
    ],
    "Training": [
        "cxr_fastai.training.data",
        "cxr_fastai.training.learner",
        "cxr_fastai.training.losses",
        "cxr_fastai.training.fit",
        "cxr_fastai.training.run",
    ],
    "Evaluation": [
        "cxr_fastai.evaluation.evaluate",
        "cxr_fastai.evaluation.single_label",
        "cxr_fastai.evaluation.multi_label",
        "cxr_fastai.evaluation.single_label_report",
        "cxr_fastai.evaluation.multi_label_report",
        "cxr_fastai.evaluation.triage",
        "cxr_fastai.intervals.bootstrap",
        "cxr_fastai.evaluation.compare",
    ],
    "Serving": ["cxr_fastai.serving.predict"],
    "Drawn radiographs": ["cxr_fastai.phantom"],
}


# Packages whose public names are made in their modules.
HANDS_ON = ("cxr_fastai", "cxr_fastai.bundle", "cxr_fastai.images")


def write_reference() -> None:
    """Write a page for each room: its modules' docstrings and public members."""
    folder = MADE / "reference"
    folder.mkdir(parents=True)
    for number, (title, modules) in enumerate(ROOMS.items()):
        parts = [f"# {title}\n"]
        for module in modules:
            directive = f".. automodule:: {module}\n   :members:\n"
            if module in HANDS_ON:
                directive += "   :imported-members:\n"
            parts.append(f"## {module}\n\n```{{eval-rst}}\n{directive}```\n")
        (folder / f"{number:02}_{module_slug(title)}.md").write_text("\n".join(parts))


def module_slug(title: str) -> str:
    """Make a part of a file's name of a title."""
    return title.lower().replace(",", "").replace(" ", "_")


def copy_lessons() -> None:
    """Copy the executed notebooks, and the pages that lie at the top of the repository."""
    (MADE / "lessons").mkdir(parents=True)
    for notebook in sorted((ROOT / "nbs").glob("*.ipynb")):
        lesson = json.loads(notebook.read_text(encoding="utf-8"))
        for cell in lesson["cells"]:
            cell["metadata"].pop("execution", None)  # the runner's times, not of the format
        text = json.dumps(lesson, ensure_ascii=False)
        (MADE / "lessons" / notebook.name).write_text(text, encoding="utf-8")
    for page in ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"):
        text = (ROOT / page).read_text(encoding="utf-8").replace("](docs/", "](../")
        (MADE / page).write_text(text, encoding="utf-8")


def add_parameters(app, what, name, member, options, lines) -> None:
    """Add what stands beside a function's parameters (docments) to its docstring."""
    if what not in ("function", "method") or not inspect.isroutine(member):
        return
    if "Parameters\n---" in (member.__doc__ or ""):
        return  # for help() it was done already: cxr_fastai.docments
    try:
        comments = docments(member, full=False)
    except (OSError, TypeError, SyntaxError, IndentationError):
        return  # no source to read comments from
    lines.append("")
    for parameter, comment in comments.items():
        if comment:
            field = "returns" if parameter == "return" else f"param {parameter}"
            lines.append(f":{field}: {' '.join(str(comment).split())}")


shutil.rmtree(MADE, ignore_errors=True)
write_reference()
copy_lessons()


def setup(app) -> None:
    """Sphinx's hook."""
    app.connect("autodoc-process-docstring", add_parameters)
