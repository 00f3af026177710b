"""A bundle as ONNX: the same answers, and nothing is written that answers otherwise.

python -m pytest tests/bundle/test_onnx_export.py
"""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_bundles import META, VOCAB, meta_of, picture
from toy_networks import with_shift

from cxr_fastai import core
from cxr_fastai.bundle import onnx_export
from cxr_fastai.bundle.meta import check_meta
from cxr_fastai.bundle.onnx_export import export_onnx, onnx_of, parity, varied_images
from cxr_fastai.bundle.onnx_file import FEATURES, GRAY, LOGITS, PROBABILITIES
from cxr_fastai.bundle.onnx_runtime import session_of
from cxr_fastai.bundle.store import load_bundle, save_bundle
from cxr_fastai.images import resize
from cxr_fastai.models.networks import build_network, set_shift

PICTURES = [picture(seed) for seed in range(5)]


def test_the_graph_takes_gray_values_and_gives_calibrated_probabilities(exported):
    wanted = load_bundle(exported, "cpu").probs(PICTURES)
    session = session_of((exported / "model.onnx").read_bytes(), exported)
    gray = np.stack([resize(pixels, 32) for pixels in PICTURES])[:, None].astype(np.float32)
    assert np.ptp(wanted, 0).max() > 0.01, "else constants would be compared"
    for bs in (1, 5):
        found = session.run([PROBABILITIES], {GRAY: gray[:bs]})[0]
        np.testing.assert_allclose(found, wanted[:bs], atol=1e-5)


def test_what_is_known_of_it_stands_in_bundle_json(exported):
    meta = meta_of(exported)
    record = meta["onnx"]
    data = (exported / "model.onnx").read_bytes()
    assert record["sha256"] == hashlib.sha256(data).hexdigest()
    assert record["opset"] >= 17 and set(record["libraries"]) == {
        "torch",
        "onnx",
        "onnxruntime",
        "onnxscript",
    }
    assert record["parity"]["images"] == len(varied_images(32))
    assert 0 < record["parity"][LOGITS] < 1e-4 and record["parity"][PROBABILITIES] < 1e-5
    assert meta["weights_sha256"] == core.sha256_file(exported / "model.safetensors")


def test_the_same_bundle_gives_the_same_bytes(exported):
    again, _ = onnx_of(load_bundle(exported, "cpu"))
    assert again == (exported / "model.onnx").read_bytes()


def test_a_file_of_its_own_answers_alone(exported, tmp_path, monkeypatch):
    bundle = load_bundle(exported, "cpu")
    made = (exported / "model.onnx").read_bytes()
    monkeypatch.setattr(onnx_export, "_exported", lambda bundle: made)
    file = export_onnx(bundle, tmp_path / "mine.onnx")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine.onnx", "mine.onnx.json"]
    alone = load_bundle(file)
    assert alone.runtime.name == "onnx" and alone.saw([]) is None
    np.testing.assert_allclose(alone.probs(PICTURES), bundle.probs(PICTURES), atol=1e-5)


def test_the_gate_of_a_bundle_goes_with_it_and_replaces_no_other(exported_copy, tmp_path):
    gate = b"of this bundle"
    bundle = load_bundle(exported_copy, "cpu")
    (exported_copy / "gate.safetensors").write_bytes(gate)
    gated = replace(bundle, meta={**bundle.meta, "gate": {"sha256": "0" * 64}})
    out = tmp_path / "out"
    out.mkdir()
    onnx_export._take_gate(gated, out)
    assert (out / "gate.safetensors").read_bytes() == gate
    onnx_export._check_gate(gated, out)
    (out / "gate.safetensors").write_bytes(b"of another")
    (out / "mine.onnx").write_bytes(b"of another")
    with pytest.raises(core.UsageError, match="is the gate of another bundle"):
        export_onnx(gated, out / "mine.onnx")
    assert (out / "mine.onnx").read_bytes() == b"of another"
    assert sorted(p.name for p in out.iterdir()) == ["gate.safetensors", "mine.onnx"]


@pytest.mark.parametrize("given", ["runs/a", Path("runs/a")])
def test_a_path_is_no_bundle(given):
    with pytest.raises(core.UsageError, match=r"export_onnx\(load_bundle\('runs/a'\)\)"):
        export_onnx(given)


def test_a_graph_that_answers_otherwise_is_not_written(exported_copy, monkeypatch):
    made = (exported_copy / "model.onnx").read_bytes()
    (exported_copy / "model.onnx").unlink()
    monkeypatch.setattr(onnx_export, "_exported", lambda bundle: made)
    told = {"images": 1, PROBABILITIES: 2e-4, LOGITS: 0.0, FEATURES: 0.0}
    monkeypatch.setattr(onnx_export, "parity", lambda bundle, data: told)
    with pytest.raises(core.IntegrityError, match=r"otherwise .*0.0002 apart.*not written") as e:
        export_onnx(load_bundle(exported_copy, "cpu"))
    assert e.value.exit_code == 4 and not (exported_copy / "model.onnx").exists()


