"""pytest tests/training/test_trackers.py

MLflow and TensorBoard themselves, read back with their own readers."""

import csv
import sqlite3
import sys

import pytest

from cxr_fastai.core import UsageError
from cxr_fastai.training.run import train


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)


def run(folder, track, out="run"):
    return train(folder, out, arch="cnn", epochs=2, track=track, quiet=True)


def losses(out="run") -> list[float]:
    return [float(r["valid_loss"]) for r in csv.DictReader(open(f"{out}/history.csv"))]


def test_mlflow_keeps_settings_epochs_and_the_bundle(folder):
    pytest.importorskip("mlflow", reason="an extra: pip install 'cxr_fastai[mlflow]'")
    import mlflow

    run(folder, ["mlflow"])
    (found,) = mlflow.search_runs(experiment_names=["toy"], output_format="list")
    assert sqlite3.connect("mlflow.db").execute("select count(*) from runs").fetchone() == (1,)
    assert found.info.status == "FINISHED" and found.info.run_name == "run"
    assert [found.data.params[k] for k in ("arch", "epochs", "seed")] == ["cnn", "2", "0"]
    curve = mlflow.MlflowClient().get_metric_history(found.info.run_id, "valid_loss")
    assert [m.value for m in curve] == pytest.approx(losses(), rel=1e-5) and [
        m.step for m in curve
    ] == [1, 2]

    def names(folder=None):
        return {a.path for a in mlflow.MlflowClient().list_artifacts(found.info.run_id, folder)}

    assert names() == {
        "bundle",
        "history.csv",
        "history.png",
    } and "bundle/model.safetensors" in names("bundle")


def test_tensorboard_keeps_the_same(folder):
    pytest.importorskip("tensorboard", reason="an extra: pip install 'cxr_fastai[tensorboard]'")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run(folder, ["tensorboard"])
    events = EventAccumulator("run/tensorboard")
    events.Reload()
    assert [e.value for e in events.Scalars("valid_loss")] == pytest.approx(losses(), rel=1e-5)
    assert (
        events.Tags()["images"] == ["history"]
        and "settings/text_summary" in events.Tags()["tensors"]
    )


def test_an_unknown_tracker_is_answered_with_the_nearest(folder):
    with pytest.raises(UsageError, match="'mlfow'.*Did you mean 'mlflow'"):
        run(folder, ["mlfow"])


def test_a_tracker_that_is_not_installed_is_told_before_training(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(UsageError, match=r"pip install 'cxr_fastai\[mlflow\]'"):
        run(folder, ["mlflow"])
