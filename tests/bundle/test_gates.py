"""pytest tests/bundle/test_gates.py"""

import hashlib
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from gate_films import DRAWN_AT, small_gate
from toy_bundles import META

from cxr_fastai.bundle import load_bundle, save_bundle
from cxr_fastai.bundle.gates import (
    GATE,
    doubt_line,
    gates_of,
    no_gate_line,
    righted_words,
    screen,
)
from cxr_fastai.core import IntegrityError, UsageError
from cxr_fastai.gate import gate_bytes
from cxr_fastai.phantom import draw


@pytest.fixture(scope="module")
def gated(net, tmp_path_factory):
    return save_bundle(tmp_path_factory.mktemp("gated") / "bundle", net, META, gate=small_gate())


@pytest.fixture(scope="module")
def bundle(gated):
    return load_bundle(gated, "cpu")


def film(seed=9100):
    return draw("normal", seed, 2 * DRAWN_AT)


def noise():
    return np.random.default_rng(0).integers(0, 256, (90, 90), np.uint8)


def test_a_bundle_carries_its_gate_with_what_is_known_of_it(gated, bundle):
    record = json.loads((gated / "bundle.json").read_text())["gate"]
    data = (gated / GATE).read_bytes()
    assert data == gate_bytes(small_gate())
    assert record["sha256"] == hashlib.sha256(data).hexdigest()
    assert record["promise"] == small_gate().promise
    assert bundle.gate.judge(film()) == small_gate().judge(film())


def test_a_film_is_answered_as_without_the_gate(bundle):
    told = bundle.predict(film())
    assert told.label is not None and told.gate == "" and told.righted == ()
    assert told.probs == bundle.predict(film(), gate=False).probs


@pytest.mark.parametrize(
    ("picture", "kind"),
    [
        (noise, "not_a_chest_film"),
        (lambda: 255 - film(), "inverted"),
        (lambda: np.rot90(film()), "turned_90"),
        (lambda: film()[:40, :40], "too_small"),
    ],
)
def test_what_is_no_upright_film_is_refused_with_the_reason(bundle, picture, kind):
    told = bundle.predict(np.ascontiguousarray(picture()))
    assert told.label is None and told.abstained and told.probs == {} and told.risk is None
    assert told.gate == kind
    assert told.decision == f"no answer: {told.reason}"
    assert ("--right (Python: right=True)" in told.reason) == (kind in ("inverted", "turned_90"))
    assert "not answered" in told.reason


def test_who_switches_the_gate_off_is_answered(bundle):
    told = bundle.predict(noise(), gate=False)
    assert told.label is not None and told.gate == ""


@pytest.mark.parametrize(
    ("spoil", "kinds"),
    [
        (lambda x: np.rot90(x, 2), ("turned_180",)),
        (lambda x: 255 - x, ("inverted",)),
        (lambda x: 255 - np.rot90(x, 3), ("inverted", "turned_270")),
    ],
)
def test_a_righted_film_has_the_answer_of_the_upright_one_and_says_so(bundle, spoil, kinds):
    upright = bundle.predict(film())
    told = bundle.predict(np.ascontiguousarray(spoil(film())), right=True)
    assert told.probs == upright.probs
    assert told.righted == kinds
    assert told.decision == f"{upright.decision}; {righted_words(kinds)}"
    shown = told.show().axes[0].images[0].get_array()
    assert np.array_equal(shown, film())


def test_what_cannot_be_righted_stays_refused(bundle):
    told = bundle.predict(noise(), right=True)
    assert told.gate == "not_a_chest_film" and told.righted == ()


def test_nothing_can_be_righted_without_a_gate(bundle, loaded):
    with pytest.raises(UsageError, match="do not switch it off"):
        bundle.predict(film(), gate=False, right=True)
    with pytest.raises(UsageError, match="has no gate"):
        loaded.predict(film(), right=True)


def test_a_bundle_of_before_answers_and_it_is_said(loaded):
    assert loaded.gate is None
    assert loaded.predict(noise()).label is not None
    assert "\n" not in no_gate_line(loaded.path)


def test_a_weak_gate_is_said_and_another_is_not(loaded):
    weak = small_gate()
    assert doubt_line("runs/a", weak) == f"the gate of runs/a: {weak.promise}"
    assert doubt_line("runs/a", replace(weak, facts={**weak.facts, "weak": False})) == ""
    assert doubt_line(loaded.path, None) == no_gate_line(loaded.path)


def test_a_notebook_shows_what_is_promised(bundle):
    assert small_gate().promise in bundle._repr_html_()


def test_of_several_gates_each_must_let_a_film_pass():
    strict = replace(small_gate(), odds_limit=-1e6)
    assert screen([small_gate()], film()).refused is None
    assert screen([small_gate(), strict], film()).refused is not None
    assert screen([], noise()).refused is None
    assert gates_of([small_gate(), None], ["a", "b"]) == [small_gate()]
    with pytest.raises(LookupError):
        _ = screen([], noise()).refusal


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda folder: (folder / GATE).unlink(), "is missing: the bundle is not whole"),
        (lambda folder: (folder / GATE).write_bytes(b"\0"), "The gate was damaged or replaced"),
    ],
)
def test_a_gate_that_is_gone_or_changed_is_refused(net, tmp_path, spoil, says):
    folder = save_bundle(tmp_path / "bundle", net, META, gate=small_gate())
    spoil(folder)
    with pytest.raises(IntegrityError, match=says):
        load_bundle(folder, "cpu")


def test_a_bundle_that_is_replaced_by_one_without_a_gate_keeps_none(net, tmp_path):
    folder = save_bundle(tmp_path / "bundle", net, META, gate=small_gate())
    kept = load_bundle(folder, "cpu").meta
    save_bundle(folder, net, kept)
    assert not (folder / GATE).exists()
    assert load_bundle(folder, "cpu").gate is None


def test_a_gate_that_bundle_json_does_not_name_is_refused(gated, tmp_path):
    folder = shutil.copytree(gated, tmp_path / "bundle")
    record = json.loads((folder / "bundle.json").read_text())
    del record["gate"]
    (folder / "bundle.json").write_text(json.dumps(record))
    with pytest.raises(IntegrityError, match="names no gate"):
        load_bundle(folder, "cpu")
    (folder / GATE).unlink()
    assert load_bundle(folder, "cpu").gate is None
