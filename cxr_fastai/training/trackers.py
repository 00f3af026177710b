"""Where a run is recorded beside its own folder: MLflow or TensorBoard, both optional.

A run's settings, each epoch's row and the finished bundle go in; nothing comes back. Import of either library waits
until it is asked for.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

from cxr_fastai.core import UsageError, unknown_name
from cxr_fastai.manifest import Manifest
from cxr_fastai.recipes import Train
from cxr_fastai.training.history import HISTORY, PICTURE

__all__ = ["open_trackers", "MLflow", "TensorBoard", "TRACKERS"]


class MLflow:
    """An MLflow run, in the SQLite file mlflow.db of the working folder unless $MLFLOW_TRACKING_URI names a server."""

    def __init__(self, run: Path, params: dict, experiment: str):
        mlflow = self.mlflow = _module("mlflow")
        if not os.environ.get("MLFLOW_TRACKING_URI"):
            mlflow.set_tracking_uri("sqlite:///mlflow.db")
        mlflow.set_experiment(experiment)
        mlflow.start_run(run_name=run.name)
        mlflow.log_params(params)
        self.run = run

    def epoch(self, row: dict):
        numbers = {k: v for k, v in row.items() if isinstance(v, float)}
        self.mlflow.log_metrics(numbers, step=row["epoch"])

    def close(self, bundle: Path | None):
        """With the bundle, the history and its picture as artifacts; without a bundle, as a run that failed."""
        for name in (HISTORY, PICTURE):
            if (self.run / name).exists():
                self.mlflow.log_artifact(str(self.run / name))
        if bundle:
            self.mlflow.log_artifacts(str(bundle), "bundle")
        self.mlflow.end_run("FINISHED" if bundle else "FAILED")


class TensorBoard:
    """Event files in the run's folder `tensorboard`."""

    def __init__(self, run: Path, params: dict, experiment: str):
        _module("tensorboard")
        from torch.utils.tensorboard import SummaryWriter

        self.writer, self.run = SummaryWriter(str(run / "tensorboard")), run
        self.writer.add_text("settings", "\n".join(f"    {k} = {v}" for k, v in params.items()))

    def epoch(self, row: dict):
        for key, value in row.items():
            if isinstance(value, float):
                self.writer.add_scalar(key, value, row["epoch"])

    def close(self, bundle: Path | None):
        if (self.run / PICTURE).exists():
            import numpy as np
            from PIL import Image

            self.writer.add_image(
                "history",
                np.asarray(Image.open(self.run / PICTURE).convert("RGB")),
                dataformats="HWC",
            )
        if bundle:
            self.writer.add_text("bundle", (bundle / "README.md").read_text(encoding="utf-8"))
        self.writer.close()


TRACKERS = {"mlflow": MLflow, "tensorboard": TensorBoard}


def open_trackers(
    names,  # of TRACKERS
    run: Path,
    settings: Train,
    manifest: Manifest,
    seed: int,
) -> list:
    """Each begun. Raises `UsageError` for an unknown one, and for one that is not installed."""
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


def _module(name: str):
    """An optional library, whose extra has its name."""
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError as e:
        raise UsageError(
            f"--track {name}: {name} is not installed ({e}). pip install 'cxr_fastai[{name}]'"
        ) from e
