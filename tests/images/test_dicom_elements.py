"""The walk through a DICOM file's elements.

python -m pytest tests/images/test_dicom_elements.py
"""

import struct

import pytest

from cxr_fastai.core import ImageRejected
from cxr_fastai.images.dicom_elements import MAX_DEPTH, MAX_ELEMENTS, Walk

ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
UNDEFINED = 0xFFFFFFFF


def marker(tag: int, length: int = 0, order: str = "<") -> bytes:
    return struct.pack(f"{order}HHI", tag >> 16, tag & 0xFFFF, length)


def element(tag: int, form: bytes, value: bytes, order: str = "<") -> bytes:
    head = struct.pack(f"{order}HH", tag >> 16, tag & 0xFFFF)
    if not form:
        return head + struct.pack(f"{order}I", len(value)) + value
    if form in (b"OB", b"OW", b"UN", b"SQ"):
        return head + form + bytes(2) + struct.pack(f"{order}I", len(value)) + value
    return head + form + struct.pack(f"{order}H", len(value)) + value


def sequence(tag: int, form: bytes, content: bytes) -> bytes:
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
    length = struct.pack("<I", UNDEFINED)
    start = head + length if not form else head + form + bytes(2) + length
    return start + content + marker(SEQUENCE_END)


def walked(data: bytes, order: str = "<", is_implicit: bool = False, **options) -> list[tuple]:
    """Return tag and value of each outermost element."""
    walk = Walk(data=data, order=order, is_implicit=is_implicit, name="x")
    found = walk.elements(0, **options)
    return [(each.tag, data[each.value_at : each.end]) for each in found]


A, B, C = 0x00080060, 0x00091001, 0x00280010


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("forms", [(b"CS", b"UN", b"US"), (b"", b"", b"")])
def test_elements_are_found_in_either_order_with_and_without_representations(order, forms):
    values = (b"CR", b"x" * 70_000, b"\1\2")
    data = b"".join(element(t, f, v, order) for t, f, v in zip((A, B, C), forms, values))
    assert walked(data, order, forms[0] == b"") == list(zip((A, B, C), values))


@pytest.mark.parametrize("form", [b"SQ", b"UN"])
def test_a_sequence_of_undefined_length_is_walked_to_its_end(form):
    inner = element(A, b"" if form == b"UN" else b"CS", b"CR")
    open_item = marker(ITEM, UNDEFINED) + inner + marker(ITEM_END)
    closed_item = marker(ITEM, len(inner)) + inner
    items = open_item + closed_item
    data = sequence(B, form, items) + element(C, b"US", b"\1\2")
    assert walked(data) == [(B, items + marker(SEQUENCE_END)), (C, b"\1\2")]


def test_unknown_items_are_read_without_representations_or_with_them():
    """A length may look like a representation: 0x5343 bytes are CS."""
    long = element(A, b"", b"CR") + element(B, b"", bytes(0x5343))
    explicit = element(A, b"CS", b"CR") + element(B, b"OB", bytes(0x5343))
    for inner in (long, explicit):
        items = marker(ITEM, UNDEFINED) + inner + marker(ITEM_END)
        data = sequence(B, b"UN", items) + element(C, b"US", b"\1\2")
        assert [tag for tag, _ in walked(data)] == [B, C]


def test_an_element_without_representation_among_others_is_read_as_such():
    data = element(A, b"CS", b"CR") + element(B, b"", b"abcd") + element(C, b"US", b"\1\2")
    assert [tag for tag, _ in walked(data)] == [A, B, C]


def test_fragments_are_given_with_their_table():
    data = sequence(0x7FE00010, b"OB", marker(ITEM) + marker(ITEM, 4) + b"abcd")
    walk = Walk(data=data, order="<", is_implicit=False, name="x")
    (pixels,) = walk.elements(0)
    assert [bytes(part) for part in walk.fragments(pixels)] == [b"", b"abcd"]


def nested(depth: int) -> bytes:
    """Return a sequence in a sequence, and so on."""
    content = b""
    for _ in range(depth):
        item = marker(ITEM, UNDEFINED) + content + marker(ITEM_END)
        content = sequence(B, b"SQ", item)
    return content


@pytest.mark.parametrize(
    "data,reason,words",
    [
        (element(A, b"CS", b"CR")[:5], "truncated", "ends within an element"),
        (element(A, b"CS", b"CR")[:9], "truncated", "states 2 bytes, of which 1 are there"),
        (element(A, b"OB", b"CR" * 9)[:20], "truncated", "states 18 bytes, of which 8 are there"),
        (sequence(B, b"SQ", marker(ITEM, 99)), "truncated", "states 99 bytes"),
        (sequence(B, b"SQ", element(A, b"CS", b"CR")), "damaged", "no item of its sequence"),
        (sequence(B, b"SQ", b"")[:-8], "truncated", "ends within an element"),
        (nested(MAX_DEPTH + 1), "too_large", f"more than {MAX_DEPTH} deep"),
        (sequence(B, b"SQ", marker(ITEM) * MAX_ELEMENTS), "too_large", "more than 50,000 elements"),
        (element(A, b"CS", b"") * (MAX_ELEMENTS + 1), "too_large", "more than 50,000 elements"),
    ],
)
def test_what_lies_about_its_lengths_ends_as_a_rejection(data, reason, words):
    with pytest.raises(ImageRejected, match=words) as e:
        walked(data)
    assert e.value.reason == reason


def test_as_deep_as_allowed_is_walked():
    assert [tag for tag, _ in walked(nested(MAX_DEPTH))] == [B]


def test_the_beginning_of_a_file_may_end_within_a_value():
    data = element(A, b"CS", b"CR") + element(B, b"OB", b"x" * 99)
    assert walked(data[:40], is_head=True) == [(A, b"CR"), (B, b"x" * 18)]
