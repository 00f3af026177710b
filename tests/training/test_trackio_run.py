"""pytest tests/training/test_trackio_run.py

trackio's own library, each time in a process of its own with a folder of its own ($TRACKIO_DIR,
which trackio reads once); read back with its own reader."""

import importlib.util
import json
import socket
from pathlib import Path

import pytest
from runs import history, python

if importlib.util.find_spec("trackio") is None:
    pytest.skip(
        "an extra: pip install 'cxr_fastai[trackio]' (trackio 0.43 wants Pillow below 13)",
        allow_module_level=True,
    )

# What trackio has: runs of a project with their settings, epochs and artifacts.
READ = """
import json, sys, trackio
from trackio.sqlite_storage import SQLiteStorage
found = []
for run in trackio.Api().runs(sys.argv[1]):
    logs = SQLiteStorage.get_logs(run.project, run.name, run_id=run.id)
    files = SQLiteStorage.get_run_artifacts(run.project, run.name, run_id=run.id)["output"]
    epochs = {entry["step"]: entry["valid_loss"] for entry in logs}
    found.append({"name": run.name, "config": run.config, "epochs": epochs, "files": files})
print(json.dumps(found, default=str))
"""
# Record epochs argv[2:], as of a run that goes on where argv[1] is not "new".
RECORD = """
import json, sys
from pathlib import Path
from cxr_fastai.training.trackio_run import Trackio
from cxr_fastai.training.trackers import Patient
def row(epoch):
    return {"stage": "head", "epoch": int(epoch), "valid_loss": 1 / int(epoch)}
earlier = None if sys.argv[1] == "new" else [row(e) for e in json.loads(sys.argv[1])]
live = Trackio(Path("run"), {"lr": 0.1}, "toy", earlier)
LOSE
patient = Patient(live, Path("run"))
for epoch in sys.argv[2:]:
    patient.epoch(row(epoch))
bundle = Path("run/bundle")
patient.close(bundle if bundle.exists() else None)
"""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    for name in ("SPACE_ID", "SERVER_URL", "STORAGE_MODE"):
        monkeypatch.delenv(f"TRACKIO_{name}", raising=False)
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "store"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run():
    Path("run").mkdir()
    Path("run/history.csv").write_text("epoch\n1\n")
    return Path("run")


def with_bundle(run):
    (run / "bundle").mkdir()
    (run / "bundle/bundle.json").write_text("{}")


def record(before, *epochs, lose=""):
    return python(RECORD.replace("LOSE", lose), before, *epochs)


def kept(project="toy"):
    done = python(READ, project)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def command(folder, *extra):
    code = "import sys; from cxr_fastai.cli import main; sys.exit(main(sys.argv[1:]))"
    args = "--out run --arch cnn --epochs 2 --track trackio".split()
    return python(code, "train", folder, *args, *extra)


def test_a_run_is_kept_on_this_machine_and_read_back(folder):
    done = command(folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "run/bundle\n" and "trackio show --project 'toy'" in done.stderr
    (found,) = kept()
    wanted = {line["epoch"]: float(line["valid_loss"]) for line in history("run")}
    assert found["epochs"] == pytest.approx(wanted, rel=1e-5)
    assert [found["config"][key] for key in ("arch", "epochs", "seed")] == ["cnn", 2, 0]
    assert str(folder) not in json.dumps(found)
    assert [file["type"] for file in found["files"]] == ["model"]
    blobs = [path.read_bytes() for path in Path("store/artifacts").rglob("*") if path.is_file()]
    assert Path("run/bundle/bundle.json").read_bytes() in blobs


def test_a_resumed_run_goes_on_with_its_own_run_and_gives_it_what_it_lacks(run):
    record("new", 1, 2)
    assert [file["type"] for file in kept()[0]["files"]] == ["history"]
    with_bundle(run)
    record("[1, 2, 3]", 4)
    (found,) = kept()
    assert list(found["epochs"]) == ["1", "2", "3", "4"]
    assert found["config"]["lr"] == 0.1
    assert sorted(file["type"] for file in found["files"]) == ["history", "model"]


LOSES_ONCE = """
from trackio.sqlite_storage import SQLiteStorage
keep, lost = SQLiteStorage.bulk_log, []
def bulk_log(*args, **kwargs):
    if not lost:
        lost.append(1)
        raise OSError("No space left on device")
    return keep(*args, **kwargs)
SQLiteStorage.bulk_log = staticmethod(bulk_log)
"""
LOSES_ALL = LOSES_ONCE.replace("if not lost:", "if True:")


def test_epochs_that_it_lost_are_written_at_the_end(run):
    with_bundle(run)
    done = record("new", 1, 2, lose=LOSES_ONCE)
    assert done.returncode == 0, done.stderr
    assert list(kept()[0]["epochs"]) == ["1", "2"]


def test_what_it_never_kept_is_said_and_costs_nothing(run):
    with_bundle(run)
    done = record("new", 1, 2, lose=LOSES_ALL)
    assert done.returncode == 0 and "Traceback" not in done.stderr
    assert "was not given the bundle" in done.stderr and "stand in run" in done.stderr


@pytest.mark.parametrize(
    "note, why", [("{", "Expecting"), ('{"place": "trackio in /x", "run": "y"}', "it is trackio")]
)
def test_a_run_that_cannot_be_gone_on_with_is_told_and_another_begins(run, note, why):
    (run / "trackio.json").write_text(note)
    done = record("[1]", 2)
    assert why in done.stderr and "another begins" in done.stderr
    assert list(kept()[0]["epochs"]) == ["1", "2"]


def test_a_folder_that_cannot_be_written_is_one_line(folder, tmp_path):
    (tmp_path / "store").touch()
    done = command(folder)
    (line,) = [text for text in done.stderr.splitlines() if text.startswith("cxr train: ")]
    assert done.returncode == 5 and "TRACKIO_DIR" in line and not Path("run").exists()


def test_a_server_that_is_away_at_the_start_is_one_line_without_its_token(folder, monkeypatch):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        port = nobody.getsockname()[1]
        monkeypatch.setenv("TRACKIO_SERVER_URL", f"http://127.0.0.1:{port}/?write_token=secret")
        done = command(folder)
    (line,) = [text for text in done.stderr.splitlines() if text.startswith("cxr train: ")]
    assert done.returncode == 3 and f"127.0.0.1:{port}" in line and "secret" not in done.stderr
    assert "decoding" not in done.stderr and not Path("run").exists()
