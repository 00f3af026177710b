"""The graph of links: what is reached from an image, and by which way."""

import numpy as np
import pytest

from cxr_fastai.curation.copies.link_graph import find_steps, reach, told_apart
from cxr_fastai.curation.copies.links import Link

MIRROR = (-1.0, 0.0, 99.0, 0.0, 1.0, 0.0)
SHIFT = (1.0, 0.0, 5.0, 0.0, 1.0, -3.0)


def link(a, b, kind="near", score=0.95, matrix=SHIFT, inliers=50, inverted=False, evidence=1.4):
    return Link(
        a=a,
        b=b,
        kind=kind,
        score=score,
        evidence=evidence,
        inliers=inliers,
        matrix=matrix,
        inverted=inverted,
        overlap=1.0,
    )


def unnamed(pixels):
    return {p: set() for p in pixels}


def test_a_step_back_undoes_a_step():
    steps = find_steps(unnamed("ab"), [link("a", "b")])
    (there,), (back,) = steps["a"], steps["b"]
    assert (there.to, back.to) == ("b", "a")
    assert np.allclose(there.matrix @ back.matrix, np.eye(3))


def test_only_copies_of_images_that_are_here_make_steps():
    links = [link("a", "b", kind="same_patient"), link("a", "gone")]
    assert find_steps(unnamed("ab"), links) == {"a": [], "b": []}


def test_no_chain_of_steps_leads_to_another_patient_of_one_source():
    patients = {"a": {"nih:1"}, "b": set(), "c": {"nih:2"}, "d": {"mhh:2"}}
    links = [link("a", "b", score=0.9), link("b", "c", score=0.8), link("b", "d", score=0.7)]
    for order in (links, links[::-1]):
        steps = find_steps(patients, order)
        assert {p: {s.to for s in steps[p]} for p in patients} == {
            "a": {"b"},
            "b": {"a", "d"},
            "c": set(),
            "d": {"b"},
        }


@pytest.mark.parametrize(
    "some, others, apart",
    [
        ({"nih:1"}, {"nih:2"}, True),
        ({"nih:1", "nih:2"}, {"nih:2"}, False),
        ({"nih:1"}, {"mhh:2"}, False),
        ({"nih:1", "mhh:1"}, {"mhh:2"}, True),
        (set(), {"nih:1"}, False),
    ],
)
def test_patients_are_told_apart_within_one_namespace_only(some, others, apart):
    assert told_apart(some, others) == told_apart(others, some) == apart


def test_the_way_whose_worst_link_is_best_is_taken_and_tells_both_its_steps():
    links = [
        link("a", "c", score=0.87),
        link("a", "b", score=0.99, matrix=MIRROR, inverted=True),
        link("b", "c", score=0.98, inverted=True),
    ]
    ways = reach("a", find_steps(unnamed("abcd"), links))
    assert set(ways) == {"a", "b", "c"}
    assert ways["c"].score == 0.98 and not ways["c"].inverted
    assert np.allclose(ways["c"].matrix @ [0, 0, 1], [104, -3, 1])
    assert ways["a"].score == 1 and np.allclose(ways["a"].matrix, np.eye(3))
