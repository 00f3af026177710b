"""Networks and their weights: the same as fastai's, loaded whole or not at all.

python -m pytest tests/test_models.py
"""

import copy
import functools
import hashlib
import http.server
import pickle
import re
import socket
import threading

import pytest
import safetensors.torch
import torch
import torchvision

from cxr_fastai import core
from cxr_fastai.models import architectures
from cxr_fastai.models import networks as models


@functools.cache
def whole(arch="resnet18", seed=0):
    "torchvision's own network with random weights, the same one at every call."
    torch.manual_seed(seed)
    return torchvision.models.get_model(arch, weights=None).eval()


@functools.cache
def built(arch, channels):
    return models.build_network(arch, 2, channels)


def fresh(arch="resnet18", channels=1):
    "A network to load into. Drawing weights takes longer than copying them."
    return copy.deepcopy(built(arch, channels)).eval()


def spoiled(net):
    "`net` with other weights than a fresh one."
    for p in net.parameters():
        p.data.add_(0.01)
    return net


def body_equals(net, reference):
    "Whether every weight of the body is that of a torchvision network, the first convolution summed over channels."
    names = list(dict(reference.named_children()))
    for key, value in net[0].state_dict().items():
        index, rest = key.split(".", 1)
        want = reference.state_dict()[f"{names[int(index)]}.{rest}"]
        if value.ndim == 4 and value.shape[1] == 1:
            want = want.sum(1, keepdim=True)
        if not torch.equal(value, want):
            return False
    return True


def saved(path, state):
    safetensors.torch.save_file(state, path) if path.suffix == ".safetensors" else torch.save(
        state, path
    )
    return path


# ---- the network is fastai's


@pytest.fixture(scope="module")
def fastai_twin():
    learner = pytest.importorskip("fastai.vision.learner")
    return learner, learner.create_vision_model(
        torchvision.models.resnet34, 6, pretrained=False, n_in=1
    ).eval()


def test_keys_order_and_shapes_are_those_of_fastais_vision_learner(fastai_twin):
    theirs, ours = fastai_twin[1].state_dict(), models.build_network("resnet34", 6).state_dict()
    assert [(k, v.shape, v.dtype) for k, v in theirs.items()] == [
        (k, v.shape, v.dtype) for k, v in ours.items()
    ]


def test_with_equal_weights_the_outputs_equal_fastais(fastai_twin):
    net = models.build_network("resnet34", 6).eval()
    net.load_state_dict(fastai_twin[1].state_dict())
    x = torch.randn(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    assert torch.equal(net(x), fastai_twin[1](x))


def test_dropout_rates_and_layers_of_the_head_are_fastais(fastai_twin):
    theirs, ours = fastai_twin[1][1], models.build_network("resnet34", 6)[1]
    assert [type(m).__name__ for m in theirs] == [type(m).__name__ for m in ours]
    assert [getattr(m, "p", None) for m in theirs] == [getattr(m, "p", None) for m in ours]


def test_the_head_starts_with_the_weights_that_fastai_would_draw(fastai_twin):
    from fastai.torch_core import apply_init

    torch.manual_seed(3)
    theirs = fastai_twin[0].create_head(512, 6)
    apply_init(theirs, torch.nn.init.kaiming_normal_)
    torch.manual_seed(3)
    ours = models._head(512, 6)
    assert all(
        torch.equal(a, b)
        for a, b in zip(theirs.state_dict().values(), ours.state_dict().values(), strict=True)
    )


def test_parameter_groups_are_fastais_split(fastai_twin):
    net = models.build_network("resnet34", 6)
    groups, split = models.param_groups(net), fastai_twin[0]._resnet_split(fastai_twin[1])
    assert [[p.shape for p in g] for g in groups] == [[p.shape for p in g] for g in split]


@pytest.mark.parametrize("arch", [*architectures.COMMON, "resnext50_32x4d", "mobilenet_v3_small"])
def test_three_groups_hold_every_parameter_once(arch):
    with torch.device("meta"):
        net = models.build_network(arch, 3)
    groups = models.param_groups(net)
    assert (
        len(groups) == 3
        and all(groups)
        and [id(p) for g in groups for p in g] == [id(p) for p in net.parameters()]
    )


@pytest.mark.parametrize("arch", [arch for arch in architectures.COMMON if arch != "cnn"])
def test_a_body_gives_what_torchvisions_network_computes_before_its_classifier(arch):
    "Weights under torchvision's names reach the right layer."
    torch.manual_seed(1)
    whole, x = torchvision.models.get_model(arch, weights=None).eval(), torch.rand(1, 3, 224, 224)
    body = models.build_network(arch, 3, in_channels=3).eval()[0]
    body.load_state_dict(models._match(whole.state_dict(), body, arch, "whole"), strict=False)
    with torch.inference_mode():
        if arch.startswith("vit"):
            ours, theirs = whole.heads(body(x).flatten(1)), whole(x)
        elif arch.startswith("resnet"):
            ours, theirs = whole.fc(body(x).mean((2, 3))), whole(x)
        elif arch.startswith("densenet"):
            ours, theirs = whole.classifier(body(x).mean((2, 3))), whole(x)
        else:
            ours, theirs = body(x), whole.features(x)
    assert torch.allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("size", [64, 96, 224])
def test_a_vision_transformer_takes_squares_of_any_multiple_of_its_patch(size):
    with torch.inference_mode():
        assert models.build_network("vit_b_16", 2).eval()(torch.zeros(1, 1, size, size)).shape == (
            1,
            2,
        )


def test_densenets_files_of_old_names_are_read():
    net = models.build_network("densenet121", 2, 3)
    old = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))(\d+\.)", r"\1.\2", k): v
        for k, v in torchvision.models.densenet121(weights=None).state_dict().items()
    }
    assert any("norm.1." in k for k in old)
    assert models._match(
        models._body_state(old, "densenet121"), net[0], "densenet121", "old"
    ).keys()


