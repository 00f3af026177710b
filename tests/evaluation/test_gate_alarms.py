"""pytest tests/evaluation/test_gate_alarms.py"""

from pathlib import Path

import numpy as np
from gate_films import films, small_gate

from cxr_fastai.evaluation.gate_alarms import GateAlarms, Watching

UPRIGHT = films(5, 9000)
PICTURES = {
    Path("a1"): UPRIGHT[0],
    Path("a2"): 255 - UPRIGHT[1],
    Path("b1"): UPRIGHT[2],
    Path("b2"): np.rot90(UPRIGHT[3], 2).copy(),
    Path("c1"): UPRIGHT[4],
}
SOURCES = {path: path.name[0] for path in PICTURES}


def test_films_pass_as_they_are_and_refusals_are_counted_by_source_and_kind():
    watching = Watching(small_gate(), PICTURES.__getitem__)
    for path in reversed(PICTURES):
        assert watching.decode(path) is PICTURES[path]
    alarms = watching.alarms(SOURCES)
    assert (alarms.n, alarms.refused) == (5, 2)
    assert alarms.by_kind == {"inverted": 1, "turned_180": 1}
    assert alarms.to_dict()["by_source"] == [
        {"source": "a", "n": 2, "refused": 1},
        {"source": "b", "n": 2, "refused": 1},
        {"source": "c", "n": 1, "refused": 0},
    ]
    assert alarms.says == (
        "The gate would refuse 2 of 5 films, by source: a 1 of 2 (50 %), b 1 of 2 (50 %). "
        "The scores are of all films."
    )


def test_without_a_gate_nothing_is_counted():
    watching = Watching(None, PICTURES.__getitem__)
    assert watching.decode(Path("a1")) is PICTURES[Path("a1")]
    assert watching.alarms(SOURCES) is None


def test_no_refusal_is_one_short_sentence():
    assert GateAlarms(3, 0, {}, []).says == "The gate would refuse 0 of 3 films."
