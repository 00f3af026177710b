"""The road of a prototype: curate, probe, plan, train, score, tell; within a budget of minutes.

A folder or csv of one's own -> a folder with a curated copy, a run with its bundle, reports, one
page and prototype.json, which says how far it came. It changes nothing in what it reads.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxr_fastai.advice import flag
from cxr_fastai.core import CxrError, StrPath, UsageError
from cxr_fastai.progress import SILENT, Progress
from cxr_fastai.prototyping.asked import (
    MINUTES,
    Request,
    check_places,
    default_out,
    request_of,
)
from cxr_fastai.prototyping.plan import Plan, training_seconds

if TYPE_CHECKING:
    from cxr_fastai.curation.folder.result import Curation
    from cxr_fastai.evaluation.build_report import AnyReport
    from cxr_fastai.manifest import Manifest
    from cxr_fastai.prototyping.record import Prototype
    from cxr_fastai.prototyping.shortcuts import Shortcuts
    from cxr_fastai.prototyping.state import State

__all__ = ["prototype"]

SECONDS_A_MINUTE = 60
FIRST_ANSWER = "first answer after"  # among the seconds of the steps: since the beginning


def prototype(
    folder: StrPath | None = None,  # of class folders; with a table: where its files lie
    out: StrPath | None = None,  # None: prototypes/NAME; the same request goes on in it
    *,
    table: StrPath | None = None,  # a csv, a row an image
    file: str = "",  # its column of files
    label: str = "",  # its column of labels
    patient: str = "",  # its column of patients; of a folder a regex searched in each path
    age: str = "",  # its column of ages
    sex: str = "",  # its column of sexes
    view: str = "",  # its column of views
    same: Sequence[str] = (),  # A=B,C: the class names B and C are A
    take_as: Mapping[str, str] | None = None,  # class name -> the class to take it as
    label_separator: str = "",  # of labels in one cell of a csv, or none; '': as the cells tell
    salt: StrPath | None = None,  # a file: what patients' ids in DICOM are hashed with; None: usual
    minutes: float = MINUTES,  # of wall clock, all steps together
    seed: int = 0,  # of the splits and of training
    workers: int | None = None,  # processes and threads that read images; None: one a core
    progress: Progress | None = None,  # None: silence
) -> Prototype:
    """Make a model of a folder of one's own, and hold it against the light.

    Subfolders are classes, or a csv says them. Killed and started again it goes on; a folder that
    came to its end is read. Raises a `CxrError` for what a person can mend.
    """
    clock = _Clock(SECONDS_A_MINUTE * minutes if isinstance(minutes, (int, float)) else 0.0)
    columns = {"file": file, "label": label, "patient": patient}
    columns |= {"age": age, "sex": sex, "view": view, "label_separator": label_separator}
    request = request_of(folder, table, minutes, seed, same, take_as, salt, **columns)
    place = Path(out) if out is not None else default_out(request)
    check_places(request, place)
    from cxr_fastai.curation.folder.lock import one_run
    from cxr_fastai.prototyping.state import read_state

    progress = progress or SILENT
    read_state(place, request)  # a folder of something else is refused before anything is written
    try:
        with one_run(place, wait=True, progress=progress):
            state = read_state(place, request)  # again: another run may have written it meanwhile
            if state.result:
                return _stood(place, state, progress)
            return _Road(place, state, workers, progress, clock).go()
    finally:
        if out is None:  # the folder of prototypes goes too, where nothing was written
            with suppress(OSError):
                place.parent.rmdir()


def _stood(out: Path, state: State, progress: Progress) -> Prototype:
    """Return what an earlier run made. Raises `UsageError` where the images have changed since."""
    from cxr_fastai.prototyping.record import Prototype
    from cxr_fastai.prototyping.state import listing_of

    made = Prototype.from_dict(state.result, out)
    for path in (made.bundle / "bundle.json", made.page):
        if not path.is_file():
            raise UsageError(
                f"{out} came to its end, but {path} is gone: remove {out}, or choose another "
                f"{flag('out')}."
            )
    if listing_of(state.request) != state.listing:
        raise UsageError(
            f"the files in {state.request.table or state.request.folder} have changed since {out} "
            f"was made of them: choose another {flag('out')}."
        )
    progress.say(f"{out} came to its end before: nothing is done again")
    return made


class _Clock:
    """The budget of the road, in s."""

    def __init__(self, budget: float) -> None:
        self.budget = budget
        self.begun = time.monotonic()
        self.laps: dict[str, float] = {}
        self._lap = self.begun

    @property
    def spent(self) -> float:
        """How long the road took so far."""
        return time.monotonic() - self.begun

    def left(self) -> float:
        """Return how long training may take."""
        return training_seconds(self.budget, self.spent)

    def lap(self, name: str) -> None:
        """Note how long the step that has just ended took."""
        now = time.monotonic()
        self.laps[name] = round(now - self._lap, 1)
        self._lap = now


@dataclass
class _Road:
    """The steps, each after the one before it."""

    out: Path
    state: State
    workers: int | None
    progress: Progress
    clock: _Clock

    @property
    def request(self) -> Request:
        """What was asked for."""
        return self.state.request

    def go(self) -> Prototype:
        """Walk it."""
        curation, manifest = self._curate()
        shortcuts = self._probe(curation, manifest)
        plan = self._plan(manifest)
        bundle = self._train(manifest, plan)
        reports = self._score(bundle, manifest)
        return self._tell(curation, manifest, shortcuts, plan, reports)

    # ---- curate

    def _curate(self) -> tuple[Curation, Manifest]:
        """Make the curated folder."""
        from cxr_fastai.core import make_folder
        from cxr_fastai.curation.pipeline import curate
        from cxr_fastai.manifest import read_manifest
        from cxr_fastai.prototyping.record import CURATED
        from cxr_fastai.prototyping.state import listing_of, take_back, write_state

        name = self.request.table or self.request.folder
        self.progress.say(f"1/5 curating {name}: {self._command()}")
        make_folder(self.out)
        self.state = write_state(self.out, replace(self.state, listing=listing_of(self.request)))
        try:
            curation = curate(
                self.out / CURATED,
                seed=self.request.seed,
                workers=self.workers,
                progress=self.progress,
                **self.request.of_images,
            )
        except CxrError:
            take_back(self.out)
            raise
        manifest = read_manifest(self.out / CURATED)
        self.clock.lap("curate")
        self._say_curated(curation)
        _check_splits(manifest)
        return curation, manifest

    def _command(self) -> str:
        """Return the command of this step alone."""
        from cxr_fastai.prototyping.next_steps import curate_command
        from cxr_fastai.prototyping.record import CURATED

        return curate_command(self.request, self.out / CURATED)

    def _say_curated(self, curation: Curation) -> None:
        """Say what was found."""
        from cxr_fastai.prototyping.counts import counts_of
        from cxr_fastai.prototyping.words import curated_line

        self.progress.say(curated_line(counts_of(curation)))
        for warning in curation.warnings:
            self.progress.say(f"warning: {warning}")

    # ---- probe

    def _probe(self, curation: Curation, manifest: Manifest) -> Shortcuts:
        """Look for what tells the classes."""
        from cxr_fastai.prototyping.shortcuts import find_shortcuts

        self.progress.say("2/5 what tells the classes and may not be the disease")
        confounds = curation.summary.confounds
        shortcuts = find_shortcuts(confounds, manifest, self.request.seed, self.progress)
        for warning in shortcuts.found:
            self.progress.say(f"    {warning.title}: {warning}")
        if not shortcuts.found:
            self.progress.say("    none of the checks found anything")
        self.clock.lap("probe")
        return shortcuts

    # ---- plan

    def _plan(self, manifest: Manifest) -> Plan:
        """Choose the settings, or take those of the run that was begun."""
        from cxr_fastai.prototyping.record import RUN
        from cxr_fastai.prototyping.state import write_state

        state = self.state
        begun = (self.out / RUN).exists() and any((self.out / RUN).iterdir())
        if state.plan and begun:
            if state.manifest_sha256 != manifest.sha256:
                raise UsageError(
                    f"the images have changed since training in {self.out} began: choose another "
                    f"{flag('out')}."
                )
            self.progress.say(f"3/5 the plan of the run that was begun in {self.out} stands")
            plan = state.plan
        else:
            plan = self._made_plan(manifest)
        self.state = write_state(
            self.out, replace(state, plan=plan, manifest_sha256=manifest.sha256)
        )
        self.progress.say(str(plan))
        self.clock.lap("plan")
        return plan

    def _made_plan(self, manifest: Manifest) -> Plan:
        """Time networks on this machine and choose."""
        from cxr_fastai.prototyping.plan import Images, choose_plan
        from cxr_fastai.prototyping.speed import (
            best_threads,
            computing_on,
            step_timer,
            this_machine,
            weights_at_hand,
        )

        self.progress.say(f"3/5 planning: {self.clock.left():.0f} s are left for training")
        splits = [row.split for row in manifest.rows]
        threads, probe_seconds = best_threads(len(manifest.vocab), self.progress.say)
        with computing_on(threads):
            plan = choose_plan(
                Images(train=splits.count("train"), valid=splits.count("valid")),
                this_machine(),
                probe_seconds,
                self.clock.left,
                step_timer(len(manifest.vocab), self.request.seed, self.progress.say),
                weights_at_hand(),
            )
        return replace(plan, threads=threads)

    # ---- train

    def _train(self, manifest: Manifest, plan: Plan) -> Path:
        """Train; a run that was begun goes on."""
        from cxr_fastai.prototyping.next_steps import train_command
        from cxr_fastai.prototyping.record import CURATED, RUN
        from cxr_fastai.prototyping.speed import computing_on
        from cxr_fastai.training.run import train

        run = self.out / RUN
        command = train_command(plan.settings, self.out / CURATED, run, self.request.seed)
        self.progress.say(f"4/5 training: {command}")
        begun = run.exists() and any(run.iterdir())
        with computing_on(plan.threads):
            bundle = train(
                manifest,
                run,
                seed=self.request.seed,
                workers=self.workers,
                resume=begun,
                beside=(),
                quiet=self.progress is SILENT,
                deadline=time.monotonic() + self.clock.left(),
                on_epoch=partial(self._say_first_answer, len(manifest.part("valid"))),
                **plan.settings,
            )
        self.clock.lap("train")
        return bundle

    def _say_first_answer(
        self,
        images: int,  # of validation
        row: Mapping[str, Any],  # of history.csv
    ) -> None:
        """Say when the first epoch ended, and what it found; of later ones nothing."""
        if row["epoch"] != 1:
            return
        from cxr_fastai.prototyping.words import first_answer_line

        spent = self.clock.laps[FIRST_ANSWER] = round(self.clock.spent, 1)
        self.progress.say(first_answer_line(spent, row, images))

    # ---- score

    def _score(self, bundle: Path, manifest: Manifest) -> dict[str, AnyReport]:
        """Score on test; on validation too where test is too small, or empty."""
        from cxr_fastai.bundle.store import load_bundle
        from cxr_fastai.evaluation.evaluate import evaluate

        self.progress.say("5/5 scoring on images that the model did not see")
        model = load_bundle(bundle)
        reports: dict[str, AnyReport] = {}
        if len(manifest.part("test")):
            reports["test"] = evaluate(model, manifest, "test", self.out / "evaluation")
        if "test" not in reports or reports["test"].too_few:
            reports["valid"] = evaluate(model, manifest, "valid", self.out / "validation")
        self.clock.lap("score")
        return reports

    # ---- tell

    def _tell(
        self,
        curation: Curation,
        manifest: Manifest,
        shortcuts: Shortcuts,
        plan: Plan,
        reports: Mapping[str, AnyReport],
    ) -> Prototype:
        """Write the page, and last that the road came to its end."""
        from cxr_fastai.core import write_text
        from cxr_fastai.prototyping.page import prototype_page
        from cxr_fastai.prototyping.state import write_state
        from cxr_fastai.prototyping.story import summed_up

        laps = self.clock.laps
        made = summed_up(self.request, self.out, curation, shortcuts, plan, reports, laps)
        page = prototype_page(made, self.request, curation, reports, manifest.root)
        self.clock.lap("tell")
        made = replace(made, seconds={**self.clock.laps, "all": round(self.clock.spent, 1)})
        write_text(made.page, page)
        write_state(self.out, replace(self.state, result=made.to_dict()))
        self.progress.say(f"done in {made.seconds['all']:.0f} s of {self.clock.budget:.0f} s")
        return made


def _check_splits(manifest: Manifest) -> None:
    """Raise `UsageError` for a folder too small to learn from and to choose an epoch by."""
    splits = [row.split for row in manifest.rows]
    for split in ("train", "valid"):
        if split not in splits:
            raise UsageError(
                f"{len(splits)} images in {manifest.root} leave none for {split}: a class needs "
                "at least 10 radiographs of different patients."
            )
