"""The stored levels of a DICOM radiograph, whatever they are compressed with.

A DicomFile and its Form -> (rows, columns) whole numbers, or `ImageRejected`. What a compressed
stream says of itself is held against the header before a decoder sees it: a stream of another size
is refused, not fitted. It scales and inverts nothing.

Pillow decodes 8-bit JPEG, gdcm (an extra) JPEG of 12 bits, lossless JPEG, JPEG-LS and JPEG 2000.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import JpegImagePlugin

from cxr_fastai.core import ImageRejected
from cxr_fastai.images.dicom_decoder import by_gdcm
from cxr_fastai.images.dicom_file import DicomFile
from cxr_fastai.images.dicom_kind import Form
from cxr_fastai.images.dicom_rle import unpacked
from cxr_fastai.images.dicom_streams import PILLOW_CODINGS, Stream, stream_of
from cxr_fastai.images.picture import BAD_DATA, strict
from cxr_fastai.images.radiograph import rejected

__all__ = ["stored_levels"]

NATIVE = {
    "1.2.840.10008.1.2",  # implicit, little endian
    "1.2.840.10008.1.2.1",  # explicit, little endian
    "1.2.840.10008.1.2.1.99",  # ... deflated
    "1.2.840.10008.1.2.2",  # explicit, big endian
}
RLE = "1.2.840.10008.1.2.5"
JPEG_FAMILY = {
    "1.2.840.10008.1.2.4.50",  # baseline
    "1.2.840.10008.1.2.4.51",  # extended, 8 or 12 bits
    "1.2.840.10008.1.2.4.57",  # lossless, process 14
    "1.2.840.10008.1.2.4.70",  # lossless, first order prediction
    "1.2.840.10008.1.2.4.80",  # JPEG-LS lossless
    "1.2.840.10008.1.2.4.81",  # JPEG-LS near lossless
}
JPEG_2000 = {
    "1.2.840.10008.1.2.4.90",  # lossless
    "1.2.840.10008.1.2.4.91",
}


def stored_levels(
    file: DicomFile,
    form: Form,
    name: str,  # for messages
) -> np.ndarray:  # (rows, columns) uint8, uint16, int8 or int16, within form.least and greatest
    """Return the levels as they are stored, unused bits taken off."""
    if file.syntax in NATIVE:
        return _unused_off(_native(file, form, name), form)
    data = _one_frame(file, name)
    if file.syntax == RLE:
        return _unused_off(unpacked(data, form, name), form)
    if file.syntax in JPEG_FAMILY or file.syntax in JPEG_2000:
        if form.high_bit != form.stored - 1:
            text = f"{form.stored} bits stored, compressed, the highest is bit {form.high_bit}"
            raise rejected("damaged", name, f"damaged DICOM: it contradicts itself: {text}")
        return _compressed(data, file.syntax in JPEG_2000, form, name)
    raise rejected("format_not_allowed", name, f"DICOM compressed as {_words(file.syntax)}")


def _words(
    syntax: str,  # UID
) -> str:
    """Return the name of a transfer syntax, and that it is not read."""
    from pydicom.uid import UID_dictionary

    known = UID_dictionary.get(syntax)
    found = known[0] if known else f"{syntax}, which is no transfer syntax of DICOM,"
    return f"{found} is not read"


# ---- not compressed


def _native(
    file: DicomFile,
    form: Form,
    name: str,  # for messages
) -> np.ndarray:  # (rows, columns) uint8 or uint16
    """Return native pixel data, of exactly the length that the header explains."""
    if file.pixels is None:
        text = "damaged DICOM: pixel data in fragments, and a transfer syntax without"
        raise rejected("damaged", name, text)
    level_bytes = form.allocated // 8
    needed = form.rows * form.columns * level_bytes
    found = len(file.pixels)
    if found < needed:
        text = f"truncated DICOM: {found:,} bytes of pixel data, where {needed:,} are needed"
        raise rejected("truncated", name, text)
    if found >= 2 * needed and found // needed * needed in (found, found - 1):
        text = f"DICOM of {found // needed:,} frames' pixel data, not one picture"
        raise rejected("multi_frame", name, text)
    if found > needed + needed % 2:  # an odd length is padded
        text = f"damaged DICOM: {found:,} bytes of pixel data, where its header explains {needed:,}"
        raise rejected("damaged", name, text)
    data = file.pixels[:needed]
    if level_bytes == 1 and file.order == ">" and file.pixel_form == b"OW":
        words = np.frombuffer(file.pixels[: needed + needed % 2], ">u2").astype("<u2")
        return words.view(np.uint8)[:needed].reshape(form.rows, form.columns)
    levels = np.frombuffer(data, f"{file.order}u{level_bytes}")
    return levels.reshape(form.rows, form.columns)


def _unused_off(
    levels: np.ndarray,  # uint8 or uint16, as the bytes have them
    form: Form,
) -> np.ndarray:  # unsigned or signed
    """Take off bits that are not of the level: overlays and other old uses."""
    shift = form.high_bit + 1 - form.stored
    mask = (1 << form.stored) - 1
    if shift:
        levels = levels >> shift
    if form.stored < form.allocated:
        levels = levels & levels.dtype.type(mask)
    if not form.is_signed:
        return levels
    sign = 1 << (form.stored - 1)
    signed = levels.astype(np.int32)
    return ((signed ^ sign) - sign).astype(np.int16)


# ---- compressed


def _one_frame(
    file: DicomFile,
    name: str,  # for messages
) -> bytes:
    """Join the fragments of the one frame."""
    if file.pixels is not None:
        text = "damaged DICOM: a transfer syntax of compressed pixels, and pixels that are not"
        raise rejected("damaged", name, text)
    if file.syntax == RLE and len(file.fragments) > 1:  # a fragment is a frame
        text = f"DICOM of {len(file.fragments):,} frames' pixel data, not one picture"
        raise rejected("multi_frame", name, text)
    return b"".join(file.fragments)


def _compressed(
    data: bytes,
    is_2000: bool,  # JPEG 2000; False: another of the JPEG family
    form: Form,
    name: str,  # for messages
) -> np.ndarray:  # (rows, columns)
    """Decode a JPEG of any kind."""
    stream = stream_of(data, is_2000, form, name)
    try:
        if stream.coding in PILLOW_CODINGS and stream.bits == 8:
            levels = _by_pillow(stream)
        else:
            levels = _by_gdcm(stream, name)
    except MemoryError as e:
        text = f"a DICOM whose {stream.words} needs more memory than there is"
        raise rejected("too_large", name, text) from e
    except ImageRejected:
        raise
    except BAD_DATA as e:
        text = f"damaged DICOM: its {stream.words} does not decode"
        raise rejected("damaged", name, text) from e
    if form.is_signed and not stream.is_signed:
        levels = _unused_off(levels, form)
    if levels.min() < form.least or levels.max() > form.greatest:
        text = f"levels from {levels.min()} to {levels.max()}, in {form.stored} bits stored"
        raise rejected("damaged", name, f"damaged DICOM: it contradicts itself: {text}")
    return levels


def _by_pillow(
    stream: Stream,  # of 8-bit JPEG
) -> np.ndarray:  # (rows, columns) uint8
    """Decode a JPEG; what EXIF says of its orientation is no word of DICOM, and not asked."""
    with strict() as lenient:
        im = JpegImagePlugin.JpegImageFile(io.BytesIO(stream.data))
        if im.mode != "L" or im.size != (stream.columns, stream.rows):
            raise ValueError("another picture than its header says")
        if lenient:
            im.load()
    im.load()  # without the lock: no JPEG warns
    return np.asarray(im)


def _by_gdcm(
    stream: Stream,
    name: str,  # for messages
) -> np.ndarray:  # (rows, columns) uint8, uint16, int8 or int16
    """Decode what Pillow does not, or not with all its bits."""
    sign = "i" if stream.is_signed else "u"
    level_bytes = 1 if stream.bits <= 8 else 2
    levels = np.frombuffer(by_gdcm(stream, name), f"{sign}{level_bytes}")
    return levels.reshape(stream.rows, stream.columns)
