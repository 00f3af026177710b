"""Where a run is recorded beside its own folder: MLflow, TensorBoard, wandb, trackio; all optional.

A run's settings, each epoch's row and the finished bundle go in; nothing comes back. One that
cannot be had at the start is refused before anything is decoded; one that is lost on the way costs
the run nothing. Import of each library waits until it is asked for. No film, and no name or folder
of one, goes to any.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cxr_fastai.core import UsageError, make_folder, one_line, unknown_name
from cxr_fastai.manifest import Manifest
from cxr_fastai.progress import say
from cxr_fastai.recipes import Train
from cxr_fastai.run_files import TRACKS
from cxr_fastai.training.history import Row, Tracker
from cxr_fastai.training.mlflow_run import MLflow
from cxr_fastai.training.tensorboard_run import TensorBoard
from cxr_fastai.training.trackio_run import Trackio
from cxr_fastai.training.wandb_run import WandB

__all__ = ["Listener", "Record", "recorded", "open_trackers", "Patient", "TRACKERS"]

Kept = MLflow | TensorBoard | WandB | Trackio
TRACKERS: dict[str, type[MLflow] | type[TensorBoard] | type[WandB] | type[Trackio]] = {
    "mlflow": MLflow,
    "tensorboard": TensorBoard,
    "wandb": WandB,
    "trackio": Trackio,
}
MAX_REASON = 160  # characters of a library's own words


@dataclass
class Record:
    """What keeps a run elsewhere, and what it came to."""

    trackers: list[Tracker] = field(default_factory=list)
    bundle: Path | None = None  # None: the run failed, or is not over


@contextmanager
def recorded(
    names: Iterable[str],  # of TRACKERS
    run: Path,  # the run's folder, which is made
    settings: Train,
    manifest: Manifest,
    seed: int,
    earlier: Sequence[Row] | None = None,  # epochs of the run that goes on; None: it begins
) -> Iterator[Record]:
    """Begin each tracker, or go on with it; end each with the bundle that the run came to.

    Raises as `open_trackers` does, and leaves no folder then.
    """
    is_new = not run.exists()
    make_folder(run)
    try:
        record = Record(open_trackers(names, run, settings, manifest, seed, earlier))
    except BaseException:
        if is_new:
            _remove_tracks(run)
        raise
    try:
        yield record
    finally:
        for tracker in record.trackers:
            tracker.close(record.bundle)


def _remove_tracks(
    run: Path,  # a folder that was made for trackers that could not begin
) -> None:
    """Remove what they left there, and the folder with it."""
    for name in TRACKS:
        with suppress(OSError):
            (run / name).unlink(missing_ok=True)
        shutil.rmtree(run / name, ignore_errors=True)
    with suppress(OSError):  # it holds something
        run.rmdir()


def open_trackers(
    names: Iterable[str],  # of TRACKERS
    run: Path,
    settings: Train,
    manifest: Manifest,
    seed: int,
    earlier: Sequence[Row] | None = None,  # as for `recorded`
) -> list[Tracker]:
    """Begin each, or go on with it.

    Raises `UsageError` for an unknown one, and for one that is not installed; `SourceUnavailable`
    or `StorageError` for one that cannot be written to: a run without it is not what was asked for,
    and nothing is lost yet.
    """
    names = list(dict.fromkeys(names))
    for name in names:
        if name not in TRACKERS:
            raise UsageError(unknown_name("tracker", name, TRACKERS))
    params = {
        **asdict(settings),
        "weights": Path(settings.weights).name,
        "seed": seed,
        "recipe": manifest.recipe.name,
        "manifest_sha256": manifest.sha256,
    }
    opened: list[Tracker] = []
    for name in names:
        tracker = TRACKERS[name](run, params, manifest.recipe.name, earlier)
        opened.append(Patient(tracker, run))
    return opened


@dataclass(frozen=True)
class Listener:
    """A tracker that hands each epoch to a function."""

    epoch: Callable[[Row], None]

    def close(self, bundle: Path | None) -> None:
        """End nothing."""


class Patient:
    """A tracker whose failures cost the run nothing.

    From the first failure on, epochs are kept here. They are written at the end, if it answers
    again by then.
    """

    def __init__(
        self,
        tracker: Kept,
        run: Path,  # the run's folder, which holds all that a tracker may miss
    ) -> None:
        self.tracker = tracker
        self.run = run
        self.unwritten: list[Row] = []
        self.lost = False

    def epoch(self, row: Row) -> None:
        """Record an epoch, now or at the end."""
        self.unwritten.append(row)
        if self.lost:
            return
        try:
            self._catch_up()
        except Exception as e:  # each library has errors of its own
            self.lost = True
            say(
                f"warning: {self.tracker.place} cannot be written to ({_reason(e)}). The run goes "
                "on; what it misses is written at the end, if it can be then"
            )

    def close(self, bundle: Path | None) -> None:
        """Write what is missing and end the record; without a bundle the run failed."""
        epochs = len(self.unwritten)
        try:
            self.tracker.before_close()
            self._catch_up()
            self.tracker.close(bundle)
        except Exception as e:  # as above
            say(f"warning: {self._missing(bundle)} ({_reason(e)}). {self._kept(bundle)}")
            return
        if self.lost:
            say(f"{self.tracker.place} answers again: {_epochs(epochs)} written afterwards")

    def _catch_up(self) -> None:
        """Record all epochs that are not."""
        while self.unwritten:
            self.tracker.epoch(self.unwritten[0])
            del self.unwritten[0]

    def _missing(self, bundle: Path | None) -> str:
        """Say what the tracker does not have."""
        lacks = [_epochs(len(self.unwritten))] if self.unwritten else []
        lacks.append("the bundle" if bundle else "the end of the run")
        return f"{self.tracker.place} was not given {' and '.join(lacks)}"

    def _kept(self, bundle: Path | None) -> str:
        """Say where that stands."""
        what = "History and bundle stand" if bundle else "The history stands"
        return f"{what} in {self.run}"


def _epochs(n: int) -> str:
    """Return "1 epoch", "3 epochs"."""
    return f"{n} epoch" if n == 1 else f"{n} epochs"


def _reason(e: Exception) -> str:
    """Return a library's error as part of a line."""
    return one_line(e)[:MAX_REASON].rstrip(". ") or type(e).__name__
