"""A run in TensorBoard, optional: settings, each epoch's row, the picture of its history.

Written whole records at a time and at once, not by the thread of TensorBoard's own writer: a full
disk then is an error where it happens, and the file ends with a whole record.
"""

from __future__ import annotations

import io
import os
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cxr_fastai.advice import flag
from cxr_fastai.core import StorageError
from cxr_fastai.training.extras import extra
from cxr_fastai.training.history import PICTURE, Row, numbers

__all__ = ["TensorBoard", "FOLDER"]

FOLDER = "tensorboard"  # of a run's folder


class TensorBoard:
    """An event file in the run's folder `tensorboard`."""

    def __init__(
        self,
        run: Path,  # the run's folder
        params: dict[str, Any],  # its settings
        experiment: str,  # the recipe's name, of which this one has no use
        earlier: Sequence[Row] | None = None,  # epochs of the run that goes on; None: it begins
    ) -> None:
        """Begin it, or go on in its folder. Raises `StorageError` where it cannot be written."""
        extra("tensorboard")
        from tensorboard.compat.proto.event_pb2 import Event
        from torch.utils.tensorboard.summary import text

        self.run = run
        self.place = f"TensorBoard in {run / FOLDER}"
        begun = f"events.out.tfevents.{time.time_ns()}.{socket.gethostname()}.{os.getpid()}"
        self.file = run / FOLDER / begun
        lines = [f"    {key} = {value}" for key, value in params.items()]
        version = Event(wall_time=time.time(), file_version="brain.Event:2")
        settings = self._event(text("settings", "\n".join(lines)))
        try:
            self.file.parent.mkdir(exist_ok=True)
            first = self._going_on(earlier or ())
            self._append([version, settings, *first])
        except OSError as e:
            raise StorageError(
                f"{flag('track', 'tensorboard')}: cannot write {self.file.parent}: "
                f"{e.strerror or e}. Free space or permission there, or train without it."
            ) from e

    def _going_on(self, earlier: Sequence[Row]) -> list[Any]:
        """Return the events that join a resumed run to its earlier epochs.

        Where their file stands, TensorBoard is told that what it has of later ones does not count;
        where none does, they are recorded now.
        """
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog

        events = []
        if any(self.file.parent.iterdir()):
            restarted = SessionLog(status=SessionLog.START)
            step = 1 + max((row["epoch"] for row in earlier), default=0)
            events.append(Event(wall_time=time.time(), step=step, session_log=restarted))
        else:
            for row in earlier:
                events += self._epoch_events(row)
        return events

    def epoch(self, row: Row) -> None:
        """Record the numbers of an epoch."""
        self._append(self._epoch_events(row))

    def _epoch_events(self, row: Row) -> list[Any]:
        """Return an event for each number of an epoch."""
        from torch.utils.tensorboard.summary import scalar

        events = []
        for key, value in numbers(row).items():
            events.append(self._event(scalar(key, value), row["epoch"]))
        return events

    def before_close(self) -> None:
        """Nothing is to be prepared."""

    def close(self, bundle: Path | None) -> None:
        """Add the picture of the history and the bundle's card."""
        from torch.utils.tensorboard.summary import image, text

        events = []
        if (self.run / PICTURE).exists():
            drawn = image("history", _pixels(self.run / PICTURE), dataformats="HWC")
            events.append(self._event(drawn))
        if bundle:
            card = (bundle / "README.md").read_text(encoding="utf-8")
            events.append(self._event(text("bundle", card)))
        self._append(events)

    def _event(self, summary: Any, step: int = 0) -> Any:
        """Make an event of a summary."""
        from tensorboard.compat.proto.event_pb2 import Event

        return Event(wall_time=time.time(), summary=summary, step=step)

    def _append(self, events: list[Any]) -> None:
        """Write events behind those that stand; on failure none of them is left."""
        from tensorboard.summary.writer.record_writer import RecordWriter

        records = io.BytesIO()
        writer = RecordWriter(records)
        for event in events:
            writer.write(event.SerializeToString())
        before = self.file.stat().st_size if self.file.exists() else 0
        try:
            with open(self.file, "ab") as f:
                f.write(records.getvalue())
        except OSError:
            if self.file.exists():
                os.truncate(self.file, before)
            raise


def _pixels(file: Path) -> Any:
    """Read a picture: (height, width, 3) uint8."""
    import numpy as np
    from PIL import Image

    return np.asarray(Image.open(file).convert("RGB"))
