"""pytest tests/app/test_model_schemas.py"""

from typing import get_type_hints

import pytest
from jsonschema import Draft202012Validator

from cxr_fastai.app import model_facts
from cxr_fastai.app.limits import Limits
from cxr_fastai.app.model_schemas import model_schemas
from cxr_fastai.bundle import load_bundle

KINDS = ("ModelFacts", "BundleFacts", "ClassFacts", "GateFacts", "WarningFacts", "Scores")


@pytest.mark.parametrize("name", KINDS)
def test_every_key_is_described(name):
    schema = model_schemas()[name]
    assert set(schema["properties"]) == set(get_type_hints(getattr(model_facts, name)))
    assert all(each["description"] for each in schema["properties"].values())


def test_what_a_server_says_of_a_bundle_fits(toy_bundle):
    told = model_facts.model_facts(load_bundle(toy_bundle, "cpu"), Limits())
    schemas = model_schemas()
    whole = {**schemas["ModelFacts"], "components": {"schemas": schemas}}
    judge = Draft202012Validator(whole)
    judge.validate(told)
    assert not judge.is_valid({**told, "classes": []})
    assert not judge.is_valid({**told, "bundles": [{}]})
