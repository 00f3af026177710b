"""pytest tests/training/test_mlflow_run.py

MLflow's own client: against its own store, read back with its own reader, and against a server on
this machine that goes away."""

import json
import os
import socket
import sqlite3
from pathlib import Path

import pytest
from fastai.callback.core import Callback
from mlflow_endpoint import MLflowEndpoint
from runs import history

from cxr_fastai.cli import main
from cxr_fastai.core import SourceUnavailable
from cxr_fastai.training import fit as fitting
from cxr_fastai.training import run
from cxr_fastai.training.mlflow_run import AT_START, MLflow, _waiting, _without_password
from cxr_fastai.training.trackers import Patient

mlflow = pytest.importorskip("mlflow", reason="an extra: pip install 'cxr_fastai[mlflow]'")


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    for name in ("TRACKING_URI", "HTTP_REQUEST_TIMEOUT", "HTTP_REQUEST_MAX_RETRIES"):
        monkeypatch.delenv(f"MLFLOW_{name}", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def server(tmp_path, monkeypatch):
    with MLflowEndpoint(tmp_path / "artifacts") as endpoint:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", endpoint.url)
        # each is seen to be gone at once; how long is waited: test_waits_*
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        yield endpoint


def train(folder, out="run", epochs=2):
    args = f"--arch cnn --epochs {epochs} --track mlflow --out".split()
    return main(["train", str(folder), *args, str(out)])


def is_batch_of_epoch(n, path, body):
    if path != "runs/log-batch":
        return False
    metrics = json.loads(body).get("metrics", [])
    return any(int(metric["step"]) == n for metric in metrics)


# ---- its own store, in a folder whose name has what addresses write otherwise


def test_mlflow_keeps_settings_epochs_and_the_bundle_where_it_was_told(
    folder, tmp_path, monkeypatch
):
    place = tmp_path / "a%20b c#d"
    place.mkdir()
    monkeypatch.chdir(place)
    assert train(folder, "runs/x%20y") == 0
    assert sqlite3.connect("mlflow.db").execute("select count(*) from runs").fetchone() == (1,)
    client = mlflow.MlflowClient("sqlite:///mlflow.db")
    experiment = client.get_experiment_by_name("toy")
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.info.status == "FINISHED" and found.info.run_name == "x%20y"
    assert [found.data.params[k] for k in ("arch", "epochs", "seed")] == ["cnn", "2", "0"]
    curve = client.get_metric_history(found.info.run_id, "valid_loss")
    assert [metric.step for metric in curve] == [1, 2]
    wanted = [float(row["valid_loss"]) for row in history("runs/x%20y")]
    assert [metric.value for metric in curve] == pytest.approx(wanted, rel=1e-5)
    top = {a.path for a in client.list_artifacts(found.info.run_id)}
    assert top == {"bundle", "history.csv", "history.png"}
    inside = {a.path for a in client.list_artifacts(found.info.run_id, "bundle")}
    assert "bundle/model.safetensors" in inside and "bundle/trained_on.txt" not in inside
    (kept,) = Path("mlruns").rglob("bundle.json")
    assert kept.read_bytes() == Path("runs/x%20y/bundle/bundle.json").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["a%20b c#d"]


# ---- a server that goes away


def test_a_server_keeps_a_run(folder, server):
    assert train(folder) == 0
    assert list(server.metrics("valid_loss")) == [1, 2] and server.states == ["FINISHED"]
    assert (Path(server.artifacts) / "bundle" / "bundle.json").is_file()
    assert mlflow.active_run() is None


def test_a_server_that_goes_away_costs_nothing_and_is_given_the_rest_when_it_is_back(
    folder, server, capsys
):
    asked = []

    def second_time(path, body):
        asked.append(is_batch_of_epoch(2, path, body))
        return sum(asked) == 2

    server.dies_at = lambda path, body: is_batch_of_epoch(2, path, body)
    server.lives_at = second_time
    assert train(folder, epochs=3) == 0
    assert list(server.metrics("valid_loss")) == [1, 2, 3] and server.states == ["FINISHED"]
    err = capsys.readouterr().err
    assert f"warning: MLflow at {server.url} cannot be written to" in err
    assert f"MLflow at {server.url} answers again: 2 epochs written afterwards" in err


@pytest.mark.parametrize(
    "moment, misses",
    [
        (lambda path, body: is_batch_of_epoch(1, path, body), "2 epochs and the bundle"),
        (lambda path, body: path == "runs/update", "the bundle"),
    ],
)
def test_a_server_that_stays_away_is_told_and_the_bundle_is_named(
    folder, server, capsys, moment, misses
):
    server.dies_at = moment
    assert train(folder) == 0
    out, err = capsys.readouterr()
    assert out == "run/bundle\n" and not Path("run/checkpoint.pt").exists()
    assert f"warning: MLflow at {server.url} was not given {misses}" in err
    assert "Traceback" not in err and len(history("run")) == 2


@pytest.mark.parametrize("moment", ["experiments/get-by-name", "runs/create", "runs/log-batch"])
def test_a_server_that_is_away_at_the_start_is_one_line_before_anything_is_decoded(
    folder, server, capsys, moment
):
    server.dies_at = lambda path, body: path.startswith(moment)
    assert train(folder) == 3
    out, err = capsys.readouterr()
    (line,) = [text for text in err.splitlines() if text.startswith("cxr train: ")]
    assert "train without it" in line and server.url in line
    assert out == "" and "decoding" not in err and "Traceback" not in err
    assert not Path("run").exists()


def test_no_server_at_all_is_one_line(folder, monkeypatch, capsys):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        assert train(folder) == 3
    assert "cannot be written to" in capsys.readouterr().err


# ---- a run that goes on


class Impatient(Callback):
    "Ctrl-C in the middle of the second epoch."

    def after_batch(self):
        if self.learn.epoch == 1 and self.learn.iter == 1:
            raise KeyboardInterrupt


def interrupted(folder, track=("mlflow",)):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "step_callbacks", lambda settings: [Impatient()])
        with pytest.raises(KeyboardInterrupt):
            run.train(folder, "run", arch="cnn", epochs=3, track=track, quiet=True)