def test_timms_networks_are_built_by_their_name():
    pytest.importorskip("timm", reason="an extra: pip install 'cxr_fastai[timm]'")
    for arch, size in (
        ("resnet26", 64),
        ("vit_tiny_patch16_224", 96),
        ("swin_tiny_patch4_window7_224", 224),
    ):
        net = models.build_network(arch, 3).eval()
        with torch.inference_mode():
            assert net(torch.zeros(1, 1, size, size)).shape == (1, 3)
        assert len(models.param_groups(net)) == 3


@pytest.mark.parametrize("arch, channels", [("resnet18", 1), ("resnet18", 3), ("resnet50", 1)])
def test_networks_map_a_batch_to_logits(arch, channels):
    assert models.build_network(arch, 4, channels).eval()(
        torch.zeros(2, channels, 32, 32)
    ).shape == (2, 4)


@pytest.mark.parametrize(
    "call",
    [
        lambda: models.build_network("resnet33", 2),
        lambda: models.load_weights(fresh(), "none", "resnet33"),
    ],
)
def test_an_unknown_architecture_names_the_nearest(call):
    with pytest.raises(
        core.UnknownName, match="unknown architecture 'resnet33'. Closest: resnet34"
    ):
        call()


def test_a_network_without_classes_is_refused():
    with pytest.raises(core.UsageError, match="at least one class"):
        models.build_network("resnet18", 0)


# ---- weights from files


def wrapped(state):
    return {"state_dict": {f"module.{k}": v for k, v in state.items()}, "epoch": 9, "best": 0.5}


def lightning(state):
    return {"state_dict": {f"model.{k}": v for k, v in state.items()}}


def without_counters(state):
    return {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}


def without_fc(state):
    return {k: v for k, v in state.items() if not k.startswith("fc.")}


@pytest.mark.parametrize(
    "name, change, n",
    [
        ("a.pth", dict, 120),
        ("a.safetensors", dict, 120),
        ("a.pt", wrapped, 120),
        ("a.ckpt", lightning, 120),
        ("a.pth", without_counters, 100),
        ("a.pth", without_fc, 120),
    ],
)
def test_every_usual_form_of_a_torchvision_checkpoint_loads_whole(tmp_path, name, change, n):
    reference, net = whole(), fresh()
    file = saved(tmp_path / name, change(reference.state_dict()))
    assert models.load_weights(net, file, "resnet18") == f"{file}: {n} of {n} body tensors"
    assert body_equals(net, reference)


