"""pytest tests/training/test_wandb_run.py

wandb's own client: offline, where `wandb sync` then reads its files back, and against a server on
this machine that goes away."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from runs import history
from wandb_endpoint import WandBEndpoint

from cxr_fastai.cli import main
from cxr_fastai.core import SourceUnavailable, StorageError
from cxr_fastai.training import wandb_run
from cxr_fastai.training.trackers import Patient
from cxr_fastai.training.wandb_run import WandB

wandb = pytest.importorskip("wandb", reason="an extra: pip install 'cxr_fastai[wandb]'")


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))  # keys of a person
    monkeypatch.setenv("NETRC", str(tmp_path / "home" / "netrc"))
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_HTTP_TIMEOUT", "1")
    monkeypatch.setattr(wandb_run, "START_SECONDS", 2)
    monkeypatch.setattr(wandb_run, "END_SECONDS", 2)
    wandb.teardown()
    yield
    wandb.teardown()


@pytest.fixture
def server(monkeypatch):
    with WandBEndpoint() as endpoint:
        monkeypatch.setenv("WANDB_BASE_URL", endpoint.url)
        monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
        yield endpoint
        endpoint.is_dead = False
        wandb.teardown()


@pytest.fixture
def run():
    Path("run").mkdir()
    Path("run/history.csv").write_text("epoch\n1\n")
    Path("run/bundle").mkdir()
    Path("run/bundle/bundle.json").write_text("{}")
    return Path("run")


def row(epoch):
    return {"stage": "head", "epoch": epoch, "valid_loss": 1 / epoch}


def recorded(run, epochs, bundle=True, earlier=None):
    live = WandB(run, {"lr": 0.1, "arch": "cnn"}, "toy", earlier)
    for epoch in epochs:
        live.epoch(row(epoch))
    live.before_close()
    live.close(run / "bundle" if bundle else None)
    return live


def steps(server):
    return [line["_step"] for lines in server.history.values() for line in lines.values()]


def sync(*what):
    command = [str(Path(sys.executable).with_name("wandb")), "sync", *map(str, what)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# ---- offline


def test_offline_a_run_is_kept_whole_and_tells_of_no_film_nor_folder(
    folder, server, monkeypatch, capsys
):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.delenv("WANDB_API_KEY")
    films = shutil.copytree(folder, Path("films of Jane Doe").absolute())
    args = "--out run --arch cnn --epochs 2 --track wandb".split()
    assert main(["train", str(films), *args]) == 0
    out, err = capsys.readouterr()
    assert out == "run/bundle\n" and "wandb sync " in err
    (kept,) = Path("run/wandb").glob("offline-run-*")
    assert err.count("Traceback") == 0 and server.bodies == []
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    sync(kept)
    wanted = {int(line["epoch"]): float(line["valid_loss"]) for line in history("run")}
    assert server.metrics("valid_loss") == pytest.approx(wanted, rel=1e-5)
    assert [server.config[key]["value"] for key in ("arch", "epochs", "seed")] == ["cnn", 2, 0]
    assert server.exit_codes == [0]
    assert server.uploads["bundle/bundle.json"] == Path("run/bundle/bundle.json").read_bytes()
    sent = b"".join(server.bodies)
    for private in (b"Jane", bytes(Path("run").absolute()), b"wandb-metadata", b"requirements.txt"):
        assert private not in sent
    patients = Path("run/bundle/trained_on.txt").read_bytes().splitlines()
    assert patients and not any(name in sent for name in patients)
    assert "bundle/trained_on.txt" not in server.uploads
    names = [path.name.encode() for path in films.rglob("*.png")]
    assert names and not any(name in sent for name in names)


def test_offline_starts_of_one_run_are_joined_by_wandb_sync(run, server, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    first = recorded(run, [1, 2], bundle=False)
    (folder,) = Path("run/wandb").glob("offline-run-*")
    folder.rename(folder.with_name(f"offline-run-20260101_000000-{first.id}"))  # not this second's
    kept = [row(1), row(2), row(3)]  # the third was killed before wandb had it
    monkeypatch.setattr(wandb_run.secrets, "token_hex", None)  # no other run begins
    second = WandB(run, {"lr": 0.1}, "toy", kept)
    second.epoch(row(4))
    second.close(run / "bundle")
    assert first.id == second.id
    pattern = second._kept()
    sync(*sorted(pattern.parent.glob(pattern.name)))
    assert steps(server) == [1, 2, 3, 4] and server.exit_codes[-1] == 0


def test_what_is_said_to_be_synced_is(run, server, monkeypatch, capsys):
    monkeypatch.setattr(WandB, "_add_files", lambda self, bundle: setattr(server, "is_dead", True))
    Patient(WandB(run, {"lr": 0.1}, "toy", [row(1)]), run).close(run / "bundle")
    server.is_dead = False
    told = re.search(r"wandb sync (.*?)\)", capsys.readouterr().err)[1]
    sync(*shlex.split(told))
    assert steps(server) == [1]


def test_disabled_is_said(run, server, monkeypatch, capsys):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    recorded(run, [1])
    assert "wandb records nothing" in capsys.readouterr().err and server.bodies == []


# ---- a server


def test_a_server_keeps_a_run_and_goes_on_with_it(run, server):
    recorded(run, [1, 2], bundle=False)
    assert server.exit_codes == [1] and "bundle/bundle.json" not in server.uploads
    recorded(run, [4], earlier=[row(1), row(2), row(3)])
    assert list(server.history) == [json.loads(Path("run/wandb.json").read_text())["run_id"]]
    assert steps(server) == [1, 2, 3, 4] and server.exit_codes == [1, 0]
    assert server.uploads["bundle/bundle.json"] == b"{}"
    assert bytes(run.absolute()) not in b"".join(server.bodies)


def test_a_run_that_the_server_lost_begins_again_with_all_epochs_and_says_so(run, server, capsys):
    recorded(run, [1, 2], bundle=False)
    server.history.clear()
    recorded(run, [3], earlier=[row(1), row(2)])
    assert "does not have the run" in capsys.readouterr().err and steps(server) == [1, 2, 3]


@pytest.mark.parametrize(
    "note, why",
    [("{", "Expecting"), ('{"server": "http://other", "run_id": "x"}', "it is at http://other")],
)
def test_a_run_that_cannot_be_gone_on_with_is_told_and_another_begins(
    run, server, capsys, note, why
):
    Path("run/wandb.json").write_text(note)
    recorded(run, [2], earlier=[row(1)])
    err = capsys.readouterr().err
    assert why in err and "another begins" in err and steps(server) == [1, 2]


def test_a_server_that_went_away_costs_nothing_and_the_rest_waits_on_the_disk(run, server, capsys):
    live = WandB(run, {"lr": 0.1}, "toy")
    patient = Patient(live, run)
    patient.epoch(row(1))
    server.is_dead = True
    patient.epoch(row(2))
    patient.close(run / "bundle")
    err = capsys.readouterr().err
    assert "was not given the bundle" in err and "stand in run" in err
    server.is_dead = False
    sync("--no-skip-online", live._kept())
    assert server.metrics("valid_loss") == {1: 1.0, 2: 0.5}


# ---- what is refused at the start


def refused(folder, capsys):
    assert main(["train", str(folder), *"--out run --arch cnn --track wandb".split()]) == 3
    out, err = capsys.readouterr()
    (line,) = [text for text in err.splitlines() if text.startswith("cxr train: ")]
    assert out == "" and "decoding" not in err and not Path("run").exists()
    return line


def test_nobody_signed_in_is_one_line_and_no_question(folder, server, monkeypatch, capsys):
    monkeypatch.delenv("WANDB_API_KEY")
    monkeypatch.setattr("builtins.input", None)
    line = refused(folder, capsys)
    assert "nobody is signed in" in line and "WANDB_MODE=offline" in line


def test_a_key_that_is_none_is_one_line(folder, server, monkeypatch, capsys):
    monkeypatch.setenv("WANDB_API_KEY", "x")
    assert "WANDB_API_KEY" in refused(folder, capsys)


def test_a_server_that_is_away_at_the_start_is_one_line(folder, server, capsys):
    server.is_dead = True
    line = refused(folder, capsys)
    assert server.url in line and "train without it" in line


def test_a_folder_that_cannot_be_written_is_told_rather_than_replaced(run, server, monkeypatch):
    Path("file").touch()
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", "file")
    with pytest.raises(StorageError, match="cannot write file"):
        WandB(run, {}, "toy")


def test_a_refusal_is_of_the_kind_that_exits_with_3(run, server):
    server.is_dead = True
    with pytest.raises(SourceUnavailable, match="WANDB_MODE=offline"):
        WandB(run, {}, "toy")
