"""Union-find: what belongs together, from pairs."""

import random

from cxr_fastai.disjoint_sets import DisjointSets


def test_a_member_that_was_never_joined_is_its_own_root():
    sets = DisjointSets()
    assert sets.find("a") == "a" and sets.find(("link", 3)) == ("link", 3)


def test_joined_members_have_one_root_through_a_chain():
    sets = DisjointSets()
    for a, b in ((1, 2), (3, 4), (2, 3)):
        sets.join(a, b)
    assert {sets.find(x) for x in (1, 2, 3, 4)} == {1}
    assert sets.find(5) == 5


def test_the_root_of_the_first_is_kept():
    sets = DisjointSets()
    assert sets.join("a", "b") == "a"
    assert sets.join("c", "b") == "c"
    assert [sets.find(x) for x in "abc"] == ["c", "c", "c"]


def test_joining_again_changes_nothing():
    sets = DisjointSets()
    sets.join("a", "b")
    assert sets.join("b", "a") == "a" and sets.join("a", "a") == "a"
    assert sets.find("b") == "a"


def test_a_long_chain_is_no_recursion_and_equals_a_plain_walk_of_the_graph():
    chain = DisjointSets()
    for i in range(20_000):
        chain.join(i + 1, i)
    assert chain.find(0) == 20_000

    draw = random.Random(3)
    pairs = [(draw.randrange(60), draw.randrange(60)) for _ in range(45)]
    sets = DisjointSets()
    for a, b in pairs:
        sets.join(a, b)
    colour = list(range(60))
    for _ in range(60):
        for a, b in pairs:
            colour[a] = colour[b] = min(colour[a], colour[b])
    for a in range(60):
        for b in range(60):
            assert (sets.find(a) == sets.find(b)) == (colour[a] == colour[b])
