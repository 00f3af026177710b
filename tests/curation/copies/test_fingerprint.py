"""Fingerprints: equal for the same picture in any container, and what is said of unreadable ones."""

import io
import json
from dataclasses import asdict

import numpy as np
import pytest
from PIL import Image
from scipy.fft import dctn
from toy_items import toy_item
from toy_sources import gray, put

from cxr_fastai.curation.copies.fingerprint import (
    Fingerprint,
    Unreadable,
    fingerprint,
    phash,
    pixel_sha256,
)
from cxr_fastai.curation.copies.scan import scan
from cxr_fastai.curation.engines import open_engine


def smooth(seed, side=64):
    "A picture with broad shapes, as radiographs have."
    return np.asarray(
        Image.fromarray(gray(seed, (6, 6))).resize((side, side), Image.Resampling.BICUBIC)
    )


def bits(a, b):
    return bin(int(a, 16) ^ int(b, 16)).count("1")


def test_the_same_picture_in_any_container_has_the_same_pixel_hash(tmp_path):
    a, seen = smooth(1), set()
    im = Image.fromarray(a)
    same = {
        "a.png": im,
        "b.bmp": im,
        "c.tif": im,
        "d.png": im.convert("RGB"),
        "f.png": im.convert("RGBA"),
        "e.png": Image.fromarray(a.astype(np.uint16) * 257),
    }
    for name, picture in same.items():
        picture.save(tmp_path / name)
        seen.add(fingerprint(str(tmp_path / name)).pixel_sha256)
    assert seen == {pixel_sha256(a)}


def test_shape_is_part_of_the_pixel_hash():
    assert pixel_sha256(np.zeros((4, 6), np.uint8)) != pixel_sha256(np.zeros((6, 4), np.uint8))


def signs(low):
    return np.packbits(low > np.median(low)).tobytes().hex()


@pytest.mark.parametrize("shape", [(64, 64), (50, 127), (100, 70)])
def test_phash_is_the_dct_of_the_pixels_where_none_are_averaged(shape):
    for seed in range(5):
        a = np.asarray(
            Image.fromarray(gray(seed, (6, 6))).resize(shape[::-1], Image.Resampling.BICUBIC)
        )
        assert phash(a) == signs(dctn(a.astype(float), norm="ortho")[:8, :8])


@pytest.mark.parametrize("side", [64, 131, 200, 517])
def test_phash_is_the_published_one_but_for_a_few_bits(side):
    for seed in range(5):
        a = smooth(seed, side)
        small = Image.fromarray(a).resize((32, 32), Image.Resampling.LANCZOS)
        assert bits(phash(a), signs(dctn(np.asarray(small, float), norm="ortho")[:8, :8])) <= 2


@pytest.mark.parametrize("shape", [(131, 255), (517, 640), (1000, 129)])
def test_phash_knows_where_averaged_cells_lie(shape):
    "Also the last ones, which are narrower where the side is no multiple."
    for seed in range(5):
        a = np.asarray(
            Image.fromarray(gray(seed, (6, 6))).resize(shape[::-1], Image.Resampling.BICUBIC)
        )
        assert bits(phash(a), signs(dctn(a.astype(float), norm="ortho")[:8, :8])) <= 2


def test_phash_survives_resizing_and_jpeg_and_tells_other_pictures_apart():
    a = smooth(1, 200)
    small = np.asarray(Image.fromarray(a).resize((90, 90), Image.Resampling.BILINEAR))
    buf = io.BytesIO()
    Image.fromarray(a).save(buf, "JPEG", quality=50)
    assert (
        bits(phash(a), phash(small)) <= 4
        and bits(phash(a), phash(np.asarray(Image.open(buf)))) <= 4
    )
    assert min(bits(phash(a), phash(smooth(s, 200))) for s in range(2, 12)) > 10


@pytest.mark.parametrize(
    "data,reason",
    [(b"", "empty_file"), (b"<html>sign in</html>", "not_an_image"), (None, "missing_file")],
)
def test_what_cannot_be_read_is_told_not_raised(tmp_path, data, reason):
    file = tmp_path / "x.png"
    if data is not None:
        file.write_bytes(data)
    got = fingerprint(str(file))
    assert isinstance(got, Unreadable) and got.reason == reason and got.message


def test_a_file_of_more_bytes_than_any_film_has_is_refused_unread(tmp_path):
    file = tmp_path / "cine"
    with open(file, "wb") as f:
        f.truncate(1 << 40)  # a terabyte of nothing: no memory holds it
    told = fingerprint(file, name="a/cine")
    assert isinstance(told, Unreadable)
    assert told.reason == "too_large" and told.message.startswith("a/cine: ")


def test_notes_are_sorted_and_survive_json(tmp_path):
    a = np.tile(smooth(1), (1, 3))
    exif = Image.Exif()
    exif[274], exif[271] = 6, "a camera"
    Image.fromarray(a[:60]).save(tmp_path / "a.jpg", "PNG", exif=exif)
    f = fingerprint(str(tmp_path / "a.jpg"), name="a.jpg")
    assert f.notes == (
        "exif_rotated",
        "extension_mismatch",
        "metadata_dropped",
        "tiny",
        "unusual_aspect",
    )
    told = {k: v for k, v in asdict(f).items() if k != "sketch"}
    assert Fingerprint(**json.loads(json.dumps(told)), sketch=f.sketch) == f


def test_facts_of_the_file_are_kept(tmp_path):
    picture = Image.fromarray(smooth(1))
    picture.save(tmp_path / "a.jpg", quality=75)
    picture.save(tmp_path / "a.png")
    jpeg, png = (fingerprint(str(tmp_path / name)) for name in ("a.jpg", "a.png"))
    assert (jpeg.format, png.format) == ("JPEG", "PNG")
    assert jpeg.size == (tmp_path / "a.jpg").stat().st_size and png.size > 0
    assert jpeg.jpeg_tables and png.jpeg_tables == ""


def test_any_number_of_workers_gives_the_same(tmp_path, monkeypatch):
    for i in range(150):
        put(tmp_path / f"{i:03}.png", i)
    files = sorted(tmp_path.glob("*.png"))
    items = [toy_item(p, source="s", path=p.name) for p in files]
    found = []
    for workers in (1, 2):
        monkeypatch.setenv("CXR_CACHE", str(tmp_path / str(workers)))
        with open_engine(workers=workers) as engine:
            found.append(scan(items, engine))
    assert found[0] == found[1] and len({f.pixel_sha256 for f in found[0]}) == 150
