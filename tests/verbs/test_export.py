"""cxr export: what is checked before torch is loaded, and what is written.

python -m pytest tests/verbs/test_export.py
"""

import json
import sys

import pytest
from toy_bundles import META, VOCAB

from cxr_fastai import cli
from cxr_fastai.bundle import onnx_export, save_bundle
from cxr_fastai.models.networks import build_network


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return save_bundle(
        tmp_path / "bundle", build_network("cnn", len(VOCAB)), {**META, "arch": "cnn"}
    )


ERRORS = [
    (["bundle"], "nothing is asked for: give --onnx"),
    (["gone", "--onnx"], "no bundle at gone"),
    (["bundle", "--onnx", "model.bin"], "expected a name that ends in .onnx"),
    (["bundle", "--onnx", "bundle/model.onnx"], "lies in the bundle: give --onnx alone"),
    (["bundle", "--onnx", "nowhere/m.onnx"], "no folder nowhere"),
]


@pytest.mark.parametrize("args, words", ERRORS)
def test_what_cannot_be_written_is_told_in_one_line(bundle, capsys, args, words):
    assert cli.main(["export", *args]) in (2, 5)
    shown = capsys.readouterr()
    assert words in shown.err and shown.err.count("\n") == 1 and not shown.out


def test_without_the_extra_the_pip_command_is_named(bundle, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert cli.main(["export", "bundle", "--onnx"]) == 2
    assert "pip install 'cxr_fastai[onnx]'" in capsys.readouterr().err


def test_a_bundle_is_exported_into_itself_and_told(bundle, capsys):
    assert cli.main(["export", "bundle", "--onnx"]) == 0
    shown = capsys.readouterr()
    assert "wrote bundle/model.onnx, and key onnx of bundle/bundle.json" in shown.out
    assert "held against torch on 17 drawn images" in shown.out
    assert "next: cxr predict bundle PATH.. --runtime onnx" in shown.err
    assert (bundle / "model.onnx").is_file()


def test_a_file_of_its_own_is_told_as_json(bundle, capsys, monkeypatch):
    record = {"sha256": "0" * 64, "parity": {"images": 3}}

    def export_onnx(bundle, file):
        with open(f"{file}.json", "w") as f:
            json.dump({"onnx": record}, f)
        return type(bundle.path)(file)

    monkeypatch.setattr(onnx_export, "export_onnx", export_onnx)
    assert cli.main(["export", "bundle", "--onnx", "m.onnx", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "file": "m.onnx",
        "facts": "m.onnx.json",
        **record,
    }
