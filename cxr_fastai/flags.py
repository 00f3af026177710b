"""What `cxr` understands: one function a verb adds its flags.

A table of what runs each verb -> a parser. The training settings come from recipes.SETTINGS.
Nothing here runs a verb, and nothing heavy is imported.
"""

from __future__ import annotations

import argparse
from argparse import ArgumentParser
from collections.abc import Callable, Mapping

from cxr_fastai.app_flags import add_app, add_gate
from cxr_fastai.bundle.runtime import RUNTIMES
from cxr_fastai.curation_flags import add_curate, add_dedupe, add_own_labels
from cxr_fastai.flag_values import above_zero, form, ids, whole
from cxr_fastai.one_line_parser import Joined, OneLineParser
from cxr_fastai.push_flags import add_push

__all__ = ["parser", "ids", "EXIT_CODES"]

EXIT_CODES = (
    "exit codes: 0 done, 1 inputs rejected or an audit failed under --strict, 2 usage, "
    "3 source unavailable, 4 integrity, 5 disk or permission, 130 interrupted"
)


def parser(
    verbs: Mapping[str, Callable[[argparse.Namespace], int]],  # name -> what runs it
) -> ArgumentParser:
    """Return the parser of the command line; `fn` of what it parses is the verb's."""
    p = OneLineParser(
        "cxr",
        epilog=EXIT_CODES,
        description="From a pile of public chest X-ray downloads to a model one can believe. "
        "Research only, not a medical device.",
    )
    p.add_argument("--version", action="store_true", help="print the version")
    parsers = p.add_subparsers(dest="verb", metavar="VERB")
    for name, (words, add_flags) in VERBS.items():
        v = parsers.add_parser(name, help=words, description=words, epilog=EXIT_CODES)
        v.set_defaults(fn=verbs[name])
        add_flags(v)
    return p


def _demo(v: ArgumentParser) -> None:
    """Add the flags of `cxr demo`."""
    v.add_argument(
        "--out",
        default="demo",
        metavar="DIR",
        help="folder for everything it makes (default: demo)",
    )


def _prototype(v: ArgumentParser) -> None:
    """Add the flags of `cxr prototype`."""
    v.add_argument(
        "folder",
        metavar="FOLDER",
        nargs="?",
        help="a subfolder of images a class, also train/ val/ test/ of them, or a .zip of that; "
        "with --table: where its files lie",
    )
    v.add_argument(
        "--out", metavar="DIR", help="folder for all of it (default: prototypes/FOLDER's name)"
    )
    v.add_argument(
        "--minutes",
        type=above_zero,
        default=5.0,
        metavar="N",
        help="how long all of it may take; the model follows from it (default: 5)",
    )
    v.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of splits and training (default: 0)"
    )
    add_own_labels(v.add_argument_group("labels, where folders do not say them, and patients"))
    v.add_argument(
        "--workers", type=whole, metavar="N", help="that read images (default: one a core)"
    )
    v.add_argument("--json", action="store_true", help="the result as JSON")


def _sources(v: ArgumentParser) -> None:
    """Add the flags of `cxr sources`."""
    v.add_argument(
        "--manifest", metavar="CSV", help="a catalogue of your own, in data_manifest.csv's columns"
    )
    v.add_argument(
        "--check",
        action="store_true",
        help="ask every source what is missing to have it; "
        "with --manifest FOLDER, check a curated folder",
    )
    v.add_argument(
        "--pixels",
        action="store_true",
        help="with --check --manifest FOLDER: read every image and verify its pixels",
    )
    v.add_argument("--only", action=Joined, metavar="ID,..", help="with --check: these sources")
    v.add_argument("--mirror", metavar="DIR", help="with --check: look for them in this mirror")
    v.add_argument("--json", action="store_true", help="everything, as JSON")


def _eda(v: ArgumentParser) -> None:
    """Add the flags of `cxr eda`."""
    v.add_argument("data", metavar="DATA", help="a folder that cxr curate wrote; it is not changed")
    v.add_argument("--out", metavar="DIR", help="folder for eda.html and eda.json")
    v.add_argument(
        "--split",
        default="all",
        metavar="NAME",
        help="all, train, valid or test (default: all, of which train's radiographs are shown)",
    )
    v.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the radiographs shown (default: 0)"
    )
    v.add_argument(
        "--manifest",
        metavar="CSV",
        help="the catalogue that the folder was curated with, if not the library's own",
    )
    v.add_argument("--json", action="store_true", help="all numbers and warnings as JSON")


