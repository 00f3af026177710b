"""pytest tests/prototyping/test_plan.py"""

import json

import pytest

from cxr_fastai.prototyping.plan import (
    ENOUGH_STEPS,
    LITE,
    MAX_EPOCHS,
    PROBE,
    Candidate,
    Images,
    Machine,
    Plan,
    candidates,
    choose_plan,
    epoch_seconds,
    relative_cost,
    training_seconds,
)
from cxr_fastai.recipes import SETTINGS, Recipe, Train, check_train

CPU, GPU = Machine(2), Machine(16, "H100")


def planned(train=160, valid=20, machine=CPU, probe=0.1, left=120.0, pretrained=(), step=None):
    step = step or (lambda candidate: probe * relative_cost(candidate))
    return choose_plan(Images(train, valid), machine, probe, lambda: left, step, pretrained)


# ---- the budget


@pytest.mark.parametrize(
    ("budget", "spent", "left"),
    [(300, 20, 235), (300, 290, 1), (60, 10, 41), (3000, 0, 2550), (1, 100, 1)],
)
def test_scoring_keeps_its_part_of_the_budget(budget, spent, left):
    assert training_seconds(budget, spent) == left


def test_an_epoch_counts_validation_as_a_part_of_a_step():
    candidate = Candidate("cnn", 64, 16, "none")
    assert epoch_seconds(candidate, Images(160, 16), 1.0) == pytest.approx(10.35)
    assert epoch_seconds(candidate, Images(161, 0), 1.0) == 11


# ---- which network


@pytest.mark.parametrize(
    ("probe", "left", "arch", "size"),
    [
        (0.05, 120, "resnet18", 128),
        (0.1, 120, "resnet18", 96),
        (0.2, 120, "resnet18", 64),
        (0.9, 120, "cnn", 64),
        (9.0, 120, "cnn", 64),
        (0.15, 20, "cnn", 64),
    ],
)
def test_a_slower_machine_gets_a_smaller_network(probe, left, arch, size):
    settings = planned(probe=probe, left=left).settings
    assert (settings["arch"], settings["size"]) == (arch, size)


@pytest.mark.parametrize(
    ("machine", "pretrained", "arch", "weights", "size"),
    [
        (GPU, (), "resnet18", "none", 224),
        (GPU, ("resnet18",), "resnet18", "imagenet", 224),
        (GPU, ("resnet34", "resnet18"), "resnet34", "imagenet", 224),
        (CPU, ("resnet34",), "resnet18", "none", 128),
        (CPU, ("resnet18",), "resnet18", "imagenet", 128),
        (CPU, (LITE,), LITE, "imagenet", 128),
        (CPU, ("resnet18", LITE), "resnet18", "imagenet", 128),
        (GPU, (LITE,), LITE, "imagenet", 224),
    ],
)
def test_what_lies_at_hand_decides_architecture_and_weights(
    machine, pretrained, arch, weights, size
):
    settings = planned(machine=machine, pretrained=pretrained, probe=0.003).settings
    found = (settings["arch"], settings["weights"], settings["size"])
    assert found == (arch, weights, size)


@pytest.mark.parametrize(
    ("train", "machine", "bs"),
    [(20, CPU, 8), (127, CPU, 8), (128, CPU, 16), (256, CPU, 32), (9999, CPU, 32), (9999, GPU, 64)],
)
def test_batches_leave_eight_steps_an_epoch(train, machine, bs):
    assert {candidate.bs for candidate in candidates(Images(train, 9), machine, ())} == {bs}


def test_a_network_that_cannot_fit_is_not_timed():
    timed = []

    def step(candidate):
        timed.append((candidate.arch, candidate.size))
        return 0.3 * relative_cost(candidate)

    planned(probe=0.3, step=step)
    assert timed == [("resnet18", 64)]


def test_timing_stops_when_it_takes_too_much_of_the_time():
    clock = [100.0]

    def step(candidate):
        clock[0] -= 40
        return 5.0

    plan = choose_plan(Images(160, 20), CPU, 0.01, lambda: clock[0], step)
    assert clock[0] == 60 and plan.settings["size"] == 128


