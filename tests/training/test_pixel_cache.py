"""pytest tests/training/test_pixel_cache.py"""

import subprocess
import sys

import numpy as np
import pytest
import toy

from cxr_fastai import images
from cxr_fastai.core import IntegrityError
from cxr_fastai.manifest import read_manifest
from cxr_fastai.training.pixel_cache import pixel_cache

SIZE = 32


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    return toy.curated(tmp_path / "data")


def test_the_cache_holds_what_the_decoder_gives_row_by_row(folder):
    manifest = read_manifest(folder)
    rows, pixels = pixel_cache(manifest, SIZE)
    assert pixels.shape == (len(manifest.rows), SIZE, SIZE) and pixels.dtype == np.uint8
    for path, row in rows.items():
        assert (pixels[row] == images.resize(images.decode(path), SIZE)).all()


def test_the_cache_is_read_not_made_again(folder, monkeypatch):
    _, first = pixel_cache(read_manifest(folder), SIZE)
    monkeypatch.setattr(images, "decode", None)
    _, again = pixel_cache(read_manifest(folder), SIZE)
    assert (first == again).all()


def test_another_size_or_decoder_makes_another_cache(folder, tmp_path, monkeypatch):
    pixel_cache(read_manifest(folder), SIZE)
    pixel_cache(read_manifest(folder), 40)
    monkeypatch.setattr(images, "DECODER_VERSION", images.DECODER_VERSION + 1)
    pixel_cache(read_manifest(folder), SIZE)
    assert len([*(tmp_path / "cache" / "pixels").glob("*.npy")]) == 3


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b[:200],
        lambda b: b"",
        lambda b: b"\0" * len(b),
        lambda b: b.replace(b"32, 32", b"16, 64"),
        lambda b: b[:5000] + bytes([b[5000] ^ 1]) + b[5001:],
        lambda b: b[:-4],
    ],
)
def test_a_damaged_cache_is_made_again(folder, tmp_path, damage):
    _, first = pixel_cache(read_manifest(folder), SIZE)
    file = next((tmp_path / "cache" / "pixels").glob("*.npy"))
    first = np.array(first)
    file.write_bytes(damage(file.read_bytes()))
    _, again = pixel_cache(read_manifest(folder), SIZE)
    assert (first == again).all()


def test_processes_that_come_together_decode_once(folder, tmp_path):
    code = (
        "import sys; from cxr_fastai.manifest import read_manifest; from cxr_fastai import progress; "
        "from cxr_fastai.training.pixel_cache import pixel_cache; "
        f"print(pixel_cache(read_manifest({str(folder)!r}), 200, progress=progress)[1].sum())"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    told = [p.communicate() for p in both]
    assert (
        len({out for out, _ in told}) == 1
        and sum("decoding 32 images" in err for _, err in told) == 1
    )


def test_what_a_killed_process_left_of_a_cache_goes(folder, tmp_path):
    pixel_cache(read_manifest(folder), SIZE)
    file = next((tmp_path / "cache" / "pixels").glob("*.npy"))
    left = file.with_name(f".{file.name[:80]}.99999.part")
    file.rename(left)
    pixel_cache(read_manifest(folder), SIZE)
    assert file.exists() and not left.exists()


def test_a_cache_that_cannot_be_kept_stays_in_memory(folder, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "file"))
    _, pixels = pixel_cache(read_manifest(folder), SIZE)
    assert len(pixels) == len(read_manifest(folder).rows)
    assert "CXR_CACHE" in capsys.readouterr().err


def test_a_file_that_became_unreadable_is_named(folder, tmp_path):
    (folder / "normal" / "normal-train-03.png").write_bytes(b"no picture")
    with pytest.raises(IntegrityError, match="normal-train-03.png.*curate the folder again"):
        pixel_cache(read_manifest(folder), SIZE)
    assert not [p for p in (tmp_path / "cache" / "pixels").iterdir() if p.suffix != ".lock"], (
        "a part of a cache was left"
    )


class Shown:
    "A Progress that remembers what it was to show."

    def __init__(self):
        self.bars = []

    def bar(self, items, total, what):
        self.bars.append((total, what))
        return items

    def meter(self, total, done, what):
        raise AssertionError("no bytes arrive here")

    def say(self, text):
        raise AssertionError("nothing is said here")


def test_decoding_shows_how_far_it_is_and_reading_shows_nothing(folder):
    shown = Shown()
    pixel_cache(read_manifest(folder), SIZE, progress=shown)
    assert shown.bars == [(32, "decoding 32 images at 32 px")]
    pixel_cache(read_manifest(folder), SIZE, progress=shown)
    assert len(shown.bars) == 1


def test_a_crop_is_cut_off_before_the_image_is_made_small(folder):
    rows, cropped = pixel_cache(read_manifest(folder), SIZE, crop=0.2)
    path = next(iter(rows))
    wanted = images.resize(images.decode(path), SIZE, 0.2)
    assert (cropped[rows[path]] == wanted).all()
    assert (cropped != pixel_cache(read_manifest(folder), SIZE)[1]).any()