def _audit(v: ArgumentParser) -> None:
    """Add the flags of `cxr audit`."""
    v.add_argument("data", metavar="DATA", help="a folder that cxr curate wrote; it is not changed")
    v.add_argument(
        "bundle",
        metavar="BUNDLE",
        nargs="?",
        help="a bundle, or the run folder that holds it: what it answers to the test images is "
        "asked too",
    )
    v.add_argument(
        "--loso",
        action="store_true",
        help="leave one source out with the network too: train it without each source that shares "
        "classes, into --out; what was trained stays, and an interrupted run goes on",
    )
    v.add_argument("--strict", action="store_true", help="exit 1 where a probe ends in FAIL")
    v.add_argument(
        "--out", metavar="DIR", help="folder for audit.html, audit.json, suspects.csv and --loso"
    )
    v.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="of folds, resamples and networks (default: 0)",
    )
    v.add_argument("--json", action="store_true", help="all numbers and verdicts as JSON")


def _train(v: ArgumentParser) -> None:
    """Add the flags of `cxr train`."""
    from cxr_fastai.recipes import SETTINGS

    v.add_argument("data", metavar="DATA", help="a folder that cxr curate wrote")
    v.add_argument(
        "--recipe", metavar="NAME", help="training settings of another recipe than the folder's"
    )
    v.add_argument("--out", metavar="DIR", help="run folder (default: runs/RECIPE, numbered)")
    v.add_argument(
        "--resume",
        action="store_true",
        help="go on where the run in --out stopped (default: the latest)",
    )
    v.add_argument(
        "--folds",
        action="store_true",
        help="cross-validation: train a network a fold of DATA, and score all images together",
    )
    v.add_argument(
        "--seed", type=int, metavar="N", help="of weights, order and augmentation (default: 0)"
    )
    v.add_argument(
        "--workers", type=whole, metavar="N", help="threads that decode (default: one a core)"
    )
    v.add_argument(
        "--allow-missing-classes", action="store_true", help="train although a class has no image"
    )
    v.add_argument(
        "--beside",
        action=Joined,
        metavar="NAME,..",
        help="architectures to train after it, from scratch, for one table of all "
        "(default: the recipe's); none: no other",
    )
    v.add_argument(
        "--track",
        action=Joined,
        metavar="NAME,..",
        help="also record the run in mlflow, tensorboard, wandb, trackio",
    )
    v.add_argument(
        "--json", action="store_true", help="the run as JSON: bundle, scores on validation, seconds"
    )
    settings = v.add_argument_group("settings", "each is the recipe's own where it is not given")
    for name, setting in SETTINGS.items():
        flag = f"--{name.replace('_', '-')}"
        settings.add_argument(flag, dest=name, help=setting.help, **form(setting))


def _evaluate(v: ArgumentParser) -> None:
    """Add the flags of `cxr evaluate`."""
    v.add_argument("bundle", metavar="BUNDLE", help="a bundle, or the run folder that holds it")
    v.add_argument("data", metavar="DATA", help="a folder that cxr curate wrote")
    v.add_argument(
        "--split",
        default="test",
        metavar="NAME",
        help="train, valid, test or all: all images that training did not see, as of a folder of "
        "other hospitals (default: test)",
    )
    v.add_argument(
        "--beside",
        action=Joined,
        metavar="BUNDLE,..",
        help="other bundles, for one table of all; "
        "those that a run trained beside are shown anyway",
    )
    v.add_argument(
        "--no-pixel-floor",
        dest="pixel_floor",
        action="store_false",
        help="leave out what 8x8 gray squares reach and what the audit says of the folder: the "
        "train and valid films are then not decoded",
    )
    v.add_argument(
        "--resamples",
        type=whole,
        default=2000,
        metavar="N",
        help="draws of the patients, for the 95 %% intervals (default: 2000)",
    )
    v.add_argument("--seed", type=int, default=0, metavar="N", help="of these draws (default: 0)")
    v.add_argument(
        "--coverage",
        type=float,
        metavar="SHARE",
        help="also tell whether prediction sets of this coverage, as 0.9, keep their promise here",
    )
    v.add_argument(
        "--out",
        metavar="DIR",
        help="folder for metrics.json, predictions.csv, report.html, its picture, CLAIM.md, and "
        "beside.html",
    )
    v.add_argument("--json", action="store_true", help="the metrics as JSON")