def resume(folder):
    return main(["train", str(folder), *"--out run --resume --track mlflow".split()])


def test_a_resumed_run_goes_on_with_its_own_run_in_mlflow(folder, tmp_path, monkeypatch, capsys):
    store = f"sqlite:///{tmp_path}/own.db"  # MLflow remembers a store by its address
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    interrupted(folder)
    assert resume(folder) == 0
    client = mlflow.MlflowClient(store)
    experiment = client.get_experiment_by_name("toy")
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.info.status == "FINISHED" and found.data.params["epochs"] == "3"
    curve = client.get_metric_history(found.info.run_id, "valid_loss")
    assert [metric.step for metric in curve] == [1, 2, 3]
    wanted = [float(row["valid_loss"]) for row in history("run")]
    assert [metric.value for metric in curve] == pytest.approx(wanted, rel=1e-5)
    assert json.loads(Path("run/mlflow.json").read_text())["run_id"] == found.info.run_id
    assert "another begins" not in capsys.readouterr().err


def test_a_resumed_run_gives_a_server_what_it_missed_before(folder, server):
    server.dies_at = lambda path, body: is_batch_of_epoch(1, path, body)
    interrupted(folder)
    assert server.metrics("valid_loss") == {}
    server.dies_at, server.is_dead = (lambda path, body: False), False
    assert resume(folder) == 0
    assert sorted(server.metrics("valid_loss")) == [1, 2, 3]
    assert server.created == 1 and server.states == ["RUNNING", "FINISHED"]


def test_a_run_that_was_not_tracked_before_is_recorded_from_its_first_epoch(folder, server):
    interrupted(folder, track=())
    assert resume(folder) == 0
    assert sorted(server.metrics("valid_loss")) == [1, 2, 3] and server.created == 1


def elsewhere(server):
    Path("run/mlflow.json").write_text('{"server": "http://other", "run_id": "x"}')


def damaged(server):
    Path("run/mlflow.json").write_text("{")


def deleted(server):
    server.deleted = True


def unknown(server):
    server.unknown = True


@pytest.mark.parametrize(
    "spoil, why",
    [
        (elsewhere, "it is at http://other"),
        (damaged, "Expecting"),
        (deleted, "it was deleted"),
        (unknown, "it is not there"),
    ],
)
def test_a_run_that_cannot_be_gone_on_with_is_told_and_another_has_all_epochs(
    folder, server, capsys, spoil, why
):
    interrupted(folder)
    server.batches.clear()  # another run, which has nothing yet
    spoil(server)
    assert resume(folder) == 0
    err = capsys.readouterr().err
    assert "cannot go on with the run of run/mlflow.json" in err and why in err
    assert server.created == 2 and sorted(server.metrics("valid_loss")) == [1, 2, 3]


def test_a_run_that_failed_before_its_first_epoch_is_begun_anew_where_it_stood(folder, server):
    Path("run").mkdir()
    MLflow(Path("run"), {}, "toy")
    assert [file.name for file in Path("run").iterdir()] == ["mlflow.json"]
    assert train(folder) == 0 and server.created == 2


# ---- how long is waited


def settings():
    names = ("TIMEOUT", "MAX_RETRIES")
    return [os.environ.get(f"MLFLOW_HTTP_REQUEST_{name}") for name in names]


def test_waits_are_bounded_and_leave_the_environment_as_it_was(monkeypatch):
    with _waiting(AT_START):
        assert settings() == ["3", "1"]
    assert settings() == [None, None]
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    with _waiting(AT_START):
        assert settings() == ["77", "1"]  # what a person asked for
    with pytest.raises(ZeroDivisionError), _waiting(AT_START, at_most=True):
        assert settings() == ["3", "1"]  # but for the start, which is a line within 10 s
        raise ZeroDivisionError
    assert settings() == ["77", None]


def test_a_password_in_the_address_is_not_told(folder, monkeypatch, tmp_path):
    assert _without_password("http://me:secret@host:5/a") == "http://host:5/a"
    assert _without_password("sqlite:///mlflow.db") == "sqlite:///mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    with pytest.raises(SourceUnavailable) as e:
        MLflow(tmp_path / "run", {}, "toy")
    assert "secret" not in str(e.value) and "127.0.0.1" in str(e.value)


def test_a_run_that_failed_is_recorded_as_one(server, tmp_path):
    Patient(MLflow(tmp_path / "run", {"lr": 1}, "toy"), tmp_path / "run").close(None)
    assert server.states == ["FAILED"]
