"""The command `cxr`, one function a verb.

Results go to stdout, progress and messages to stderr; a CxrError becomes one line and its exit
code. Every verb imports what it needs when it runs, so that --help answers at once.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxr_fastai.core import CxrError, IntegrityError, StorageError, one_line, printable
from cxr_fastai.flags import ids, parser
from cxr_fastai.outputs import check_output_file, check_output_folder
from cxr_fastai.system_errors import remedy

if TYPE_CHECKING:
    from cxr_fastai.curation.folder.result import Curation
    from cxr_fastai.evaluation.compare import Comparison

__all__ = ["main", "curate_main"]

# Keys of bundle.json that `cxr train --json` prints.
SHOWN_OF_META = ("arch", "size", "trained", "metrics", "temperature", "decision", "thresholds")


def demo(args: Namespace) -> int:
    """Run the whole road on drawn radiographs."""
    from cxr_fastai.demo import demo

    return demo(Path(args.out))


def sources(args: Namespace) -> int:
    """Show the catalogue, or what is missing to have each source."""
    from cxr_fastai.cli_sources import show_sources

    return show_sources(args)


# ---- curation


def curate(args: Namespace) -> int:
    """Make a curated folder of sources."""
    from cxr_fastai import progress
    from cxr_fastai.curation.pipeline import curate

    with redirect_stdout(sys.stderr):  # Ray tells of dead workers on stdout, which is the result's
        result = curate(
            out=args.out,
            recipe=args.recipe,
            manifest=args.manifest,
            mirror=args.mirror,
            only=ids(args.only),
            layout=args.layout,
            workers=args.workers,
            quick=args.quick,
            seed=args.seed,
            check=args.check,
            strict=args.strict,
            engine=args.engine,
            wait=args.wait,
            update_pins=args.update_pins,
            on_conflict=args.on_conflict,
            progress=progress,
        )
    for warning in result.warnings:
        progress.say(f"warning: {warning}")
    if result.foreign:
        progress.say(
            f"warning: {len(result.foreign)} files in the class folders are not in the manifest "
            f"and stay as they are: {result.foreign[0]} the first"
        )
    _print_result(result, as_json=args.json)
    progress.say(_what_was_written(result, args))
    if result.incomplete:
        progress.say(f"INCOMPLETE: without {', '.join(result.incomplete)} (cxr sources --check)")
    if args.strict and result.faults:
        see = f"see {Path(args.out) / 'rejects.csv'}"
        if args.check:
            see = "rejects.csv of a run without --check names them"
        return _fail("curate", f"--strict: {result.faults} inputs are broken: {see}", 1)
    return 0


def _what_was_written(result: Curation, args: Namespace) -> str:
    """Say what a curation changed in its folder."""
    if args.check:
        return "nothing written: --check"
    if not result.written and not result.removed:
        return f"up to date: {args.out} holds all of it, nothing written"
    line = f"wrote {result.written} files to {args.out}"
    if result.removed:
        line += f", removed {result.removed} images that no longer belong"
    return line


def dedupe(args: Namespace) -> int:
    """Find every copy of a radiograph in any folders."""
    from cxr_fastai import progress
    from cxr_fastai.curation.copies.find import find, write_found

    with redirect_stdout(sys.stderr):  # Ray, as above
        found = find(
            args.folders,
            against=args.against,
            workers=args.workers,
            engine=args.engine,
            progress=progress,
        )
    if args.out:
        note = f"Against {args.against}: an image from there is kept." if args.against else ""
        write_found(found, Path(args.out), f"Copies in {', '.join(args.folders)}", note)
    _print_result(found, as_json=args.json)
    if args.out:
        progress.say(f"gallery: {Path(args.out) / 'gallery.html'}; no image was changed")
    return 0


def eda(args: Namespace) -> int:
    """Tell what a curated folder holds, and what tells its classes that is not the disease."""
    from cxr_fastai import progress
    from cxr_fastai.audit.explore import explore

    found = explore(
        args.data,
        out=args.out,
        seed=args.seed,
        progress=progress,
        split=args.split,
        manifest=args.manifest,
    )
    _print_result(found, as_json=args.json)
    if args.out:
        folder = Path(args.out)
        progress.say(f"page: {folder / 'eda.html'}; numbers: {folder / 'eda.json'}")
    return 0


# ---- training


def train(args: Namespace) -> int:
    """Train on a curated folder, and the baselines after it."""
    from cxr_fastai import progress
    from cxr_fastai.manifest import read_manifest
    from cxr_fastai.recipes import SETTINGS

    data = read_manifest(args.data)  # a wrong folder is told at once, before torch is imported
    from cxr_fastai.training.distributed import rank
    from cxr_fastai.training.run import train

    given = {name: getattr(args, name) for name in SETTINGS}
    settings = {name: value for name, value in given.items() if value is not None}
    bundle = train(
        data,
        args.out,
        recipe=args.recipe,
        seed=args.seed,
        workers=args.workers,
        resume=args.resume,
        allow_missing_classes=args.allow_missing_classes,
        track=ids(args.track),
        beside=_architectures(args.beside),
        **settings,
    )
    if rank():
        return 0  # of several processes the first one speaks
    baselines = _baselines(bundle.parent)
    if args.json:
        return _print_json(_trained(bundle, baselines))
    if baselines:
        progress.say(
            f"{', '.join(baselines)} trained beside it; all in one table: "
            f"cxr evaluate {bundle.parent} {args.data}"
        )
    print(bundle)
    return 0


def _architectures(
    text: str | None,  # of --beside; None: it was not given
) -> list[str] | None:  # None: the recipe's
    """Return the architectures to train as baselines."""
    if text is None:
        return None
    return [] if text == "none" else ids(text)


def _baselines(run: Path) -> dict[str, Path]:
    """Return what was trained beside a run's network: architecture -> bundle."""
    found = {}
    for meta in sorted(run.glob("beside/*/bundle/bundle.json")):
        bundle = meta.parent
        found[bundle.parent.name] = bundle
    return found