def test_what_was_measured_counts_not_what_was_expected():
    plan = planned(probe=0.01, step=lambda c: 0.1 if c.arch == "cnn" else 10.0)
    assert plan.settings["arch"] == "cnn" and plan.seconds_a_step == 0.1


def test_the_probe_costs_one():
    assert relative_cost(PROBE) == 1
    assert relative_cost(Candidate("resnet18", 128, 32, "none")) == 8


# ---- epochs


@pytest.mark.parametrize("train", [24, 40, 160, 1000, 20000])
@pytest.mark.parametrize("left", [1.0, 30.0, 120.0, 3000.0])
@pytest.mark.parametrize("pretrained", [(), ("resnet18",)])
def test_all_epochs_fit_into_half_of_the_time_or_there_is_one(train, left, pretrained):
    plan = planned(train=train, left=left, pretrained=pretrained)
    epochs, weights = plan.settings["epochs"], plan.settings["weights"]
    assert 1 <= epochs <= MAX_EPOCHS[weights]
    assert epochs == 1 or plan.planned_seconds <= 0.5 * left
    assert plan.planned_seconds == pytest.approx(epochs * plan.seconds_an_epoch, rel=0.01, abs=0.1)


def test_no_more_epochs_than_help():
    plan = planned(train=1600, left=100000.0, probe=0.001)
    assert plan.settings["epochs"] * 50 <= 2 * ENOUGH_STEPS["none"] + 50


@pytest.mark.parametrize(
    ("train", "left", "expected"),
    [
        (160, 1000.0, {"freeze_epochs": 4}),
        (160, 16.0, {"freeze_epochs": 3}),
        (160, 1.0, {"unfreeze": "never"}),
    ],
)
def test_a_pretrained_network_answers_first_with_its_head_alone(train, left, expected):
    settings = planned(train=train, left=left, pretrained=(LITE,), probe=0.05).settings
    assert {key: settings[key] for key in expected} == expected
    assert ("unfreeze" in settings) is (settings["epochs"] == 1)


def test_a_network_from_scratch_has_no_frozen_stage():
    assert not {"freeze_epochs", "unfreeze"} & planned().settings.keys()


def test_an_average_of_the_weights_needs_steps():
    assert planned(left=100000.0).settings["ema"] > 0
    assert planned(train=24, left=1.0).settings["ema"] == 0


# ---- what it says


def test_every_setting_has_a_reason_and_is_one_of_train():
    for plan in (planned(), planned(probe=9.0), planned(machine=GPU, pretrained=("resnet18",))):
        recipe = Recipe(name="own", title="", classes={"a": ["mass"], "b": ["covid_19"]})
        check_train(Train(**plan.settings), "the plan", recipe)
        assert all(choice.why and choice.name in SETTINGS for choice in plan.choices)


@pytest.mark.parametrize(
    ("case", "name", "words"),
    [
        (dict(), "epochs", "a step took 0.225 s here, so an epoch takes 2.4 s, all of them"),
        (dict(probe=9.0, left=10.0), "epochs", "does not fit into the 10 s that are left"),
        (dict(), "weights", "no ImageNet weights lie on this machine"),
        (dict(pretrained=("resnet18",)), "weights", "ImageNet's weights lie on this machine"),
        (dict(probe=9.0), "arch", "the plain baseline: on 2 cores"),
        (dict(machine=GPU, probe=0.001), "arch", "for 160 train images on the GPU (H100)"),
        (dict(), "size", "the largest of 128, 96, 64 of which 150 steps fit into 60 s"),
        (dict(probe=9.0), "size", "12 of 150 steps that are enough fit into 60 s"),
        (
            dict(probe=2.0, pretrained=("resnet18",)),
            "size",
            "50 steps would be enough, and 28 of them fit into 60 s; no other side of 128, 96, 64",
        ),
        (dict(), "bs", "10 steps an epoch of 160 train images"),
    ],
)
def test_reasons_are_numbers_of_this_machine(case, name, words):
    plan = planned(**case)
    (why,) = [choice.why for choice in plan.choices if choice.name == name]
    assert words in why
    assert words in str(plan)


def test_a_plan_goes_through_json():
    plan = planned()
    stored = json.loads(json.dumps(plan.to_dict()))
    assert Plan.from_dict(stored) == plan
