"""A bundle in ONNX Runtime: torch's answers without torch.

python -m pytest tests/bundle/test_onnx_runtime.py
"""

import builtins
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from toy_bundles import META, VOCAB, picture

from cxr_fastai import core
from cxr_fastai.bundle import save_bundle
from cxr_fastai.bundle.onnx_runtime import session_of
from cxr_fastai.bundle.store import load_bundle
from cxr_fastai.models.networks import build_network

PICTURES = [picture(seed) for seed in range(4)]


def test_probabilities_answers_and_features_are_those_of_torch(exported):
    torchs = load_bundle(exported, "cpu")
    onnxs = load_bundle(exported, runtime="onnx")
    assert onnxs.runtime.name == "onnx" and torchs.runtime.name == "torch"
    np.testing.assert_allclose(onnxs.probs(PICTURES), torchs.probs(PICTURES), atol=1e-5)
    batch = np.stack([torchs.read(pixels)[0] for pixels in PICTURES])
    features = onnxs.runtime.features(batch)
    np.testing.assert_allclose(features, torchs.runtime.features(batch), atol=1e-4)
    assert features.shape == (4, 512)
    for pixels in PICTURES:
        assert onnxs.predict(pixels).label == torchs.predict(pixels).label


def test_a_bundle_that_was_not_exported_names_the_command(made):
    with pytest.raises(core.UsageError, match=r"has no model.onnx yet.*cxr export BUNDLE --onnx"):
        load_bundle(made, runtime="onnx")


def test_an_exported_bundle_is_still_torchs_where_nothing_is_said(exported):
    assert load_bundle(exported, "cpu").runtime.name == "torch"


def test_a_device_is_torchs(exported):
    with pytest.raises(core.UsageError, match="device cuda is torch's"):
        load_bundle(exported, "cuda", runtime="onnx")


def test_without_the_extra_the_pip_command_is_named(exported, monkeypatch):
    real = builtins.__import__

    def lacking(name, *args, **kwargs):
        if name.startswith("onnxruntime"):
            raise ImportError("No module named 'onnxruntime'")
        return real(name, *args, **kwargs)

    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setattr(builtins, "__import__", lacking)
    with pytest.raises(core.UsageError, match=r"pip install 'cxr_fastai\[onnx\]'") as e:
        load_bundle(exported, runtime="onnx")
    assert e.value.exit_code == 2 and "\n" not in str(e.value)


@pytest.mark.parametrize("threads, wanted", [("1", 1), ("", 0)])
def test_as_many_threads_compute_as_torch_is_told(exported, monkeypatch, threads, wanted):
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    session = session_of((exported / "model.onnx").read_bytes(), exported)
    assert session.get_session_options().intra_op_num_threads == wanted


def test_a_number_of_threads_that_is_none_is_refused(exported, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "two")
    with pytest.raises(core.UsageError, match="OMP_NUM_THREADS is 'two'"):
        session_of((exported / "model.onnx").read_bytes(), exported)


# ---- what it never imports

BANNED = """
import sys
class Banned:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "torchvision", "fastai", "fastcore", "pandas"}:
            raise ImportError(f"banned: {name}")
sys.meta_path.insert(0, Banned())
"""
VERB = (
    "from cxr_fastai.cli import main\n"
    "sys.exit(main(['predict', *sys.argv[1:], '--runtime', 'onnx', '--csv', 'out.csv']))"
)
PYTHON = (
    "from cxr_fastai import load_bundle, predict\n"
    "answers = predict(load_bundle(sys.argv[1], runtime='onnx'), sys.argv[2:])\n"
    "print(len(answers), [a.error for a in answers if a.error])"
)


@pytest.mark.parametrize("script, told", [(VERB, ""), (PYTHON, "2 []")])
def test_neither_torch_nor_fastai_nor_pandas_is_imported(exported, tmp_path, script, told):
    for seed in range(2):
        Image.fromarray(picture(seed)).save(tmp_path / f"{seed}.png")
    done = subprocess.run(
        [sys.executable, "-c", BANNED + script, exported, tmp_path],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(Path(core.__file__).parents[1])},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == told


def test_this_ban_is_seen(exported, tmp_path):
    Image.fromarray(picture()).save(tmp_path / "0.png")
    script = BANNED + "from cxr_fastai import load_bundle\nload_bundle(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", script, exported], capture_output=True, text=True, timeout=300
    )
    assert "banned: torch" in done.stderr


def test_a_bundle_of_three_channels_gives_the_graph_one(tmp_path):
    net = build_network("cnn", len(VOCAB), 3)
    folder = save_bundle(tmp_path / "b", net, {**META, "arch": "cnn", "in_channels": 3})
    bundle = load_bundle(folder, "cpu")
    batch = np.stack([bundle.read(pixels)[0] for pixels in PICTURES])

    class Session:
        def run(self, names, given):
            return [given["gray"]]

    from cxr_fastai.bundle.onnx_runtime import OnnxRuntime

    gray = OnnxRuntime(Session(), bundle.meta["mean"], bundle.meta["std"]).logits(batch)
    assert gray.shape == (4, 1, 32, 32) and gray.dtype == np.float32
    np.testing.assert_allclose(gray, np.round(gray), atol=1e-3)
    assert gray.min() >= -1e-3 and gray.max() <= 255.001


def test_threads_that_wait_give_their_core_away(exported):
    session = session_of((exported / "model.onnx").read_bytes(), exported)
    options = session.get_session_options()
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
