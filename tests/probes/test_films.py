"""What is measured of a film, and what an earlier run measured."""

import numpy as np
import pytest
from toy import curated

from cxr_fastai.core import IntegrityError
from cxr_fastai.images import decode, write_png
from cxr_fastai.manifest import read_manifest
from cxr_fastai.probes import films as room
from cxr_fastai.probes.films import BANDS, LEVELS, SIDE, measure_films, measure_pixels


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path / "cache"))
    return read_manifest(curated(tmp_path / "data"))


def test_shapes_and_shares():
    pixels = np.random.default_rng(0).integers(0, 256, (90, 120), dtype=np.uint8)
    film = measure_pixels(pixels)
    assert film.small.shape == (SIDE, SIDE) and film.spectrum.shape == (BANDS,)
    assert film.histogram.shape == (LEVELS,) and film.histogram.sum() == pytest.approx(1)
    black = measure_pixels(np.where(pixels > 1, 0, pixels).astype(np.uint8))
    assert black.histogram[0] == 1


def test_a_blurred_film_has_less_of_the_high_bands():
    pixels = np.random.default_rng(0).integers(0, 256, (128, 128), dtype=np.uint8)
    blurred = (pixels.reshape(64, 2, 64, 2).mean((1, 3)).repeat(2, 0).repeat(2, 1)).astype(np.uint8)
    sharp, soft = measure_pixels(pixels).spectrum, measure_pixels(blurred).spectrum
    assert soft[-1] < sharp[-1] and soft[-1] < soft[2]


def test_a_second_run_decodes_nothing_and_gives_the_same(folder, monkeypatch):
    first = measure_films(folder.root, folder.rows)
    monkeypatch.setattr(room, "pixels_of", None)
    again = measure_films(folder.root, folder.rows)
    for name in ("small", "histogram", "spectrum"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    part = again.of(np.arange(len(again)) < 2)
    assert len(part) == 2 and part.rows == folder.rows[:2]


def test_a_film_that_was_edited_is_seen_with_a_warm_cache_as_with_a_cold_one(folder):
    measure_films(folder.root, folder.rows)
    file = folder.root / folder.rows[0].path
    write_png(255 - decode(file), file)
    with pytest.raises(IntegrityError, match="its pixels are not those"):
        measure_films(folder.root, folder.rows)
    file.unlink()
    with pytest.raises(IntegrityError):
        measure_films(folder.root, folder.rows)


def test_a_damaged_cache_is_measured_anew(folder, tmp_path):
    first = measure_films(folder.root, folder.rows)
    (kept,) = (tmp_path / "cache/probes").iterdir()
    kept.write_bytes(b"PK\x03\x04 cut")
    assert np.array_equal(measure_films(folder.root, folder.rows).small, first.small)
