"""pytest tests/curation/test_fingerprint.py"""
import io

import numpy as np
import pytest
from PIL import Image
from scipy.fft import dctn

from cxr_fastai.curation.fingerprint import Fingerprint, Unreadable, fingerprint, phash, pixel_sha256
from cxr_fastai.curation.listing import Item
from cxr_fastai.curation.scan import scan
from toy_sources import gray, put

def smooth(seed, side=64):
    "A picture with broad shapes, as radiographs have."
    return np.asarray(Image.fromarray(gray(seed, (6, 6))).resize((side, side), Image.Resampling.BICUBIC))

def bits(a, b): return bin(int(a, 16) ^ int(b, 16)).count("1")


def test_the_same_picture_in_any_container_has_the_same_pixel_hash(tmp_path):
    a, seen = smooth(1), set()
    im = Image.fromarray(a)
    same = {"a.png": im, "b.bmp": im, "c.tif": im, "d.png": im.convert("RGB"), "f.png": im.convert("RGBA"),
            "e.png": Image.fromarray(a.astype(np.uint16) * 257)}
    for name, picture in same.items():
        picture.save(tmp_path/name)
        seen.add(fingerprint(str(tmp_path/name)).pixel_sha256)
    assert seen == {pixel_sha256(a)}

def test_shape_is_part_of_the_pixel_hash():
    assert pixel_sha256(np.zeros((4, 6), np.uint8)) != pixel_sha256(np.zeros((6, 4), np.uint8))

def test_phash_is_the_published_one():
    for seed in range(5):
        a = smooth(seed)
        small = Image.fromarray(a).resize((32, 32), Image.Resampling.LANCZOS)
        low = dctn(np.asarray(small, float), norm="ortho")[:8, :8]
        assert phash(a) == np.packbits(low > np.median(low)).tobytes().hex()

def test_phash_survives_resizing_and_jpeg_and_tells_other_pictures_apart():
    a = smooth(1, 200)
    small = np.asarray(Image.fromarray(a).resize((90, 90), Image.Resampling.BILINEAR))
    buf = io.BytesIO()
    Image.fromarray(a).save(buf, "JPEG", quality=50)
    assert bits(phash(a), phash(small)) <= 4 and bits(phash(a), phash(np.asarray(Image.open(buf)))) <= 4
    assert min(bits(phash(a), phash(smooth(s, 200))) for s in range(2, 12)) > 10

@pytest.mark.parametrize("data,reason", [
    (b"", "empty_file"), (b"<html>sign in</html>", "not_an_image"), (None, "missing_file")])
def test_what_cannot_be_read_is_told_not_raised(tmp_path, data, reason):
    file = tmp_path/"x.png"
    if data is not None: file.write_bytes(data)
    got = fingerprint(str(file))
    assert isinstance(got, Unreadable) and got.reason == reason and got.message

def item(file, array=None): return Item("s", file, file.name, array, "", (), (), "", "", "", "", "", None)

def test_a_second_scan_reads_only_what_changed(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path/"cache"))
    items = [item(put(tmp_path/f"{i}.png", i)) for i in range(3)]
    first = scan(items, workers=1)
    read = []
    monkeypatch.setattr("cxr_fastai.curation.scan.fingerprint", lambda f, a: read.append(f) or fingerprint(f, a))
    assert scan(items, workers=1) == first and read == []
    put(tmp_path/"1.png", 9, optimize=True).touch()
    again = scan(items, workers=1)
    assert read == [str(tmp_path/"1.png")] and again[1] != first[1] and again[0] == first[0]

def test_a_cache_that_cannot_be_used_is_done_without(tmp_path, monkeypatch):
    (tmp_path/"file").write_text("not a folder")
    monkeypatch.setenv("CXR_CACHE", str(tmp_path/"file"))
    assert isinstance(scan([item(put(tmp_path/"a.png", 1))], workers=1)[0], Fingerprint)

def test_any_number_of_workers_gives_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_CACHE", str(tmp_path/"none"))
    items = [item(put(tmp_path/f"{i:03}.png", i)) for i in range(150)]
    one = scan(items, workers=1)
    monkeypatch.setenv("CXR_CACHE", str(tmp_path/"two"))
    assert scan(items, workers=2) == one and len({f.pixel_sha256 for f in one}) == 150
