"""A run in Weights & Biases, optional: its settings, each epoch's row, the finished bundle.

Which one it is stands in the run's folder, so that a resumed run goes on with its own. What wandb
would gather by itself is switched off: the command with its folders, the machine, code, packages,
what the terminal shows. It asks nothing at a prompt, and no wait is without an end.
"""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxr_fastai.advice import flag
from cxr_fastai.core import SourceUnavailable, StorageError, one_line, write_json
from cxr_fastai.inputs import readable_path
from cxr_fastai.progress import say
from cxr_fastai.run_files import WANDB_RUN
from cxr_fastai.safe_names import safe_name
from cxr_fastai.strict_json import parse_json
from cxr_fastai.training.extras import extra
from cxr_fastai.training.history import Row, numbers
from cxr_fastai.training.tracked_files import log_files

__all__ = ["WandB"]

OFFLINE = ("offline", "dryrun")  # wandb's words for it
START_SECONDS = 8  # a server that does not answer is a line within 10 s
END_SECONDS = 60  # what is not uploaded by then waits on the disk for `wandb sync`
FLUSH_SECONDS = 1  # a killed run has its epochs on the disk
MAX_REASON = 160  # characters of wandb's own words
# All that wandb would tell of a machine and of the person at it.
TELLS_NOTHING = {
    "console": "off",  # lines of the terminal name folders
    "disable_git": True,
    "disable_code": True,
    "x_disable_meta": True,  # the command, with the folder of the films
    "x_disable_stats": True,
    "x_disable_machine_info": True,
    "x_save_requirements": False,
    "host": "",
    "program": "cxr",  # not where it lies
}


@dataclass(frozen=True)
class _Before:
    """What an interrupted training noted."""

    run_id: str
    epoch: int  # the last that was given to wandb


