"""pytest tests/app/test_json_schema.py"""

from typing import Any, Literal, NotRequired, TypedDict

import pytest

from cxr_fastai.app.json_schema import Said, schema_of, type_schema


class Inner(TypedDict):
    a: int


class Outer(TypedDict):
    name: str
    share: float | None
    both: NotRequired[list[str] | dict[str, list[str]]]
    inner: list[Inner]


SAID = {
    "name": Said("a name", {"minLength": 1}),
    "share": Said("a share", each={"maximum": 1}),
    "both": Said("either"),
    "inner": Said("some"),
}


def test_types_come_from_the_annotations_and_words_and_bounds_from_hand():
    schema = schema_of(Outer, SAID, "All.")
    assert schema["required"] == ["name", "share", "inner"]
    assert schema["description"] == "All."
    own = schema["properties"]
    assert own["name"] == {"type": "string", "minLength": 1, "description": "a name"}
    assert own["share"] == {"type": ["number", "null"], "maximum": 1, "description": "a share"}
    assert own["inner"]["items"] == {"$ref": "#/components/schemas/Inner"}
    assert [each["type"] for each in own["both"]["anyOf"]] == ["array", "object"]


@pytest.mark.parametrize("change", [{"name": None}, {"more": Said("x")}])
def test_a_key_without_words_and_words_without_a_key_are_errors(change):
    said = {name: words for name, words in {**SAID, **change}.items() if words}
    with pytest.raises(KeyError, match="name|more"):
        schema_of(Outer, said, "All.")


@pytest.mark.parametrize(
    "hint, schema",
    [
        (bool, {"type": "boolean"}),
        (float | None, {"type": ["number", "null"], "minimum": 0}),
        (dict[str, list[float]], {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "number", "minimum": 0}}}),
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
        (tuple[float, float], {"type": "array", "items": {"type": "number", "minimum": 0}}),
    ],
)  # fmt: skip
def test_types_that_the_answers_hold(hint, schema):
    each = {} if hint is bool else {"minimum": 0}
    assert type_schema(hint, each) == schema


def test_any_other_type_is_an_error():
    assert type_schema(dict[str, Any], {}) == {"type": "object", "additionalProperties": {}}
    for hint in (bytes, set[str], object):
        with pytest.raises(TypeError, match="no schema"):
            type_schema(hint, {})
