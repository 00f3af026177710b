"""pytest tests/app/test_schemas.py"""

from typing import get_type_hints

import pytest
from jsonschema import Draft202012Validator
from toy_rows import VOCAB, failed, row

from cxr_fastai.app.limits import Limits
from cxr_fastai.app.refusals import REFUSALS
from cxr_fastai.app.refused_answers import example_of
from cxr_fastai.app.schemas import row_schema, schemas
from cxr_fastai.gate.kinds import KINDS
from cxr_fastai.images import NOTES
from cxr_fastai.serving.rows import Row


def checker(name):
    "Validates against a schema, closed: a key that it does not know is an error."
    told = schemas(VOCAB)
    whole = {**told[name], "components": {"schemas": told}, "additionalProperties": False}
    return Draft202012Validator(whole)


def test_every_key_of_a_row_is_described_and_no_other():
    schema = row_schema(VOCAB)
    assert set(schema["properties"]) == set(get_type_hints(Row))
    assert all(len(key["description"]) > 10 for key in schema["properties"].values())
    assert set(schema["required"]) == set(row()), "what row_of always gives"


@pytest.mark.parametrize(
    "given",
    [
        row(),
        failed("a.png"),
        row(risk=0.5, threshold=0.25, notes=list(NOTES)),
        row(label=None, abstained=True, reason="x", gate=next(iter(KINDS))),
        row(righted=["inverted", "turned_90"], coverage=0.9, prediction_set=["normal"]),
        row(prediction_set={"effusion": ["present"]}, spread={"normal": [0.1, 0.2]}),
        row(heat_of="normal", heat_outside=None),
    ],
)
def test_rows_as_they_are_made_fit(given):
    checker("Row").validate(given)


@pytest.mark.parametrize(
    "change",
    [
        {"risk": 1.5},
        {"risk": "0.5"},
        {"label": 1},
        {"probs": {"other": 0.5}},
        {"probs": {"normal": 2}},
        {"notes": ["unheard_of"]},
        {"gate": "cat"},
        {"more": 1},
        {"heat_of": "other"},
        {"spread": {"normal": [2]}},
    ],
)
def test_what_no_row_holds_does_not_fit(change):
    assert not checker("Row").is_valid({**row(), **change})


def test_a_row_that_lacks_a_key_does_not_fit():
    for key in row():
        lacking = {name: value for name, value in row().items() if name != key}
        assert not checker("Row").is_valid(lacking), key


@pytest.mark.parametrize("code", REFUSALS)
def test_every_refusal_fits(code):
    told = example_of(code, Limits()).to_dict()
    checker("RefusalAnswer").validate(told)
    checker("RefusalAnswer").validate({**told, "rows": [failed("a.png")]})
