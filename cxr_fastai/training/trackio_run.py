"""A run in trackio, optional: its settings, each epoch's row, the finished bundle.

It stands on this machine, in trackio's own folder ($TRACKIO_DIR), unless $TRACKIO_SPACE_ID or
$TRACKIO_SERVER_URL names another place. Trackio never fails but warns, so what it has is read back
here. Which run it is stands in the run's folder; no active run of the process is touched.
"""

from __future__ import annotations

import contextvars
import os
import secrets
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cxr_fastai.advice import flag
from cxr_fastai.core import SourceUnavailable, StorageError, one_line, write_json
from cxr_fastai.inputs import readable_path
from cxr_fastai.progress import say
from cxr_fastai.reporting.text import count
from cxr_fastai.run_files import TRACKIO_RUN
from cxr_fastai.safe_names import safe_name
from cxr_fastai.strict_json import parse_json
from cxr_fastai.training.extras import extra
from cxr_fastai.training.history import Row, numbers
from cxr_fastai.training.tracked_files import log_files

__all__ = ["Trackio"]

MAX_REASON = 160  # characters of trackio's own words


class Trackio:
    """A trackio run, on this machine unless trackio's own variables say otherwise."""

    def __init__(
        self,
        run: Path,  # the run's folder
        params: dict[str, Any],  # its settings
        experiment: str,  # the recipe's name
        earlier: Sequence[Row] | None = None,  # epochs of the run that goes on; None: it begins
    ) -> None:
        """Begin it, or go on with it.

        Raises `SourceUnavailable` for a server that does not answer, `StorageError` for a folder
        that cannot be written.
        """
        extra("trackio")
        self.run = run
        self.params = params
        self.project = safe_name(experiment) or "cxr_fastai"
        self.folder = _folder()
        self.remote = _remote()
        self.place = f"trackio in {self.folder}"
        if self.remote:
            self.place = f"trackio at {self.remote}"
        self.rows: list[Row] = []  # what it is to have
        before = None if earlier is None else self._run_of_before()
        self.name = before or f"{run.name}-{secrets.token_hex(4)}"
        try:
            self._check_folder()
            with _quiet():
                self._open()
        except Exception as e:  # trackio has errors of its own
            raise self._refusal(e) from e
        if self.run.is_dir():
            write_json(self.run / TRACKIO_RUN, {"place": self.place, "run": self.name})
        for row in earlier or ():
            self.epoch(row)

    def _check_folder(self) -> None:
        """Raise `OSError` for a folder that cannot be written; trackio buffers there as well."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self.folder):
            pass

    def _refusal(self, e: Exception) -> SourceUnavailable | StorageError:
        """Say why it cannot be written to."""
        reason = one_line(e)[:MAX_REASON].rstrip(". ")
        if isinstance(e, OSError) and not self.remote:
            return StorageError(
                f"{flag('track', 'trackio')}: cannot write {self.folder}: {e.strerror or reason}. "
                "Free space or permission there, or name another folder in TRACKIO_DIR."
            )
        return SourceUnavailable(
            f"{flag('track', 'trackio')}: {self.place} cannot be written to ({reason}). "
            "Start it, leave TRACKIO_SPACE_ID and TRACKIO_SERVER_URL unset to record it on this "
            "machine, or train without it."
        )

    def _open(self) -> None:
        """Begin the run, or find it by its name; in a context of its own, so that none is active.

        A Space that it has to make is private, and the machine is not watched.
        """
        import trackio

        self.live = contextvars.Context().run(
            trackio.init,
            project=self.project,
            name=self.name,
            config=self.params,
            resume="allow",
            embed=False,
            private=True,
            auto_log_gpu=False,
            auto_log_cpu=False,
        )
        self.had = self._epochs_there()

    def _run_of_before(self) -> str | None:
        """Return the name of the run that an interrupted training wrote to; None for none."""
        file = readable_path(self.run / TRACKIO_RUN, "trackio's run")
        if not file.is_file():
            return None
        try:
            kept = parse_json(file.read_bytes())
            if kept["place"] != self.place:
                raise ValueError(f"it is {kept['place']}")
            return str(kept["run"])
        except (KeyError, TypeError, ValueError) as e:
            say(
                f"warning: {self.place}: cannot go on with the run of {file} ({one_line(e)}); "
                "another begins"
            )
            return None

    def _epochs_there(self) -> set[int]:
        """Return the epochs that trackio has of this run; of another place all up to its last."""
        from trackio.sqlite_storage import SQLiteStorage

        if self.remote:
            return set(range(self.live._next_step))
        found = SQLiteStorage.get_logs(self.project, self.name, run_id=self.live.id)
        return {int(entry["step"]) for entry in found}

    def epoch(self, row: Row) -> None:
        """Record the numbers of an epoch that it does not have."""
        self.rows.append(row)
        if row["epoch"] not in self.had:
            self.live.log(numbers(row), step=row["epoch"])

    def before_close(self) -> None:
        """Nothing is to be prepared."""

    def close(self, bundle: Path | None) -> None:
        """Add bundle, history and its picture; a run that failed has no artifact `model`."""
        with _quiet(raises=not self._can_be_read()):
            self.live.finish()
        self._write_what_is_missing()
        with _quiet():
            self._open()
            self._add_files(bundle)
            self.live.finish()
        if not self.remote:
            say(f"trackio: to look at the run: trackio show --project {self.project!r}")

    def _write_what_is_missing(self) -> None:
        """Give it the epochs that it lost on the way. Raises `OSError` where it loses them too."""
        missing = self._missing()
        if not missing:
            return
        with _quiet():
            self._open()
            for row in missing:
                self.live.log(numbers(row), step=row["epoch"])
            self.live.finish()
        lost = self._missing()
        if lost:
            raise OSError(f"it did not keep {count(len(lost), 'epoch')}")

    def _can_be_read(self) -> bool:
        """Tell whether trackio's store can be asked; elsewhere its warnings are all there is.

        On a network disk it writes to files that only its dashboard reads.
        """
        from trackio.utils import get_storage_mode

        return not self.remote and get_storage_mode() == "sqlite"

    def _missing(self) -> list[Row]:
        """Return the rows that are not there."""
        if not self._can_be_read():
            return []
        there = self._epochs_there()
        return [row for row in self.rows if row["epoch"] not in there]

    def _add_files(self, bundle: Path | None) -> None:
        """Add an artifact of the run's files."""
        import trackio

        log_files(trackio, self.live, self.live.id, self.run, bundle)


@contextmanager
def _quiet(
    raises: bool = True,  # `OSError` with the first thing that trackio warned of
) -> Iterator[None]:
    """Keep what trackio warns of and prints off stderr, and off stdout, which names the bundle."""
    with warnings.catch_warnings(record=True) as told, redirect_stdout(StringIO()):
        warnings.simplefilter("always")
        yield
    ours = [warning for warning in told if "trackio" in str(warning.filename)]
    if ours and raises:
        raise OSError(str(ours[0].message))


def _folder() -> Path:
    """Return where trackio keeps what stands on this machine."""
    from trackio.utils import TRACKIO_DIR

    return Path(TRACKIO_DIR)


def _remote() -> str:
    """Return where else runs go, without a token; '' for this machine."""
    space = os.environ.get("TRACKIO_SPACE_ID")
    if space:
        return f"the Space {space}"
    address = urlsplit(os.environ.get("TRACKIO_SERVER_URL") or "")
    return f"{address.scheme}://{address.hostname}:{address.port}" if address.hostname else ""
