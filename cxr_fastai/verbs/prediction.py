"""`cxr predict`: what a bundle, or several, says of image files.

Bundles and files -> rows as text, JSON or csv, and a page of all films.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cxr_fastai.bundle.runtime import ONNX
from cxr_fastai.core import IntegrityError, UsageError
from cxr_fastai.outputs import check_output_file, check_output_folder, check_outside
from cxr_fastai.reporting.text import count
from cxr_fastai.verbs.model_words import say_of_gates, say_of_means, say_of_training
from cxr_fastai.verbs.output import fail, print_json
from cxr_fastai.verbs.pickled import check_pickled, is_pickled, rows_of_pickled

if TYPE_CHECKING:
    from cxr_fastai.prediction import Prediction
    from cxr_fastai.serving.answers import Film, Model
    from cxr_fastai.serving.explain import Explainer
    from cxr_fastai.serving.rows import Row
    from cxr_fastai.serving.written import Thumbnails

__all__ = ["predict"]

MOST_PICTURES = 8000  # that are kept for a page: twice as many as it shows


def predict(args: Namespace) -> int:
    """Tell what a bundle says of image files."""
    from cxr_fastai import progress
    from cxr_fastai.bundle.files import check_there
    from cxr_fastai.serving.sources import find_images

    bundles = _check_asked(args)  # before torch is imported, as are the files
    files = find_images(args.paths, progress)
    _check_written(args, files)
    if is_pickled(bundles):
        rows = rows_of_pickled(Path(bundles[0]), files)
        _print(args, rows)
        _say_of_all(args, rows, "", _Looks(None))
        return _exit_code(rows)
    for path in bundles:
        check_there(Path(path))
    from cxr_fastai.serving.ensemble import load_ensemble
    from cxr_fastai.serving.predict import predict_paths, worklist

    model = load_ensemble(bundles, runtime=args.runtime)
    promise = model.promise(args.coverage)
    say_of_training(model)
    if args.gate:
        say_of_gates(model)
    if args.tta or len(bundles) > 1:
        say_of_means(model, args.tta)
    thumbnails = _thumbnails_for(model) if args.out else None
    looks = _Looks(thumbnails, _explainer_for(args, model, files) if args.explain else None)
    rows = predict_paths(
        model,
        files,
        progress=progress,
        coverage=args.coverage,
        tta=args.tta,
        look=looks.look if looks.are_asked else None,
        gate=args.gate,
        right=args.right,
    )
    listed = rows
    if args.worklist:
        from cxr_fastai.serving.about import normal_of

        listed = worklist(rows, normal_of(model))
    _write(args, model, rows, listed, looks)
    _say_of_all(args, listed, promise.says if promise else "", looks)
    return _exit_code(listed)


# ---- before anything is loaded


def _check_asked(args: Namespace) -> list[str]:
    """Check what can be checked of the flags without torch, and return the paths of bundles.

    Raises `UsageError`.
    """
    from cxr_fastai.bundle_names import bundle_paths

    bundles = bundle_paths(args.bundle)
    if is_pickled(bundles):
        check_pickled(args, bundles)
    elif args.trust_pickle:
        raise UsageError(
            "--trust-pickle is for a learner.pkl: a bundle holds no code. Leave it out."
        )
    if args.coverage is not None:
        from cxr_fastai.bundle.conformal import check_coverage

        check_coverage(args.coverage)
        if args.tta:
            raise UsageError("--coverage is promised for films as they are: leave out --tta.")
    if args.right and not args.gate:
        raise UsageError("--right asks the gate what lies askew: leave out --no-gate.")
    _check_explained(args)
    if args.csv is not None:
        from cxr_fastai.serving.rows_csv import check_own_csv

        check_output_file(args.csv, "--csv")
        check_own_csv(args.csv, "--csv")
    return bundles


def _check_explained(args: Namespace) -> None:
    """Raise `UsageError` where no explanation can be had, or nowhere to write it to."""
    if args.explain is not None:
        check_output_folder(args.explain, "--explain")
        if args.runtime == ONNX:
            raise UsageError("--explain needs the network in torch: ask for --runtime torch.")
    elif args.explain_class:
        raise UsageError("--explain-class needs a folder for the pictures: --explain DIR.")


def _check_written(args: Namespace, files: Sequence[Path]) -> None:
    """Check that nothing which is read or of others would be written over."""
    if args.csv is not None:
        check_output_file(args.csv, "--csv", inputs=files)
    if args.out is not None:
        from cxr_fastai.serving.written import check_out

        check_out(args.out, "--out", files)
    if args.explain is not None:
        from cxr_fastai.serving.explain import check_pictures, picture_names

        for path in args.paths:
            check_outside(args.explain, path, "--explain")  # the next run would answer its pictures
        check_pictures(args.explain, picture_names(files), files, "--explain")


# ---- as films pass


@dataclass(frozen=True)
class _Looks:
    """Who looks at the films as they pass."""

    thumbnails: Thumbnails | None  # None: no page was asked for
    explainer: Explainer | None = None  # None: no explanation was asked for

    @property
    def are_asked(self) -> bool:
        """Whether anybody looks."""
        return self.thumbnails is not None or self.explainer is not None

    def look(self, film: Film) -> Prediction:
        """Show a film to all, and return its answer."""
        if self.thumbnails is not None:
            self.thumbnails.look(film)
        if self.explainer is None:
            return film.answer
        answer = self.explainer.look(film)
        if self.thumbnails is not None and len(self.explainer.pictures) > MOST_PICTURES:
            self.explainer.forget(self.thumbnails.kept)
        return answer


def _thumbnails_for(model: Model) -> Thumbnails:
    """Return what keeps the thumbnails for a page."""
    from cxr_fastai.serving.about import about_of
    from cxr_fastai.serving.written import Thumbnails

    return Thumbnails(about_of(model, tta=False, files=()).names)


def _explainer_for(args: Namespace, model: Model, files: Sequence[Path]) -> Explainer:
    """Return what explains the answers. Raises `UsageError` where they cannot be."""
    from cxr_fastai.serving.answers import members_of
    from cxr_fastai.serving.explain import Explainer, check_explained, picture_names

    check_explained(members_of(model), args.explain_class)
    keep = args.out is not None
    return Explainer(args.explain_class, args.explain, picture_names(files), keep)


# ---- results


def _write(
    args: Namespace,
    model: Model,
    rows: list[Row],  # a row a file
    listed: list[Row],  # in the order to print them in
    looks: _Looks,
) -> None:
    """Write and print what was asked for."""
    from cxr_fastai import progress

    _print(args, listed)
    if args.out and looks.thumbnails is not None:
        from cxr_fastai.serving.written import CSV, JSON_LINES, write_answers

        pictures = looks.explainer.pictures if looks.explainer else {}
        kept = looks.thumbnails.kept
        page = write_answers(args.out, rows, model, args.tta, listed, kept, pictures, args.gate)
        progress.say(f"page: {page}; rows: {page.with_name(CSV)}, {page.with_name(JSON_LINES)}")


def _print(
    args: Namespace,
    listed: list[Row],  # in the order to print them in
) -> None:
    """Print rows, or write them as csv."""
    from cxr_fastai import progress
    from cxr_fastai.serving.predict import format_rows, write_csv

    if args.csv:
        write_csv(listed, args.csv)
        progress.say(f"wrote {args.csv}")
    if args.json:
        print_json(listed)
    elif not args.csv and not args.out:
        print(format_rows(listed))


def _say_of_all(
    args: Namespace,
    rows: list[Row],
    promised: str,  # what a coverage promises, in words
    looks: _Looks,
) -> None:
    """Say what holds for all answers."""
    from cxr_fastai import progress
    from cxr_fastai.serving.predict import notes_line
    from cxr_fastai.serving.rows import gate_line

    for line in (promised, gate_line(rows), notes_line(rows)):
        if line:
            progress.say(line)
    if looks.explainer is not None:
        from cxr_fastai.serving.explain import heat_line

        pictures = count(len(looks.explainer.outside), "picture")
        progress.say(f"wrote {pictures} to {args.explain}")
        if looks.explainer.outside:
            progress.say(heat_line(looks.explainer.outside))


def _exit_code(rows: list[Row]) -> int:
    """Say which files could not be read; return 4 where none could."""
    from cxr_fastai import progress

    unread = [row for row in rows if row["error"]]
    if not unread:
        return 0
    told = f"{len(unread):,} of {count(len(rows), 'file')} could not be read: {unread[0]['error']}"
    if len(unread) == len(rows):
        return fail("predict", told, IntegrityError.exit_code)
    progress.say(told)
    return 0
