"""python -m pytest tests/app/test_look.py

What the page shows of one film: answered, abstained, refused, righted, unread.
"""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from gate_films import small_gate
from toy_looks import asked, pixels_of_uri
from toy_rows import META, VOCAB

from cxr_fastai.app.look import NO_HEAT, SOMEBODY, TURN_BACK, film_png, look_of
from cxr_fastai.app.similar import NOT_ASKED, Found
from cxr_fastai.app.told import told_of
from cxr_fastai.bundle import load_bundle, save_bundle
from cxr_fastai.bundle.film_view import FilmView
from cxr_fastai.models.networks import build_network
from cxr_fastai.phantom import draw
from cxr_fastai.serving.ensemble import load_ensemble

FILM = draw("normal", 9200, 128)


def saved(folder, seed=0, gate=None, **meta):
    torch.manual_seed(seed)
    net = build_network("cnn", len(VOCAB))
    return load_bundle(save_bundle(folder, net, {**META, "arch": "cnn", **meta}, gate=gate), "cpu")


@pytest.fixture(scope="module")
def gated(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("gated"), gate=small_gate())


def looked(model, source, name="a.png", right=False, **more):
    row, film = asked(model, source, name, right=right)
    look = look_of(told_of(model), row, film, 0.1234, right=right, **more)
    return json.loads(json.dumps(look, allow_nan=False))


def test_an_answer_has_its_film_its_classes_and_its_words(gated):
    look = looked(gated, FILM)
    assert np.array_equal(pixels_of_uri(look["film"]), FILM)
    assert (look["width"], look["height"]) == (128, 128) and look["seconds"] == 0.123
    label = look["row"]["label"]
    assert [one["is_answer"] for one in look["classes"]] == [True, False]
    assert look["classes"][0]["name"] == label
    assert look["classes"][0]["prob"] == max(look["row"]["probs"].values())
    words = look["words"]
    assert words["headline"] == gated.display[label] and words["kind"] in ("found", "negative")
    assert look["row"]["decision"] == f"{words['headline']}: {words['detail']}"
    assert words["film"] == "Shown as decoded: 128 x 128 px."
    assert words["righted"] == words["do"] == words["heat"] == "" and not words["can_right"]
    assert words["research"] == "Research only, not a medical device."
    assert words["similar"] == NOT_ASKED and look["similar"] == []


def test_a_refused_film_says_why_and_that_it_can_be_turned_back(gated):
    look = looked(gated, np.rot90(FILM))
    words = look["words"]
    assert words["kind"] == "refused" and words["headline"] == "No answer"
    assert words["detail"] == "It looks turned by 90 degrees, its head to the left: not answered"
    assert words["can_right"] and words["do"] == f"{SOMEBODY} {TURN_BACK}"
    assert words["heat"] == NO_HEAT and look["classes"] == []
    assert words["line"] == "no answer: turned 90"
    assert np.array_equal(pixels_of_uri(look["film"]), np.rot90(FILM))
    assert "--right" not in json.dumps(words)


def test_noise_cannot_be_turned_back(gated):
    noise = np.random.default_rng(0).integers(0, 256, (128, 128), np.uint8)
    words = looked(gated, noise)["words"]
    assert words["kind"] == "refused" and words["do"] == SOMEBODY and not words["can_right"]


def test_a_righted_film_is_shown_as_it_was_answered(gated):
    tall = np.pad(FILM, ((10, 10), (0, 0)), mode="edge")  # 148 x 128
    turned = 255 - np.rot90(tall)
    look = looked(gated, turned, right=True)
    words = look["words"]
    assert set(look["row"]["righted"]) == {"turned_90", "inverted"}
    assert np.array_equal(pixels_of_uri(look["film"]), tall)
    assert (look["width"], look["height"]) == (128, 148)
    assert words["film"] == "Shown turned or inverted back: 128 x 148 px."
    assert words["righted"].startswith("Righted first: it looked ")
    assert "righted first" not in words["detail"] and words["detail"] in look["row"]["decision"]
    assert not words["can_right"]


def test_what_was_righted_in_vain_is_shown_turned_back(gated):
    row, film = asked(gated, np.rot90(FILM))
    film = replace(film, answer=replace(film.answer, view=FilmView(FILM, ("turned_90",))))
    look = look_of(told_of(gated), row, film, 0.1, right=True)
    assert look["words"]["kind"] == "refused" and look["words"]["do"] == SOMEBODY
    assert "turned or inverted back" in look["words"]["film"]


