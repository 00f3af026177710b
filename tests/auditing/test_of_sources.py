"""pytest tests/auditing/test_of_sources.py: P8 and P9 in words"""

from dataclasses import replace

from cxr_fastai.auditing.of_sources import ask_unseen, ask_within_classes
from cxr_fastai.probes.sources import SourceWithinClass, Unseen
from cxr_fastai.probes.targets import Told
from cxr_fastai.probes.verdict import Verdict

FAIL, WARN, PASS, CANNOT = Verdict.FAIL, Verdict.WARN, Verdict.PASS, Verdict.CANNOT_TELL
BY_SOURCE = Told(0.9, [0.88, 0.92], 100, 400, {"a": 0.9}, [])
BALANCED = Told(0.51, [0.46, 0.56], 100, 400, {"a": 0.51}, [])
TOLD = Told(0.95, [0.93, 0.97], 30, 200, {"north": 0.95}, [])
NORMAL = SourceWithinClass("normal", ["north", "south"], {"border": TOLD}, FAIL)
FEW = SourceWithinClass("ill", ["north"], {}, CANNOT)
SOUTH = Unseen(
    source="south",
    classes=["ill"],
    left_out=["rare"],
    per_class={"ill": [0.9, 0.3]},
    seen=0.9,
    seen_interval=[0.85, 0.95],
    unseen=0.3,
    unseen_interval=[0.2, 0.4],
    groups=40,
    films=90,
    verdict=FAIL,
)


def test_a_class_whose_films_betray_their_source_is_named_and_so_is_what_cannot_be_told():
    line = ask_within_classes([NORMAL, FEW], BY_SOURCE, 2)
    assert line.verdict is FAIL and line.number == 0.95 and line.do
    assert "normal 0.950 (0.930 to 0.970)" in line.says and "cannot be told of ill" in line.says


def test_it_is_a_warning_where_sources_hold_the_classes_alike():
    line = ask_within_classes([NORMAL], BALANCED, 2)
    assert line.verdict is WARN and "AUROC 0.510 (0.460 to 0.560)" in line.says


def test_one_source_and_no_shared_class_cannot_be_told():
    assert "one source" in ask_within_classes([], BALANCED, 1).says
    line = ask_within_classes([], BY_SOURCE, 2)
    assert line.verdict is CANNOT and "No class stands in two sources" in line.says


def test_an_unseen_score_below_chance_is_told_as_it_is_and_missing_classes_are_named():
    north = replace(SOUTH, source="north", unseen=None, unseen_interval=None, verdict=CANNOT)
    line = ask_unseen([SOUTH, north], True)
    assert line.verdict is FAIL and "south 0.300 (0.200 to 0.400), seen 0.900" in line.says
    assert "south without rare" in line.says and "Not asked" in line.says and "north" in line.says
    assert line.numbers["sources"][0]["per_class"] == {"ill": [0.9, 0.3]}


def test_a_seen_score_that_is_not_known_has_its_reason():
    alone = replace(SOUTH, seen=None, seen_interval=None, verdict=CANNOT)
    north = replace(SOUTH, source="north")
    says = ask_unseen([alone, north], True, "P9n", "the network").says
    assert "south 0.300 (0.200 to 0.400), seen not known (too few films of it" in says


def test_where_nothing_is_shared_nothing_can_be_unseen():
    blank = replace(SOUTH, unseen=None)
    line = ask_unseen([blank, replace(blank, source="north")], False)
    assert line.verdict is FAIL and "no class that the model knows" in line.says
    assert ask_unseen([blank], False).verdict is CANNOT
    assert "nothing to ask" in ask_unseen([blank, blank], True).says
