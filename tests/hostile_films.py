"""Every hostile file as it is sent to a server: images, DICOM, archives, bombs, polyglots, each made here.

films() -> {kind: [(what, bytes)]}; none is a film that may be answered, but for `polyglots`.
"""

import gzip
import io
import random
import zipfile
import zlib
from functools import cache

import numpy as np
from hostile import hostile_files
from pictures import H, W, png_chunk, png_of
from PIL import Image
from toy_archives import (
    NOISE,
    ONE,
    STORED,
    TAR,
    ZIP,
    cut,
    deep_tar,
    entry,
    flip,
    many_names_for_one,
    overlapping_bomb,
    packed,
    pax,
    record,
    sparse,
    tar_of,
    zip_of,
)

OUTSIDE = ("../evil.png", "/etc/passwd", "C:/x.png", "a\\..\\..\\x.png")
ZEROS = 30_000_000  # bytes that a bomb swells to


def film(side=96, seed=0) -> bytes:
    "A PNG that is read."
    coarse = np.random.default_rng(seed).integers(0, 255, (9, 9), np.uint8)
    out = io.BytesIO()
    Image.fromarray(coarse).resize((side, side), Image.Resampling.BILINEAR).save(out, "PNG")
    return out.getvalue()


def archives() -> dict[str, bytes]:
    "Good ones, bombs, and such as lead out: none is opened at all."
    found = {
        "a zip": ZIP,
        "a zip of one file": ONE,
        "a stored zip": STORED,
        "a tar": TAR,
        "a zip of a film": zip_of({"a.png": film()}),
        "a tar of a film": tar_of({"a.png": film()}),
        "a zip in a zip": zip_of({"a.zip": ONE}),
        "a zip cut": cut(ZIP),
        "a tar cut": cut(TAR),
        "a zip bent": flip(ZIP, 40),
        "an overlapping bomb": overlapping_bomb(),
        "many names for one": many_names_for_one(500),
        "a deep tar": deep_tar(),
        "a sparse tar": sparse(1 << 40, b"x" * 512, 0),
        "a zip bomb": zip_of({"a.png": bytes(ZEROS)}),
        "a gzip bomb": gzip.compress(bytes(ZEROS)),
        "a gzip of a film": gzip.compress(film()),
        "a pax bomb": pax(record("path", "x" * 100_000)) + TAR,
        "a 7z": b"7z\xbc\xaf\x27\x1c" + NOISE[:2_000],
        "a rar": b"Rar!\x1a\7\0" + NOISE[:2_000],
        "a Zstandard": b"\x28\xb5\x2f\xfd" + NOISE[:2_000],
        "a npz": npz(),
        "a npy": npy(),
        "a npy of objects": npy(np.array([{"a": 1}], dtype=object)),
        "a pickle that calls": b"cos\nsystem\n(S'touch pwned'\ntR.",
        "a torch file": zip_of({"archive/data.pkl": b"cos\nsystem\n(S'touch pwned'\ntR."}),
        "a safetensors head": (8).to_bytes(8, "little") + b"{}      ",
        "an onnx graph": b"\x08\x07\x12\x07pytorch" + bytes(40),
        "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(90),
        "a zip of DICOM": zip_of({"DICOMDIR": bytes(128) + b"DICM"}),
    }
    for method in ("gz", "bz2", "xz"):
        found[f"a tar in {method}"] = packed(method, TAR)
    for name in OUTSIDE:
        found[f"a zip with {name}"] = zip_of({name: b"1"})
        found[f"a tar with {name}"] = tar_of({name: b"1"})
    link = entry("a.png", b"2", "/etc/passwd")
    found["a tar with a link"] = tar_of([(link, b"")])
    return found


def npz() -> bytes:
    out = io.BytesIO()
    np.savez(out, a=np.zeros((64, 64), np.uint8))
    return out.getvalue()


def npy(levels=None) -> bytes:
    out = io.BytesIO()
    np.save(out, np.zeros((64, 64), np.uint8) if levels is None else levels, allow_pickle=True)
    return out.getvalue()


