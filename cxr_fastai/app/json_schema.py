"""The JSON Schema of a typed dictionary: its types from the annotations, its words by hand.

TypedDict and words in, schema out, so that what the server says and what it promises cannot part.
Knows the few types that the answers hold, and raises for any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import NoneType, UnionType
from typing import (
    Any,
    Literal,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

__all__ = ["Schema", "Said", "schema_of"]

Schema = dict[str, Any]
PLAIN: dict[Any, str] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    NoneType: "null",
}


@dataclass(frozen=True)
class Said:
    """What is said of a key beside its type."""

    words: str
    bounds: Schema = field(default_factory=dict)  # further keywords of its schema
    # further keywords of what stands innermost, as of each number of a list of lists
    each: Schema = field(default_factory=dict)


def schema_of(
    kind: Any,  # a TypedDict
    said: Mapping[str, Said],  # of every key
    words: str,  # what the whole is
) -> Schema:
    """Write the schema of a TypedDict."""
    hints = get_type_hints(kind, include_extras=True)
    if set(hints) != set(said):
        odd = sorted(set(hints) ^ set(said))
        raise KeyError(f"{kind.__name__}: these keys have no type, or no words: {odd}")
    properties = {}
    required = []
    for name, hint in hints.items():
        is_optional = get_origin(hint) is NotRequired
        if is_optional:
            (hint,) = get_args(hint)
        else:
            required.append(name)
        typed = type_schema(hint, said[name].each)
        properties[name] = {**typed, **said[name].bounds, "description": said[name].words}
    return {
        "type": "object",
        "description": words,
        "required": required,
        "properties": properties,
    }


def type_schema(
    hint: Any,  # a type, as an annotation spells it
    each: Mapping[str, Any],  # keywords of what stands innermost
) -> Schema:
    """Write the schema of a type."""
    if hint is Any:
        return {}
    if hint in PLAIN:
        extra = {} if hint is NoneType else each
        return {"type": PLAIN[hint], **extra}
    if is_typeddict(hint):
        return {"$ref": f"#/components/schemas/{hint.__name__}"}
    origin = get_origin(hint)
    inner = get_args(hint)
    if origin is Literal:
        return {"type": "string", "enum": list(inner)}
    if origin in (list, tuple):
        return {"type": "array", "items": type_schema(inner[0], each)}
    if origin is dict:
        return {"type": "object", "additionalProperties": type_schema(inner[1], each)}
    if origin in (Union, UnionType):
        return _any_of([type_schema(one, each) for one in inner])
    raise TypeError(f"no schema is known of {hint}")


def _any_of(
    schemas: list[Schema],
) -> Schema:
    """Write the schema of a union: a type and null in one, else each beside the others."""
    *first, last = schemas
    if len(first) == 1 and last == {"type": "null"} and "type" in first[0]:
        return {**first[0], "type": [first[0]["type"], "null"]}
    return {"anyOf": schemas}
