"""pytest tests/training/test_unchanged.py

A warm pixel cache sees what a cold one does."""

import os
import shutil

import numpy as np
import pytest
import toy
from PIL import Image
from recording_progress import RecordingProgress

from cxr_fastai import images
from cxr_fastai.core import IntegrityError
from cxr_fastai.manifest import read_manifest
from cxr_fastai.progress import SILENT
from cxr_fastai.training import unchanged
from cxr_fastai.training.pixel_cache import pixel_cache
from cxr_fastai.training.unchanged import keep_stamps, refuse_changed, stamps_of

SIZE = 32
NAME = "normal/normal-train-03.png"


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    return toy.curated(tmp_path / "data")


class Bars(RecordingProgress):
    """Remembers the titles of bars too."""

    def __init__(self):
        super().__init__()
        self.titles = []

    def bar(self, items, total, what):
        self.titles.append(what)
        yield from items


def delete(folder):
    (folder / NAME).unlink()


def move(folder):
    (folder / NAME).rename(folder / "covid_19" / "normal-train-03.png")


def invert(folder):
    pixels = np.array(Image.open(folder / NAME))
    Image.fromarray(255 - pixels).save(folder / NAME)


def invert_with_the_times_of_before(folder):
    before = os.stat(folder / NAME)
    invert(folder)
    os.utime(folder / NAME, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace_by_a_copy_of_another(folder):
    shutil.copy2(folder / "normal" / "normal-train-04.png", folder / NAME)


def swap_with_another(folder):
    other = folder / "covid_19" / "covid_19-train-00.png"
    (folder / NAME).rename(folder / "x")
    other.rename(folder / NAME)
    (folder / "x").rename(other)


def cut(folder):
    content = (folder / NAME).read_bytes()
    (folder / NAME).write_bytes(content[: len(content) // 2])


CHANGES = [
    delete,
    move,
    invert,
    invert_with_the_times_of_before,
    replace_by_a_copy_of_another,
    swap_with_another,
    cut,
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_warm_cache_refuses_what_a_cold_one_does_in_the_same_words(
    folder, tmp_path, monkeypatch, change
):
    manifest = read_manifest(folder)
    pixel_cache(manifest, SIZE)
    change(folder)
    said = []
    for cache in ("cache", "cold"):
        monkeypatch.setenv("CXR_CACHE", str(tmp_path / cache))
        with pytest.raises(IntegrityError, match=r"\.png: .*curate the folder again") as e:
            pixel_cache(manifest, SIZE)
        said.append(str(e.value))
    assert said[0] == said[1]


def test_the_same_pixels_in_other_bytes_are_taken_and_looked_at_once(folder, monkeypatch):
    manifest = read_manifest(folder)
    _, first = pixel_cache(manifest, SIZE)
    Image.open(folder / NAME).save(folder / NAME, compress_level=9)
    os.chmod(folder / "normal" / "normal-train-04.png", 0o600)
    shown = Bars()
    _, again = pixel_cache(manifest, SIZE, progress=shown)
    assert (first == again).all()
    assert shown.titles == ["looking at 2 images whose files are not those of before"]
    monkeypatch.setattr(images, "decode", None)
    assert (pixel_cache(manifest, SIZE)[1] == first).all()


def test_an_edit_in_place_of_the_same_length_and_time_has_another_stamp(folder):
    manifest = read_manifest(folder)
    file = folder / manifest.rows[0].path
    before = stamps_of(manifest)
    times = os.stat(file)
    content = file.read_bytes()
    with open(file, "r+b") as f:
        f.write(content[::-1])
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    after = stamps_of(manifest)
    assert (after[:, [0, 1, 3]] == before[:, [0, 1, 3]]).all()
    assert np.flatnonzero((after != before).any(1)).tolist() == [0]


def test_a_second_size_needs_no_second_look(folder, monkeypatch):
    manifest = read_manifest(folder)
    pixel_cache(manifest, SIZE)
    pixel_cache(manifest, 40)
    monkeypatch.setattr(images, "decode", None)
    sides = [pixel_cache(manifest, size)[1].shape[1] for size in (SIZE, 40)]
    assert sides == [SIZE, 40]


def test_a_copy_of_the_folder_is_looked_at_and_does_not_unsettle_the_first(
    folder, tmp_path, monkeypatch
):
    pixel_cache(read_manifest(folder), SIZE)
    copied = shutil.copytree(folder, tmp_path / "copied")
    invert(copied)
    with pytest.raises(IntegrityError, match="copied"):
        pixel_cache(read_manifest(copied), SIZE)
    monkeypatch.setattr(images, "decode", None)
    pixel_cache(read_manifest(folder), SIZE)


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[:-8], lambda b: b"\0" * len(b)])
def test_without_stamps_every_image_is_looked_at(folder, tmp_path, damage):
    manifest = read_manifest(folder)
    pixel_cache(manifest, SIZE)
    (file,) = (tmp_path / "cache" / "pixels").glob("*.stamps")
    file.write_bytes(damage(file.read_bytes()))
    invert(folder)
    with pytest.raises(IntegrityError, match="its pixels are not those"):
        pixel_cache(manifest, SIZE)


def test_stamps_that_cannot_be_kept_cost_a_look_and_no_run(folder, tmp_path, monkeypatch):
    manifest = read_manifest(folder)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "file"))
    stamps = stamps_of(manifest)
    keep_stamps(manifest, stamps)
    looked_at = []
    monkeypatch.setattr(unchanged, "pixels_of", lambda root, row: looked_at.append(row))
    refuse_changed(manifest, stamps, 1, SILENT)
    assert looked_at == manifest.rows


def test_an_inode_of_64_bits_has_room():
    stat = os.stat_result([0, 2**64 - 1, 0, 0, 0, 0, 7, 0, 0, 0])
    assert unchanged._stamp(stat)[0] == 7 and unchanged._stamp(stat)[3] == 2**63 - 1
