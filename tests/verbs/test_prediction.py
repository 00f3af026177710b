"""`cxr predict` in this process: what is checked before the bundle is read, and what is printed."""

import json
import subprocess
import sys

import pytest
import torch
from toy_rows import META, VOCAB
from toy_sources import put

from cxr_fastai import cli
from cxr_fastai.bundle import save_bundle
from cxr_fastai.models.networks import build_network


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    "A bundle whose class normal means nothing found, from a risk that no image reaches."
    torch.manual_seed(0)
    meta = {**META, "decision": {"negative": "normal", "threshold": 1.0}}
    return save_bundle(
        tmp_path_factory.mktemp("run") / "bundle", build_network("resnet18", len(VOCAB)), meta
    )


def test_a_csv_that_is_one_of_the_images_is_refused_before_the_bundle(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "a.png", 1)
    before = (tmp_path / "a.png").read_bytes()
    assert cli.main(["predict", "gone", "a.png", "--csv", "a.png"]) == 2
    assert "--csv" in capsys.readouterr().err and (tmp_path / "a.png").read_bytes() == before


def test_a_csv_of_others_is_refused_before_the_bundle_and_the_way_out_named(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "a.png", 1)
    (tmp_path / "labels.csv").write_text("file;label\na.png;tb\n")
    assert cli.main(["predict", "gone", "a.png", "--csv", "labels.csv"]) == 2
    said = capsys.readouterr().err
    assert "labels.csv holds something that `cxr predict` did not write" in said
    assert "Choose another --csv" in said and len(said.splitlines()) == 1
    assert (tmp_path / "labels.csv").read_text() == "file;label\na.png;tb\n"


def test_text_json_and_csv_carry_the_decision_in_words(bundle, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "a.png", 1)
    assert cli.main(["predict", str(bundle), "a.png"]) == 0
    text = capsys.readouterr().out.strip()
    assert cli.main(["predict", str(bundle), "a.png", "--json", "--csv", "out.csv"]) == 0
    [row] = json.loads(capsys.readouterr().out)
    words = f"Normal: risk {row['risk']:.2f} is below the threshold 1.00"
    assert row["decision"] == words and row["threshold"] == 1.0 and text == f"a.png  {words}"
    assert (tmp_path / "out.csv").read_text().splitlines()[1].endswith(f",1,{words}")
    assert cli.main(["predict", str(bundle), "a.png", "--csv", "out.csv"]) == 0, "its own"


def test_a_killed_run_names_the_command_that_finishes_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "a.png", 1)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoint.pt").write_bytes(b"x")
    (tmp_path / "run" / "history.csv").write_text("epoch\n1\n")
    assert cli.main(["predict", "run", "a.png"]) == 2
    said = capsys.readouterr().err
    assert "`cxr train DATA --out run --resume`" in said and len(said.splitlines()) == 1


def test_a_coverage_is_checked_before_the_bundle_and_refused_by_an_old_one(
    bundle, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "a.png", 1)
    assert cli.main(["predict", "gone", "a.png", "--coverage", "90"]) == 2
    assert "expected a share from 0.5 to below 1" in capsys.readouterr().err
    assert cli.main(["predict", str(bundle), "a.png", "--coverage", "0.9"]) == 2
    said = capsys.readouterr().err
    assert "keeps no scores of validation" in said and len(said.splitlines()) == 1


def test_a_killed_run_folds_and_urls_are_told_before_torch_is_loaded(tmp_path):
    put(tmp_path / "a.png", 1)
    for run in ("killed", "folds/fold_0/bundle", "folds/fold_1/bundle"):
        (tmp_path / run).mkdir(parents=True)
    (tmp_path / "killed" / "checkpoint.pt").write_bytes(b"x")
    for i in range(2):
        (tmp_path / f"folds/fold_{i}/bundle/bundle.json").write_text("{}")
    code = (
        "import sys; from cxr_fastai import cli\n"
        "for words in (('killed', 'a.png'), ('folds', 'a.png'), ('gone', 'https://e.org/a.png')):\n"
        "    print(cli.main(['predict', *words]), 'torch' in sys.modules)\n"
    )
    got = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert got.stdout.splitlines() == ["2 False"] * 3
    killed, folds, url = got.stderr.splitlines()
    assert "--resume" in killed and "give one of folds/fold_0, folds/fold_1" in folds
    assert "a URL is not read" in url
