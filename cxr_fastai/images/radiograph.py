"""What comes of reading a picture: a Radiograph, with notes, or a rejection, with its reason.

The vocabulary of both. It decodes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cxr_fastai.core import ImageRejected, one_line, printable

__all__ = ["REASONS", "NOTES", "Radiograph", "rejected"]

REASONS = {
    "missing_file": "There is no file of that name, or it is a link to nothing.",
    "unreadable": "The operating system does not let it be read: permission, a folder, a device, "
    "a failing disk.",
    "empty_file": "The file holds no bytes.",
    "not_an_image": "The content is no picture: text, HTML, an archive, a side file, an array of "
    "another shape.",
    "format_not_allowed": "A picture in a format, or a variant of one, that is not read here.",
    "truncated": "The picture ends before its last row: a download or copy that stopped. "
    "Never filled up with gray.",
    "damaged": "The picture's bytes contradict themselves: a wrong checksum, a broken header, "
    "undecodable data.",
    "too_large": "More pixels, bytes, text or passes than any radiograph has, or than memory "
    "holds.",
    "too_small": "Fewer pixels than can show anything.",
    "extreme_aspect": "A strip, many times longer than wide: a banner, a scale or a row of a "
    "picture, not a chest.",
    "animated": "A moving picture: none of its frames is the radiograph by right.",
    "constant": "All pixels are equal: there is nothing to be seen.",
    "not_finite": "A floating point picture that holds NaN or infinity.",
    "unknown_range": "Its numbers fit two scales, or none that its alpha channel can have: what is "
    "black and what is white cannot be told.",
    "other_modality": "A DICOM file that is no plain radiograph: another modality, a report, an "
    "index of files, or one that does not say what it is.",
    "multi_frame": "A DICOM file of several frames: none of them is the radiograph by right.",
    "no_pixels": "A DICOM file without pixel data.",
    "missing_extra": "Reading it needs a library that is not installed; the message names the "
    "command that installs it.",
}
NOTES = {
    "extension_mismatch": "The file's name claims another format than its content has.",
    "first_frame": "The first of several pages was read.",
    "exif_rotated": "Turned upright as its metadata says.",
    "exif_unreadable": "Its metadata is broken, so that it was not turned.",
    "metadata_dropped": "It carries EXIF, XMP, IPTC, text or a comment, which may name a patient; "
    "none of it is kept.",
    "alpha_composited": "Partly transparent; laid on black.",
    "cmyk": "Stored as printing inks.",
    "tinted": "A colour picture, not gray: perhaps a photograph of a film.",
    "colour_marks": "Parts of it are strongly coloured: arrows or letters drawn on it may show "
    "where the disease is.",
    "white_is_zero": "Stored as a negative; inverted.",
    "overshoot": "Floats a little beyond 0 to 1, or 0 to 255, as resampling leaves them; clipped "
    "to that scale.",
    "range_stretched": "Its numbers say nothing of their range: least to greatest became black "
    "to white.",
    "no_window": "A DICOM file without window or look-up table: its whole scale became black to "
    "white.",
    "burned_in": "Its DICOM header says that text is written into the pixels: perhaps a name.",
    "stated_turned": "Its DICOM header says that the film is mirrored or does not stand upright; "
    "left as it is stored.",
    "near_constant": "Almost without contrast.",
    "tiny": "Less than 64 pixels on a side.",
    "unusual_aspect": "More than twice as long as wide: perhaps several pictures side by side.",
}


@dataclass(eq=False)
class Radiograph:
    """One decoded picture, and what had to be done to it."""

    # (height, width) uint8, C-contiguous, upright, read-only; 0 is black
    pixels: np.ndarray = field(repr=False)
    format: str  # one of FORMATS, or "array"
    mode: str  # Pillow's mode of the file, the array's dtype, or MONOCHROME1 or 2 of DICOM
    bits: int  # meaningful depth found: 1, 8, 10, 12, 14, 16 or 32; of DICOM that stated, 8 to 16
    width: int  # pixels, of the upright picture
    height: int
    notes: tuple[str, ...] = ()  # keys of NOTES
    jpeg_tables: str = ""  # of a JPEG, as jpeg_tables.tables_text


def rejected(
    reason: str,  # a key of REASONS
    name: str,  # of the file, for people
    text: object,  # what was found
) -> ImageRejected:
    """Return the error for a picture that is not read, one printable line."""
    return ImageRejected(reason, f"{printable(one_line(name))}: {one_line(text)}")
