"""pytest tests/test_hostile_images.py

Hostile and broken files, each made here: every one ends as ImageRejected with the reason in the table, never as another
exception, a wrong picture or a line on stdout."""

import hashlib
import struct
import zlib
from functools import cache

import numpy as np
import pytest
from pictures import (
    GIF_BOMB,
    GRAY,
    SMOOTH,
    SOUND,
    H,
    L,
    W,
    bent,
    bmp_of,
    hang_guard,
    laced_rows,
    plain,
    png_chunk,
    png_of,
    png_rows,
    retagged,
    rle_bmp,
    saved,
    tiff,
)
from PIL import Image, ImageFile

from cxr_fastai.core import ImageRejected
from cxr_fastai.curation.copies.fingerprint import Unreadable, fingerprint
from cxr_fastai.images import NOTES, REASONS, read

RGB, FLAT = L.convert("RGB"), np.full((64, 64), 77, np.uint8)
FLOATS = (GRAY / 255).astype(np.float32)
BIG_JPEG = plain(
    np.random.default_rng(0).integers(0, 256, (400, 400), np.uint8), "JPEG"
)  # its zeros could be data


# ---- makers


def png(*chunks) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*c) for c in chunks)


def header():
    return b"IHDR", struct.pack(">IIBBBBB", W, H, 8, 0, 0, 0, 0)


def wrong_sum(kind: bytes) -> bytes:
    "A PNG with text whose chunk `kind` has a wrong checksum."
    data = png(
        header(), (b"tEXt", b"Comment\0x"), (b"IDAT", zlib.compress(png_rows(GRAY))), (b"IEND", b"")
    )
    at = data.index(kind)
    return bent(data, at + 4 + struct.unpack_from(">I", data, at - 4)[0])


def sized_tiff(w, h):
    return retagged(retagged(tiff(GRAY, bits=8), 256, 4, 1, w), 257, 4, 1, h)


def sized_jpeg(w, h) -> bytes:
    data = SOUND["JPEG"]
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", h, w) + data[at + 4 :]


