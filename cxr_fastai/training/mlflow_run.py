"""A run in MLflow, optional: its settings, each epoch's row, the finished bundle.

Which one it is stands in the run's folder, so that a resumed run goes on with its own. Through a
client of its own: no active run of the process is touched, and none is ended at exit. Every wait
for a server is bounded here; what a failure means is decided in `trackers`.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from cxr_fastai.advice import flag
from cxr_fastai.core import SourceUnavailable, one_line, write_json
from cxr_fastai.inputs import readable_path
from cxr_fastai.progress import say
from cxr_fastai.run_files import MLFLOW_RUN
from cxr_fastai.strict_json import parse_json
from cxr_fastai.training.extras import extra
from cxr_fastai.training.history import Row, numbers
from cxr_fastai.training.tracked_files import tracked_files

__all__ = ["MLflow"]

LOCAL_STORE = "sqlite:///mlflow.db"  # in the working folder
LOCAL_ARTIFACTS = "mlruns"  # likewise
MAX_REASON = 160  # characters of MLflow's own words


@dataclass(frozen=True)
class _Wait:
    """How long a server may take."""

    seconds: int  # for an answer
    retries: int  # each after 2, 4, 8, .. s, the first at once


NO_SUCH_RUN = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")  # MLflow's words for it
# MLflow's own are 120 s and 7 retries: 4 min 21 s until it says that no server listens.
AT_START = _Wait(seconds=3, retries=1)  # a line within 10 s
ON_THE_WAY = _Wait(seconds=5, retries=1)  # an epoch waits so long, once
AT_END = _Wait(seconds=10, retries=3)  # a server that starts anew is waited for


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
        earlier: Sequence[Row] | None = None,  # epochs of the run that goes on; None: it begins
    ) -> None:
        """Begin it, or go on with it; raises `SourceUnavailable` within 10 s where that fails."""
        extra("mlflow")
        self.run = run
        self.uri = os.environ.get("MLFLOW_TRACKING_URI") or LOCAL_STORE
        self.place = f"MLflow at {_without_password(self.uri)}"
        self.wait = ON_THE_WAY
        try:
            with _waiting(AT_START, at_most=True):
                self._open(params, experiment, earlier)
        except Exception as e:  # MLflow and its stores have errors of their own
            reason = one_line(e).replace(self.uri, _without_password(self.uri))
            raise SourceUnavailable(
                f"{flag('track', 'mlflow')}: {self.place} cannot be written to "
                f"({reason[:MAX_REASON].rstrip('. ')}). Start it or correct MLFLOW_TRACKING_URI, "
                "or train without it."
            ) from e

    def _open(self, params: dict[str, Any], experiment: str, earlier: Sequence[Row] | None) -> None:
        """Create the run, or find it again; record what it lacks."""
        from mlflow.tracking import MlflowClient

        self.client = MlflowClient(self.uri)
        before = None if earlier is None else self._run_of_before()
        if before is None:
            self._begin(params, experiment)
        else:
            self.id = before
            self.client.update_run(self.id, "RUNNING")
        if earlier:
            self._catch_up(earlier)

    def _catch_up(self, earlier: Sequence[Row]) -> None:
        """Record the earlier epochs that MLflow lacks."""
        kept = self.client.get_metric_history(self.id, "valid_loss")
        steps = {metric.step for metric in kept}
        for row in earlier:
            if row["epoch"] not in steps:
                self.epoch(row)

    def _run_of_before(self) -> str | None:
        """Return the id of the run that an interrupted training wrote to; None for none."""
        from mlflow.exceptions import MlflowException

        file = readable_path(self.run / MLFLOW_RUN, "MLflow's run")
        if not file.is_file():
            return None
        try:
            kept = parse_json(file.read_bytes())
            if kept["server"] != _without_password(self.uri):
                raise ValueError(f"it is at {kept['server']}")
            found = self.client.get_run(str(kept["run_id"]))
        except (KeyError, TypeError, ValueError) as e:
            why = one_line(e)
        except MlflowException as e:
            if e.error_code not in NO_SUCH_RUN:
                raise
            why = "it is not there"
        else:
            if found.info.lifecycle_stage == "active":
                return str(found.info.run_id)
            why = "it was deleted"
        say(f"warning: {self.place}: cannot go on with the run of {file} ({why}); another begins")
        return None

    def _begin(self, params: dict[str, Any], experiment: str) -> None:
        """Create the run, record its settings, and note which it is."""
        from mlflow.entities import Param
        from mlflow.tracking.context.registry import resolve_tags

        created = self.client.create_run(
            self._experiment(experiment), run_name=self.run.name, tags=resolve_tags()
        )
        self.id = created.info.run_id
        settings = [Param(key, str(value)) for key, value in params.items()]
        self.client.log_batch(self.id, params=settings)
        kept = {"server": _without_password(self.uri), "run_id": self.id}
        if self.run.is_dir():
            write_json(self.run / MLFLOW_RUN, kept)

    def _experiment(self, name: str) -> str:
        """Return the id of the experiment of this name, which is created where there is none.

        MLflow decodes % in the path of its artifacts, so that a folder named a%20b became one named
        "a b": here the path is told as an address, in which % is written as %25.
        """
        found = self.client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        artifacts = None
        if self.uri == LOCAL_STORE:
            artifacts = (Path(LOCAL_ARTIFACTS).absolute() / quote(name, safe="")).as_uri()
        return str(self.client.create_experiment(name, artifact_location=artifacts))

    def epoch(self, row: Row) -> None:
        """Record the numbers of an epoch."""
        from mlflow.entities import Metric

        now = time.time_ns() // 1_000_000  # ms, as MLflow counts
        metrics = [Metric(key, value, now, row["epoch"]) for key, value in numbers(row).items()]
        with _waiting(self.wait):
            self.client.log_batch(self.id, metrics=metrics)

    def before_close(self) -> None:
        """Wait longer from now on."""
        self.wait = AT_END

    def close(self, bundle: Path | None) -> None:
        """Add bundle, history and its picture; without a bundle, end as a run that failed."""
        with _waiting(self.wait):
            for name, file in tracked_files(self.run, bundle).items():
                folder = name.rpartition("/")[0] or None
                self.client.log_artifact(self.id, str(file), folder)
            self.client.set_terminated(self.id, "FINISHED" if bundle else "FAILED")


@contextmanager
def _waiting(
    wait: _Wait,
    at_most: bool = False,  # whatever the environment says
) -> Iterator[None]:
    """Let MLflow wait so long for a server; the environment's own settings stand before ours.

    What it prints meanwhile, as where to look at a run, goes to stderr: stdout names the bundle.
    """
    ours = {
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(wait.seconds),
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": str(wait.retries),
        "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
    }
    before = {key: os.environ.get(key) for key in ours}
    for key, value in ours.items():
        if at_most or before[key] is None:
            os.environ[key] = value
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        for key, old in before.items():
            if old is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = old


def _without_password(uri: str) -> str:
    """Return an address without what a person would not want in a log."""
    user_and_password, at, _ = urlsplit(uri).netloc.rpartition("@")
    return uri.replace(f"{user_and_password}@", "", 1) if at else uri
