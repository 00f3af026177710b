"""pytest tests/test_resumable.py"""

import json
import pickle
import subprocess
import sys
from collections import OrderedDict
from dataclasses import asdict

import pytest
import torch
import toy

from cxr_fastai.core import UsageError
from cxr_fastai.manifest import read_manifest
from cxr_fastai.recipes import Train
from cxr_fastai.resumable import check_resumed
from cxr_fastai.training.checkpoint import VERSION, read_state

HAD = Train(arch="cnn", size=32, epochs=3)


@pytest.fixture
def manifest(tmp_path):
    return read_manifest(toy.curated(tmp_path / "data"))


@pytest.fixture
def cut_short(tmp_path, manifest):
    "A run whose checkpoint holds tensors, an optimizer's state and ordered dicts, as training's."
    run = tmp_path / "run"
    run.mkdir()
    net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    opt = torch.optim.Adam(net.parameters())
    net(torch.ones(4, 3)).sum().backward()
    opt.step()
    state = dict(version=VERSION, settings=asdict(HAD), rate=0.1, started="x", seed=5)
    state |= dict(manifest_sha256=manifest.sha256, stage=0, epoch=1, rows=[], best={}, seconds=1.0)
    model = OrderedDict(net.state_dict())
    state |= dict(model=model, opt=opt.state_dict(), smooth=[0.1, 2], average={})
    torch.save(state, run / "checkpoint.pt")
    assert read_state(run) is not None
    return run


@pytest.fixture
def over(tmp_path, manifest):
    run = tmp_path / "over"
    (run / "bundle").mkdir(parents=True)
    meta = {"recipe": {"train": asdict(HAD)}, "trained": {"seed": 5}}
    meta["manifest_sha256"] = manifest.sha256
    (run / "bundle" / "bundle.json").write_text(json.dumps(meta))
    return run


@pytest.mark.parametrize("name", ["cut_short", "over"])
def test_other_settings_are_named_and_the_same_pass(request, manifest, name):
    run = request.getfixturevalue(name)
    check_resumed(run, manifest, None, {"epochs": 3, "lr": None}, 5)
    check_resumed(run, manifest, None, {}, None)
    with pytest.raises(UsageError, match=r"epochs 3 \(given: 9\)"):
        check_resumed(run, manifest, None, {"epochs": 9}, None)
    with pytest.raises(UsageError, match=r"seed 5 \(given: 6\)"):
        check_resumed(run, None, None, {}, 6)
    with pytest.raises(UsageError, match="arch 'cnn'"):
        check_resumed(run, manifest, "six_class", {}, None)


@pytest.mark.parametrize("name", ["cut_short", "over"])
def test_another_folder_is_refused_where_it_is_asked_for(request, tmp_path, name):
    run = request.getfixturevalue(name)
    other = read_manifest(
        toy.curated(tmp_path / "other", {"tuberculosis": (4, 2, 2), "normal": (4, 2, 2)})
    )
    with pytest.raises(UsageError, match="another curated folder"):
        check_resumed(run, other, None, {}, None)
    check_resumed(run, None, None, {}, None)


class _Harm:
    def __reduce__(self):
        return (open, ("harm", "w"))


def test_no_code_of_a_checkpoint_runs(cut_short, manifest, tmp_path, monkeypatch):
    import zipfile

    monkeypatch.chdir(tmp_path)
    stored = {"settings": asdict(HAD), "seed": 5, "manifest_sha256": "x", "harm": _Harm()}
    with zipfile.ZipFile(cut_short / "checkpoint.pt", "w") as archive:
        archive.writestr("checkpoint/data.pkl", pickle.dumps(stored))
    with pytest.raises(UsageError, match="another curated folder"):
        check_resumed(cut_short, manifest, None, {}, None)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("content", [b"", b"no zip", None])
def test_what_cannot_be_read_is_left_to_training(tmp_path, manifest, content):
    (tmp_path / "run").mkdir()
    if content is not None:
        (tmp_path / "run" / "checkpoint.pt").write_bytes(content)
    check_resumed(tmp_path / "run", manifest, None, {"epochs": 9}, 1)


@pytest.mark.parametrize("name", ["cut_short", "over"])
def test_cxr_train_tells_it_before_torch_is_loaded(request, manifest, name):
    run = request.getfixturevalue(name)
    code = (
        "import sys; from cxr_fastai import cli\n"
        "print(cli.main(sys.argv[1:]), 'torch' in sys.modules)\n"
    )
    flags = ["train", str(manifest.root), "--out", str(run), "--resume", "--epochs", "9"]
    command = [sys.executable, "-c", code, *flags]
    got = subprocess.run(command, capture_output=True, text=True, check=True)
    assert got.stdout == "2 False\n" and "epochs 3 (given: 9)" in got.stderr
