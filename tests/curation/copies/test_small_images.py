"""Small images: the radiographs that they are copies of, and those that they are not."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from cxr_fastai.curation.copies.features import extract
from cxr_fastai.curation.copies.fingerprint import Fingerprint, pixel_sha256
from cxr_fastai.curation.copies.small_images import find_small_images
from cxr_fastai.curation.copies.transforms import describe, in_pixels
from cxr_fastai.phantom import draw
from cxr_fastai.progress import SILENT

REAL = Path(__file__).parents[3] / "../shared/cxr/mirror"
KINDS = ("normal", "covid_19", "bacterial_pneumonia", "tuberculosis")


def phantom(i):
    return draw(KINDS[i % len(KINDS)], seed=i, patient=i, size=256)


def reshaped(pixels, width, height):
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.BICUBIC))


def copied(pixels, side=28):
    "The middle square, shrunk: what MedMNIST does."
    h, w = pixels.shape
    y, x, m = (h - min(h, w)) // 2, (w - min(h, w)) // 2, min(h, w)
    return reshaped(pixels[y : y + m, x : x + m], side, side)


def sized(pixel_sha256, width, height):
    return Fingerprint(
        sha256="",
        pixel_sha256=pixel_sha256,
        phash="",
        width=width,
        height=height,
        mode="L/8",
    )


def look(images):
    return [extract(p) for p in images], [sized(pixel_sha256(p), *p.shape[::-1]) for p in images]


def pairs(images, new=None):
    return [(i, j) for i, j, _ in find_small_images(*look(images), new)]


@pytest.fixture(scope="module")
def chests():
    return [phantom(i) for i in range(12)]


@pytest.mark.parametrize(
    "width,height", [(256, 256), (320, 256), (384, 256), (512, 256), (256, 300)]
)
@pytest.mark.parametrize("side", [28, 40])
def test_the_middle_square_of_a_radiograph_is_found_with_its_crop(chests, width, height, side):
    wide = [reshaped(p, width, height) for p in chests]
    images = wide + [copied(p, side) for p in wide[:4]]
    got = find_small_images(*look(images))
    assert [g[:2] for g in got] == [(i, 12 + i) for i in range(4)]
    for _, _, m in got:
        matrix = in_pixels(m.matrix, (width, height), (side, side))
        crop = min(width, height)
        want = [[side / crop, 0], [0, side / crop]]
        assert np.allclose(matrix[:, :2], want, rtol=0.03, atol=1e-6)
        middle = matrix @ [(width - 1) / 2, (height - 1) / 2, 1]
        assert np.allclose(middle, (side - 1) / 2, atol=0.05)
        assert (
            m.kind == "near"
            and m.score > 0.9
            and m.overlap == 1
            and not m.inverted
            and m.inliers == 0
        )


def test_a_crop_is_found_though_a_carrier_squashed_the_radiograph(chests):
    wide = [reshaped(p, 360, 256) for p in chests]
    images = [reshaped(p, 224, 224) for p in wide] + [copied(p) for p in wide]
    got = find_small_images(*look(images))
    assert [g[:2] for g in got] == [(i, 12 + i) for i in range(12)]
    said = describe(in_pixels(got[0][2].matrix, (224, 224), (28, 28)), (224, 224), (28, 28))
    assert "crop 7" in said


def test_a_plain_resize_is_found_and_shows_all_of_it(chests):
    images = [reshaped(p, 340, 256) for p in chests]
    images.append(reshaped(images[2], 28, 28))
    ((i, j, m),) = find_small_images(*look(images))
    assert (i, j) == (2, 12) and np.allclose(m.matrix, [1, 0, 0, 0, 1, 0], atol=1)


def test_where_the_tiny_image_comes_first_the_transform_is_the_other_way_round(chests):
    wide = reshaped(chests[0], 384, 256)
    ((_, _, there),) = find_small_images(*look([wide, copied(wide), *chests[1:]]))
    ((_, _, back),) = find_small_images(*look([copied(wide), wide, *chests[1:]]))
    full = lambda m: np.vstack([np.reshape(m.matrix, (2, 3)), [0, 0, 1]])
    assert np.allclose(full(there) @ full(back), np.eye(3), atol=0.02)
    assert there.overlap == 1 and back.overlap == pytest.approx(256 / 384, abs=0.02)


def test_two_tiny_copies_of_one_radiograph_are_one(chests):
    tiny = [copied(p) for p in chests] + [
        np.asarray(Image.fromarray(chests[3]).resize((32, 32), Image.BILINEAR))
    ]
    assert pairs(tiny) == [(3, 12)]


def test_a_tiny_image_matches_every_copy_of_its_radiograph(chests):
    again = cv2.imdecode(
        cv2.imencode(".jpg", chests[0], [cv2.IMWRITE_JPEG_QUALITY, 80])[1], cv2.IMREAD_GRAYSCALE
    )
    assert pairs([*chests, again, copied(chests[0])]) == [(0, 13), (12, 13)]


def test_different_patients_are_not_copies(chests):
    others = [copied(phantom(i)) for i in range(100, 130)]
    assert pairs([*chests, *others]) == []


@pytest.mark.parametrize(
    "tiny",
    [
        np.zeros((28, 28)),
        np.full((28, 28), 200),
        np.linspace(0, 255, 28 * 28).reshape(28, 28),
        np.random.default_rng(0).normal(90, 1, (28, 28)),
        np.full((1, 1), 9),
        np.eye(16) * 255,
    ],
)
def test_a_flat_image_or_one_of_a_few_pixels_matches_nothing(chests, tiny):
    tiny = tiny.astype(np.uint8)
    flat = [np.full((256, 256), 200, np.uint8), np.zeros((64, 64), np.uint8)]
    assert pairs([*chests, *flat, tiny, tiny[:, ::-1], cv2.resize(tiny, (30, 30))]) == []


def test_no_tiny_image_costs_nothing():
    class Untouchable(list):
        def __getitem__(self, i):
            raise AssertionError("looked at")

    prints = [sized(str(i), 64, 64) for i in range(9)]
    assert find_small_images(Untouchable([None] * 9), prints) == [] == find_small_images([], [])


def test_the_order_of_the_images_does_not_matter(chests):
    images = [reshaped(p, 300, 256) for p in chests]
    images += [copied(p) for p in images] + [images[0][:, :-2]]
    found = lambda order: {
        (frozenset((order[i], order[j])), m.score)
        for i, j, m in find_small_images(*look([images[k] for k in order]))
    }
    want = found(range(len(images)))
    assert len(want) == 13
    for seed in range(3):
        assert found(np.random.default_rng(seed).permutation(len(images)).tolist()) == want


def test_new_gives_of_all_pairs_those_that_hold_a_new_image(chests):
    images = [*chests, *(copied(p) for p in chests), copied(chests[0], 32)]
    every = find_small_images(*look(images))
    assert len(every) == 14
    for new in ([], [0], [12], [24], [3, 13], range(12), range(25)):
        assert find_small_images(*look(images), new) == [
            g for g in every if {g[0], g[1]} & set(new)
        ]


def test_progress_is_told(chests):
    told = []

    class Listener:
        "A Progress that keeps what it is told."

        meter = SILENT.meter
        say = SILENT.say

        def bar(self, items, total, what):
            told.append((total, what))
            return items

    find_small_images(*look([*chests, copied(chests[0])]), progress=Listener())
    assert told == [(1, "looking for copies of tiny images: 1")] * 2


@pytest.mark.skipif(
    not (REAL / "http/medmnist/pneumoniamnist.npz").is_file(), reason="no real radiographs here"
)
def test_pneumoniamnist_is_found_in_kermanys_radiographs_and_not_in_nih():
    read = lambda f: cv2.imread(str(f), cv2.IMREAD_GRAYSCALE)
    folder = REAL / "kaggle/paultimothymooney/chest-xray-pneumonia/chest_xray/train"
    kermany = [
        (f, kind)
        for kind in ("NORMAL", "PNEUMONIA")
        for f in sorted((folder / kind).glob("*.jpeg"))[::20]
    ]
    nih = [(f, "") for f in sorted((REAL / "kaggle/nih-chest-xrays/sample").rglob("*.png"))[:200]]
    if len(kermany) < 200 or len(nih) < 200:
        pytest.skip("the mirror holds too few radiographs")
    large = kermany + nih
    with np.load(REAL / "http/medmnist/pneumoniamnist.npz") as z:
        tiny, labels = z["train_images"], z["train_labels"].ravel()
    features, prints = look([read(f) for f, _ in large] + list(tiny))
    got = [(i, j - len(large)) for i, j, _ in find_small_images(features, prints) if i < len(large)]
    assert all(large[i][1] == ("NORMAL", "PNEUMONIA")[labels[j]] for i, j in got)
    assert len({i for i, _ in got}) > 0.85 * len(
        kermany
    )  # one in ten is among MedMNIST's validation images