def test_parity_sees_other_weights_calibration_and_what_is_no_number(exported):
    bundle = load_bundle(exported, "cpu")
    data = (exported / "model.onnx").read_bytes()
    other = replace(bundle, meta={**bundle.meta, "temperature": 1.75})
    assert parity(other, data)[PROBABILITIES] > 1e-4
    sick = load_bundle(exported, "cpu")
    with torch.no_grad():
        sick.net[1][-1].weight.mul_(1.01)
    assert parity(sick, data)[LOGITS] > 1e-3
    with torch.no_grad():
        sick.net[1][-1].weight.mul_(torch.nan)
    assert parity(sick, data)[LOGITS] == np.inf


def test_a_network_that_torch_cannot_export_is_one_line(exported, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("no such\noperator")

    monkeypatch.setattr(torch.onnx, "export", fail)
    with pytest.raises(core.IntegrityError, match="cannot export cnn as ONNX: no such operator"):
        export_onnx(load_bundle(exported, "cpu"))


def test_a_network_of_more_than_a_file_holds_is_refused(exported, monkeypatch):
    monkeypatch.setattr(onnx_export, "MAX_BYTES", 1000)
    with pytest.raises(core.UsageError, match="one ONNX file holds 1,000: it cannot be exported"):
        export_onnx(load_bundle(exported, "cpu"))


def test_a_graph_of_a_fixed_batch_is_one_line(exported):
    class Fixed:
        def run(self, names, given):
            if len(given[GRAY]) != 2:
                raise ValueError("Got: 1\nExpected: 2")
            return [np.zeros((2, 3))] * 3

    gray = np.zeros((4, 1, 32, 32), np.float32)
    onnx_export._in_batches(Fixed(), gray, 2)
    with pytest.raises(core.IntegrityError, match="does not take 3 images at a time .Got: 1"):
        onnx_export._in_batches(Fixed(), gray, 3)


def test_drawn_images_are_of_every_kind_and_the_same_at_every_call():
    images = varied_images(40)
    assert all(image.shape == (40, 40) and image.dtype == np.uint8 for image in images)
    assert len({image.tobytes() for image in images}) == len(images)
    assert all(np.array_equal(a, b) for a, b in zip(images, varied_images(40)))


def test_a_saved_bundle_forgets_the_graph_of_another_network(exported_copy):
    save_bundle(exported_copy, build_network("cnn", len(VOCAB)), {**META, "arch": "cnn"})
    assert not (exported_copy / "model.onnx").exists() and "onnx" not in meta_of(exported_copy)


# ---- every family

FAMILIES = [
    ("resnet18", {}),
    ("resnext50_32x4d", {"in_channels": 3}),
    ("densenet121", {"task": "multi_label", "offsets": {"normal": 2.0}}),
    ("efficientnet_b0", {}),
    ("tf_efficientnet_lite0", {}),
    ("convnext_tiny", {}),
    ("mobilenet_v3_small", {"in_channels": 3, "temperature": 0.4}),
    ("vgg11_bn", {}),
    ("squeezenet1_1", {}),
    ("vit_b_16", {"size": 96}),
    ("timm/vit_tiny_patch16_224", {"size": 96}),
    ("timm/resnet26", {}),
    ("timm/swin_tiny_patch4_window7_224", {"size": 224}),
]


@pytest.mark.parametrize(
    "arch, changes",
    [pytest.param(*each, marks=pytest.mark.slow) for each in FAMILIES],
)
def test_every_family_is_exported_with_parity(tmp_path, arch, changes):
    library, _, name = arch.rpartition("/")
    if library:
        pytest.importorskip(library)
    meta = {**META, "size": 64, **changes, "arch": name}
    torch.manual_seed(1)
    net = build_network(name, len(VOCAB), meta.get("in_channels", 1))
    folder = save_bundle(tmp_path / "bundle", net, meta)
    bundle = load_bundle(folder, "cpu")
    export_onnx(bundle)
    found = meta_of(folder)["onnx"]["parity"]
    assert found[PROBABILITIES] <= 1e-4 and found[LOGITS] <= 1e-3
    check_meta(meta_of(folder), "here")
    in_onnx = load_bundle(folder, runtime="onnx").probs(PICTURES)
    np.testing.assert_allclose(in_onnx, bundle.probs(PICTURES), atol=1e-4)


@pytest.mark.parametrize("arch", ["resnet18", "tf_efficientnet_lite0"])
def test_a_shift_of_the_first_layer_is_in_the_graph(tmp_path, arch):
    net = with_shift(arch)
    bundle = load_bundle(save_bundle(tmp_path / "bundle", net, {**META, "arch": arch}), "cpu")
    export_onnx(bundle)
    in_torch = bundle.probs(PICTURES)
    exported = load_bundle(bundle.path, runtime="onnx")
    np.testing.assert_allclose(exported.probs(PICTURES), in_torch, atol=1e-5)
    embedded = bundle.embed(PICTURES)
    np.testing.assert_allclose(exported.embed(PICTURES), embedded, atol=1e-4 * embedded.max())
    set_shift(net[0], None)
    bare = save_bundle(tmp_path / "bare", net, {**META, "arch": arch})
    assert np.abs(load_bundle(bare, "cpu").probs(PICTURES) - in_torch).max() > 1e-3
