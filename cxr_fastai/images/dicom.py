"""Bytes of a DICOM file -> a Radiograph: one plain radiograph in gray, or the reason why not.

`dicom_file` opens it, `dicom_kind` judges what it is, `dicom_codecs` gives the stored levels,
`dicom_gray` shows them as the header says. Patient orientation, overlays, shutters and the shape
of pixels are not applied (docs/pixels.md). No text of the header is kept or printed.
"""

from __future__ import annotations

import numpy as np

from cxr_fastai.images.dicom_codecs import stored_levels
from cxr_fastai.images.dicom_file import DicomFile, open_dicom
from cxr_fastai.images.dicom_gray import GRAY_KEYWORDS, shown
from cxr_fastai.images.dicom_kind import KIND_KEYWORDS, form_of
from cxr_fastai.images.picture import finished, note_suffix
from cxr_fastai.images.radiograph import Radiograph, rejected

__all__ = ["read_dicom"]

SIDE_KEYWORDS = ("PatientOrientation", "BurnedInAnnotation")
KEYWORDS = (*KIND_KEYWORDS, *GRAY_KEYWORDS, *SIDE_KEYWORDS)


def read_dicom(
    data: bytes,  # with DICM at byte 128
    name: str,  # for messages
) -> Radiograph:
    """Read a DICOM file. Raises `ImageRejected`."""
    notes = note_suffix("DICOM", name)
    file = open_dicom(data, name, KEYWORDS)
    form = form_of(file, name)
    try:
        levels = stored_levels(file, form, name)
        pixels = shown(levels, file, form, name, notes)
    except MemoryError as e:
        text = "a DICOM file needs more memory than there is"
        raise rejected("too_large", name, text) from e
    _note_sides(file, notes)
    pixels = np.ascontiguousarray(pixels)
    return finished(pixels, "DICOM", form.photometric, form.stored, name, notes)


def _note_sides(
    file: DicomFile,
    notes: list[str],  # appended to
) -> None:
    """Note what the header says of text in the pixels, and of a film that does not stand upright.

    A frontal film stands upright where its columns run to the feet, and as a reader sees it where
    its rows run to the patient's left; of a lateral one the rows run forwards or backwards.
    """
    if file.text("BurnedInAnnotation").upper() == "YES":
        notes.append("burned_in")
    orientation = file.texts("PatientOrientation")
    if len(orientation) == 2 and all(orientation):
        row, column = (text[0].upper() for text in orientation)
        if column in "LRAPH" or row in "RHF":
            notes.append("stated_turned")
