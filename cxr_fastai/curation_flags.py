"""What `cxr curate` and `cxr dedupe` understand, and how images of one's own are named.

A verb's parser -> the same with its flags. Nothing heavy is imported.
"""

from __future__ import annotations

import argparse
from argparse import ArgumentParser, Namespace
from typing import Any

from cxr_fastai.flag_values import name_and_class, whole
from cxr_fastai.one_line_parser import FolderGivenBare, Joined, NamedOnce

__all__ = ["add_curate", "add_dedupe", "add_own_labels", "own_arguments"]

# Arguments of `curate` and `prototype` that name images of one's own, called as their flags.
OWN_ARGUMENTS = (
    "folder",
    "table",
    "file",
    "label",
    "patient",
    "age",
    "sex",
    "view",
    "same",
    "label_separator",
    "salt",
)


def add_curate(v: ArgumentParser) -> None:
    """Add the flags of `cxr curate`."""
    from cxr_fastai.recipes import recipe_names

    v.add_argument("--out", required=True, metavar="DIR", help="folder to write")
    v.add_argument("bare", nargs="*", action=FolderGivenBare, help=argparse.SUPPRESS)
    v.add_argument(
        "--recipe",
        metavar="NAME",
        help=f"{', '.join(recipe_names())}, or a recipe file (.toml); default: six_class, "
        "and of --folder or --table the classes as they are",
    )
    _add_own(v)
    v.add_argument(
        "--manifest",
        metavar="CSV",
        help="a catalogue of your own; a local handle may be a path relative to it",
    )
    v.add_argument(
        "--mirror",
        metavar="DIR",
        help="folder with kaggle/OWNER/NAME, github/OWNER/NAME, http/ID, local/ID, or kagglehub's "
        "cache, or /kaggle/input; then no download",
    )
    v.add_argument("--only", action=Joined, metavar="ID,..", help="these sources, and no others")
    _add_layout_and_engine(v)
    _add_decisions(v)
    v.add_argument("--check", action="store_true", help="decide and count, write nothing")
    v.add_argument("--json", action="store_true", help="the result as JSON")


def _add_own(v: ArgumentParser) -> None:
    """Add what names images of one's own."""
    own = v.add_argument_group("images of your own", "no catalogue and no recipe file is needed")
    own.add_argument(
        "--folder",
        metavar="DIR",
        help="class folders of images, or a .zip of them; with --table: where its files lie",
    )
    add_own_labels(own)


def add_own_labels(own: argparse._ArgumentGroup) -> None:
    """Add what says labels and patients of images of one's own."""
    own.add_argument("--table", metavar="CSV", help="a csv of your own, a row an image")
    own.add_argument("--file", default="", metavar="COL", help="the csv's column of files")
    own.add_argument("--label", default="", metavar="COL", help="its column of labels")
    own.add_argument(
        "--patient",
        default="",
        metavar="REGEX|COL",
        help="with --folder: searched in each path below the class folder, its group is the "
        "patient; with --table: the column of patients",
    )
    for name, many in (("age", "ages"), ("sex", "sexes"), ("view", "views")):
        own.add_argument(f"--{name}", default="", metavar="COL", help=f"its column of {many}")
    own.add_argument(
        "--label-separator",
        default="",
        metavar="SIGN",
        help="what parts several labels in one cell: one of | ; , / or none (default: told from "
        "the cells, where that is certain)",
    )
    own.add_argument(
        "--salt",
        metavar="FILE",
        help="what patients' ids in DICOM headers are hashed with (default: made once, in your "
        "settings); the same salt gives the same names and splits",
    )
    own.add_argument(
        "--same",
        action="append",
        default=[],
        metavar="A=B,..",
        help="the class names B,.. are the class A; may be given again",
    )
    own.add_argument(
        "--as",
        dest="take_as",
        action=NamedOnce,
        default=[],
        type=name_and_class,
        metavar="NAME=CLASS",
        help="take the class name NAME as CLASS (of the recipe), or - to leave it out; may be "
        "given again",
    )


def own_arguments(args: Namespace) -> dict[str, Any]:
    """Return what a verb was told of images of one's own, as `curate` and `prototype` take it."""
    given = {name: getattr(args, name) for name in OWN_ARGUMENTS}
    return {**given, "take_as": dict(args.take_as)}


def _add_layout_and_engine(v: ArgumentParser) -> None:
    """Add how the folder is laid out and what reads the images."""
    v.add_argument(
        "--layout",
        default="class",
        choices=("class", "split"),
        help="CLASS/image or SPLIT/CLASS/image",
    )
    v.add_argument("--workers", type=whole, metavar="N", help="processes (default: one a core)")
    v.add_argument(
        "--engine",
        default="local",
        choices=("local", "ray"),
        help="ray: on a new Ray here, or on the cluster of $RAY_ADDRESS",
    )
    v.add_argument("--wait", action="store_true", help="wait for another run in the same folder")
    v.add_argument(
        "--update-pins",
        action="store_true",
        help="accept downloads that differ from sources.lock.json",
    )


def _add_decisions(v: ArgumentParser) -> None:
    """Add what decides which images are kept."""
    v.add_argument(
        "--quick", action="store_true", help="a balanced random subset; no patient on two sides"
    )
    v.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the split and of --quick (default: 0)"
    )
    v.add_argument(
        "--folds",
        type=whole,
        default=0,
        metavar="K",
        help="folds of a cross-validation too, even in each class, no patient in two (cxr train "
        "--folds); below 300 images a test split says little",
    )
    v.add_argument(
        "--right",
        action="store_true",
        help="write films upright that lie on their side or head or are inverted; without it they "
        "are only told, in quality.csv",
    )
    v.add_argument(
        "--strict",
        action="store_true",
        help="stop where a source cannot be had; exit 1 where an input is broken",
    )
    v.add_argument(
        "--on-conflict",
        default="drop",
        choices=("drop", "upstream", "keep-both-out"),
        help="copies with labels of two classes: left out (default), the original's label stands, "
        "or laid aside in .conflicts/",
    )


def add_dedupe(v: ArgumentParser) -> None:
    """Add the flags of `cxr dedupe`."""
    v.add_argument(
        "folders",
        metavar="DIR",
        nargs="+",
        help="folders of images, read with all below them, or images",
    )
    v.add_argument(
        "--against",
        metavar="DIR",
        help="an old set: tell which images of DIR.. are known there, and which are safe to add",
    )
    v.add_argument(
        "--all",
        action="store_true",
        help="with --against: also tell of copies within the old set",
    )
    v.add_argument(
        "--out",
        metavar="DIR",
        help="folder for gallery.html, duplicates.csv and .json, related, rejects, and with "
        "--against new.csv",
    )
    v.add_argument("--workers", type=whole, metavar="N", help="processes (default: one a core)")
    v.add_argument("--engine", default="local", choices=("local", "ray"), help="as in cxr curate")
    v.add_argument("--json", action="store_true", help="the result as JSON")
