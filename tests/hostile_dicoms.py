"""Hostile and broken DICOM, each made here: TABLE has them by the reason of their rejection."""

import struct
import zlib

import numpy as np
from pydicom.uid import (
    MPEG2MPML,
    DeflatedExplicitVRLittleEndian,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
    UID_dictionary,
)
from toy_dicoms import SECRET, coded, dicom, encapsulated, film, header, jpeg, lut, written

from cxr_fastai.images.dicom_file import MAX_INFLATED

LEVELS = film(12)
BYTES = film(8)
ROWS, COLUMNS = LEVELS.shape
WINDOW = {"WindowCenter": 2000, "WindowWidth": 2600}


def uid(name: str) -> str:
    """Return the UID of a kind of object."""
    return next(uid for uid, words in UID_dictionary.items() if words[0] == name)


def of(sop_class: str, modality: str | None, **elements) -> bytes:
    """Return a file of another kind that holds the same pixels."""
    return dicom(LEVELS, sop_class=uid(sop_class), Modality=modality, **elements)


def without_pixels(sop_class: str, modality: str) -> bytes:
    return of(sop_class, modality, PixelData=None, Rows=None, Columns=None)


def report() -> bytes:
    return without_pixels("Basic Text SR Storage", "SR")


def pdf() -> bytes:
    ds = header(LEVELS, sop_class=uid("Encapsulated PDF Storage"), Modality="DOC", PixelData=None)
    ds.EncapsulatedDocument = b"%PDF-1.4" + SECRET.encode()
    return written(ds)


def dicomdir() -> bytes:
    return dicom(
        LEVELS, sop_class=uid("Media Storage Directory Storage"), Modality=None, PixelData=None
    )


def stated(data: bytes, tag: tuple[int, int], length: int, form: bytes = b"OW") -> bytes:
    """Return a file whose element states another length, of four bytes."""
    head = struct.pack("<HH2s", *tag, form)
    place = data.index(head) + 8
    return data[:place] + struct.pack("<I", length) + data[place + 4 :]


def pixels(n: int, **elements) -> bytes:
    """Return a file of n bytes of pixel data."""
    content = (LEVELS.tobytes() * 3)[:n]
    return dicom(LEVELS, PixelData=content, **elements)


def deflated(content: bytes) -> bytes:
    """Return a file whose deflated data set is this."""
    data = coded(dicom(LEVELS), "DeflatedExplicitVRLittleEndian")
    meta = data[: data.index(DeflatedExplicitVRLittleEndian.encode()) + 40]
    length = struct.unpack_from("<I", meta, 140)[0]
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return data[: 144 + length] + packer.compress(content) + packer.flush()


def nested(depth: int) -> bytes:
    """Return a file of sequences in sequences."""
    data = dicom(LEVELS)
    place = data.index(struct.pack("<HH", 0x0010, 0x0010))
    element = struct.pack("<HH2sHI", 0x0009, 0x1001, b"SQ", 0, 0xFFFFFFFF)
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    end = struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return data[:place] + (element + item) * depth + end * depth + data[place:]


def many_items(n: int) -> bytes:
    """Return a file with a sequence of n empty items."""
    data = dicom(LEVELS)
    place = data.index(struct.pack("<HH", 0x0010, 0x0010))
    element = struct.pack("<HH2sHI", 0x0009, 0x1001, b"SQ", 0, 0xFFFFFFFF)
    items = struct.pack("<HHI", 0xFFFE, 0xE000, 0) * n
    end = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return data[:place] + element + items + end + data[place:]


def huge_table() -> bytes:
    """Return a file whose look-up tables take more than a megabyte."""
    ds = header(LEVELS)
    ds.VOILUTSequence = lut(np.arange(65536), bits=16) * 9
    return written(ds)


def rle(*changes: tuple[int, bytes]) -> bytes:
    """Return a film in run lengths, some bytes of its fragment changed."""
    data = bytearray(coded(dicom(LEVELS), "RLELossless"))
    start = data.index(struct.pack("<HH", 0x7FE0, 0x0010)) + 12
    (table,) = struct.unpack_from("<I", data, start + 4)
    start += 8 + table + 8
    for place, content in changes:
        data[start + place : start + place + len(content)] = content
    return bytes(data)


def stream(coding: str) -> bytes:
    """Return the compressed stream of a film of 12 bits."""
    data = coded(dicom(LEVELS), coding)
    starts = [data.find(mark) for mark in (b"\xff\xd8\xff", b"\xff\x4f\xff\x51")]
    start = max(starts)
    return data[start : data.rindex(b"\xff\xd9") + 2]


def resized(coding: str) -> bytes:
    """Return a film whose header says one row less than its stream has."""
    data = coded(dicom(LEVELS), coding)
    rows = struct.pack("<HH2sHH", 0x0028, 0x0010, b"US", 2, ROWS)
    return data.replace(rows, rows[:-2] + struct.pack("<H", ROWS - 1))


