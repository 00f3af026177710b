"""What a decoder that was taken over might answer: it is not believed.

python -m pytest tests/app/test_decoder_answers.py
"""

import pytest

from cxr_fastai.app.decoder_answers import Nonsense, facts_of, film_of, rejection_of


@pytest.mark.parametrize(
    "changes",
    [
        {"width": 3},
        {"width": "2"},
        {"width": -2, "height": -3},
        {"notes": ["<script>"]},
        {"notes": [{}]},
        {"notes": None},
        {"format": "EXE"},
        {"format": []},
        {"bits": None},
    ],
)
def test_facts_that_contradict_themselves_are_not_believed(changes):
    facts = dict(format="PNG", mode="L", bits=8, width=2, height=3, notes=[], jpeg_tables="")
    assert film_of(facts, bytes(6)).pixels.shape == (3, 2)
    with pytest.raises(Nonsense):
        film_of({**facts, **changes}, bytes(6))


@pytest.mark.parametrize(
    "facts",
    [{}, {"reason": "hello", "message": ""}, {"reason": ["damaged"], "message": ""}]
    + [{"reason": "damaged", "message": 3}],
)
def test_a_rejection_with_another_reason_is_not_believed(facts):
    with pytest.raises(Nonsense):
        rejection_of(facts)


@pytest.mark.parametrize("text", [b"", b"\xff", b"[]", b"[" * 60_000])
def test_facts_that_are_no_json_object_are_not_believed(text):
    with pytest.raises(Nonsense):
        facts_of(text)


def test_what_a_rejection_says_is_printable():
    e = rejection_of({"reason": "damaged", "message": "a\x1b[2J\nb"})
    assert str(e).isprintable()
