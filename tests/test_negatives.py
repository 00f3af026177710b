"""pytest tests/test_negatives.py: thumbnails of what is no frontal film, beside the manifest."""

from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save_file

from cxr_fastai.core import NotCurated
from cxr_fastai.gate.features import SIDE as GATE_SIDE
from cxr_fastai.negatives import (
    COLUMNS,
    SIDE,
    TABLE,
    THUMBNAILS,
    Negative,
    negatives_stand,
    negatives_text,
    read_negatives,
    write_negatives,
)


def negative(number: int, **cells) -> Negative:
    "A lateral of patient `number`, of noise."
    base = dict(
        kind="lateral",
        source="one",
        original_path=f"images/{number}.png",
        sha256=f"{number:064x}",
        pixel_sha256=f"{number + 100:064x}",
        patient=f"one:{number}",
        group=f"{number:016x}",
        split="train",
        view="L",
        licence="CC0",
    )
    rng = np.random.default_rng(number)
    thumbnail = rng.integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
    return Negative(**{**base, **cells}, thumbnail=thumbnail)


@pytest.fixture
def kept(tmp_path):
    some = [negative(1), negative(2, kind="ct", view="", split="test", patient="=1+1")]
    write_negatives(tmp_path, some)
    return some


def test_what_was_written_is_read_again_with_its_thumbnails(tmp_path, kept):
    found = read_negatives(tmp_path)
    cells = [tuple(getattr(one, column) for column in COLUMNS) for one in found]
    assert cells == [tuple(getattr(one, column) for column in COLUMNS) for one in kept]
    for one, other in zip(found, kept):
        assert np.array_equal(one.thumbnail, other.thumbnail)
    assert SIDE == GATE_SIDE


def test_the_same_negatives_are_the_same_bytes(tmp_path, kept):
    before = [(tmp_path / name).read_bytes() for name in (TABLE, THUMBNAILS)]
    write_negatives(tmp_path, kept)
    assert [(tmp_path / name).read_bytes() for name in (TABLE, THUMBNAILS)] == before


def test_a_folder_without_them_has_none(tmp_path):
    assert read_negatives(tmp_path) == []


def test_no_folder_of_images_is_made_that_could_be_read_as_a_class(tmp_path, kept):
    assert sorted(file.name for file in tmp_path.iterdir()) == [TABLE, THUMBNAILS]


def _other_rows(folder, kept):
    (folder / TABLE).write_text(negatives_text([negative(1), negative(3)]))


def _fewer_rows(folder, kept):
    (folder / TABLE).write_text(negatives_text(kept[:1]))


def _no_thumbnails(folder, kept):
    (folder / THUMBNAILS).unlink()


def _half(folder, kept):
    data = (folder / THUMBNAILS).read_bytes()
    (folder / THUMBNAILS).write_bytes(data[: len(data) // 2])


def _no_safetensors(folder, kept):
    (folder / THUMBNAILS).write_bytes(b"<html>not found</html>")


def _other_tensor(folder, kept):
    save_file({"weights": np.zeros(3)}, folder / THUMBNAILS)


def _bomb(folder, kept):
    (folder / THUMBNAILS).write_bytes(bytes(10 << 20))


def _other_columns(folder, kept):
    (folder / TABLE).write_text("file,kind\na,lateral\n")


def _short_row(folder, kept):
    (folder / TABLE).write_text(",".join(COLUMNS) + "\nlateral,one\n")


@pytest.mark.parametrize(
    "damage",
    [
        _other_rows,
        _fewer_rows,
        _no_thumbnails,
        _half,
        _no_safetensors,
        _other_tensor,
        _bomb,
        _other_columns,
        _short_row,
    ],
)
def test_files_that_do_not_belong_together_are_refused_in_one_line(tmp_path, kept, damage):
    damage(tmp_path, kept)
    with pytest.raises(NotCurated, match="Curate the folder again") as refused:
        read_negatives(tmp_path)
    assert "\n" not in str(refused.value) and "negatives" in str(refused.value)
    assert not negatives_stand(tmp_path, negatives_text(kept))


@pytest.mark.parametrize(("column", "value"), [("kind", "frontal"), ("split", "dev")])
def test_a_word_that_is_none_of_those_allowed_is_named(tmp_path, kept, column, value):
    wrong = [replace(kept[0], **{column: value}), kept[1]]
    write_negatives(tmp_path, wrong)
    with pytest.raises(NotCurated, match=f"row 2, column {column}: '{value}'"):
        read_negatives(tmp_path)


def test_an_interrupted_write_is_told_from_a_whole_one(tmp_path, kept):
    assert negatives_stand(tmp_path, negatives_text(kept))
    others = [*kept, negative(3)]
    assert not negatives_stand(tmp_path, negatives_text(others))
    (tmp_path / TABLE).write_text(negatives_text(others))  # killed between the two files
    assert not negatives_stand(tmp_path, negatives_text(others))