def webp_header(w, h) -> bytes:
    body = (
        b"VP8X"
        + struct.pack("<I", 10)
        + bytes(4)
        + (w - 1).to_bytes(3, "little")
        + (h - 1).to_bytes(3, "little")
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def many_passes(n: int) -> bytes:
    "A progressive JPEG whose last scan comes n times."
    data = SOUND["progressive"]
    at = data.rindex(b"\xff\xda")
    return data[:at] + data[at:-2] * n + b"\xff\xd9"


def clean_zlib(n: int):
    return zlib.compress(bytes(n))


def animation(form, **options):
    return saved(
        RGB,
        form,
        save_all=True,
        append_images=[L.point(lambda v: 255 - v).convert("RGB")],
        **options,
    )


def with_pixel(value, dtype=np.float32) -> bytes:
    levels = FLOATS.astype(dtype)
    levels[5, 5] = value
    return saved(Image.fromarray(levels), "TIFF")


def drawn(form: str, mode="RGB") -> bytes:
    return saved(L.resize((32, 32)).convert(mode), form)


def half(which):
    return SOUND[which][: len(SOUND[which]) // 2]


def psd() -> bytes:
    return (
        b"8BPS" + struct.pack(">H6xHIIHH", 1, 1, H, W, 8, 1) + bytes(12) + bytes(2) + GRAY.tobytes()
    )


def fits() -> bytes:
    cards = (
        "SIMPLE  =                    T",
        "BITPIX  =                    8",
        "NAXIS   =                    2",
        "END",
    )
    return b"".join(c.ljust(80).encode() for c in cards).ljust(2880) + GRAY.tobytes()


# ---- the table: what, its maker, the reason

NOT_IMAGES = {
    "one byte": lambda: b"\x89",
    "text": lambda: b"404 not found\n",
    "JSON": lambda: b'{"error": "sign in"}',
    "HTML": lambda: b"<!DOCTYPE html><html><body>Please accept the rules</body></html>",
    "XML": lambda: b"<?xml ?><Error/>",
    "a zip": lambda: b"PK\3\4" + bytes(60),
    "a gzip": lambda: b"\x1f\x8b\x08" + bytes(60),
    "zeros": lambda: bytes(5000),
    "noise": lambda: np.random.default_rng(3).bytes(5000),
    "AppleDouble": lambda: b"\0\5\x16\7\0\2\0\0" + bytes(80),
    "an LFS pointer": lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n",
    "a pickle": lambda: b"\x80\4K\1.",
    "SVG": lambda: b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"/>',
    "PNG, first bit of its signature lost": lambda: bent(SOUND["PNG"], 0, 0x80),
    "PNG, its line ends made Unix's": lambda: SOUND["PNG"].replace(b"\r\n", b"\n", 1),
    "PNG, its line ends made DOS's": lambda: SOUND["PNG"].replace(b"\n", b"\r\n", 1),
    "BM and no more": lambda: b"BM",
}

OFF_THE_LIST = {
    "PSD": psd,
    "FITS": fits,
    "DDS": lambda: drawn("DDS"),
    "ICO": lambda: drawn("ICO"),
    "JPEG 2000": lambda: drawn("JPEG2000"),
    "EPS": lambda: drawn("EPS"),
    "PDF": lambda: drawn("PDF"),
    "PPM": lambda: drawn("PPM"),
    "PGM": lambda: drawn("PPM", "L"),
    "PBM": lambda: drawn("PPM", "1"),
    "SGI": lambda: drawn("SGI"),
    "PCX": lambda: drawn("PCX"),
    "QOI": lambda: drawn("QOI"),
    "ICNS": lambda: drawn("ICNS"),
    "TGA": lambda: drawn("TGA"),
    "XBM": lambda: drawn("XBM", "1"),
    "MSP": lambda: drawn("MSP", "1"),
    "BLP": lambda: drawn("BLP", "P"),
    "HEIC": lambda: b"\0\0\0\x18ftypheic" + bytes(80),
    "AVIF": lambda: b"\0\0\0\x1cftypavif" + bytes(80),
    "PAM": lambda: b"P7\nWIDTH 8\n",
    "MNG": lambda: b"\x8aMNG\r\n\x1a\n" + bytes(9),
    "OpenEXR": lambda: b"v/1\1" + bytes(80),
    "NRRD": lambda: b"NRRD0004\ntype: uchar\n",
    "GIMP": lambda: b"gimp xcf v011" + bytes(9),
    "TIFF of 65,535 samples": lambda: retagged(tiff(GRAY), 277, value=65535),
    "TIFF of 11 bits": lambda: retagged(tiff(GRAY), 258, value=11),
    "JPEG of 12 bits": lambda: bent(SOUND["JPEG"], SOUND["JPEG"].index(b"\xff\xc0") + 4, 8 ^ 12),
}

TRUNCATED = {
    **{f"half a {which}": (lambda which=which: half(which)) for which in SOUND},
    "PNG without its IEND": lambda: SOUND["PNG"][:-12],
    "PNG cut in its last checksum": lambda: SOUND["PNG"][:-2],
    "PNG, rows missing, all sums right": lambda: png_of(W, H, idat=png_rows(GRAY[:40])),
    "PNG, interlaced, rows missing": lambda: png_of(
        9, 63, laced=1, idat=laced_rows(GRAY[:63, :9])[:-40]
    ),
    "PNG, its stream cut, sums right": lambda: png_of(
        W, H, idat=zlib.compress(png_rows(GRAY))[:2000], deflate=bytes
    ),
    "PNG of no pixel data": lambda: png(header(), (b"IDAT", b""), (b"IEND", b"")),
    "PNG, its header cut": lambda: SOUND["PNG"][:20],
    "JPEG header alone": lambda: SOUND["JPEG"][:300],
    "JPEG, zeros for its second half": lambda: BIG_JPEG[:50_000] + bytes(50_000),
    "JPEG without its end marker": lambda: SOUND["JPEG"][:-2],
    "TIFF, its directory beyond the end": lambda: tiff(GRAY)[:40],
    "TIFF, its directory cut": lambda: tiff(GRAY)[:60],
    "TIFF, a strip beyond the end": lambda: retagged(tiff(GRAY), 273, value=10**6),
    "TIFF, strips missing": lambda: retagged(tiff(GRAY), 278, value=16),
    "BigTIFF of 2**40 tags": lambda: (
        b"II+\0\10\0\0\0" + struct.pack("<QQ", 16, 1 << 40) + bytes(200)
    ),
    "WEBP that claims more": lambda: SOUND["WEBP"][:-8],
    "GIF header alone": lambda: SOUND["GIF"][:13],
}

DAMAGED = {
    "PNG, IDAT checksum (xcsn0g01)": lambda: wrong_sum(b"IDAT"),
    "PNG, IHDR checksum (xhdn0g08)": lambda: wrong_sum(b"IHDR"),
    "PNG, text checksum": lambda: wrong_sum(b"tEXt"),
    "PNG, IEND checksum": lambda: wrong_sum(b"IEND"),
    "PNG, Adler checksum": lambda: png_of(
        W, H, idat=bent(zlib.compress(png_rows(GRAY)), -1), deflate=bytes
    ),
    "PNG of colour type 1 (xc1n0g08)": lambda: png_of(W, H, 8, 1, png_rows(GRAY)),
    "PNG of colour type 9 (xc9n2c08)": lambda: png_of(W, H, 8, 9, png_rows(GRAY)),
    "PNG of 0 bits (xd0n2c08)": lambda: png_of(W, H, 0, 2, png_rows(GRAY)),
    "PNG of 99 bits (xd9n2c08)": lambda: png_of(W, H, 99, 2, png_rows(GRAY)),
    "PNG without pixel data (xdtn0g01)": lambda: png(header(), (b"IEND", b"")),
    "PNG without a header": lambda: png((b"IDAT", zlib.compress(png_rows(GRAY))), (b"IEND", b"")),
    "PNG, a chunk of no name": lambda: (
        SOUND["PNG"][:33] + struct.pack(">I", 1) + bytes(9) + SOUND["PNG"][33:]
    ),
    "PNG, a chunk of 4 GB": lambda: SOUND["PNG"][:33] + b"\xff\xff\xff\xff" + SOUND["PNG"][37:],
    "JPEG of noise": lambda: b"\xff\xd8\xff\xe0" + bytes(400) + b"\xff\xd9",
    "JPEG, start and end": lambda: b"\xff\xd8\xff\xd9",
    "JPEG of no pixels": lambda: sized_jpeg(0, 0),
    "TIFF of no pixels": lambda: sized_tiff(0, 0),
    "TIFF, its LZW data bent": lambda: SOUND["LZW"][:600] + b"\xff" * 60 + SOUND["LZW"][660:],
    "TIFF, its deflate data bent": lambda: bent(SOUND["deflate"], -900, 0xFF),
    "GIF, its code size bent": lambda: bent(
        SOUND["GIF"], SOUND["GIF"].index(b"\x2c\0\0\0\0") + 10, 0x60
    ),
    "WEBP, its data bent": lambda: bent(bent(SOUND["WEBP"], 40, 0xFF), 21, 0xFF),
    "BMP of no pixels": lambda: bmp_of(0, 0) + bytes(6),
}

TOO_LARGE = {
    "PNG, 20,000 x 20,000": lambda: png_of(20_000, 20_000),
    "PNG, 2 billion a side": lambda: png_of(2**31 - 1, 2**31 - 1),
    "BMP, 100,000 x 100,000": lambda: bmp_of(100_000, 100_000),
    "GIF, 65,535 a side": lambda: GIF_BOMB,
    "GIF, a frame beyond its screen": lambda: SOUND["GIF"].replace(
        b"\x2c\0\0\0\0", b"\x2c\xff\xff\xff\xff", 1
    ),
    "WEBP, 16,384 a side": lambda: webp_header(16_384, 16_384),
    "WEBP, 8,001 a side": lambda: webp_header(8_001, 8_001),
    "JPEG, 65,500 a side": lambda: sized_jpeg(65_500, 65_500),
    "TIFF, 100,000 a side": lambda: sized_tiff(100_000, 100_000),
    "TIFF, 4 billion a side": lambda: sized_tiff(2**32 - 1, 2**32 - 1),
    "PNG, a zTXt of 60 MB": lambda: png_of(
        W, H, extra=png_chunk(b"zTXt", b"a\0\0" + clean_zlib(60_000_000))
    ),
    "PNG, an iTXt of 60 MB": lambda: png_of(
        W, H, extra=png_chunk(b"iTXt", b"a\0\1\0\0\0" + clean_zlib(60_000_000))
    ),
    "PNG, an iCCP of 60 MB": lambda: png_of(
        W, H, extra=png_chunk(b"iCCP", b"a\0\0" + clean_zlib(60_000_000))
    ),
    "PNG, 70 zTXt of 1 MB": lambda: png_of(
        W, H, extra=png_chunk(b"zTXt", b"a\0\0" + clean_zlib(1_000_000)) * 70
    ),
    "PNG of 100,001 chunks": lambda: png_of(W, H, extra=png_chunk(b"tIME", b"") * 100_001),
    "JPEG of 3,000 passes": lambda: many_passes(3_000),
    "JPEG of 3,000 passes, a fill byte before": lambda: many_passes(3_000).replace(
        b"\xff\xdb", b"\xff\xff\xdb", 1
    ),
    "TIFF, a tag of 4 billion values": lambda: retagged(tiff(GRAY), 273, count=2**32 - 1),
}

STRIPS = {
    "20,000 px wide": lambda: plain(np.tile(GRAY, (5, 282))[:300, :20_000]),
    "a column": lambda: plain(np.tile(GRAY, (30, 1))[:, :9]),
    "a scale as GIF": lambda: plain(np.tile(GRAY, (1, 9))[:64], "GIF"),
    "a header 20,000 x 300": lambda: png_of(20_000, 300),
}

TOO_SMALL = {
    "1 x 1 PNG": lambda: plain(GRAY[:1, :1]),
    "1 x 1 GIF": lambda: plain(GRAY[:1, :1], "GIF"),
    "1 x 1 TIFF": lambda: plain(GRAY[:1, :1], "TIFF"),
    "a tracking pixel": lambda: plain(GRAY[:1, :1], "BMP"),
    "7 x 7": lambda: plain(GRAY[:7, :7]),
}

ANIMATED = {
    "GIF": lambda: animation("GIF"),
    "APNG": lambda: animation("PNG"),
    "WEBP": lambda: animation("WEBP", lossless=True),
    "APNG beside a picture": lambda: animation("PNG", default_image=True),
}

NOT_FINITE = {
    "one NaN": lambda: with_pixel(np.nan),
    "one infinity": lambda: with_pixel(np.inf),
    "nothing but NaN": lambda: plain(np.full((64, 64), np.nan, np.float32), "TIFF"),
    "minus infinity": lambda: with_pixel(-np.inf),
}

UNKNOWN_RANGE = {
    "floats to 3": lambda: plain(FLOATS * np.float32(3), "TIFF"),
    "one float of 10 in 0 to 1": lambda: with_pixel(10),
}

CONSTANT = {
    **{
        form: (lambda form=form: plain(FLAT, form))
        for form in ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF")
    },
    "black": lambda: plain(FLAT * 0),
    "white": lambda: plain(FLAT * 0 + 255),
    "colour": lambda: saved(Image.new("RGB", (64, 64), "red"), "PNG"),
    "TIFF of floats": lambda: plain(FLAT / np.float32(255), "TIFF"),
    "TIFF of zeros": lambda: plain(FLAT * np.float32(0), "TIFF"),
    "TIFF of floats below 0": lambda: plain(FLAT * np.float32(-9), "TIFF"),
    "TIFF of 16 bits": lambda: plain(FLAT.astype(np.uint16) * 99, "TIFF"),
    "PNG of 16 bits": lambda: plain(FLAT.astype(np.uint16) * 99),
    "TIFF of 32 bits": lambda: plain(FLAT.astype(np.int32) * -9, "TIFF"),
    "white is zero": lambda: tiff(FLAT, 0, bits=8),
    "one bit": lambda: saved(Image.new("1", (64, 64)), "PNG"),
    "16 bits that differ by less than a gray level": lambda: plain(
        40_000 + GRAY % np.uint16(60), "TIFF"
    ),
    "wholly transparent": lambda: saved(Image.merge("LA", [L, Image.new("L", L.size)]), "PNG"),
}

DICOM = {
    "a DICOM of zeros": lambda: bytes(128) + b"DICM\2\0\0\0UL\4\0" + bytes(80),
}
CUT_DICOM = {"a DICOM cut short": lambda: bytes(128) + b"DICM"}

TABLE = [
    (reason, what, make)
    for reason, files in (
        ("empty_file", {"no bytes": bytes}),
        ("not_an_image", NOT_IMAGES),
        ("format_not_allowed", OFF_THE_LIST),
        ("truncated", TRUNCATED),
        ("damaged", DAMAGED),
        ("too_large", TOO_LARGE),
        ("extreme_aspect", STRIPS),
        ("too_small", TOO_SMALL),
        ("animated", ANIMATED),
        ("not_finite", NOT_FINITE),
        ("unknown_range", UNKNOWN_RANGE),
        ("constant", CONSTANT),
        ("damaged", DICOM),
        ("truncated", CUT_DICOM),
    )
    for what, make in files.items()
]


@cache
def made(make) -> bytes:
    try:
        return make()
    except (OSError, KeyError) as e:
        pytest.skip(f"this Pillow does not write it: {e}")


@pytest.mark.parametrize(
    "reason,what,make", TABLE, ids=[f"{reason}: {what}" for reason, what, _ in TABLE]
)
def test_a_hostile_file_is_rejected_for_its_reason_whatever_it_is_called(
    reason, what, make, tmp_path, capfd
):
    data = made(make)
    for name in ("chest.png", "chest.jpg", "chest.dcm"):
        (tmp_path / name).write_bytes(data)
        with hang_guard(), pytest.raises(ImageRejected) as e:
            read(tmp_path / name)
        assert e.value.reason == reason, e.value
        assert str(e.value).startswith(f"{tmp_path / name}: ") and str(e.value).isprintable()
    message = str(e.value).replace(f"{tmp_path}/", "")
    assert fingerprint(tmp_path / name, name=name) == Unreadable(
        hashlib.sha256(data).hexdigest(), reason, message
    )
    assert capfd.readouterr().out == ""


def test_what_is_too_large_by_its_header_is_never_decoded(monkeypatch):
    def load(self):
        raise RuntimeError("decoded")  # would make another reason of it

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    for make in (*TOO_LARGE.values(), *STRIPS.values(), *TOO_SMALL.values(), *ANIMATED.values()):
        with pytest.raises(ImageRejected, match="^image: (?!.*decoded)"):
            read(made(make))


def test_every_reason_has_a_hostile_file():
    of_dicom = {"other_modality", "multi_frame", "no_pixels", "missing_extra"}  # test_hostile_dicom
    assert {r for r, _, _ in TABLE} == set(REASONS) - {"missing_file", "unreadable"} - of_dicom


# ---- cut and bent anywhere

GOOD = {
    **SOUND,
    "interlaced": png_of(W, H, laced=1, idat=laced_rows(GRAY)),
    "BMP of runs": rle_bmp(),
    "palette": saved(L.convert("P"), "PNG"),
    "CMYK": saved(SMOOTH.convert("CMYK"), "JPEG"),
    "TIFF of floats": plain(FLOATS, "TIFF"),
    "lossy": saved(RGB, "WEBP"),
    "JPEG in TIFF": saved(SMOOTH, "TIFF", compression="jpeg"),
    "fax": saved(L.convert("1"), "TIFF", compression="group4"),
    "BigTIFF": saved(L, "TIFF", big_tiff=True),
    "MPO": saved(SMOOTH.convert("RGB"), "MPO", save_all=True, append_images=[RGB]),
}


def outcome(data: bytes):
    "The pixels, or None where they are rejected; it ends."
    try:
        with hang_guard():
            r = read(data)
    except ImageRejected as e:
        assert e.reason in REASONS and str(e).isprintable()
        return None
    assert r.pixels.dtype == np.uint8 and r.pixels.shape == (r.height, r.width)
    assert set(r.notes) <= set(NOTES)
    return r.pixels


@pytest.mark.parametrize("which", GOOD)
def test_a_file_cut_anywhere_is_rejected_or_whole(which, capfd):
    data, whole = GOOD[which], read(GOOD[which]).pixels
    for part in range(1, 16):
        pixels = outcome(data[: len(data) * part // 16])
        assert pixels is None or np.array_equal(pixels, whole)
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("which", GOOD)
def test_a_file_with_any_byte_bent_is_rejected_or_read_to_its_size(which, capfd):
    data, whole, rng = GOOD[which], read(GOOD[which]).pixels, np.random.default_rng(7)
    for at in (*rng.integers(0, len(data), 40), *rng.integers(0, min(len(data), 200), 20)):
        pixels = outcome(bent(data, int(at), int(rng.integers(1, 256))))
        if data.startswith(b"\x89PNG"):
            assert pixels is None  # each of its bytes is under a checksum
        elif at > len(data) // 2:
            assert pixels is None or "TIFF" in which or pixels.shape == whole.shape
    assert capfd.readouterr().out == ""
