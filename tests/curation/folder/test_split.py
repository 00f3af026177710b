"""pytest tests/curation/folder/test_split.py"""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_fastai.core import sha256_text
from cxr_fastai.curation.folder.split import (
    TIE,
    Radiograph,
    assign_splits,
    connect,
    least_held_out,
)


def one(i, links=(), stratum="s|a", source="s", official=(), classes="a"):
    return Radiograph(
        id=sha256_text(str(i)),
        links=frozenset(links),
        stratum=stratum,
        source=source,
        official=frozenset(official),
        classes=frozenset(classes),
    )


draws = st.lists(
    st.tuples(
        st.integers(0, 30), st.sampled_from("ab"), st.sampled_from(["", "", "", "test", "train"])
    ),
    min_size=1,
    max_size=120,
)
radiographs = draws.map(
    lambda xs: [
        one(i, [f"p{p}"], f"s|{a}", "s", [o] if o else []) for i, (p, a, o) in enumerate(xs)
    ]
)


@settings(max_examples=60, deadline=None)
@given(radiographs, st.integers(0, 3), st.randoms())
def test_no_group_crosses_splits_and_the_order_does_not_matter(rs, seed, rnd):
    got = assign_splits(rs, seed)
    home = {}
    for r in rs:
        for link in r.links:
            assert home.setdefault(link, got[r.id]) == got[r.id]
    shuffled = rs[:]
    rnd.shuffle(shuffled)
    assert assign_splits(shuffled, seed) == got


@settings(max_examples=60, deadline=None)
@given(radiographs)
def test_official_test_images_are_test_and_nothing_else_of_their_source_is(rs):
    got = assign_splits(rs)
    official = {link for r in rs if "test" in r.official for link in r.links}
    for r in rs:
        if official:
            assert (got[r.id][1] == "test") == bool(r.links & official)


def test_eighty_ten_ten_in_every_stratum():
    rs = [one(i, [f"p{i // 3}"], f"s|{i // 3 % 4}") for i in range(3000)]
    got = assign_splits(rs)
    for k in range(4):
        n = Counter(got[r.id][1] for r in rs if r.stratum == f"s|{k}")
        assert (
            abs(n["test"] - 75) <= 42 and abs(n["valid"] - 75) <= 42 and sum(n.values()) == 750
        )  # 3 deviations


def test_a_small_class_reaches_every_split():
    for n in (3, 4, 5, 10):
        for seed in range(200):
            got = Counter(s for _, s in assign_splits([one(i) for i in range(n)], seed).values())
            assert got["valid"] >= 1 and got["test"] >= 1 and got["train"] >= 1


def test_a_tie_to_a_source_with_a_test_set_of_its_own_locks_that_group_alone():
    rs = [one(i, [f"p{i}"]) for i in range(400)]
    other = [one("k0", ["k0"], "k|a", "k"), one("k1", ["k1"], "k|a", "k", official=["test"])]
    tied = [
        Radiograph(r.id, r.links | {f"{TIE}1"}, r.stratum, r.source, r.official, r.classes)
        for r in (rs[0], other[0])
    ]
    before = assign_splits(rs)
    after = assign_splits([tied[0], *rs[1:], tied[1], other[1]])
    assert after[rs[0].id][1] != "test" and {before[r.id][1] for r in rs} == {
        "train",
        "valid",
        "test",
    }
    assert all(after[r.id][1] == before[r.id][1] for r in rs[1:])


def test_two_groups_are_trained_on():
    assert {s for _, s in assign_splits([one(0), one(1)]).values()} == {"train"}


def test_links_reach_across_sources_and_chains():
    rs = [
        one(0, ["nih:1"], source="a"),
        one(1, ["nih:1", "x"], source="b"),
        one(2, ["x"], source="c"),
        one(3, ["nih:2"], source="a"),
    ]
    assert sorted(len(m) for m in connect(rs).values()) == [1, 3]


def test_train_only_images_give_way_to_an_official_test_image_of_their_patient():
    got = assign_splits([one(0, ["p"], official=["train"]), one(1, ["p"], official=["test"])])
    assert {s for _, s in got.values()} == {"test"}


def test_another_seed_gives_another_split():
    rs = [one(i) for i in range(200)]
    assert assign_splits(rs, 0) != assign_splits(rs, 1)


@pytest.mark.parametrize("seed", range(3))
def test_a_group_keeps_its_split_whatever_else_is_curated(seed):
    "Another recipe's sources bring other patients and copies without a name, and take images away."
    rs = [one(i, [f"p{i // 2}"], f"s|{i // 2 % 3}") for i in range(900)]
    full = assign_splits(rs, seed)
    home = {link: full[r.id][1] for r in rs for link in r.links}
    kept = [r for i, r in enumerate(rs) if random.Random(i).random() < 0.6]
    others = [one(f"other {i}", [f"p{i}"] if i % 2 else [], "t|a", "t") for i in range(50)]
    got = assign_splits([*kept, *others], seed)
    assert all(got[r.id][1] == home[link] for r in kept for link in r.links)
    assert set(home.values()) == {"train", "valid", "test"}


def test_a_group_larger_than_the_share_of_a_test_set_is_trained_on():
    rs = [one(i, ["big"] if i < 50 else []) for i in range(100)]
    assert assign_splits(rs)[rs[0].id][1] == "train"


@pytest.mark.parametrize("seed", range(8))
def test_a_split_stays_empty_rather_than_take_a_group_that_is_too_large(seed):
    rs = [one(i, [f"p{min(i // 5, 2)}"]) for i in range(11)]  # groups of 5, 5 and 1
    got = assign_splits(rs, seed)
    assert {got[r.id][1] for r in rs[:10]} == {"train"}


# ---- no class of too few groups


