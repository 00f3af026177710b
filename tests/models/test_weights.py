"""Weights: loaded whole or not at all.

python -m pytest tests/models/test_weights.py
"""

import pytest
import safetensors.torch
import torch
from toy_networks import body_equals, fresh, saved, spoiled, whole

from cxr_fastai import core
from cxr_fastai.models.networks import build_network
from cxr_fastai.models.weights import load_weights

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
    loaded = load_weights(net, file, "resnet18")
    assert loaded.startswith(f"{file}: {n} of {n} body tensors, taken as for images of mean 0.5")
    assert body_equals(net, reference)


def test_weights_of_our_own_network_load_and_the_head_stays_fresh(tmp_path):
    old, net = spoiled(fresh()), fresh()
    head = [p.clone() for p in net[1].parameters()]
    load_weights(net, saved(tmp_path / "model.safetensors", old.state_dict()), "resnet18")
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
    assert load_weights(net, str(file), "resnet18").endswith("120 of 120 body tensors")


def test_a_gray_network_answers_as_the_colour_one_does_to_gray_repeated_three_times(tmp_path):
    reference, net = whole(), fresh()
    load_weights(net, saved(tmp_path / "a.pth", reference.state_dict()), "resnet18")
    x = torch.randn(2, 1, 48, 48, generator=torch.Generator().manual_seed(1))
    colour = torch.nn.Sequential(*list(reference.children())[:-2])
    torch.testing.assert_close(net[0](x), colour(x.expand(-1, 3, -1, -1)), atol=1e-4, rtol=1e-4)


def test_gray_weights_serve_a_colour_network(tmp_path):
    gray, colour = fresh(), fresh(channels=3)
    load_weights(colour, saved(tmp_path / "a.pth", gray.state_dict()), "resnet18")
    x = torch.randn(1, 1, 48, 48, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(colour[0](x.expand(-1, 3, -1, -1)), gray[0](x), atol=1e-4, rtol=1e-4)


def test_weights_none_changes_nothing():
    net = fresh()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    assert "random" in load_weights(net, "none", "resnet18")
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
        load_weights(net, file, "resnet18")
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items()), (
        "nothing may be loaded in part"
    )


def test_another_architectures_file_is_refused(tmp_path):
    file = saved(tmp_path / "a.pth", whole("resnet18").state_dict())
    with pytest.raises(
        core.IntegrityError,
        match="120 of .* body tensors of resnet34 fit.*Is it another architecture",
    ):
        load_weights(fresh("resnet34"), file, "resnet34")


@pytest.mark.parametrize("asked", [0, 7])
def test_the_file_of_a_network_that_was_cut_is_told_by_what_cut_it(tmp_path, asked):
    cut = build_network("resnet18", 2, layers=6)
    file = saved(tmp_path / "model.safetensors", cut.state_dict())
    longer = build_network("resnet18", 2, layers=asked)
    with pytest.raises(core.IntegrityError, match=r"cut after 6 layers: --layers 6 \(Python: lay"):
        load_weights(longer, file, "resnet18")
    again = build_network("resnet18", 2, layers=6)
    assert load_weights(again, file, "resnet18").endswith(
        "60 body tensors of the first 6 of 8 layers"
    )
    state = cut[0].state_dict()
    assert all(torch.equal(value, state[key]) for key, value in again[0].state_dict().items())


@pytest.mark.parametrize("name", ["imagnet", "missing.pth", "."])
def test_a_missing_file_says_what_weights_can_be(name):
    with pytest.raises(core.UsageError, match="expected imagenet, none, or"):
        load_weights(fresh(), name, "resnet18")


# ---- the scale of images that a file states


STATED = {"input_mean": "0.5", "input_std": "0.000488"}


@pytest.mark.parametrize("form", ["safetensors", "pth"])
def test_a_scale_that_a_file_states_goes_into_the_first_layer(tmp_path, form):
    state = {k: v.contiguous() for k, v in gray_state().items()}
    file = tmp_path / f"a.{form}"
    if form == "pth":
        torch.save({"state_dict": state, "input_mean": 0.5, "input_std": 0.000488}, file)
    else:
        safetensors.torch.save_file(state, file, metadata=STATED)
    net = fresh()
    assert load_weights(net, file, "resnet18").endswith(", normalisation in the first layer")
    assert torch.allclose(net[0][0].weight, state["conv1.weight"] * 0.25 / 0.000488)


@pytest.mark.parametrize(
    "stated",
    [
        {"input_mean": "0.5"},
        {"input_std": "0.5"},
        {"input_mean": "0.5", "input_std": "0"},
        {"input_mean": "0.5", "input_std": "nan"},
        {"input_mean": "a", "input_std": "1"},
        {"input_mean": "0.5,0.5", "input_std": "1,1"},
        {"input_mean": "0.5,0.5,0.5", "input_std": "1"},
    ],
)
def test_a_scale_that_can_be_none_is_refused(tmp_path, stated):
    safetensors.torch.save_file(gray_state(), tmp_path / "a.safetensors", metadata=stated)
    with pytest.raises(core.IntegrityError, match="input_mean and input_std are to be one number"):
        load_weights(fresh(), tmp_path / "a.safetensors", "resnet18")


def test_a_scale_of_colours_does_not_fit_gray_weights(tmp_path):
    stated = {"input_mean": "0.5,0.5,0.5", "input_std": "1,1,1"}
    safetensors.torch.save_file(gray_state(), tmp_path / "a.safetensors", metadata=stated)
    with pytest.raises(core.IntegrityError, match="first layer takes 1 channel"):
        load_weights(fresh(), tmp_path / "a.safetensors", "resnet18")


def gray_state():
    "A state dict of torchvision's names, of a network for gray images."
    state = whole().state_dict()
    return {**state, "conv1.weight": state["conv1.weight"].sum(1, keepdim=True).contiguous()}


def test_a_network_is_given_again_what_it_learned_its_shift_too(tmp_path):
    first = fresh()
    stated = {"input_mean": [0.4, 0.5, 0.6], "input_std": [0.2, 0.2, 0.2]}
    torch.save({"state_dict": whole().state_dict(), **stated}, tmp_path / "a.pth")
    load_weights(first, tmp_path / "a.pth", "resnet18")
    file = saved(tmp_path / "model.safetensors", dict(first.state_dict()))
    second = fresh()
    assert load_weights(second, file, "resnet18").endswith("120 of 120 body tensors")
    assert "0.0.shift" in second.state_dict()
    x = torch.randn(1, 1, 40, 40)
    with torch.no_grad():
        assert torch.equal(first[0](x), second[0](x))
    load_weights(second, saved(tmp_path / "b.pth", dict(whole().state_dict())), "resnet18")
    assert "0.0.shift" not in second.state_dict(), "the next weights bring their own or none"
