"""Links: what a comparison gives, what is remembered of it, and what a lost worker means."""

import cv2
import numpy as np
import pytest

from cxr_fastai.core import IntegrityError
from cxr_fastai.curation.copies.features import extract
from cxr_fastai.curation.copies.fingerprint import Fingerprint, phash, pixel_sha256
from cxr_fastai.curation.copies.geometry import Match
from cxr_fastai.curation.copies.links import _beside_frames, find_links, match_many
from cxr_fastai.curation.copies.parts import PartPair
from cxr_fastai.curation.copies.scan_cache import ScanCache
from cxr_fastai.curation.engines import Lost
from cxr_fastai.phantom import draw


class Here:
    "An engine of this process that counts what it is given."

    workers = 1

    def __init__(self):
        self.compared = 0

    def map(self, fn, chunks, seconds):
        for n, chunk in enumerate(chunks):
            self.compared += len(chunk)
            yield n, fn(chunk)

    def close(self):
        pass


class Broken(Here):
    "An engine whose workers never come back."

    def map(self, fn, chunks, seconds):
        for n, _ in enumerate(chunks):
            yield n, Lost("crashed", "the process died")


def fingerprint_of(pixels, sketch=True):
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape
    return Fingerprint(
        sha256=pixel_sha256(pixels),
        pixel_sha256=pixel_sha256(pixels),
        phash=phash(pixels),
        width=width,
        height=height,
        mode="L/8",
        sketch=extract(pixels).pack() if sketch else b"",
    )


@pytest.fixture(scope="module")
def films():
    return [draw("normal", patient, 256, 3000 + patient) for patient in range(4)]


def test_a_link_tells_the_transform_in_the_pixels_of_both_images(films):
    half = cv2.resize(films[0], (128, 128), interpolation=cv2.INTER_AREA)
    (found,) = find_links([fingerprint_of(x) for x in (*films, half)], Here())
    assert found.a < found.b and found.kind == "near" and found.score > 0.95
    scale = 0.5 if found.a == pixel_sha256(films[0]) else 2
    assert np.allclose(found.matrix[0::4], scale, rtol=0.02)
    assert found.overlap > 0.95 and not found.inverted and found.inliers > 14


def test_images_without_a_sketch_and_equal_pixels_have_no_links(films):
    bare = [fingerprint_of(film, sketch=False) for film in (films[0], films[0][:, ::-1])]
    assert find_links(bare, Here()) == []
    assert find_links([fingerprint_of(films[0])] * 2, Here()) == []


def test_what_was_compared_is_not_compared_again(films, tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path))
    some = [fingerprint_of(x) for x in (*films, films[1][:, ::-1])]
    first, second = Here(), Here()
    with ScanCache() as cache:
        links = find_links(some, first, cache)
    with ScanCache() as cache:
        assert find_links(some, second, cache) == links
    assert first.compared > 0 and second.compared == 0


def test_a_lost_worker_is_an_error_and_no_missing_link(films):
    some = [fingerprint_of(x) for x in (films[0], films[0][:, ::-1])]
    with pytest.raises(IntegrityError, match="comparing two images failed: the process died"):
        find_links(some, Broken())


def test_a_worker_answers_each_pair_in_its_place(films):
    a, b = (extract(film).pack() for film in films[:2])
    as_they_are = PartPair(0, 1, False, False, False, False)
    same, other = match_many([(a, a, as_they_are), (a, b, as_they_are)])
    assert same.kind == "near" and same.score > 0.99 and other is None


def found(i, j, kind, sure=True):
    alike = Match(
        kind=kind,
        score=0.9,
        evidence=1.3,
        inliers=40,
        matrix=(1, 0, 0, 0, 1, 0),
        inverted=False,
        overlap=1.0,
        sure=sure,
    )
    return i, j, alike


def test_what_a_picture_shares_with_two_others_proves_nothing():
    doubtful = [found(0, 3, "near", sure=False), found(0, 4, "same_patient")]
    sure = found(0, 5, "near")
    elsewhere = found(6, 7, "near", sure=False)
    one, other = found(0, 1, "frame"), found(0, 2, "frame")
    assert _beside_frames([one, *doubtful, sure, elsewhere]) == [*doubtful, sure, elsewhere]
    assert _beside_frames([one, other, *doubtful, sure, elsewhere]) == [sure, elsewhere]