def test_weights_of_our_own_network_load_and_the_head_stays_fresh(tmp_path):
    old, net = spoiled(fresh()), fresh()
    head = [p.clone() for p in net[1].parameters()]
    models.load_weights(net, saved(tmp_path / "model.safetensors", old.state_dict()), "resnet18")
    assert all(
        torch.equal(a, b)
        for a, b in zip(old[0].state_dict().values(), net[0].state_dict().values())
    )
    assert all(torch.equal(a, b) for a, b in zip(head, net[1].parameters()))


def test_a_file_that_fastai_saved_with_its_optimiser_loads(tmp_path):
    old, net = spoiled(fresh()), fresh()
    file = saved(
        tmp_path / "best.pth",
        {"model": old.state_dict(), "opt": {"hypers": [{"lr": 1e-3}], "state": []}},
    )
    assert models.load_weights(net, str(file), "resnet18").endswith("120 of 120 body tensors")


def test_a_gray_network_answers_as_the_colour_one_does_to_gray_repeated_three_times(tmp_path):
    reference, net = whole(), fresh()
    models.load_weights(net, saved(tmp_path / "a.pth", reference.state_dict()), "resnet18")
    x = torch.randn(2, 1, 48, 48, generator=torch.Generator().manual_seed(1))
    colour = torch.nn.Sequential(*list(reference.children())[:-2])
    torch.testing.assert_close(net[0](x), colour(x.expand(-1, 3, -1, -1)), atol=1e-4, rtol=1e-4)


def test_gray_weights_serve_a_colour_network(tmp_path):
    gray, colour = fresh(), fresh(channels=3)
    models.load_weights(colour, saved(tmp_path / "a.pth", gray.state_dict()), "resnet18")
    x = torch.randn(1, 1, 48, 48, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(colour[0](x.expand(-1, 3, -1, -1)), gray[0](x), atol=1e-4, rtol=1e-4)


def test_weights_none_changes_nothing():
    net = fresh()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    assert "random" in models.load_weights(net, "none", "resnet18")
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())


# ---- loud failure


def drop(state):
    return {k: v for k, v in state.items() if k != "layer1.0.conv1.weight"}


def renamed(state):
    return {f"encoder.{k}": v for k, v in state.items()}


def spoilt(state):
    return {**state, "layer2.0.conv1.weight": state["layer2.0.conv1.weight"] * float("nan")}


def whole_numbers(state):
    return {**state, "conv1.weight": state["conv1.weight"].to(torch.int64)}


def twice(state):
    return {**state, "module.conv1.weight": state["conv1.weight"] * 2}


@pytest.mark.parametrize(
    "change, message",
    [
        (drop, "119 of 120 body tensors of resnet18 fit.*layer1.0.conv1.weight is missing"),
        (renamed, "0 of 100 body tensors.*conv1.weight is missing"),
        (spoilt, "119 of 120.*layer2.0.conv1.weight holds values that are not finite"),
        (whole_numbers, "119 of 120.*conv1.weight is torch.int64"),
        (twice, "'conv1.weight' twice"),
        (lambda s: {}, "0 of 100"),
        (lambda s: [1, 2], "0 of 100"),
        (lambda s: {"state_dict": 5}, "0 of 100"),
    ],
)
def test_a_checkpoint_that_does_not_fit_whole_is_an_error_that_counts(tmp_path, change, message):
    net = fresh()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    file = saved(tmp_path / "a.pth", change(dict(whole().state_dict())))
    with pytest.raises(core.IntegrityError, match=message):
        models.load_weights(net, file, "resnet18")
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items()), (
        "nothing may be loaded in part"
    )


def test_another_architectures_file_is_refused(tmp_path):
    file = saved(tmp_path / "a.pth", whole("resnet18").state_dict())
    with pytest.raises(
        core.IntegrityError,
        match="120 of .* body tensors of resnet34 fit.*Is it another architecture",
    ):
        models.load_weights(fresh("resnet34"), file, "resnet34")


