"""pytest tests/auditing/test_pixels.py: what is measured and shown of the images"""

from collections import Counter

import numpy as np
import pytest
from toy_cohort import drawn, row

from cxr_fastai.auditing.pixels import choose_shown, map_pixels, mean_gray, shown_thumbnail
from cxr_fastai.core import IntegrityError


class Counting:
    """A Progress that keeps what it was shown."""

    def __init__(self):
        self.bars = []

    def bar(self, items, total, what):
        self.bars.append((total, what))
        yield from items

    def meter(self, total, done, what):
        raise NotImplementedError

    def say(self, text):
        raise NotImplementedError


def test_each_image_is_measured_once_under_a_bar(tmp_path):
    rows = drawn([row(phash=str(i)) for i in range(3)], tmp_path, lambda r: 10).rows
    progress = Counting()
    gray = map_pixels(mean_gray, tmp_path, rows + rows, "measuring", progress)
    assert list(gray) == [each.path for each in rows] and progress.bars == [(3, "measuring")]
    assert gray == {
        each.path: pytest.approx(10 + (i + i + 1 - i) / 80) for i, each in enumerate(rows)
    }


def test_an_image_that_cannot_be_read_is_named(tmp_path):
    rows = drawn([row(phash=str(i)) for i in range(3)], tmp_path).rows
    (tmp_path / rows[1].path).write_bytes(b"")
    with pytest.raises(IntegrityError, match=f"{rows[1].path}.*curate the folder again"):
        map_pixels(mean_gray, tmp_path, rows, "measuring")


def test_an_image_that_was_edited_is_named_and_not_measured(tmp_path):
    rows = drawn([row(phash=str(i)) for i in range(3)], tmp_path).rows
    (tmp_path / rows[1].path).write_bytes((tmp_path / rows[2].path).read_bytes())
    with pytest.raises(IntegrityError, match=f"{rows[1].path}: its pixels are not those"):
        map_pixels(mean_gray, tmp_path, rows, "measuring")


def test_a_thumbnail_is_a_small_jpeg_of_the_same_shape():
    uri, width, height = shown_thumbnail(np.zeros((300, 150), np.uint8))
    assert uri.startswith("data:image/jpeg;base64,") and (width, height) == (64, 128)


def test_radiographs_are_drawn_from_one_split_each_source_in_its_turn():
    rows = [row(source=s, phash=str(i)) for s, n in (("one", 200), ("two", 3)) for i in range(n)]
    rows += [row(split="test", phash=str(i)) for i in range(9)]
    chosen = choose_shown(rows, "train", 0)
    assert len(chosen) == len({each.path for each in chosen}) == 8
    assert {each.split for each in chosen} == {"train"}
    assert Counter(each.source for each in chosen) == {"one": 5, "two": 3}
    assert choose_shown(rows[::-1], "train", 0) == chosen != choose_shown(rows, "train", 1)
    assert choose_shown(rows, "valid", 0) == []