def bombs() -> dict[str, bytes]:
    "Small files that are large once they are decoded."
    flat = Image.new("L", (9_000, 9_000))
    colour = Image.new("RGB", (7_000, 7_000), "red")
    return {
        "PNG of 81 million black pixels": saved(flat, "PNG"),
        "PNG of 49 million red pixels": saved(colour, "PNG"),
        "JPEG of 49 million pixels": saved(colour, "JPEG"),
        "TIFF of 81 million pixels, packed": saved(flat, "TIFF", compression="tiff_deflate"),
        "GIF of 49 million pixels": saved(colour.convert("P"), "GIF"),
        "WEBP of 49 million pixels": saved(colour, "WEBP", lossless=True, method=0),
        "PNG of text that swells": png_of(W, H, extra=text_chunk(ZEROS)),
        "PNG of 60 texts that swell": png_of(W, H, extra=text_chunk(900_000) * 60),
        "PNG whose pixels swell beyond its size": png_of(W, H, idat=bytes(ZEROS)),
        "GIF of 300 frames": animation(300),
        "TIFF of 300 pages": animation(300, "TIFF"),
        "APNG of 300 frames": animation(300, "PNG"),
    }


def text_chunk(n: int) -> bytes:
    return png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(n)))


def animation(n: int, form="GIF") -> bytes:
    frames = [Image.new("L", (64, 64), value % 250) for value in range(n)]
    return saved(frames[0], form, save_all=True, append_images=frames[1:])


def saved(image: Image.Image, form: str, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def polyglots() -> dict[str, bytes]:
    "Films that are something else beside: they may be answered, and nothing else of them happens."
    sound = film()
    script = b"<script>alert(1)</script><?php system('id'); ?>"
    packed_film = zip_of({"../evil.png": b"x"}, zipfile.ZIP_STORED)
    return {
        "a PNG and a zip": sound + packed_film,
        "a PNG and HTML": sound + script,
        "a PNG with HTML in its text": png_with_text(b"Comment\0" + script),
        "a PNG with XXE in its XMP": png_with_text(
            b"XML:com.adobe.xmp\0<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]><x>&y;</x>"
        ),
        "a JPEG and a PDF": saved(Image.open(io.BytesIO(sound)), "JPEG") + b"%PDF-1.4",
        "a PNG and a PNG": sound + sound,
        "HTML and a PNG": script + sound,
        "a zip and a PNG": packed_film + sound,
        "SVG that fetches": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='http://127.0.0.1:1/'/></svg>",
        "XML that swells": b"<!DOCTYPE l [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><l>&b;</l>",
        "a script": b"#!/bin/sh\ntouch pwned\n",
        "an ELF": b"\x7fELF\x02\x01\x01" + bytes(99),
        "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (r) file\n",
        "MVG": b"push graphic-context\nviewbox 0 0 9 9\nimage over 0,0 9,9 'msl:x'\npop\n",
    }


def png_with_text(text: bytes) -> bytes:
    sound = film()
    return sound[:33] + png_chunk(b"tEXt", text) + sound[33:]


def bent(n: int) -> dict[str, bytes]:
    "Films with a few bytes changed at random, of all formats: most are refused, none may do worse."
    rng = random.Random(19)
    image = Image.open(io.BytesIO(film(120)))
    sound = {form: saved(image, form) for form in ("PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP")}
    found = {}
    for number in range(n):
        form = rng.choice(list(sound))
        data = bytearray(sound[form])
        for _ in range(rng.randint(1, 8)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        if rng.random() < 0.3:
            del data[rng.randrange(len(data)) :]
        found[f"{form} bent, number {number}"] = bytes(data)
    return found


@cache
def films() -> dict[str, list[tuple[str, bytes]]]:
    "All of them, by kind."
    told = hostile_files()
    images = [(what, data) for _, what, data in told if not isinstance(what, bytes)]
    dicoms = [(what, data) for what, data in images if data[128:132] == b"DICM"]
    others = [(what, data) for what, data in images if data[128:132] != b"DICM"]
    return {
        "images": others,
        "dicoms": dicoms,
        "archives": list(archives().items()),
        "bombs": list(bombs().items()),
        "polyglots": list(polyglots().items()),
        "bent": list(bent(150).items()),
    }
