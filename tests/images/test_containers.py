"""Whether a container is whole: cut, bent, or built to keep a decoder busy. More of them: test_hostile_images.py."""

import io
import struct

import pytest
from pictures import (
    GRAY,
    SOUND,
    H,
    W,
    laced_rows,
    png_of,
    rejection,
    saved,
    tiff,
)
from PIL import Image

from cxr_fastai.images.containers import check, is_cut, is_short, webp_size
from cxr_fastai.images.sniff import sniff


@pytest.mark.parametrize("which", SOUND)
@pytest.mark.parametrize("part", [0.5, 0.8, 0.95])
def test_a_truncated_picture_is_rejected_as_truncated(which, part):
    data = SOUND[which][: int(len(SOUND[which]) * part)]
    e = rejection(data, name="chest.png")
    assert e.reason == "truncated" and str(e).startswith("chest.png: truncated ")


def test_a_wrong_checksum_of_the_pixel_data_is_damage():
    data = SOUND["PNG"]
    end = data.index(b"IEND") - 4
    bent = data[: end - 1] + bytes([data[end - 1] ^ 1]) + data[end:]
    Image.open(io.BytesIO(bent)).load()  # Pillow's load() alone takes it
    e = rejection(bent)
    assert e.reason == "damaged" and "damaged PNG" in str(e)


def test_a_jpeg_of_noise_is_damaged_and_a_tiff_of_an_odd_kind_is_not_allowed():
    assert rejection(b"\xff\xd8\xff\xe0" + bytes(400) + b"\xff\xd9").reason == "damaged"
    entry = struct.pack("<HHI", 258, 3, 1)
    odd = tiff(GRAY).replace(entry + b"\x10", entry + b"\x0b")  # 11 bits
    assert rejection(odd).reason == "format_not_allowed"


@pytest.mark.parametrize("lossless", [True, False])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_webp_states_its_size_in_each_of_its_headers(lossless, mode):
    im = Image.new(mode, (71, 64), (9, 9, 9))
    data = saved(im, "WEBP", lossless=lossless)
    assert webp_size(data) == (71, 64)
    assert webp_size(data[:25]) == (0, 0) and webp_size(data[:12] + b"NONE" + data[16:]) == (0, 0)


@pytest.mark.parametrize("which", SOUND)
def test_a_sound_file_passes_and_is_neither_cut_nor_short(which):
    data = SOUND[which]
    kind = sniff(data)
    assert check(data, kind, "a") is None
    assert not is_short(data, kind) and not is_cut(data, kind)


@pytest.mark.parametrize("which", SOUND)
def test_a_file_without_its_second_half_is_cut(which):
    data = SOUND[which]
    assert is_cut(data[: len(data) // 2], sniff(data))


def test_a_png_of_too_few_rows_is_short_interlaced_or_not():
    rows = b"".join(b"\0" + bytes(row) for row in GRAY)
    assert not is_short(png_of(W, H, idat=rows), "PNG")
    assert is_short(png_of(W, H, idat=rows[: -W - 1]), "PNG")
    laced = laced_rows(GRAY)
    assert not is_short(png_of(W, H, laced=1, idat=laced), "PNG")
    assert is_short(png_of(W, H, laced=1, idat=laced[:-1]), "PNG")