def in_bits(bits: int, **elements) -> bytes:
    return dicom(LEVELS, bits=bits, **elements)


def floats() -> bytes:
    ds = header(LEVELS, PixelData=None, BitsAllocated=32)
    ds.FloatPixelData = LEVELS.astype("<f4").tobytes()
    return written(ds)


def without_fragments() -> bytes:
    """Return a file whose pixel data hold a table of offsets alone."""
    data = encapsulated(BYTES, [b"\xff\xd8"])
    return data.replace(struct.pack("<HHI", 0xFFFE, 0xE000, 2) + b"\xff\xd8", b"")


def rgb(photometric: str) -> bytes:
    ds = header(BYTES, bits=8, PhotometricInterpretation=photometric, SamplesPerPixel=3)
    ds.PlanarConfiguration = 0
    ds.PixelData = BYTES.tobytes() * 3
    return written(ds)


TABLE = {
    "other_modality": {
        "a CT": lambda: of("CT Image Storage", "CT"),
        "an MR": lambda: of("MR Image Storage", "MR"),
        "an ultrasound": lambda: of("Ultrasound Image Storage", "US"),
        "a mammogram": lambda: of(
            "Digital Mammography X-Ray Image Storage - For Presentation", "MG"
        ),
        "fluoroscopy": lambda: of("X-Ray Radiofluoroscopic Image Storage", "RF"),
        "a screenshot": lambda: of("Secondary Capture Image Storage", "OT"),
        "a capture that does not say of what": lambda: of("Secondary Capture Image Storage", None),
        "nothing said at all": lambda: dicom(LEVELS, sop_class="1.2.3", Modality=None),
        "a modality of its own": lambda: of("CT Image Storage", "JOHN DOE"),
        "a CT that calls itself CR": lambda: of("CT Image Storage", "CR"),
        "a CR that calls itself CT": lambda: of("Computed Radiography Image Storage", "CT"),
        "raw data of a detector": lambda: of("Digital X-Ray Image Storage - For Processing", "DX"),
        "raw data, said elsewhere": lambda: dicom(LEVELS, PresentationIntentType="FOR PROCESSING"),
        "a report": report,
        "a PDF": pdf,
        "a DICOMDIR": dicomdir,
        "a plan": lambda: without_pixels("RT Plan Storage", "RTPLAN"),
    },
    "multi_frame": {
        "two frames": lambda: pixels(2 * LEVELS.nbytes, NumberOfFrames=2),
        "two frames of which it says nothing": lambda: pixels(2 * LEVELS.nbytes),
        "two JPEGs": lambda: encapsulated(BYTES, [jpeg(BYTES)] * 2),
        "a JPEG with another behind it": lambda: encapsulated(BYTES, [jpeg(BYTES) * 2]),
        "two of JPEG 2000": lambda: encapsulated(
            LEVELS, [stream("JPEG2000Lossless")] * 2, JPEG2000Lossless, 12
        ),
        "two of run lengths": lambda: encapsulated(LEVELS, [bytes(64)] * 2, RLELossless, 12),
        "a million frames": lambda: dicom(LEVELS, NumberOfFrames=1_000_000),
    },
    "no_pixels": {
        "no pixels": lambda: dicom(LEVELS, PixelData=None),
        "no fragments": without_fragments,
    },
    "truncated": {
        "its first bytes": lambda: bytes(128) + b"DICM\2\0\0\0UL",
        "half of it": lambda: dicom(LEVELS)[: len(dicom(LEVELS)) // 2],
        "all but a byte": lambda: dicom(LEVELS)[:-1],
        "too few pixels": lambda: pixels(LEVELS.nbytes - 2),
        "no byte of pixels": lambda: pixels(0),
        "a length beyond the end": lambda: stated(dicom(LEVELS), (0x7FE0, 0x0010), 1 << 30),
        "a length beyond all": lambda: stated(dicom(LEVELS), (0x7FE0, 0x0010), 0xFFFFFFFE),
        "half of a JPEG": lambda: encapsulated(BYTES, [jpeg(BYTES)[:900]]),
        "a JPEG's head": lambda: encapsulated(BYTES, [jpeg(BYTES)[:12]]),
        "half of lossless JPEG": lambda: encapsulated(
            LEVELS, [stream("JPEGLosslessProcess14_1")[:900]], JPEGLosslessSV1, 12
        ),
        "half of JPEG-LS": lambda: encapsulated(
            LEVELS, [stream("JPEGLSLossless")[:900]], JPEGLSLossless, 12
        ),
        "half of JPEG 2000": lambda: encapsulated(
            LEVELS, [stream("JPEG2000Lossless")[:900]], JPEG2000Lossless, 12
        ),
        "half of run lengths": lambda: encapsulated(
            LEVELS, [struct.pack("<16I", 2, 64, 80, *[0] * 13) + bytes(40)], RLELossless, 12
        ),
        "no delimiter": lambda: encapsulated(BYTES, [jpeg(BYTES)])[:-8],
        "half deflated": lambda: coded(dicom(LEVELS), "DeflatedExplicitVRLittleEndian")[:1500],
    },
    "damaged": {
        "no transfer syntax": lambda: dicom(LEVELS).replace(b"1.2.840.10008.1.2.1\0", b"a" * 20),
        "too many pixels": lambda: pixels(LEVELS.nbytes + 200),
        "a size that is none": lambda: dicom(LEVELS, Rows=None),
        "no photometric": lambda: dicom(LEVELS, PhotometricInterpretation=None),
        "a photometric of its own": lambda: dicom(LEVELS, PhotometricInterpretation=SECRET),
        "more bits than bytes": lambda: in_bits(20),
        "a high bit too low": lambda: in_bits(12, HighBit=7),
        "a high bit too high": lambda: in_bits(12, HighBit=16),
        "neither signed nor not": lambda: dicom(LEVELS, PixelRepresentation=3),
        "two samples a pixel": lambda: dicom(LEVELS, SamplesPerPixel=2),
        "no frames": lambda: dicom(LEVELS, NumberOfFrames=0),
        "a JPEG of another size": lambda: encapsulated(BYTES, [jpeg(BYTES[:-8])]),
        "lossless JPEG of another size": lambda: resized("JPEGLosslessProcess14_1"),
        "JPEG-LS of another size": lambda: resized("JPEGLSLossless"),
        "JPEG 2000 of another size": lambda: resized("JPEG2000Lossless"),
        "run lengths of another size": lambda: resized("RLELossless"),
        "no JPEG": lambda: encapsulated(BYTES, [b"hello" * 20]),
        "no JPEG 2000": lambda: encapsulated(BYTES, [b"hello" * 20], JPEG2000Lossless),
        "more than its bits hold": lambda: encapsulated(
            LEVELS, [stream("JPEGLSLossless")], JPEGLSLossless, 10
        ),
        "native pixels, said to be a JPEG": lambda: dicom(LEVELS).replace(
            b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.4.50"[:20]
        ),
        "segments of run lengths that lie nowhere": lambda: rle((4, b"\xff\xff\xff\x7f")),
        "more segments than bytes": lambda: rle((0, b"\x05")),
        "what does not inflate": lambda: (
            coded(dicom(LEVELS), "DeflatedExplicitVRLittleEndian")[:400] + b"\xff" * 900
        ),
        "an element that comes twice": lambda: dicom(LEVELS).replace(
            struct.pack("<HH2sHH", 0x0028, 0x0011, b"US", 2, COLUMNS),
            struct.pack("<HH2sHH", 0x0028, 0x0010, b"US", 2, ROWS),
        ),
        "a window of nothing": lambda: dicom(LEVELS, WindowCenter=5, WindowWidth=0),
    },
    "format_not_allowed": {
        "RGB": lambda: rgb("RGB"),
        "YBR": lambda: rgb("YBR_FULL"),
        "a palette": lambda: dicom(BYTES, bits=8, PhotometricInterpretation="PALETTE COLOR"),
        "floats": floats,
        "32 bits": lambda: dicom(LEVELS.astype("<u4"), bits=12),
        "1 bit": lambda: dicom(BYTES, bits=1, BitsAllocated=1),
        "6 bits": lambda: dicom(BYTES // 4, bits=6),
        "a video": lambda: encapsulated(BYTES, [b"\0" * 99], MPEG2MPML),
        "high throughput JPEG 2000": lambda: encapsulated(BYTES, [b"\0" * 99], HTJ2KLossless),
        "a syntax of its own": lambda: encapsulated(BYTES, [b"\0" * 99]).replace(
            JPEGBaseline8Bit.encode(), b"1.2.3.4.5.6.7.8.9.10.1"
        ),
    },
    "too_small": {
        "no rows": lambda: dicom(LEVELS, Rows=0),
        "four rows": lambda: dicom(LEVELS[:4, :9]),
    },
    "too_large": {
        "65,535 x 65,535": lambda: dicom(LEVELS, Rows=65535, Columns=65535),
        "a deflate bomb": lambda: deflated(bytes(MAX_INFLATED + 9)),
        "sequences in sequences": lambda: nested(500),
        "a sequence without end": lambda: many_items(60_000),
        "a table of megabytes": huge_table,
    },
    "extreme_aspect": {"a strip": lambda: dicom(film(12, rows=9, columns=400))},
    "constant": {
        "nothing to be seen": lambda: dicom(LEVELS * 0),
        "nothing within its window": lambda: dicom(LEVELS, WindowCenter=99_999, WindowWidth=9),
        "nothing but padding": lambda: dicom(LEVELS * 0, PixelPaddingValue=0),
    },
    "not_an_image": {
        "HTML": lambda: b"<!doctype html><title>Sign in</title>" + bytes(200),
        "a bare data set": lambda: dicom(LEVELS)[132:],
        "a data set without meta": lambda: struct.pack("<HH2sH", 8, 5, b"CS", 10) + b"ISO_IR 100",
    },
}