class WandB:
    """A wandb run, on its server or, with WANDB_MODE=offline, in files for `wandb sync`.

    Its files lie in the run's folder, unless $WANDB_DIR names another. No active run of the process
    is touched.
    """

    def __init__(
        self,
        run: Path,  # the run's folder
        params: dict[str, Any],  # its settings
        experiment: str,  # the recipe's name
        earlier: Sequence[Row] | None = None,  # epochs of the run that goes on; None: it begins
    ) -> None:
        """Begin it, or go on with it.

        Raises `SourceUnavailable` within 10 s where nobody is signed in or the server does not
        answer; `StorageError` for a folder that cannot be written.
        """
        wandb = extra("wandb")
        self.run = run
        self.files = Path(os.environ.get("WANDB_DIR") or run)
        self.mode = str(wandb.setup().settings.mode)
        self.server = str(wandb.setup().settings.base_url)
        self.place = f"wandb at {self.server}"
        if self.mode in OFFLINE:
            self.place = f"wandb in {self.files / 'wandb'}"
        self._check_folder()
        with redirect_stdout(sys.stderr):
            self._check_signed_in(wandb)
            try:
                self._open(wandb, params, experiment, earlier)
            except Exception as e:  # wandb has errors of its own
                raise SourceUnavailable(
                    f"{flag('track', 'wandb')}: {self.place} cannot be written to "
                    f"({one_line(e)[:MAX_REASON].rstrip('. ')}). Try again, record it on the disk "
                    f"with WANDB_MODE=offline, or train without it."
                ) from e

    def _check_folder(self) -> None:
        """Raise `StorageError` for a folder that cannot be written: wandb would take another."""
        try:
            with tempfile.TemporaryFile(dir=self.files):
                pass
        except OSError as e:
            raise StorageError(
                f"{flag('track', 'wandb')}: cannot write {self.files}: {e.strerror or e}. "
                "Free space or permission there, or name another folder in WANDB_DIR."
            ) from e

    def _check_signed_in(self, wandb: Any) -> None:
        """Raise `SourceUnavailable` where wandb would ask for a key; say where it is off."""
        if self.mode == "disabled":
            say("warning: WANDB_MODE is disabled: wandb records nothing of this run")
        if self.mode == "disabled" or self.mode in OFFLINE:
            return
        try:
            signed_in = wandb.login(prompt=False, verify=False)
            why = "nobody is signed in"
        except Exception as e:  # a key that is none
            signed_in, why = False, one_line(e)[:MAX_REASON].rstrip(". ")
        if not signed_in:
            raise SourceUnavailable(
                f"{flag('track', 'wandb')}: {self.place}: {why}. Sign in with `wandb login` or "
                "WANDB_API_KEY, or record it on the disk with WANDB_MODE=offline."
            )

    def _open(
        self, wandb: Any, params: dict[str, Any], experiment: str, earlier: Sequence[Row] | None
    ) -> None:
        """Create the run, or find it again; record what it lacks.

        On a server the run goes on behind the last epoch that it has. Offline nothing can be asked:
        each start of a run is a folder, and `wandb sync` joins those of one id in their order.
        """
        before = None if earlier is None else self._run_of_before()
        asks = before is not None and self.mode not in OFFLINE
        self.id = before.run_id if before else secrets.token_hex(4)
        self.live = wandb.init(
            project=safe_name(experiment) or "cxr_fastai",
            id=self.id,
            name=self.run.name,
            dir=str(self.files),
            config=params,
            allow_val_change=True,
            reinit="create_new",
            resume="allow" if asks else None,
            settings=self._settings(wandb),
        )
        had = before.epoch if before else 0
        if asks:
            had = self._last_on_server()
        self._note(had)
        for row in earlier or ():
            if row["epoch"] > had:
                self.epoch(row)

    def _last_on_server(self) -> int:
        """Return the last epoch that the server has of a run that goes on; 0 for none."""
        if self.mode != "disabled" and not self.live.resumed:
            say(
                f"warning: {self.place} does not have the run {self.id}: it begins there with all "
                "its epochs; what was written of it offline needs no `wandb sync` then"
            )
        return max(self.live.starting_step - 1, 0)

    def _settings(self, wandb: Any) -> Any:
        """Return what wandb may tell, and how long it may take."""
        return wandb.Settings(
            **TELLS_NOTHING,
            silent=True,
            init_timeout=START_SECONDS,
            finish_timeout=END_SECONDS,
            finish_timeout_raises=True,
            x_transaction_log_flush_interval=FLUSH_SECONDS,
        )

    def _run_of_before(self) -> _Before | None:
        """Return the run that an interrupted training wrote to; None for none."""
        file = readable_path(self.run / WANDB_RUN, "wandb's run")
        if not file.is_file():
            return None
        try:
            kept = parse_json(file.read_bytes())
            if kept["server"] != self.server:
                raise ValueError(f"it is at {kept['server']}")
            return _Before(run_id=str(kept["run_id"]), epoch=int(kept["epoch"]))
        except (KeyError, TypeError, ValueError) as e:
            say(
                f"warning: {self.place}: cannot go on with the run of {file} ({one_line(e)}); "
                "another begins"
            )
            return None

    def _note(
        self,
        epoch: int,  # the last that was given to wandb
    ) -> None:
        """Note in the run's folder which run it is, and how far it came."""
        if self.run.is_dir():
            kept = {"server": self.server, "run_id": self.id, "epoch": epoch}
            write_json(self.run / WANDB_RUN, kept)

    def epoch(self, row: Row) -> None:
        """Record the numbers of an epoch."""
        self.live.log(numbers(row), step=row["epoch"])
        self._note(row["epoch"])

    def before_close(self) -> None:
        """Nothing is to be prepared."""

    def close(self, bundle: Path | None) -> None:
        """Add bundle, history and its picture; without a bundle, end as a run that failed."""
        with redirect_stdout(sys.stderr), self._told_where_it_waits():
            try:
                self._add_files(bundle)
            finally:
                self.live.finish(exit_code=0 if bundle else 1)
        if self.mode in OFFLINE:
            say(f"wandb: to upload the run: wandb sync {self._kept()}")

    def _add_files(self, bundle: Path | None) -> None:
        """Add an artifact of the run's files, and wait for no upload."""
        import wandb

        log_files(wandb, self.live, self.id, self.run, bundle)

    @contextmanager
    def _told_where_it_waits(self) -> Iterator[None]:
        """Say of a server that takes too long where wandb keeps the rest."""
        try:
            yield
        except TimeoutError as e:
            raise TimeoutError(
                f"no answer within {END_SECONDS} s: wandb sync --no-skip-online {self._kept()}"
            ) from e

    def _kept(self) -> Path:
        """Return the folder of this start of the run; offline a pattern for all of its starts."""
        folder = Path(self.live.settings.sync_dir)
        if self.mode in OFFLINE:
            return folder.with_name(f"offline-run-*-{self.id}")
        return folder
