"""pytest tests/gate/test_stored.py"""

import json

import numpy as np
import pytest
from gate_films import films, small_gate
from safetensors.numpy import load, save

from cxr_fastai.core import IntegrityError
from cxr_fastai.gate import gate_bytes, gate_of
from cxr_fastai.gate.stored import FACTS


def test_a_gate_that_was_read_judges_as_the_one_that_was_written():
    gate = small_gate()
    again = gate_of(gate_bytes(gate), "gate.safetensors")
    pictures = np.concatenate([films(20, 9000), 255 - films(20, 9000)])
    assert again.judge_thumbnails(pictures) == gate.judge_thumbnails(pictures)
    assert again.facts == json.loads(json.dumps(gate.facts))
    assert gate_bytes(again) == gate_bytes(gate)


def changed(key=None, value=None, array=None, drop=None) -> bytes:
    arrays = dict(load(gate_bytes(small_gate())))
    told = json.loads(arrays[FACTS].tobytes())
    if key:
        told[key] = value
    arrays[FACTS] = np.frombuffer(json.dumps(told).encode(), np.uint8)
    arrays.update(array or {})
    if drop:
        del arrays[drop]
    return save(arrays)


@pytest.mark.parametrize(
    ("spoiled", "says"),
    [
        (lambda: b"", "is no safetensors file"),
        (lambda: b"\0" * 4096, "is no safetensors file"),
        (lambda: gate_bytes(small_gate())[:-1], "is no safetensors file"),
        (lambda: changed(drop="axes"), "array 'axes' is missing"),
        (lambda: changed(drop=FACTS), "array 'facts' is missing"),
        (lambda: changed("version", 2), "a gate of version 2, this library reads version 1"),
        (lambda: changed("kinds", ["", "knee"]), "kinds that are not known"),
        (lambda: changed("kinds", []), "its kinds are not"),
        (lambda: changed("odds_limit", "0"), "odds_limit is no number"),
        (lambda: changed("distance_limit", True), "distance_limit is no number"),
        (lambda: changed("least_side", 999), "least_side is not 0 to 64"),
        (lambda: changed("facts", {}), "does not tell how it was fitted"),
        (lambda: changed(array={FACTS: np.zeros(3, np.uint8)}), "its facts are no JSON"),
        (lambda: changed(array={"biases": np.zeros(2, np.float32)}), "array 'biases' is"),
        (lambda: changed(array={"middle": np.full(768, np.nan, np.float32)}), "not finite"),
    ],
)
def test_what_was_tampered_with_is_refused_in_one_line(spoiled, says):
    with pytest.raises(IntegrityError, match=says) as caught:
        gate_of(spoiled(), "gate.safetensors")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("gate.safetensors")
