"""pytest tests/test_strict_json.py

JSON that cannot be written again is refused, in the words of a ValueError.
"""

import pytest

from cxr_fastai.strict_json import parse_json


@pytest.mark.parametrize(
    "data,said",
    [
        (b"[NaN]", "NaN is no JSON number"),
        ("[-Infinity]", "-Infinity is no JSON number"),
        (b'["\\ud800"]', "surrogates not allowed"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b"\xff\xff", "decode"),
        (b"[" + b"9" * 5000 + b"]", "digits"),
        (b"", "Expecting value"),
    ],
)
def test_what_is_no_strict_json_is_refused(data, said):
    with pytest.raises(ValueError, match=said):
        parse_json(data)


def test_a_value_comes_as_it_was_written():
    assert parse_json('{"a": [1, 0.5, null, "\u00e9"]}') == {"a": [1, 0.5, None, "\u00e9"]}