def _trained(bundle: Path, baselines: dict[str, Path]) -> dict[str, Any]:
    """Return what `cxr train --json` prints."""
    result = _trained_one(bundle)
    if baselines:
        result["beside"] = {name: _trained_one(path) for name, path in baselines.items()}
    return result


def _trained_one(bundle: Path) -> dict[str, Any]:
    """Return what is told of one bundle: its path, and part of its meta."""
    meta = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))
    shown = {key: meta[key] for key in SHOWN_OF_META}
    return {"bundle": str(bundle), **shown}


# ---- evaluation


def evaluate(args: Namespace) -> int:
    """Score a bundle on one split, and others on the same images."""
    from cxr_fastai import progress
    from cxr_fastai.manifest import read_manifest

    data = read_manifest(args.data)
    from cxr_fastai.bundle_names import name_bundles
    from cxr_fastai.evaluation.evaluate import evaluate

    score = partial(
        evaluate,
        data=data,
        split=args.split,
        progress=progress,
        resamples=args.resamples,
        seed=args.seed,
    )
    bundle = Path(args.bundle)
    run = bundle.parent if bundle.name == "bundle" else bundle
    others = name_bundles(list(_baselines(run).values()), ids(args.beside), progress.say)
    report = score(args.bundle, out=args.out)
    table = None
    if others:
        reports = {name: score(path) for name, path in others.items()}
        table = _compare(report, reports, args.out)
    if args.json:
        result = report.to_dict()
        if table is not None:
            result["beside"] = table.to_dict()
        _print_json(result)
    else:
        print(report)
        if table is not None:
            print(f"\n{table}")
    if args.out:
        progress.say(f"report: {Path(args.out) / 'report.html'}")
    return 0


def _compare(report: Any, others: dict[str, Any], out: str | None) -> Comparison:
    """Put a report and those of other bundles on the same images into one table."""
    from cxr_fastai.core import write_text
    from cxr_fastai.evaluation.compare import compare

    first = report.about["network"]
    while first in others:
        first += " (first)"
    table = compare({first: report, **others})
    if out:
        write_text(Path(out) / "beside.html", table.to_html())
    return table


# ---- prediction


def predict(args: Namespace) -> int:
    """Tell what a bundle says of image files."""
    if args.csv is not None:
        check_output_file(args.csv, "--csv")  # before torch is imported
    from cxr_fastai import progress
    from cxr_fastai.bundle.store import load_bundle
    from cxr_fastai.serving.predict import (
        find_images,
        format_rows,
        notes_line,
        predict_paths,
        worklist,
        write_csv,
    )

    files = find_images(args.paths, progress)
    if args.csv is not None:
        check_output_file(args.csv, "--csv", inputs=files)
    bundle = load_bundle(args.bundle)
    rows = predict_paths(bundle, files, progress=progress)
    if args.worklist:
        rows = worklist(rows)
    if args.csv:
        write_csv(rows, args.csv)
        progress.say(f"wrote {args.csv}")
    if args.json:
        _print_json(rows)
    elif not args.csv:
        print(format_rows(rows, bundle.display))
    noted = notes_line(rows)
    if noted:
        progress.say(noted)
    unread = [row for row in rows if row["error"]]
    if not unread:
        return 0
    told = f"{len(unread)} of {len(rows)} files could not be read: {unread[0]['error']}"
    if len(unread) == len(rows):
        return _fail("predict", told, IntegrityError.exit_code)
    progress.say(told)
    return 0


# ---- output


def _print_json(result: object) -> int:
    """Print a result as indented JSON; return exit code 0."""
    print(json.dumps(result, indent=2, ensure_ascii=False))
    return 0


def _print_result(result: Any, as_json: bool) -> None:
    """Print a result that has `to_dict` and reads as text."""
    if as_json:
        _print_json(result.to_dict())
    else:
        print(result)


# ---- the command line

VERBS = (demo, sources, curate, dedupe, eda, train, evaluate, predict)


def main(
    argv: Sequence[str] | None = None,  # None: those of this process
) -> int:
    """Run a verb; return the exit code."""
    p = parser({verb.__name__: verb for verb in VERBS})
    args = p.parse_args(argv)
    if args.version:
        from importlib.metadata import version

        print(version("cxr_fastai"))
        return 0
    if not args.verb:
        p.print_help()
        return 2
    try:
        _check_out(args)
        code: int = args.fn(args)
        return code
    except CxrError as e:
        return _fail(args.verb, e, e.exit_code)
    except KeyboardInterrupt:
        return _fail(args.verb, "interrupted", 130)
    except BrokenPipeError:
        sys.stderr.close()
        return 0  # the reader, say `head`, had enough
    except (OSError, MemoryError) as e:
        told = remedy(e)
        if not told:
            raise
        return _fail(args.verb, told, StorageError.exit_code)


def _check_out(args: Namespace) -> None:
    """Refuse a folder that cannot be written, of any verb, before anything long begins."""
    out = getattr(args, "out", None)
    if out is not None:
        check_output_folder(out, "--out")


def _fail(verb: str, error: object, code: int) -> int:
    """Print an error as one line; return its exit code."""
    print(f"cxr {verb}: {printable(one_line(error))}", file=sys.stderr)
    return code


def curate_main() -> int:
    """`curate-data`: the same as `cxr curate`."""
    return main(["curate", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
