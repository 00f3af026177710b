"""pytest tests/curation/folder/test_shown.py: what a folder shows, as it lies or righted"""

import numpy as np
import pytest
from made_curations import Films, record

from cxr_fastai.curation.engines import open_engine
from cxr_fastai.curation.folder.looks import FilmLook, Looks
from cxr_fastai.curation.folder.shown import show


@pytest.fixture
def images(tmp_path):
    "One film that lies upside down, and one that is upright."
    films = Films(tmp_path)
    return films.image(seed=3, edit=lambda pixels: np.rot90(pixels, 2)), films.image(seed=4)


def shown(images, right):
    first = {image.fingerprint.pixel_sha256: image for image in images}
    lying = images[0].fingerprint.pixel_sha256
    looks = Looks({lying: FilmLook("turned_180", 5.0, ("turned_180",))}, True)
    records = [record(image) for image in images]
    with open_engine("local", 1) as engine:
        return records, show(records, first, looks, right, engine)


def test_as_they_lie_the_records_stay_and_a_film_that_lies_is_told(images):
    records, found = shown(images, right=False)
    assert found.records == sorted(records, key=lambda row: row.path)
    assert found.origins == {}
    assert [(row["looks"], row["righted"]) for row in found.quality] == [("turned_180", "")]
    brightness = {record(image).path: image.fingerprint.brightness for image in images}
    assert found.brightness == brightness


def test_a_righted_film_is_shown_by_its_new_name_with_what_it_is_read_from(images):
    records, found = shown(images, right=True)
    lies, upright = images
    (new,) = [row for row in found.records if row.righted]
    assert new.path not in {row.path for row in records}
    assert found.origins == {new.pixel_sha256: lies.item}
    assert [(row["path"], row["righted"]) for row in found.quality] == [(new.path, "yes")]
    assert set(found.brightness) == {new.path, record(upright).path}
    assert [row.path for row in found.records] == sorted(found.brightness)


def test_the_brightness_of_a_righted_film_is_that_of_the_righted_pixels(tmp_path):
    films = Films(tmp_path)
    lies = films.image(seed=3, edit=lambda pixels: 255 - pixels)
    sha = lies.fingerprint.pixel_sha256
    looks = Looks({sha: FilmLook("inverted", 5.0, ("inverted",))}, True)
    with open_engine("local", 1) as engine:
        found = show([record(lies)], {sha: lies}, looks, True, engine)
    (brightness,) = found.brightness.values()
    assert brightness == pytest.approx(255 - lies.fingerprint.brightness, abs=0.02)