@pytest.mark.parametrize("name", ["imagnet", "missing.pth", "."])
def test_a_missing_file_says_what_weights_can_be(name):
    with pytest.raises(core.UsageError, match="expected imagenet, none, or"):
        models.load_weights(fresh(), name, "resnet18")


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_a_malicious_file_is_refused_and_its_code_never_runs(tmp_path, how):
    trace, file = tmp_path / "ran", tmp_path / "a.pth"
    state = {**whole().state_dict(), "z": Bomb(trace)}
    if how == "torch":
        torch.save(state, file)
    else:
        file.write_bytes(pickle.dumps({"z": Bomb(trace)}, protocol=2))
    with pytest.raises(core.IntegrityError, match="nothing in it was run") as e:
        models.load_weights(fresh(), file, "resnet18")
    assert e.value.exit_code == 4 and not trace.exists() and "weights_only" not in str(e.value)


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
@pytest.mark.parametrize(
    "data", [b"", b"<html>sign in</html>", bytes(range(256)) * 8, b"PK\x03\x04" + bytes(64)]
)
def test_a_file_of_other_bytes_is_refused(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(core.IntegrityError, match="no plain state dict"):
        models.load_weights(fresh(), tmp_path / name, "resnet18")


def test_a_truncated_checkpoint_is_refused(tmp_path):
    file = saved(tmp_path / "a.pth", whole().state_dict())
    file.write_bytes(file.read_bytes()[:-50_000])
    with pytest.raises(core.IntegrityError):
        models.load_weights(fresh(), file, "resnet18")


# ---- ImageNet: the real download path, against a server on this machine


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
    assert models.load_weights(net, "imagenet", "resnet18") == "imagenet: 120 of 120 body tensors"
    assert body_equals(net, reference) and cached.is_file() and len(hub.asked) == 1
    models.load_weights(fresh(), "imagenet", "resnet18")
    assert len(hub.asked) == 1, "the second time nothing is fetched"
    assert capfd.readouterr().out == ""


def test_a_damaged_cached_file_is_fetched_again(hub):
    cached = hub(whole().state_dict())
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"half a download")
    assert models.load_weights(fresh(), "imagenet", "resnet18").startswith("imagenet: 120 of 120")


CHOICES = "`--weights none`.*`--weights FILE`"


def test_a_download_with_the_wrong_hash_is_refused_and_not_kept(hub):
    cached = hub(whole().state_dict(), sha="0123456789")
    with pytest.raises(core.SourceUnavailable, match="invalid hash.*" + CHOICES):
        models.load_weights(fresh(), "imagenet", "resnet18")
    assert list(cached.parent.iterdir()) == []


def test_offline_names_both_other_choices_in_one_line(hub, monkeypatch):
    hub(whole().state_dict())
    record = torchvision.models.ResNet18_Weights.DEFAULT.value
    monkeypatch.setattr(record, "url", "http://127.0.0.1:9/resnet18-f37072fd.pth")
    with pytest.raises(core.SourceUnavailable, match="refused.*" + CHOICES) as e:
        models.load_weights(fresh(), "imagenet", "resnet18")
    assert e.value.exit_code == 3 and "\n" not in str(e.value)


def test_a_file_that_the_server_lacks_is_a_source_unavailable(hub):
    (hub.root / hub(whole().state_dict()).name).unlink()
    with pytest.raises(core.SourceUnavailable, match="404.*" + CHOICES):
        models.load_weights(fresh(), "imagenet", "resnet18")


def test_a_server_that_falls_silent_does_not_hold_us_for_ever(hub, monkeypatch):
    hub(whole().state_dict())
    monkeypatch.setattr(models, "STALL", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        record = torchvision.models.ResNet18_Weights.DEFAULT.value
        monkeypatch.setattr(
            record, "url", f"http://127.0.0.1:{deaf.getsockname()[1]}/resnet18-f37072fd.pth"
        )
        with pytest.raises(core.SourceUnavailable, match="timed out"):
            models.load_weights(fresh(), "imagenet", "resnet18")
    assert socket.getdefaulttimeout() is None


def test_a_cache_that_cannot_be_written_is_a_storage_error(hub, tmp_path):
    hub(whole().state_dict())
    (tmp_path / "cache").write_text("a file stands where the folder should be")
    with pytest.raises(core.StorageError, match="TORCH_HOME"):
        models.load_weights(fresh(), "imagenet", "resnet18")


def test_building_a_network_fetches_nothing(monkeypatch):
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda *a, **k: pytest.fail("fetched"))
    models.build_network("resnet18", 2)