def test_a_file_that_is_no_film_has_the_same_shape(gated):
    good, bad = looked(gated, FILM), looked(gated, b"<html>", "scan.png")
    assert bad.keys() == good.keys() and bad["words"].keys() == good["words"].keys()
    assert bad["film"] == "" and bad["width"] == bad["height"] == 0
    words = bad["words"]
    assert (
        words["kind"] == "unread" and words["headline"] == "Not read" == words["line"].capitalize()
    )
    assert words["detail"] and not words["detail"].startswith("scan.png")
    assert words["do"] == words["film"] == "" and words["heat"] == NO_HEAT
    assert bad["csv"].startswith("scan.png,")


def test_a_large_film_is_reduced_and_says_so(gated):
    large = np.kron(FILM, np.ones((9, 10), np.uint8))  # 1,152 x 1,280
    look = looked(gated, large)
    assert pixels_of_uri(look["film"]).shape == (922, 1024)
    assert (look["width"], look["height"]) == (1280, 1152)
    assert (
        look["words"]["film"] == "Shown as decoded: 1,280 x 1,152 px, here reduced to 1,024 x 922."
    )


def test_an_answer_held_back_says_so_and_has_a_heat(tmp_path):
    bundle = saved(tmp_path / "b", thresholds=dict.fromkeys(VOCAB, 0.999))
    words = looked(bundle, FILM)["words"]
    assert words["kind"] == "no-answer" and words["headline"] == "No answer"
    assert "below its own threshold" in words["detail"]
    assert words["do"] == SOMEBODY and words["heat"] == ""


def test_thresholds_stand_beside_their_classes(tmp_path):
    bundle = saved(tmp_path / "b", thresholds={"normal": 0.25})
    found = {one["name"]: one["threshold"] for one in looked(bundle, FILM)["classes"]}
    assert found == {"normal": 0.25, "covid_19": None}


def test_a_finding_without_a_fixed_threshold_shows_the_one_that_stands_in(tmp_path):
    bundle = saved(tmp_path / "b", task="multi_label", thresholds={"normal": 0.25})
    look = looked(bundle, FILM)
    assert {one["name"]: one["threshold"] for one in look["classes"]} == {
        "normal": 0.25,
        "covid_19": 0.5,
    }
    for one in look["classes"]:
        assert one["is_answer"] == (one["prob"] >= one["threshold"])


def test_a_risk_stands_in_the_line_and_orders_the_worklist(tmp_path):
    recipe = {"name": "toy", "classes": {"covid_19": ["covid_19"], "normal": ["no_finding"]}}
    bundle = saved(tmp_path / "b", recipe=recipe)
    films = [looked(bundle, draw("normal", n, 64), f"{n}.png") for n in range(3)]
    films.append(looked(bundle, b"x", "bad.png"))
    for film in films[:3]:
        risk = 1 - film["row"]["probs"]["normal"]
        assert film["row"]["risk"] == pytest.approx(risk)
        assert film["words"]["line"].endswith(f"risk {risk:.2f}")
    in_order = sorted(films, key=lambda film: film["order"])
    assert in_order[0]["row"]["path"] == "bad.png"
    risks = [film["row"]["risk"] for film in in_order[1:]]
    assert risks == sorted(risks, reverse=True)
    assert all(len(film["order"]) == 4 for film in films)


def test_several_findings_are_all_answers_and_none_is_one(tmp_path):
    every = saved(tmp_path / "a", task="multi_label", thresholds=dict.fromkeys(VOCAB, 0.0))
    look = looked(every, FILM)
    assert all(one["is_answer"] for one in look["classes"])
    assert look["words"]["headline"] == ", ".join(every.display[n] for n in VOCAB)
    none = saved(tmp_path / "b", task="multi_label", thresholds=dict.fromkeys(VOCAB, 1.0))
    look = looked(none, FILM)
    assert not any(one["is_answer"] for one in look["classes"])
    assert (
        look["words"]["headline"] == "None of the findings" and look["words"]["kind"] == "negative"
    )


def test_an_ensemble_has_the_least_and_greatest_of_each_class(tmp_path):
    model = load_ensemble([saved(tmp_path / "a", 0), saved(tmp_path / "b", 1)])
    for one in looked(model, FILM)["classes"]:
        assert one["low"] <= one["prob"] <= one["high"]


def test_notes_are_sentences(gated):
    look = looked(gated, np.ascontiguousarray(FILM[::3, ::3]))
    assert look["words"]["notes"] == ["tiny: Less than 64 pixels on a side."]


def test_what_others_found_is_handed_on(gated):
    found = Found("The 1 nearest", [{"film": "", "label": "normal"}])
    look = looked(gated, FILM, found=found, no_heat="no torch here")
    assert look["words"]["similar"] == "The 1 nearest" and look["similar"] == list(found.films)
    assert look["words"]["heat"] == "no torch here"


def test_the_png_is_lossless_and_says_nothing_else():
    data = film_png(FILM)
    assert data == film_png(FILM.copy())
    assert b"tEXt" not in data and b"eXIf" not in data and b"tIME" not in data
