"""Where a run is recorded beside its own folder: MLflow or TensorBoard, both optional.

A run's settings, each epoch's row and the finished bundle go in; nothing comes back. Import of
either library waits until it is asked for.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from cxr_fastai.core import UsageError, unknown_name
from cxr_fastai.manifest import Manifest
from cxr_fastai.recipes import Train
from cxr_fastai.training.history import HISTORY, PICTURE, Row

__all__ = ["Tracker", "open_trackers", "MLflow", "TensorBoard", "TRACKERS"]


class Tracker(Protocol):
    """What keeps a run elsewhere."""

    def epoch(self, row: Row) -> None:
        """Record an epoch."""

    def close(self, bundle: Path | None) -> None:
        """End the record; without a bundle the run failed."""


class MLflow:
    """An MLflow run.

    It stands in the SQLite file mlflow.db of the working folder unless $MLFLOW_TRACKING_URI names
    a server.
    """

    def __init__(
        self,
        run: Path,  # the run's folder
        params: dict[str, Any],  # its settings
        experiment: str,  # the recipe's name
    ) -> None:
        self.mlflow = _module("mlflow")
        self.run = run
        if not os.environ.get("MLFLOW_TRACKING_URI"):
            self.mlflow.set_tracking_uri("sqlite:///mlflow.db")
        self.mlflow.set_experiment(experiment)
        self.mlflow.start_run(run_name=run.name)
        self.mlflow.log_params(params)

    def epoch(self, row: Row) -> None:
        """Record the numbers of an epoch."""
        self.mlflow.log_metrics(_numbers(row), step=row["epoch"])

    def close(self, bundle: Path | None) -> None:
        """Add bundle, history and its picture; without a bundle, end as a run that failed."""
        for name in (HISTORY, PICTURE):
            if (self.run / name).exists():
                self.mlflow.log_artifact(str(self.run / name))
        if bundle:
            self.mlflow.log_artifacts(str(bundle), "bundle")
        self.mlflow.end_run("FINISHED" if bundle else "FAILED")


class TensorBoard:
    """Event files in the run's folder `tensorboard`."""

    def __init__(
        self,
        run: Path,  # the run's folder
        params: dict[str, Any],  # its settings
        experiment: str,  # the recipe's name, of which this one has no use
    ) -> None:
        _module("tensorboard")
        from torch.utils.tensorboard import SummaryWriter

        self.run = run
        self.writer = SummaryWriter(str(run / "tensorboard"))
        lines = [f"    {key} = {value}" for key, value in params.items()]
        self.writer.add_text("settings", "\n".join(lines))

    def epoch(self, row: Row) -> None:
        """Record the numbers of an epoch."""
        for key, value in _numbers(row).items():
            self.writer.add_scalar(key, value, row["epoch"])

    def close(self, bundle: Path | None) -> None:
        """Add the picture of the history and the bundle's card."""
        if (self.run / PICTURE).exists():
            self.writer.add_image("history", _pixels(self.run / PICTURE), dataformats="HWC")
        if bundle:
            card = (bundle / "README.md").read_text(encoding="utf-8")
            self.writer.add_text("bundle", card)
        self.writer.close()


def _numbers(
    row: Row,  # of history.csv
) -> dict[str, float]:
    """Leave out the stage and the epoch."""
    return {key: value for key, value in row.items() if isinstance(value, float)}


def _pixels(file: Path) -> Any:
    """Read a picture: (height, width, 3) uint8."""
    import numpy as np
    from PIL import Image

    return np.asarray(Image.open(file).convert("RGB"))


TRACKERS: dict[str, type[MLflow] | type[TensorBoard]] = {
    "mlflow": MLflow,
    "tensorboard": TensorBoard,
}


def open_trackers(
    names: Iterable[str],  # of TRACKERS
    run: Path,
    settings: Train,
    manifest: Manifest,
    seed: int,
) -> list[Tracker]:
    """Begin each. Raises `UsageError` for an unknown one, and for one that is not installed."""
    names = list(names)
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
    return [TRACKERS[name](run, params, manifest.recipe.name) for name in names]


def _module(name: str) -> ModuleType:
    """Import an optional library, whose extra has its name."""
    try:
        return importlib.import_module(name)
    except ImportError as e:
        raise UsageError(
            f"--track {name}: {name} is not installed ({e}). pip install 'cxr_fastai[{name}]'"
        ) from e
