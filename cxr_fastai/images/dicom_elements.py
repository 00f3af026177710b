"""Where the elements of a DICOM file lie, found by walking it, before any library reads a value.

Bytes -> tags and places. So lengths that lie, sequences built to keep a reader busy, and files cut
short end here. It reads no value, and puts no text of a file into a message.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from cxr_fastai.core import ImageRejected
from cxr_fastai.images.radiograph import rejected

__all__ = ["MAX_DEPTH", "MAX_ELEMENTS", "UNDEFINED", "Element", "Walk"]

# The 188 DICOM files that pydicom ships have at most 4, and at most 1,623.
MAX_DEPTH = 16  # sequences in sequences
MAX_ELEMENTS = 50_000  # elements and items, all depths together

UNDEFINED = 0xFFFFFFFF  # a length: up to the delimiter
ITEM = 0xFFFEE000
ITEM_END = 0xFFFEE00D
SEQUENCE_END = 0xFFFEE0DD
# value representations whose length takes four bytes, behind two that are reserved
LONG_FORMS = {
    *(b"OB", b"OD", b"OF", b"OL", b"OV", b"OW"),
    *(b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"),
}
# of undefined length: items without value representations, by DICOM PS3.5 6.2.2; some have them
UNKNOWN = b"UN"
SHORT_FORMS = {
    *(b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT"),
    *(b"PN", b"SH", b"SL", b"SS", b"ST", b"TM", b"UI", b"UL", b"US"),
}


@dataclass(frozen=True)
class Element:
    """A data element, and where it stands."""

    tag: int  # group << 16 | number
    form: bytes  # its value representation; b"" where it states none
    start: int  # byte at which it begins
    value_at: int  # ... its value
    end: int  # byte behind it
    is_undefined: bool  # its length: a sequence, or fragments, up to a delimiter


@dataclass
class Walk:
    """A walk through the elements of a data set. Raises `ImageRejected` where it cannot go on."""

    data: bytes
    order: str  # of bytes, as struct has it: < or >
    is_implicit: bool  # elements state no value representation
    name: str  # of the file, for messages
    steps: int = field(default=0, init=False)  # elements and items met so far

    def elements(
        self,
        start: int,  # byte
        is_head: bool = False,  # data may be the beginning of a file: a value may reach beyond
    ) -> Iterator[Element]:
        """Yield the elements of the outermost level, in their order."""
        place = start
        while place < len(self.data):
            element = self._element(place, self.is_implicit, 0, is_head)
            yield element
            place = element.end

    def _element(
        self,
        place: int,  # byte at which it begins
        is_implicit: bool,
        depth: int,
        is_head: bool = False,
    ) -> Element:
        """Read the head of an element, and find its end."""
        self._step()
        tag = self._tag(place)
        form, length, value_at = self._length(place, is_implicit)
        if length == UNDEFINED and is_head:
            end = len(self.data)
        elif length == UNDEFINED:
            states_none = is_implicit or (form == UNKNOWN and not self._states_forms(value_at))
            end = self._end_of_items(value_at, states_none, depth + 1)
        else:
            end = value_at + length
        if end > len(self.data) and not is_head:
            raise self._cut(value_at, length)
        return Element(
            tag=tag,
            form=form,
            start=place,
            value_at=value_at,
            end=end,
            is_undefined=length == UNDEFINED,
        )

    def _length(
        self,
        place: int,  # byte at which the element begins
        is_implicit: bool,
    ) -> tuple[bytes, int, int]:  # value representation, length, byte at which the value begins
        """Read how long an element's value is."""
        form = self.data[place + 4 : place + 6]
        if is_implicit or not (form.isalpha() and form.isupper()):
            (length,) = self._numbers("I", place + 4)
            return b"", length, place + 8
        if form in LONG_FORMS:
            (length,) = self._numbers("I", place + 8)
            return form, length, place + 12
        (length,) = self._numbers("H", place + 6)
        return form, length, place + 8

    def _states_forms(
        self,
        place: int,  # byte at which a sequence's first item begins
    ) -> bool:
        """Tell whether the first element of a sequence states its value representation."""
        form = self.data[place + 12 : place + 14]
        return form in SHORT_FORMS or form in LONG_FORMS

    def _end_of_items(
        self,
        place: int,  # byte at which the first item begins
        is_implicit: bool,
        depth: int,
    ) -> int:  # byte behind the delimiter
        """Walk the items of a sequence, or the fragments of pixel data, of undefined length."""
        if depth > MAX_DEPTH:
            text = f"a DICOM file of sequences more than {MAX_DEPTH} deep"
            raise rejected("too_large", self.name, text)
        while True:
            self._step()
            tag = self._tag(place)
            (length,) = self._numbers("I", place + 4)
            if tag == SEQUENCE_END:
                return place + 8
            if tag != ITEM:
                text = f"damaged DICOM: no item of its sequence at byte {place:,}"
                raise rejected("damaged", self.name, text)
            if length == UNDEFINED:
                place = self._end_of_item(place + 8, is_implicit, depth)
            else:
                place += 8 + length
            if place > len(self.data):
                raise self._cut(place - length, length)

    def _end_of_item(
        self,
        place: int,  # byte at which its first element begins
        is_implicit: bool,
        depth: int,
    ) -> int:  # byte behind its delimiter
        """Walk the elements of an item of undefined length."""
        while self._tag(place) != ITEM_END:
            place = self._element(place, is_implicit, depth).end
        return place + 8

    def fragments(
        self,
        pixels: Element,  # of undefined length
    ) -> list[memoryview]:  # the first is the table of offsets
        """Return the fragments of encapsulated pixel data, which `elements` has walked."""
        view = memoryview(self.data)
        found = []
        place = pixels.value_at
        while self._tag(place) == ITEM:
            (length,) = self._numbers("I", place + 4)
            if length == UNDEFINED:
                text = "damaged DICOM: a fragment of its pixel data states no length"
                raise rejected("damaged", self.name, text)
            found.append(view[place + 8 : place + 8 + length])
            place += 8 + length
        return found

    def _step(self) -> None:
        """Count an element or an item."""
        self.steps += 1
        if self.steps > MAX_ELEMENTS:
            text = f"a DICOM file of more than {MAX_ELEMENTS:,} elements"
            raise rejected("too_large", self.name, text)

    def _tag(self, place: int) -> int:
        """Return the tag that stands at a byte."""
        group, number = self._numbers("HH", place)
        return group << 16 | number

    def _numbers(
        self,
        code: str,  # as struct has it, without the order of bytes
        place: int,  # byte
    ) -> tuple[int, ...]:
        """Read whole numbers."""
        try:
            return struct.unpack_from(self.order + code, self.data, place)
        except struct.error as e:
            text = f"truncated DICOM: it ends within an element, after {len(self.data):,} bytes"
            raise rejected("truncated", self.name, text) from e

    def _cut(
        self,
        place: int,  # byte at which the value begins
        length: int,  # that it states
    ) -> ImageRejected:
        """Return the rejection of a file that ends before a value does."""
        there = max(len(self.data) - place, 0)
        text = f"an element at byte {place:,} states {length:,} bytes, of which {there:,} are there"
        return rejected("truncated", self.name, f"truncated DICOM: {text}")
