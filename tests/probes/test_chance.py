"""Labels dealt by chance, between groups and never within one."""

import numpy as np

from cxr_fastai.probes.chance import Chance, asks_chance, by_chance, confirmed, exchanged
from cxr_fastai.probes.targets import Told, class_targets, told_by
from cxr_fastai.probes.verdict import Verdict

N = 120


def targets(has, groups):
    return class_targets(
        ["a" if own else "b" for own in has],
        {"a": has, "b": ~has},
        dict.fromkeys("ab", np.zeros(len(has), bool)),
        groups,
    )


def test_groups_of_one_label_exchange_it_whole():
    sizes = [1, 2, 5] * 10
    groups = np.repeat([f"g{i}" for i in range(30)], sizes)
    has = np.repeat(np.arange(30) % 2 == 0, sizes)
    dealt = exchanged(targets(has, groups), np.random.default_rng(0))
    per_group = {name: dealt.has["a"][groups == name] for name in set(groups)}
    assert all(len(set(own.tolist())) == 1 for own in per_group.values())
    assert sum(own[0] for own in per_group.values()) == 15
    assert (dealt.has["a"] != has).any() and (dealt.has["a"] == ~dealt.has["b"]).all()


def test_groups_of_several_labels_exchange_with_those_of_their_size():
    groups = np.repeat([f"g{i}" for i in range(20)], 3)
    has = np.tile([True, False, False, True, True, False], 10)
    dealt = exchanged(targets(has, groups), np.random.default_rng(1)).has["a"]
    blocks = {tuple(own) for own in dealt.reshape(-1, 3).tolist()}
    assert blocks == {(True, False, False), (True, True, False)} and dealt.sum() == has.sum()


def test_true_labels_are_told_better_than_any_by_chance():
    has = np.arange(N) % 2 == 0
    own = targets(has, [f"g{i}" for i in range(N)])
    rng = np.random.default_rng(0)
    features = rng.normal(0, 1, (N, 3)) + has[:, None] * 0.8
    told = told_by(features, own)
    chance = by_chance(features, told, own)
    assert chance.labellings == 20 and abs(chance.mean - 0.5) < 0.06
    assert told.auroc > chance.greatest and confirmed(Verdict.WARN, told, chance)


def test_a_verdict_is_asked_within_a_twentieth_of_its_threshold():
    assert asks_chance(Verdict.FAIL, [0.76, 0.9]) and not asks_chance(Verdict.FAIL, [0.81, 0.9])
    assert asks_chance(Verdict.WARN, [0.65, 0.7]) and asks_chance(Verdict.PASS, [0.4, 0.6])
    assert not asks_chance(Verdict.PASS, [0.4, 0.55])
    assert not asks_chance(Verdict.CANNOT_TELL, [0.6, 0.7]) and not asks_chance(Verdict.FAIL, None)


def test_labels_by_chance_that_are_told_unmake_a_verdict():
    told = Told(0.7, [0.65, 0.74], 50, 100, {"a": 0.7}, [])
    assert not confirmed(Verdict.WARN, told, Chance(0.6, 0.65, 20))
    assert not confirmed(Verdict.WARN, told, Chance(0.5, 0.71, 20))
    assert confirmed(Verdict.PASS, told, Chance(0.5, 0.71, 20))