def groups_of(radiographs, got):
    "Class -> split -> groups."
    seen = {}
    for r in radiographs:
        for label in r.classes:
            group, split = got[r.id]
            seen.setdefault(label, {}).setdefault(split, set()).add(group)
    return {
        label: Counter({split: len(names) for split, names in splits.items()})
        for label, splits in seen.items()
    }


@pytest.mark.parametrize("n, least", [(2, 0), (3, 1), (9, 1), (10, 2), (24, 4), (25, 5), (900, 5)])
def test_a_class_of_25_groups_has_5_of_them_in_valid_and_in_test(n, least):
    assert least_held_out(n) == least


@pytest.mark.parametrize("n", [3, 12, 24, 25, 26, 45, 60, 100])
def test_a_class_has_its_least_groups_in_valid_and_test_with_every_seed(n):
    rs = [one(i) for i in range(n)] + [one(f"b{i}", classes="b", stratum="s|b") for i in range(300)]
    for seed in range(100):
        got = groups_of(rs, assign_splits(rs, seed))["a"]
        assert min(got["valid"], got["test"]) >= least_held_out(n)
        assert got["train"] >= 0.4 * n or n == 3


sizes = st.lists(st.integers(1, 12), min_size=25, max_size=70)


@settings(max_examples=60, deadline=None)
@given(st.tuples(sizes, sizes), st.integers(0, 1000), st.integers(1, 4))
def test_classes_of_uneven_groups_and_many_strata_have_5_groups_in_valid_and_test(
    both, seed, strata
):
    "Whatever the patients' numbers of images, and however small the strata that a class is made of."
    rs = []
    for label, images in zip("ab", both):
        for patient, n in enumerate(images):
            for i in range(n):
                stratum = f"s|{label}{patient % strata}"
                key = f"{label}{patient}"
                rs.append(one(f"{key} {i}", [key], stratum, classes=label))
    for counts in groups_of(rs, assign_splits(rs, seed)).values():
        assert counts["valid"] >= 5 and counts["test"] >= 5 and counts["train"] >= 10


def test_a_class_of_strata_of_two_groups_is_tested_on():
    rs = [one(i, stratum=f"s{i // 2}|a") for i in range(30)]
    assert groups_of(rs, assign_splits(rs))["a"] == {"train": 20, "valid": 5, "test": 5}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sets(st.sampled_from("abcd"), min_size=1), min_size=40, max_size=120))
def test_images_of_several_classes_count_in_each(labels):
    rs = [one(i, classes=classes) for i, classes in enumerate(labels)]
    for counts in groups_of(rs, assign_splits(rs)).values():
        if counts.total() >= 25:
            assert counts["valid"] >= 5 and counts["test"] >= 5


def test_many_rare_classes_do_not_take_train_apart():
    for seed in range(30):
        rs = [one(i, classes={f"c{i % 20}", f"d{i % 13}"}) for i in range(100)]
        splits = Counter(split for _, split in assign_splits(rs, seed).values())
        unfilled = [one(i, classes="") for i in range(100)]
        drawn = Counter(split for _, split in assign_splits(unfilled, seed).values())
        for split in ("valid", "test"):
            assert splits[split] <= max(20, drawn[split])


def test_the_shares_are_near_80_10_10_on_average():
    totals = Counter()
    for seed in range(60):
        rs = [one(i, [f"p{i // 2}"]) for i in range(600)]
        totals.update(split for _, split in assign_splits(rs, seed).values())
    n = totals.total()
    assert abs(totals["test"] / n - 0.1) < 0.01 and abs(totals["valid"] / n - 0.1) < 0.01


def test_a_class_that_has_enough_moves_no_group():
    rs = [one(i) for i in range(200)]
    unfilled = [one(i, classes="") for i in range(200)]  # no class: nothing is filled
    assert assign_splits(rs, 3) == assign_splits(unfilled, 3)


def test_what_fills_up_is_next_in_the_order_of_the_draw():
    "Another recipe that has the same class, with other images beside it, deals it alike."
    rs = [one(i) for i in range(30)]
    others = [one(f"o{i}", stratum="t|b", source="t", classes="b") for i in range(77)]
    for seed in range(20):
        alone = assign_splits(rs, seed)
        got = assign_splits([*others, *rs], seed)
        assert all(got[r.id] == alone[r.id] for r in rs)
        drawn = {r.id: float(int(sha256_text(f"{seed}|{r.id}")[:13], 16)) for r in rs}
        order = sorted(rs, key=lambda r: drawn[r.id])
        held_out = [alone[r.id][1] != "train" for r in order]
        assert held_out == sorted(held_out, reverse=True)


def test_an_official_test_set_is_as_it_is_and_validation_is_filled():
    rs = [one(i, official=["test"] if i < 2 else []) for i in range(40)]
    for seed in range(30):
        got = assign_splits(rs, seed)
        assert {r.id for r in rs if got[r.id][1] == "test"} == {rs[0].id, rs[1].id}
        assert groups_of(rs, got)["a"]["valid"] >= 5


def test_no_group_is_moved_that_another_class_learns_from_alone():
    rs = [one(i) for i in range(24)] + [one("both", classes="ab")]
    for seed in range(50):
        assert groups_of(rs, assign_splits(rs, seed))["a"]["test"] >= 5
    rare = [one(i, classes="ab" if i < 2 else "a") for i in range(25)]
    for seed in range(50):
        filled = assign_splits(rare, seed)
        drawn = assign_splits([one(i, classes="") for i in range(25)], seed)
        moved = [r for r in rare if filled[r.id] != drawn[r.id]]
        trained = [r for r in rare if filled[r.id][1] == "train" and "b" in r.classes]
        assert trained or not any("b" in r.classes for r in moved)
