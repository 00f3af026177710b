"""pytest tests/probes/test_source_words.py: P8 and P9 in words, long and short"""

from cxr_fastai.probes.source_words import grounds_of, unseen_words, within_words
from cxr_fastai.probes.sources import SourceWithinClass, Unseen
from cxr_fastai.probes.targets import Told
from cxr_fastai.probes.verdict import Verdict

FAIL, WARN, PASS, CANNOT = Verdict.FAIL, Verdict.WARN, Verdict.PASS, Verdict.CANNOT_TELL


def told(auroc, interval):
    return Told(auroc, interval, 30, 200, {"north": auroc}, [])


def of_class(label, verdict, **by):
    return SourceWithinClass(label, ["north", "south"], by, verdict)


def of_source(source, verdict, unseen):
    return Unseen(
        source=source,
        classes=["ill"],
        left_out=[],
        per_class={},
        seen=0.9,
        seen_interval=[0.85, 0.95],
        unseen=unseen,
        unseen_interval=None if unseen is None else [unseen - 0.1, unseen + 0.1],
        groups=40,
        films=90,
        verdict=verdict,
    )


STRONG = of_class(
    "well",
    FAIL,
    border=told(0.95, [0.93, 0.97]),
    spectrum=told(0.8, [0.7, 0.9]),
    thumbnail=told(None, None),
)


def test_a_class_is_told_by_the_feature_that_tells_its_sources_best():
    assert STRONG.best == ("border", STRONG.told["border"])
    assert of_class("ill", CANNOT).best is None
    assert within_words([STRONG], 2) == (
        "The films of one class betray their source: well 0.950 (0.930 to 0.970)."
    )


def test_few_groups_and_a_wide_interval_are_told_apart():
    few = of_class("few", CANNOT)
    wide = of_class("wide", CANNOT, border=told(0.7, [0.4, 0.9]))
    assert within_words([few], 2) == (
        "It cannot be told of few: fewer than 20 patients or groups of two sources."
    )
    assert within_words([wide], 2) == "It cannot be told of wide: too wide an interval."


def test_the_grounds_are_the_gravest_of_each_probe_and_none_where_neither_is_grave():
    south, north = of_source("south", PASS, 0.8), of_source("north", FAIL, 0.4)
    assert grounds_of([STRONG], [south, north], FAIL) == [
        "within well alone the border tells the source (P8, AUROC 0.950)",
        "on north as an unseen source, 16x16 gray squares rank the classes at AUROC 0.400 where "
        "they had 0.900 (P9)",
    ]
    assert grounds_of([], [], FAIL) == ["no class stands in two sources (P9)"]
    assert grounds_of([of_class("well", PASS)], [south], PASS) == []


def test_nothing_to_ask_is_said_with_its_reason():
    two = [of_source("south", CANNOT, None), of_source("north", CANNOT, None)]
    assert "one source" in unseen_words(two[:1], True, "it") and "one source" in within_words([], 1)
    assert "each class is its source" in unseen_words(two, False, "it")
    assert unseen_words(two, True, "it").startswith("No source has 20 patients")
