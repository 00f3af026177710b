"""What a file's first bytes say it is."""

import numpy as np
import pytest
from pictures import (
    SOUND,
    L,
    rejection,
    saved,
)

from cxr_fastai.images.sniff import SUFFIXES, sniff

OFF_THE_LIST = {
    "PPM": "RGB",
    "ICO": "RGB",
    "JPEG2000": "RGB",
    "DDS": "RGB",
    "EPS": "RGB",
    "SGI": "RGB",
    "PCX": "RGB",
    "QOI": "RGB",
    "PDF": "RGB",
    "AVIF": "RGB",
    "ICNS": "RGB",
    "XBM": "1",
    "MSP": "1",
    "BLP": "P",
}


@pytest.mark.parametrize("form", OFF_THE_LIST)
def test_a_format_off_the_list_is_named_and_not_opened(form, tmp_path):
    try:
        data = saved(L.resize((32, 32)).convert(OFF_THE_LIST[form]), form)
    except (OSError, KeyError) as e:
        pytest.skip(f"this Pillow does not write {form}: {e}")
    (tmp_path / "chest.png").write_bytes(data)
    e = rejection(tmp_path / "chest.png")
    assert e.reason == "format_not_allowed" and form[:4] in str(e).replace(" ", "")


@pytest.mark.parametrize(
    "head,what",
    [
        (b"8BPS\0\1", "PSD"),
        (b"\0\0\0\x20ftypheic", "HEIC"),
        (b"SIMPLE  =     T", "FITS"),
        (b"\x59\xa6\x6a\x95", "SUN"),
        (b"\0\0\2\0\1\0", "CUR"),
        (b"\xff\x0a", "JPEG XL"),
    ],
)
def test_the_heads_of_other_picture_formats_are_known(head, what):
    e = rejection(head + bytes(300))
    assert e.reason == "format_not_allowed" and what in str(e)


@pytest.mark.parametrize(
    "data,what",
    [
        (b"<!DOCTYPE html><html><title>Sign in</title>" + b" " * 300, "HTML"),
        (b"\xef\xbb\xbf\n <html>", "HTML"),
        (b'{"error": 404}', "text"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (b"PK\3\4" + bytes(40), "ZIP"),
        (b"<svg/>", "SVG"),
        (b"\0\5\x16\7" + bytes(80), "AppleDouble"),
        (b"BMW and other makes, in plain text", "text"),
        (b"\x93NUMPY\1\0", "NumPy"),
        (bytes(1000), "no known format"),
        (np.random.default_rng(0).bytes(4000), "no known format"),
        (b"x", "text"),
    ],
)
def test_what_is_no_picture_is_said_to_be_what_it_is(data, what):
    e = rejection(data)
    assert e.reason == "not_an_image" and what in str(e)


def test_sound_files_are_known_by_their_content():
    for which, data in SOUND.items():
        expected = {"progressive": "JPEG", "LZW": "TIFF", "deflate": "TIFF"}.get(
            which, which.split()[0]
        )
        assert sniff(data) == expected
    assert sniff(b"") is None and sniff(b"BMW and other makes") is None
    assert sniff(bytes(128) + b"DICM") == "DICOM"
    assert set(SUFFIXES.values()) == {"PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF", "DICOM"}
