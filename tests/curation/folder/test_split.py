"""pytest tests/curation/test_split.py"""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxr_fastai.core import sha256_text
from cxr_fastai.curation.folder.split import TIE, Radiograph, assign_splits, connect


def one(i, links=(), stratum="s|a", source="s", official=()):
    return Radiograph(sha256_text(str(i)), frozenset(links), stratum, source, frozenset(official))


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
        Radiograph(r.id, r.links | {f"{TIE}1"}, r.stratum, r.source, r.official)
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
