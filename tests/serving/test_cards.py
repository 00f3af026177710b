"""pytest tests/serving/test_cards.py

A film and its answer as a card: what it is called, found by, and where it stands among the others.
"""

import re

import pytest
from toy_rows import VOCAB, failed, row

from cxr_fastai.gate.kinds import KINDS
from cxr_fastai.images import NOTES
from cxr_fastai.serving.cards import LONGEST_PATH, Names, card_of, gate_key, reading_key

NAMES = Names({"covid_19": "COVID-19", "normal": "Normal"}, negative="normal")
SEVERAL = Names({"effusion": "Effusion", "mass": "Mass"}, several=True)


def shy(path="a.png", **more):
    reason = "COVID-19, 0.50, is below its own threshold 0.90"
    return row(path, None, abstained=True, reason=reason, decision=f"no answer: {reason}", **more)


def refused(kind):
    reason = f"looks like a {kind} film: not answered"
    plain = row(kind, None, (), abstained=True, reason=reason, decision=f"no answer: {reason}")
    return plain | {"gate": kind}


def test_a_card_says_the_answer_once_and_keeps_the_numbers():
    card = card_of(row(decision="Normal: risk 0.25 is below the threshold 0.80"), 7, NAMES)
    assert (card.badge, card.words) == ("Normal", "risk 0.25 is below the threshold 0.80")
    assert (card.kind, card.keys, card.place) == ("negative", ("class-1",), 7)
    assert [line.name for line in card.lines] == ["Normal", "COVID-19"], "the most probable first"
    assert [line.words for line in card.lines] == ["0.750", "0.250"]
    assert card.risk is None


def test_a_class_that_is_found_is_told_from_that_of_nothing_found():
    card = card_of(row(label="covid_19", decision="COVID-19: because"), 1, NAMES)
    assert (card.kind, card.keys, card.words) == ("found", ("class-0",), "because")


def test_what_could_not_be_read_says_why_without_its_name_twice():
    card = card_of(failed("x/y.png", "x/y.png: a truncated PNG"), 1, NAMES)
    assert (card.badge, card.kind, card.words) == ("not read", "unread", "a truncated PNG")
    assert card.keys == ("unread",) and card.lines == () and card.path == "x/y.png"


def test_an_abstention_says_its_reason():
    card = card_of(shy(), 1, NAMES)
    assert (card.badge, card.kind, card.keys) == ("no answer", "no-answer", ("no-answer",))
    assert card.words == "COVID-19, 0.50, is below its own threshold 0.90"


def test_a_film_of_several_findings_is_found_by_each_and_none_by_none():
    both = row(label="effusion|mass", probs=(), decision="Effusion: ..")
    card = card_of(both | {"probs": {"effusion": 0.9, "mass": 0.7}}, 1, SEVERAL)
    assert card.keys == ("class-0", "class-1") and card.badge == "Effusion, Mass"
    none = row(label="none", probs=(), decision="none of the findings: all 2 are below")
    card = card_of(none | {"probs": {"effusion": 0.1, "mass": 0.2}}, 1, SEVERAL)
    assert (card.keys, card.kind) == (("none",), "negative")
    assert (card.badge, card.words) == ("none of the findings", "all 2 are below")


def test_risk_threshold_and_spread_are_places_on_a_scale_and_words():
    told = row(risk=0.625, threshold=0.5, spread={name: [0.1, 0.9] for name in VOCAB})
    card = card_of(told, 1, NAMES)
    assert (card.risk.words, card.risk.at, card.risk.threshold) == ("0.62", "62.5", "50.0")
    assert {line.spread for line in card.lines} == {"0.10 to 0.90"}
    assert card_of(row(risk=0.2), 1, NAMES).risk.threshold == ""
    names = Names(NAMES.display, thresholds={"normal": 0.5})
    assert [line.threshold for line in card_of(row(), 1, names).lines] == ["0.500", ""]


def test_the_threshold_of_a_class_is_no_mark_on_the_scale_of_risk():
    by_class = Names(NAMES.display, negative="normal", by_risk=False)
    risk = card_of(row(risk=0.25, threshold=0.5), 1, by_class).risk
    assert (risk.words, risk.threshold) == ("0.25", "")


def test_notes_come_with_their_meaning():
    assert card_of(row(notes=["tiny"]), 1, NAMES).notes == (f"tiny: {NOTES['tiny']}",)


def test_a_long_path_is_shown_by_its_end():
    path = "a/" * 2000 + "end.png"
    shown = card_of(row(path), 1, NAMES).path
    assert shown.endswith("/end.png") and len(shown) == LONGEST_PATH + 1 and shown[0] == "…"


@pytest.mark.parametrize("name", ["a b", '"><script>', "class", "", "é" * 99, "x{y}"])
def test_a_key_is_of_letters_and_digits_whatever_the_class_is_called(name):
    names = Names({"first": "First", name: name})
    assert names.key_of(name) == "class-1"


def test_a_class_that_is_called_none_is_no_absence():
    assert Names({"none": "None"}).key_of("none") == "class-0"
    assert SEVERAL.labels == ["effusion", "mass", "none"] and NAMES.labels == list(NAMES.display)


def test_those_without_an_answer_come_first_then_by_risk():
    rows = [
        row("low", risk=0.1),
        row("high", risk=0.9),
        shy("shy", risk=0.3),
        shy("shyer", risk=0.5),
        failed("bad"),
    ]
    order = sorted(rows, key=lambda each: reading_key(each, NAMES))
    assert [each["path"] for each in order] == ["bad", "shyer", "shy", "high", "low"]


def test_what_the_gate_refused_comes_before_other_abstentions_kind_by_kind():
    rows = [shy("shy", risk=0.9), refused("ct"), refused("lateral"), failed("bad")]
    order = sorted(rows, key=lambda each: reading_key(each, NAMES))
    assert [each["path"] for each in order] == ["bad", "lateral", "ct", "shy"]
    card = card_of(refused("lateral"), 1, NAMES)
    assert (card.badge, card.kind) == ("no answer", "no-answer")
    assert card.keys == ("no-answer", gate_key("lateral")) and card.lines == ()
    assert card.words == "looks like a lateral film: not answered"


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_of_each_kind_that_the_gate_refuses_is_of_letters_and_digits(kind):
    assert re.fullmatch(r"gate-\d+", gate_key(kind))


def test_without_a_risk_films_of_a_class_stand_together_the_most_probable_first():
    rows = [
        row("n1", probs=(0.4, 0.6)),
        row("c1", "covid_19", (0.6, 0.4)),
        row("n2", probs=(0.1, 0.9)),
        row("c2", "covid_19", (0.8, 0.2)),
    ]
    order = sorted(rows, key=lambda each: reading_key(each, NAMES))
    assert [each["path"] for each in order] == ["c2", "c1", "n2", "n1"]
