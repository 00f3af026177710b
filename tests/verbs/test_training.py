"""`cxr train` in this process: what it hands to training. As a process: test_road.py."""

import pytest
import toy as toy_folder

from cxr_fastai import cli


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """What training was asked for; it trains nothing."""
    calls = []

    def train(data, out, **settings):
        calls.append(settings)
        return tmp_path / "run/bundle"

    monkeypatch.setattr("cxr_fastai.training.run.train", train)
    toy_folder.curated(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    return calls


@pytest.mark.parametrize(
    "flags,beside",
    [([], None), (["--beside", "none"], []), (["--beside", "cnn,resnet18"], ["cnn", "resnet18"])],
)
def test_only_what_was_given_is_handed_on(asked, capsys, flags, beside):
    assert cli.main(["train", "data", "--size", "64", *flags]) == 0
    (settings,) = asked
    assert settings["beside"] == beside and settings["size"] == 64
    assert "arch" not in settings and "lr" not in settings
    assert capsys.readouterr().out.strip().endswith("run/bundle")
