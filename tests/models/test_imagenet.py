"""ImageNet weights: the real download path, against a server on this machine.

python -m pytest tests/models/test_imagenet.py
"""

import hashlib
import http.server
import socket
import threading

import pytest
import torch
import torchvision
from toy_networks import fresh, saved, whole

from cxr_fastai import core
from cxr_fastai.models import imagenet
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


@pytest.mark.parametrize(
    "name, start", [("resnet18-f37072fd.pth", "f37072fd"), ("weights.pth", ""), ("a-xyz.pth", "")]
)
def test_the_hash_is_read_from_the_files_name(name, start):
    assert imagenet.hash_start(name) == start


def test_weights_are_at_hand_once_they_are_cached_whole_and_asking_fetches_nothing(hub):
    cached = hub(whole().state_dict())
    assert not imagenet.is_at_hand("resnet18") and hub.asked == []
    load_weights(fresh(), "imagenet", "resnet18")
    assert imagenet.is_at_hand("resnet18")
    cached.write_bytes(b"half a download")
    assert not imagenet.is_at_hand("resnet18") and len(hub.asked) == 1
