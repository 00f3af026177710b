"""The re-publication: copies of every kind, one wrong label, one cut file.

python -m pytest tests/phantom/test_republication.py
"""

from collections import Counter
from pathlib import Path

import pytest
from PIL import Image
from toy_phantoms import (
    pixels,
)


def test_every_planted_copy_is_equal_as_its_kind_says(planted, open_file):
    assert min(Counter(kind for *_, kind in planted.copies).values()) >= 8
    for a, b, kind in planted.copies:
        assert (open_file(a).read_bytes() == open_file(b).read_bytes()) == (kind == "bytes"), (a, b)
        assert (pixels(open_file(a)) == pixels(open_file(b))).all(), (a, b)


def test_pixel_copies_come_in_other_containers(planted, open_file):
    def container(name):
        with Image.open(open_file(name)) as im:
            return im.format, im.mode

    pairs = [(container(a), container(b)) for a, b, kind in planted.copies if kind == "pixels"]
    assert {b for _, b in pairs} == {("PNG", "L"), ("BMP", "L"), ("PNG", "RGB"), ("TIFF", "L")}
    assert all(a != b for a, b in pairs if a[0] != "PNG")


def test_one_copy_is_of_an_official_test_image_and_one_has_the_wrong_label(planted):
    assert sum("/test/" in a for a, _, _ in planted.copies) == 1
    ((a, b),) = planted.conflicts
    assert "_bacteria_" in a and "/virus/" in b and (a, b, "bytes") in planted.copies


def test_the_damaged_file_starts_as_a_picture_and_fails_to_load(planted, open_file):
    (name,) = planted.damaged
    with pytest.raises((OSError, SyntaxError)):
        with Image.open(open_file(name)) as im:
            im.load()


def test_re_published_names_tell_nothing_of_where_they_came_from(planted):
    for original, copy, _ in planted.copies:
        assert copy.startswith("phantom_merge/") and Path(original).stem not in copy