def _predict(v: ArgumentParser) -> None:
    """Add the flags of `cxr predict`."""
    v.add_argument(
        "bundle",
        metavar="BUNDLE",
        help="a bundle, or the run folder that holds it; or several as A,B,C, of one task and the "
        "same classes: the mean of their probabilities, their spread, and a vote by thresholds",
    )
    v.add_argument("paths", metavar="PATH", nargs="+", help="image files, or folders of them")
    _predict_output(v)
    _predict_how(v)


def _predict_output(v: ArgumentParser) -> None:
    """Add the flags of `cxr predict` that say what is told of a film, and where it is written."""
    v.add_argument(
        "--worklist",
        action="store_true",
        help="in the order to read them in: what could not be read, then the highest risk first",
    )
    v.add_argument(
        "--coverage",
        type=float,
        metavar="SHARE",
        help="beside each answer the set of classes that holds the true one in so many of the "
        "patients of each class, as 0.9, for films from the bundle's own sources",
    )
    v.add_argument("--json", action="store_true", help="a list of predictions as JSON")
    v.add_argument("--csv", metavar="FILE", help="write a csv, a row an image")
    v.add_argument(
        "--out",
        metavar="DIR",
        help="folder for predictions.html, a page of all films with those to look at first, "
        "predictions.csv and predictions.jsonl",
    )
    v.add_argument(
        "--explain",
        metavar="DIR",
        help="folder for a picture of each film with the heat of its answer: where the answer is "
        "most sensitive, which does not show why; and the share of it outside the lung field",
    )
    v.add_argument(
        "--explain-class",
        metavar="NAME",
        default="",
        help="the heat of this class instead of that answered",
    )


def _predict_how(v: ArgumentParser) -> None:
    """Add the flags of `cxr predict` that say how a film is answered."""
    v.add_argument(
        "--tta",
        action="store_true",
        help="test-time augmentation: the mean of five views of each film, turned and zoomed a "
        "little, none mirrored",
    )
    add_gate(v)
    v.add_argument(
        "--trust-pickle",
        action="store_true",
        help="BUNDLE is a learner.pkl of fastai: load it, which runs whatever code it holds; its "
        "SHA-256 is said before",
    )
    v.add_argument(
        "--runtime",
        choices=RUNTIMES,
        help="what computes the network: torch, or onnx, which needs no torch and starts in a "
        "fraction of its time, once cxr export wrote model.onnx",
    )


def _export(v: ArgumentParser) -> None:
    """Add the flags of `cxr export`."""
    v.add_argument("bundle", metavar="BUNDLE", help="a bundle, or the run folder that holds it")
    v.add_argument(
        "--onnx",
        metavar="FILE",
        nargs="?",
        const="",
        help="the network as ONNX, normalisation and calibration inside: into the bundle, or to "
        "FILE.onnx with FILE.onnx.json beside it; both can be given to predict",
    )
    v.add_argument("--json", action="store_true", help="what was written, as JSON")


# verb -> what it does, what adds its flags
VERBS: dict[str, tuple[str, Callable[[ArgumentParser], None]]] = {
    "prototype": (
        "a folder of your own to a model held against the light: curate, train, score, one page",
        _prototype,
    ),
    "demo": ("the whole road on drawn radiographs: curate, train, evaluate, predict", _demo),
    "sources": ("the catalogue: every source, its licence, its labels and how to get it", _sources),
    "curate": ("raw sources to class folders and manifest.csv", add_curate),
    "dedupe": ("find every copy of a radiograph in any folders; changes no file", add_dedupe),
    "eda": (
        "what a curated folder holds, and what tells its classes that is not the disease",
        _eda,
    ),
    "audit": ("whether a score on a curated folder can mean disease", _audit),
    "train": ("a curated folder to a trained bundle", _train),
    "evaluate": ("score a bundle on one split, beside the floors", _evaluate),
    "predict": ("what a bundle says of image files", _predict),
    "app": ("a page and an API that answer films with a bundle, on this machine", add_app),
    "export": ("a bundle's network for other programs, as ONNX", _export),
    "push": ("a bundle or a curated folder to the Hugging Face Hub", add_push),
}
